//! Octets in a ring: in order from its front, and behind them those that came early, each at its place.

use alloc::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// The first allocation, unless the bound is smaller.
const ALLOCATED_OCTETS_MIN: usize = 4096;
/// What a gap is filled with until its octets come.
const GAP: [u8; 1024] = [0; 1024];

/// A ring that grows when it is used, by doubling, up to the bound that its owner names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ring(VecDeque<u8>);

impl Ring {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Puts `octets` at `offset` from the front. What lies there is overwritten; a gap before them is filled.
    pub(crate) fn put(&mut self, offset: usize, octets: &[u8], bound_octets: usize) {
        self.reserve(offset.saturating_add(octets.len()), bound_octets);
        while self.0.len() < offset {
            let count = (offset - self.0.len()).min(GAP.len());
            self.0.extend(&GAP[..count]);
        }
        let (inside, beyond) = octets.split_at(octets.len().min(self.0.len() - offset));
        if !inside.is_empty() {
            self.overwrite(offset, inside);
        }
        self.0.extend(beyond);
    }

    /// Puts `octets`, which end within the ring, at `offset`.
    fn overwrite(&mut self, offset: usize, octets: &[u8]) {
        let (front, back) = self.0.as_mut_slices();
        let (first, second) = octets.split_at(octets.len().min(front.len().saturating_sub(offset)));
        if let Some(room) = front.get_mut(offset..).and_then(|room| room.get_mut(..first.len())) {
            room.copy_from_slice(first);
        }
        let start = offset.saturating_sub(front.len());
        if let Some(room) = back.get_mut(start..).and_then(|room| room.get_mut(..second.len())) {
            room.copy_from_slice(second);
        }
    }

    /// Makes room for `len` octets in all: twice as much as before, but no more than the bound if that suffices.
    fn reserve(&mut self, len: usize, bound_octets: usize) {
        if len > self.0.capacity() {
            let doubled = len.checked_next_power_of_two().unwrap_or(len).max(ALLOCATED_OCTETS_MIN);
            let wanted = doubled.min(bound_octets).max(len);
            self.0.reserve_exact(wanted - self.0.len());
        }
    }

    /// The first `count` octets in the two pieces in which they lie.
    pub(crate) fn front(&self, count: usize) -> (&[u8], &[u8]) {
        let (front, back) = self.0.as_slices();
        let first = count.min(front.len());
        let second = (count - first).min(back.len());
        (front.get(..first).unwrap_or(&[]), back.get(..second).unwrap_or(&[]))
    }

    /// Drops the first `count` octets.
    pub(crate) fn consume(&mut self, count: usize) {
        self.0.drain(..count.min(self.0.len()));
    }

    /// Drops what lies behind the first `count` octets.
    pub(crate) fn truncate(&mut self, count: usize) {
        self.0.truncate(count);
    }

    /// Drops everything, the allocation too.
    pub(crate) fn release(&mut self) {
        self.0 = VecDeque::new();
    }

    /// Gives the allocation back if nothing lies in it.
    pub(crate) fn release_if_empty(&mut self) {
        if self.0.is_empty() {
            self.release();
        }
    }
}
