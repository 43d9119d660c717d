//! `conform run`.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use super::Selection;
use crate::record;
use crate::report::{self, CaseRun, Run, Summary};
use crate::requirement;
use crate::runner;
use crate::target::child::Exchange;
use crate::target::mutant;
use crate::target::{Setup, TargetChoice};

/// `conform run`: run cases against a target.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    #[command(flatten)]
    selection: Selection,
    /// What the cases are run against: `reference`; `reference-process`, `linux`, `lwip`, `smoltcp`, which are processes; or
    /// `child:COMMAND ARGS`, any program that speaks the protocol of conformance/docs/adapter.md.
    #[arg(long, default_value_t = TargetChoice::Reference)]
    target: TargetChoice,
    #[command(flatten)]
    exchange: Exchange,
    /// Break one rule of the target, to see the cases fail that are about it; `conform list --mutants` has the names.
    #[arg(long, value_name = "NAME")]
    mutant: Option<String>,
    /// How to print the result.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Where captures (one a case) and report.html go.
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    /// Only list the cases that would be run.
    #[arg(long)]
    list: bool,
}

/// Output of `conform run`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table, and what went wrong.
    Human,
    /// One document (conformance/schema/run.schema.json).
    Json,
    /// JUnit XML.
    Junit,
}

/// Runs it. Exit codes: 0 no case failed, 1 one did, 2 the bench could not run or a case is inconclusive.
#[must_use]
pub fn run(args: &RunArgs) -> ExitCode {
    match carried_out(args) {
        Ok(Summary { fail: 0, inconclusive: 0, .. }) => ExitCode::SUCCESS,
        Ok(Summary { fail: 0, .. }) => ExitCode::from(2),
        Ok(_) => ExitCode::FAILURE,
        Err(reason) => {
            eprintln!("conform run: {reason}");
            ExitCode::from(2)
        }
    }
}

fn carried_out(args: &RunArgs) -> Result<Summary, String> {
    if args.list {
        return super::list::ids(&args.selection).map(|()| Summary::default());
    }
    let run = execute(args)?;
    let requirements = requirement::index().map_err(|error| error.to_string())?;
    let page = args.out.join("report.html");
    let told = report::html(&run, &requirements);
    fs::write(&page, told).map_err(|error| format!("{}: {error}", page.display()))?;
    let printed = match args.format {
        Format::Human => {
            let mut out = anstream::AutoStream::auto(io::stdout().lock());
            report::table(&run, &requirements, &mut out)
                .and_then(|()| writeln!(out, "captures in {}, report {}", args.out.display(), page.display()))
        }
        Format::Json => {
            let text = report::json(&run).map_err(|error| error.to_string())?;
            io::stdout().lock().write_all(text.as_bytes())
        }
        Format::Junit => {
            let text = report::junit(&run).map_err(|error| error.to_string())?;
            io::stdout().lock().write_all(text.as_bytes())
        }
    };
    match printed {
        // The reader of a pipe may have seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(format!("cannot print: {error}")),
        _ => Ok(run.summary()),
    }
}

fn execute(args: &RunArgs) -> Result<Run, String> {
    let cases = args.selection.load()?;
    let broken =
        match &args.mutant {
            None => None,
            Some(name) => Some(mutant::named(name).ok_or_else(|| {
                format!("no mutant is called {name}; `conform list --mutants` shows them all")
            })?),
        };
    fs::create_dir_all(&args.out)
        .map_err(|error| format!("{}: cannot make this folder: {error}", args.out.display()))?;
    // Hidden by itself where standard error is no terminal.
    let progress = ProgressBar::new(u64::try_from(cases.len()).unwrap_or(0));
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}") {
        progress.set_style(style);
    }
    let mut runs = Vec::new();
    for case in cases {
        progress.set_message(case.id.clone());
        let build = |setup: &Setup| match broken {
            None => args.target.build_over(setup, &args.exchange),
            Some(mutant) => {
                args.target.build_over(setup, &args.exchange).map(|inner| mutant.of(inner, setup))
            }
        };
        let outcome = runner::run_within(&case, &build, args.exchange.wall_limit());
        let capture = write_capture(&args.out, &case, &outcome.frames)?;
        runs.push(CaseRun { case, outcome, capture });
        progress.inc(1);
    }
    progress.finish_and_clear();
    let target = match broken {
        None => args.target.name().to_owned(),
        Some(mutant) => format!("{}, mutant {}", args.target.name(), mutant.name),
    };
    Ok(Run { target, cases: runs })
}

fn write_capture(out: &Path, case: &crate::case::Case, frames: &[record::Frame]) -> Result<PathBuf, String> {
    let path = out.join(format!("{}.pcapng", case.capture_name()));
    let here = |error: io::Error| format!("{}: {error}", path.display());
    let octets = record::capture(case, frames).map_err(here)?;
    fs::write(&path, octets).map_err(here)?;
    Ok(path)
}
