//! A process and its three pipes, none of which can make the bench wait for ever.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open, waitid,
};

use crate::adapter::{BadLine, Line, LineReader, shown};

/// Octets that one read takes.
const CHUNK_OCTETS: usize = 1 << 16;
/// The end of standard error that is kept.
const SAID_OCTETS_MAX: usize = 4_096;
/// Lines of it that are shown.
const SAID_LINES_MAX: usize = 5;
/// How often a process is asked whether it has ended, where the kernel does not tell.
const ENDED_POLL: Duration = Duration::from_millis(50);
/// How long a killed process may take to be gone, and its last words to be read.
const LAST_WORDS_PATIENCE: Duration = Duration::from_millis(200);

/// What came of waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Woken {
    /// Lines may have come, or there is room to write.
    Pipe,
    /// The device has a packet.
    Device,
    /// Nothing happened until the time was over.
    TimeOver,
    /// The process has ended, and all it wrote was read.
    Ended,
}

/// A running process in a process group of its own.
pub(super) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    lines: LineReader<Line>,
    said: VecDeque<u8>,
    chunk: Vec<u8>,
    /// How, if it has.
    ended: Option<String>,
    /// Can be read once it has ended; none on an old kernel.
    end: Option<OwnedFd>,
    reaped: Reaped,
}

