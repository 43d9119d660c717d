//! The command line of `conform`.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use hiatus_conformance::command::{explain, generate, lint, list, run, serve};
use hiatus_conformance::{check, show};

const EXAMPLES: &str = "\
Examples:
  conform run                              every case against the reference
  conform run suspend/ HIA-MUST-71         some of them
  conform run --mutant deaf-to-suspend     what a broken rule looks like
  conform run --section 7.3 --level must   what a section of the draft binds a host to
  conform run --target linux               another stack; `conform run --help` has them all
  conform run --format json                one document for a machine
  conform lint my-cases                    mistakes in scripts of your own
  conform explain HIA-MUST-48              a sentence of the draft, its cases and mutants
  conform check capture.pcapng             what happened in a capture of any stack
  conform show out/suspend-hold-lasts.pcapng
  conform completions bash > ~/.local/share/bash-completion/completions/conform
  conform man --out ~/.local/share/man/man1

Exit codes: 0 nothing failed, 1 a case or a requirement did, 2 something could not be run or read.";

/// Conformance of TCP stacks to Hiatus, planned absence and durable state for TCP connections.
#[derive(Debug, Parser)]
#[command(name = "conform", version, about, after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run cases against a target: verdicts, a capture a case, an HTML report.
    Run(Box<run::RunArgs>),
    /// Say what happened to the connections of a capture, and which requirements held.
    Check(check::CheckArgs),
    /// Tell a capture as a story, one line a segment.
    Show(show::ShowArgs),
    /// Look for mistakes in scripts of your own, and run nothing.
    Lint(lint::LintArgs),
    /// List the cases, the mutants or the requirements.
    List(list::ListArgs),
    /// Explain a requirement: its sentence, its cases, its mutants.
    Explain(explain::ExplainArgs),
    /// Print what a shell needs to complete the arguments of `conform`.
    Completions(generate::CompletionsArgs),
    /// Print the manual page, or write one for each subcommand.
    Man(generate::ManArgs),
    /// Be a target that is a process: the reference.
    #[command(hide = true)]
    Serve(serve::ServeArgs),
}

impl Cli {
    pub(crate) fn dispatch(&self) -> ExitCode {
        match &self.command {
            Command::Run(args) => run::run(args),
            Command::Check(args) => check::run(args),
            Command::Show(args) => show::run(args),
            Command::Lint(args) => lint::run(args),
            Command::List(args) => list::run(args),
            Command::Explain(args) => explain::run(args),
            Command::Completions(args) => generate::completions(args, Self::command()),
            Command::Man(args) => generate::man(args, Self::command()),
            Command::Serve(args) => serve::run(args),
        }
    }
}
