//! ABORT (draft, {#opt-abort}): a reset that says why and proves who.

use core::fmt;

use crate::field::{self, Fields, Parsed};
use crate::message::MESSAGE_LEN_OCTETS_MAX;

pub(crate) const LEN_OCTETS: u8 = 14;

/// Why a connection is aborted (draft, {#opt-abort}).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AbortReason(pub u8);

impl AbortReason {
    /// Another, later life of the same host has taken over.
    pub const FENCED: Self = Self(1);
    /// The octets that are asked for are no longer kept.
    pub const GONE: Self = Self(2);
    /// The two histories do not fit together.
    pub const DIVERGED: Self = Self(3);
    /// The sender has no state of the connection.
    pub const LOST: Self = Self(4);
    /// The sender gave the connection up to stay within its limits.
    pub const SHED: Self = Self(5);
    /// The application aborted.
    pub const APPLICATION: Self = Self(6);
}

impl fmt::Display for AbortReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::FENCED => "fenced",
            Self::GONE => "gone",
            Self::DIVERGED => "diverged",
            Self::LOST => "lost",
            Self::SHED => "shed",
            Self::APPLICATION => "application",
            Self(other) => return write!(f, "reason-{other}"),
        })
    }
}

/// Subtype 7, on an RST: `reason (1 octet) | proof (8)`.
///
/// The proof is the MAC; for LOST, whose sender has no session key, it is the sender's own connection key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Abort {
    /// Why.
    pub reason: AbortReason,
    /// MAC, or for [`AbortReason::LOST`] the sender's connection key.
    pub proof: [u8; 8],
}

impl Abort {
    pub(crate) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, reason) = field::u8(input)?;
        let (input, proof) = field::octets(input)?;
        Ok((input, Self { reason: AbortReason(reason), proof }))
    }

    pub(crate) fn put(&self, fields: &mut Fields<MESSAGE_LEN_OCTETS_MAX>) {
        fields.put(&[self.reason.0]).put(&self.proof);
    }
}

impl fmt::Display for Abort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let proof = if self.reason == AbortReason::LOST { "key" } else { "mac" };
        write!(f, "abort {} {proof} ", self.reason)?;
        self.proof.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}
