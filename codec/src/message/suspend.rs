//! SUSPEND and SUSPEND-ACK (draft, {#opt-suspend}).

use core::fmt;

use crate::HoldTime;
use crate::field::{self, Fields, Parsed};
use crate::mac::Tag;
use crate::message::MESSAGE_LEN_OCTETS_MAX;

pub(crate) const LEN_OCTETS: u8 = 15;

/// Subtype 3: the sender goes away and will be back.
///
/// `expected absence (2 octets, 0 not told) | MAC (8)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Suspend {
    /// How long the sender expects to be away; none if it does not tell.
    pub expected_absence: HoldTime,
    /// MAC.
    pub tag: Tag,
}

/// Subtype 4: the sender holds the connection for its peer.
///
/// `granted hold (2 octets, 0 refused) | MAC (8)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SuspendAck {
    /// How long the connection will be held from now; none if the sender refuses.
    pub granted_hold: HoldTime,
    /// MAC.
    pub tag: Tag,
}

fn parse(input: &[u8]) -> Parsed<'_, (HoldTime, Tag)> {
    let (input, time) = field::u16(input)?;
    let (input, tag) = field::octets(input)?;
    Ok((input, (HoldTime(time), Tag(tag))))
}

fn put(time: HoldTime, tag: Tag, fields: &mut Fields<MESSAGE_LEN_OCTETS_MAX>) {
    fields.put(&time.0.to_be_bytes()).put(&tag.0);
}

impl Suspend {
    pub(crate) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        parse(input).map(|(input, (expected_absence, tag))| (input, Self { expected_absence, tag }))
    }

    pub(crate) fn put(&self, fields: &mut Fields<MESSAGE_LEN_OCTETS_MAX>) {
        put(self.expected_absence, self.tag, fields);
    }
}

impl SuspendAck {
    pub(crate) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        parse(input).map(|(input, (granted_hold, tag))| (input, Self { granted_hold, tag }))
    }

    pub(crate) fn put(&self, fields: &mut Fields<MESSAGE_LEN_OCTETS_MAX>) {
        put(self.granted_hold, self.tag, fields);
    }
}

impl fmt::Display for Suspend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.expected_absence.is_none() {
            write!(f, "suspend unknown mac {}", self.tag)
        } else {
            write!(f, "suspend {} mac {}", self.expected_absence, self.tag)
        }
    }
}

impl fmt::Display for SuspendAck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.granted_hold.is_none() {
            write!(f, "suspend-ack refused mac {}", self.tag)
        } else {
            write!(f, "suspend-ack {} mac {}", self.granted_hold, self.tag)
        }
    }
}
