//! What went wrong, in full, and what was not tried, in short.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::{Detail, FAINT, HEADING, fill, style};
use crate::case::Case;
use crate::report::status::counted;
use crate::report::{CaseResult, Report, Run, Status, is_plain, level};
use crate::verdict::Verdict;

/// Where what was expected, got and so on begins; what goes on below it begins there too.
const TELLING: &str = "            ";

pub(super) fn write(report: &Report, detail: Detail, out: &mut impl Write) -> io::Result<()> {
    for run in &report.runs {
        // Plain TCP first: what goes wrong there explains the rest.
        for wanted in [true, false] {
            for (case, result) in report.results(run).filter(|(case, _)| is_plain(case) == wanted) {
                block(report, run, case, result, out)?;
            }
        }
        for status in [Status::Unsupported, Status::Skipped] {
            untried(report, run, status, detail, out)?;
        }
    }
    Ok(())
}

fn block(
    report: &Report,
    run: &Run,
    case: &Case,
    result: &CaseResult,
    out: &mut impl Write,
) -> io::Result<()> {
    let status = result.status();
    if matches!(status, Status::Pass | Status::Unsupported | Status::Skipped) {
        return Ok(());
    }
    let style = style(status);
    let (word, id, level) = (status.name().to_uppercase(), &case.id, level(case).name());
    writeln!(out, "{style}{word}{style:#}  {HEADING}{id}{HEADING:#}  {level}")?;
    fill(out, &format!("  {}", case.script.header.title), "  ")?;
    if report.runs.len() > 1 {
        fill(out, &format!("  target    {}", run.target), TELLING)?;
    }
    cited(report, case, out)?;
    if let Some(reason) = &result.known {
        fill(out, &format!("  known     {reason}"), TELLING)?;
    }
    match &result.outcome.verdict {
        Verdict::Fail(failure) => {
            fill(out, &format!("  expected  {}  (line {})", failure.expected, failure.line), TELLING)?;
            fill(out, &format!("  got       {}", failure.got), TELLING)?;
            fill(out, &format!("  because   {}", failure.because), TELLING)?;
            if let Some(capture) = &result.capture {
                let (first, last) = failure.frames;
                writeln!(out, "  capture   {}, frames {first}-{last}", capture.display())?;
            }
        }
        other => {
            fill(out, &format!("  because   {}", other.reason()), TELLING)?;
            if let Some(capture) = &result.capture {
                writeln!(out, "  capture   {}", capture.display())?;
            }
        }
    }
    writeln!(out)
}

fn cited(report: &Report, case: &Case, out: &mut impl Write) -> io::Result<()> {
    for label in &case.script.header.requirements {
        match report.cited(label) {
            Some(one) => {
                let (section, anchor) = (&one.section, &one.anchor);
                writeln!(out, "  {label}  draft, section {section} ({anchor})")?;
                fill(out, &format!("{TELLING}{FAINT}{}{FAINT:#}", one.sentence), TELLING)?;
            }
            None => writeln!(out, "  {label}")?,
        }
    }
    Ok(())
}

/// Cases that were not tried, by reason.
fn untried(
    report: &Report,
    run: &Run,
    status: Status,
    detail: Detail,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut reasons: BTreeMap<String, Vec<&Case>> = BTreeMap::new();
    for (case, result) in report.results(run).filter(|(_, result)| result.status() == status) {
        reasons.entry(result.outcome.verdict.reason()).or_default().push(case);
    }
    if reasons.is_empty() || detail == Detail::Quiet {
        return Ok(());
    }
    let style = style(status);
    let says = if status == Status::Unsupported { "says that it cannot" } else { "was not asked" };
    let word = status.name().to_uppercase();
    writeln!(out, "{style}{word}{style:#}  {HEADING}{}{HEADING:#} {says}", run.target)?;
    for (reason, cases) in reasons {
        fill(out, &format!("  {:<11} {reason}", counted(cases.len(), "case")), TELLING)?;
        if detail == Detail::Verbose {
            let ids: Vec<&str> = cases.iter().map(|case| case.id.as_str()).collect();
            fill(out, &format!("{TELLING}  {FAINT}{}{FAINT:#}", ids.join(" ")), "              ")?;
        }
    }
    writeln!(out)
}
