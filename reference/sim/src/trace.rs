//! Every segment that was sent, and what became of it.

use core::fmt;

use hiatus_codec::{Segment, SegmentError, options};
use hiatus_engine::{Ecn, Time};

use crate::sim::Side;

/// One segment on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// When it was sent.
    pub sent_at: Time,
    /// Who sent it.
    pub from: Side,
    /// The TCP segment as sent.
    pub octets: Vec<u8>,
    /// The ECN field of its IP header.
    pub ecn: Ecn,
    /// What became of it.
    pub fate: Fate,
}

impl Frame {
    /// The segment.
    ///
    /// # Errors
    ///
    /// A [`SegmentError`] if the octets are none; an engine never sends such.
    pub fn segment(&self) -> Result<Segment<'_>, SegmentError> {
        Segment::parse(&self.octets)
    }
}

/// What the network did with a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It arrives then.
    Delivered {
        /// When.
        at: Time,
    },
    /// It arrives twice.
    Duplicated {
        /// When first.
        at: Time,
        /// When again.
        again_at: Time,
    },
    /// It arrives as something else.
    Damaged {
        /// When.
        at: Time,
    },
    /// It never arrives.
    Lost,
}

impl fmt::Display for Frame {
    /// One line: time, direction, flags, numbers as on the wire, options.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.from, self.from.peer());
        write!(f, "+{} {from:?} > {to:?} ", self.sent_at)?;
        write_segment(f, &self.octets)?;
        match self.fate {
            Fate::Delivered { .. } => Ok(()),
            Fate::Duplicated { .. } => f.write_str(" twice"),
            Fate::Damaged { .. } => f.write_str(" damaged"),
            Fate::Lost => f.write_str(" lost"),
        }
    }
}

/// The segment in `octets`: flags, numbers as on the wire, options.
pub(crate) fn write_segment(f: &mut fmt::Formatter<'_>, octets: &[u8]) -> fmt::Result {
    let segment = match Segment::parse(octets) {
        Err(error) => return write!(f, "{error}"),
        Ok(segment) => segment,
    };
    let (seq, ack, len) = (segment.seq, segment.ack, segment.payload.len());
    write!(f, "{} {seq}({len}) ack {ack} win {} <", segment.flags, segment.window)?;
    for (index, option) in options(segment.options).flatten().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        write!(f, "{separator}{option}")?;
    }
    f.write_str(">")
}
