//! The store: the latest DURABLE epoch of a host.

use std::collections::BTreeMap;
use std::path::Path;

use redb::{
    ReadTransaction, ReadableTable, ReadableTableMetadata, StorageBackend, Table, TableDefinition,
    WriteTransaction,
};

use crate::epoch::{Epoch, EpochId, Taker};
use crate::error::{Damage, Fault, OpenError, Place};
use crate::image::Image;
use crate::ledger::{Change, Ledger};
use crate::octets::{CRC_OCTETS, checksum, fixed, length, sealed, u32_of, u64_of};
use crate::segment::{Entries, Live, Segment, read_row};
use crate::volume::{Kind, ONLY, Volume, WriteFault, of, present};

const EPOCH: TableDefinition<'_, u8, &[u8]> = TableDefinition::new("epoch");
const SEGMENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("segments");
const LIVE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("live");
const APPLICATION: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("application");

/// Octets of the epoch row, without its checksum.
const EPOCH_ROW_OCTETS: usize = 40;

/// The file that rolls back with the host: one epoch, the latest that is DURABLE.
///
/// Connections are octets under a number, applications' states octets under a name; what is in them is the host's business.
#[derive(Debug)]
pub struct Store {
    volume: Volume,
    durable: Option<EpochId>,
    ledger: Ledger,
    next_segment: u64,
}

/// What a store takes up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Records there are.
    pub records: u64,
    /// Segments that they lie in.
    pub segments: u64,
    /// Octets of these records, each with its header of 12.
    pub live_octets: u64,
    /// Octets of the same segments, with the records that are no longer valid.
    pub octets: u64,
}

/// Why an epoch did not become DURABLE.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// The epoch changes another state than the one that is DURABLE: one in between is missing. The store is as it was.
    #[error("epoch {epoch}: expected one after {}, found one after {}", named(*durable), named(*after))]
    OutOfOrder {
        /// The epoch to be made durable.
        epoch: EpochId,
        /// The latest DURABLE one.
        durable: Option<EpochId>,
        /// The one that this one changes.
        after: Option<EpochId>,
    },
    /// The epoch is DURABLE already, or older. The store is as it was.
    #[error("epoch {epoch}: expected one above {durable}, found one that is not")]
    NotNewer {
        /// The epoch to be made durable.
        epoch: EpochId,
        /// The latest DURABLE one.
        durable: EpochId,
    },
    /// An earlier commit failed. [`Store::restore`] opens the file again and tells which epoch is DURABLE.
    #[error("store: expected one without a failed commit, found one; it has to be restored from its file")]
    Broken,
    /// The storage refused. Whether the epoch is DURABLE is known after [`Store::restore`].
    #[error("storage: {0}")]
    Storage(Fault),
}

fn named(epoch: Option<EpochId>) -> String {
    epoch.map_or_else(|| "none".to_owned(), |epoch| epoch.to_string())
}

impl Store {
    /// Creates an empty store in a file that is not there.
    ///
    /// What a crash left beside it, under the same name with `.new` behind it, is written over.
    ///
    /// # Errors
    ///
    /// [`OpenError::Exists`], [`OpenError::InUse`], [`OpenError::Storage`].
    pub fn create(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Volume::create_file(path.as_ref(), Kind::Store, &|_| Ok(())).map(Self::empty)
    }

    /// Creates an empty store on an empty storage.
    ///
    /// # Errors
    ///
    /// As [`Store::create`].
    pub fn create_on(storage: impl StorageBackend) -> Result<Self, OpenError> {
        Volume::create(storage, Kind::Store, &|_| Ok(())).map(Self::empty)
    }

    /// Opens a store and gives the epoch that the host is to be restored to; `None` if none ever became DURABLE.
    ///
    /// What it gives is whole, checked to the last octet, and DURABLE when it returns, even if the process died in the
    /// middle of a commit and the file has what was never synced.
    ///
    /// # Errors
    ///
    /// Every variant of [`OpenError`] but `Exists`. The file is not changed, but for what redb mends after a crash.
    pub fn restore(path: impl AsRef<Path>) -> Result<(Self, Option<Image>), OpenError> {
        Self::load(Volume::open_file(path.as_ref(), Kind::Store)?)
    }

