//! `cargo xtask model`: the search through every state of two connections, built for speed, with the terminal for its own.

use std::process::ExitCode;

use clap::Args;

use crate::shell::{Failure, Shell};

/// What could not be run at all.
const CANNOT_RUN: u8 = 2;

/// What `model` accepts.
#[derive(Args)]
pub(crate) struct ModelArgs {
    /// For the program `hiatus-model`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Builds the program and lends it this terminal; its exit status is ours.
pub(crate) fn run(shell: &Shell, args: &ModelArgs) -> Result<ExitCode, Failure> {
    let mut command = shell.cargo("run");
    command.args(["--quiet", "--release", "--package", "hiatus-model"]);
    command.arg("--").args(&args.rest);
    let status = command.status().map_err(|source| Failure::Start { program: "cargo".to_owned(), source })?;
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(CANNOT_RUN);
    Ok(ExitCode::from(code))
}
