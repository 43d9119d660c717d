//! A report in one HTML file: no outside resources, light and dark, as narrow as a phone. A small script filters; without
//! it everything is shown.

mod case;
mod matrix;
mod steps;

use std::fmt::Write as _;
use std::path::Path;

use super::ladder;
use super::status::counted;
use super::{Report, Run, Status, Summary, UNSOUND_MAX};

const STYLE: &str = include_str!("html/report.css");
const SCRIPT: &str = include_str!("html/report.js");
/// Octets of segments and diagrams that a page has at most; beyond that a case points to its capture.
pub const SEGMENTS_OCTETS_MAX: usize = 16 << 20;

/// `text` as HTML.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The report of a run, to be written into the folder `home`; captures are linked from there.
#[must_use]
pub fn html(report: &Report, home: &Path) -> String {
    let targets: Vec<String> = report.runs.iter().map(|run| escaped(&run.target)).collect();
    let targets = targets.join(", ");
    let cases = counted(report.cases.len(), "case");
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Hiatus conformance: {targets}</title>\n<style>\n{}{STYLE}</style>\n</head>\n<body>\n\
         <header><h1>Hiatus conformance</h1>\n<p>{cases} against {targets}</p>\n",
        ladder::STYLE,
    );
    warnings(&mut page, report);
    page.push_str("<div class=\"targets\">\n");
    for run in &report.runs {
        target(&mut page, report, run);
    }
    page.push_str("</div></header>\n");
    filters(&mut page, report);
    page.push_str("<main>\n");
    matrix::write(&mut page, report);
    let _ = writeln!(page, "<h2 id=\"cases\">Cases</h2>\n<p class=\"note\">{}</p>", note(report));
    case::write(&mut page, report, home);
    let _ = write!(page, "</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n");
    page
}

/// What a reader would otherwise look for in vain.
fn note(report: &Report) -> String {
    let mut text = String::from(
        "Each with its script beside what went over the wire, and a diagram of it. Numbers are relative to the first of \
         their direction.",
    );
    if let (Some(first), true) = (report.runs.first(), report.runs.len() > 1) {
        let _ = write!(
            text,
            " Shown are the segments of {}, and of every other target only where it did not pass; captures are linked for \
             all.",
            escaped(&first.target)
        );
    }
    if report.seed != 0 {
        let _ = write!(text, " Seed {}.", report.seed);
    }
    text
}

fn warnings(page: &mut String, report: &Report) {
    for run in &report.runs {
        let unsound = report.unsound(run);
        if unsound.is_empty() {
            continue;
        }
        let mut links: Vec<String> = unsound
            .iter()
            .take(UNSOUND_MAX)
            .map(|case| format!("<a href=\"#{0}\">{0}</a>", escaped(&case.id)))
            .collect();
        if let Some(more) = unsound.len().checked_sub(UNSOUND_MAX).filter(|more| *more > 0) {
            let target = percent_encoded(&run.target);
            links.push(format!(
                "<a href=\"#?verdict=fail&amp;section=plain&amp;target={target}\">{more} more</a>"
            ));
        }
        let _ = writeln!(
            page,
            "<p class=\"warning\" role=\"alert\"><b>{} is not a sound TCP yet.</b> It failed {} of plain TCP. Read these \
             first, the others may fail for the same reason: {}.</p>",
            escaped(&run.target),
            counted(unsound.len(), "case"),
            links.join(", ")
        );
    }
    for stale in &report.stale {
        let told = escaped(&stale.to_string());
        let _ = writeln!(page, "<p class=\"warning\" role=\"alert\"><b>Known failures:</b> {told}</p>");
    }
}

/// A card: how the requirements and the cases stand with one target.
fn target(page: &mut String, report: &Report, run: &Run) {
    let name = escaped(&run.target);
    let (requirements, cases) = (report.requirements_summary(run), report.summary(run));
    let _ = writeln!(page, "<section class=\"target\" aria-label=\"{name}\"><h2>{name}</h2>");
    page.push_str("<div class=\"bar\" aria-hidden=\"true\">");
    for status in Status::ALL {
        let count = cases.of(status);
        if count > 0 {
            let _ = write!(page, "<i class=\"{}\" style=\"flex-grow:{count}\"></i>", status.name());
        }
    }
    page.push_str("</div>\n");
    counts(page, run, "requirements", &requirements);
    counts(page, run, "cases", &cases);
    page.push_str("</section>\n");
}

fn counts(page: &mut String, run: &Run, of: &str, summary: &Summary) {
    let _ = write!(page, "<p class=\"counts\"><span>{of}</span> ");
    for status in Status::ALL {
        let (count, name) = (summary.of(status), status.name());
        if count > 0 {
            let target = percent_encoded(&run.target);
            let _ = write!(
                page,
                "<a class=\"chip {name}\" href=\"#?verdict={name}&amp;target={target}\"><b>{count}</b> {name}</a> "
            );
        }
    }
    if summary.not_run > 0 {
        let _ = write!(page, "<span class=\"chip\"><b>{}</b> not run</span>", summary.not_run);
    }
    page.push_str("</p>\n");
}

/// `text` as a value of a query.
fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, octet| {
        if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) {
            encoded.push(char::from(octet));
        } else {
            let _ = write!(encoded, "%{octet:02X}");
        }
        encoded
    })
}

/// The form is hidden until the script shows it: without a script it does nothing.
fn filters(page: &mut String, report: &Report) {
    page.push_str(
        "<form id=\"filters\" role=\"search\" aria-label=\"Filter requirements and cases\" hidden>\n\
         <label class=\"words\"><span>Words</span><input name=\"q\" type=\"search\" placeholder=\"id, sentence, label ( / )\" \
         autocomplete=\"off\"></label>\n",
    );
    let present = Status::ALL
        .into_iter()
        .filter(|status| report.runs.iter().any(|run| report.summary(run).of(*status) > 0));
    let verdicts = present.map(|status| (status.name().to_owned(), status.name().to_owned()));
    select(page, "verdict", "Verdict", verdicts);
    let sections = report.groups().into_iter().map(|group| {
        let value = if group.number.is_empty() { group.anchor } else { group.number };
        (value.to_owned(), group.heading())
    });
    select(page, "section", "Section", sections);
    let levels = ["MUST", "SHOULD", "MAY"].map(|level| (level.to_lowercase(), level.to_owned()));
    select(page, "level", "Level", levels.into_iter());
    if report.runs.len() > 1 {
        let targets = report.runs.iter().map(|run| (run.target.clone(), run.target.clone()));
        select(page, "target", "Target", targets);
    }
    page.push_str(
        "<button type=\"reset\">Show all</button>\n<output id=\"count\" aria-live=\"polite\"></output>\n</form>\n",
    );
}

fn select(page: &mut String, name: &str, label: &str, choices: impl Iterator<Item = (String, String)>) {
    let _ =
        write!(page, "<label><span>{label}</span><select name=\"{name}\"><option value=\"\">any</option>");
    for (value, text) in choices {
        let _ = write!(page, "<option value=\"{}\">{}</option>", escaped(&value), escaped(&text));
    }
    page.push_str("</select></label>\n");
}

/// The statuses of something with each target, in their order, for the script.
fn verdicts(statuses: impl Iterator<Item = Option<Status>>) -> String {
    statuses.map(|status| status.map_or("none", Status::name)).collect::<Vec<_>>().join(" ")
}
