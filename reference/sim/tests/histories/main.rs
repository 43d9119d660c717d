//! Twenty thousand histories, each as its seed decides: nothing that the draft promises is broken in any, and every kind of
//! event occurs. `cargo xtask sim` runs millions.
//!
//! Seeds that ever failed stand in `seeds.txt` and are replayed first. With the feature `mutants`, each rule is broken in
//! turn, and the oracle notices.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[cfg(feature = "mutants")]
mod mutants;

use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Mutex;

use hiatus_sim::histories::{Broken, Kind, Story, Tally, Telling, Violation, shrink, tell};

/// What one run of the test tells.
const SEEDS: Range<u64> = 0..20_000;
/// Seeds that a thread takes at once.
const SHARE: u64 = 64;
/// Seeds that failed once: seed, what it was.
const KEPT: &str = include_str!("seeds.txt");

/// Tells the stories of `seeds` on all cores; gives what they held and the lowest seed that went wrong.
fn run(seeds: Range<u64>) -> (Tally, Option<(u64, Violation)>) {
    let next = AtomicU64::new(seeds.start);
    let total = Mutex::new((Tally::default(), None::<(u64, Violation)>));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let first = next.fetch_add(SHARE, Ordering::Relaxed);
                    if first >= seeds.end {
                        break;
                    }
                    for seed in first..(first + SHARE).min(seeds.end) {
                        let outcome = tell(&Story::draw(seed), Broken::Nothing, Telling::Nothing);
                        let mut total = total.lock().unwrap();
                        total.0.add(&outcome);
                        if let Some(violation) = outcome.violation
                            && total.1.as_ref().is_none_or(|(lowest, _)| seed < *lowest)
                        {
                            total.1 = Some((seed, violation));
                        }
                    }
                }
            });
        }
    });
    total.into_inner().unwrap()
}

/// The smallest story of a seed that went wrong, as a timeline.
fn explain(seed: u64, violation: &Violation) -> String {
    let story = shrink(&Story::draw(seed), Broken::Nothing, violation);
    let timeline = tell(&story, Broken::Nothing, Telling::Timeline).timeline.join("\n");
    format!("seed {seed}: {violation}\n{story}{timeline}\ncargo xtask sim --seed {seed} --show")
}

#[test]
fn seeds_that_failed_once_pass() {
    let lines = KEPT.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    for line in lines {
        let seed = line.split_whitespace().next().unwrap().parse().unwrap();
        if let Some(violation) = tell(&Story::draw(seed), Broken::Nothing, Telling::Nothing).violation {
            panic!("{}", explain(seed, &violation));
        }
    }
}

#[test]
fn no_history_breaks_a_promise() {
    let (tally, failure) = run(SEEDS);
    if let Some((seed, violation)) = failure {
        panic!("{}", explain(seed, &violation));
    }
    // Otherwise the test would not have tested what it says.
    for kind in Kind::ALL {
        assert!(tally.count(kind) > 0, "no history held: {}", kind.label());
    }
    assert!(tally.count(Kind::NoNeedlessEnd) * 20 > tally.histories, "few histories had to end well");
}

#[test]
fn same_story_runs_the_same_way() {
    for seed in 0..50 {
        let story = Story::draw(seed);
        let [first, second] = [(); 2].map(|()| tell(&story, Broken::Nothing, Telling::Timeline));
        assert_eq!((first.timeline, first.ends), (second.timeline, second.ends), "seed {seed}");
    }
}
