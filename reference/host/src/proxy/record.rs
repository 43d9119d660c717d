//! What an epoch says of a pair.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// Before the number of a pair, in the name of its state.
pub(crate) const STATE_PREFIX: &str = "proxy/pair/";
/// Of this form a record begins with it: another is not read.
const VERSION: u8 = 1;

/// Which end of the far leg a proxy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Side {
    /// It carries the connection of a local program to a peer.
    Carry,
    /// It serves a peer with a connection to a local program.
    Serve,
}

/// A pair whose octets pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PairRecord {
    /// The number of the far leg.
    pub(crate) far: u64,
    pub(crate) side: Side,
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    /// Octets of the local leg that are in the engine's record.
    pub(crate) up_octets: u64,
    pub(crate) up_ended: bool,
    /// Octets of the far leg that are not in it any longer.
    pub(crate) down_octets: u64,
    pub(crate) down_ended: bool,
    /// Octets of a far leg that is over, and not in the epoch.
    pub(crate) rest: Vec<u8>,
    pub(crate) far_is_over: bool,
}

impl PairRecord {
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

/// The name of the state of a pair.
pub(crate) fn state_name(number: u64) -> String {
    format!("{STATE_PREFIX}{number}")
}

/// The name under which the local leg of a pair is kept: short, for thousands of them are one string of the environment.
pub(crate) fn kept_name(side: Side, number: u64) -> String {
    let mark = match side {
        Side::Carry => 'c',
        Side::Serve => 's',
    };
    format!("{mark}{number:x}")
}

/// The pair whose local leg is kept under `name`.
pub(crate) fn of_kept_name(name: &str) -> Option<(Side, u64)> {
    let side = match name.chars().next()? {
        'c' => Side::Carry,
        's' => Side::Serve,
        _ => return None,
    };
    Some((side, u64::from_str_radix(name.get(1..)?, 16).ok()?))
}
