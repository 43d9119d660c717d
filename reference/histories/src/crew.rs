//! All cores run histories, each seed once; a bar says how far they are.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use hiatus_sim::histories::{Broken, Story, Tally, Telling, Violation, tell};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Seeds that a thread takes at once.
const SHARE: u64 = 256;
/// How often the bar is drawn anew.
const TICK: Duration = Duration::from_millis(100);

/// What a crew does when a history goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// It stops.
    Stops,
    /// It goes on, to count them.
    GoesOn,
}

/// What many histories came to.
pub(crate) struct Run {
    pub(crate) tally: Tally,
    /// Histories that went wrong.
    pub(crate) violations: u64,
    /// The lowest seed that went wrong before all stopped, and how.
    pub(crate) failure: Option<(u64, Violation)>,
    /// Of each way to go wrong, how often it came and the lowest seed; few enough to look through.
    pub(crate) ways: Vec<(Violation, u64, u64)>,
    pub(crate) jobs: usize,
}

/// Runs every seed of `seeds`, or as many as are under way when one goes wrong.
pub(crate) fn run(seeds: Range<u64>, broken: Broken, jobs: Option<usize>, patience: Patience) -> Run {
    let jobs = jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)).max(1);
    let next = AtomicU64::new(seeds.start);
    let stops = AtomicBool::new(false);
    let total =
        Mutex::new(Run { tally: Tally::default(), violations: 0, failure: None, ways: Vec::new(), jobs });
    let bar = ProgressBar::with_draw_target(Some(seeds.end - seeds.start), ProgressDrawTarget::stderr());
    if let Ok(style) =
        ProgressStyle::with_template("{wide_bar} {human_pos} of {human_len} histories, {per_sec}, {eta} left")
    {
        bar.set_style(style);
    }
    bar.enable_steady_tick(TICK);
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while !stops.load(Ordering::Relaxed) {
                    let first = next.fetch_add(SHARE, Ordering::Relaxed);
                    if first >= seeds.end {
                        break;
                    }
                    let share = first..first.saturating_add(SHARE).min(seeds.end);
                    let length = share.end - share.start;
                    work(share, broken, &total);
                    let failed = total.lock().is_ok_and(|total| total.failure.is_some());
                    stops.fetch_or(failed && patience == Patience::Stops, Ordering::Relaxed);
                    bar.inc(length);
                }
            });
        }
    });
    bar.finish_and_clear();
    total.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn work(seeds: Range<u64>, broken: Broken, total: &Mutex<Run>) {
    let mut tally = Tally::default();
    let mut wrong = Vec::new();
    for seed in seeds {
        let outcome = tell(&Story::draw(seed), broken, Telling::Nothing);
        tally.add(&outcome);
        // What goes wrong with every rule kept does not show that the broken one is needed.
        let is_due = || {
            broken == Broken::Nothing
                || tell(&Story::draw(seed), Broken::Nothing, Telling::Nothing).violation.is_none()
        };
        if let Some(violation) = outcome.violation.filter(|_| is_due()) {
            wrong.push((seed, violation));
        }
    }
    let mut total = total.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    total.tally.merge(&tally);
    for (seed, violation) in wrong {
        total.violations += 1;
        match total.ways.iter_mut().find(|(way, ..)| way.is_like(&violation)) {
            Some((_, count, lowest)) => (*count, *lowest) = (*count + 1, seed.min(*lowest)),
            None => total.ways.push((violation.clone(), 1, seed)),
        }
        if total.failure.as_ref().is_none_or(|(lowest, _)| seed < *lowest) {
            total.failure = Some((seed, violation));
        }
    }
}
