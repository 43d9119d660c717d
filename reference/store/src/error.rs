//! What goes wrong below all operations: the storage refuses, or holds what nobody wrote.

use std::fmt;
use std::io;

use crate::epoch::RecordId;

/// What the storage below said: full, not readable, not writable.
#[derive(Debug)]
pub struct Fault(Box<redb::Error>);

impl Fault {
    /// The kind of the error of the file, where it was one; `StorageFull` is a full disk.
    #[must_use]
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        match &*self.0 {
            redb::Error::Io(error) => Some(error.kind()),
            _ => None,
        }
    }

    pub(crate) fn new(error: impl Into<redb::Error>) -> Self {
        Self(Box::new(error.into()))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Fault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}

/// Where in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The row that says what the file is.
    Format,
    /// The row of the epoch.
    Epoch,
    /// The segment of this number.
    Segment(u64),
    /// Which records of this segment are live.
    Live(u64),
    /// The state of an application; its place in the order of names, from 0.
    Application(u64),
    /// The row of the latest life and the ceiling of timestamps.
    Ceiling,
    /// The row of this incarnation in the line.
    Line(u32),
}

impl Place {
    pub(crate) fn tag(self) -> u8 {
        match self {
            Self::Format => 0,
            Self::Epoch => 1,
            Self::Segment(_) => 2,
            Self::Live(_) => 3,
            Self::Application(_) => 4,
            Self::Ceiling => 5,
            Self::Line(_) => 6,
        }
    }

    pub(crate) fn number(self) -> u64 {
        match self {
            Self::Segment(number) | Self::Live(number) => number,
            Self::Line(incarnation) => u64::from(incarnation),
            // An application is known by its name, which its checksum covers.
            Self::Format | Self::Epoch | Self::Ceiling | Self::Application(_) => 0,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format => f.write_str("format row"),
            Self::Epoch => f.write_str("epoch row"),
            Self::Segment(number) => write!(f, "segment {number}"),
            Self::Live(number) => write!(f, "live row of segment {number}"),
            Self::Application(index) => write!(f, "application {index}"),
            Self::Ceiling => f.write_str("ceiling row"),
            Self::Line(incarnation) => write!(f, "line, incarnation {incarnation}"),
        }
    }
}

/// The file holds what nobody wrote: what, where, expected, found. Nothing of it is given out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// A page, the header, or the tree of pages is not as it was written.
    #[error("pages are damaged: {0}")]
    Pages(Fault),
    /// A row does not fit its checksum.
    #[error("{place}: CRC-32 expected {expected:#010x}, found {found:#010x}")]
    Checksum {
        /// Where.
        place: Place,
        /// What the row says.
        expected: u32,
        /// What its octets give.
        found: u32,
    },
    /// A row is too long or too short.
    #[error("{place}: expected {expected_octets} octets, found {found_octets}")]
    Length {
        /// Where.
        place: Place,
        /// Octets it must have.
        expected_octets: u64,
        /// Octets it has.
        found_octets: u64,
    },
    /// A row is not there.
    #[error("{place}: expected a row, found none")]
    Missing {
        /// Where.
        place: Place,
    },
    /// A number that does not agree with what is there.
    #[error("{place}: {what} expected {expected}, found {found}")]
    Number {
        /// Where.
        place: Place,
        /// Which number.
        what: &'static str,
        /// What must stand there.
        expected: u64,
        /// What stands there.
        found: u64,
    },
    /// Two live records of one connection.
    #[error("{place}: expected one record {record}, found a second")]
    Twice {
        /// Where the second is.
        place: Place,
        /// Which record.
        record: RecordId,
    },
}

/// Why a file cannot be created or opened. Nothing of it is given out then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process, or another value of this one, has the file open.
    #[error("file: expected to have it alone, found it open elsewhere")]
    InUse,
    /// A new file was to be made, and there is one.
    #[error("file: expected none, found one of {found_octets} octets")]
    Exists {
        /// Octets that it has.
        found_octets: u64,
    },
    /// The file is something else: empty, of another program, or never completely created.
    #[error("file: expected a {expected}, found something else")]
    Foreign {
        /// What was to be opened.
        expected: &'static str,
    },
    /// The file is of another version of the format, or of redb's.
    #[error("format row: expected version {expected}, found {found}")]
    Version {
        /// The version that this crate reads and writes.
        expected: u32,
        /// The version of the file; below 16 and with a 3 expected, redb's.
        found: u32,
    },
    /// The file is damaged.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// The storage refused.
    #[error("storage: {0}")]
    Storage(Fault),
}

impl OpenError {
    /// Sorts what redb says on opening and reading.
    pub(crate) fn of(error: impl Into<redb::Error>, expected: &'static str) -> Self {
        match error.into() {
            redb::Error::DatabaseAlreadyOpen => Self::InUse,
            // redb says so of a file whose first octets are not its own.
            redb::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
                Self::Foreign { expected }
            }
            redb::Error::UpgradeRequired(found) => {
                Self::Version { expected: REDB_FORMAT_VERSION, found: u32::from(found) }
            }
            error @ (redb::Error::Corrupted(_)
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TypeDefinitionChanged { .. }
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TableDoesNotExist(_)) => Self::Damaged(Damage::Pages(Fault::new(error))),
            error => Self::Storage(Fault::new(error)),
        }
    }
}

/// The format of redb's own files below ours.
const REDB_FORMAT_VERSION: u32 = 3;
