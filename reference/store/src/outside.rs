//! What never rolls back: incarnations, the line, the ceiling of timestamps.

use std::collections::BTreeMap;
use std::path::Path;

use redb::{ReadableTable, StorageBackend, TableDefinition, WriteTransaction};

use crate::epoch::EpochId;
use crate::error::{Damage, Fault, OpenError, Place};
use crate::line::{Line, OffLine};
use crate::octets::{fixed, length, sealed, u32_of};
use crate::volume::{Kind, ONLY, Volume, WriteFault, of, present};

/// How far above the ceiling the timestamps of a restored host start: 2^22 ticks (draft, {#restoring}).
pub const RESTORE_STEP_TICKS: u32 = 1 << 22;
/// How far ahead of use the ceiling is raised: with a tick of a millisecond it is written every nine minutes.
pub const TSVAL_AHEAD_TICKS: u32 = 1 << 20;

const CEILING: TableDefinition<'_, u8, &[u8]> = TableDefinition::new("ceiling");
const LINE: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("line");
/// Octets of the rows without their checksums.
const CEILING_ROW_OCTETS: usize = 12;
const LINE_ROW_OCTETS: usize = 12;

/// What an incarnation begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Nothing: the host starts without state, or its state is lost. It has no connections.
    Nothing,
    /// The host is restored to this DURABLE epoch.
    Restored(EpochId),
    /// The memory of the host, which has used up its generations; nothing was rolled back. Every epoch so far stays on
    /// the line, and the timestamps go on.
    Intact,
}

/// A new life of a host. It is durable that it was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a life that was taken is not taken again"]
pub struct NewLife {
    /// Higher than every incarnation before.
    pub incarnation: u32,
    /// No timestamp before this life was above it, before offsets are added. `Command::Restored` takes it as it is: the
    /// timestamps of the new life start 2^22 ticks above. Modulo 2^32, in ticks.
    pub tsval_ceiling: u32,
}

/// Why no life can begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BeginLifeError {
    /// The epoch is not on the line: its connections are lost, and the host begins with [`Origin::Nothing`].
    #[error(transparent)]
    OffLine(#[from] OffLine),
    /// The epoch is of an incarnation that was never taken here: this is another host's outside, or it was rolled back
    /// itself. No incarnation is safe then.
    #[error("epoch {restored}: expected an incarnation of at most {latest}, found {}", restored.incarnation)]
    UnknownIncarnation {
        /// The epoch to be restored.
        restored: EpochId,
        /// The highest incarnation taken.
        latest: u32,
    },
    /// There is no higher incarnation.
    #[error("incarnation: expected one below {latest} as the latest, found none left")]
    Exhausted {
        /// The highest incarnation taken.
        latest: u32,
    },
    /// A write failed before. [`Outside::open`] opens the file again.
    #[error("outside: expected one without a failed write, found one; it has to be opened again")]
    Broken,
    /// The storage refused. The incarnation may be taken; it is not used.
    #[error("storage: {0}")]
    Storage(Fault),
}

/// Why the ceiling could not be raised: no timestamp above it may be sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RaiseError {
    /// A write failed before. [`Outside::open`] opens the file again.
    #[error("outside: expected one without a failed write, found one; it has to be opened again")]
    Broken,
    /// The storage refused.
    #[error("storage: {0}")]
    Storage(Fault),
}

/// The file that never rolls back with the host. It lies on a volume of its own, which no snapshot of the host contains.
///
/// Who loses it must not restore anything (HIA-MUST-100) and must not send N (HIA-MUST-102).
#[derive(Debug)]
pub struct Outside {
    volume: Volume,
    line: Line,
    tsval_ceiling: u32,
}

impl Outside {
    /// Creates the outside of a host that was never restored: incarnation 0, timestamps up to [`TSVAL_AHEAD_TICKS`].
    ///
    /// # Errors
    ///
    /// [`OpenError::Exists`], [`OpenError::InUse`], [`OpenError::Storage`].
    pub fn create(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Volume::create_file(path.as_ref(), Kind::Outside, &first).map(Self::new)
    }

