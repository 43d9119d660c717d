//! What may be wrong with octets that cannot be read, and with a buffer that cannot be filled.

use crate::OptionKind;

/// Why an option could not be read (draft, {#opt-parsing}).
///
/// Offsets count from the first octet of the option area, 0 to 39. Only [`OptionError::BadLength`] lets the walk go
/// on; every other variant is its last item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum OptionError {
    /// The area ends after the Kind octet.
    #[error("missing-length {kind} at {offset_octets}")]
    MissingLength {
        /// Kind of the option that has no Length.
        kind: OptionKind,
        /// Where its Kind octet stands.
        offset_octets: u8,
    },
    /// Length is 0 or 1: it must count Kind and Length themselves.
    #[error("length-below-two {kind} at {offset_octets} found {found_octets}")]
    LengthBelowTwo {
        /// Kind of the option.
        kind: OptionKind,
        /// Where its Kind octet stands.
        offset_octets: u8,
        /// The Length that was found: 0 or 1.
        found_octets: u8,
    },
    /// Length reaches beyond the area.
    #[error("truncated {kind} at {offset_octets} found {found_octets} expected {expected_octets}")]
    Truncated {
        /// Kind of the option.
        kind: OptionKind,
        /// Where its Kind octet stands.
        offset_octets: u8,
        /// Octets that are left, from Kind on.
        found_octets: u8,
        /// The option's Length.
        expected_octets: u8,
    },
    /// A known kind with a Length that its definition does not allow. The option is skipped by its Length.
    #[error("bad-length {kind} at {offset_octets} found {found_octets} expected {expected_octets}")]
    BadLength {
        /// Kind of the option.
        kind: OptionKind,
        /// Where its Kind octet stands.
        offset_octets: u8,
        /// The option's Length.
        found_octets: u8,
        /// The Length that the definition asks for; where it allows several, the smallest.
        expected_octets: u8,
    },
    /// An octet after End of Option List is not zero. All of them are ignored; this only tells.
    #[error("padding at {offset_octets}")]
    Padding {
        /// Where the first octet that is not zero stands.
        offset_octets: u8,
    },
}

/// Why a TCP segment could not be read (RFC 9293, section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum SegmentError {
    /// Fewer octets than the fixed header.
    #[error("TCP header: found {found_octets} octets, expected at least 20")]
    HeaderTruncated {
        /// Octets that are there.
        found_octets: usize,
    },
    /// Data Offset is below 5 words.
    #[error("TCP Data Offset at octet 12: found {found_words} words, expected at least 5")]
    DataOffsetBelowFive {
        /// Data Offset in words of 4 octets: 0 to 4.
        found_words: u8,
    },
    /// Data Offset reaches beyond the octets.
    #[error("TCP options: found {found_octets} octets of header, expected {expected_octets} by Data Offset")]
    OptionsTruncated {
        /// Octets that are there.
        found_octets: usize,
        /// Length of the header by its Data Offset.
        expected_octets: usize,
    },
}

/// Why a value could not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// The buffer, or the 40 octets of the option area, are too small.
    #[error("no room: {needed_octets} octets needed, {available_octets} available")]
    NoRoom {
        /// Octets that the value takes.
        needed_octets: usize,
        /// Octets that are left.
        available_octets: usize,
    },
    /// The options of a segment are not a multiple of 4 octets.
    #[error("options of {found_octets} octets: expected a multiple of 4 up to 40")]
    UnpaddedOptions {
        /// Length of the options.
        found_octets: usize,
    },
}
