//! The report for people at a terminal: a table by section, what went wrong, a summary.

mod failures;
mod table;

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::status::counted;
use super::{Report, Run, Status, UNSOUND_MAX};

const HEADING: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();
const WRONG: Style = AnsiColor::Red.on_default().bold();
/// Columns that a report takes, as most terminals have; nothing depends on the terminal, so that reports can be compared.
const COLUMNS: usize = 80;

/// How much to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Failures and the summary.
    Quiet,
    /// Each requirement too.
    Usual,
    /// Each case too.
    Verbose,
}

const fn style(status: Status) -> Style {
    let color = match status {
        Status::Pass => AnsiColor::Green,
        Status::Fail => AnsiColor::Red,
        Status::Inconclusive | Status::Known => AnsiColor::Yellow,
        Status::Unsupported | Status::Skipped => AnsiColor::Cyan,
    };
    Style::new().fg_color(Some(anstyle::Color::Ansi(color))).bold()
}

/// Writes the report.
///
/// # Errors
///
/// That of `out`.
pub fn human(report: &Report, detail: Detail, out: &mut impl Write) -> io::Result<()> {
    for run in &report.runs {
        warn_of_unsound(report, run, out)?;
    }
    if detail != Detail::Quiet {
        table::write(report, detail, out)?;
    }
    failures::write(report, detail, out)?;
    for stale in &report.stale {
        fill(out, &format!("{WRONG}KNOWN FAILURES{WRONG:#}  {stale}"), "  ")?;
    }
    if !report.stale.is_empty() {
        writeln!(out)?;
    }
    for run in &report.runs {
        summary(report, run, out)?;
    }
    let uncovered = report.uncovered();
    if uncovered > 0 && detail != Detail::Quiet {
        let told = format!(
            "{uncovered} of the draft's {} have no case; `conform list --requirements` shows them",
            counted(report.requirements.len(), "requirement"),
        );
        fill(out, &format!("{FAINT}{told}{FAINT:#}"), "  ")?;
    }
    Ok(())
}

/// What comes first, for it explains the rest.
fn warn_of_unsound(report: &Report, run: &Run, out: &mut impl Write) -> io::Result<()> {
    let unsound = report.unsound(run);
    if unsound.is_empty() {
        return Ok(());
    }
    let target = &run.target;
    let text = format!(
        "{WRONG}{target} is not a sound TCP yet{WRONG:#}: it failed {} of plain TCP. Read these first, \
         the others may fail for the same reason:",
        counted(unsound.len(), "case")
    );
    fill(out, &text, "")?;
    for case in unsound.iter().take(UNSOUND_MAX) {
        fill(out, &format!("  {}  {}", case.id, case.script.header.title), "      ")?;
    }
    if unsound.len() > UNSOUND_MAX {
        writeln!(out, "  and {} more", unsound.len() - UNSOUND_MAX)?;
    }
    writeln!(out)
}

fn summary(report: &Report, run: &Run, out: &mut impl Write) -> io::Result<()> {
    let count = counted(report.cases.len(), "case");
    let cases = report.summary(run).told();
    fill(out, &format!("{HEADING}{count} against {}{HEADING:#}: {cases}", run.target), "  ")?;
    let requirements = report.requirements_summary(run);
    let of_draft = Status::ALL.into_iter().map(|status| requirements.of(status)).sum::<usize>();
    if of_draft + requirements.not_run > 0 {
        let of_draft = counted(of_draft + requirements.not_run, "requirement");
        fill(out, &format!("  {of_draft}: {}", requirements.told()), "    ")?;
    }
    Ok(())
}

/// Writes `text` broken at [`COLUMNS`], `indent` before what goes on.
fn fill(out: &mut impl Write, text: &str, indent: &str) -> io::Result<()> {
    let options = textwrap::Options::new(COLUMNS)
        .subsequent_indent(indent)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .wrap_algorithm(textwrap::WrapAlgorithm::FirstFit);
    writeln!(out, "{}", textwrap::fill(text, options))
}