    /// [`Outside::create`] on another storage than a file.
    ///
    /// # Errors
    ///
    /// As [`Outside::create`].
    pub fn create_on(storage: impl StorageBackend) -> Result<Self, OpenError> {
        Volume::create(storage, Kind::Outside, &first).map(Self::new)
    }

    /// Opens it.
    ///
    /// # Errors
    ///
    /// Every variant of [`OpenError`] but `Exists`. A host does not create another in its place: the incarnations that
    /// were used would come again.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::load(Volume::open_file(path.as_ref(), Kind::Outside)?)
    }

    /// [`Outside::open`] on another storage than a file.
    ///
    /// # Errors
    ///
    /// As [`Outside::open`].
    pub fn open_on(storage: impl StorageBackend) -> Result<Self, OpenError> {
        Self::load(Volume::open(storage, Kind::Outside)?)
    }

    fn new(volume: Volume) -> Self {
        Self { volume, line: Line::new(), tsval_ceiling: TSVAL_AHEAD_TICKS }
    }

    fn load(volume: Volume) -> Result<Self, OpenError> {
        let read = volume.read()?;
        let ceiling = read.open_table(CEILING).map_err(of(Kind::Outside))?;
        let row = present(ceiling.get(ONLY).map_err(of(Kind::Outside))?, Place::Ceiling)?;
        let octets: [u8; CEILING_ROW_OCTETS] = fixed(Place::Ceiling, row.value())?;
        let fields = &mut &octets[..];
        let mut field = || present(u32_of(fields), Place::Ceiling);
        let (latest, tsval_ceiling, expected) = (field()?, field()?, u64::from(field()?));
        let mut lives = BTreeMap::new();
        let table = read.open_table(LINE).map_err(of(Kind::Outside))?;
        for row in table.iter().map_err(of(Kind::Outside))? {
            let (life, row) = row.map_err(of(Kind::Outside))?;
            lives.insert(life.value(), began_with(life.value(), row.value())?);
        }
        let found = length(lives.len());
        if expected != found {
            return Err(Damage::Number { place: Place::Ceiling, what: "lives", expected, found }.into());
        }
        let line = Line::from_lives(latest, lives).map_err(|life| Damage::Number {
            place: Place::Line(life),
            what: "latest life",
            expected: u64::from(latest),
            found: u64::from(life),
        })?;
        drop((row, ceiling, table, read));
        Ok(Self { volume, line, tsval_ceiling })
    }

    /// The latest incarnation.
    #[must_use]
    pub fn incarnation(&self) -> u32 {
        self.line.latest()
    }

    /// The ceiling that is durable: no timestamp above it may be sent. Modulo 2^32, in ticks, before offsets are added.
    #[must_use]
    pub fn tsval_ceiling(&self) -> u32 {
        self.tsval_ceiling
    }

    /// How many incarnations the line has; at most [`LINE_LIVES_MAX`](crate::LINE_LIVES_MAX).
    #[must_use]
    pub fn line_lives(&self) -> usize {
        self.line.lives().count()
    }

    /// Takes the next incarnation and writes with what it began. It is durable before this returns.
    ///
    /// Unless the memory was intact, the ceiling is raised too: past the timestamps that the new life starts with.
    ///
    /// # Errors
    ///
    /// [`BeginLifeError`]; after `OffLine`, `UnknownIncarnation` and `Exhausted` nothing was written.
    pub fn begin_life(&mut self, origin: Origin) -> Result<NewLife, BeginLifeError> {
        let latest = self.line.latest();
        let began_with = match origin {
            Origin::Nothing => None,
            Origin::Restored(restored) if restored.incarnation > latest => {
                return Err(BeginLifeError::UnknownIncarnation { restored, latest });
            }
            Origin::Restored(restored) => {
                self.line.check(restored)?;
                Some(restored)
            }
            Origin::Intact => Some(EpochId { incarnation: latest, number: u32::MAX }),
        };
        //= draft#lives
        //# A restored host MUST take an incarnation higher than every incarnation
        //# that it has used before.
        let incarnation = latest.checked_add(1).ok_or(BeginLifeError::Exhausted { latest })?;
        let before = self.tsval_ceiling;
        let tsval_ceiling = match origin {
            Origin::Intact => before,
            Origin::Nothing | Origin::Restored(_) => {
                before.wrapping_add(RESTORE_STEP_TICKS).wrapping_add(TSVAL_AHEAD_TICKS)
            }
        };
        let line = self.line.extended(incarnation, began_with);
        self.write(line, tsval_ceiling).map_err(|fault| match fault {
            WriteFault::Broken => BeginLifeError::Broken,
            WriteFault::Fault(fault) => BeginLifeError::Storage(fault),
        })?;
        Ok(NewLife { incarnation, tsval_ceiling: before })
    }

    /// To be asked before timestamps reach `tsval`, the clock before offsets are added: raises the ceiling ahead of it if
    /// less than half of [`TSVAL_AHEAD_TICKS`] is left, and gives what is durable. Most calls write nothing.
    ///
    /// # Errors
    ///
    /// [`RaiseError`]: then no timestamp above the ceiling as it was may be sent.
    pub fn raise_tsval_ceiling(&mut self, tsval: u32) -> Result<u32, RaiseError> {
        let wanted = tsval.wrapping_add(TSVAL_AHEAD_TICKS);
        // Serial arithmetic (RFC 7323): what lies less than 2^31 above is later.
        let missing = wanted.wrapping_sub(self.tsval_ceiling);
        if missing <= TSVAL_AHEAD_TICKS / 2 || missing >= 1 << 31 {
            return Ok(self.tsval_ceiling);
        }
        self.write(self.line.clone(), wanted).map_err(|fault| match fault {
            WriteFault::Broken => RaiseError::Broken,
            WriteFault::Fault(fault) => RaiseError::Storage(fault),
        })?;
        Ok(wanted)
    }

    fn write(&mut self, line: Line, tsval_ceiling: u32) -> Result<(), WriteFault> {
        self.volume.write(|transaction| write_rows(transaction, &line, tsval_ceiling))?;
        self.line = line;
        self.tsval_ceiling = tsval_ceiling;
        Ok(())
    }
}

