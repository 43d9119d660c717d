//! Writing an option area.

use crate::OPTIONS_LEN_OCTETS_MAX;
use crate::error::EmitError;
use crate::option::{ExperimentId, OptionKind, RawOption, TcpOption, length};

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
    pub fn push(&mut self, option: &TcpOption<'_>) -> Result<&mut Self, EmitError> {
        match option {
            TcpOption::EndOfList => self.octets(&[&[OptionKind::END_OF_LIST.0]]),
            TcpOption::NoOperation => self.octets(&[&[OptionKind::NO_OPERATION.0]]),
            TcpOption::MaximumSegmentSize(size) => self.octets(&[
                &[OptionKind::MAXIMUM_SEGMENT_SIZE.0, length::MAXIMUM_SEGMENT_SIZE],
                &size.to_be_bytes(),
            ]),
            TcpOption::WindowScale(shift) => {
                self.octets(&[&[OptionKind::WINDOW_SCALE.0, length::WINDOW_SCALE, *shift]])
            }
            TcpOption::SackPermitted => {
                self.octets(&[&[OptionKind::SACK_PERMITTED.0, length::SACK_PERMITTED]])
            }
            TcpOption::Sack(blocks) => self.with_body(OptionKind::SACK, &[blocks.octets()]),
            TcpOption::Timestamps(timestamps) => self.with_body(
                OptionKind::TIMESTAMPS,
                &[&timestamps.value.to_be_bytes(), &timestamps.echo_reply.to_be_bytes()],
            ),
            TcpOption::Hiatus(option) => self.with_body(
                OptionKind::HIATUS,
                &[&ExperimentId::HIATUS.0.to_be_bytes(), option.octets_from_subtype()],
            ),
            TcpOption::Experiment { kind, experiment, body } => {
                self.with_body(*kind, &[&experiment.0.to_be_bytes(), body])
            }
            TcpOption::Unknown(RawOption { kind, body, .. }) => self.with_body(*kind, &[body]),
        }
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

    fn with_body(&mut self, kind: OptionKind, body: &[&[u8]]) -> Result<&mut Self, EmitError> {
        let body_octets: usize = body.iter().map(|part| part.len()).sum();
        let needed_octets = body_octets + usize::from(length::KIND_AND_LENGTH);
        let no_room = EmitError::NoRoom { needed_octets, available_octets: self.room_octets() };
        if needed_octets > self.room_octets() {
            return Err(no_room);
        }
        let len = u8::try_from(needed_octets).map_err(|_| no_room)?;
        self.octets(&[&[kind.0, len]])?;
        self.octets(body)
    }

    fn octets(&mut self, parts: &[&[u8]]) -> Result<&mut Self, EmitError> {
        let needed_octets: usize = parts.iter().map(|part| part.len()).sum();
        let no_room = EmitError::NoRoom { needed_octets, available_octets: self.room_octets() };
        let mut room = self.octets.get_mut(self.len..self.len + needed_octets).ok_or(no_room)?;
        for part in parts {
            let (here, rest) = room.split_at_mut(part.len());
            here.copy_from_slice(part);
            room = rest;
        }
        self.len += needed_octets;
        Ok(self)
    }
}
