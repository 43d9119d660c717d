//! RESUME and RESUME-ACK (draft, {#opt-resume}).

use core::fmt;

use crate::field::{self, Fields, Parsed};
use crate::life::{Life, Nonce};
use crate::mac::Tag;
use crate::message::MESSAGE_LEN_OCTETS_MAX;

pub(crate) const LEN_OCTETS: u8 = 27;
/// Where the nonce of a RESUME stands, counted from the octet with Subtype and Flags.
pub(crate) const NONCE_FROM_SUBTYPE: core::ops::Range<usize> = 7..11;

/// Subtype 5: the sender is back, in this life.
///
/// `incarnation (4 octets) | generation (2) | nonce (4) | E (4) | MAC (8)`. R, what the sender has received, is the
/// acknowledgment number of the segment that carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Resume {
    /// The sender's own life.
    pub life: Life,
    /// The sender's nonce.
    pub nonce: Nonce,
    /// E: low 32 bits of how far the sender's history may have transmitted (SND.LIM).
    pub end: u32,
    /// MAC.
    pub tag: Tag,
}

/// Subtype 6: the answer to a RESUME.
///
/// `incarnation (4 octets) | generation (2) | R (4) | E (4) | MAC (8)`. The MAC binds it to the RESUME it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ResumeAck {
    /// The sender's own life.
    pub life: Life,
    /// R: low 32 bits of the sender's RCV.NXT.
    pub received: u32,
    /// E: low 32 bits of the sender's SND.LIM.
    pub end: u32,
    /// MAC.
    pub tag: Tag,
}

fn life(input: &[u8]) -> Parsed<'_, Life> {
    let (input, incarnation) = field::u32(input)?;
    let (input, generation) = field::u16(input)?;
    Ok((input, Life { incarnation, generation }))
}

impl Resume {
    pub(crate) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, life) = life(input)?;
        let (input, nonce) = field::u32(input)?;
        let (input, end) = field::u32(input)?;
        let (input, tag) = field::octets(input)?;
        Ok((input, Self { life, nonce: Nonce(nonce), end, tag: Tag(tag) }))
    }

    pub(crate) fn put(&self, fields: &mut Fields<MESSAGE_LEN_OCTETS_MAX>) {
        fields.put(&self.life.octets()).put(&self.nonce.0.to_be_bytes());
        fields.put(&self.end.to_be_bytes()).put(&self.tag.0);
    }
}

impl ResumeAck {
    pub(crate) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, life) = life(input)?;
        let (input, received) = field::u32(input)?;
        let (input, end) = field::u32(input)?;
        let (input, tag) = field::octets(input)?;
        Ok((input, Self { life, received, end, tag: Tag(tag) }))
    }

    pub(crate) fn put(&self, fields: &mut Fields<MESSAGE_LEN_OCTETS_MAX>) {
        fields.put(&self.life.octets()).put(&self.received.to_be_bytes());
        fields.put(&self.end.to_be_bytes()).put(&self.tag.0);
    }
}

impl fmt::Display for Resume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "resume life {} nonce {} end {} mac {}", self.life, self.nonce, self.end, self.tag)
    }
}

impl fmt::Display for ResumeAck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "resume-ack life {} rcv {} end {} mac {}", self.life, self.received, self.end, self.tag)
    }
}
