//! What `hiatus` does, one file for each command: arguments, `run`, exit status.

pub(crate) mod ctl;
pub(crate) mod demo;
pub(crate) mod keep;
pub(crate) mod log;
pub(crate) mod pages;
pub(crate) mod proxy;
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
        Command::Proxy(args) => proxy::run(&args),
        Command::Keep(args) => keep::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Completions(args) => pages::completions(&args),
        Command::Man => pages::man(),
        Command::State(args) => state::run(&args),
        Command::Socketfs(args) => socketfs::run(&args),
    }
}
