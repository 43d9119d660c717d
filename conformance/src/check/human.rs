//! The report for people.

use std::io::{Result, Write};

use super::report::{Diagnosis, DiagnosisKind, FileReport, Outcome, Report, Verdict};

const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[31m";
const YELLOW: &str = "\x1b[33m";
const GREEN: &str = "\x1b[32m";
const PLAIN: &str = "\x1b[0m";

/// What the report is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Surface {
    /// A terminal of so many columns: colour, and lines broken between words.
    Terminal {
        /// At least 1.
        columns: usize,
    },
    /// A file or a pipe: neither.
    Plain,
}

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// Everything but what was not exercised.
    All,
    /// What is broken or damaged.
    Trouble,
}

/// Writes `report`.
pub(super) fn write(report: &Report, out: &mut impl Write, surface: Surface, detail: Detail) -> Result<()> {
    let paint = Paint { terminal: surface != Surface::Plain };
    let mut text = Vec::new();
    let files = report.files.iter().filter(|file| detail == Detail::All || has_trouble(file));
    for (index, file) in files.enumerate() {
        if index > 0 && detail == Detail::All {
            writeln!(text)?;
        }
        write_file(file, &mut text, paint, detail)?;
    }
    let Surface::Terminal { columns } = surface else { return out.write_all(&text) };
    let options = textwrap::Options::new(columns).subsequent_indent("    ").break_words(false);
    for line in String::from_utf8_lossy(&text).lines() {
        writeln!(out, "{}", textwrap::fill(line, &options))?;
    }
    Ok(())
}

fn write_file(file: &FileReport, out: &mut impl Write, paint: Paint, detail: Detail) -> Result<()> {
    writeln!(
        out,
        "{}: {}, {}, {}; {}",
        paint.with(BOLD, &file.path),
        counted(file.packets, "packet"),
        counted(file.tcp_segments, "TCP segment"),
        counted(file.connections, "connection"),
        headline(file, paint),
    )?;
    for diagnosis in &file.diagnoses {
        write_diagnosis(diagnosis, file.connections > 1, out, paint)?;
    }
    for verdict in &file.verdicts {
        let (word, colour) = match verdict.verdict {
            Outcome::NotExercised => continue,
            Outcome::Pass | Outcome::Inconclusive if detail == Detail::Trouble => continue,
            Outcome::Pass => ("pass", GREEN),
            Outcome::Inconclusive => ("open", YELLOW),
            Outcome::Fail => ("FAIL", RED),
        };
        let who =
            if verdict.ends.is_empty() { String::new() } else { format!(" by {}", ends(verdict, file)) };
        writeln!(out, "  {}  {}  {}{who}", paint.with(colour, word), verdict.requirement, verdict.text)?;
    }
    for problem in &file.problems {
        writeln!(out, "  {}  {}", paint.with(YELLOW, "problem"), problem.text)?;
    }
    Ok(())
}

fn has_trouble(file: &FileReport) -> bool {
    let fails = file.verdicts.iter().any(|verdict| verdict.verdict == Outcome::Fail);
    fails || !file.diagnoses.is_empty() || !file.problems.is_empty()
}

/// "A", "A of connection 7, B of connection 9 and more".
fn ends(verdict: &Verdict, file: &FileReport) -> String {
    const ENDS_SAID: usize = 5;
    let said: Vec<_> = verdict
        .ends
        .iter()
        .take(ENDS_SAID)
        .map(|end| match file.connections {
            1 => end.side.to_string(),
            _ => format!("{} of connection {}", end.side, end.connection),
        })
        .collect();
    let more = if verdict.ends.len() > said.len() { " and more" } else { "" };
    format!("{}{more}", said.join(", "))
}

fn headline(file: &FileReport, paint: Paint) -> String {
    let count = |outcome| file.verdicts.iter().filter(|verdict| verdict.verdict == outcome).count();
    let (failed, open) = (count(Outcome::Fail), count(Outcome::Inconclusive));
    let exercised = file.verdicts.len() - count(Outcome::NotExercised);
    let verdicts = match (exercised, failed, open) {
        (0, ..) => "no Hiatus in it".to_string(),
        (_, 0, 0) => paint.with(GREEN, &format!("{exercised} requirements exercised, all hold")),
        (_, 0, open) => format!(
            "{exercised} requirements exercised, {} hold, {}",
            exercised - open,
            paint.with(YELLOW, &format!("{open} open"))
        ),
        (_, failed, _) => paint.with(RED, &format!("{failed} of {exercised} exercised requirements fail")),
    };
    let damage = match file.diagnoses.len() {
        0 => "no damage found".to_string(),
        count => paint.with(YELLOW, &counted(u64::try_from(count).unwrap_or(u64::MAX), "diagnosis")),
    };
    format!("{damage}; {verdicts}")
}

fn write_diagnosis(diagnosis: &Diagnosis, numbered: bool, out: &mut impl Write, paint: Paint) -> Result<()> {
    let colour = match diagnosis.kind {
        DiagnosisKind::Survived => GREEN,
        DiagnosisKind::Suspension | DiagnosisKind::Silence | DiagnosisKind::Stall => YELLOW,
        _ => RED,
    };
    let kind = serde_json::to_value(diagnosis.kind)?;
    let word = paint.with(colour, kind.as_str().unwrap_or_default());
    let connection = if numbered { format!("connection {}: ", diagnosis.connection) } else { String::new() };
    writeln!(out, "  {word}  {connection}{}.", diagnosis.text)
}

fn counted(count: u64, what: &str) -> String {
    match (count, what.strip_suffix("is")) {
        (1, _) => format!("1 {what}"),
        (count, Some(stem)) => format!("{count} {stem}es"),
        (count, None) => format!("{count} {what}s"),
    }
}

#[derive(Clone, Copy)]
struct Paint {
    terminal: bool,
}

impl Paint {
    fn with(self, colour: &str, text: &str) -> String {
        if self.terminal { format!("{colour}{text}{PLAIN}") } else { text.to_string() }
    }
}