impl Process {
    /// Starts `command` in the network of the calling thread.
    pub(super) fn start(command: &[String]) -> Result<Self, String> {
        let (program, arguments) = command.split_first().ok_or("no command")?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| format!("{program}: cannot be started: {error}"))?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let mut process = Self {
            child,
            stdin,
            stdout,
            stderr,
            lines: LineReader::default(),
            said: VecDeque::new(),
            chunk: vec![0; CHUNK_OCTETS],
            ended: None,
            end: None,
            reaped: Reaped::NotYet,
        };
        process.end = process.id().and_then(|id| pidfd_open(id, PidfdFlags::empty()).ok());
        process.never_wait().map_err(|error| format!("{program}: {error}"))?;
        Ok(process)
    }

    fn never_wait(&self) -> io::Result<()> {
        let pipes = [
            self.stdin.as_ref().map(AsFd::as_fd),
            self.stdout.as_ref().map(AsFd::as_fd),
            self.stderr.as_ref().map(AsFd::as_fd),
        ];
        pipes.into_iter().flatten().try_for_each(|pipe| Ok(rustix::io::ioctl_fionbio(pipe, true)?))
    }

    /// The next line that was read, if any.
    pub(super) fn next_line(&mut self) -> Option<Result<Line, BadLine>> {
        self.lines.next_line()
    }

    /// What it wrote since its last whole line.
    pub(super) fn unfinished(&self) -> String {
        self.lines.unfinished()
    }

    /// Writes as much of `octets` as the pipe takes now, and gives how many those were.
    pub(super) fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let Some(stdin) = self.stdin.as_ref() else { return Err(io::ErrorKind::BrokenPipe.into()) };
        match rustix::io::write(stdin, octets) {
            Ok(taken) => Ok(taken),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// Sleeps until something happens, at most until `deadline`, and reads what came. `room` says whether room to write
    /// counts as something.
    pub(super) fn wait(
        &mut self,
        deadline: Instant,
        room: Room,
        device: Option<BorrowedFd<'_>>,
    ) -> io::Result<Woken> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let [out, err, writable, packet, _] = self.poll(left.min(ENDED_POLL), room, device)?;
            if err {
                self.read_error();
            }
            if out {
                self.read_lines();
            }
            if packet {
                return Ok(Woken::Device);
            }
            if out || writable {
                return Ok(Woken::Pipe);
            }
            // Somebody else may hold the pipes open: a process of its own that it left behind.
            if self.has_ended() {
                self.read_lines();
                self.read_error();
                return Ok(Woken::Ended);
            }
            if left.is_zero() {
                return Ok(Woken::TimeOver);
            }
        }
    }

    fn poll(&self, patience: Duration, room: Room, device: Option<BorrowedFd<'_>>) -> io::Result<[bool; 5]> {
        let stdin = self.stdin.as_ref().filter(|_| room == Room::Counts);
        let sources = [
            (self.stdout.as_ref().map(AsFd::as_fd), PollFlags::IN),
            (self.stderr.as_ref().map(AsFd::as_fd), PollFlags::IN),
            (stdin.map(AsFd::as_fd), PollFlags::OUT),
            (device, PollFlags::IN),
            (self.end.as_ref().map(AsFd::as_fd), PollFlags::IN),
        ];
        let mut asked: Vec<(usize, PollFd<'_>)> = sources
            .into_iter()
            .enumerate()
            .filter_map(|(index, (fd, flags))| Some((index, PollFd::from_borrowed_fd(fd?, flags))))
            .collect();
        let mut fds: Vec<PollFd<'_>> = asked.iter().map(|(_, fd)| fd.clone()).collect();
        let timeout = Timespec::try_from(patience).map_err(io::Error::other)?;
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok([false; 5]),
            Err(error) => return Err(error.into()),
        }
        let mut ready = [false; 5];
        for ((index, _), fd) in asked.drain(..).zip(&fds) {
            if let Some(ready) = ready.get_mut(index) {
                *ready = !fd.revents().is_empty();
            }
        }
        Ok(ready)
    }

    /// Reads one piece of standard output: what lies behind it stays in the pipe, which holds the writer back.
    fn read_lines(&mut self) {
        let Some(stdout) = self.stdout.as_mut() else { return };
        match stdout.read(&mut self.chunk) {
            Ok(0) => self.stdout = None,
            Ok(taken) => self.lines.push(self.chunk.get(..taken).unwrap_or(&[])),
            Err(error) if is_passing(&error) => {}
            Err(_) => self.stdout = None,
        }
    }

    fn read_error(&mut self) {
        let Some(stderr) = self.stderr.as_mut() else { return };
        match stderr.read(&mut self.chunk) {
            Ok(0) => self.stderr = None,
            Ok(taken) => {
                self.said.extend(self.chunk.get(..taken).unwrap_or(&[]));
                let over = self.said.len().saturating_sub(SAID_OCTETS_MAX);
                self.said.drain(..over);
            }
            Err(error) if is_passing(&error) => {}
            Err(_) => self.stderr = None,
        }
    }

    fn has_ended(&mut self) -> bool {
        if self.ended.is_none() {
            // Its number stays its own until it is killed: a signal to its group must not meet strangers.
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
            let status = self.id().and_then(|id| waitid(WaitId::Pid(id), options).ok().flatten());
            self.ended = status.map(|status| match (status.exit_status(), status.terminating_signal()) {
                (Some(code), _) => format!("exit status {code}"),
                (None, Some(signal)) => format!("signal {signal}"),
                (None, None) => "an unknown status".to_owned(),
            });
        }
        self.ended.is_some()
    }

    fn id(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }

    /// Waits until it has ended, at most until `deadline`; what it still says is read and forgotten.
    pub(super) fn wait_for_end(&mut self, deadline: Instant) {
        while let Ok(Woken::Pipe | Woken::Device) = self.wait(deadline, Room::IsNothing, None) {
            self.lines = LineReader::default();
            if Instant::now() >= deadline {
                break;
            }
        }
    }

    /// How it ended; `None` as long as it runs.
    pub(super) fn ending(&self) -> Option<String> {
        self.ended.clone()
    }

    /// The last lines of standard error, in one line; empty if it said nothing.
    pub(super) fn last_words(&mut self) -> String {
        let octets: &[u8] = self.said.make_contiguous();
        let lines: Vec<&[u8]> =
            octets.split(|octet| *octet == b'\n').filter(|line| !line.is_empty()).collect();
        let from = lines.len().saturating_sub(SAID_LINES_MAX);
        let told = lines.get(from..).unwrap_or(&[]).iter().map(|line| shown(line).trim().to_owned());
        told.collect::<Vec<_>>().join(" | ")
    }

    /// No more is written to it: it reads the end of its input.
    pub(super) fn hang_up(&mut self) {
        self.stdin = None;
    }

    /// Kills it and all of its group that it left behind. Waits for it, so that no zombie stays, and for its last words.
    pub(super) fn kill(&mut self) {
        if self.reaped == Reaped::Yes {
            return;
        }
        self.has_ended();
        if let Some(group) = self.id() {
            let _ = kill_process_group(group, Signal::KILL);
        }
        self.hang_up();
        let deadline = Instant::now() + LAST_WORDS_PATIENCE;
        while self.stderr.is_some() && Instant::now() < deadline {
            self.read_error();
            if self.stderr.is_some() {
                // What is in standard output is not read any more.
                self.stdout = None;
                let left = deadline.saturating_duration_since(Instant::now());
                let _ = self.poll(left, Room::IsNothing, None);
            }
        }
        (self.stdout, self.stderr) = (None, None);
        let _ = self.child.wait();
        self.reaped = Reaped::Yes;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether the kernel may give its number to another process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reaped {
    NotYet,
    Yes,
}

/// Whether room to write is worth waking up for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    Counts,
    IsNothing,
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
