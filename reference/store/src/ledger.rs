//! Where every live record lies: kept in memory, rebuilt from the segments at a restore.

use std::collections::{BTreeMap, BTreeSet};

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::epoch::RecordId;
use crate::error::{Damage, Place};
use crate::octets::length;
use crate::segment::{Entries, Live, Segment};

/// A segment with fewer live octets is sparse: what lives in it may move together with what is new.
const SPARSE_BELOW_OCTETS: u64 = 32 << 10;
/// What a commit may move beyond as many octets as it was given: a page is written anyway.
const MOVED_OCTETS_FLOOR: u64 = 4096;

/// Where a record lies.
#[derive(Debug, Clone, Copy)]
struct Spot {
    segment: u64,
    index: u32,
    /// Octets that it takes there.
    stored_octets: u32,
}

/// A segment that is on disk, or is about to be.
#[derive(Debug, Clone)]
struct Held {
    live: Live,
    live_octets: u64,
    octets: u64,
    /// The octets under which it stands among the sparse.
    sparse_as: Option<u64>,
}

/// Every live record, and every segment with what is live in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    spots: HashMap<RecordId, Spot, FixedState>,
    segments: BTreeMap<u64, Held>,
    /// (live octets, number), so that the cheapest to move comes first.
    sparse: BTreeSet<(u64, u64)>,
    /// Segments whose row of bits is not what it was at the last commit.
    touched: BTreeSet<u64>,
    live_octets: u64,
    octets: u64,
}

/// What is to be written about a segment.
#[derive(Debug)]
pub(crate) enum Change {
    /// This is live in it.
    Live(u64, Vec<u8>),
    /// Nothing is: it goes.
    Empty(u64),
}

impl Ledger {
    /// Takes in a new segment: its records are now where all else was dead.
    pub(crate) fn add(&mut self, number: u64, segment: &Segment) {
        self.open(number, segment.entry_octets(), Live::none_of(segment.count()));
        self.spots.reserve(usize::try_from(segment.count()).unwrap_or_default());
        for (index, entry) in (0..).zip(segment.entries()) {
            // No longer than RECORD_OCTETS_MAX and a header.
            let stored_octets = u32::try_from(entry.stored_octets()).unwrap_or(u32::MAX);
            self.set(entry.record, Spot { segment: number, index, stored_octets });
        }
    }

    /// Takes in a segment as it was read, with what was live in it.
    pub(crate) fn load(
        &mut self,
        number: u64,
        entries: &[u8],
        count: u32,
        row: &[u8],
    ) -> Result<Live, Damage> {
        let live = Live::from_row(number, count, row)?;
        self.open(number, length(entries.len()), Live::none_of(count));
        for (index, entry) in (0..).zip(Entries::of(entries)) {
            if !live.has(index) {
                continue;
            }
            if self.spots.contains_key(&entry.record) {
                return Err(Damage::Twice { place: Place::Segment(number), record: entry.record });
            }
            let stored_octets = u32::try_from(entry.stored_octets()).unwrap_or(u32::MAX);
            self.set(entry.record, Spot { segment: number, index, stored_octets });
        }
        // Bits behind the last record would be bits of nobody.
        match self.segments.get(&number) {
            Some(held) if held.live == live => Ok(live),
            _ => {
                let place = Place::Live(number);
                Err(Damage::Number { place, what: "bits behind the last record", expected: 0, found: 1 })
            }
        }
    }

    fn open(&mut self, number: u64, octets: u64, live: Live) {
        self.octets += octets;
        self.touched.insert(number);
        self.segments.insert(number, Held { live, live_octets: 0, octets, sparse_as: None });
    }

    fn set(&mut self, record: RecordId, spot: Spot) {
        if let Some(before) = self.spots.insert(record, spot) {
            self.forget(before);
        }
        self.live_octets += u64::from(spot.stored_octets);
        if let Some(held) = self.segments.get_mut(&spot.segment) {
            held.live.set(spot.index);
            held.live_octets += u64::from(spot.stored_octets);
        }
    }

    /// The record is no more.
    pub(crate) fn remove(&mut self, record: RecordId) {
        if let Some(spot) = self.spots.remove(&record) {
            self.forget(spot);
        }
    }

    fn forget(&mut self, spot: Spot) {
        self.live_octets -= u64::from(spot.stored_octets);
        if let Some(held) = self.segments.get_mut(&spot.segment) {
            held.live.clear(spot.index);
            held.live_octets -= u64::from(spot.stored_octets);
            self.touched.insert(spot.segment);
        }
    }

    /// Brings the list of the sparse up to date with what was touched.
    fn rank(&mut self) {
        for number in &self.touched {
            if let Some(held) = self.segments.get_mut(number) {
                if let Some(octets) = held.sparse_as.take() {
                    self.sparse.remove(&(octets, *number));
                }
                if held.live_octets < SPARSE_BELOW_OCTETS {
                    self.sparse.insert((held.live_octets, *number));
                    held.sparse_as = Some(held.live_octets);
                }
            }
        }
    }

    /// Which segments written before `first_new` a commit of `given_octets` is to move, each with what is live in it.
    ///
    /// What is dead costs room, and many small segments cost time at a restore. Moving no more than was given, and a page,
    /// bounds what a commit writes to twice its changes and a page.
    pub(crate) fn movable(&mut self, given_octets: u64, first_new: u64) -> Vec<(u64, Live)> {
        self.rank();
        let mut left_octets = given_octets.saturating_add(MOVED_OCTETS_FLOOR);
        let (mut moved, mut dead_octets) = (Vec::new(), 0);
        for (octets, number) in &self.sparse {
            if *octets > left_octets {
                break;
            }
            let held = self.segments.get(number).filter(|held| held.live_octets > 0 && *number < first_new);
            if let Some(held) = held {
                left_octets -= octets;
                moved.push((*number, held.live.clone()));
                dead_octets += held.octets - octets;
            }
        }
        // One alone would only take another number.
        if moved.len() < 2 && dead_octets < MOVED_OCTETS_FLOOR {
            moved.clear();
        }
        moved
    }

    /// What is to be written about the segments that were touched since the last call.
    pub(crate) fn take_changes(&mut self) -> Vec<Change> {
        self.rank();
        let mut changes = Vec::new();
        for number in std::mem::take(&mut self.touched) {
            let Some(held) = self.segments.get(&number) else { continue };
            if held.live_octets > 0 {
                changes.push(Change::Live(number, held.live.to_row(number)));
                continue;
            }
            changes.push(Change::Empty(number));
            self.octets -= held.octets;
            if let Some(octets) = held.sparse_as {
                self.sparse.remove(&(octets, number));
            }
            self.segments.remove(&number);
        }
        changes
    }

    /// A restore has read everything as it is on disk.
    pub(crate) fn settle(&mut self) {
        self.rank();
        self.touched.clear();
    }

    /// Every segment there is; an epoch that holds everything takes their place.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u64> + '_ {
        self.segments.keys().copied()
    }

    pub(crate) fn reserve(&mut self, records: u64) {
        self.spots.reserve(usize::try_from(records).unwrap_or_default());
    }

    pub(crate) fn record_count(&self) -> u64 {
        length(self.spots.len())
    }

    pub(crate) fn segment_count(&self) -> u64 {
        length(self.segments.len())
    }

    /// Octets of live records, and of all records that take room, each with its header.
    pub(crate) fn octets(&self) -> (u64, u64) {
        (self.live_octets, self.octets)
    }
}
