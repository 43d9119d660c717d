//! `conform explain`.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;

use crate::case;
use crate::requirement;
use crate::target::mutant;

/// `conform explain`: a requirement of the draft, and what proves it.
#[derive(Debug, Clone, Args)]
pub struct ExplainArgs {
    /// Its label, such as HIA-MUST-48, must-48 or "MUST 48".
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
    let requirements = requirement::index().map_err(|error| error.to_string())?;
    let requirement =
        requirements.iter().find(|requirement| requirement.label == label).ok_or_else(|| {
            format!("{written}: the draft has no such requirement, expected one such as HIA-MUST-48")
        })?;
    let mut text = format!(
        "{label}  draft, section {} ({}), {}\n\n  {}\n",
        requirement.section, requirement.anchor, requirement.title, requirement.sentence
    );
    text.push_str("\ncases\n");
    let cases = case::built_in().map_err(|error| error.to_string())?;
    let mut none = true;
    for case in &cases {
        let header = &case.script.header;
        if header.requirements.contains(&label) {
            none = false;
            let _ = writeln!(text, "  {}  {}", case.id, header.title);
        }
    }
    if none {
        text.push_str("  none\n");
    }
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
