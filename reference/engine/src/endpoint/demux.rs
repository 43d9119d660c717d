//! From the 4-tuple of a packet to its slot, and from an address and port to a listener.

use alloc::collections::BTreeMap;
use core::hash::Hasher;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hashbrown::HashTable;
use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

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

/// Listeners by port and address; the unspecified address of a family stands for every one of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ports {
    listeners: BTreeMap<(u16, IpAddr), u32>,
}

impl Ports {
    /// Whether a listener of just this address is there.
    pub(crate) fn has(&self, local: SocketAddr) -> bool {
        self.listeners.contains_key(&(local.port(), local.ip()))
    }

    /// Notes listener `index` at `local`, where none is.
    pub(crate) fn insert(&mut self, local: SocketAddr, index: u32) {
        self.listeners.insert((local.port(), local.ip()), index);
    }

    pub(crate) fn remove(&mut self, local: SocketAddr) {
        self.listeners.remove(&(local.port(), local.ip()));
    }

    /// The listener for segments to `local`: one of this address before one of any.
    pub(crate) fn find(&self, local: SocketAddr) -> Option<u32> {
        let any: IpAddr = match local.ip() {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let at = |address| self.listeners.get(&(local.port(), address)).copied();
        at(local.ip()).or_else(|| at(any))
    }
}

#[cfg(test)]
mod tests;
