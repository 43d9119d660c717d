//! The TCP header (RFC 9293, section 3.1).

use core::fmt;

use crate::OPTIONS_LEN_OCTETS_MAX;
use crate::error::{EmitError, SegmentError};
use crate::field;
use crate::sequence::SequenceNumber;

const FIXED_HEADER_OCTETS: usize = 20;
const WORD_OCTETS: usize = 4;
const FIXED_HEADER_WORDS: u8 = 5;

/// The control bits and the reserved ones: the low 12 bits of octets 12 and 13 (RFC 9293, section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Flags(pub u16);

impl Flags {
    /// FIN: no more data from the sender.
    pub const FIN: Self = Self(0x001);
    /// SYN: synchronise sequence numbers.
    pub const SYN: Self = Self(0x002);
    /// RST: reset the connection.
    pub const RST: Self = Self(0x004);
    /// PSH: push.
    pub const PSH: Self = Self(0x008);
    /// ACK: the acknowledgment number counts.
    pub const ACK: Self = Self(0x010);
    /// URG: the urgent pointer counts.
    pub const URG: Self = Self(0x020);
    /// ECE (RFC 3168).
    pub const ECE: Self = Self(0x040);
    /// CWR (RFC 3168).
    pub const CWR: Self = Self(0x080);
    /// AE (RFC 9768), once NS.
    pub const AE: Self = Self(0x100);

    const ALL: u16 = 0xfff;
    /// As tcpdump writes them, in its order.
    const LETTERS: [(Self, &str); 9] = [
        (Self::SYN, "S"),
        (Self::FIN, "F"),
        (Self::RST, "R"),
        (Self::PSH, "P"),
        (Self::ACK, "."),
        (Self::URG, "U"),
        (Self::ECE, "E"),
        (Self::CWR, "W"),
        (Self::AE, "e"),
    ];

    /// True if every bit of `other` is set in `self`.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// True if any bit of `other` is set in `self`.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The bits of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("-");
        }
        Self::LETTERS
            .iter()
            .filter(|(flag, _)| self.contains(*flag))
            .try_for_each(|(_, letter)| f.write_str(letter))
    }
}

/// A TCP segment: the header's fields, its options and its data, zero-copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Segment<'a> {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// SEG.SEQ.
    pub seq: SequenceNumber,
    /// SEG.ACK; counts only with ACK.
    pub ack: SequenceNumber,
    /// Control bits.
    pub flags: Flags,
    /// SEG.WND as on the wire, not scaled.
    pub window: u16,
    /// Checksum as on the wire; neither checked nor computed here, for it covers the IP addresses.
    pub checksum: u16,
    /// SEG.UP; counts only with URG.
    pub urgent: u16,
    /// The option area, 0 to 40 octets, as on the wire.
    pub options: &'a [u8],
    /// The data.
    pub payload: &'a [u8],
}

impl<'a> Segment<'a> {
    /// Reads a segment: `octets` is the payload of the IP packet.
    ///
    /// # Errors
    ///
    /// A [`SegmentError`] if the fixed header or the options that Data Offset promises are not there.
    #[inline]
    pub fn parse(octets: &'a [u8]) -> Result<Self, SegmentError> {
        let found_octets = octets.len();
        let (after_fixed, fixed) = field::octets::<FIXED_HEADER_OCTETS>(octets)
            .map_err(|_| SegmentError::HeaderTruncated { found_octets })?;
        let (segment, data_offset_words) = Self::fixed(&fixed);
        let Some(options_words) = data_offset_words.checked_sub(FIXED_HEADER_WORDS) else {
            return Err(SegmentError::DataOffsetBelowFive { found_words: data_offset_words });
        };
        let options_octets = usize::from(options_words) * WORD_OCTETS;
        let Some((options, payload)) = after_fixed.split_at_checked(options_octets) else {
            let expected_octets = FIXED_HEADER_OCTETS + options_octets;
            return Err(SegmentError::OptionsTruncated { found_octets, expected_octets });
        };
        Ok(Self { options, payload, ..segment })
    }

