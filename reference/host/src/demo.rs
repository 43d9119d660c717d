//! What `hiatus demo` shows: the same transfer twice, over plain TCP and over Hiatus, while one host loses its power.
//!
//! Both stories run side by side in real time, in this process: two hosts each, over a link with a delay and a rate. Host B
//! loses everything in memory at instants that a seed chooses. Over plain TCP it comes back in the two ways there are: from
//! an image of its memory, as a virtual machine does, or without any state. Over Hiatus it comes back from the latest durable
//! epoch of a store on the disk. Every octet that an application reads is compared.

mod application;
mod chart;
mod hiatus;
mod ladder;
mod picture;
mod plain;
mod report;
mod screen;
mod story;
mod wire;

use std::ops::ControlFlow;
use std::path::Path;
use std::thread;
use std::time::Duration;

use hiatus_engine::{RestoreError, Time};
use serde::Serialize;

use crate::clock::Clock;
use crate::epochs::{Keeping, StartError};
pub use chart::text_chart;
use hiatus::HiatusStory;
pub use hiatus::{HiatusOutcome, Recovery};
pub use ladder::{LadderLine, Moment};
pub use picture::{PictureError, picture};
use plain::PlainStory;
pub use plain::{Mishap, PlainOutcome, Return};
pub use report::summary;
pub use screen::{Look, Screen};

/// From one turn to the next. Turns that come late are made up for, one after the other: a busy machine delays the stories
/// and does not change them.
const TURN: Duration = Duration::from_micros(500);
/// From one point of the chart to the next.
const POINT_EVERY: Duration = Duration::from_millis(40);
/// So many times what the transfer takes at the link's rate it may take at most.
const PATIENCE_FACTOR: u32 = 6;
/// Beside that.
const PATIENCE_MIN: Duration = Duration::from_secs(30);

/// What is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// What chooses the instants of the power cuts.
    pub seed: u64,
    /// Octets in each direction.
    pub octets: u64,
    /// How often host B loses its power.
    pub cuts: u32,
    /// For how long it is off, in milliseconds.
    pub away_ms: u64,
    /// What a packet takes from one host to the other, in microseconds.
    pub delay_us: u64,
    /// What the link carries in each direction, in octets a second.
    pub octets_per_second: u64,
    /// How long the applications of plain TCP wait for an octet before they begin again, in milliseconds.
    pub patience_ms: u64,
    /// From one epoch, or one image of the memory, to the next, in milliseconds.
    pub epoch_ms: u64,
}

impl Plan {
    /// About 15 seconds.
    #[must_use]
    pub const fn long(seed: u64) -> Self {
        Self {
            seed,
            octets: 8 << 20,
            cuts: 4,
            away_ms: 600,
            delay_us: 5_000,
            octets_per_second: 1 << 20,
            patience_ms: 1_200,
            epoch_ms: 20,
        }
    }

    /// About two seconds, for tests and for those in a hurry.
    #[must_use]
    pub const fn fast(seed: u64) -> Self {
        Self {
            seed,
            octets: 1 << 20,
            cuts: 3,
            away_ms: 100,
            delay_us: 2_000,
            octets_per_second: 1 << 20,
            patience_ms: 250,
            epoch_ms: 20,
        }
    }

    fn longest(&self) -> Duration {
        let at_rate = Duration::from_secs(self.octets / self.octets_per_second.max(1) + 1);
        PATIENCE_MIN + at_rate * PATIENCE_FACTOR + Duration::from_millis(self.away_ms) * self.cuts
    }
}

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    /// Over plain TCP.
    Plain,
    /// Over Hiatus.
    Hiatus,
    /// Both.
    Both,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct News {
    /// When, in milliseconds from the start.
    pub at_ms: u64,
    /// In which story.
    pub of: Which,
    /// What.
    pub text: String,
}

/// How far a story is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Progress {
    /// Octets that the application on B has read of this attempt.
    pub at_b: u64,
    /// Octets that the application on A has.
    pub at_a: u64,
}

impl Progress {
    /// Both.
    #[must_use]
    pub const fn sum(self) -> u64 {
        self.at_a + self.at_b
    }
}

/// A point of the chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Point {
    /// When, in milliseconds from the start.
    pub at_ms: u64,
    /// Octets over plain TCP, both directions.
    pub plain: u64,
    /// The same over Hiatus.
    pub hiatus: u64,
}

/// What is told while it runs.
#[derive(Debug)]
pub struct Frame<'f> {
    /// When, in milliseconds from the start.
    pub at_ms: u64,
    /// Over plain TCP.
    pub plain: Progress,
    /// Over Hiatus.
    pub hiatus: Progress,
    /// Whether host B has power.
    pub is_b_on: bool,
    /// All news so far.
    pub news: &'f [News],
}

/// What came of it.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// What was shown.
    pub plan: Plan,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// When host B lost its power, in milliseconds from the start.
    pub cuts_ms: Vec<u64>,
    /// Over plain TCP.
    pub plain: PlainOutcome,
    /// Over Hiatus.
    pub hiatus: HiatusOutcome,
    /// All news.
    pub news: Vec<News>,
    /// The chart.
    pub points: Vec<Point>,
    /// The segments around the first recovery.
    pub ladder: Vec<LadderLine>,
}

