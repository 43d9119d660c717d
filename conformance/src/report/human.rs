//! The table for a terminal.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::{CaseRun, Run};
use crate::requirement::{self, Requirement};
use crate::verdict::Verdict;

const HEADING: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();

fn style(verdict: &Verdict) -> Style {
    let color = match verdict {
        Verdict::Pass => AnsiColor::Green,
        Verdict::Fail(_) => AnsiColor::Red,
        Verdict::Inconclusive(_) => AnsiColor::Yellow,
        Verdict::Unsupported(_) | Verdict::Skipped(_) => AnsiColor::Cyan,
    };
    color.on_default().bold()
}

/// Writes the table, the failures below it, and the summary.
///
/// # Errors
///
/// That of `out`.
pub fn table(run: &Run, requirements: &[Requirement], out: &mut impl Write) -> io::Result<()> {
    let width = run.cases.iter().map(|case| case.case.id.len()).max().unwrap_or(0);
    for (folder, cases) in run.folders() {
        writeln!(out, "{HEADING}{folder}{HEADING:#}")?;
        for case in cases {
            row(case, width, out)?;
        }
        writeln!(out)?;
    }
    for case in &run.cases {
        failure(case, requirements, out)?;
    }
    let summary = run.summary();
    let labels: std::collections::BTreeSet<&str> =
        run.cases.iter().flat_map(|case| &case.case.script.header.requirements).map(String::as_str).collect();
    let labels: Vec<&str> = labels.into_iter().filter(|label| requirement::is_of_draft(label)).collect();
    let count = run.cases.len();
    let word = if count == 1 { "case" } else { "cases" };
    let covered = if labels.len() == 1 { "requirement" } else { "requirements" };
    writeln!(
        out,
        "{HEADING}{count} {word} against {}{HEADING:#}: {} pass, {} fail, {} inconclusive, {} unsupported; \
         {} {covered} covered",
        run.target,
        summary.pass,
        summary.fail,
        summary.inconclusive,
        summary.unsupported,
        labels.len()
    )
}

fn row(case: &CaseRun, width: usize, out: &mut impl Write) -> io::Result<()> {
    let verdict = &case.outcome.verdict;
    let style = style(verdict);
    let name = verdict.name();
    let labels = short(&case.case.script.header.requirements);
    let id = &case.case.id;
    writeln!(out, "  {style}{name:<12}{style:#}  {id:<width$}  {FAINT}{labels}{FAINT:#}")
}

/// `MUST-3, 4 SHOULD-5`: what the labels have in common is left out.
fn short(labels: &[String]) -> String {
    let mut text = String::new();
    let mut last = "";
    for label in labels {
        let bare = label.strip_prefix("HIA-").unwrap_or(label);
        let (level, number) = bare.rsplit_once(['-', ' ']).unwrap_or((bare, ""));
        if level == last {
            text.push_str(", ");
        } else {
            text.push_str(if text.is_empty() { "" } else { "  " });
            text.push_str(level);
            text.push(' ');
        }
        text.push_str(number);
        last = level;
    }
    text
}

/// Writes what went wrong in `case`; nothing for a pass.
///
/// # Errors
///
/// That of `out`.
pub fn failure(case: &CaseRun, requirements: &[Requirement], out: &mut impl Write) -> io::Result<()> {
    let verdict = &case.outcome.verdict;
    let style = style(verdict);
    let header = &case.case.script.header;
    let capture = case.capture.display();
    let id = &case.case.id;
    let upper = verdict.name().to_uppercase();
    match verdict {
        Verdict::Pass => return Ok(()),
        Verdict::Fail(failure) => {
            writeln!(out, "{style}{upper}{style:#}  {HEADING}{id}{HEADING:#}  {}", header.title)?;
            for label in &header.requirements {
                if let Some(requirement) = requirements.iter().find(|requirement| requirement.label == *label)
                {
                    let Requirement { section, anchor, sentence, .. } = requirement;
                    writeln!(out, "  {label}  draft, section {section} ({anchor}): {sentence}")?;
                }
            }
            let (first, last) = failure.frames;
            writeln!(out, "  expected  {}  (line {})", failure.expected, failure.line)?;
            writeln!(out, "  got       {}", failure.got)?;
            writeln!(out, "  because   {}", failure.because)?;
            writeln!(out, "  capture   {capture}, frames {first}-{last}")?;
        }
        Verdict::Inconclusive(reason) | Verdict::Unsupported(reason) | Verdict::Skipped(reason) => {
            writeln!(out, "{style}{upper}{style:#}  {HEADING}{id}{HEADING:#}  {}", header.title)?;
            writeln!(out, "  because   {reason}")?;
            writeln!(out, "  capture   {capture}")?;
        }
    }
    writeln!(out)
}
