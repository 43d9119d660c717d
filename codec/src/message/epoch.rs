//! EPOCH and EPOCH-ECHO (draft, {#opt-epoch}).

use core::fmt;

use crate::field::{self, Fields, Parsed};
use crate::mac::Tag;
use crate::message::MESSAGE_LEN_OCTETS_MAX;
use crate::position::Position;

pub(crate) const EPOCH_LEN_OCTETS: u8 = 21;
pub(crate) const ECHO_LEN_OCTETS: u8 = 9;

/// Subtype 1: everything before the stable point is in durable state and will never be asked for again.
///
/// `epoch number (4 octets) | stable point (4) | MAC (8)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Epoch {
    /// 0: the sender has no durable state yet. Apart from that for people and logs; no rule compares it.
    pub number: u32,
    /// Low 32 bits of the sender's stable point, a position of the peer's direction.
    pub stable_point: u32,
    /// MAC.
    pub tag: Tag,
}

impl Epoch {
    /// The stable point as a position (draft, {#positions}): 0 with Epoch Number 0, else that nearest to `snd_una`, the
    /// SND.UNA of the receiver.
    #[must_use]
    pub const fn stable_position(&self, snd_una: Position) -> Position {
        //= draft#positions
        //# In an EPOCH with Epoch
        //# Number 0 the stable point is position 0, however much has been sent and
        //# whatever the field says.
        if self.number == 0 { Position(0) } else { Position::nearest(self.stable_point, snd_una) }
    }

    pub(crate) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, number) = field::u32(input)?;
        let (input, stable_point) = field::u32(input)?;
        let (input, tag) = field::octets(input)?;
        Ok((input, Self { number, stable_point, tag: Tag(tag) }))
    }

    pub(crate) fn put(&self, fields: &mut Fields<MESSAGE_LEN_OCTETS_MAX>) {
        fields.put(&self.number.to_be_bytes()).put(&self.stable_point.to_be_bytes()).put(&self.tag.0);
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "epoch {} stable {} mac {}", self.number, self.stable_point, self.tag)
    }
}

/// Subtype 2: the peer's stable point, given back. It has no MAC: at worst a false one stops one repetition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct EpochEcho {
    /// Low 32 bits of the stable point that is known now.
    pub stable_point: u32,
}

impl EpochEcho {
    pub(crate) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, stable_point) = field::u32(input)?;
        Ok((input, Self { stable_point }))
    }

    pub(crate) fn put(&self, fields: &mut Fields<MESSAGE_LEN_OCTETS_MAX>) {
        fields.put(&self.stable_point.to_be_bytes());
    }
}

impl fmt::Display for EpochEcho {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "epoch-echo {}", self.stable_point)
    }
}
