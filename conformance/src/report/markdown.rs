//! A matrix of sections and targets in Markdown, without times and paths, so that it changes only with the verdicts.

use std::fmt::Write as _;

use super::coverage::{Group, Row};
use super::{Detail, Report, Run, Status, Summary};

/// The matrix; below it the requirements that somebody did not meet, or with [`Detail::Verbose`] all of them.
#[must_use]
pub fn markdown(report: &Report, detail: Detail) -> String {
    let groups = report.groups();
    let mut text = head(report, "| section |");
    let mut totals = vec![Summary::default(); report.runs.len()];
    for group in &groups {
        let _ = write!(text, "| {} |", escaped(&group.heading()));
        for (run, total) in report.runs.iter().zip(&mut totals) {
            let counts = counts(group, run);
            // Plain TCP is not the draft's to demand.
            if !group.number.is_empty() {
                total.add_all(&counts);
            }
            let _ = write!(text, " {} |", cell(&counts));
        }
        text.push('\n');
    }
    text.push_str("| **requirements of the draft** |");
    for total in &totals {
        let _ = write!(text, " {} |", cell(total));
    }
    text.push_str("\n| **cases** |");
    for run in &report.runs {
        let _ = write!(text, " {} |", cell(&report.summary(run)));
    }
    text.push('\n');
    rows(report, &groups, detail, &mut text);
    for stale in &report.stale {
        let _ = write!(
            text,
            "\nKnown failures, line {}: {} {}\n",
            stale.line,
            stale.case,
            escaped(&stale.problem)
        );
    }
    text
}

fn head(report: &Report, first: &str) -> String {
    let mut text = first.to_owned();
    for run in &report.runs {
        let _ = write!(text, " {} |", escaped(&run.target));
    }
    let columns = first.matches('|').count() - 1 + report.runs.len();
    let _ = writeln!(text, "\n|{}", "---|".repeat(columns));
    text
}

fn counts(group: &Group<'_>, run: &Run) -> Summary {
    let mut counts = Summary::default();
    for row in &group.rows {
        match row.status(run) {
            Some(status) => counts.add(status),
            None => counts.not_run += 1,
        }
    }
    counts
}

/// `8 pass`, `6 pass, 2 fail`.
fn cell(counts: &Summary) -> String {
    let there = Status::ALL.iter().filter(|status| counts.of(**status) > 0);
    let mut parts: Vec<String> = there
        .map(|status| {
            let told = format!("{} {}", counts.of(*status), status.name());
            if *status == Status::Fail { format!("**{told}**") } else { told }
        })
        .collect();
    if counts.not_run > 0 {
        parts.push(format!("{} not run", counts.not_run));
    }
    parts.join(", ")
}

fn rows(report: &Report, groups: &[Group<'_>], detail: Detail, text: &mut String) {
    let is_told = |row: &&Row<'_>| {
        let wrong = [Status::Fail, Status::Known, Status::Inconclusive];
        detail == Detail::Verbose
            || report.runs.iter().any(|run| row.status(run).is_some_and(|status| wrong.contains(&status)))
    };
    let told: Vec<&Row<'_>> = groups.iter().flat_map(|group| &group.rows).filter(is_told).collect();
    if told.is_empty() {
        return;
    }
    text.push('\n');
    text.push_str(&head(report, "| requirement | sentence |"));
    for row in told {
        let _ = write!(text, "| {} | {} |", escaped(row.label), escaped(&row.says(report)));
        for run in &report.runs {
            let status = row.status(run);
            let word = status.map_or("not run", Status::name);
            let word = if status == Some(Status::Fail) { format!("**{word}**") } else { word.to_owned() };
            let _ = write!(text, " {word} |");
        }
        text.push('\n');
    }
}

/// `text` in a cell of a table.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;").replace('*', "\\*").replace('\n', " ")
}
