//! One run: what it does, for how long, and what is read off it.

use core::time::Duration;

use hiatus_engine::Time;
use serde::{Deserialize, Serialize};

use crate::application::{Answers, Application, Asks, Messages};
use crate::placement::{Conditions, Keeping, Losses, Placement, Roles, world};
use crate::world::World;

/// Octets of a message, a question or an answer.
const MESSAGE_OCTETS: u64 = 200;
/// Messages one way.
const MESSAGES: u32 = 400;
/// From one to the next, in thousandths of an interval: the phases of a few intervals are met evenly.
const SPACING_PER_MILLE: u32 = 13;
/// From one message to the next at least: at the lowest rate they do not queue.
const SPACING_MIN: Duration = Duration::from_millis(7);
/// Questions of the peer.
const QUESTIONS: u32 = 200;
/// Questions of the host, one as soon as the one before is answered.
const TURNS: u32 = 60;
/// Before anything is measured, at least.
const WARM_UP: Duration = Duration::from_secs(2);
/// The same in round trips: every transfer has come to its rate.
const WARM_UP_RTTS: u32 = 30;
/// How long a transfer is measured at least.
const TRANSFER_MIN: Duration = Duration::from_secs(4);
/// How many intervals at least where each acknowledges little: a sender that times out goes slower from one to the next.
const WITHHELD_INTERVALS: u128 = 40;
/// A run that is not done by then is given up.
const TIME_MAX: Time = Time::from_secs(200_000);

/// What a run is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Load {
    /// The peer sends as fast as it can.
    TransferIn,
    /// The host does.
    TransferOut,
    /// The peer sends messages.
    MessagesIn,
    /// The host does.
    MessagesOut,
    /// The peer asks, the host answers.
    Questions,
    /// The host asks, and asks again as soon as it is answered.
    Turns,
}

impl Load {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::TransferIn,
        Self::TransferOut,
        Self::MessagesIn,
        Self::MessagesOut,
        Self::Questions,
        Self::Turns,
    ];
}

/// What was measured of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Transfer {
    /// Kilobits of the stream that were read in a second.
    pub goodput_kbit_s: u64,
    /// Octets acknowledged and retained, at most, at any end.
    pub retained_octets_max: u64,
    /// Octets in a send buffer and not acknowledged, at most, at the host.
    pub host_buffer_octets_max: u64,
    /// Octets in a journal, at most.
    pub journal_octets_max: u64,
    /// Bare ACKs for each thousand segments with text.
    pub acks_per_mille: u64,
    /// EPOCH and EPOCH-ECHO in a minute.
    pub messages_per_minute: u64,
    /// Octets of text sent again for each thousand that were read.
    pub again_per_mille: u64,
}

/// What was measured of messages, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Latency {
    /// Their mean.
    pub mean_us: u64,
    /// Half of them took no longer.
    pub p50_us: u64,
    /// 99 of a hundred took no longer.
    pub p99_us: u64,
}

/// What a run gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// Of a transfer.
    Transfer(Transfer),
    /// Of messages.
    Latency(Latency),
    /// The connection ended, or never came to its end.
    None,
}

/// Runs one load.
#[must_use]
pub fn run(placement: Placement, conditions: &Conditions, load: Load) -> Figure {
    let rhythm = conditions.rhythm();
    let first = Time::ZERO
        + (WARM_UP + conditions.rtt() * WARM_UP_RTTS).max(rhythm.interval + rhythm.durable_after)
        + WARM_UP;
    let spacing = (rhythm.interval * SPACING_PER_MILLE / 1000).max(SPACING_MIN);
    let messages = || Application::Messages(Messages::new(MESSAGE_OCTETS, first, spacing, MESSAGES));
    let asks = |pause, count| Application::Asks(Asks::new(MESSAGE_OCTETS, first, pause, count));
    let answers = || Application::Answers(Answers { octets: MESSAGE_OCTETS, answered: 0 });
    let reads = || Application::Reads;
    let (host, peer) = match load {
        Load::TransferIn => (reads(), Application::Bulk),
        Load::TransferOut => (Application::Bulk, reads()),
        Load::MessagesIn => (reads(), messages()),
        Load::MessagesOut => (messages(), reads()),
        Load::Questions => (answers(), asks(rhythm.interval, QUESTIONS)),
        Load::Turns => (asks(Duration::ZERO, TURNS), answers()),
    };
    let mut world = world(placement, conditions, &Roles { host, peer }, Losses::default());
    match load {
        Load::TransferIn | Load::TransferOut => transfer(&mut world, placement, conditions, load, first),
        _ => latency(&mut world),
    }
}

