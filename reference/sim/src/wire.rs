//! What happens to segments on one direction of the network: the memory that a [`Path`] needs.

use core::time::Duration;

use hiatus_engine::{Ecn, Time};

use crate::dice::Dice;
use crate::path::{Bottleneck, Path, Reordering};

/// IPv4 header octets, which count for queues and MTUs.
const IP_HEADER_OCTETS: usize = 20;
/// Bits that flip in one damaged segment, at most.
const FLIPPED_BITS_MAX: usize = 8;
const MICROS_PER_SECOND: u64 = 1_000_000;

/// One direction. Its decisions come from a stream of their own, so that what it does shifts no other.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    dice: Dice,
    is_in_burst: bool,
    count: u32,
    /// Segments that are lost whatever else is, counted from 1.
    doomed: Vec<u32>,
    /// When the bottleneck has sent all that waits.
    busy_until: Time,
    held_back: Vec<HeldBack>,
}

/// A segment that others are to overtake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct HeldBack {
    /// How many still have to.
    left: u32,
    /// Where it stands in the queue of what happens.
    key: Key,
}

/// The place of something in the queue of what happens.
pub(crate) type Key = (Time, u64);

impl Wire {
    pub(crate) fn new(seed: u64, stream: u64, doomed: Vec<u32>) -> Self {
        Self {
            dice: Dice::new(seed, stream),
            is_in_burst: false,
            count: 0,
            doomed,
            busy_until: Time::ZERO,
            held_back: Vec::new(),
        }
    }

    /// True if the path loses this segment, for a reason other than the even loss.
    pub(crate) fn loses(&mut self, path: &Path, len_octets: usize) -> bool {
        self.count = self.count.wrapping_add(1);
        let by_name = self.doomed.contains(&self.count);
        let by_count = path.loses_every.is_some_and(|every| self.count.is_multiple_of(every.get()));
        let by_burst = path.bursts.is_some_and(|bursts| {
            let turn = if self.is_in_burst { bursts.end_per_mille } else { bursts.begin_per_mille };
            self.is_in_burst ^= self.dice.per_mille(turn);
            self.is_in_burst && self.dice.per_mille(bursts.loss_per_mille)
        });
        by_name || by_count || by_burst || oversize(path, len_octets).is_some()
    }

    /// The ECN field behind the bottleneck, of a packet that waits so long for it.
    pub(crate) fn mark(path: &Path, ecn: Ecn, queueing: Duration) -> Ecn {
        let Some(Bottleneck { octets_per_second, marks_above_octets: Some(above), .. }) = path.bottleneck
        else {
            return ecn;
        };
        let waiting =
            queueing.as_micros() * u128::from(octets_per_second.get()) / u128::from(MICROS_PER_SECOND);
        if ecn != Ecn::NotEct && waiting > u128::from(above) { Ecn::Ce } else { ecn }
    }

    /// How long a segment waits for the bottleneck and on it; `None` if the queue has no room for it.
    pub(crate) fn queues(&mut self, now: Time, path: &Path, len_octets: usize) -> Option<Duration> {
        let Some(Bottleneck { octets_per_second, queue_octets_max, .. }) = path.bottleneck else {
            return Some(Duration::ZERO);
        };
        let rate = u64::from(octets_per_second.get());
        let own_octets = u64::try_from(len_octets + IP_HEADER_OCTETS).unwrap_or(u64::MAX);
        let busy_us = self.busy_until.micros().saturating_sub(now.micros());
        let waiting_octets = busy_us.saturating_mul(rate) / MICROS_PER_SECOND;
        if waiting_octets + own_octets > u64::from(queue_octets_max) {
            return None;
        }
        let takes = Duration::from_micros((own_octets * MICROS_PER_SECOND).div_ceil(rate));
        self.busy_until = self.busy_until.max(now) + takes;
        Some(self.busy_until.since(now))
    }

