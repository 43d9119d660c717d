//! How long it takes from RESUME until octets flow again, and how many are sent again.

use core::time::Duration;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use hiatus_codec::Nonce;
use hiatus_engine::{Command, SelfState, Time};
use serde::{Deserialize, Serialize};

use crate::application::{Application, Messages};
use crate::end::States;
use crate::placement::{Conditions, Keeping, Losses, Placement, Roles, Sends, twins, world};
use crate::world::World;

/// Octets of a record, and from one to the next: as in the captures of plain TCP.
const RECORD_OCTETS: u64 = 64;
const RECORD_EVERY: Duration = Duration::from_millis(100);
const RECORDS: u32 = 2000;
/// From one TAKEN to the next; a tenth of it to DURABLE.
const INTERVAL_MS: u64 = 1000;
const RATE_MBIT_S: u64 = 10;
/// When the first of the runs is cut off; the others are at other phases of the interval.
const CUT_AT: Time = Time::from_secs(10);
const CUT_STEP: Duration = Duration::from_millis(37);
/// How long a host is away.
const AWAY: Duration = Duration::from_secs(5);
/// Runs of a row without loss, and with.
const RUNS: u32 = 50;
const RUNS_WITH_LOSS: u32 = 400;
/// A recovery that takes longer is none.
const TIME_MAX: Duration = Duration::from_secs(600);
const MICROS_PER_TICK: u64 = 1000;

/// What happens to the ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mishap {
    /// The host is cut off and comes back with its memory; records go both ways.
    PowerCut,
    /// The host, which receives, comes back with an older state.
    ReceiverRollback,
    /// The host, which sends, does.
    SenderRollback,
    /// Both ends do; records go both ways.
    BothRollback,
}

impl Mishap {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::PowerCut, Self::ReceiverRollback, Self::SenderRollback, Self::BothRollback];

    /// Whether a record is awaited at the host, and at its peer.
    fn receives(self) -> [bool; 2] {
        match self {
            Self::PowerCut | Self::BothRollback => [true, true],
            Self::ReceiverRollback => [true, false],
            Self::SenderRollback => [false, true],
        }
    }
}

/// One row of the table of recoveries: figures of many runs, the phase of the interval being another in each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// What happened.
    pub mishap: Mishap,
    /// There and back.
    pub rtt_ms: u64,
    /// Packets lost, in a thousand, both ways.
    pub loss_per_mille: u32,
    /// How many.
    pub runs: u32,
    /// Of these, ended without a recovery.
    pub failed: u32,
    /// From the first RESUME until no end is RESUMING, on average.
    pub in_step_us: u64,
    /// Until every application that receives has got an octet that none of its histories had before, on average. Where a
    /// sender was rolled back, hold-send makes new octets wait for its next epoch besides.
    pub new_octet_us: u64,
    /// The longest of these times.
    pub new_octet_us_max: u64,
    /// Octets sent again until then, both ways, on average.
    pub again_octets: u64,
}

/// All rows, in order.
#[must_use]
pub fn conditions() -> Vec<(Mishap, u64, u32)> {
    let losses = [0, 20];
    let rows = losses.iter().flat_map(|loss| {
        Mishap::ALL.iter().flat_map(move |mishap| [1, 20, 200].map(|rtt_ms| (*mishap, rtt_ms, *loss)))
    });
    rows.collect()
}

/// Measures all rows on so many threads; calls `done` after each.
pub fn measure(threads: usize, done: impl Fn() + Sync) -> Vec<Recovery> {
    let conditions = conditions();
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some((mishap, rtt_ms, loss_per_mille)) = conditions.get(index) else { return };
                    let row = recover(*mishap, *rtt_ms, *loss_per_mille);
                    if let Ok(mut found) = found.lock() {
                        found.push((index, row));
                    }
                    done();
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap_or_default();
    found.sort_by_key(|(index, _)| *index);
    found.into_iter().map(|(_, row)| row).collect()
}

/// Measures one row.
#[must_use]
pub fn recover(mishap: Mishap, rtt_ms: u64, loss_per_mille: u32) -> Recovery {
    let runs = if loss_per_mille == 0 { RUNS } else { RUNS_WITH_LOSS };
    let (mut recovered, mut in_step_us, mut new_us, mut new_us_max, mut again) = (0, 0, 0, 0, 0);
    for run in 0..runs {
        let losses = Losses { per_mille: loss_per_mille, seed: u64::from(run) + 1 };
        let Some(found) = one(mishap, rtt_ms, losses) else { continue };
        recovered += 1;
        in_step_us += micros(found.in_step);
        new_us += micros(found.new_octet);
        new_us_max = new_us_max.max(micros(found.new_octet));
        again += found.again_octets;
    }
    let count = u64::from(recovered).max(1);
    Recovery {
        mishap,
        rtt_ms,
        loss_per_mille,
        runs,
        failed: runs - recovered,
        in_step_us: in_step_us / count,
        new_octet_us: new_us / count,
        new_octet_us_max: new_us_max,
        again_octets: again / count,
    }
}

