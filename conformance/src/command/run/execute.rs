//! Runs the cases against the targets, several at a time; what comes out does not depend on how many.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::case::Case;
use crate::command::selection::Selected;
use crate::record;
use crate::report::{CaseResult, KnownFailures, Report, Run, Strictness};
use crate::runner::{self, Terms};
use crate::target::TargetChoice;
use crate::target::child::Exchange;
use crate::target::mutant::{self, Mutant};
use crate::verdict::{Outcome, Verdict};

/// What a target is started with before the first case, to see that it can be.
const PROBE: &str = "title: p\nrequirements: HIA-MUST-1\nmutant: none\ntarget: plain\n\n+0 listen\n";

/// What to run, against what, and how.
pub(super) struct Plan<'a> {
    pub(super) targets: &'a [TargetChoice],
    pub(super) mutant: Option<&'a str>,
    pub(super) jobs: Option<NonZeroUsize>,
    pub(super) seed: u64,
    pub(super) exchange: &'a Exchange,
    pub(super) stopping: Stopping<'a>,
    pub(super) out: &'a Path,
    /// Whether there is a progress bar, if standard error is a terminal.
    pub(super) is_watched: bool,
}

/// When a run ends.
#[derive(Clone, Copy)]
pub(super) enum Stopping<'a> {
    /// After the last case.
    AtEnd,
    /// After the first failure that makes the run fail and is not known.
    AtFailure(Strictness, Option<&'a KnownFailures>),
}

/// One target with its name in reports and its folder for captures.
struct Bench<'a> {
    choice: &'a TargetChoice,
    exchange: &'a Exchange,
    broken: Option<&'static Mutant>,
    name: String,
    folder: PathBuf,
}

impl Plan<'_> {
    /// Runs the cases and writes their captures.
    ///
    /// # Errors
    ///
    /// Why the bench cannot run, in one line.
    pub(super) fn execute(&self, selected: Selected) -> Result<Report, String> {
        let benches = self.benches()?;
        for bench in &benches {
            fs::create_dir_all(&bench.folder)
                .map_err(|error| format!("{}: cannot make this folder: {error}", bench.folder.display()))?;
            bench.probe()?;
        }
        let Selected { cases, requirements, index, cases_of, .. } = selected;
        let mut outcomes = self.outcomes(&benches, &cases).into_iter();
        let mut runs = Vec::new();
        for bench in &benches {
            let mut results = Vec::new();
            for (case, outcome) in cases.iter().zip(outcomes.by_ref().take(cases.len())) {
                let capture = write_capture(&bench.folder, case, &outcome)?;
                results.push(CaseResult { outcome, capture, known: None });
            }
            runs.push(Run { target: bench.name.clone(), results });
        }
        Ok(Report { cases, requirements, index, cases_of, seed: self.seed, runs, stale: Vec::new() })
    }

    fn benches(&self) -> Result<Vec<Bench<'_>>, String> {
        let broken = match self.mutant {
            None => None,
            Some(name) => Some(mutant::named(name).ok_or_else(|| {
                format!("no mutant is called {name}; `conform list --mutants` shows them all")
            })?),
        };
        let mut folders = BTreeSet::new();
        let mut benches: Vec<Bench<'_>> = Vec::new();
        for choice in self.targets {
            if benches.iter().any(|bench| bench.choice == choice) {
                return Err(format!("--target {}: given twice", choice.name()));
            }
            let name = match broken {
                None => choice.name().to_owned(),
                Some(mutant) => format!("{}, mutant {}", choice.name(), mutant.name),
            };
            let folder = if self.targets.len() == 1 {
                self.out.to_owned()
            } else {
                self.out.join(folder_of(&name, &mut folders))
            };
            benches.push(Bench { choice, exchange: self.exchange, broken, name, folder });
        }
        Ok(benches)
    }

    /// What came of each case, target by target, in order; ends with the failure that stopped the run.
    fn outcomes(&self, benches: &[Bench<'_>], cases: &[Case]) -> Vec<Outcome> {
        let total = benches.len() * cases.len();
        let progress = self.progress(total);
        let next = AtomicUsize::new(0);
        // Tasks are taken in order, so all before the one that stops the run have been taken when it does.
        let end = AtomicUsize::new(total);
        let done: Mutex<Vec<(usize, Outcome)>> = Mutex::new(Vec::new());
        let work = || {
            loop {
                let index = next.fetch_add(1, Ordering::SeqCst);
                if index >= end.load(Ordering::SeqCst) {
                    return;
                }
                let (Some(bench), Some(case)) =
                    (benches.get(index / cases.len()), cases.get(index % cases.len()))
                else {
                    return;
                };
                progress.set_message(case.id.clone());
                let outcome = bench.run(case, self.seed);
                if self.stopping.stops_at(&bench.name, case, &outcome) {
                    end.fetch_min(index + 1, Ordering::SeqCst);
                }
                if let Ok(mut done) = done.lock() {
                    done.push((index, outcome));
                }
                progress.inc(1);
            }
        };
        let cores = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let jobs = self.jobs.unwrap_or(cores).get().min(total);
        thread::scope(|scope| {
            for _ in 1..jobs {
                scope.spawn(work);
            }
            work();
        });
        progress.finish_and_clear();
        let mut done = done.into_inner().unwrap_or_default();
        done.sort_by_key(|(index, _)| *index);
        done.truncate(end.into_inner());
        done.into_iter().map(|(_, outcome)| outcome).collect()
    }

    fn progress(&self, total: usize) -> ProgressBar {
        let progress = ProgressBar::new(u64::try_from(total).unwrap_or(u64::MAX));
        if !self.is_watched {
            // Where it is watched, it still hides itself if standard error is no terminal.
            progress.set_draw_target(ProgressDrawTarget::hidden());
        }
        let template = "{bar:30} {pos}/{len}  {eta} left  {wide_msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            progress.set_style(style);
        }
        progress
    }
}

