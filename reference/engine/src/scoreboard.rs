//! What the peer said arrived beyond a hole (RFC 2018), and what follows from it (RFC 6675).

#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use hiatus_codec::Position;
use serde::{Deserialize, Serialize};

use crate::range::Range;

/// Ranges remembered at one time. What a peer reports beyond them is not believed: it is sent again.
pub(crate) const SACKED_RANGES_MAX: usize = 128;
/// DupThresh (RFC 6675, section 2).
pub(crate) const DUP_THRESH: u8 = 3;

/// What is under way, as far as a block of a SACK option may speak of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outstanding {
    /// SND.UNA: HighACK and the octet after it.
    pub(crate) una: Position,
    /// SND.NXT: HighData and the octet after it.
    pub(crate) nxt: Position,
}

/// What became of a hole that the peer was believed to have behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reneging {
    /// All that was reported still fits.
    No,
    /// The peer waits for an octet that it reported (RFC 2018, section 8).
    Yes,
}

/// The scoreboard (RFC 6675, section 3): what is SACKed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Scoreboard {
    /// Sorted; between any two lies at least one octet that is not SACKed.
    ranges: Vec<Range>,
    /// Octets in them.
    octets: u64,
}

impl Scoreboard {
    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Octets that are SACKed.
    pub(crate) fn octets(&self) -> u64 {
        self.octets
    }

    /// Update() (RFC 6675, section 4): takes the blocks of one SACK option, in wire order. Gives how many octets it
    /// reports for the first time.
    ///
    /// A block that does not lie above SND.UNA and below SND.NXT is ignored: it is old, a D-SACK (RFC 2883), a mistake
    /// or an attack. A D-SACK above SND.UNA repeats what the block after it says, and so reports nothing.
    pub(crate) fn update(&mut self, outstanding: Outstanding, blocks: impl Iterator<Item = Range>) -> u64 {
        let before = self.octets;
        let Outstanding { una, nxt } = outstanding;
        // One at SND.UNA would have been acknowledged.
        for block in blocks.filter(|block| una < block.start && block.start < block.end && block.end <= nxt) {
            self.insert(block);
        }
        self.octets - before
    }

    fn insert(&mut self, new: Range) {
        // Those that overlap it or touch it become one with it.
        let first = self.ranges.partition_point(|range| range.end < new.start);
        let after = self.ranges.partition_point(|range| range.start <= new.end);
        if first == after {
            if self.ranges.len() < SACKED_RANGES_MAX {
                self.ranges.insert(first, new);
                self.octets += new.octets();
            }
            return;
        }
        let merged = self.ranges[first..after].iter().copied().fold(new, Range::joined);
        let held: u64 = self.ranges[first..after].iter().map(|range| range.octets()).sum();
        self.ranges[first] = merged;
        self.ranges.drain(first + 1..after);
        self.octets += merged.octets() - held;
    }

    /// SND.UNA moved to `una`: what lies below it is no news any more.
    ///
    /// A peer that reported the octet at SND.UNA would have acknowledged it: if it did not, it dropped what it reported.
    pub(crate) fn acknowledge(&mut self, una: Position) -> Reneging {
        let below = self.ranges.partition_point(|range| range.end <= una);
        self.octets -= self.ranges.drain(..below).map(Range::octets).sum::<u64>();
        match self.ranges.first() {
            Some(range) if range.start <= una => Reneging::Yes,
            _ => Reneging::No,
        }
    }

    /// Everything that is not SACKed below the position given is lost (RFC 6675, section 4, IsLost): above it lie three
    /// ranges, or more octets than two segments, that arrived. Position 0 if nothing is lost.
    pub(crate) fn lost_below(&self, mss_octets: u16) -> Position {
        let octets_min = u64::from(DUP_THRESH - 1) * u64::from(mss_octets);
        let mut octets = 0;
        let from_above = self.ranges.iter().rev().zip(1..);
        for (range, count) in from_above {
            octets += range.octets();
            if count >= DUP_THRESH || octets > octets_min {
                return range.start;
            }
        }
        Position(0)
    }

    /// Octets of `from..to` that are not SACKed.
    pub(crate) fn missing_octets(&self, from: Position, to: Position) -> u64 {
        if self.ranges.is_empty() {
            return from.distance_to(to);
        }
        let sacked: u64 = self.ranges.iter().map(|range| range.octets_within(from, to)).sum();
        from.distance_to(to) - sacked
    }

    /// Pipe (RFC 6675, section 4, SetPipe): octets that may still be under way, when all before `high_rxt` that is not
    /// SACKed was sent again.
    pub(crate) fn pipe(&self, outstanding: Outstanding, high_rxt: Position, mss_octets: u16) -> u64 {
        let Outstanding { una, nxt } = outstanding;
        let lost_below = self.lost_below(mss_octets).clamp(una, nxt.max(una));
        self.missing_octets(lost_below, nxt) + self.missing_octets(una, high_rxt.max(una))
    }

    /// The first hole at or after `from`: octets that are not SACKed, with SACKed ones above them.
    pub(crate) fn hole(&self, from: Position) -> Option<Range> {
        let start = self.after_sacked(from);
        let end = self.next_sacked(start)?;
        Some(Range { start, end })
    }

    /// The first position at or after `from` that is not SACKed.
    pub(crate) fn after_sacked(&self, from: Position) -> Position {
        let index = self.ranges.partition_point(|range| range.end <= from);
        match self.ranges.get(index) {
            Some(range) if range.start <= from => range.end,
            _ => from,
        }
    }

    /// Where the next range begins after `from`, which is not SACKed.
    pub(crate) fn next_sacked(&self, from: Position) -> Option<Position> {
        let index = self.ranges.partition_point(|range| range.start <= from);
        self.ranges.get(index).map(|range| range.start)
    }

    /// The last octets before `nxt` that are not SACKed, at most `octets_max`.
    pub(crate) fn last_missing(&self, outstanding: Outstanding, octets_max: u64) -> Option<Range> {
        let Outstanding { una, nxt } = outstanding;
        let last = self.ranges.last();
        let (end, below) = match last {
            Some(range) if range.end >= nxt => {
                let under = self.ranges.len().checked_sub(2).and_then(|index| self.ranges.get(index));
                (range.start, under.map_or(una, |range| range.end))
            }
            _ => (nxt, last.map_or(una, |range| range.end)),
        };
        let start = below.max(Position(end.0.saturating_sub(octets_max)));
        (start < end).then_some(Range { start, end })
    }

    /// The invariant that every call leaves standing, or what of it is broken.
    pub(crate) fn check(&self, outstanding: Outstanding) -> Result<(), &'static str> {
        let Outstanding { una, nxt } = outstanding;
        if self.ranges.len() > SACKED_RANGES_MAX {
            return Err("no more SACKed ranges than the bound");
        }
        let is_apart = self.ranges.is_sorted_by(|lower, upper| lower.end < upper.start);
        if !is_apart || self.ranges.iter().any(|range| range.start >= range.end) {
            return Err("SACKed ranges are sorted, not empty, and do not touch");
        }
        let is_above = self.ranges.first().is_none_or(|range| range.start > una);
        if !is_above || self.ranges.last().is_some_and(|range| range.end > nxt) {
            return Err("SND.UNA < SACKed ranges <= SND.NXT");
        }
        if self.ranges.iter().map(|range| range.octets()).sum::<u64>() != self.octets {
            return Err("SACKed octets are counted right");
        }
        Ok(())
    }
}