struct Found {
    in_step: Duration,
    new_octet: Duration,
    again_octets: u64,
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn one(mishap: Mishap, rtt_ms: u64, losses: Losses) -> Option<Found> {
    let [host_receives, peer_receives] = mishap.receives();
    let records = |wanted: bool| {
        let first = Time::from_secs(2);
        let messages = Messages::new(RECORD_OCTETS, first, RECORD_EVERY, RECORDS);
        if wanted { Application::Messages(messages) } else { Application::Reads }
    };
    let roles = Roles { host: records(peer_receives), peer: records(host_receives) };
    // Without hold-send a sender that is rolled back has diverged from its peer.
    let sends = match mishap {
        Mishap::PowerCut | Mishap::ReceiverRollback => Sends::Unheld,
        Mishap::SenderRollback | Mishap::BothRollback => Sends::HoldSend,
    };
    let placement = Placement { keeping: Keeping::Peer, sends };
    let conditions = Conditions { interval_ms: INTERVAL_MS, rate_mbit_s: RATE_MBIT_S, rtt_ms };
    let mut world = match mishap {
        Mishap::BothRollback => twins(&conditions, &roles, losses),
        _ => world(placement, &conditions, &roles, losses),
    };
    let cut: &[usize] = if mishap == Mishap::BothRollback { &[0, 1] } else { &[0] };
    for index in cut {
        world.ends[*index].states = States::Kept;
    }
    let seed = u32::try_from(losses.seed).unwrap_or(0);
    world.run(CUT_AT + CUT_STEP * seed, |world| world.closed.is_some());
    cut_off(&mut world, cut);
    let back_at = world.now + AWAY;
    world.run(back_at, |_| false);
    let known: Vec<u64> = world.ends.iter().map(|end| end.read_max).collect();
    let again_before: Vec<u64> = world.ends.iter().map(|end| end.counts.again_octets).collect();
    let returns = if mishap == Mishap::PowerCut { Return::Intact } else { Return::Older };
    bring_back(&mut world, cut, returns);
    let awaits: Vec<usize> = [0, 1]
        .into_iter()
        .zip([host_receives, peer_receives])
        .filter(|(_, is)| *is)
        .map(|(end, _)| end)
        .collect();
    let since = world.now;
    let end = since + TIME_MAX;
    let is_in_step =
        |world: &World| world.ends.iter().all(|end| end.state.connection.self_state() == SelfState::Up);
    world.run(end, |world| is_in_step(world) || world.closed.is_some());
    let in_step = world.now.since(since);
    let has_new = |world: &World| awaits.iter().all(|at| world.ends[*at].read_max > known[*at]);
    world.run(end, |world| has_new(world) || world.closed.is_some());
    let again = world.ends.iter().zip(&again_before).map(|(end, before)| end.counts.again_octets - before);
    has_new(&world).then(|| Found { in_step, new_octet: world.now.since(since), again_octets: again.sum() })
}

/// The power of these ends goes.
pub(crate) fn cut_off(world: &mut World, ends: &[usize]) {
    for index in ends {
        world.ends[*index].is_on = false;
        if let Some(journal) = &mut world.ends[*index].journal {
            journal.cut_off();
        }
    }
}

/// With what a host comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Return {
    /// Its memory.
    Intact,
    /// Its latest DURABLE epoch.
    Older,
}

/// The power of these ends is there again.
pub(crate) fn bring_back(world: &mut World, ends: &[usize], returns: Return) {
    let now = world.now;
    // Of the clock, no tick of which an earlier life has gone beyond.
    let tsval_ceiling = u32::try_from(now.micros() / MICROS_PER_TICK).unwrap_or(u32::MAX);
    for index in ends {
        let end = &mut world.ends[*index];
        end.is_on = true;
        let command = match returns {
            Return::Intact => Command::Resume,
            Return::Older => {
                let nonce = Nonce(u32::try_from(*index).unwrap_or(0) + 100);
                Command::Restored { incarnation: 1, nonce, tsval_ceiling }
            }
        };
        if let (Return::Older, Some(snapshots)) = (returns, &mut end.snapshots) {
            snapshots.restart(now);
            if let Some(state) = snapshots.latest.as_ref().and_then(|taken| taken.state.clone()) {
                end.state = state;
            }
        }
        end.state.connection.handle_command(now, command).ok();
    }
    for index in ends {
        world.settle(*index);
    }
}

#[cfg(test)]
mod tests;
