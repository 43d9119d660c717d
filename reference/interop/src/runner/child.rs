//! A process of a run: started, listened to, ended.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::report::{Done, Line};
use hiatus_interop::trouble::Trouble;

/// How long a process may take to end when it is told to.
const END_PATIENCE: Duration = Duration::from_secs(3);
/// How often it is looked after.
const END_POLL: Duration = Duration::from_millis(5);

/// A process that says [`Line`]s. It ends, at the latest, when this value is dropped; it ends by itself when its
/// standard input is closed, even by the kernel because this process was killed.
pub(super) struct Process {
    name: &'static str,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<Line>,
}

impl Process {
    /// Starts `program` with `arguments` in the network of this thread; its standard error goes to `log`.
    pub(super) fn start(
        name: &'static str,
        program: &Path,
        arguments: &[&str],
        log: &File,
    ) -> Result<Self, Trouble> {
        let start = || -> io::Result<Child> {
            Command::new(program)
                .args(arguments)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(log.try_clone()?)
                .spawn()
        };
        let mut child = start().map_err(Trouble::system(format!("start the process of {name}")))?;
        let stdin = child.stdin.take();
        let (sender, lines) = mpsc::channel();
        if let Some(stdout) = child.stdout.take() {
            thread::spawn(move || {
                for text in BufReader::new(stdout).lines() {
                    let Some(line) = text.ok().and_then(|text| serde_json::from_str(&text).ok()) else {
                        break;
                    };
                    if sender.send(line).is_err() {
                        break;
                    }
                }
            });
        }
        Ok(Self { name, child, stdin, lines })
    }

    /// The id by which the kernel knows it.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Tells it to go on.
    pub(super) fn go(&mut self) -> Result<(), Trouble> {
        let Some(stdin) = &mut self.stdin else { return Ok(()) };
        stdin.write_all(b"go\n").map_err(Trouble::system(format!("standard input of {}", self.name)))
    }

    /// The next line, or what it said instead.
    pub(super) fn next(&mut self, deadline: Instant) -> Result<Line, Trouble> {
        let patience = deadline.saturating_duration_since(Instant::now());
        self.lines.recv_timeout(patience).map_err(|error| match error {
            RecvTimeoutError::Timeout => self.broken("nothing until the deadline"),
            RecvTimeoutError::Disconnected => {
                let status =
                    self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
                self.broken(&format!("{status} without a report: see the log"))
            }
        })
    }

    /// Waits for a line that is not the end.
    pub(super) fn expect_progress(&mut self, deadline: Instant) -> Result<(), Trouble> {
        match self.next(deadline)? {
            Line::Done(done) => Err(self.broken(&done.findings.join("; "))),
            Line::Ready | Line::Listening => Ok(()),
        }
    }

    /// The report if it has come by now.
    pub(super) fn try_done(&mut self) -> Option<Result<Done, Trouble>> {
        match self.next(Instant::now()) {
            Ok(Line::Done(done)) => Some(Ok(done)),
            Ok(_) => None,
            Err(_) if !self.has_ended() => None,
            // What it said last may still be on its way through the thread that reads it.
            Err(_) => match self.next(Instant::now() + END_PATIENCE) {
                Ok(Line::Done(done)) => Some(Ok(done)),
                Ok(_) => None,
                Err(trouble) => Some(Err(trouble)),
            },
        }
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    fn broken(&self, found: &str) -> Trouble {
        Trouble::Broken { stack: self.name, found: found.to_owned() }
    }

    /// Closes its standard input, by which it is told to end, and waits for that; kills it if it does not.
    pub(super) fn end(&mut self) {
        self.stdin = None;
        let deadline = Instant::now() + END_PATIENCE;
        while !self.has_ended() {
            if Instant::now() > deadline {
                // It may have ended just now: then there is nothing to kill.
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            thread::sleep(END_POLL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}
