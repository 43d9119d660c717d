//! One file of redb's: created, opened and checked, and written in transactions that no damage can take back.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use redb::backends::FileBackend;
use redb::{
    Builder, Database, ReadTransaction, ReadableDatabase, StorageBackend, TableDefinition, WriteTransaction,
};

use crate::error::{Damage, Fault, OpenError, Place};
use crate::octets::{fixed, sealed, u32_of};

/// The version of the format that this crate reads and writes.
pub const FORMAT_VERSION: u32 = 1;

/// What redb keeps of the file in memory. More does not make anything faster: segments are written once and read once.
const CACHE_OCTETS: usize = 16 << 20;
const FORMAT: TableDefinition<'_, u8, &[u8]> = TableDefinition::new("format");
/// The one row of tables that have one row.
pub(crate) const ONLY: u8 = 0;

/// Which of the two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Store,
    Outside,
}

impl Kind {
    const fn magic(self) -> [u8; 8] {
        match self {
            Self::Store => *b"HIATUS-S",
            Self::Outside => *b"HIATUS-O",
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Store => "Hiatus store",
            Self::Outside => "Hiatus outside",
        }
    }
}

/// An open file.
#[derive(Debug)]
pub(crate) struct Volume {
    database: Database,
    kind: Kind,
    /// A write failed: what is on disk is not known until the file is opened again.
    is_broken: bool,
}

/// What a new file holds from the first.
pub(crate) type First<'a> = &'a dyn Fn(&WriteTransaction) -> Result<(), Fault>;

/// Why a transaction did not become durable.
#[derive(Debug)]
pub(crate) enum WriteFault {
    Broken,
    Fault(Fault),
}

impl Volume {
    /// Creates the file with what `first` writes, durable with its name in the folder.
    ///
    /// It is made beside its place and moved there when it is whole: what stands under the name was never half made.
    pub(crate) fn create_file(path: &Path, kind: Kind, first: First<'_>) -> Result<Self, OpenError> {
        let storage = |error| OpenError::Storage(Fault::new(redb::Error::Io(error)));
        match std::fs::metadata(path) {
            Ok(found) => return Err(OpenError::Exists { found_octets: found.len() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(storage(error)),
        }
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&beside);
        let volume = Self::create(FileBackend::new(file.map_err(storage)?).map_err(of(kind))?, kind, first)?;
        std::fs::rename(&beside, path).map_err(storage)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(storage)?;
        Ok(volume)
    }

    /// Opens the file, which is there.
    pub(crate) fn open_file(path: &Path, kind: Kind) -> Result<Self, OpenError> {
        let file = OpenOptions::new().read(true).write(true).open(path);
        let file = file.map_err(|error| OpenError::Storage(Fault::new(redb::Error::Io(error))))?;
        Self::open(FileBackend::new(file).map_err(of(kind))?, kind)
    }

    /// Creates on an empty storage, with what `first` writes.
    pub(crate) fn create(
        storage: impl StorageBackend,
        kind: Kind,
        first: First<'_>,
    ) -> Result<Self, OpenError> {
        let found_octets = len(&storage)?;
        if found_octets != 0 {
            return Err(OpenError::Exists { found_octets });
        }
        let database = builder().create_with_backend(storage).map_err(of(kind))?;
        let mut volume = Self { database, kind, is_broken: false };
        volume.write(first).map_err(|fault| match fault {
            WriteFault::Fault(fault) => OpenError::Storage(fault),
            WriteFault::Broken => OpenError::Foreign { expected: kind.name() },
        })?;
        Ok(volume)
    }

    /// Opens what was created, checks every page, and makes sure that all of it is durable.
    ///
    /// After a crash of the process alone, the file has what was written and not yet synced, and a commit that never
    /// returned can be complete in it. Nobody may act on that before it is durable.
    pub(crate) fn open(storage: impl StorageBackend, kind: Kind) -> Result<Self, OpenError> {
        if len(&storage)? == 0 {
            return Err(OpenError::Foreign { expected: kind.name() });
        }
        let database = builder().create_with_backend(storage).map_err(of(kind))?;
        let volume = Self { database, kind, is_broken: false };
        volume.check_format()?;
        volume.seal().map_err(OpenError::Storage)?;
        Ok(volume)
    }

    fn check_format(&self) -> Result<(), OpenError> {
        let foreign = OpenError::Foreign { expected: self.kind.name() };
        let read = self.read()?;
        let table = match read.open_table(FORMAT) {
            Err(redb::TableError::TableDoesNotExist(_)) => return Err(foreign),
            table => table.map_err(of(self.kind))?,
        };
        let row = table.get(ONLY).map_err(of(self.kind))?;
        let Some(row) = row else { return Err(foreign) };
        let octets: [u8; 12] = fixed(Place::Format, row.value())?;
        let (magic, mut version) = octets.split_at(8);
        if magic != self.kind.magic() {
            return Err(foreign);
        }
        match u32_of(&mut version) {
            Some(FORMAT_VERSION) => Ok(()),
            found => Err(OpenError::Version { expected: FORMAT_VERSION, found: found.unwrap_or_default() }),
        }
    }

    /// What is durable.
    pub(crate) fn read(&self) -> Result<ReadTransaction, OpenError> {
        self.database.begin_read().map_err(of(self.kind))
    }

    /// Writes what `changes` does, whole or not at all, and returns when it is durable.
    ///
    /// Two transactions, with a sync each. redb keeps the roots of the last two and chooses by one bit, which nothing
    /// covers, and by checksums, after which it falls back to the older one. When the second transaction has been
    /// written, both roots hold the same state: no damaged octet can then bring back the state before.
    pub(crate) fn write(
        &mut self,
        changes: impl FnOnce(&WriteTransaction) -> Result<(), Fault>,
    ) -> Result<(), WriteFault> {
        if self.is_broken {
            return Err(WriteFault::Broken);
        }
        let result = self.write_once(changes).and_then(|()| self.seal());
        self.is_broken = result.is_err();
        result.map_err(WriteFault::Fault)
    }

    fn seal(&self) -> Result<(), Fault> {
        self.write_once(|_| Ok(()))
    }

    fn write_once(&self, changes: impl FnOnce(&WriteTransaction) -> Result<(), Fault>) -> Result<(), Fault> {
        let transaction = self.database.begin_write().map_err(Fault::new)?;
        changes(&transaction)?;
        {
            // Written each time, so that no transaction is empty.
            let mut row = self.kind.magic().to_vec();
            row.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
            let mut table = transaction.open_table(FORMAT).map_err(Fault::new)?;
            table.insert(ONLY, sealed(Place::Format, row).as_slice()).map_err(Fault::new)?;
        }
        transaction.commit().map_err(Fault::new)
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken
    }
}

/// Sorts an error of redb's on opening and reading.
pub(crate) fn of<E: Into<redb::Error>>(kind: Kind) -> impl Fn(E) -> OpenError {
    move |error| OpenError::of(error, kind.name())
}

/// A row that must be there.
pub(crate) fn present<T>(row: Option<T>, place: Place) -> Result<T, OpenError> {
    row.ok_or(OpenError::Damaged(Damage::Missing { place }))
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    // Checks every page against the checksum in the page above it, which a plain open does only after a crash.
    builder.set_check_integrity_on_open(true).set_cache_size(CACHE_OCTETS);
    builder
}

fn len(storage: &impl StorageBackend) -> Result<u64, OpenError> {
    storage.len().map_err(|error| OpenError::Storage(Fault::new(redb::Error::Io(error))))
}
