//! A program that runs on a station: its lines, its log, its end.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::bed::station::Station;
use crate::trouble::Trouble;

/// How often an end is looked for.
const POLL: Duration = Duration::from_millis(5);
/// Lines of a program that are remembered for who asks why it fell silent.
const LINES_MAX: usize = 3;

/// Where the standard output of a program goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Output {
    /// To its log, line by line, and to [`Running::wait_line`].
    Lines,
    /// Into a file of its own.
    File(PathBuf),
}

/// A program that was started.
#[derive(Debug)]
pub(crate) struct Running {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    latest: VecDeque<String>,
    log: PathBuf,
}

impl Running {
    /// Starts `line` on `station`. Standard error goes to the log `NAME.log` in `folder`, to which it is appended.
    pub(crate) fn start(
        station: &Station,
        folder: &Path,
        name: &str,
        line: &[String],
        output: &Output,
    ) -> Result<Self, Trouble> {
        let log = folder.join(format!("{name}.log"));
        let of_log = || Trouble::system(format!("log {}", log.display()));
        let mut opened = OpenOptions::new().create(true).append(true).open(&log).map_err(of_log())?;
        writeln!(opened, "$ {}", line.join(" ")).map_err(of_log())?;
        let stderr = opened.try_clone().map_err(of_log())?;
        let stdout = match output {
            Output::Lines => Stdio::piped(),
            Output::File(path) => {
                File::create(path).map_err(Trouble::system(format!("file {}", path.display())))?.into()
            }
        };
        let mut child = station.spawn(line, move |command: &mut Command| {
            command.stdin(Stdio::piped()).stdout(stdout).stderr(stderr);
        })?;
        let (sent, lines) = channel();
        if let Some(stdout) = child.stdout.take() {
            thread::spawn(move || {
                for text in BufReader::new(stdout).lines().map_while(Result::ok) {
                    // The log is for people; who waits for lines gets them all the same.
                    writeln!(opened, "{text}").ok();
                    if sent.send(text).is_err() {
                        break;
                    }
                }
            });
        }
        let stdin = child.stdin.take();
        Ok(Self { name: name.to_owned(), child, stdin, lines, latest: VecDeque::new(), log })
    }

    /// Gives it `octets` in so many pieces, with pauses, and then the end of its standard input; returns at once.
    pub(crate) fn feed_slowly(
        &mut self,
        octets: Vec<u8>,
        pieces: usize,
        pause: Duration,
    ) -> Result<(), Trouble> {
        let what = format!("standard input of {}", self.name);
        let Some(mut stdin) = self.stdin.take() else {
            return Err(Trouble::unexpected(what, "one that is open", "one that is closed"));
        };
        thread::spawn(move || {
            for piece in octets.chunks(octets.len().div_ceil(pieces.max(1)).max(1)) {
                // A program that reads no more has ended, which is seen elsewhere.
                if stdin.write_all(piece).is_err() {
                    return;
                }
                thread::sleep(pause);
            }
        });
        Ok(())
    }

    /// Gives it a line on its standard input.
    pub(crate) fn say(&mut self, line: &str) -> Result<(), Trouble> {
        let what = format!("standard input of {}", self.name);
        let Some(stdin) = &mut self.stdin else {
            return Err(Trouble::unexpected(what, "one that is open", "one that is closed"));
        };
        writeln!(stdin, "{line}").and_then(|()| stdin.flush()).map_err(Trouble::system(what))
    }

    /// The next line for which `wanted` gives something.
    pub(crate) fn wait_line<T>(
        &mut self,
        what: &str,
        patience: Duration,
        mut wanted: impl FnMut(&str) -> Option<T>,
    ) -> Result<T, Trouble> {
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    let found = wanted(&line);
                    self.latest.push_back(line);
                    if self.latest.len() > LINES_MAX {
                        self.latest.pop_front();
                    }
                    if let Some(found) = found {
                        return Ok(found);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    let what = what.to_owned();
                    return Err(Trouble::Late {
                        what,
                        patience,
                        of: self.name.clone(),
                        last: self.last_words(),
                    });
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let status =
                        self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
                    let found = format!("its end ({status}); its last words: {}", self.last_words());
                    return Err(Trouble::unexpected(&self.name, what, found));
                }
            }
        }
    }

    /// What it said last, on standard output or standard error.
    pub(crate) fn last_words(&self) -> String {
        let mut text = String::new();
        if let Ok(mut file) = File::open(&self.log) {
            file.read_to_string(&mut text).ok();
        }
        let mut lines: Vec<&str> =
            text.lines().rev().filter(|line| !line.starts_with("$ ")).take(LINES_MAX).collect();
        lines.reverse();
        if lines.is_empty() { "nothing".to_owned() } else { lines.join(" | ") }
    }

    /// How many lines of its log end so.
    pub(crate) fn count_lines(&self, end: &str) -> usize {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        text.lines().filter(|line| line.ends_with(end)).count()
    }

    /// Whether its log has `words`.
    pub(crate) fn log_contains(&self, words: &str) -> bool {
        std::fs::read_to_string(&self.log).is_ok_and(|text| text.contains(words))
    }

    /// SIGKILL, as a power cut would be to it; returns when it is gone.
    pub(crate) fn kill(&mut self) -> Result<(), Trouble> {
        let what = format!("SIGKILL of {}", self.name);
        if let Some(status) = self.child.try_wait().map_err(Trouble::system(what.clone()))? {
            let found = format!("its end ({status}); its last words: {}", self.last_words());
            return Err(Trouble::unexpected(&self.name, "a program that runs", found));
        }
        self.child.kill().map_err(Trouble::system(what.clone()))?;
        self.child.wait().map_err(Trouble::system(what))?;
        Ok(())
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) -> Result<(), Trouble> {
        let what = format!("signal to {}", self.name);
        let process = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let Some(process) = process else {
            return Err(Trouble::unexpected(what, "a process id", self.child.id().to_string()));
        };
        kill_process(process, signal).map_err(|error| Trouble::System { what, source: error.into() })
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it is running.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self, patience: Duration) -> Result<ExitStatus, Trouble> {
        let deadline = Instant::now() + patience;
        loop {
            let ended = self.child.try_wait().map_err(Trouble::system(format!("end of {}", self.name)))?;
            if let Some(status) = ended {
                return Ok(status);
            }
            if Instant::now() > deadline {
                let what = format!("the end of {}", self.name);
                return Err(Trouble::Late { what, patience, of: self.name.clone(), last: self.last_words() });
            }
            thread::sleep(POLL);
        }
    }

    /// Waits for an end with exit status 0.
    pub(crate) fn wait_success(&mut self, patience: Duration) -> Result<(), Trouble> {
        let status = self.wait(patience)?;
        if status.success() {
            return Ok(());
        }
        let found = format!("{status}; its last words: {}", self.last_words());
        Err(Trouble::unexpected(format!("end of {}", self.name), "exit status 0", found))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
