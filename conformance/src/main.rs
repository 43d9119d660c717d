//! `conform`: runs the conformance suite, judges captures, tells them.

mod cli;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    cli::Cli::parse().dispatch()
}
