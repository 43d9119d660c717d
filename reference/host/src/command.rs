//! What `hiatus` does, one file for each command: arguments, `run`, exit status.

pub(crate) mod ctl;
pub(crate) mod socketfs;
pub(crate) mod state;
pub(crate) mod status;

use std::process::ExitCode;

use crate::cli::Command;

/// What every command ends with that could not do what it was asked.
pub(crate) const COULD_NOT_RUN: u8 = 2;

pub(crate) fn run(command: Command) -> ExitCode {
    match command {
        Command::Status(args) => status::run(&args),
        Command::Ctl(args) => ctl::run(&args),
        Command::State(args) => state::run(&args),
        Command::Socketfs(args) => socketfs::run(&args),
    }
}
