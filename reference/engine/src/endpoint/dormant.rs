//! A connection that nothing happens to, in few octets.

mod split;
mod zeros;

use alloc::boxed::Box;

use serde::Deserialize;

use crate::state::State;
use crate::tcb::Tcb;
pub(crate) use split::{News, Split};
use zeros::{Reader, Writer};

/// Octets of a packed state at most. One that needs more stays as it is: there is something in its buffers.
const PACKED_OCTETS_MAX: usize = 1024;
/// Octets that a slot has room for.
const HERE_OCTETS: usize = 166;

/// A state, packed: small numbers, and what is not there, take one octet; a plain connection about 120, one on which
/// Hiatus is on about 190.
///
/// Every field is packed as its type describes it: a new one cannot be forgotten, and what comes out is what went in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Dormant {
    /// In its place: what wakes it finds it where its 4-tuple lies.
    Here { len_octets: u8, octets: [u8; HERE_OCTETS] },
    /// Too large for that.
    There(Box<[u8]>),
    /// One on which Hiatus is on: so packed that a snapshot reads it as it lies.
    Split(Split),
}

impl Dormant {
    /// Packs `state`, if it is small. It is as before afterwards.
    pub(crate) fn of(state: &mut State) -> Option<Self> {
        if let Some(split) = Split::of(state) {
            return Some(Self::Split(split));
        }
        let mut room = [0; PACKED_OCTETS_MAX];
        let packed = postcard::serialize_with_flavor(&*state, Writer::new(&mut room)).ok()?;
        let mut octets = [0; HERE_OCTETS];
        match (octets.get_mut(..packed.len()), u8::try_from(packed.len())) {
            (Some(here), Ok(len_octets)) => {
                here.copy_from_slice(packed);
                Some(Self::Here { len_octets, octets })
            }
            _ => Some(Self::There(packed.into())),
        }
    }

    /// The state that was packed.
    pub(crate) fn awake(&self) -> Option<State> {
        match self {
            Self::Here { len_octets, octets } => unpacked(octets.get(..usize::from(*len_octets))?),
            Self::There(octets) => unpacked(octets),
            Self::Split(split) => split.awake(),
        }
    }
}

fn unpacked(octets: &[u8]) -> Option<State> {
    let mut reader = postcard::Deserializer::from_flavor(Reader::new(octets));
    State::deserialize(&mut reader).ok()
}

/// True if a connection has nothing in its buffers, nothing in flight and nothing to say.
pub(crate) fn is_quiet(state: &State) -> bool {
    let State::Synchronized(synchronized) = state else { return false };
    let Tcb { snd, rcv, owed, ack_is_due, .. } = &*synchronized.tcb;
    let is_empty = snd.una == snd.end && rcv.readable_octets() == 0 && rcv.is_in_order();
    is_empty && owed.is_empty() && !ack_is_due
}

#[cfg(test)]
mod tests;
