//! The table: a line a requirement, by section; the cases below it if they did not pass, or if each was asked for.

use std::io::{self, Write};

use super::{COLUMNS, Detail, FAINT, HEADING, style};
use crate::report::coverage::{Group, Row};
use crate::report::{Report, Run, Status};
use crate::requirement::short_label;

/// Columns of a verdict: `inconclusive` and a gap.
const VERDICT: usize = 14;
/// Columns of a label: `SHOULD 12` and a gap.
const LABEL: usize = 11;
/// Columns of a count of cases and a gap.
const COUNT: usize = 10;
/// Longest name of a target that stands at the head of a column; others get a number there.
const NAME_LEN_MAX: usize = VERDICT - 2;

pub(super) fn write(report: &Report, detail: Detail, out: &mut impl Write) -> io::Result<()> {
    let heads = heads(report);
    for (run, head) in report.runs.iter().zip(&heads) {
        if *head != run.target {
            writeln!(out, "{head} {}", run.target)?;
        }
    }
    if heads.len() > 1 {
        let heads: String = heads.iter().map(|head| format!("{head:<VERDICT$}")).collect();
        writeln!(out, "{FAINT}  {}{}{FAINT:#}\n", " ".repeat(label_columns(report)), heads.trim_end())?;
    }
    for group in report.groups() {
        writeln!(out, "{HEADING}{}{HEADING:#}", group.heading())?;
        section(report, &heads, &group, detail, out)?;
        writeln!(out)?;
    }
    Ok(())
}

/// What stands above each column.
fn heads(report: &Report) -> Vec<String> {
    let runs = &report.runs;
    let numbered = runs.len() > 1 && runs.iter().any(|run| run.target.len() > NAME_LEN_MAX);
    let head = |(run, index): (&Run, usize)| if numbered { format!("[{index}]") } else { run.target.clone() };
    runs.iter().zip(1..).map(head).collect()
}

/// Columns of the longest label and a gap; a place in an RFC is longer than a label.
fn label_columns(report: &Report) -> usize {
    columns_of(report.groups().iter().flat_map(|group| &group.rows))
}

fn columns_of<'a>(rows: impl Iterator<Item = &'a Row<'a>>) -> usize {
    rows.map(|row| short_label(row.label).len() + 2).max().unwrap_or(0).max(LABEL)
}

fn section(
    report: &Report,
    heads: &[String],
    group: &Group<'_>,
    detail: Detail,
    out: &mut impl Write,
) -> io::Result<()> {
    let columns = columns_of(group.rows.iter());
    for row in &group.rows {
        match report.runs.as_slice() {
            [run] => alone(report, run, (row, columns), out)?,
            runs => beside(report, runs, row, out)?,
        }
        for case in &row.cases {
            case_lines(report, heads, *case, detail, out)?;
        }
    }
    Ok(())
}

/// `pass  MUST 48  4 cases  A host MUST answer ...`
fn alone(
    report: &Report,
    run: &Run,
    (row, columns): (&Row<'_>, usize),
    out: &mut impl Write,
) -> io::Result<()> {
    let verdict = cell(row.status(run));
    let label = short_label(row.label);
    let count = row.counted();
    let sentence = row.says(report);
    let text = shortened(&sentence, COLUMNS.saturating_sub(2 + VERDICT + columns + COUNT));
    let line = format!("  {verdict}{label:<columns$}{count:<COUNT$}{FAINT}{text}{FAINT:#}");
    writeln!(out, "{}", line.trim_end())
}

/// `MUST 48  pass  unsupported`
fn beside(report: &Report, runs: &[Run], row: &Row<'_>, out: &mut impl Write) -> io::Result<()> {
    let cells: String = runs.iter().map(|run| cell(row.status(run))).collect();
    let columns = label_columns(report);
    writeln!(out, "{}", format!("  {:<columns$}{cells}", short_label(row.label)).trim_end())
}

/// A verdict in its column.
fn cell(status: Option<Status>) -> String {
    let Some(status) = status else { return format!("{:<VERDICT$}", "not run") };
    let (style, word) = (style(status), status.loud());
    format!("{style}{word}{style:#}{}", " ".repeat(VERDICT.saturating_sub(word.len())))
}

/// `text`, cut after a word and so marked if it is longer than `room` columns.
fn shortened(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let cut: String = text.chars().take(room.saturating_sub(1)).collect();
    let cut = cut.rsplit_once(' ').map_or(cut.as_str(), |(head, _)| head);
    format!("{cut}…")
}

/// A line for each target that has something to say about a case: what went wrong, or all of it.
fn case_lines(
    report: &Report,
    heads: &[String],
    index: usize,
    detail: Detail,
    out: &mut impl Write,
) -> io::Result<()> {
    let Some(case) = report.cases.get(index) else { return Ok(()) };
    for (run, head) in report.runs.iter().zip(heads) {
        let Some(status) = run.results.get(index).map(crate::report::CaseResult::status) else { continue };
        let is_wrong = matches!(status, Status::Fail | Status::Known | Status::Inconclusive);
        if !is_wrong && detail != Detail::Verbose {
            continue;
        }
        let of = if heads.len() > 1 { format!("{head}  ") } else { String::new() };
        let (style, word) = (style(status), status.loud());
        writeln!(out, "      {style}{word}{style:#}  {of}{}", case.id)?;
    }
    Ok(())
}
