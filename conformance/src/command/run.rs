//! `conform run`.

mod execute;

use std::fs;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::Selection;
use crate::report::{self, Detail, KnownFailures, Report, Strictness};
use crate::target::TargetChoice;
use crate::target::child::Exchange;
use execute::{Plan, Stopping};

const EXAMPLES: &str = "\
Examples:
  conform run                                       everything, against the reference
  conform run suspend/ HIA-MUST-71                  a folder of cases, and those of a requirement
  conform run --section 7.3 --level must            those of a section that are about a MUST
  conform run --list section:holding                which cases that would be
  conform run --target reference --target linux     one report on both
  conform run --target 'child:python3 mine.py'      any program that speaks conformance/docs/adapter.md
  conform run --known-failures known.toml --bail    stop at the first failure that is news
  conform run --format markdown                     a table for a README

Known failures are a TOML file; a line that no longer fails is an error:
  [[known]]
  case = \"suspend/hold-lasts\"
  target = \"lwip\"               # left out: every target
  reason = \"why it fails, and what is done about it\"

Exit codes: 0 no case of a MUST failed; 1 one did, or a known failure no longer fails; 2 something could not be run, or
the bench cannot tell. NO_COLOR and CLICOLOR_FORCE are honoured.";

/// `conform run`: run cases against targets.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct RunArgs {
    #[command(flatten)]
    selection: Selection,
    /// What the cases are run against: `reference`; `reference-process`, `linux`, `lwip` or `smoltcp`, which are processes;
    /// or `child:COMMAND ARGS`, any program that speaks the protocol of conformance/docs/adapter.md. May be given several
    /// times: one report compares them.
    #[arg(long, value_name = "TARGET", default_value = "reference", help_heading = "How to run")]
    target: Vec<TargetChoice>,
    #[command(flatten, next_help_heading = "Targets that are processes")]
    exchange: Exchange,
    /// Break one rule of the target, to see the cases fail that are about it; `conform list --mutants` has the names.
    #[arg(long, value_name = "NAME", help_heading = "How to run")]
    mutant: Option<String>,
    /// Cases at a time; as many as there are cores if not given. The report is the same whatever it is.
    #[arg(long, short, value_name = "N", help_heading = "How to run")]
    jobs: Option<NonZeroUsize>,
    /// Mix this into all that looks random, such as initial sequence numbers; 0 gives the golden captures.
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "How to run")]
    seed: u64,
    /// Stop after the first case that fails, and say what was not run.
    #[arg(long, help_heading = "How to run")]
    bail: bool,
    /// Failures that are known, each with its reason: they do not make the run fail, but a line that is not so any more
    /// does.
    #[arg(long, value_name = "FILE", help_heading = "How to run")]
    known_failures: Option<PathBuf>,
    /// Let a failed case make the run fail also if it is about no MUST.
    #[arg(long, help_heading = "How to run")]
    strict: bool,
    /// Only list the cases that would be run.
    #[arg(long, help_heading = "What to tell")]
    list: bool,
    /// How to print the result.
    #[arg(long, value_enum, default_value_t = Format::Human, help_heading = "What to tell")]
    format: Format,
    /// Where report.html and the captures go, one a case; with several targets, each has a folder.
    #[arg(long, value_name = "DIR", default_value = "out", help_heading = "What to tell")]
    out: PathBuf,
    /// Print failures and the summary only; no progress bar.
    #[arg(long, short, conflicts_with = "verbose", help_heading = "What to tell")]
    quiet: bool,
    /// Print each case too; in Markdown, each requirement.
    #[arg(long, short, help_heading = "What to tell")]
    verbose: bool,
}

/// Output of `conform run`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table by section of the draft, and what went wrong.
    Human,
    /// One document (conformance/schema/run.schema.json).
    Json,
    /// JUnit XML: a suite a target.
    Junit,
    /// A table of sections and targets, without times and paths.
    Markdown,
}

/// Runs it. Exit codes: 0 no case of a MUST failed; 1 one did, or a known failure no longer fails; 2 the bench could not
/// run, or a case is inconclusive.
#[must_use]
pub fn run(args: &RunArgs) -> ExitCode {
    match carried_out(args) {
        Ok(code) => code,
        Err(reason) => {
            eprintln!("conform run: {reason}");
            ExitCode::from(2)
        }
    }
}

fn carried_out(args: &RunArgs) -> Result<ExitCode, String> {
    if args.list {
        return super::list::ids(&args.selection).map(|()| ExitCode::SUCCESS);
    }
    let strictness = if args.strict { Strictness::Everything } else { Strictness::Must };
    let selected = args.selection.select()?;
    let known = match &args.known_failures {
        None => None,
        Some(path) => Some(KnownFailures::read(path).map_err(|error| error.to_string())?),
    };
    let ids = selected.ids.clone();
    let plan = Plan {
        targets: &args.target,
        mutant: args.mutant.as_deref(),
        jobs: args.jobs,
        seed: args.seed,
        exchange: &args.exchange,
        stopping: if args.bail { Stopping::AtFailure(strictness, known.as_ref()) } else { Stopping::AtEnd },
        out: &args.out,
        is_watched: !args.quiet,
    };
    let mut report = plan.execute(selected)?;
    if let Some(known) = &known {
        known.apply(&mut report, &ids);
    }
    let page = args.out.join("report.html");
    fs::write(&page, report::html(&report, &args.out))
        .map_err(|error| format!("{}: {error}", page.display()))?;
    match print(args, &report) {
        // The reader of a pipe may have seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            return Err(format!("cannot print: {error}"));
        }
        _ => {}
    }
    if args.format != Format::Human {
        for stale in &report.stale {
            eprintln!("conform run: {stale}");
        }
    }
    Ok(if report.has_failed(strictness) || !report.stale.is_empty() {
        ExitCode::FAILURE
    } else if report.is_inconclusive() {
        ExitCode::from(2)
    } else {
        ExitCode::SUCCESS
    })
}

fn print(args: &RunArgs, report: &Report) -> io::Result<()> {
    let detail = match (args.quiet, args.verbose) {
        (true, _) => Detail::Quiet,
        (_, true) => Detail::Verbose,
        _ => Detail::Usual,
    };
    let text = match args.format {
        Format::Human => {
            let mut out = anstream::AutoStream::auto(io::stdout().lock());
            report::human(report, detail, &mut out)?;
            let (out_dir, page) = (args.out.display(), args.out.join("report.html"));
            return writeln!(out, "captures in {out_dir}, report {}", page.display());
        }
        Format::Json => report::json(report).map_err(io::Error::other)?,
        Format::Junit => report::junit(report).map_err(io::Error::other)?,
        Format::Markdown => report::markdown(report, detail),
    };
    io::stdout().lock().write_all(text.as_bytes())
}
