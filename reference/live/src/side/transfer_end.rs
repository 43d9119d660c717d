//! An end of a transfer: `hiatus-live transfer` on a host of the bed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;

use crate::bed::disk::Disk;
use crate::bed::program::{Output, Running};
use crate::bed::{Bed, End};
use crate::side::Side;
use crate::transfer::Line;
use crate::trouble::Trouble;

/// The port that host b listens on.
const PORT: u16 = 7000;
/// How long a start, or a return, may take: a RESUME that is lost comes again after a second, then after two.
const READY_PATIENCE: Duration = Duration::from_secs(20);

/// What both ends of a transfer are told.
#[derive(Debug, Clone)]
pub(crate) struct TransferPlan {
    /// The program: `hiatus-live`.
    pub(crate) program: PathBuf,
    /// Octets in each direction.
    pub(crate) octets: u64,
    /// What they are made from.
    pub(crate) seed: u64,
    /// Octets in a second that are written at most.
    pub(crate) rate: Option<u64>,
    /// From one epoch to the next.
    pub(crate) interval: Duration,
    /// How long data may stay unanswered.
    pub(crate) r2: Duration,
    /// How long a connection is held.
    pub(crate) hold: Duration,
    /// Where host b is as host a sees it.
    pub(crate) peer: std::net::SocketAddr,
}

impl TransferPlan {
    /// A plan with what is usual for the rest.
    pub(crate) fn new(program: &Path, octets: u64, seed: u64) -> Self {
        Self {
            program: program.to_path_buf(),
            octets,
            seed,
            rate: None,
            interval: Duration::from_millis(10),
            r2: Duration::from_secs(100),
            hold: Duration::from_secs(3600),
            peer: End::B.hiatus_port(PORT),
        }
    }
}

/// One end.
#[derive(Debug)]
pub(crate) struct TransferEnd {
    end: End,
    plan: TransferPlan,
    store: PathBuf,
    outside: PathBuf,
    /// The disk that the store is on, if it has one of its own.
    disk: Option<Disk>,
    running: Option<Running>,
    was_ready: bool,
    /// From each start after a kill until it was in step with its peer.
    recoveries: Vec<Duration>,
    is_done: bool,
    /// Octets received and checked when it said so last.
    received: u64,
    /// Octets sent when it said so last.
    sent: u64,
}

impl TransferEnd {
    /// An end that has never run; `name` names its folders and its log.
    pub(crate) fn new(bed: &Bed, end: End, name: &str, plan: &TransferPlan) -> Self {
        let folder = bed.folder().join(format!("{name}-{}", end.name()));
        Self {
            end,
            plan: plan.clone(),
            store: folder.join("store"),
            outside: folder.join("outside"),
            disk: None,
            running: None,
            was_ready: false,
            recoveries: Vec::new(),
            is_done: false,
            received: 0,
            sent: 0,
        }
    }

    /// The folder of what rolls back.
    pub(crate) fn store(&self) -> &Path {
        &self.store
    }

    /// Its store is on this disk from now on.
    pub(crate) fn put_store_on(&mut self, disk: Disk, store: PathBuf) {
        self.disk = Some(disk);
        self.store = store;
    }

    /// From each start after a kill until it was in step with its peer.
    pub(crate) fn recoveries(&self) -> &[Duration] {
        &self.recoveries
    }

    /// Octets sent when it said so last.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Whether it has said that it is done.
    pub(crate) fn is_done(&self) -> bool {
        self.is_done
    }

    /// Waits until everything has arrived, is right, and is durable.
    pub(crate) fn wait_done(&mut self, patience: Duration) -> Result<(), Trouble> {
        if self.is_done {
            return Ok(());
        }
        self.wait_for("the end of the transfer", patience, |line| {
            matches!(line, Line::Done { .. }).then_some(())
        })
    }

    /// Waits until so many octets were received and checked.
    pub(crate) fn wait_received(&mut self, octets: u64, patience: Duration) -> Result<(), Trouble> {
        if self.received >= octets {
            return Ok(());
        }
        self.wait_for(&format!("{octets} octets"), patience, |line| match *line {
            Line::Progress { received, .. } | Line::Done { received } => (received >= octets).then_some(()),
            _ => None,
        })
    }

    /// Waits for a line for which `wanted` gives something. That the connection is over, or an octet wrong, is a trouble.
    pub(crate) fn wait_for<T>(
        &mut self,
        what: &str,
        patience: Duration,
        mut wanted: impl FnMut(&Line) -> Option<T>,
    ) -> Result<T, Trouble> {
        self.wait_any(what, patience, |line| match line {
            Line::Over { .. } | Line::Wrong { .. } => Some(Err(line.clone())),
            _ => wanted(line).map(Ok),
        })?
        .map_err(|line| {
            Trouble::unexpected(format!("transfer at {}", self.end.name()), what, format!("{line:?}"))
        })
    }

    /// Waits until the connection is over too early; gives why.
    pub(crate) fn wait_over(&mut self, patience: Duration) -> Result<String, Trouble> {
        self.wait_any("the end of the connection", patience, |line| match line {
            Line::Over { reason } => Some(Ok(reason.clone())),
            Line::Wrong { .. } | Line::Done { .. } => Some(Err(line.clone())),
            _ => None,
        })?
        .map_err(|line| {
            let what = format!("transfer at {}", self.end.name());
            Trouble::unexpected(what, "a connection that ends early", format!("{line:?}"))
        })
    }

