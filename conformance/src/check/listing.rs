//! `conform check --rules`: what is judged on a capture, and what is not, and why.

use std::io::{Error, Result, Write};

use serde::Serialize;

use super::Format;
use super::not_passive::not_passive;
use super::rules::RULES;

/// A requirement, and how it stands with captures.
#[derive(Debug, Serialize)]
struct Row {
    requirement: &'static str,
    judged: bool,
    text: &'static str,
}

/// Writes the list: text, or JSON.
pub(super) fn write(out: &mut impl Write, format: Format) -> Result<()> {
    let judged = RULES.iter().map(|(requirement, text)| Row { requirement, judged: true, text });
    let not = not_passive().iter().map(|(requirement, text)| Row { requirement, judged: false, text });
    let rows: Vec<Row> = judged.chain(not).collect();
    if format == Format::Json {
        serde_json::to_writer_pretty(&mut *out, &rows).map_err(Error::other)?;
        return writeln!(out);
    }
    writeln!(out, "Judged on a capture ({}):", RULES.len())?;
    rows.iter()
        .filter(|row| row.judged)
        .try_for_each(|row| writeln!(out, "  {:13}  {}", row.requirement, row.text))?;
    writeln!(out, "\nNot judged, for no capture shows enough of it ({}):", rows.len() - RULES.len())?;
    rows.iter()
        .filter(|row| !row.judged)
        .try_for_each(|row| writeln!(out, "  {:13}  {}", row.requirement, row.text))
}