/// Why the demo cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// The store on the disk.
    #[error(transparent)]
    Start(#[from] StartError),
    /// What was in the store.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// Whoever is shown it wants no more.
    #[error("stopped")]
    Stopped,
    /// The store had no epoch after a power cut.
    #[error("the store has no epoch")]
    NoEpoch,
    /// An endpoint refused a call.
    #[error("{what}: {why}")]
    Refused {
        /// The call.
        what: &'static str,
        /// What it said.
        why: String,
    },
}

/// Fractions of the transfer, in thousandths, at which the power goes: one in the middle of each piece, or near it.
fn cuts(plan: &Plan) -> Vec<u64> {
    let mut dice = plan.seed;
    let pieces = u64::from(plan.cuts);
    let one = |index: u64| {
        // SplitMix64: a step, and a mixture of it.
        dice = dice.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (dice ^ (dice >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let within = 150 + (mixed ^ (mixed >> 31)) % 700;
        (index * 1_000 + within) / pieces.max(1)
    };
    (0..pieces).map(one).collect()
}

/// Runs both stories until the one over Hiatus is complete. `keep` is an empty folder for the store; `show` is told how far
/// they are, and may break off.
///
/// # Errors
///
/// A [`DemoError`]. That octets are lost or wrong is none: the outcome says so.
pub fn run(
    plan: &Plan,
    keep: &Path,
    show: &mut dyn FnMut(&Frame<'_>) -> ControlFlow<()>,
) -> Result<Outcome, DemoError> {
    let clock = Clock::start();
    let mut shown = Run {
        plan: *plan,
        plain: PlainStory::new(plan, clock.now())?,
        hiatus: HiatusStory::new(plan, Keeping::in_folder(keep), clock.now())?,
        to_come: cuts(plan),
        cuts_ms: Vec::new(),
        back_at: None,
        news: Vec::new(),
        points: Vec::new(),
    };
    let mut now = clock.now();
    let end = now + plan.longest();
    while !shown.is_over(now) && now < end {
        if now < clock.now() {
            now = now + TURN;
            shown.turn(now)?;
            if show(&shown.frame(now)).is_break() {
                return Err(DemoError::Stopped);
            }
        } else {
            thread::sleep(TURN);
        }
    }
    Ok(shown.outcome(millis(now)))
}

/// Milliseconds from the start.
pub(crate) fn millis(at: Time) -> u64 {
    at.micros() / 1_000
}

/// Both stories under way.
struct Run {
    plan: Plan,
    plain: PlainStory,
    hiatus: HiatusStory,
    /// Thousandths of the transfer over Hiatus at which the power goes.
    to_come: Vec<u64>,
    cuts_ms: Vec<u64>,
    back_at: Option<Time>,
    news: Vec<News>,
    points: Vec<Point>,
}

impl Run {
    fn is_over(&self, now: Time) -> bool {
        self.hiatus.is_complete() && self.plain.has_settled(now)
    }

    fn turn(&mut self, now: Time) -> Result<(), DemoError> {
        self.switch_power(now)?;
        self.plain.turn(now, &mut self.news)?;
        self.hiatus.turn(now, &mut self.news)?;
        let (plain, hiatus) = (self.plain.progress().sum(), self.hiatus.progress().sum());
        let at_ms = millis(now);
        let is_due = self.points.last().is_none_or(|last| {
            Duration::from_millis(at_ms.saturating_sub(last.at_ms)) >= POINT_EVERY || plain < last.plain
        });
        if is_due {
            self.points.push(Point { at_ms, plain, hiatus });
        }
        Ok(())
    }

    fn switch_power(&mut self, now: Time) -> Result<(), DemoError> {
        if let Some(back_at) = self.back_at {
            if back_at <= now {
                self.back_at = None;
                self.plain.power_back(now, &mut self.news)?;
                self.hiatus.power_back(now, &mut self.news)?;
            }
            return Ok(());
        }
        let done = self.hiatus.progress().sum() * 1_000 / (2 * self.plan.octets).max(1);
        if self.to_come.first().is_some_and(|next| *next <= done) {
            self.to_come.remove(0);
            self.cuts_ms.push(millis(now));
            let text = format!("power cut {}: all in the memory of host B is gone", self.cuts_ms.len());
            self.news.push(News { at_ms: millis(now), of: Which::Both, text });
            self.plain.power_cut(now);
            self.hiatus.power_cut(now);
            self.back_at = Some(now + Duration::from_millis(self.plan.away_ms));
        }
        Ok(())
    }

    fn frame(&self, now: Time) -> Frame<'_> {
        Frame {
            at_ms: millis(now),
            plain: self.plain.progress(),
            hiatus: self.hiatus.progress(),
            is_b_on: self.back_at.is_none(),
            news: &self.news,
        }
    }

    fn outcome(self, took_ms: u64) -> Outcome {
        let Self { plan, plain, hiatus, cuts_ms, news, mut points, .. } = self;
        points.push(Point { at_ms: took_ms, plain: plain.progress().sum(), hiatus: hiatus.progress().sum() });
        let (hiatus, ladder) = hiatus.outcome(cuts_ms.len());
        Outcome { plan, took_ms, cuts_ms, plain: plain.outcome(), hiatus, news, points, ladder }
    }
}

#[cfg(test)]
mod tests {
    use super::{Plan, cuts};

    #[test]
    fn the_seed_chooses_the_instants() {
        let of = |seed| cuts(&Plan::long(seed));
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
        for seed in 0..50 {
            let instants = of(seed);
            assert_eq!(instants.len(), 4);
            assert!(
                instants.is_sorted() && instants.iter().all(|at| (1..1_000).contains(at)),
                "{instants:?}"
            );
        }
    }
}
