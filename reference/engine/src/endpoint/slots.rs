//! Connections by number: a table that hands out ids which never mean another connection later.
//!
//! The crates for this hand out a value only for a whole id; the wheel's lists want slots by index, in four octets. The
//! table grows by whole pieces, so that no insertion moves what is there already.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

/// Slots of one piece.
const PIECE_SLOTS: usize = 1 << 10;

/// Names one connection of one [`Endpoint`](crate::Endpoint). When the connection is gone, the id names nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConnectionId {
    pub(crate) index: u32,
    generation: u32,
}

impl ConnectionId {
    /// A number that only this connection has: what names its record in a store, and it in a log.
    #[must_use]
    pub fn number(self) -> u64 {
        u64::from(self.generation) << u32::BITS | u64::from(self.index)
    }

    /// The id that has this [`number`](Self::number), for an owner that can keep numbers only.
    #[must_use]
    pub fn from_number(number: u64) -> Self {
        let half = |number: u64| u32::try_from(number & u64::from(u32::MAX)).unwrap_or(0);
        Self { index: half(number), generation: half(number >> u32::BITS) }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry<T> {
    /// How often the slot was emptied.
    generation: u32,
    value: Option<T>,
}

/// The table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Slots<T> {
    /// All full but the last.
    pieces: Vec<Vec<Entry<T>>>,
    /// Slots that were emptied.
    free: Vec<u32>,
    taken: usize,
}

impl<T> Slots<T> {
    pub(crate) fn new() -> Self {
        Self { pieces: Vec::new(), free: Vec::new(), taken: 0 }
    }

    /// Values there are.
    pub(crate) fn len(&self) -> usize {
        self.taken
    }

    /// Keeps `value` under a new id.
    pub(crate) fn insert(&mut self, value: T) -> ConnectionId {
        self.taken += 1;
        if let Some(index) = self.free.pop()
            && let Some(entry) = self.entry_mut(index)
        {
            entry.value = Some(value);
            return ConnectionId { index, generation: entry.generation };
        }
        if self.pieces.last().is_none_or(|piece| piece.len() == PIECE_SLOTS) {
            self.pieces.push(Vec::with_capacity(PIECE_SLOTS));
        }
        let before = (self.pieces.len() - 1) * PIECE_SLOTS;
        let mut index = 0;
        if let Some(piece) = self.pieces.last_mut() {
            index = u32::try_from(before + piece.len()).unwrap_or(u32::MAX);
            piece.push(Entry { generation: 0, value: Some(value) });
        }
        ConnectionId { index, generation: 0 }
    }

    /// Empties slot `index`; its id names nothing from now on.
    pub(crate) fn remove(&mut self, index: u32) -> Option<T> {
        let entry = self.entry_mut(index)?;
        let value = entry.value.take()?;
        // A slot whose generations are used up is never taken again.
        if let Some(next) = entry.generation.checked_add(1) {
            entry.generation = next;
            self.free.push(index);
        }
        self.taken -= 1;
        Some(value)
    }

    /// The id of slot `index`, if it is taken.
    pub(crate) fn id(&self, index: u32) -> Option<ConnectionId> {
        let entry = self.entry(index)?;
        entry.value.as_ref().map(|_| ConnectionId { index, generation: entry.generation })
    }

    pub(crate) fn find(&self, id: ConnectionId) -> Option<&T> {
        self.entry(id.index).filter(|entry| entry.generation == id.generation)?.value.as_ref()
    }

    pub(crate) fn find_mut(&mut self, id: ConnectionId) -> Option<&mut T> {
        self.entry_mut(id.index).filter(|entry| entry.generation == id.generation)?.value.as_mut()
    }

    pub(crate) fn at(&self, index: u32) -> Option<&T> {
        self.entry(index)?.value.as_ref()
    }

    pub(crate) fn at_mut(&mut self, index: u32) -> Option<&mut T> {
        self.entry_mut(index)?.value.as_mut()
    }

    /// Every value with its id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ConnectionId, &T)> {
        let entries = self.pieces.iter().flatten();
        (0..).zip(entries).filter_map(|(index, Entry { generation, value })| {
            value.as_ref().map(|value| (ConnectionId { index, generation: *generation }, value))
        })
    }

    fn entry(&self, index: u32) -> Option<&Entry<T>> {
        let index = usize::try_from(index).ok()?;
        self.pieces.get(index / PIECE_SLOTS)?.get(index % PIECE_SLOTS)
    }

    fn entry_mut(&mut self, index: u32) -> Option<&mut Entry<T>> {
        let index = usize::try_from(index).ok()?;
        self.pieces.get_mut(index / PIECE_SLOTS)?.get_mut(index % PIECE_SLOTS)
    }
}

#[cfg(test)]
mod tests;
