//! `conform`: the conformance suite's command line.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use hiatus_conformance::{check, show};

/// Conformance of TCP stacks to Hiatus.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say what happened to the connections of a capture, and which requirements held.
    Check(check::CheckArgs),
    /// Tell a capture as a story, one line a segment.
    Show(show::ShowArgs),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Check(args) => check::run(&args),
        Command::Show(args) => show::run(&args),
    }
}
