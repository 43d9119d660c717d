//! `conform list`.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;

use super::Selection;
use crate::target::mutant;

/// `conform list`: the cases, or the mutants.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    #[command(flatten)]
    selection: Selection,
    /// List the mutants and the requirements that each of them breaks.
    #[arg(long)]
    mutants: bool,
}

/// Runs it. Exit codes: 0, or 2 if the cases cannot be read.
#[must_use]
pub fn run(args: &ListArgs) -> ExitCode {
    let listed = if args.mutants { mutants() } else { titles(&args.selection) };
    match listed {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("conform list: {reason}");
            ExitCode::from(2)
        }
    }
}

/// Prints, and takes it as done if nobody listens any more.
pub(super) fn print(text: &str) -> Result<(), String> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(format!("cannot print: {error}")),
        _ => Ok(()),
    }
}

/// The ids alone, a line each.
pub(super) fn ids(selection: &Selection) -> Result<(), String> {
    let lines: String = selection.load()?.iter().map(|case| format!("{}\n", case.id)).collect();
    print(&lines)
}

fn titles(selection: &Selection) -> Result<(), String> {
    let cases = selection.load()?;
    let width = cases.iter().map(|case| case.id.len()).max().unwrap_or(0);
    let lines: String =
        cases.iter().map(|case| format!("{:<width$}  {}\n", case.id, case.script.header.title)).collect();
    print(&lines)
}

fn mutants() -> Result<(), String> {
    let width = mutant::all().map(|mutant| mutant.name.len()).max().unwrap_or(0);
    let lines: String = mutant::all()
        .map(|mutant| format!("{:<width$}  {}\n", mutant.name, mutant.breaks.join(", ")))
        .collect();
    print(&lines)
}
