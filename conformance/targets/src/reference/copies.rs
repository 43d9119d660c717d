//! Copies of a host: all of its memory, and in it the records that a restore is made from.

use std::collections::BTreeMap;

use hiatus_engine::{ConnectionId, Endpoint, Extent, Saved, Time};
use hiatus_store::EpochId;

use super::Memory;

/// A copy of a host's state; it can be restored once it is durable.
#[derive(Debug, Clone)]
pub(super) struct Copy {
    pub(super) memory: Memory,
    /// When it was TAKEN.
    pub(super) taken: Time,
    /// Its place on the line.
    pub(super) id: EpochId,
    pub(super) durability: Durability,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    Taken,
    Durable,
}

/// What an endpoint has said of its connections until now.
#[derive(Debug, Clone, Default)]
pub(super) struct Records(BTreeMap<ConnectionId, Vec<u8>>);

impl Records {
    /// `endpoint` says what is new.
    pub(super) fn take(&mut self, endpoint: &mut Endpoint, now: Time, epoch: u32) {
        let mut said = Vec::new();
        let extent = endpoint.snapshot_taken(now, epoch, |saved| match saved {
            Saved::Connection { id, record } => said.push((id, Some(record.to_vec()))),
            Saved::Gone { id } => said.push((id, None)),
        });
        if extent == Extent::Full {
            self.0.clear();
        }
        for (id, record) in said {
            match record {
                Some(record) => self.0.insert(id, record),
                None => self.0.remove(&id),
            };
        }
    }

    pub(super) fn octets(&self) -> impl Iterator<Item = &[u8]> {
        self.0.values().map(Vec::as_slice)
    }
}
