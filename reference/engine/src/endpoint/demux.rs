//! From the 4-tuple of a packet to its slot, and from an address and port to a listener.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::hash::Hasher;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hashbrown::HashTable;
use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

use crate::endpoint::listener::{Place, Prefix};
use crate::endpoint::tuple::Tuple;

/// Slots by 4-tuple. The table keeps the index alone: the 4-tuple stands in the slot.
///
/// Keys come from the wire. The hash is keyed, and of a kind that keeps its key to itself, so that nobody can choose
/// 4-tuples that fall together.
#[derive(Debug, Clone)]
pub(crate) struct Demux {
    table: HashTable<u32>,
    key: [u8; 16],
}

impl Demux {
    pub(crate) fn new(key: [u8; 16]) -> Self {
        Self { table: HashTable::new(), key }
    }

    fn hash(key: &[u8; 16], octets: &[u8]) -> u64 {
        let mut hasher = SipHasher13::new_with_key(key);
        hasher.write(octets);
        hasher.finish()
    }

    /// The slot of `tuple`. `has` tells whether a slot's 4-tuple is this one.
    pub(crate) fn find(&self, tuple: &Tuple, has: impl Fn(u32) -> bool) -> Option<u32> {
        self.table.find(Self::hash(&self.key, tuple.octets()), |index| has(*index)).copied()
    }

    /// Makes room for `count` 4-tuples in a table that has none.
    pub(crate) fn reserve(&mut self, count: usize) {
        if self.table.is_empty() {
            self.table = HashTable::with_capacity(count);
        }
    }

    /// Notes slot `index` for `tuple`, which has none. `octets_of` gives a slot's 4-tuple.
    pub(crate) fn insert(&mut self, tuple: &Tuple, index: u32, octets_of: impl Fn(u32) -> Tuple) {
        let key = self.key;
        let again = |index: &u32| Self::hash(&key, octets_of(*index).octets());
        self.table.insert_unique(Self::hash(&key, tuple.octets()), index, again);
    }

    /// 4-tuples there are.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Forgets slot `index` of `tuple`.
    pub(crate) fn remove(&mut self, tuple: &Tuple, index: u32) {
        let hash = Self::hash(&self.key, tuple.octets());
        if let Ok(entry) = self.table.find_entry(hash, |found| *found == index) {
            entry.remove();
        }
    }
}

/// Listeners by port and address; the unspecified address of a family stands for every one of it. Beside them, listeners
/// for all ports of a prefix.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ports {
    listeners: BTreeMap<(u16, IpAddr), u32>,
    /// The longest first.
    prefixes: Vec<(Prefix, u32)>,
}

impl Ports {
    /// Whether a listener of just this place is there.
    pub(crate) fn has(&self, place: Place) -> bool {
        match place {
            Place::At(local) => self.listeners.contains_key(&(local.port(), local.ip())),
            Place::Prefix(prefix) => self.prefixes.iter().any(|(known, _)| *known == prefix),
        }
    }

    /// Notes listener `index` at `place`, where none is.
    pub(crate) fn insert(&mut self, place: Place, index: u32) {
        match place {
            Place::At(local) => {
                self.listeners.insert((local.port(), local.ip()), index);
            }
            Place::Prefix(prefix) => {
                let at = self.prefixes.partition_point(|(known, _)| known.len_bits() >= prefix.len_bits());
                self.prefixes.insert(at, (prefix, index));
            }
        }
    }

    pub(crate) fn remove(&mut self, place: Place) {
        match place {
            Place::At(local) => {
                self.listeners.remove(&(local.port(), local.ip()));
            }
            Place::Prefix(prefix) => self.prefixes.retain(|(known, _)| *known != prefix),
        }
    }

    /// The listener for segments to `local`: one of this address and port before one of a prefix, the longest first, and
    /// that before one of any address.
    pub(crate) fn find(&self, local: SocketAddr) -> Option<u32> {
        let of_prefix = || self.prefixes.iter().find(|(prefix, _)| prefix.has(local.ip()));
        self.at(local).or_else(|| Some(of_prefix()?.1)).or_else(|| self.at(any(local)))
    }

    /// Whether somebody listens on just the port of `local`.
    pub(crate) fn has_port(&self, local: SocketAddr) -> bool {
        self.at(local).or_else(|| self.at(any(local))).is_some()
    }

    fn at(&self, local: SocketAddr) -> Option<u32> {
        self.listeners.get(&(local.port(), local.ip())).copied()
    }
}

/// The port of `local` at the unspecified address of its family.
fn any(local: SocketAddr) -> SocketAddr {
    let any: IpAddr = match local.ip() {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    SocketAddr::new(any, local.port())
}

#[cfg(test)]
mod tests;
