//! `conform explain`.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;

use crate::case::{self, Case};
use crate::requirement;
use crate::target::mutant;

/// `conform explain`: a requirement of the draft, and what proves it.
#[derive(Debug, Clone, Args)]
pub struct ExplainArgs {
    /// Its label, such as HIA-MUST-48, must-48 or "MUST 48"; or a section of an RFC that a case cites, "RFC 9293 3.5".
    #[arg(value_name = "REQUIREMENT")]
    label: String,
}

/// Runs it. Exit codes: 0, or 2 if there is no such requirement.
#[must_use]
pub fn run(args: &ExplainArgs) -> ExitCode {
    match told(&args.label).and_then(|text| super::list::print(&text)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("conform explain: {reason}");
            ExitCode::from(2)
        }
    }
}

fn told(written: &str) -> Result<String, String> {
    let label = requirement::label(written);
    let cases = case::built_in().map_err(|error| error.to_string())?;
    let cited: Vec<&Case> =
        cases.iter().filter(|case| case.script.header.requirements.contains(&label)).collect();
    if !requirement::is_of_draft(&label) && !cited.is_empty() {
        return Ok(format!("{label}  what every TCP keeps to\n\ncases\n{}", listed(&cited)));
    }
    let requirements = requirement::index().map_err(|error| error.to_string())?;
    let requirement =
        requirements.iter().find(|requirement| requirement.label == label).ok_or_else(|| {
            format!("{written}: the draft has no such requirement, expected one such as HIA-MUST-48")
        })?;
    let mut text = format!(
        "{label}  draft, section {} ({}), {}\n\n  {}\n",
        requirement.section, requirement.anchor, requirement.title, requirement.sentence
    );
    let _ = write!(text, "\ncases\n{}", listed(&cited));
    text.push_str("\nmutants\n");
    let mut names = mutant::all().filter(|mutant| mutant.breaks.contains(&label.as_str())).peekable();
    if names.peek().is_none() {
        text.push_str("  none\n");
    }
    for mutant in names {
        let _ = writeln!(text, "  {}", mutant.name);
    }
    Ok(text)
}

/// A line a case.
fn listed(cases: &[&Case]) -> String {
    if cases.is_empty() {
        return "  none\n".to_owned();
    }
    cases.iter().map(|case| format!("  {}  {}\n", case.id, case.script.header.title)).collect()
}
