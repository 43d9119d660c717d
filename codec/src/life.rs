//! Which life of a host speaks: incarnation, generation, nonce.

use core::fmt;

/// One life of an end: (incarnation, generation), ordered in this order (draft, {#terms}).
///
/// (0, 0) at establishment. A restore takes a new incarnation and generation 0; a return with memory intact takes the
/// next generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Life {
    /// Grows with every restore, from a source outside what is rolled back.
    pub incarnation: u32,
    /// Grows with every return with memory intact; 0 in a new incarnation.
    pub generation: u16,
}

impl Life {
    /// The life of an end that came back with its memory intact; the last generation keeps its number.
    #[must_use]
    pub const fn next_generation(self) -> Self {
        Self { incarnation: self.incarnation, generation: self.generation.saturating_add(1) }
    }

    /// The six octets as the MAC covers them: incarnation, then generation, big-endian.
    #[must_use]
    pub const fn octets(self) -> [u8; 6] {
        let [a, b, c, d] = self.incarnation.to_be_bytes();
        let [e, f] = self.generation.to_be_bytes();
        [a, b, c, d, e, f]
    }
}

impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.incarnation, self.generation)
    }
}

/// Four octets drawn once per incarnation from fresh entropy; they tell clones with one incarnation apart
/// (draft, {#terms}). 0 stands for "not known" and matches any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Nonce(pub u32);

impl Nonce {
    /// "Not known": what an end records of a peer that never named its nonce.
    pub const UNKNOWN: Self = Self(0);

    /// True unless both are known and differ.
    #[must_use]
    pub const fn matches(self, other: Self) -> bool {
        self.0 == 0 || other.0 == 0 || self.0 == other.0
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}
