//! CAPABLE (draft, {#opt-capable}): short on a SYN, long elsewhere.

use core::fmt;

use ctutils::CtEq;

use crate::HoldTime;
use crate::field::{self, Fields, Parsed};
use crate::message::MESSAGE_LEN_OCTETS_MAX;

/// Length without a key.
pub(crate) const SHORT_LEN_OCTETS: u8 = 8;
/// Length with the sender's key.
pub(crate) const LONG_LEN_OCTETS: u8 = 16;

/// Subtype 0: what the sender can do, and how long it offers to hold a connection for its peer.
///
/// `version (4 bits) S N K 0 | offered hold (2 octets) | sender's key (8 octets, long form)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Capable {
    /// Version and the three bits.
    pub bits: CapableBits,
    /// How long the sender would hold the connection while its peer is away.
    pub offered_hold: HoldTime,
    /// The sender's half of the key material; `None` is the short form.
    pub key: Option<ConnectionKey>,
}

/// Version and capabilities: octet 5 of CAPABLE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CapableBits(u8);

impl CapableBits {
    /// The version that this crate speaks.
    pub const VERSION: u8 = 1;
    const SILENT: u8 = 0b1000;
    const OLDER: u8 = 0b0100;
    const RETAINS: u8 = 0b0010;
    const RESERVED: u8 = 0b0001;

    /// `version` (its low four bits count) with no capability.
    #[must_use]
    pub const fn new(version: u8) -> Self {
        Self(version << 4)
    }

    /// As on the wire; the reserved bit is dropped, for it is ignored.
    #[must_use]
    pub const fn from_octet(octet: u8) -> Self {
        Self(octet & !Self::RESERVED)
    }

    /// As on the wire, the reserved bit 0.
    #[must_use]
    pub const fn octet(self) -> u8 {
        self.0
    }

    /// 0 to 15.
    #[must_use]
    pub const fn version(self) -> u8 {
        self.0 >> 4
    }

    //= draft#opt-capable
    //# A receiver MUST read a CAPABLE with N and without S as if both were
    //# set.
    /// S: the sender may fall silent for long. N implies it.
    #[must_use]
    pub const fn may_fall_silent(self) -> bool {
        self.0 & (Self::SILENT | Self::OLDER) != 0
    }

    /// N: the sender may return with an older state.
    #[must_use]
    pub const fn may_return_older(self) -> bool {
        self.0 & Self::OLDER != 0
    }

    /// K: the sender retains acknowledged octets for a peer with N.
    #[must_use]
    pub const fn retains(self) -> bool {
        self.0 & Self::RETAINS != 0
    }

    /// The same with S set.
    #[must_use]
    pub const fn with_silent(self) -> Self {
        Self(self.0 | Self::SILENT)
    }

    /// The same with N and S set.
    #[must_use]
    pub const fn with_older(self) -> Self {
        Self(self.0 | Self::SILENT | Self::OLDER)
    }

    /// The same with K set.
    #[must_use]
    pub const fn with_retention(self) -> Self {
        Self(self.0 | Self::RETAINS)
    }
}

impl fmt::Display for CapableBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{} ", self.version())?;
        let letters = [(Self::SILENT, "S"), (Self::OLDER, "N"), (Self::RETAINS, "K")];
        if letters.iter().all(|(bit, _)| self.0 & bit == 0) {
            return f.write_str("-");
        }
        letters.iter().filter(|(bit, _)| self.0 & bit != 0).try_for_each(|(_, letter)| f.write_str(letter))
    }
}

/// One end's 8 octets of key material (draft, {#keys}).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ConnectionKey(pub [u8; 8]);

impl ConnectionKey {
    /// True if `found` is this key. Takes the same time wherever they differ.
    #[must_use]
    pub fn is_proved_by(&self, found: &[u8; 8]) -> bool {
        self.0.ct_eq(found).to_bool()
    }
}

impl fmt::Display for ConnectionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl Capable {
    pub(crate) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, bits) = field::u8(input)?;
        let (input, hold) = field::u16(input)?;
        let bits = CapableBits::from_octet(bits);
        let offered_hold = HoldTime(hold);
        // Lengths between short and long are the short form with octets past its known length.
        Ok(match field::octets(input) {
            Ok((input, key)) => (input, Self { bits, offered_hold, key: Some(ConnectionKey(key)) }),
            Err(_) => (input, Self { bits, offered_hold, key: None }),
        })
    }

    pub(crate) fn put(&self, fields: &mut Fields<MESSAGE_LEN_OCTETS_MAX>) {
        fields.put(&[self.bits.octet()]).put(&self.offered_hold.0.to_be_bytes());
        if let Some(key) = self.key {
            fields.put(&key.0);
        }
    }

    pub(crate) fn len_octets(&self) -> u8 {
        if self.key.is_some() { LONG_LEN_OCTETS } else { SHORT_LEN_OCTETS }
    }
}

impl fmt::Display for Capable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "capable {} hold {}", self.bits, self.offered_hold)?;
        self.key.map_or(Ok(()), |key| write!(f, " key {key}"))
    }
}
