//! Timestamps and PAWS (RFC 7323).

mod record;

use core::time::Duration;

use hiatus_codec::{Position, Timestamps};
use serde::{Deserialize, Serialize};

use crate::arrived::Arrived;
use crate::tcb::Tcb;
use crate::time::Time;

/// Milliseconds per tick of the timestamp clock (RFC 7323, section 5.4: 1 ms to 1 s).
const MICROS_PER_TICK: u64 = 1_000;
/// TS.Recent is void after that long without a segment (RFC 7323, section 5.5).
const RECENT_VALID: Duration = Duration::from_secs(24 * 24 * 3600);
/// Ticks between the last TSval of one incarnation and the first of the next (draft, {#durability}).
const INCARNATION_STEP_TICKS: u32 = 1 << 22;

/// The timestamp clock and what was heard of the peer's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TimestampClock {
    /// Of the connection: added to the clock (RFC 7323, section 5.4).
    offset_ticks: u32,
    /// Added to the ticks since the origin: what earlier incarnations of the host have used up.
    step_ticks: u32,
    /// TS.Recent.
    recent: u32,
    /// When TS.Recent was taken.
    recent_at: Time,
    /// Last.ACK.sent.
    pub(crate) last_ack_sent: Position,
}

impl TimestampClock {
    pub(crate) fn new(offset_ticks: u32, now: Time) -> Self {
        Self { offset_ticks, step_ticks: 0, recent: 0, recent_at: now, last_ack_sent: Position(0) }
    }

    fn value(&self, now: Time) -> u32 {
        self.ticks(now).wrapping_add(self.offset_ticks)
    }

    /// The clock before the offset of the connection is added.
    pub(crate) fn ticks(&self, now: Time) -> u32 {
        ticks(now).wrapping_add(self.step_ticks)
    }

    /// For a proof: TS.Recent of a host in RESUMING, which nothing reads before a message sets it.
    #[cfg(feature = "mutants")]
    pub(crate) fn forget_recent(&mut self) {
        self.recent = 0;
    }

    /// What goes onto a segment sent at `now`.
    pub(crate) fn option(&self, now: Time) -> Timestamps {
        Timestamps { value: self.value(now), echo_reply: self.recent }
    }

    /// How long before `now` the TSval that `echo` repeats was sent; `None` if it never was, or not in this incarnation.
    pub(crate) fn since(&self, echo: u32, now: Time) -> Option<Duration> {
        let elapsed_ticks = self.value(now).wrapping_sub(echo);
        (elapsed_ticks < INCARNATION_STEP_TICKS)
            .then(|| Duration::from_micros(u64::from(elapsed_ticks) * MICROS_PER_TICK))
    }

    /// PAWS, test R1 of RFC 7323, section 5.3: true if the segment is an old one.
    pub(crate) fn is_old(&self, tsval: u32, now: Time) -> bool {
        is_before(tsval, self.recent) && !self.is_void(now)
    }

    /// Whether `tsval` is later than every one seen (RFC 6191, section 2).
    pub(crate) fn is_newer(&self, tsval: u32) -> bool {
        is_before(self.recent, tsval)
    }

    /// Whether `tsval` is the latest that was seen.
    pub(crate) fn is_recent(&self, tsval: u32) -> bool {
        self.recent == tsval
    }

    /// Step R3: `seq` is SEG.SEQ of an acceptable segment.
    pub(crate) fn accept(&mut self, tsval: u32, seq: Position, now: Time) {
        if (self.is_void(now) || !is_before(tsval, self.recent)) && seq <= self.last_ack_sent {
            self.force(tsval, now);
        }
    }

    /// TS.Recent is so old that the peer's clock may have gone half around since (RFC 7323, section 5.5).
    fn is_void(&self, now: Time) -> bool {
        now.since(self.recent_at) >= RECENT_VALID
    }

    /// TS.Recent := SEG.TSval, whatever it was (draft, {#sync}).
    pub(crate) fn force(&mut self, tsval: u32, now: Time) {
        self.recent = tsval;
        self.recent_at = now;
    }

    //= draft#restoring
    //# The ceiling is of the clock before the offset
    //# of each connection
    /// A new incarnation: from `now` on the clock goes on a step above `ceiling`, which no earlier one exceeded.
    pub(crate) fn step_above(&mut self, ceiling: u32, now: Time) {
        self.step_ticks = step_above(ceiling, now);
        self.recent_at = now;
    }
}

/// What the timestamp of a segment says about it (RFC 7323).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Nothing against it.
    Fresh,
    /// It has none, though both ends agreed on them: it is dropped in silence (section 3.2).
    Missing,
    /// It is an old one (section 5.3, R1).
    Old,
}

impl Tcb {
    /// Whether a segment that is no RST may be an old duplicate.
    pub(crate) fn freshness(&self, now: Time, arrived: &Arrived<'_>) -> Freshness {
        match (&self.timestamps, arrived.timestamps) {
            (None, _) => Freshness::Fresh,
            (Some(_), None) => Freshness::Missing,
            (Some(clock), Some(timestamps)) if clock.is_old(timestamps.value, now) => Freshness::Old,
            (Some(_), Some(_)) => Freshness::Fresh,
        }
    }
}

/// What is added to the ticks since the origin, so that the clock is a step above `ceiling` at `now`.
pub(crate) fn step_above(ceiling: u32, now: Time) -> u32 {
    ceiling.wrapping_add(INCARNATION_STEP_TICKS).wrapping_sub(ticks(now))
}

/// Ticks since the origin, modulo 2^32.
pub(crate) fn ticks(now: Time) -> u32 {
    u32::try_from((now.micros() / MICROS_PER_TICK) & u64::from(u32::MAX)).unwrap_or(0)
}

/// a < b in the arithmetic of RFC 7323, section 3.
fn is_before(a: u32, b: u32) -> bool {
    let distance = b.wrapping_sub(a);
    distance != 0 && distance < 1 << 31
}
