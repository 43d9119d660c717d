//! `hiatus completions SHELL` and `hiatus man`: what clap knows, for a shell and for man.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::command::COULD_NOT_RUN;

/// Arguments of `hiatus completions`.
#[derive(clap::Args)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

pub(crate) fn completions(args: &CompletionsArgs) -> ExitCode {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "hiatus", &mut text);
    print(&text)
}

/// The manual page of the program, and behind it that of each command.
pub(crate) fn man() -> ExitCode {
    let mut program = Cli::command();
    program.build();
    let mut text = Vec::new();
    let commands: Vec<clap::Command> = program.get_subcommands().cloned().collect();
    for command in std::iter::once(program).chain(commands) {
        // Writing to memory does not fail.
        clap_mangen::Man::new(command).render(&mut text).ok();
    }
    print(&text)
}

fn print(text: &[u8]) -> ExitCode {
    match io::stdout().lock().write_all(text) {
        Ok(()) => ExitCode::SUCCESS,
        // Who reads no more has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(COULD_NOT_RUN),
    }
}