    /// Damages `octets`, if this segment is one of those; says whether they are other octets now.
    pub(crate) fn damages(&mut self, path: &Path, octets: &mut Vec<u8>) -> bool {
        if !self.dice.per_mille(path.corruption_per_mille) || octets.is_empty() {
            return false;
        }
        if self.dice.one_in(4) {
            let len_octets = self.dice.size_below(octets.len());
            octets.truncate(len_octets);
            return true;
        }
        let before = octets.clone();
        for _ in 0..self.dice.size_up_to(FLIPPED_BITS_MAX) {
            let index = self.dice.size_below(octets.len());
            octets[index] ^= 1 << self.dice.below(8);
        }
        *octets != before
    }

    /// The reordering that this segment is chosen for, if it is.
    pub(crate) fn holds_back(&mut self, path: &Path) -> Option<Reordering> {
        path.reordering.filter(|reordering| self.dice.per_mille(reordering.per_mille))
    }

    /// The segment that arrives at `key` waits for so many others.
    pub(crate) fn hold_back(&mut self, key: Key, distance: u32) {
        self.held_back.push(HeldBack { left: distance, key });
    }

    /// One more segment has gone by: gives where those stand that were waiting for it.
    pub(crate) fn overtaken(&mut self) -> Vec<Key> {
        for held in &mut self.held_back {
            held.left = held.left.saturating_sub(1);
        }
        let done = self.held_back.extract_if(.., |held| held.left == 0);
        done.map(|held| held.key).collect()
    }
}

/// The MTU that a segment of so many octets is too large for.
pub(crate) fn oversize(path: &Path, len_octets: usize) -> Option<u16> {
    path.mtu_octets.filter(|mtu| len_octets + IP_HEADER_OCTETS > usize::from(*mtu))
}

#[cfg(test)]
mod tests {
    use core::num::NonZeroU32;
    use core::time::Duration;

    use hiatus_engine::Time;

    use super::Wire;
    use crate::path::{Bottleneck, Bursts, Path};

    #[test]
    fn bottleneck_takes_its_time_and_drops_what_has_no_room() {
        let octets_per_second = NonZeroU32::new(1_000_000).expect("not 0");
        let bottleneck = Bottleneck { octets_per_second, queue_octets_max: 2500, marks_above_octets: None };
        let path = Path { bottleneck: Some(bottleneck), ..Path::default() };
        let mut wire = Wire::new(1, 0, Vec::new());
        // 1000 octets of IP packet take a millisecond.
        let sent: Vec<_> = (0..3).map(|_| wire.queues(Time::ZERO, &path, 980)).collect();
        assert_eq!(sent, [Some(Duration::from_millis(1)), Some(Duration::from_millis(2)), None]);
        // A millisecond later there is room again.
        let later = wire.queues(Time::from_millis(1), &path, 980);
        assert_eq!(later, Some(Duration::from_millis(2)));
    }

    #[test]
    fn bursts_have_the_length_and_the_share_that_they_are_given() {
        let bursts = Bursts { begin_per_mille: 10, end_per_mille: 200, loss_per_mille: 1000 };
        let path = Path { bursts: Some(bursts), ..Path::default() };
        let mut wire = Wire::new(2, 0, Vec::new());
        let lost: Vec<bool> = (0..100_000).map(|_| wire.loses(&path, 100)).collect();
        let count = lost.iter().filter(|lost| **lost).count();
        let bursts = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count();
        // Bad for 10 / (10 + 200) of the time, 5 segments at a time.
        assert!((4000..5600).contains(&count), "{count} lost");
        assert!((800..1120).contains(&bursts), "{bursts} bursts");
    }

    #[test]
    fn damage_is_damage() {
        let path = Path { corruption_per_mille: 1000, ..Path::default() };
        let mut wire = Wire::new(3, 0, Vec::new());
        for _ in 0..1000 {
            let before = vec![0x55; 40];
            let mut octets = before.clone();
            let is_damaged = wire.damages(&path, &mut octets);
            assert_eq!(is_damaged, octets != before);
        }
    }
}
