//! `hiatus keep`: a keeper for machines without systemd.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use hiatus_host::keep::keeper::{self, Program};

use crate::command::{COULD_NOT_RUN, log};

/// Arguments of `hiatus keep`.
#[derive(clap::Args)]
#[command(
    after_help = "The program is started with NOTIFY_SOCKET, LISTEN_FDS and LISTEN_FDNAMES as under systemd \
    (FDSTORE=1). It is started again at once when a signal ends it, and after it was ready whatever ends it but exit \
    status 0. SIGTERM, SIGINT, SIGHUP, SIGUSR1 and SIGUSR2 are passed on.\n\nExit status: that of the program."
)]
pub(crate) struct Args {
    /// This is the process of the program: only LISTEN_PID is missing.
    #[arg(long, hide = true)]
    started: bool,

    /// The program and its arguments.
    #[arg(required = true, trailing_var_arg = true, value_name = "PROGRAM")]
    program: Vec<String>,
}

pub(crate) fn run(args: &Args) -> ExitCode {
    let ended = if args.started { become_program(&args.program) } else { keep(&args.program) };
    ended.unwrap_or_else(|error| {
        anstream::eprintln!("hiatus keep: {error}");
        ExitCode::from(COULD_NOT_RUN)
    })
}

fn keep(program: &[String]) -> Result<ExitCode, Box<dyn std::error::Error>> {
    log::start();
    let own = std::env::current_exe()?;
    let started = [own.display().to_string(), "keep".to_owned(), "--started".to_owned(), "--".to_owned()];
    let program = Program { trampoline: started.to_vec(), words: program.to_vec() };
    Ok(ExitCode::from(keeper::run(&program)?))
}

/// sd_listen_fds(3): descriptors are for the process that LISTEN_PID names, and nobody else knows its number.
fn become_program(program: &[String]) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut words = program.iter();
    let name = words.next().ok_or("expected a program")?;
    let error = Command::new(name).args(words).env("LISTEN_PID", std::process::id().to_string()).exec();
    Err(format!("{name}: {error}").into())
}
