//! A script beside what went over the wire: two columns, a row a step.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::escaped;
use crate::case::Case;
use crate::session::Session;
use crate::tell::{self, Kind};
use crate::verdict::{Outcome, Verdict};
use crate::wire::Side;

/// Segments of a case that are told; the capture has them all.
const FRAMES_MAX: usize = 120;

/// Writes the table of `case` and what came of it.
pub(super) fn write(page: &mut String, case: &Case, outcome: &Outcome) {
    let failed = match &outcome.verdict {
        Verdict::Fail(failure) => Some((failure.line, failure.frames.1)),
        _ => None,
    };
    let frames = by_line(case, outcome, failed);
    let first = case.script.steps.first().map_or(usize::MAX, |step| step.line);
    page.push_str(
        "<table class=\"steps\"><thead><tr><th scope=\"col\">expected</th><th scope=\"col\">got</th></tr></thead><tbody>\n",
    );
    for (line, text) in (1..).zip(case.text.lines()).filter(|(line, _)| *line >= first) {
        let text = text.trim();
        if text.is_empty() {
            continue;
        }
        if let Some(remark) = text.strip_prefix('#') {
            let _ =
                writeln!(page, "<tr class=\"remark\"><td colspan=\"2\">{}</td></tr>", escaped(remark.trim()));
            continue;
        }
        let (class, is_reached) = match failed {
            Some((at, _)) if line == at => (" class=\"wrong\"", true),
            Some((at, _)) if line > at => (" class=\"never\"", false),
            _ => ("", true),
        };
        let _ = write!(page, "<tr{class}><td><code>{}</code></td><td>", escaped(text));
        match frames.get(&line) {
            Some(told) => page.push_str(told),
            None if !is_reached => page.push_str("<span class=\"quiet\">not reached</span>"),
            None if failed.is_some_and(|(at, _)| at == line) => {
                page.push_str("<span>nothing that fits</span>");
            }
            None => page.push_str("<span class=\"quiet\">–</span>"),
        }
        page.push_str("</td></tr>\n");
    }
    page.push_str("</tbody></table>\n");
    if outcome.frames.len() > FRAMES_MAX {
        let more = outcome.frames.len() - FRAMES_MAX;
        let _ = writeln!(page, "<p class=\"note\">{more} more segments are in the capture.</p>");
    }
}

/// The frames of each step, told. A frame that no step names stands with the step before it.
fn by_line(case: &Case, outcome: &Outcome, failed: Option<(usize, usize)>) -> BTreeMap<usize, String> {
    let mut session = Session::default();
    let mut told: BTreeMap<usize, String> = BTreeMap::new();
    let mut line = case.script.steps.first().map_or(1, |step| step.line);
    for (number, frame) in (1..).zip(&outcome.frames) {
        session.observe(frame.from, &frame.segment);
        let named = frame.comment.strip_prefix("line ").and_then(|rest| rest.split_once(':'));
        let named = named.and_then(|(number, _)| number.parse::<usize>().ok());
        let is_last = failed.is_some_and(|(_, last)| number == last);
        if number > FRAMES_MAX && !is_last {
            continue;
        }
        line = match (named, failed) {
            (Some(named), _) => named,
            (None, Some((at, last))) if number == last => at,
            _ => line,
        };
        let sign = if frame.from == Side::Bench { '<' } else { '>' };
        let head = tell::headline(&session, frame.from, &frame.segment);
        let entry = told.entry(line).or_default();
        let _ = write!(
            entry,
            "<code><i>{}</i> {} {} win {}",
            tell::seconds(frame.at),
            escaped(&sign.to_string()),
            escaped(&head),
            frame.segment.window
        );
        let mut gap = " ";
        for (kind, option) in tell::options_told(&session, frame.from, &frame.segment) {
            let class = if kind == Kind::Hiatus { "o hiatus" } else { "o" };
            let _ = write!(entry, "{gap}<span class=\"{class}\">{}</span>", escaped(&option));
            gap = ", ";
        }
        entry.push_str("</code>");
    }
    told
}
