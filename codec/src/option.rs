//! One TCP option: kinds, lengths, the raw form and the typed form.

use core::fmt;

use crate::message::{HiatusOption, Message};
use crate::standard::{SackBlocks, Timestamps};

/// The Kind octet of an option (IANA, "TCP Option Kind Numbers").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct OptionKind(pub u8);

impl OptionKind {
    /// End of Option List (RFC 9293, section 3.1).
    pub const END_OF_LIST: Self = Self(0);
    /// No-Operation (RFC 9293, section 3.1).
    pub const NO_OPERATION: Self = Self(1);
    /// Maximum Segment Size (RFC 9293, section 3.1).
    pub const MAXIMUM_SEGMENT_SIZE: Self = Self(2);
    /// Window Scale (RFC 7323, section 2.2).
    pub const WINDOW_SCALE: Self = Self(3);
    /// SACK-Permitted (RFC 2018, section 2).
    pub const SACK_PERMITTED: Self = Self(4);
    /// SACK (RFC 2018, section 3).
    pub const SACK: Self = Self(5);
    /// Timestamps (RFC 7323, section 3.2).
    pub const TIMESTAMPS: Self = Self(8);
    /// Shared experimental kind 253 (RFC 4727, RFC 6994): Hiatus lives here.
    pub const EXPERIMENT_253: Self = Self(253);
    /// Shared experimental kind 254 (RFC 4727, RFC 6994).
    pub const EXPERIMENT_254: Self = Self(254);

    /// The kind that carries Hiatus: unregistered, for testbeds (draft, {#iana}).
    pub const HIATUS: Self = Self::EXPERIMENT_253;
}

impl fmt::Display for OptionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kind {}", self.0)
    }
}

/// Experiment identifier of a shared experimental option (RFC 6994): the two octets after Length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ExperimentId(pub u16);

impl ExperimentId {
    /// Hiatus: "HI", unregistered, for testbeds (draft, {#iana}).
    pub const HIATUS: Self = Self(0x4849);
}

impl fmt::Display for ExperimentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}", self.0)
    }
}

/// The Length of every option whose kind this crate reads: one place for parse, emit and display.
pub(crate) mod length {
    pub(crate) const MAXIMUM_SEGMENT_SIZE: u8 = 4;
    pub(crate) const WINDOW_SCALE: u8 = 3;
    pub(crate) const SACK_PERMITTED: u8 = 2;
    pub(crate) const SACK_BLOCK: u8 = 8;
    /// The smallest SACK; it may hold up to four blocks.
    pub(crate) const SACK_ONE_BLOCK: u8 = KIND_AND_LENGTH + SACK_BLOCK;
    pub(crate) const TIMESTAMPS: u8 = 10;
    pub(crate) const EXPERIMENT_MIN: u8 = 4;
    pub(crate) const KIND_AND_LENGTH: u8 = 2;
}

/// One option as it stands on the wire: Kind, Length, and where it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RawOption<'a> {
    /// The Kind octet.
    pub kind: OptionKind,
    /// The octets after Length: 0 to 38.
    pub body: &'a [u8],
    /// Where the Kind octet stands in the option area, 0 to 39.
    pub offset_octets: u8,
}

impl RawOption<'_> {
    /// Length as the wire has it: Kind and Length counted, 2 to 40.
    #[must_use]
    pub fn len_octets(&self) -> u8 {
        u8::try_from(self.body.len()).unwrap_or(u8::MAX).saturating_add(length::KIND_AND_LENGTH)
    }
}

/// One option of a TCP header, decoded.
///
/// Its [`Display`](fmt::Display) form is the one used by transcripts, case scripts and test vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TcpOption<'a> {
    /// End of Option List: nothing after it counts.
    EndOfList,
    /// No-Operation.
    NoOperation,
    /// Maximum segment size in octets.
    MaximumSegmentSize(u16),
    /// Window scale: shift count as sent; RFC 7323 has the receiver take 14 for more.
    WindowScale(u8),
    /// SACK permitted.
    SackPermitted,
    /// Selective acknowledgment, 1 to 4 blocks.
    Sack(SackBlocks<'a>),
    /// Timestamps.
    Timestamps(Timestamps),
    /// A Hiatus message.
    Hiatus(HiatusOption<'a>),
    /// A shared experimental option of another experiment.
    Experiment {
        /// 253 or 254.
        kind: OptionKind,
        /// Whose it is.
        experiment: ExperimentId,
        /// The octets after the experiment identifier.
        body: &'a [u8],
    },
    /// Any other kind, kept as it is.
    Unknown(RawOption<'a>),
}

impl<'a> TcpOption<'a> {
    /// The Hiatus message in this option, if it is one.
    #[must_use]
    pub fn hiatus(&self) -> Option<Message<'a>> {
        match self {
            Self::Hiatus(option) => Some(option.message()),
            _ => None,
        }
    }
}

impl fmt::Display for TcpOption<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndOfList => f.write_str("eol"),
            Self::NoOperation => f.write_str("nop"),
            Self::MaximumSegmentSize(size_octets) => write!(f, "mss {size_octets}"),
            Self::WindowScale(shift) => write!(f, "wscale {shift}"),
            Self::SackPermitted => f.write_str("sackOK"),
            Self::Sack(blocks) => blocks.fmt(f),
            Self::Timestamps(timestamps) => timestamps.fmt(f),
            Self::Hiatus(option) => option.message().fmt(f),
            Self::Experiment { experiment, body, .. } => {
                write!(f, "exid {experiment} len {}", body.len() + usize::from(length::EXPERIMENT_MIN))
            }
            Self::Unknown(raw) => write!(f, "{} len {}", raw.kind, raw.len_octets()),
        }
    }
}