    /// [`Store::restore`] from another storage than a file.
    ///
    /// # Errors
    ///
    /// As [`Store::restore`].
    pub fn restore_on(storage: impl StorageBackend) -> Result<(Self, Option<Image>), OpenError> {
        Self::load(Volume::open(storage, Kind::Store)?)
    }

    fn empty(volume: Volume) -> Self {
        Self { volume, durable: None, ledger: Ledger::default(), next_segment: 0 }
    }

    //= draft#restoring
    //# A restored host MUST NOT send RESUME before the epoch that it was
    //# restored to is DURABLE.
    fn load(volume: Volume) -> Result<(Self, Option<Image>), OpenError> {
        let read = volume.read()?;
        let Some(row) = EpochRow::read(&read)? else {
            drop(read);
            return Ok((Self::empty(volume), None));
        };
        let mut ledger = Ledger::default();
        ledger.reserve(row.records);
        let segments = load_segments(&read, &mut ledger)?;
        let application = load_application(&read)?;
        row.check(&ledger, length(application.len()))?;
        drop(read);
        let image = Image { epoch: row.epoch, record_count: row.records, segments, application };
        let store = Self { volume, durable: Some(row.epoch), ledger, next_segment: row.next_segment };
        Ok((store, Some(image)))
    }

    /// The latest DURABLE epoch.
    #[must_use]
    pub fn durable(&self) -> Option<EpochId> {
        self.durable
    }

    /// What begins the epochs after the one that is DURABLE. One for a store; it may be used on another thread.
    #[must_use]
    pub fn taker(&self) -> Taker {
        Taker::after(self.durable)
    }

    /// What it takes up.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let (live_octets, octets) = self.ledger.octets();
        Usage {
            records: self.ledger.record_count(),
            segments: self.ledger.segment_count(),
            live_octets,
            octets,
        }
    }

    /// Makes an epoch DURABLE, whole or not at all; when it returns `Ok`, it is.
    ///
    /// Epochs become DURABLE in the order in which they were begun. It writes what changed, at most as much again of what
    /// it moves together, and a few pages.
    ///
    /// # Errors
    ///
    /// [`CommitError`]: after `OutOfOrder` and `NotNewer` the store is as it was, after the others it has to be restored.
    pub fn commit(&mut self, epoch: &Epoch) -> Result<(), CommitError> {
        let Self { volume, durable, ledger, next_segment } = self;
        if volume.is_broken() {
            return Err(CommitError::Broken);
        }
        if epoch.after().is_some() && epoch.after() != *durable {
            return Err(CommitError::OutOfOrder {
                epoch: epoch.id(),
                durable: *durable,
                after: epoch.after(),
            });
        }
        if let Some(durable) = durable.filter(|durable| *durable >= epoch.id()) {
            return Err(CommitError::NotNewer { epoch: epoch.id(), durable });
        }
        let written = volume.write(|transaction| {
            if epoch.after().is_none() {
                clear(transaction, ledger)?;
            }
            write_records(transaction, epoch, ledger, next_segment)?;
            let application = write_application(transaction, epoch)?;
            let row = EpochRow::now(epoch.id(), ledger, application, *next_segment);
            let mut table = transaction.open_table(EPOCH).map_err(Fault::new)?;
            table.insert(ONLY, row.to_octets().as_slice()).map_err(Fault::new)?;
            Ok(())
        });
        written.map_err(|fault| match fault {
            WriteFault::Broken => CommitError::Broken,
            WriteFault::Fault(fault) => CommitError::Storage(fault),
        })?;
        *durable = Some(epoch.id());
        Ok(())
    }
}

/// The row that says which epoch this is, and how much of everything belongs to it.
#[derive(Debug, Clone, Copy)]
struct EpochRow {
    epoch: EpochId,
    records: u64,
    segments: u64,
    applications: u64,
    next_segment: u64,
}

impl EpochRow {
    fn now(epoch: EpochId, ledger: &Ledger, applications: u64, next_segment: u64) -> Self {
        let (records, segments) = (ledger.record_count(), ledger.segment_count());
        Self { epoch, records, segments, applications, next_segment }
    }

