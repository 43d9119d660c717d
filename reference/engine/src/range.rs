//! A run of octets in one direction.

use hiatus_codec::Position;
use serde::{Deserialize, Serialize};

/// Octets from `start` up to, not including, `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Range {
    pub(crate) start: Position,
    pub(crate) end: Position,
}

impl Range {
    /// `None` if it would be empty.
    pub(crate) fn new(start: Position, end: Position) -> Option<Self> {
        (start < end).then_some(Self { start, end })
    }

    pub(crate) fn octets(self) -> u64 {
        self.start.distance_to(self.end)
    }

    /// Octets of it that lie in `from..to`.
    pub(crate) fn octets_within(self, from: Position, to: Position) -> u64 {
        self.start.max(from).distance_to(self.end.min(to))
    }

    /// The shortest run that holds both.
    pub(crate) fn joined(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}
