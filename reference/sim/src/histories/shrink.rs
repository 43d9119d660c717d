//! The smallest story that still goes wrong in the same way.

use core::time::Duration;

use hiatus_engine::Time;

use crate::histories::oracle::Violation;
use crate::histories::rules::Broken;
use crate::histories::story::{Disturbance, HostPlan, Offload, Story, Trouble};
use crate::histories::{Telling, tell};
use crate::path::Strip;

/// Runs that one search takes at most.
const RUNS_MAX: u32 = 2000;
/// From one epoch to the next, in a story that was made smaller.
const EPOCH_INTERVAL_MAX: Duration = Duration::from_secs(60);

/// Makes `story` smaller as long as it shows a violation like `violation`.
#[must_use]
pub fn shrink(story: &Story, broken: Broken, violation: &Violation) -> Story {
    let mut smallest = story.clone();
    let mut runs = 0;
    let goes_wrong = |candidate: &Story| {
        let outcome = tell(candidate, broken, Telling::Nothing);
        outcome.violation.is_some_and(|found| found.is_like(violation))
    };
    loop {
        let mut is_smaller = false;
        let mut index = 0;
        while let Some(candidate) = candidate(&smallest, index) {
            runs += 1;
            if runs > RUNS_MAX {
                return smallest;
            }
            if candidate != smallest && goes_wrong(&candidate) {
                smallest = candidate;
                is_smaller = true;
            } else {
                index += 1;
            }
        }
        if !is_smaller {
            return smallest;
        }
    }
}

/// The `index`th way to make a story smaller.
fn candidate(story: &Story, index: usize) -> Option<Story> {
    let mut smaller = story.clone();
    let count = story.disturbances.len();
    if index < count {
        smaller.disturbances.remove(index);
        return Some(smaller);
    }
    let index = index - count;
    if index < count * 2 {
        let disturbance = smaller.disturbances.get_mut(index / 2)?;
        if index.is_multiple_of(2) {
            *disturbance = shorter(disturbance);
        } else {
            disturbance.at = rounded(disturbance.at);
        }
        smaller.disturbances.sort_by_key(|disturbance| disturbance.at);
        return Some(smaller);
    }
    let change = CHANGES.get(index - count * 2)?;
    change(&mut smaller);
    Some(smaller)
}

/// Ways to make a story smaller, whatever befalls its hosts.
const CHANGES: &[fn(&mut Story)] = &[
    |story| story.network.loss_per_mille = 0,
    |story| story.network.duplicates_per_mille = 0,
    |story| story.network.stragglers_per_mille = 0,
    |story| story.network.jitter = Duration::ZERO,
    |story| story.network.strip = Strip::Nothing,
    |story| story.network.offload = Offload::Whole,
    |story| story.network.isn_shift = [0; 2],
    |story| story.task.octets = (story.task.octets / 2).max(story.task.piece_octets),
    |story| {
        story.task.octets =
            story.task.octets.saturating_sub(story.task.piece_octets).max(story.task.piece_octets);
    },
    |story| {
        let pieces = story.task.octets / story.task.piece_octets;
        story.task.piece_octets = (story.task.piece_octets / 2).max(1);
        story.task.octets = pieces * story.task.piece_octets;
    },
    |story| story.task.pause = Duration::ZERO,
    |story| story.hosts.iter_mut().for_each(|host| host.mss_octets = 1400),
    |story| story.hosts.iter_mut().for_each(|host| host.receive_buffer_octets = 64 * 1024),
    |story| story.hosts.iter_mut().for_each(|host| host.hold_seconds = 3600),
    |story| story.hosts[0].durable_after_max = Duration::ZERO,
    |story| story.hosts[1].durable_after_max = Duration::ZERO,
    |story| fewer_epochs(&mut story.hosts[0]),
    |story| fewer_epochs(&mut story.hosts[1]),
    |story| story.network.delay = Duration::from_millis(10),
];

/// Epochs less often, up to one a minute.
fn fewer_epochs(host: &mut HostPlan) {
    host.snapshot_interval = (host.snapshot_interval * 4).min(EPOCH_INTERVAL_MAX).max(host.snapshot_interval);
}

/// The same disturbance with half its length.
fn shorter(disturbance: &Disturbance) -> Disturbance {
    let kind = match disturbance.kind {
        Trouble::Suspend { absence } => Trouble::Suspend { absence: absence / 2 },
        Trouble::PowerCut { absence } => Trouble::PowerCut { absence: absence / 2 },
        Trouble::Crash { downtime, to } => Trouble::Crash { downtime: downtime / 2, to },
        Trouble::Clone { of, lives, hears } => Trouble::Clone { of, lives: lives / 2, hears },
        Trouble::Twins { downtime, apart } => Trouble::Twins { downtime: downtime / 2, apart },
        Trouble::ClockJump { by } => Trouble::ClockJump { by: by / 2 },
        Trouble::Forgotten { segments } => Trouble::Forgotten { segments: (segments / 2).max(1) },
        Trouble::Outage { lasts } => Trouble::Outage { lasts: lasts / 2 },
        Trouble::Unawares { to } => Trouble::Unawares { to },
    };
    Disturbance { kind, ..*disturbance }
}

/// To whole milliseconds.
fn rounded(at: Time) -> Time {
    Time(at.micros() / 1000 * 1000)
}
