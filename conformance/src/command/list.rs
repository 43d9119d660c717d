//! `conform list`.

mod matrix;

use std::fmt::Write as _;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::Selection;
use crate::case::Case;
use crate::requirement;

/// `conform list`: the cases, the mutants or the requirements.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    #[command(flatten)]
    selection: Selection,
    /// List each requirement, the mutants that break it, and the cases whose headers say that they catch it.
    #[arg(long, conflicts_with = "requirements")]
    mutants: bool,
    /// Run each mutant against each case, and show which really catch it.
    #[arg(long, requires = "mutants")]
    verify: bool,
    /// How to print the mutants.
    #[arg(long, value_enum, default_value_t = Format::Human, requires = "mutants")]
    format: Format,
    /// List the requirements of the draft, how many cases each of them has, and its sentence; with a filter, those that
    /// the selected cases cite.
    #[arg(long)]
    requirements: bool,
}

/// Output of `conform list --mutants`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table.
    Human,
    /// One document.
    Json,
}

/// Runs it. Exit codes: 0, or 2 if the cases cannot be read.
#[must_use]
pub fn run(args: &ListArgs) -> ExitCode {
    let listed = match args {
        ListArgs { mutants: true, .. } => mutants(args),
        ListArgs { requirements: true, .. } => requirements(&args.selection),
        _ => titles(&args.selection),
    };
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

fn mutants(args: &ListArgs) -> Result<(), String> {
    let selected = args.selection.select()?;
    let source = if args.verify { matrix::Source::Runs } else { matrix::Source::Headers };
    let matrix = matrix::of(&selected.requirements, &selected.cases, source);
    match args.format {
        Format::Human => print(&matrix::human(&matrix)),
        Format::Json => {
            let text = serde_json::to_string_pretty(&matrix).map_err(|error| error.to_string())?;
            print(&format!("{text}\n"))
        }
    }
}

fn requirements(selection: &Selection) -> Result<(), String> {
    let cases = selection.load()?;
    let known = requirement::index().map_err(|error| error.to_string())?;
    let width = known.iter().map(|requirement| requirement.label.len()).max().unwrap_or(0);
    let mut lines = String::new();
    for requirement in known {
        let cites = |case: &&Case| case.script.header.requirements.contains(&requirement.label);
        let count = cases.iter().filter(cites).count();
        if count > 0 || selection.filters.is_empty() {
            let cases = if count == 1 { "1 case" } else { &format!("{count} cases") };
            let (label, sentence) = (&requirement.label, &requirement.sentence);
            let _ = writeln!(lines, "{label:<width$}  {cases:<8}  {sentence}");
        }
    }
    print(&lines)
}
