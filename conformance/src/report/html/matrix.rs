//! Requirements by section, a column a target.

use std::fmt::Write as _;

use super::{escaped, verdicts};
use crate::report::coverage::{Group, Row};
use crate::report::status::counted;
use crate::report::{CaseResult, Report, Run, Status};
use crate::requirement::{Level, short_label};

pub(super) fn write(page: &mut String, report: &Report) {
    page.push_str("<h2 id=\"requirements\">Requirements</h2>\n");
    let uncovered = report.uncovered();
    if uncovered > 0 {
        let _ = writeln!(
            page,
            "<p class=\"note\">Each is as good as the worst of its cases. {uncovered} of the draft's {} have no case.</p>",
            counted(report.requirements.len(), "requirement")
        );
    }
    let many = if report.runs.len() > 1 { " many" } else { "" };
    let _ = write!(
        page,
        "<table class=\"matrix{many}\">\n<thead><tr><th scope=\"col\">label</th><th scope=\"col\">requirement</th>",
    );
    for run in &report.runs {
        let _ = write!(page, "<th scope=\"col\">{}</th>", escaped(&run.target));
    }
    page.push_str("</tr></thead>\n");
    for group in report.groups() {
        section(page, report, &group);
    }
    page.push_str("</table>\n");
}

fn section(page: &mut String, report: &Report, group: &Group<'_>) {
    let columns = report.runs.len() + 2;
    let _ = writeln!(
        page,
        "<tbody id=\"section-{}\"><tr class=\"section\"><th colspan=\"{columns}\" scope=\"rowgroup\">{} <a \
         href=\"#?section={}\" class=\"anchor\">({})</a></th></tr>",
        escaped(group.anchor),
        escaped(&group.heading()),
        if group.number.is_empty() { group.anchor } else { group.number },
        escaped(group.anchor)
    );
    for row in &group.rows {
        requirement(page, report, group, row);
    }
    page.push_str("</tbody>\n");
}

fn requirement(page: &mut String, report: &Report, group: &Group<'_>, row: &Row<'_>) {
    let section = if group.number.is_empty() { group.anchor } else { group.number };
    let level = Level::of_label(row.label).map_or("", Level::name).to_lowercase();
    let statuses = verdicts(report.runs.iter().map(|run| row.status(run)));
    let _ = write!(
        page,
        "<tr class=\"row\" id=\"{id}\" data-sections=\"{section}\" data-levels=\"{level}\" \
         data-verdicts=\"{statuses}\"><th scope=\"row\"><a href=\"#{id}\">{}</a></th><td class=\"says\">{}",
        escaped(&short_label(row.label)),
        escaped(&row.says(report)),
        id = escaped(&row.label.replace(' ', "-")),
    );
    let _ = write!(
        page,
        "<details><summary>{}{}</summary><ul>",
        row.counted(),
        if row.cases.len() < row.cases_in_all { " cases" } else { "" }
    );
    for index in &row.cases {
        cited(page, report, *index);
    }
    page.push_str("</ul></details></td>");
    for run in &report.runs {
        cell(page, report, run, row);
    }
    page.push_str("</tr>\n");
}

/// A case of a requirement, with its verdicts.
fn cited(page: &mut String, report: &Report, index: usize) {
    let Some(case) = report.cases.get(index) else { return };
    let id = escaped(&case.id);
    let _ = write!(page, "<li><a href=\"#{id}\">{id}</a>");
    for run in &report.runs {
        if let Some(status) = run.results.get(index).map(CaseResult::status) {
            let _ = write!(page, " <span class=\"{0}\">{0}</span>", status.name());
        }
    }
    page.push_str("</li>");
}

/// The verdict, and a link to the case that it comes from.
fn cell(page: &mut String, report: &Report, run: &Run, row: &Row<'_>) {
    let target = escaped(&run.target);
    let Some(status) = row.status(run) else {
        let _ = write!(page, "<td class=\"verdict\" data-target=\"{target}\">not run</td>");
        return;
    };
    let is_it = |index: &&usize| run.results.get(**index).is_some_and(|result| result.status() == status);
    let case = row.cases.iter().find(is_it).and_then(|index| report.cases.get(*index));
    let id = case.map_or_else(String::new, |case| escaped(&case.id));
    let name = status.name();
    let sign = sign(status);
    let _ = write!(
        page,
        "<td class=\"verdict\" data-target=\"{target}\"><a class=\"{name}\" href=\"#{id}\"><span \
         aria-hidden=\"true\">{sign}</span> {name}</a></td>"
    );
}

/// What tells verdicts apart without colour.
const fn sign(status: Status) -> char {
    match status {
        Status::Pass => '✓',
        Status::Fail => '✗',
        Status::Known => '!',
        Status::Inconclusive => '?',
        Status::Unsupported | Status::Skipped => '–',
    }
}
