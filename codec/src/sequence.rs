//! Sequence numbers: 32 bits that wrap (RFC 9293, section 3.4).

use core::fmt;

/// A sequence or acknowledgment number, modulo 2^32 (RFC 9293, section 3.4).
///
/// It has no order; [`before`](Self::before) and [`after`](Self::after) compare within half the number space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SequenceNumber(pub u32);

impl SequenceNumber {
    /// True if `self` comes before `other`: the way from `self` to `other` is 1 to 2^31 - 1 octets.
    #[must_use]
    pub const fn before(self, other: Self) -> bool {
        let distance = self.distance_to(other);
        distance != 0 && distance < 1 << 31
    }

    /// True if `self` comes after `other`: the mirror image of [`before`](Self::before).
    #[must_use]
    pub const fn after(self, other: Self) -> bool {
        other.before(self)
    }

    /// True if `self` is `other` or comes before it.
    #[must_use]
    pub const fn at_or_before(self, other: Self) -> bool {
        self.0 == other.0 || self.before(other)
    }

    /// True if `self` is `other` or comes after it.
    #[must_use]
    pub const fn at_or_after(self, other: Self) -> bool {
        other.at_or_before(self)
    }

    /// Octets from `self` forward to `later`, modulo 2^32.
    #[must_use]
    pub const fn distance_to(self, later: Self) -> u32 {
        later.0.wrapping_sub(self.0)
    }

    /// The number `count_octets` further on, modulo 2^32.
    #[must_use]
    pub const fn advanced_by(self, count_octets: u32) -> Self {
        Self(self.0.wrapping_add(count_octets))
    }

    /// The number `count_octets` further back, modulo 2^32.
    #[must_use]
    pub const fn moved_back_by(self, count_octets: u32) -> Self {
        Self(self.0.wrapping_sub(count_octets))
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
