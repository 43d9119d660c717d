//! Positions: 64-bit counts of octets in one direction of a connection.

use core::fmt;

use crate::SequenceNumber;

/// A count of octets from the initial sequence number of a direction (draft, {#terms}).
///
/// SYN is position 0, the first octet of data position 1, FIN counts one. Positions only grow, so the latest of two
/// is the greater. The wire carries the low 32 bits; the MAC covers all 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Position(pub u64);

impl Position {
    /// The position whose low 32 bits are `low` and that lies nearest to `reference` (draft, {#positions}).
    ///
    /// Of two that lie equally near (2^31 octets each way) it is the smaller one. A result before 0 or beyond 2^64 - 1
    /// does not exist; there the nearest that does is taken.
    #[must_use]
    pub const fn nearest(low: u32, reference: Self) -> Self {
        let high = reference.0 & !0xffff_ffff;
        let candidate = high | low as u64;
        const HALF: u64 = 1 << 31;
        const WHOLE: u64 = 1 << 32;
        if candidate > reference.0 && candidate - reference.0 >= HALF && candidate >= WHOLE {
            Self(candidate - WHOLE)
        } else if reference.0 > candidate && reference.0 - candidate > HALF && candidate <= u64::MAX - WHOLE {
            Self(candidate + WHOLE)
        } else {
            Self(candidate)
        }
    }

    /// The low 32 bits: what the wire carries of it in a Hiatus message.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the low 32 bits are what is asked for")]
    pub const fn low(self) -> u32 {
        self.0 as u32
    }

    /// The sequence number of this position in a direction that began at `isn`.
    #[must_use]
    pub const fn sequence(self, isn: SequenceNumber) -> SequenceNumber {
        isn.advanced_by(self.low())
    }

    /// The position of `number` in a direction that began at `isn`, nearest to `reference`.
    #[must_use]
    pub const fn of_sequence(number: SequenceNumber, isn: SequenceNumber, reference: Self) -> Self {
        Self::nearest(isn.distance_to(number), reference)
    }

    /// The position `count_octets` further on; it stays at 2^64 - 1 beyond that.
    #[must_use]
    pub const fn advanced_by(self, count_octets: u64) -> Self {
        Self(self.0.saturating_add(count_octets))
    }

    /// Octets from `self` forward to `later`; 0 if `later` is not later.
    #[must_use]
    pub const fn distance_to(self, later: Self) -> u64 {
        later.0.saturating_sub(self.0)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
