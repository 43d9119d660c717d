//! All runs: several at once, each with a network of its own; progress, a table, and what went wrong.

mod child;
mod one;
mod show;

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::case::Case;
use crate::host::watch::Sent;
use crate::net::Dropped;

pub(crate) use show::{progress, summary_as_json, summary_as_table};

/// How runs are to be made.
pub(crate) struct Plan {
    /// This program, to start the processes of a run.
    pub(crate) program: PathBuf,
    /// Where logs and captures go.
    pub(crate) folder: PathBuf,
    /// Runs at once.
    pub(crate) jobs: usize,
    /// How long one may take.
    pub(crate) deadline: Duration,
    /// Whether the capture of a run that passed stays.
    pub(crate) keep: Keep,
}

/// Which captures stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Those of runs that failed.
    Failed,
    /// All.
    All,
}

/// How a run ended.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Outcome {
    #[serde(flatten)]
    pub(crate) case: Case,
    /// The run's name.
    pub(crate) name: String,
    /// What went wrong; empty if all is well.
    pub(crate) findings: Vec<String>,
    /// Seconds from the first SYN's turn to the orderly end, or to the failure.
    pub(crate) seconds: f64,
    /// What the engine sent.
    pub(crate) ours: Option<Sent>,
    /// What arrived of the peer's.
    pub(crate) theirs: Option<Sent>,
    /// What the network dropped.
    pub(crate) dropped: Dropped,
    /// The log of both processes.
    pub(crate) log: PathBuf,
    /// The capture, where it stayed.
    pub(crate) capture: Option<PathBuf>,
}

impl Outcome {
    /// Whether all is well.
    pub(crate) fn has_passed(&self) -> bool {
        self.findings.is_empty()
    }

    /// Octets of both streams in a second.
    pub(crate) fn octets_per_second(&self) -> f64 {
        // Streams are far shorter than 2^53 octets.
        let octets = u32::try_from(self.case.octets).map_or(f64::INFINITY, f64::from);
        2.0 * octets / self.seconds.max(f64::MIN_POSITIVE)
    }
}

/// Makes all runs, and tells `each` as they end. Gives them in the order of `cases`, and how long they took together.
pub(crate) fn run_all(
    plan: &Plan,
    cases: &[Case],
    mut each: impl FnMut(&Outcome),
) -> (Vec<Outcome>, Duration) {
    let started = Instant::now();
    let next = Mutex::new(cases.iter().enumerate());
    let (sender, receiver) = mpsc::channel();
    let mut outcomes: Vec<(usize, Outcome)> = Vec::new();
    thread::scope(|scope| {
        for _ in 0..plan.jobs.clamp(1, cases.len().max(1)) {
            let (next, sender) = (&next, sender.clone());
            scope.spawn(move || {
                // Nobody panics with the list in hand.
                while let Some((index, case)) = next.lock().ok().and_then(|mut next| next.next()) {
                    if sender.send((index, one::run(plan, case))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        for (index, outcome) in receiver {
            each(&outcome);
            outcomes.push((index, outcome));
        }
    });
    outcomes.sort_by_key(|(index, _)| *index);
    (outcomes.into_iter().map(|(_, outcome)| outcome).collect(), started.elapsed())
}