    fn to_octets(self) -> Vec<u8> {
        let Self { epoch, records, segments, applications, next_segment } = self;
        let mut row = Vec::with_capacity(EPOCH_ROW_OCTETS + CRC_OCTETS);
        row.extend_from_slice(&epoch.incarnation.to_le_bytes());
        row.extend_from_slice(&epoch.number.to_le_bytes());
        for field in [records, segments, applications, next_segment] {
            row.extend_from_slice(&field.to_le_bytes());
        }
        sealed(Place::Epoch, row)
    }

    fn from_octets(mut fields: &[u8]) -> Option<Self> {
        let fields = &mut fields;
        let epoch = EpochId { incarnation: u32_of(fields)?, number: u32_of(fields)? };
        Some(Self {
            epoch,
            records: u64_of(fields)?,
            segments: u64_of(fields)?,
            applications: u64_of(fields)?,
            next_segment: u64_of(fields)?,
        })
    }

    /// `None` if no epoch ever became durable.
    fn read(read: &ReadTransaction) -> Result<Option<Self>, OpenError> {
        let table = match read.open_table(EPOCH) {
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
            table => table.map_err(of(Kind::Store))?,
        };
        let row = present(table.get(ONLY).map_err(of(Kind::Store))?, Place::Epoch)?;
        let octets: [u8; EPOCH_ROW_OCTETS] = fixed(Place::Epoch, row.value())?;
        present(Self::from_octets(&octets), Place::Epoch).map(Some)
    }

    /// The epoch is all there, and nothing else is.
    fn check(&self, ledger: &Ledger, applications: u64) -> Result<(), Damage> {
        let found = [
            ("records", self.records, ledger.record_count()),
            ("segments", self.segments, ledger.segment_count()),
            ("applications", self.applications, applications),
        ];
        for (what, expected, found) in found {
            if expected != found {
                return Err(Damage::Number { place: Place::Epoch, what, expected, found });
            }
        }
        match ledger.numbers().max() {
            Some(last) if last >= self.next_segment => {
                let (place, what) = (Place::Epoch, "next segment above");
                Err(Damage::Number { place, what, expected: last, found: self.next_segment })
            }
            _ => Ok(()),
        }
    }
}

/// Reads and checks every segment, and with it what is live.
fn load_segments(read: &ReadTransaction, ledger: &mut Ledger) -> Result<Vec<(Vec<u8>, Live)>, OpenError> {
    let segments = read.open_table(SEGMENTS).map_err(of(Kind::Store))?;
    let live_rows = read.open_table(LIVE).map_err(of(Kind::Store))?;
    let mut loaded =
        Vec::with_capacity(usize::try_from(segments.len().map_err(of(Kind::Store))?).unwrap_or_default());
    for row in segments.iter().map_err(of(Kind::Store))? {
        let (number, row) = row.map_err(of(Kind::Store))?;
        let number = number.value();
        let live_row = live_rows.get(number).map_err(of(Kind::Store))?;
        let live_row = present(live_row, Place::Live(number))?;
        let (entries, count) = read_row(number, row.value())?;
        let live = ledger.load(number, entries, count, live_row.value())?;
        loaded.push((entries.to_vec(), live));
    }
    let (expected, found) = (length(loaded.len()), live_rows.len().map_err(of(Kind::Store))?);
    if expected != found {
        let (place, what) = (Place::Epoch, "rows of live bits");
        return Err(Damage::Number { place, what, expected, found }.into());
    }
    ledger.settle();
    Ok(loaded)
}

fn load_application(read: &ReadTransaction) -> Result<BTreeMap<String, Vec<u8>>, OpenError> {
    let table = read.open_table(APPLICATION).map_err(of(Kind::Store))?;
    let mut states = BTreeMap::new();
    for (index, row) in (0..).zip(table.iter().map_err(of(Kind::Store))?) {
        let (name, row) = row.map_err(of(Kind::Store))?;
        let (name, row, place) = (name.value(), row.value(), Place::Application(index));
        let Some((octets, stored)) = row.split_last_chunk::<CRC_OCTETS>() else {
            let (expected_octets, found_octets) = (length(CRC_OCTETS), length(row.len()));
            return Err(Damage::Length { place, expected_octets, found_octets }.into());
        };
        let (expected, found) = (u32::from_le_bytes(*stored), application_checksum(name, octets));
        if expected != found {
            return Err(Damage::Checksum { place, expected, found }.into());
        }
        states.insert(name.to_owned(), octets.to_vec());
    }
    Ok(states)
}

