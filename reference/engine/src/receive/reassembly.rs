//! What arrived before the octets in front of it, and what arrived twice (RFC 2018, RFC 2883).

use alloc::vec::Vec;

use hiatus_codec::{Position, SackBlock, SackBlocks, SequenceNumber};
use serde::{Deserialize, Serialize};

use crate::range::Range;

/// Ranges held out of order. What would add one more is dropped and comes again: so a peer that leaves thousands of
/// holes costs a list that is searched by halving and moved in one piece of at most 6 KiB.
pub(crate) const OUT_OF_ORDER_RANGES_MAX: usize = 256;

/// A range that is held, and which change made it what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Held {
    range: Range,
    /// The greater, the later: SACK names the latest first.
    change: u64,
}

/// The ranges beyond RCV.NXT, and the duplicate that the next ACK reports.
///
/// It exists only while there is one of them. Invariant: the ranges are sorted, and octets are missing before each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reassembly {
    held: Vec<Held>,
    changes_count: u64,
    /// The first run of octets in the latest segment that had arrived before.
    pub(crate) duplicate: Option<Range>,
}

impl Reassembly {
    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty() && self.duplicate.is_none()
    }

    /// Where the last range ends.
    pub(crate) fn end(&self) -> Option<Position> {
        self.held.last().map(|held| held.range.end)
    }

    /// Which of the ranges meet `range`, or touch it: indices `first..last`.
    fn touching(&self, range: Range) -> (usize, usize) {
        let first = self.held.partition_point(|held| held.range.end < range.start);
        let last = self.held.partition_point(|held| held.range.start <= range.end);
        (first, last.max(first))
    }

    /// The ranges that share octets with `range`, or touch it, in order.
    pub(crate) fn meeting(&self, range: Range) -> impl Iterator<Item = Range> + '_ {
        let (first, last) = self.touching(range);
        self.held.get(first..last).unwrap_or(&[]).iter().map(|held| held.range)
    }

    /// True if `range` can be taken without one range more than the bound.
    pub(crate) fn has_room_for(&self, range: Range) -> bool {
        let (first, last) = self.touching(range);
        last > first || self.held.len() < OUT_OF_ORDER_RANGES_MAX
    }

    /// Takes `range`; what it meets or touches becomes one with it.
    pub(crate) fn insert(&mut self, range: Range) {
        let (first, last) = self.touching(range);
        let merged = self.meeting(range).fold(range, Range::joined);
        self.changes_count += 1;
        let held = Held { range: merged, change: self.changes_count };
        self.held.splice(first..last, [held]);
    }

    /// Everything before `nxt` is in order now: gives where that run ends, and forgets the ranges within it.
    pub(crate) fn run_from(&mut self, nxt: Position) -> Position {
        let mut end = nxt;
        let mut count = 0;
        // The ranges do not touch each other: once one lies beyond, so do those behind it.
        while let Some(held) = self.held.get(count).filter(|held| held.range.start <= end) {
            end = end.max(held.range.end);
            count += 1;
        }
        self.held.drain(..count);
        end
    }

    /// The blocks of a SACK option: a duplicate, the range it lies in, then the ranges by when they last changed, the
    /// latest first.
    pub(crate) fn blocks(&self, numbers: &Numbers) -> SackList {
        let mut list = SackList::default();
        let mut around = None;
        if let Some(duplicate) = self.duplicate {
            list.push(numbers.plain_block(duplicate));
            let lies_in =
                |held: &&Held| held.range.start <= duplicate.start && duplicate.end <= held.range.end;
            around = self.held.iter().find(lies_in);
        }
        if let Some(held) = around {
            list.push(numbers.block(held.range));
        }
        let mut before = u64::MAX;
        while list.count < SackBlocks::COUNT_MAX {
            let others = self.held.iter().filter(|held| held.change < before && Some(*held) != around);
            let Some(latest) = others.max_by_key(|held| held.change) else { break };
            before = latest.change;
            list.push(numbers.block(latest.range));
        }
        list
    }

    /// How many blocks that gives.
    pub(crate) fn blocks_count(&self) -> usize {
        (self.held.len() + usize::from(self.duplicate.is_some())).min(SackBlocks::COUNT_MAX)
    }

    /// For a proof: in which order the ranges came does not matter without SACK.
    #[cfg(feature = "mutants")]
    pub(crate) fn still(&mut self) {
        self.changes_count = 0;
        for held in &mut self.held {
            held.change = 0;
        }
    }

    /// The invariant, or what of it is broken.
    pub(crate) fn check(&self, nxt: Position) -> Result<(), &'static str> {
        if self.held.len() > OUT_OF_ORDER_RANGES_MAX {
            return Err("no more ranges out of order than the bound");
        }
        if self.held.first().is_some_and(|held| held.range.start <= nxt) {
            return Err("ranges out of order begin after RCV.NXT");
        }
        if self.held.iter().any(|held| held.range.start >= held.range.end) {
            return Err("no range out of order is empty");
        }
        if !self.held.is_sorted_by(|before, after| before.range.end < after.range.start) {
            return Err("ranges out of order are sorted and apart");
        }
        Ok(())
    }
}

/// What turns positions into the sequence numbers of a SACK block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbers {
    pub(crate) irs: SequenceNumber,
    /// A FIN that came early counts as the last octet of the range before it.
    pub(crate) fin: Option<Position>,
}

impl Numbers {
    fn block(&self, range: Range) -> SackBlock {
        let end = if self.fin == Some(range.end) { range.end.advanced_by(1) } else { range.end };
        self.plain_block(Range { end, ..range })
    }

    fn plain_block(&self, range: Range) -> SackBlock {
        SackBlock { left: range.start.sequence(self.irs), right: range.end.sequence(self.irs) }
    }
}

/// The blocks of one SACK option, in the order of the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SackList {
    blocks: [SackBlock; SackBlocks::COUNT_MAX],
    count: usize,
}

impl Default for SackList {
    fn default() -> Self {
        let none = SackBlock { left: SequenceNumber(0), right: SequenceNumber(0) };
        Self { blocks: [none; SackBlocks::COUNT_MAX], count: 0 }
    }
}

impl SackList {
    fn push(&mut self, block: SackBlock) {
        if let Some(room) = self.blocks.get_mut(self.count) {
            *room = block;
            self.count += 1;
        }
    }

    pub(crate) fn as_slice(&self) -> &[SackBlock] {
        self.blocks.get(..self.count).unwrap_or(&[])
    }
}
