//! # hiatus-targets
//!
//! Targets of the conformance suite that live in a process of their own and speak the adapter protocol: the reference as a
//! host, the TCP of this Linux, lwIP and smoltcp.

pub mod foreign;
pub mod linux;
pub mod reference;

use hiatus_conformance::packet::{self, Carried};
use hiatus_conformance::target::CallError;
use hiatus_conformance::wire::OwnedSegment;

/// Longest packet of any target: Ethernet's.
const MTU_OCTETS: u16 = 1500;

/// The segment in a packet of ours.
fn segment_of(octets: &[u8]) -> Option<OwnedSegment> {
    match packet::read(octets).ok()?.carried {
        Carried::Segment(segment) => Some(segment),
        Carried::NetworkError(..) | Carried::Other => None,
    }
}

#[allow(clippy::needless_pass_by_value, reason = "as map_err gives it")]
fn refused(error: impl ToString) -> CallError {
    CallError::Refused(error.to_string())
}
