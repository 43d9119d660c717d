//! The report for people.

use std::io::{Result, Write};

use super::report::{Diagnosis, DiagnosisKind, FileReport, Outcome, Report};

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

/// Writes `report`.
pub(super) fn write(report: &Report, out: &mut impl Write, surface: Surface) -> Result<()> {
    let paint = Paint { terminal: surface != Surface::Plain };
    let mut text = Vec::new();
    for (index, file) in report.files.iter().enumerate() {
        if index > 0 {
            writeln!(text)?;
        }
        write_file(file, &mut text, paint)?;
    }
    let Surface::Terminal { columns } = surface else { return out.write_all(&text) };
    let options = textwrap::Options::new(columns).subsequent_indent("    ").break_words(false);
    for line in String::from_utf8_lossy(&text).lines() {
        writeln!(out, "{}", textwrap::fill(line, &options))?;
    }
    Ok(())
}

fn write_file(file: &FileReport, out: &mut impl Write, paint: Paint) -> Result<()> {
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
    for verdict in file.verdicts.iter().filter(|verdict| verdict.verdict != Outcome::NotExercised) {
        let (word, colour) = match verdict.verdict {
            Outcome::Pass => ("pass", GREEN),
            _ => ("FAIL", RED),
        };
        writeln!(out, "  {}  {}  {}", paint.with(colour, word), verdict.requirement, verdict.text)?;
    }
    for problem in &file.problems {
        writeln!(out, "  {}  {}", paint.with(YELLOW, "problem"), problem.text)?;
    }
    Ok(())
}

fn headline(file: &FileReport, paint: Paint) -> String {
    let failed = file.verdicts.iter().filter(|verdict| verdict.verdict == Outcome::Fail).count();
    let exercised = file.verdicts.iter().filter(|verdict| verdict.verdict != Outcome::NotExercised).count();
    let verdicts = match (exercised, failed) {
        (0, _) => "no Hiatus in it".to_string(),
        (_, 0) => paint.with(GREEN, &format!("{exercised} requirements exercised, all hold")),
        (_, failed) => paint.with(RED, &format!("{failed} of {exercised} exercised requirements fail")),
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
