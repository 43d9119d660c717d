//! Digests of recently seen data, to tell whether data sent again is the same.

use std::hash::{BuildHasher, Hasher};

use foldhash::quality::FixedState;

/// Segments remembered, over all connections together: the oldest is forgotten first.
pub(super) const SEGMENTS_MAX: usize = 1 << 18;
/// Segments looked at for one that is sent again.
const STEPS_MAX: usize = 1024;

/// The latest remembered segment of a direction; 0: none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Head(u32);

#[derive(Clone, Copy, Debug)]
struct Entry {
    previous: Head,
    len_octets: u32,
    start: i64,
    frame: u64,
    digest: u64,
}

/// Octets of a direction, from `low` up to, not including, `high`, that were sent twice with different content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) low: i64,
    pub(super) high: i64,
    /// How many of them; whole segments of the first sending.
    pub(super) octets: u64,
    /// Frame that sent the first of them first.
    pub(super) original_frame: u64,
    /// Frame that sent it again.
    pub(super) frame: u64,
}

impl Extent {
    /// Adds `other`, counting what both cover once.
    pub(super) fn add(&mut self, other: &Self) {
        let below = (self.low.min(other.high) - other.low).max(0);
        let above = (other.high - self.high.max(other.low)).max(0);
        let added = u64::try_from(below + above).unwrap_or_default().min(other.octets);
        self.octets = self.octets.saturating_add(added);
        self.low = self.low.min(other.low);
        self.high = self.high.max(other.high);
    }
}

/// What comparing a segment with what was sent before gave.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Comparison {
    /// Octets that could be compared: whole segments of the first sending.
    pub(super) compared_octets: u64,
    /// Those that differ.
    pub(super) differing: Option<Extent>,
}

/// The ring of remembered segments: each knows the one before it in its direction.
#[derive(Debug, Default)]
pub(super) struct History {
    entries: Vec<Entry>,
    /// Segments remembered ever, modulo 2^32.
    count: u32,
    seed: FixedState,
}

impl History {
    /// Remembers `data`, sent for the first time in `frame` and beginning at position `start`.
    pub(super) fn remember(&mut self, head: &mut Head, start: i64, data: &[u8], frame: u64) {
        let Ok(len_octets) = u32::try_from(data.len()) else { return };
        let entry = Entry { previous: *head, len_octets, start, frame, digest: self.digest(data) };
        // 0 means none, so the count skips it when it wraps.
        self.count = self.count.wrapping_add(1).max(1);
        *head = Head(self.count);
        let index = index(self.count);
        if index < self.entries.len() {
            self.entries[index] = entry;
        } else {
            self.entries.push(entry);
        }
    }

    /// Compares `data`, sent again in `frame` from position `start` on, with what was sent first.
    pub(super) fn compare(&self, head: Head, start: i64, data: &[u8], frame: u64) -> Comparison {
        let end = start.saturating_add(i64::try_from(data.len()).unwrap_or(i64::MAX));
        let mut comparison = Comparison::default();
        let mut at = head;
        for _ in 0..STEPS_MAX {
            let Some(entry) = self.entry(at) else { break };
            let entry_end = entry.start.saturating_add(i64::from(entry.len_octets));
            if entry_end <= start {
                break;
            }
            let piece =
                usize::try_from(entry.start - start).ok().zip(usize::try_from(entry_end - start).ok());
            if let Some(again) = piece.filter(|_| entry_end <= end).and_then(|(from, to)| data.get(from..to))
            {
                let octets = u64::from(entry.len_octets);
                comparison.compared_octets += octets;
                if self.digest(again) != entry.digest {
                    let original_frame = entry.frame;
                    let extent = Extent { low: entry.start, high: entry_end, octets, original_frame, frame };
                    match &mut comparison.differing {
                        // From the latest back: the frame that sent the first of them is the last one met.
                        Some(differing) => {
                            differing.add(&extent);
                            differing.original_frame = original_frame;
                        }
                        None => comparison.differing = Some(extent),
                    }
                }
            }
            at = entry.previous;
        }
        comparison
    }

    fn entry(&self, head: Head) -> Option<&Entry> {
        let age = usize::try_from(self.count.wrapping_sub(head.0)).ok()?;
        if head.0 == 0 || age >= SEGMENTS_MAX {
            return None;
        }
        self.entries.get(index(head.0))
    }

    fn digest(&self, data: &[u8]) -> u64 {
        let mut hasher = self.seed.build_hasher();
        hasher.write(data);
        hasher.finish()
    }
}

fn index(count: u32) -> usize {
    usize::try_from(count.wrapping_sub(1)).unwrap_or_default() % SEGMENTS_MAX
}

#[cfg(test)]
mod tests {
    use super::{Head, History, SEGMENTS_MAX};

    #[test]
    fn only_the_segments_that_changed_differ() {
        let mut history = History::default();
        let mut head = Head::default();
        history.remember(&mut head, 1, b"aaaa", 1);
        history.remember(&mut head, 5, b"bbbb", 2);
        history.remember(&mut head, 9, b"cccc", 3);
        let again = history.compare(head, 1, b"aaaabbbbcccc", 9);
        assert_eq!((again.compared_octets, again.differing), (12, None));
        let changed = history.compare(head, 1, b"aaaabxbbcxcc", 9);
        let differing = changed.differing.unwrap();
        assert_eq!((differing.low, differing.high, differing.octets), (5, 13, 8));
        assert_eq!((differing.original_frame, differing.frame), (2, 9));
        // Part of a remembered segment cannot be compared.
        assert_eq!(history.compare(head, 6, b"xx", 9).compared_octets, 0);
    }

    #[test]
    fn what_the_ring_forgot_is_not_compared() {
        let mut history = History::default();
        let (mut old, mut other) = (Head::default(), Head::default());
        history.remember(&mut old, 1, b"aaaa", 1);
        for _ in 0..SEGMENTS_MAX {
            history.remember(&mut other, 1, b"b", 2);
        }
        assert_eq!(history.compare(old, 1, b"xxxx", 9).compared_octets, 0);
        assert_eq!(history.entries.len(), SEGMENTS_MAX);
    }
}
