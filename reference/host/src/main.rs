//! `hiatus`: hosts whose connections outlive them.

mod cli;
mod command;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // Commands that print nothing else log to stderr: RUST_LOG says what.
    let cli = cli::Cli::parse();
    command::run(cli.command)
}