    /// The fixed header, and Data Offset in words. The pattern is the figure of RFC 9293, section 3.1.
    #[inline]
    fn fixed(header: &[u8; FIXED_HEADER_OCTETS]) -> (Self, u8) {
        #[rustfmt::skip]
        let [
            source0, source1, destination0, destination1,
            seq0, seq1, seq2, seq3,
            ack0, ack1, ack2, ack3,
            offset_and_flags0, offset_and_flags1, window0, window1,
            checksum0, checksum1, urgent0, urgent1,
        ] = *header;
        let segment = Self {
            source_port: u16::from_be_bytes([source0, source1]),
            destination_port: u16::from_be_bytes([destination0, destination1]),
            seq: SequenceNumber(u32::from_be_bytes([seq0, seq1, seq2, seq3])),
            ack: SequenceNumber(u32::from_be_bytes([ack0, ack1, ack2, ack3])),
            flags: Flags(u16::from_be_bytes([offset_and_flags0, offset_and_flags1]) & Flags::ALL),
            window: u16::from_be_bytes([window0, window1]),
            checksum: u16::from_be_bytes([checksum0, checksum1]),
            urgent: u16::from_be_bytes([urgent0, urgent1]),
            options: &[],
            payload: &[],
        };
        (segment, offset_and_flags0 >> 4)
    }

    /// SEG.LEN: octets of data, SYN and FIN counting one each (RFC 9293, section 3.4).
    #[must_use]
    pub fn len(&self) -> u32 {
        let data = u32::try_from(self.payload.len()).unwrap_or(u32::MAX);
        data.wrapping_add(u32::from(self.flags.contains(Flags::SYN)))
            .wrapping_add(u32::from(self.flags.contains(Flags::FIN)))
    }

    /// True if the segment takes no sequence space: SEG.LEN is 0.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// True for a segment with ACK, without SYN, FIN and RST, and without data (draft, {#opt-head}).
    #[must_use]
    #[inline]
    pub fn is_pure_ack(&self) -> bool {
        const OTHERS: Flags = Flags(Flags::SYN.0 | Flags::FIN.0 | Flags::RST.0);
        self.flags.contains(Flags::ACK) && !self.flags.intersects(OTHERS) && self.payload.is_empty()
    }

    /// Octets that [`emit`](Self::emit) writes.
    #[must_use]
    pub fn wire_len_octets(&self) -> usize {
        FIXED_HEADER_OCTETS + self.options.len() + self.payload.len()
    }

    /// Writes the segment at the start of `out` and gives the rest; the mirror image of [`parse`](Self::parse).
    ///
    /// # Errors
    ///
    /// [`EmitError::UnpaddedOptions`] if the options are not a multiple of 4 octets up to 40,
    /// [`EmitError::NoRoom`] if `out` is shorter than [`wire_len_octets`](Self::wire_len_octets).
    #[inline]
    pub fn emit<'o>(&self, out: &'o mut [u8]) -> Result<&'o mut [u8], EmitError> {
        let found_octets = self.options.len();
        let words = u16::try_from(found_octets / WORD_OCTETS).unwrap_or(u16::MAX);
        if found_octets > OPTIONS_LEN_OCTETS_MAX || !found_octets.is_multiple_of(WORD_OCTETS) {
            return Err(EmitError::UnpaddedOptions { found_octets });
        }
        let needed_octets = self.wire_len_octets();
        let available_octets = out.len();
        let no_room = EmitError::NoRoom { needed_octets, available_octets };
        let (room, rest) = out.split_at_mut_checked(needed_octets).ok_or(no_room)?;
        let (header, after_header) = room.split_first_chunk_mut::<FIXED_HEADER_OCTETS>().ok_or(no_room)?;
        let offset_and_flags = (u16::from(FIXED_HEADER_WORDS) + words) << 12 | (self.flags.0 & Flags::ALL);
        header[0..2].copy_from_slice(&self.source_port.to_be_bytes());
        header[2..4].copy_from_slice(&self.destination_port.to_be_bytes());
        header[4..8].copy_from_slice(&self.seq.0.to_be_bytes());
        header[8..12].copy_from_slice(&self.ack.0.to_be_bytes());
        header[12..14].copy_from_slice(&offset_and_flags.to_be_bytes());
        header[14..16].copy_from_slice(&self.window.to_be_bytes());
        header[16..18].copy_from_slice(&self.checksum.to_be_bytes());
        header[18..20].copy_from_slice(&self.urgent.to_be_bytes());
        let (options, payload) = after_header.split_at_mut(found_octets);
        options.copy_from_slice(self.options);
        payload.copy_from_slice(self.payload);
        Ok(rest)
    }
}