impl Stopping<'_> {
    fn stops_at(&self, target: &str, case: &Case, outcome: &Outcome) -> bool {
        let Self::AtFailure(strictness, known) = self else { return false };
        matches!(outcome.verdict, Verdict::Fail(_))
            && strictness.counts(case)
            && !known.is_some_and(|known| known.names(target, &case.id))
    }
}

impl Bench<'_> {
    fn run(&self, case: &Case, seed: u64) -> Outcome {
        let terms = Terms { seed, wall_limit: self.exchange.wall_limit() };
        runner::run_with(case, terms, &|setup| {
            let target = self.choice.build_over(setup, self.exchange);
            match self.broken {
                None => target,
                Some(mutant) => target.map(|inner| mutant.of(inner, setup)),
            }
        })
    }

    /// Starts the target once, so that one that is not there is said once and not for every case.
    fn probe(&self) -> Result<(), String> {
        let probe = Case::parse("probe", PROBE).map_err(|error| error.to_string())?;
        match self.run(&probe, 0).verdict {
            Verdict::Inconclusive(reason) => Err(format!("target {}: {reason}", self.name)),
            // One that cannot even listen would fail each case in the same way.
            Verdict::Fail(failure) => Err(format!("target {}: {}", self.name, failure.because)),
            _ => Ok(()),
        }
    }
}

/// A name for a folder, of the letters, digits and dashes of `name`; not one of those that are `taken`.
fn folder_of(name: &str, taken: &mut BTreeSet<String>) -> String {
    let word: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let parts: Vec<&str> = word.split('-').filter(|part| !part.is_empty()).collect();
    let word = if parts.is_empty() { "target".to_owned() } else { parts.join("-") };
    let free = (1..).map(|n| if n == 1 { word.clone() } else { format!("{word}-{n}") });
    let folder = free.into_iter().find(|name| !taken.contains(name)).unwrap_or(word);
    taken.insert(folder.clone());
    folder
}

fn write_capture(folder: &Path, case: &Case, outcome: &Outcome) -> Result<Option<PathBuf>, String> {
    if outcome.frames.is_empty() {
        return Ok(None);
    }
    let path = folder.join(format!("{}.pcapng", case.capture_name()));
    let here = |error: io::Error| format!("{}: {error}", path.display());
    let octets = record::capture(case, &outcome.frames).map_err(here)?;
    fs::write(&path, octets).map_err(here)?;
    Ok(Some(path))
}