fn transfer(
    world: &mut World,
    placement: Placement,
    conditions: &Conditions,
    load: Load,
    first: Time,
) -> Figure {
    let host = 0;
    let peer = world.ends.len() - 1;
    let (sender, reader) = if load == Load::TransferIn { (peer, host) } else { (host, peer) };
    let interval = conditions.rhythm().interval;
    // Whole intervals.
    let withholds = placement.keeping == Keeping::Withhold && load == Load::TransferIn;
    let intervals_min = if withholds { WITHHELD_INTERVALS } else { 1 };
    let intervals = TRANSFER_MIN.as_micros().div_ceil(interval.as_micros().max(1)).max(intervals_min);
    let lasts = interval * u32::try_from(intervals).unwrap_or(1);
    world.run(first, |world| world.closed.is_some());
    let (read_before, sent_before) = (world.ends[reader].state.read, world.ends[sender].counts);
    let before: Vec<_> = world.ends.iter().map(|end| end.counts).collect();
    world.run(first + lasts, |world| world.closed.is_some());
    if world.closed.is_some() {
        return Figure::None;
    }
    let lasts_ms = u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX);
    let read = world.ends[reader].state.read - read_before;
    let again = world.ends[sender].counts.again_octets - sent_before.again_octets;
    let text_segments = {
        let (now, then) = (world.ends[sender].counts, sent_before);
        (now.segments - now.bare_acks - now.messages) - (then.segments - then.bare_acks - then.messages)
    };
    let bare_acks = world.ends[reader].counts.bare_acks - before[reader].bare_acks;
    let pairs = world.ends.iter().zip(&before);
    let messages: u64 = pairs.map(|(end, before)| end.counts.messages - before.messages).sum();
    let most = |of: fn(&crate::end::End) -> u64| world.ends.iter().map(of).max().unwrap_or(0);
    Figure::Transfer(Transfer {
        goodput_kbit_s: read * 8 / lasts_ms,
        retained_octets_max: most(|end| end.counts.retained_octets_max),
        host_buffer_octets_max: world.ends[host].counts.unacknowledged_octets_max,
        journal_octets_max: most(|end| end.journal.as_ref().map_or(0, |journal| journal.octets_max)),
        acks_per_mille: bare_acks * 1000 / text_segments.max(1),
        messages_per_minute: messages * 60_000 / lasts_ms,
        again_per_mille: again * 1000 / read.max(1),
    })
}

fn latency(world: &mut World) -> Figure {
    let is_over = |world: &World| {
        world.closed.is_some() || world.ends.iter().all(|end| end.state.application.is_done())
    };
    world.run(TIME_MAX, is_over);
    if world.closed.is_some() || !is_over(world) {
        return Figure::None;
    }
    let mut latencies: Vec<Duration> =
        world.ends.iter().flat_map(|end| end.state.application.latencies()).copied().collect();
    latencies.sort_unstable();
    let us = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let count = u64::try_from(latencies.len()).unwrap_or(1).max(1);
    let total: u64 = latencies.iter().copied().map(us).sum();
    // The smallest that so many of a hundred do not exceed.
    let at = |percent: usize| {
        let rank = (latencies.len() * percent).div_ceil(100).saturating_sub(1);
        latencies.get(rank).copied().map_or(0, us)
    };
    Figure::Latency(Latency { mean_us: total / count, p50_us: at(50), p99_us: at(99) })
}
