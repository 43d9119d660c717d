//! Writing an option area.

use crate::OPTIONS_LEN_OCTETS_MAX;
use crate::error::EmitError;
use crate::option::{ExperimentId, OptionKind, RawOption, TcpOption, length};
use crate::standard::{TIMESTAMPS_HEAD, Timestamps};

/// Collects the options of one segment, at most 40 octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionWriter {
    octets: [u8; OPTIONS_LEN_OCTETS_MAX],
    len: usize,
}

impl Default for OptionWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl OptionWriter {
    /// An empty area.
    #[must_use]
    pub const fn new() -> Self {
        Self { octets: [0; OPTIONS_LEN_OCTETS_MAX], len: 0 }
    }

    /// Octets that are left.
    #[must_use]
    pub const fn room_octets(&self) -> usize {
        OPTIONS_LEN_OCTETS_MAX - self.len
    }

    /// Appends `option` as it is; the mirror image of [`crate::options`]. Alignment is the caller's affair.
    ///
    /// # Errors
    ///
    /// [`EmitError::NoRoom`] if it does not fit; then nothing is written.
    #[inline]
    pub fn push(&mut self, option: &TcpOption<'_>) -> Result<&mut Self, EmitError> {
        match *option {
            TcpOption::EndOfList => self.array([OptionKind::END_OF_LIST.0]),
            TcpOption::NoOperation => self.array([OptionKind::NO_OPERATION.0]),
            TcpOption::MaximumSegmentSize(size) => {
                let [high, low] = size.to_be_bytes();
                self.array([OptionKind::MAXIMUM_SEGMENT_SIZE.0, length::MAXIMUM_SEGMENT_SIZE, high, low])
            }
            TcpOption::WindowScale(shift) => {
                self.array([OptionKind::WINDOW_SCALE.0, length::WINDOW_SCALE, shift])
            }
            TcpOption::SackPermitted => self.array([OptionKind::SACK_PERMITTED.0, length::SACK_PERMITTED]),
            TcpOption::Sack(blocks) => self.with_body(OptionKind::SACK, &[], blocks.octets()),
            TcpOption::Timestamps(Timestamps { value, echo_reply }) => {
                let ([a, b, c, d], [e, f, g, h]) = (value.to_be_bytes(), echo_reply.to_be_bytes());
                self.array([OptionKind::TIMESTAMPS.0, length::TIMESTAMPS, a, b, c, d, e, f, g, h])
            }
            TcpOption::Hiatus(option) => {
                let experiment = ExperimentId::HIATUS.0.to_be_bytes();
                self.with_body(OptionKind::HIATUS, &experiment, option.octets_from_subtype())
            }
            TcpOption::Experiment { kind, experiment, body } => {
                self.with_body(kind, &experiment.0.to_be_bytes(), body)
            }
            TcpOption::Unknown(RawOption { kind, body, .. }) => self.with_body(kind, &[], body),
        }
    }

    /// Appends NOP, NOP and Timestamps (RFC 7323, appendix A), the options of most segments.
    ///
    /// # Errors
    ///
    /// [`EmitError::NoRoom`] if they do not fit; then nothing is written.
    #[inline]
    pub fn aligned_timestamps(&mut self, timestamps: Timestamps) -> Result<&mut Self, EmitError> {
        let [k, l, m, n] = TIMESTAMPS_HEAD;
        let ([a, b, c, d], [e, f, g, h]) =
            (timestamps.value.to_be_bytes(), timestamps.echo_reply.to_be_bytes());
        self.array([k, l, m, n, a, b, c, d, e, f, g, h])
    }

    /// Appends a Hiatus message.
    ///
    /// # Errors
    ///
    /// [`EmitError::NoRoom`] if it does not fit; then nothing is written.
    pub fn message(&mut self, message: &crate::Message<'_>) -> Result<&mut Self, EmitError> {
        let room = self.octets.get_mut(self.len..).unwrap_or(&mut []);
        message.emit(room)?;
        self.len += usize::from(message.len_octets());
        Ok(self)
    }

    /// Pads with zeros (End of Option List) to a multiple of 4 octets (RFC 9293, section 3.1) and gives the area.
    #[must_use]
    pub fn finish(&mut self) -> &[u8] {
        self.len = self.len.next_multiple_of(4).min(OPTIONS_LEN_OCTETS_MAX);
        self.as_slice()
    }

    /// The area as written so far.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or(&[])
    }

    /// Kind, Length, and a body that comes in two parts.
    fn with_body(&mut self, kind: OptionKind, first: &[u8], second: &[u8]) -> Result<&mut Self, EmitError> {
        let needed_octets = usize::from(length::KIND_AND_LENGTH) + first.len() + second.len();
        let no_room = EmitError::NoRoom { needed_octets, available_octets: self.room_octets() };
        let len = u8::try_from(needed_octets).map_err(|_| no_room)?;
        let room = self.octets.get_mut(self.len..self.len + needed_octets).ok_or(no_room)?;
        let (head, body) = room.split_at_mut(usize::from(length::KIND_AND_LENGTH));
        head.copy_from_slice(&[kind.0, len]);
        let (first_room, second_room) = body.split_at_mut(first.len());
        first_room.copy_from_slice(first);
        second_room.copy_from_slice(second);
        self.len += needed_octets;
        Ok(self)
    }

    /// Octets whose number is known when this is compiled: no copy by length.
    #[inline]
    fn array<const N: usize>(&mut self, octets: [u8; N]) -> Result<&mut Self, EmitError> {
        let no_room = EmitError::NoRoom { needed_octets: N, available_octets: self.room_octets() };
        let room = self.octets.get_mut(self.len..).and_then(<[u8]>::first_chunk_mut).ok_or(no_room)?;
        *room = octets;
        self.len += N;
        Ok(self)
    }
}
