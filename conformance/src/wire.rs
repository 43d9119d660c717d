//! Segments as values that own their octets, and the data that both ends send.

use hiatus_codec::{
    EmitError, Flags, HiatusOption, KnownOptions, Segment, SegmentError, SequenceNumber, TcpOption, options,
};

/// A TCP segment. Its options are raw octets, so that broken ones can be sent too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedSegment {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// SEG.SEQ.
    pub seq: SequenceNumber,
    /// SEG.ACK.
    pub ack: SequenceNumber,
    /// Control bits.
    pub flags: Flags,
    /// SEG.WND as on the wire.
    pub window: u16,
    /// The option area, a multiple of 4 octets, at most 40.
    pub options: Vec<u8>,
    /// The data.
    pub payload: Vec<u8>,
}

impl OwnedSegment {
    /// Reads the payload of an IP packet.
    ///
    /// # Errors
    ///
    /// A [`SegmentError`] if it is not a TCP segment.
    pub fn parse(octets: &[u8]) -> Result<Self, SegmentError> {
        Segment::parse(octets).map(|segment| Self::from(&segment))
    }

    /// The same, borrowed.
    #[must_use]
    pub fn view(&self) -> Segment<'_> {
        Segment {
            source_port: self.source_port,
            destination_port: self.destination_port,
            seq: self.seq,
            ack: self.ack,
            flags: self.flags,
            window: self.window,
            checksum: 0,
            urgent: 0,
            options: &self.options,
            payload: &self.payload,
        }
    }

    /// The segment as on the wire, checksum 0.
    ///
    /// # Errors
    ///
    /// [`EmitError::UnpaddedOptions`] if the options are not a multiple of 4 octets up to 40.
    pub fn octets(&self) -> Result<Vec<u8>, EmitError> {
        let view = self.view();
        let mut octets = vec![0; view.wire_len_octets()];
        view.emit(&mut octets)?;
        Ok(octets)
    }

    /// The Hiatus message that a receiver acts on: the first that is readable and in its place.
    #[must_use]
    pub fn hiatus(&self) -> Option<HiatusOption<'_>> {
        KnownOptions::parse(&self.view()).hiatus
    }

    /// Hiatus messages that the options hold.
    #[must_use]
    pub fn hiatus_count(&self) -> usize {
        options(&self.options).filter(|item| matches!(item, Ok(TcpOption::Hiatus(_)))).count()
    }

    /// True for a pure acknowledgment of plain TCP: no data, no SYN, FIN, RST, no Hiatus option.
    #[must_use]
    pub fn is_plain_ack(&self) -> bool {
        let busy = Flags::SYN.union(Flags::FIN).union(Flags::RST);
        self.payload.is_empty()
            && self.flags.contains(Flags::ACK)
            && !self.flags.intersects(busy)
            && self.hiatus_count() == 0
    }

    /// Octets of data; segments are far below 2^32.
    #[must_use]
    pub fn data_len_octets(&self) -> u32 {
        u32::try_from(self.payload.len()).unwrap_or(u32::MAX)
    }
}

impl From<&Segment<'_>> for OwnedSegment {
    fn from(segment: &Segment<'_>) -> Self {
        Self {
            source_port: segment.source_port,
            destination_port: segment.destination_port,
            seq: segment.seq,
            ack: segment.ack,
            flags: segment.flags,
            window: segment.window,
            options: segment.options.to_vec(),
            payload: segment.payload.to_vec(),
        }
    }
}

/// Which end of the connection: the bench plays the target's peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The bench.
    Bench,
    /// The target.
    Target,
}

impl Side {
    /// The other end.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Bench => Self::Target,
            Self::Target => Self::Bench,
        }
    }
}

/// The octet at `position` of the stream that `side` sends: small letters from the bench, capitals from the target.
///
/// Each row of 26 begins one letter further on, so that an octet in the wrong place shows, and a dump can be read.
#[must_use]
pub fn pattern_octet(side: Side, position: u32) -> u8 {
    const ALPHABET: &[u8; 26] = b"abcdefghijklmnopqrstuvwxyz";
    let place = position.wrapping_sub(1);
    let letter = usize::try_from((place % 26 + place / 26) % 26).unwrap_or(0);
    let small = ALPHABET.get(letter).copied().unwrap_or(b'?');
    match side {
        Side::Bench => small,
        Side::Target => small.to_ascii_uppercase(),
    }
}

/// `len_octets` of the pattern from `position` on.
#[must_use]
pub fn pattern(side: Side, position: u32, len_octets: u32) -> Vec<u8> {
    (0..len_octets).map(|offset| pattern_octet(side, position.wrapping_add(offset))).collect()
}
