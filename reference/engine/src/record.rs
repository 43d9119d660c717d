//! The record of a connection: what an epoch contains of it (draft, {#snapshot}), in octets with a fixed layout.
//!
//! `docs/record.md` gives every field with its place and width. A record is made whole or not at all, and what is read is
//! checked whole before anything is made of it: what is damaged, of another version, or says what no connection can be in,
//! is refused with the place and the reason.

mod build;

pub(crate) mod field;
mod head;
mod taken_out;
mod view;
mod write;

use alloc::vec::Vec;
use core::time::Duration;

use crate::config::{Config, Endpoints};
use crate::connection::Connection;
use crate::event::TcpState;
use crate::time::Time;
pub(crate) use field::Fixed;
pub(crate) use head::Source;
pub(crate) use taken_out::{put_back, take_out};
pub(crate) use view::View;
pub(crate) use write::{write, write_taken_out};

/// What a record begins with.
pub(crate) const MAGIC: [u8; 4] = *b"HiaR";
/// The version of this layout.
pub(crate) const VERSION: u16 = 1;
/// Octets before the first octet of a buffer.
pub(crate) const FIXED_OCTETS: usize = 224;
/// Octets of the checksum at the end.
pub(crate) const CHECKSUM_OCTETS: usize = 4;
/// Octets of a record of a connection with empty buffers.
pub const RECORD_LEN_OCTETS_MIN: usize = FIXED_OCTETS + CHECKSUM_OCTETS;

/// Between which addresses and ports the connection of a record is: what its configuration may depend on.
///
/// # Errors
///
/// A [`RecordError`].
pub fn ends_of_record(octets: &[u8]) -> Result<Endpoints, RecordError> {
    let View { local, remote, .. } = View::parse(octets)?;
    Ok(Endpoints { local, remote })
}

/// Why a record is refused. Nothing was made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// There are fewer octets than the shortest record has, or than this one says that it has.
    #[error("record: ends after {found_octets} octets, expected {expected_octets}")]
    Truncated {
        /// As many as there had to be.
        expected_octets: usize,
        /// As many as there are: where the record ends.
        found_octets: usize,
    },
    /// There are more octets than the record says that it has.
    #[error("record: {found_octets} octets, expected {expected_octets} as it says at octet 8")]
    TooLong {
        /// What it says.
        expected_octets: usize,
        /// As many as there are.
        found_octets: usize,
    },
    /// It does not begin as a record does.
    #[error("record: at octet 0 {found:02x?}, expected {:02x?}", MAGIC)]
    NoRecord {
        /// The first four octets.
        found: [u8; 4],
    },
    /// It is of an older version than any that is read.
    #[error("record: at octet 4 version {found}, expected {expected}: it is older")]
    Older {
        /// What it says.
        found: u16,
        /// What is read.
        expected: u16,
    },
    /// It is of a newer version.
    #[error("record: at octet 4 version {found}, expected {expected}: it is newer")]
    Newer {
        /// What it says.
        found: u16,
        /// What is read.
        expected: u16,
    },
    /// It is damaged.
    #[error("record: at octet {at} checksum {found:08x}, expected {expected:08x}")]
    Damaged {
        /// Where the checksum stands.
        at: usize,
        /// CRC-32 of the octets before it.
        expected: u32,
        /// What stands there.
        found: u32,
    },
    /// A field says what no connection can be in.
    #[error("record: at octet {at} {field} {found}, expected {least} to {most}")]
    OutOfRange {
        /// The field, as `docs/record.md` calls it.
        field: &'static str,
        /// Its first octet.
        at: usize,
        /// What it says.
        found: u64,
        /// The least that would fit the rest of the record.
        least: u64,
        /// The most that would fit.
        most: u64,
    },
    /// The positions of the FINs make another state than the one that is named.
    #[error("record: at octet {at} state {found}, expected {expected} as its positions say")]
    OtherState {
        /// Where the state stands.
        at: usize,
        /// What follows from the positions.
        expected: TcpState,
        /// What stands there.
        found: TcpState,
    },
    /// Hiatus was not on, nor was it durable: this is plain TCP that has been rolled back, and nothing brings its ends together (draft,
    /// {#restoring}).
    #[error("record: at octet {at} Hiatus {found}, expected {expected}: the connection is lost")]
    NotOn {
        /// Where it is said how far the negotiation was.
        at: usize,
        /// What stands there: 0 for OFF, 1 for a negotiation that was under way.
        found: u8,
        /// ON.
        expected: u8,
    },
}

impl Connection {
    /// What an epoch contains of this connection (draft, {#snapshot}), of the instant `now`.
    ///
    /// Timers are written as what is left of them. A connection on which Hiatus is not on, and which is not durable
    /// ([`PlainTcp::Durable`](crate::PlainTcp::Durable)), is named, and nothing more: it cannot be restored.
    #[must_use]
    pub fn to_record(&self, now: Time) -> Vec<u8> {
        let mut octets = Vec::with_capacity(RECORD_LEN_OCTETS_MIN);
        let (state, local, remote) = self.record_parts();
        write(&Source::of(state), local, remote, now, &mut octets);
        octets
    }

    /// The connection of a record, as it was when it was saved; its clock is at `now`.
    ///
    /// [`Command::Restored`](crate::Command::Restored) has to be its first: until then it speaks with a life that others may
    /// have used. A connection of plain TCP has lost nothing only if no later epoch is DURABLE.
    ///
    /// # Errors
    ///
    /// A [`RecordError`]; it never panics, whatever the octets.
    pub fn from_record(now: Time, config: &Config, octets: &[u8]) -> Result<Self, RecordError> {
        let view = View::parse(octets)?;
        view.must_say_all()?;
        let state = view.state(now, config, Duration::ZERO);
        Ok(Self::of_record(*config, view.local, view.remote, state))
    }
}

#[cfg(test)]
mod tests;
