//! `hiatus`: hosts whose connections outlive them.

mod cli;
mod command;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli::Cli { command } = cli::Cli::parse();
    match command {}
}
