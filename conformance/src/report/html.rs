//! A report in one HTML file: no scripts, no outside resources, light and dark.

use std::fmt::Write as _;

use super::ladder::{self, ladder};
use super::{CaseRun, Run};
use crate::requirement::Requirement;
use crate::verdict::Verdict;

const STYLE: &str = include_str!("report.css");

/// `text` as HTML.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The report of a run.
#[must_use]
pub fn html(run: &Run, requirements: &[Requirement]) -> String {
    let summary = run.summary();
    let target = escaped(&run.target);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Hiatus conformance: {target}</title>\n<style>\n{}{STYLE}</style>\n</head>\n<body>\n\
         <header><h1>Hiatus conformance</h1><p>target <b>{target}</b>, {} cases</p><p class=\"chips\">",
        ladder::STYLE,
        run.cases.len()
    );
    let counts = [
        ("pass", summary.pass),
        ("fail", summary.fail),
        ("inconclusive", summary.inconclusive),
        ("unsupported", summary.unsupported),
        ("skipped", summary.skipped),
    ];
    for (name, count) in counts {
        let _ = write!(page, "<span class=\"chip {name}\"><b>{count}</b> {name}</span>");
    }
    page.push_str("</p></header>\n<main>\n");
    matrix(&mut page, run);
    coverage(&mut page, run, requirements);
    for (folder, cases) in run.folders() {
        let _ = writeln!(page, "<h2>{}</h2>", escaped(folder));
        for case in cases {
            section(&mut page, case, requirements);
        }
    }
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn matrix(page: &mut String, run: &Run) {
    page.push_str("<section class=\"matrix\">\n");
    for (folder, cases) in run.folders() {
        let _ = write!(page, "<div><span class=\"folder\">{}</span>", escaped(folder));
        for case in cases {
            let (id, name) = (escaped(&case.case.id), case.outcome.verdict.name());
            let title = escaped(&case.case.script.header.title);
            let _ = write!(
                page,
                "<a class=\"cell {name}\" href=\"#{id}\" title=\"{id}: {title}\"><span>{name}</span></a>"
            );
        }
        page.push_str("</div>\n");
    }
    page.push_str("</section>\n");
}

/// Which requirements the run covered, and how their cases ended: the worst counts.
fn coverage(page: &mut String, run: &Run, requirements: &[Requirement]) {
    page.push_str("<details class=\"coverage\"><summary>Requirements</summary>\n<table>\n");
    page.push_str("<tr><th>label</th><th>sentence</th><th>cases</th></tr>\n");
    for requirement in requirements {
        let of = |case: &&CaseRun| case.case.script.header.requirements.contains(&requirement.label);
        let mut links = String::new();
        for case in run.cases.iter().filter(of) {
            let (id, name) = (escaped(&case.case.id), case.outcome.verdict.name());
            let _ = write!(links, "<a class=\"{name}\" href=\"#{id}\">{id}</a> ");
        }
        let none = if links.is_empty() { "<span class=\"none\">none</span>" } else { "" };
        let _ = writeln!(
            page,
            "<tr><td><b>{}</b><br>section {}</td><td>{}</td><td>{links}{none}</td></tr>",
            requirement.label,
            requirement.section,
            escaped(&requirement.sentence)
        );
    }
    page.push_str("</table></details>\n");
}

fn section(page: &mut String, case: &CaseRun, requirements: &[Requirement]) {
    let header = &case.case.script.header;
    let verdict = &case.outcome.verdict;
    let (id, name) = (escaped(&case.case.id), verdict.name());
    let open = if *verdict == Verdict::Pass { "" } else { " open" };
    let _ = writeln!(
        page,
        "<details class=\"case\" id=\"{id}\"{open}><summary><span class=\"chip {name}\">{name}</span>\
         <code>{id}</code> {}</summary>",
        escaped(&header.title)
    );
    for paragraph in &header.story {
        let _ = writeln!(page, "<p>{}</p>", escaped(paragraph));
    }
    page.push_str("<ul class=\"requirements\">\n");
    for label in &header.requirements {
        let sentence = requirements.iter().find(|requirement| requirement.label == *label);
        let sentence = sentence.map_or_else(String::new, |requirement| escaped(&requirement.sentence));
        let _ = writeln!(page, "<li><b>{label}</b> {sentence}</li>");
    }
    page.push_str("</ul>\n");
    let mut marked = None;
    match verdict {
        Verdict::Pass => {}
        Verdict::Fail(failure) => {
            marked = Some(failure.frames.1);
            let _ = writeln!(
                page,
                "<pre class=\"failure\">expected  {}  (line {})\ngot       {}\nbecause   {}</pre>",
                escaped(&failure.expected),
                failure.line,
                escaped(&failure.got),
                escaped(&failure.because)
            );
        }
        Verdict::Inconclusive(reason) | Verdict::Unsupported(reason) | Verdict::Skipped(reason) => {
            let _ = writeln!(page, "<pre class=\"failure\">{}</pre>", escaped(reason));
        }
    }
    let ladder = ladder(&case.outcome.frames, marked);
    let _ = writeln!(
        page,
        "<div class=\"wide\">{ladder}</div>\n\
         <details class=\"script\"><summary>script</summary><pre>{}</pre></details></details>",
        escaped(&case.case.text)
    );
}
