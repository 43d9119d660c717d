//! Histories: two hosts with applications, snapshots and stores, and everything that may befall them, from one seed.
//!
//! [`Story::draw`] makes a story of a seed, [`tell`] runs it with the real engine, and an oracle looks at every step
//! whether what the draft promises holds ({#theorem}): in step, what an application read is what its peer wrote;
//! otherwise the connection ends with a reason; nothing hangs. [`shrink`] finds the smallest story that goes wrong.

mod agenda;
mod app;
mod draw;
mod host;
mod network;
mod oracle;
mod rules;
mod shrink;
mod store;
mod story;
mod tally;
mod timeline;
mod trouble;
mod world;

use core::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

pub use host::End;
pub use oracle::Violation;
pub use rules::{Broken, HostRule};
pub use shrink::shrink;
pub use story::{
    Absence, Disturbance, Hears, HostPlan, Network, Offload, Restore, Story, Task, TaskKind, Trouble,
};
pub use tally::{Kind, Seen, Tally};
pub use timeline::Telling;

use world::World;

/// What came of a story.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Outcome {
    /// What must not be, if anything.
    pub violation: Option<Violation>,
    /// What the history held.
    pub seen: Seen,
    /// How the connection ended at A and at B; `None` where it did not.
    pub ends: [Option<End>; 2],
    /// Segments that hosts sent.
    pub segments: u32,
    /// Epochs that were TAKEN.
    pub epochs: usize,
    /// The timeline, if one was asked for.
    pub timeline: Vec<String>,
}

/// Runs `story` with one rule broken, or none.
#[must_use]
pub fn tell(story: &Story, broken: Broken, telling: Telling) -> Outcome {
    let mut world = World::new(story, broken, telling);
    let panicked = catch_unwind(AssertUnwindSafe(|| world.run())).err();
    if let Some(panic) = panicked {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        world.violation = Some(Violation::Panic { text: text.unwrap_or_default() });
    }
    let [a, b] = &world.hosts;
    Outcome {
        ends: [a.end(), b.end()],
        seen: world.seen,
        segments: world.segments,
        epochs: a.store.epochs.len() + b.store.epochs.len(),
        violation: world.violation,
        timeline: world.timeline.into_lines(),
    }
}
