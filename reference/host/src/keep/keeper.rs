//! A keeper for machines without systemd: starts a process, keeps what it stores, and starts it again when it dies.

mod shelf;

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;
use tracing::{info, warn};

use crate::keep::keeper::shelf::Shelf;
use crate::sys;

/// What is passed on to the process, as it is.
const PASSED_ON: [i32; 5] = [SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2];
/// A process that lives for less, and was never ready, has crashed at its start.
const SHORT_LIFE: Duration = Duration::from_secs(1);
/// One that was ready has a reason to die that may come again at once.
const SHORT_READY_LIFE: Duration = Duration::from_millis(100);
/// From such a crash to the next attempt, and at most.
const BACK_OFF_MIN: Duration = Duration::from_millis(100);
const BACK_OFF_MAX: Duration = Duration::from_secs(10);
/// What a Rust program ends with that has panicked.
const PANICKED: i32 = 101;
/// What a shell says of a process that died by a signal, beside its number.
const BY_SIGNAL: i32 = 128;

type Signals = SignalDelivery<UnixStream, SignalOnly>;

/// Why nothing is kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeeperError {
    /// Signals, the socket, or poll(2).
    #[error("{what}: {error}")]
    System {
        /// What it is to the keeper.
        what: &'static str,
        /// What the kernel says.
        error: io::Error,
    },
    /// The program.
    #[error("{}: {error}", program.display())]
    Program {
        /// It.
        program: PathBuf,
        /// What the kernel says.
        error: io::Error,
    },
}

/// What is to run.
#[derive(Debug, Clone)]
pub struct Program {
    /// Starts the program in its own process, with LISTEN_PID: `hiatus keep --started --`.
    pub trampoline: Vec<String>,
    /// The program, with its arguments.
    pub words: Vec<String>,
}

/// Runs `program` until it ends by itself, or by a signal that was passed on; gives its exit status.
///
/// # Errors
///
/// A [`KeeperError`].
pub fn run(program: &Program) -> Result<u8, KeeperError> {
    let mut signals = signals().map_err(|error| KeeperError::System { what: "signals", error })?;
    let mut shelf = Shelf::new().map_err(|error| KeeperError::System { what: "socket", error })?;
    let mut keeper = Keeper { is_ending: false, was_ready: false, back_off: None };
    loop {
        let started = Instant::now();
        let mut child = spawn(program, &shelf)?;
        shelf.listen_to(child.id());
        let status = keeper.watch(&mut child, &mut shelf, &mut signals)?;
        // What it sent before it died is there still.
        shelf.take_all().map_err(|error| KeeperError::System { what: "socket", error })?;
        if let Some(code) = keeper.last_word(status) {
            return Ok(code);
        }
        warn!(%status, kept = shelf.count(), "the process died: it is started again");
        keeper.wait_before_next(started.elapsed(), &mut shelf, &mut signals)?;
        if keeper.is_ending {
            return Ok(ended_with(status));
        }
    }
}

struct Keeper {
    /// SIGTERM or SIGINT was passed on.
    is_ending: bool,
    /// The process has been ready once: what ends it later is an accident.
    was_ready: bool,
    back_off: Option<Duration>,
}

impl Keeper {
    fn watch(
        &mut self,
        child: &mut Child,
        shelf: &mut Shelf,
        signals: &mut Signals,
    ) -> Result<ExitStatus, KeeperError> {
        loop {
            if let Some(status) =
                child.try_wait().map_err(|error| KeeperError::System { what: "wait", error })?
            {
                return Ok(status);
            }
            wait(shelf, signals, None).map_err(|error| KeeperError::System { what: "poll", error })?;
            shelf.take_all().map_err(|error| KeeperError::System { what: "socket", error })?;
            self.was_ready |= shelf.is_ready();
            self.pass_on(Some(child), signals);
        }
    }

    fn pass_on(&mut self, child: Option<&Child>, signals: &mut Signals) {
        for number in signals.pending() {
            if number == SIGCHLD {
                continue;
            }
            self.is_ending |= matches!(number, SIGTERM | SIGINT);
            let pid = child.and_then(|child| i32::try_from(child.id()).ok()).and_then(Pid::from_raw);
            if let (Some(pid), Some(signal)) = (pid, Signal::from_named_raw(number))
                && let Err(error) = kill_process(pid, signal)
            {
                warn!(number, %error, "a signal could not be passed on");
            }
        }
    }

    /// What the keeper ends with, if the process is not to be started again.
    fn last_word(&self, status: ExitStatus) -> Option<u8> {
        let is_accident = match status.code() {
            None => true,
            Some(0) => false,
            // Before it was ready it says by itself what is wrong: its configuration, its rights.
            Some(code) => self.was_ready || code == PANICKED,
        };
        (self.is_ending || !is_accident).then(|| ended_with(status))
    }

    /// At once, but for a process that dies again and again.
    fn wait_before_next(
        &mut self,
        lived: Duration,
        shelf: &mut Shelf,
        signals: &mut Signals,
    ) -> Result<(), KeeperError> {
        let short = if shelf.is_ready() { SHORT_READY_LIFE } else { SHORT_LIFE };
        if lived >= short {
            self.back_off = None;
            return Ok(());
        }
        let Some(back_off) = self.back_off else {
            // Once is an accident.
            self.back_off = Some(BACK_OFF_MIN);
            return Ok(());
        };
        info!(wait_ms = back_off.as_millis(), "it dies at once: it is left alone for a moment");
        let until = Instant::now() + back_off;
        while !self.is_ending {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            wait(shelf, signals, Some(left)).map_err(|error| KeeperError::System { what: "poll", error })?;
            self.pass_on(None, signals);
        }
        self.back_off = Some((back_off * 2).min(BACK_OFF_MAX));
        Ok(())
    }
}

fn signals() -> io::Result<Signals> {
    let (read, write) = UnixStream::pair()?;
    SignalDelivery::with_pipe(read, write, SignalOnly, PASSED_ON.iter().chain([&SIGCHLD]))
}

fn wait(shelf: &Shelf, signals: &Signals, patience: Option<Duration>) -> io::Result<()> {
    let mut sources = [
        PollFd::from_borrowed_fd(shelf.as_fd(), PollFlags::IN),
        PollFd::from_borrowed_fd(signals.get_read().as_fd(), PollFlags::IN),
    ];
    let timeout = patience.and_then(|patience| Timespec::try_from(patience).ok());
    match poll(&mut sources, timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn spawn(kept: &Program, shelf: &Shelf) -> Result<Child, KeeperError> {
    let mut words = kept.trampoline.iter().chain(&kept.words);
    let program = words.next().map(PathBuf::from).unwrap_or_default();
    let mut command = Command::new(&program);
    command.args(words).env("NOTIFY_SOCKET", shelf.address());
    let (names, descriptors) = shelf.contents();
    if descriptors.is_empty() {
        command.env_remove("LISTEN_FDS").env_remove("LISTEN_FDNAMES");
    } else {
        command.env("LISTEN_FDS", descriptors.len().to_string()).env("LISTEN_FDNAMES", names);
    }
    sys::spawn_with(&mut command, &descriptors).map_err(|error| KeeperError::Program { program, error })
}

fn ended_with(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| BY_SIGNAL + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}
