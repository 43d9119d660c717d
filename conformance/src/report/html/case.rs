//! A case: its story, its requirements, and what came of it with each target.

use std::fmt::Write as _;
use std::path::{Component, Path};

use super::{SEGMENTS_OCTETS_MAX, escaped, steps, verdicts};
use crate::case::Case;
use crate::report::ladder::ladder;
use crate::report::{CaseResult, Report, Run, Status};
use crate::requirement::Level;
use crate::verdict::Verdict;

pub(super) fn write(page: &mut String, report: &Report, home: &Path) {
    let mut drawn = Drawn { octets: 0 };
    let mut folder = None;
    for (index, case) in report.cases.iter().enumerate() {
        if folder != Some(case.folder()) {
            if folder.is_some() {
                page.push_str("</section>\n");
            }
            folder = Some(case.folder());
            let name = escaped(case.folder());
            let _ = writeln!(page, "<section class=\"folder\" aria-label=\"{name}\"><h3>{name}</h3>");
        }
        one(page, report, index, case, home, &mut drawn);
    }
    if folder.is_some() {
        page.push_str("</section>\n");
    }
}

/// How much has been drawn, of [`SEGMENTS_OCTETS_MAX`].
struct Drawn {
    octets: usize,
}

fn one(page: &mut String, report: &Report, index: usize, case: &Case, home: &Path, drawn: &mut Drawn) {
    let header = &case.script.header;
    let results: Vec<(&Run, Option<&CaseResult>)> =
        report.runs.iter().map(|run| (run, run.results.get(index))).collect();
    let statuses = || results.iter().map(|(_, result)| result.map(CaseResult::status));
    let worst = statuses().flatten().min();
    let open = if matches!(worst, Some(Status::Fail | Status::Inconclusive)) { " open" } else { "" };
    let id = escaped(&case.id);
    let _ = write!(
        page,
        "<details class=\"case\" id=\"{id}\" data-sections=\"{}\" data-levels=\"{}\" data-verdicts=\"{}\"{open}>\
         <summary><span class=\"chips\">",
        sections(report, case),
        levels(case),
        verdicts(statuses()),
    );
    for (run, result) in &results {
        let name = result.map_or("not run", |result| result.status().name());
        let _ = write!(page, "<span class=\"chip {name}\" title=\"{}\">{name}</span>", escaped(&run.target));
    }
    let _ = writeln!(
        page,
        "</span> <code>{id}</code> <span class=\"title\">{}</span></summary>",
        escaped(&header.title)
    );
    for paragraph in &header.story {
        let _ = writeln!(page, "<p>{}</p>", escaped(paragraph));
    }
    requirements(page, report, case);
    for (position, (run, result)) in results.iter().enumerate() {
        if let Some(result) = result {
            with_target(page, report, case, (position == 0, run), result, home, drawn);
        }
    }
    let script = escaped(&case.text);
    let _ = writeln!(
        page,
        "<details class=\"script\"><summary>Script</summary><pre>{script}</pre></details></details>"
    );
}

/// The sections of its requirements, for the script.
fn sections(report: &Report, case: &Case) -> String {
    let of =
        |label: &String| report.cited(label).map_or_else(|| "plain".to_owned(), |one| one.section.clone());
    let mut sections: Vec<String> = case.script.header.requirements.iter().map(of).collect();
    sections.dedup();
    escaped(&sections.join(" "))
}

fn levels(case: &Case) -> String {
    let labels = case.script.header.requirements.iter();
    let mut levels: Vec<String> =
        labels.filter_map(|label| Level::of_label(label)).map(|level| level.name().to_lowercase()).collect();
    levels.dedup();
    levels.join(" ")
}

fn requirements(page: &mut String, report: &Report, case: &Case) {
    page.push_str("<ul class=\"requirements\">\n");
    for label in &case.script.header.requirements {
        let told = report.cited(label).map_or_else(String::new, |one| {
            format!(
                "<span class=\"place\">section {} ({})</span> {}",
                one.section,
                one.anchor,
                escaped(&one.sentence)
            )
        });
        let id = escaped(&label.replace(' ', "-"));
        let _ = writeln!(page, "<li><a href=\"#{id}\"><b>{}</b></a> {told}</li>", escaped(label));
    }
    page.push_str("</ul>\n");
}

fn with_target(
    page: &mut String,
    report: &Report,
    case: &Case,
    (is_first, run): (bool, &Run),
    result: &CaseResult,
    home: &Path,
    drawn: &mut Drawn,
) {
    let status = result.status();
    let name = status.name();
    let _ = write!(page, "<section class=\"with\"><h4><span class=\"chip {name}\">{name}</span> ");
    if report.runs.len() > 1 {
        let _ = write!(page, "{} ", escaped(&run.target));
    }
    if let Some(capture) = &result.capture {
        let _ = write!(page, "<a class=\"capture\" href=\"{}\">capture</a>", escaped(&link(capture, home)));
    }
    page.push_str("</h4>\n");
    let mut marked = None;
    match &result.outcome.verdict {
        Verdict::Pass => {}
        Verdict::Fail(failure) => {
            let (first, last) = failure.frames;
            marked = Some(last).filter(|_| !result.outcome.frames.is_empty());
            let frames = match (first == last, result.capture.is_some()) {
                (_, false) => String::new(),
                (true, _) => format!("frame {last}"),
                _ => format!("frames {first}–{last}"),
            };
            if let Some(reason) = &result.known {
                let _ = writeln!(page, "<p class=\"known\"><b>Known:</b> {}</p>", escaped(reason));
            }
            let _ = writeln!(
                page,
                "<dl class=\"failure\"><div><dt>expected <span>line {}</span></dt><dd><code>{}</code></dd></div><div><dt>got \
                 <span>{frames}</span></dt><dd><code>{}</code></dd></div><div class=\"because\"><dt>because</dt>\
                 <dd>{}</dd></div></dl>",
                failure.line,
                escaped(&failure.expected),
                escaped(&failure.got),
                escaped(&failure.because)
            );
        }
        other => {
            let _ = writeln!(page, "<p class=\"reason {name}\">{}</p>", escaped(&other.reason()));
        }
    }
    let is_told = is_first || matches!(status, Status::Fail | Status::Known | Status::Inconclusive);
    if is_told && !result.outcome.frames.is_empty() {
        drawn.segments(page, case, result, marked);
    }
    page.push_str("</section>\n");
}

impl Drawn {
    fn segments(&mut self, page: &mut String, case: &Case, result: &CaseResult, marked: Option<usize>) {
        let mut text = String::new();
        steps::write(&mut text, case, &result.outcome);
        text.push_str(&ladder(&result.outcome.frames, marked));
        text.push('\n');
        if self.octets + text.len() > SEGMENTS_OCTETS_MAX {
            page.push_str("<p class=\"note\">Not shown: this page is full. The capture has it all.</p>\n");
            return;
        }
        self.octets += text.len();
        page.push_str(&text);
    }
}

/// The path of a capture as a link from `home`.
fn link(capture: &Path, home: &Path) -> String {
    let relative = capture.strip_prefix(home).unwrap_or(capture);
    let parts = relative.components().filter_map(|part| match part {
        Component::Normal(name) => Some(super::percent_encoded(&name.to_string_lossy())),
        _ => None,
    });
    parts.collect::<Vec<_>>().join("/")
}
