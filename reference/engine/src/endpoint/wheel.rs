//! When which slot is to be looked at: a hierarchical timer wheel over slot indexes.
//!
//! Nine levels of 64 buckets cover every time: level 0 counts ticks of 1.024 ms, each further level 64 times as much.
//! A slot stands in the bucket of the highest base-64 digit in which its tick differs from the wheel's, so it moves
//! down at most once a level before it is due. Buckets are lists through the slots, and a bitmap of each level says
//! which are not empty: insert, remove and the next deadline take a number of steps that does not grow with the slots.

use alloc::vec;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::time::Time;

/// 1.024 ms a tick: the microseconds of a time shifted right by this.
const TICK_SHIFT: u32 = 10;
/// The last tick that there is.
const TICK_MAX: u64 = u64::MAX >> TICK_SHIFT;
/// One level turns a digit of this many bits.
const DIGIT_BITS: u32 = 6;
const DIGIT_MASK: u64 = (1 << DIGIT_BITS) - 1;
const BUCKETS_PER_LEVEL: usize = 1 << DIGIT_BITS;
/// 9 digits of 6 bits: every tick.
const LEVELS: usize = 9;
const BUCKETS: usize = LEVELS * BUCKETS_PER_LEVEL;
/// No slot.
const NONE: u32 = u32::MAX;
/// In [`Link::place`]: the low bits name the bucket, the others the tick.
const BUCKET_BITS: u32 = 10;
const BUCKET_MASK: u64 = (1 << BUCKET_BITS) - 1;
/// The place of a slot that is in no bucket.
const NOWHERE: u64 = u64::MAX;

const _: () = assert!(BUCKETS < (1 << BUCKET_BITS) - 1, "a bucket's number fits, and NOWHERE is none");
const _: () = assert!(TICK_SHIFT == BUCKET_BITS, "a tick and a bucket fill 64 bits");

/// What a slot keeps for the wheel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Link {
    previous: u32,
    next: u32,
    /// The tick at which the slot is looked at, and its bucket; [`NOWHERE`] in none.
    place: u64,
}

impl Default for Link {
    fn default() -> Self {
        Self { previous: NONE, next: NONE, place: NOWHERE }
    }
}

impl Link {
    /// When the slot is looked at, if it waits; at or after the time that was asked for, by less than a tick.
    pub(crate) fn due(&self) -> Option<Time> {
        (self.place != NOWHERE).then(|| time_of(self.tick()))
    }

    fn tick(&self) -> u64 {
        self.place >> BUCKET_BITS
    }
}

/// Where the links of the slots lie.
pub(crate) trait Links {
    /// The link of slot `index`, if there is such a slot.
    fn link(&mut self, index: u32) -> Option<&mut Link>;
}

/// What one step of the wheel brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// This slot is due, and in no bucket any more.
    Due(u32),
    /// A slot moved down a level; there may be more to do.
    Moved,
    /// Nothing is due.
    Idle,
}

/// The buckets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wheel {
    /// Up to here everything due was handed out.
    tick: u64,
    /// Bit `b` of level `l`: bucket `b` of that level is not empty.
    occupied: [u64; LEVELS],
    /// First slot of each bucket.
    first: Vec<u32>,
}

impl Wheel {
    pub(crate) fn new() -> Self {
        Self { tick: 0, occupied: [0; LEVELS], first: vec![NONE; BUCKETS] }
    }

    /// Has slot `index` looked at when `due` has come, and not at the time it waited for before.
    pub(crate) fn insert(&mut self, links: &mut impl Links, index: u32, due: Time) {
        self.remove(links, index);
        self.place(links, index, tick_after(due).max(self.tick));
    }

    /// Takes slot `index` out of its bucket, if it is in one.
    pub(crate) fn remove(&mut self, links: &mut impl Links, index: u32) {
        let link = links.link(index).map(core::mem::take).unwrap_or_default();
        if link.place == NOWHERE {
            return;
        }
        if let Some(next) = links.link(link.next) {
            next.previous = link.previous;
        }
        if let Some(previous) = links.link(link.previous) {
            previous.next = link.next;
            return;
        }
        let bucket = usize::try_from(link.place & BUCKET_MASK).unwrap_or(0);
        self.first[bucket] = link.next;
        if link.next == NONE {
            self.occupied[bucket / BUCKETS_PER_LEVEL] &= !(1 << (bucket % BUCKETS_PER_LEVEL));
        }
    }

    /// When [`turn`](Self::turn) may next have something to do; never after the first slot is due.
    pub(crate) fn next(&self) -> Option<Time> {
        self.earliest().map(|(_, tick)| time_of(tick.max(self.tick)))
    }

    /// Does one step towards `now`. Called until it gives [`Turn::Idle`], it has handed out every slot that is due.
    pub(crate) fn turn(&mut self, links: &mut impl Links, now: Time) -> Turn {
        let target = now.micros() >> TICK_SHIFT;
        match self.earliest() {
            Some((bucket, tick)) if tick <= target => {
                self.tick = self.tick.max(tick);
                let index = self.first[bucket];
                let due = links.link(index).map_or(0, |link| link.tick());
                self.remove(links, index);
                if due <= self.tick {
                    return Turn::Due(index);
                }
                self.place(links, index, due);
                Turn::Moved
            }
            _ => {
                self.tick = self.tick.max(target);
                Turn::Idle
            }
        }
    }

    /// The bucket to look into next, and its first tick.
    fn earliest(&self) -> Option<(usize, u64)> {
        let mut found = None;
        for level in 0..LEVELS {
            let shift = DIGIT_BITS * u32::try_from(level).unwrap_or(0);
            let digit = (self.tick >> shift) & DIGIT_MASK;
            // No occupied bucket lies before the present one.
            let bucket = self.occupied[level].trailing_zeros();
            if bucket == u64::BITS {
                continue;
            }
            let above = self.tick.checked_shr(shift + DIGIT_BITS).unwrap_or(0);
            let tick = (above << DIGIT_BITS | u64::from(bucket)) << shift;
            let bucket_index = level * BUCKETS_PER_LEVEL + usize::try_from(bucket).unwrap_or(0);
            // A bucket that the wheel has reached is emptied before any on the levels below it.
            if level > 0 && u64::from(bucket) == digit {
                found = Some((bucket_index, tick));
            } else {
                found = found.or(Some((bucket_index, tick)));
            }
        }
        found
    }

    /// Puts slot `index`, which is in no bucket, where `tick` belongs.
    fn place(&mut self, links: &mut impl Links, index: u32, tick: u64) {
        let differing = (self.tick ^ tick) | DIGIT_MASK;
        let level = differing.ilog2() / DIGIT_BITS;
        let digit = (tick >> (level * DIGIT_BITS)) & DIGIT_MASK;
        let level = usize::try_from(level).unwrap_or(0);
        let bucket = level * BUCKETS_PER_LEVEL + usize::try_from(digit).unwrap_or(0);
        let next = core::mem::replace(&mut self.first[bucket], index);
        self.occupied[level] |= 1 << digit;
        if let Some(next) = links.link(next) {
            next.previous = index;
        }
        let place = tick << BUCKET_BITS | u64::try_from(bucket).unwrap_or(0);
        if let Some(link) = links.link(index) {
            *link = Link { previous: NONE, next, place };
        }
    }
}

/// The first tick that begins at or after `time`.
fn tick_after(time: Time) -> u64 {
    (time.micros().div_ceil(1 << TICK_SHIFT)).min(TICK_MAX)
}

fn time_of(tick: u64) -> Time {
    Time(tick << TICK_SHIFT)
}

#[cfg(test)]
mod tests;
