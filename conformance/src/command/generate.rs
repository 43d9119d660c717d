//! `conform completions` and `conform man`: made from what the command line knows of itself.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;

/// `conform completions`: what a shell needs to complete its arguments.
#[derive(Debug, Clone, Args)]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// `conform man`: the manual.
#[derive(Debug, Clone, Args)]
pub struct ManArgs {
    /// Write a page for `conform` and one for each subcommand here; else the first goes to standard output.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Prints the completions of `command`. Exit codes: 0, or 2 if they cannot be printed.
#[must_use]
pub fn completions(args: &CompletionsArgs, mut command: Command) -> ExitCode {
    let name = command.get_name().to_owned();
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut text);
    finish("completions", super::list::print(&String::from_utf8_lossy(&text)))
}

/// Writes the manual of `command`. Exit codes: 0, or 2 if it cannot be written.
#[must_use]
pub fn man(args: &ManArgs, command: Command) -> ExitCode {
    let written = match &args.out {
        Some(folder) => pages(folder, command),
        None => page(&command)
            .map_err(|error| error.to_string())
            .and_then(|text| super::list::print(&String::from_utf8_lossy(&text))),
    };
    finish("man", written)
}

fn finish(name: &str, done: Result<(), String>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("conform {name}: {reason}");
            ExitCode::from(2)
        }
    }
}

fn page(command: &Command) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    Man::new(command.clone()).render(&mut text)?;
    Ok(text)
}

/// `conform.1`, and `conform-run.1` and the like beside it.
fn pages(folder: &Path, command: Command) -> Result<(), String> {
    fs::create_dir_all(folder)
        .map_err(|error| format!("{}: cannot make this folder: {error}", folder.display()))?;
    clap_mangen::generate_to(command.disable_help_subcommand(true), folder)
        .map_err(|error| format!("{}: {error}", folder.display()))
}
