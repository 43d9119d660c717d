//! A host's state as plain maps, and what a restore has to give.

use std::collections::BTreeMap;

use hiatus_store::{Epoch, EpochId, Image, RecordId};
use oorandom::Rand64;

/// What an epoch holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Model {
    pub(crate) epoch: Option<EpochId>,
    pub(crate) records: BTreeMap<u64, Vec<u8>>,
    pub(crate) application: BTreeMap<String, Vec<u8>>,
}

impl Model {
    /// The state that a restore gave. A record that comes twice fails here.
    pub(crate) fn of(image: Option<&Image>) -> Self {
        let Some(image) = image else { return Self::default() };
        let mut model = Self { epoch: Some(image.epoch()), ..Self::default() };
        for (record, octets) in image.records() {
            assert!(model.records.insert(record.0, octets.to_vec()).is_none(), "record {record} comes twice");
        }
        assert_eq!(image.record_count(), model.records.len() as u64);
        for (name, octets) in image.applications() {
            model.application.insert(name.to_owned(), octets.to_vec());
        }
        model
    }

    /// Everything, put into an epoch.
    pub(crate) fn put_all(&self, epoch: &mut Epoch) {
        for (record, octets) in &self.records {
            epoch.put(RecordId(*record), octets).unwrap();
        }
        for (name, octets) in &self.application {
            epoch.put_application(name, octets).unwrap();
        }
    }

    /// One random change, to the model and to the epoch that is being taken.
    pub(crate) fn change(&mut self, epoch: &mut Epoch, random: &mut Rand64) {
        let record = random.rand_range(0..48);
        match random.rand_range(0..10) {
            0..6 => {
                let octets = octets(random);
                epoch.put(RecordId(record), &octets).unwrap();
                self.records.insert(record, octets);
            }
            6..8 => {
                epoch.remove(RecordId(record));
                self.records.remove(&record);
            }
            8 => {
                let octets = octets(random);
                let name = format!("app{}", record % 3);
                epoch.put_application(&name, &octets).unwrap();
                self.application.insert(name, octets);
            }
            _ => {
                let name = format!("app{}", record % 3);
                epoch.remove_application(&name);
                self.application.remove(&name);
            }
        }
    }
}

/// Mostly the size of a connection, seldom longer than a segment.
fn octets(random: &mut Rand64) -> Vec<u8> {
    let len = match random.rand_range(0..40) {
        0 => random.rand_range(60_000..140_000),
        1..6 => random.rand_range(0..20_000),
        _ => random.rand_range(0..400),
    };
    let (first, step) = (random.rand_u64(), random.rand_u64() | 1);
    (0..len).map(|index| first.wrapping_add(step.wrapping_mul(index)).to_le_bytes()[3]).collect()
}