/// What a new file holds.
fn first(transaction: &WriteTransaction) -> Result<(), Fault> {
    write_rows(transaction, &Line::new(), TSVAL_AHEAD_TICKS)
}

fn write_rows(transaction: &WriteTransaction, line: &Line, tsval_ceiling: u32) -> Result<(), Fault> {
    let mut table = transaction.open_table(CEILING).map_err(Fault::new)?;
    let count = u32::try_from(line.lives().count()).unwrap_or(u32::MAX);
    let row = row_of(Place::Ceiling, [line.latest(), tsval_ceiling, count]);
    table.insert(ONLY, row.as_slice()).map_err(Fault::new)?;
    let mut table = transaction.open_table(LINE).map_err(Fault::new)?;
    let kept: BTreeMap<u32, Option<EpochId>> = line.lives().collect();
    table.retain(|life, _| kept.contains_key(&life)).map_err(Fault::new)?;
    for (life, began_with) in kept {
        // What an incarnation began with never changes.
        if table.get(life).map_err(Fault::new)?.is_none() {
            table.insert(life, line_row(life, began_with).as_slice()).map_err(Fault::new)?;
        }
    }
    Ok(())
}

fn row_of(place: Place, fields: [u32; 3]) -> Vec<u8> {
    sealed(place, fields.iter().flat_map(|field| field.to_le_bytes()).collect())
}

/// Kind (0: nothing, 1: an epoch), incarnation, number.
fn line_row(life: u32, began_with: Option<EpochId>) -> Vec<u8> {
    let fields = began_with.map_or([0, 0, 0], |epoch| [1, epoch.incarnation, epoch.number]);
    row_of(Place::Line(life), fields)
}

fn began_with(life: u32, row: &[u8]) -> Result<Option<EpochId>, OpenError> {
    let place = Place::Line(life);
    let octets: [u8; LINE_ROW_OCTETS] = fixed(place, row)?;
    let fields = &mut &octets[..];
    let mut field = || present(u32_of(fields), place);
    match (field()?, field()?, field()?) {
        (0, 0, 0) => Ok(None),
        (1, incarnation, number) => Ok(Some(EpochId { incarnation, number })),
        (found, ..) => {
            Err(Damage::Number { place, what: "kind of origin", expected: 1, found: u64::from(found) }.into())
        }
    }
}