    fn wait_any<T>(
        &mut self,
        what: &str,
        patience: Duration,
        mut wanted: impl FnMut(&Line) -> Option<T>,
    ) -> Result<T, Trouble> {
        let running = running(&mut self.running, self.end)?;
        let (received, sent, is_done) = (&mut self.received, &mut self.sent, &mut self.is_done);
        running.wait_line(what, patience, |text| {
            let line: Line = serde_json::from_str(text).ok()?;
            match line {
                Line::Progress { received: received_now, sent: sent_now } => {
                    (*received, *sent) = (received_now, sent_now);
                }
                Line::Done { received: by_now } => (*received, *is_done) = (by_now, true),
                _ => {}
            }
            wanted(&line)
        })
    }

    /// Waits until it says from where it goes on; gives how many connections are back, and the octets sent.
    pub(crate) fn wait_started(&mut self) -> Result<(usize, u64), Trouble> {
        self.wait_for("its start", READY_PATIENCE, |line| match line {
            Line::Started { returned, sent, .. } => Some((*returned, *sent)),
            _ => None,
        })
    }

    /// Lets it go on for a while, and notes how far it is.
    pub(crate) fn go_on(&mut self, time: Duration) -> Result<(), Trouble> {
        match self.wait_for("time", time, |_| None::<()>) {
            Err(Trouble::Late { .. }) => Ok(()),
            other => other,
        }
    }

    /// Whether it has ever said `words`, for people.
    pub(crate) fn log_contains(&self, words: &str) -> Result<bool, Trouble> {
        let what = || Trouble::unexpected("log", "a program that was started", "none");
        self.running.as_ref().map(|running| running.log_contains(words)).ok_or_else(what)
    }

    /// Whether its program runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.running.as_mut().is_some_and(Running::is_running)
    }

    /// Gives it a word.
    pub(crate) fn say(&mut self, word: &str) -> Result<(), Trouble> {
        running(&mut self.running, self.end)?.say(word)
    }

    /// Copies its store to `to` while it stands still, as a snapshot of its disk would.
    pub(crate) fn copy_store(&mut self, to: &Path) -> Result<(), Trouble> {
        self.signal(Signal::STOP)?;
        let copied = copy_store(&self.store, to);
        self.signal(Signal::CONT)?;
        copied
    }

    /// Sends it a signal.
    pub(crate) fn signal(&mut self, signal: Signal) -> Result<(), Trouble> {
        running(&mut self.running, self.end)?.signal(signal)
    }

    /// Waits for the end of the program itself; gives whether it says that all went well, and its last words.
    pub(crate) fn wait_end(&mut self, patience: Duration) -> Result<(bool, String), Trouble> {
        let running = running(&mut self.running, self.end)?;
        let status = running.wait(patience)?;
        Ok((status.success(), running.last_words()))
    }

    /// The command line of an end whose memory is saved by others.
    pub(crate) fn line_without_store(end: End, plan: &TransferPlan) -> Vec<String> {
        let mut line = vec![
            plan.program.display().to_string(),
            "transfer".to_owned(),
            format!("--local={}", end.hiatus()),
            format!("--octets={}", plan.octets),
            format!("--seed={}", plan.seed),
            format!("--interval={}", plan.interval.as_millis()),
            format!("--r2={}", plan.r2.as_millis()),
            format!("--hold={}", plan.hold.as_secs()),
        ];
        line.extend(plan.rate.map(|rate| format!("--rate={rate}")));
        line.push(match end {
            End::A => format!("--connect={}", plan.peer),
            End::B => format!("--listen={}", plan.peer.port()),
        });
        line
    }

    fn line(&self) -> Vec<String> {
        let mut line = Self::line_without_store(self.end, &self.plan);
        line.push(format!("--store={}", self.store.display()));
        line.push(format!("--outside={}", self.outside.display()));
        line
    }
}

impl Side for TransferEnd {
    fn start(&mut self, bed: &Bed) -> Result<(), Trouble> {
        let line = match &self.disk {
            Some(disk) => disk.within(&self.line()),
            None => self.line(),
        };
        let name = format!("transfer-{}", self.end.name());
        self.running = Some(Running::start(bed.host(self.end), bed.folder(), &name, &line, &Output::Lines)?);
        Ok(())
    }

    fn kill(&mut self) -> Result<(), Trouble> {
        running(&mut self.running, self.end)?.kill()?;
        self.running = None;
        Ok(())
    }

    fn wait_ready(&mut self) -> Result<(), Trouble> {
        if !self.was_ready {
            self.wait_for("a connection with Hiatus", READY_PATIENCE, |line| {
                matches!(line, Line::Ready).then_some(())
            })?;
            self.was_ready = true;
            return Ok(());
        }
        let back = self.wait_for("its return", READY_PATIENCE, |line| match line {
            Line::Resumed { micros } => Some(Some(Duration::from_micros(*micros))),
            Line::Done { .. } => Some(None),
            _ => None,
        })?;
        self.recoveries.extend(back);
        Ok(())
    }
}

fn running(running: &mut Option<Running>, end: End) -> Result<&mut Running, Trouble> {
    running.as_mut().ok_or_else(|| {
        Trouble::unexpected(format!("transfer at {}", end.name()), "a program that was started", "none")
    })
}

/// Copies a store as it is on the disk at this instant: nobody may be writing to it.
pub(crate) fn copy_store(from: &Path, to: &Path) -> Result<(), Trouble> {
    let what = || Trouble::system(format!("copy of {} to {}", from.display(), to.display()));
    match fs::remove_dir_all(to) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(what()(error)),
        _ => {}
    }
    fs::create_dir_all(to).map_err(what())?;
    for entry in fs::read_dir(from).map_err(what())? {
        let entry = entry.map_err(what())?;
        fs::copy(entry.path(), to.join(entry.file_name())).map_err(what())?;
    }
    Ok(())
}
