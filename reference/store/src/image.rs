//! What a restore gives: one epoch, whole.

use std::collections::BTreeMap;
use std::fmt;

use crate::epoch::{EpochId, RecordId};
use crate::segment::{Entries, Live};

/// The state of a host at one instant: a DURABLE epoch, read and checked whole.
pub struct Image {
    pub(crate) epoch: EpochId,
    pub(crate) record_count: u64,
    /// Entries of each segment, and which of them are live.
    pub(crate) segments: Vec<(Vec<u8>, Live)>,
    pub(crate) application: BTreeMap<String, Vec<u8>>,
}

impl Image {
    /// Which epoch it is.
    #[must_use]
    pub fn epoch(&self) -> EpochId {
        self.epoch
    }

    /// How many records there are.
    #[must_use]
    pub fn record_count(&self) -> u64 {
        self.record_count
    }

    /// Every record once, in no particular order.
    pub fn records(&self) -> impl Iterator<Item = (RecordId, &[u8])> {
        self.segments.iter().flat_map(|(entries, live)| {
            let live = (0..).zip(Entries::of(entries)).filter(|(index, _)| live.has(*index));
            live.map(|(_, entry)| (entry.record, entry.octets))
        })
    }

    /// The state of an application.
    #[must_use]
    pub fn application(&self, name: &str) -> Option<&[u8]> {
        self.application.get(name).map(Vec::as_slice)
    }

    /// The states of all applications, by name.
    pub fn applications(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.application.iter().map(|(name, octets)| (name.as_str(), octets.as_slice()))
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { epoch, record_count, segments: _, application } = self;
        write!(f, "Image {epoch}: {record_count} records, {} applications", application.len())
    }
}