fn application_checksum(name: &str, octets: &[u8]) -> u32 {
    checksum(Place::Application(0), &[name.as_bytes(), &[0], octets])
}

/// An epoch that holds everything comes: all goes that was there.
fn clear(transaction: &WriteTransaction, ledger: &mut Ledger) -> Result<(), Fault> {
    transaction.delete_table(SEGMENTS).map_err(Fault::new)?;
    transaction.delete_table(LIVE).map_err(Fault::new)?;
    transaction.delete_table(APPLICATION).map_err(Fault::new)?;
    *ledger = Ledger::default();
    Ok(())
}

fn write_records(
    transaction: &WriteTransaction,
    epoch: &Epoch,
    ledger: &mut Ledger,
    next_segment: &mut u64,
) -> Result<(), Fault> {
    let mut segments = transaction.open_table(SEGMENTS).map_err(Fault::new)?;
    let mut live_rows = transaction.open_table(LIVE).map_err(Fault::new)?;
    let first_new = *next_segment;
    for segment in epoch.segments() {
        ledger.add(*next_segment, segment);
        *next_segment += 1;
    }
    epoch.removed().for_each(|record| ledger.remove(record));
    for (number, segment) in (first_new..).zip(epoch.segments()) {
        insert_segment(&mut segments, number, segment)?;
    }
    let given_octets = epoch.segments().iter().map(Segment::entry_octets).sum();
    for segment in moved(&segments, ledger.movable(given_octets, first_new))? {
        ledger.add(*next_segment, &segment);
        insert_segment(&mut segments, *next_segment, &segment)?;
        *next_segment += 1;
    }
    for change in ledger.take_changes() {
        match change {
            Change::Live(number, row) => {
                live_rows.insert(number, row.as_slice()).map_err(Fault::new)?;
            }
            Change::Empty(number) => {
                segments.remove(number).map_err(Fault::new)?;
                live_rows.remove(number).map_err(Fault::new)?;
            }
        }
    }
    Ok(())
}

fn insert_segment(table: &mut Table<'_, u64, &[u8]>, number: u64, segment: &Segment) -> Result<(), Fault> {
    let mut row = table.insert_reserve(number, segment.row_octets()).map_err(Fault::new)?;
    segment.write_row(number, row.as_mut());
    Ok(())
}

/// What is live in these segments, packed anew.
fn moved(table: &Table<'_, u64, &[u8]>, from: Vec<(u64, Live)>) -> Result<Vec<Segment>, Fault> {
    let mut packed = Vec::new();
    for (number, live) in from {
        let row = table.get(number).map_err(Fault::new)?;
        let row = row.as_ref().map(redb::AccessGuard::value).unwrap_or_default();
        // What was read at the restore, or written since, was right then.
        let entries = read_row(number, row).map_err(|_| Fault::new(changed_under_us()))?.0;
        for (index, entry) in (0..).zip(Entries::of(entries)) {
            if live.has(index) {
                Segment::append_entry(&mut packed, entry);
            }
        }
    }
    Ok(packed)
}

fn changed_under_us() -> redb::Error {
    redb::Error::Corrupted("a segment changed while the file was open".to_owned())
}

/// Returns how many applications there are now.
fn write_application(transaction: &WriteTransaction, epoch: &Epoch) -> Result<u64, Fault> {
    let mut table = transaction.open_table(APPLICATION).map_err(Fault::new)?;
    for (name, octets) in epoch.application() {
        let Some(octets) = octets else {
            table.remove(name).map_err(Fault::new)?;
            continue;
        };
        let mut row = table.insert_reserve(name, octets.len() + CRC_OCTETS).map_err(Fault::new)?;
        if let Some((state, crc)) = row.as_mut().split_at_mut_checked(octets.len()) {
            state.copy_from_slice(octets);
            crc.copy_from_slice(&application_checksum(name, octets).to_le_bytes());
        }
    }
    table.len().map_err(Fault::new)
}
