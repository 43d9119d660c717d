//! What an epoch says of a pair whose legs are both in it.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// Of this form a record begins with it: another is not read.
const VERSION: u8 = 1;

/// A leg.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LegRecord {
    /// Its number; none if it is over, or not opened.
    pub(crate) id: Option<u64>,
    pub(crate) is_over: bool,
    /// Octets of one that is over.
    pub(crate) rest: Vec<u8>,
    /// No octet of it was carried.
    pub(crate) is_untouched: bool,
}

/// A pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BothRecord {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    /// The far leg has its header, and octets pass. Before that it is opened anew.
    pub(crate) is_open: bool,
    pub(crate) is_known: bool,
    pub(crate) near: LegRecord,
    pub(crate) far: LegRecord,
}

impl BothRecord {
    /// The octets of the record.
    pub(crate) fn octets(&self) -> Vec<u8> {
        // Nothing in it cannot be written.
        postcard::to_allocvec(&(VERSION, self)).unwrap_or_default()
    }

    /// The record; `None` if they are not one of this version.
    pub(crate) fn parse(octets: &[u8]) -> Option<Self> {
        let (version, record) = postcard::from_bytes::<(u8, Self)>(octets).ok()?;
        (version == VERSION).then_some(record)
    }
}
