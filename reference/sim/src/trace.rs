//! Every segment that was sent, and what became of it.

use hiatus_codec::{Segment, SegmentError};
use hiatus_engine::Time;

use crate::sim::Side;

/// One segment on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// When it was sent.
    pub sent_at: Time,
    /// Who sent it.
    pub from: Side,
    /// The TCP segment as sent, the checksum 0.
    pub octets: Vec<u8>,
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
    /// It never arrives.
    Lost,
}
