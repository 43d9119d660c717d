//! An epoch that is TAKEN: what changed since the one before, in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::segment::Segment;

/// The longest record, in octets: a connection with all that it retains.
pub const RECORD_OCTETS_MAX: usize = 1 << 30;
/// The longest state of one application, in octets; who has more splits it among names.
pub const APPLICATION_OCTETS_MAX: usize = 1 << 30;
/// The longest name of an application's state, in octets.
pub const NAME_OCTETS_MAX: usize = 255;

/// Which epoch of a host: in which incarnation it was TAKEN, and its number in that incarnation.
///
/// Unique in a host with one [`Outside`](crate::Outside). Ordered by incarnation, then by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EpochId {
    /// The incarnation in which it was TAKEN; 0 before the first restore.
    pub incarnation: u32,
    /// Its number, as EPOCH reports it: from 1, rising within an incarnation.
    pub number: u32,
}

impl fmt::Display for EpochId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.incarnation, self.number)
    }
}

/// Which record: a number of the host's choice, the same for as long as the connection lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(pub u64);

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why an epoch cannot be begun, or cannot take something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TakeError {
    /// Epochs rise.
    #[error("epoch: expected one after {last}, found {found}")]
    NotNewer {
        /// The last one that was begun.
        last: EpochId,
        /// The one to be begun.
        found: EpochId,
    },
    /// The record is too long.
    #[error("record {record}: expected at most {RECORD_OCTETS_MAX} octets, found {found_octets}")]
    RecordTooLong {
        /// Which.
        record: RecordId,
        /// Octets it has.
        found_octets: usize,
    },
    /// The state of an application is too long.
    #[error("application: expected at most {APPLICATION_OCTETS_MAX} octets, found {found_octets}")]
    ApplicationTooLong {
        /// Octets it has.
        found_octets: usize,
    },
    /// The name of an application's state is too long.
    #[error("application: expected a name of at most {NAME_OCTETS_MAX} octets, found {found_octets}")]
    NameTooLong {
        /// Octets it has.
        found_octets: usize,
    },
}

/// Begins the epochs of a host, each after the one before. It stays where epochs are TAKEN, while the
/// [`Store`](crate::Store) may be on another thread.
#[derive(Debug, Clone)]
pub struct Taker {
    last: Option<EpochId>,
}

impl Taker {
    /// What begins the epochs after `last`: for who has no [`Store`](crate::Store), or has lost it for now.
    #[must_use]
    pub fn after(last: Option<EpochId>) -> Self {
        Self { last }
    }

    /// Begins an epoch that is to hold what changed since the one begun before; before the first, all there is.
    ///
    /// An epoch that is begun must also become durable, or those after it cannot: [`Taker::begin_whole`] starts anew.
    ///
    /// # Errors
    ///
    /// [`TakeError::NotNewer`] if `id` is not above the epoch begun before.
    pub fn begin(&mut self, id: EpochId) -> Result<Epoch, TakeError> {
        self.begin_after(id, self.last)
    }

    /// Begins an epoch that is to hold everything; what the store has and the epoch has not is gone with it.
    ///
    /// # Errors
    ///
    /// [`TakeError::NotNewer`] if `id` is not above the epoch begun before.
    pub fn begin_whole(&mut self, id: EpochId) -> Result<Epoch, TakeError> {
        self.begin_after(id, None)
    }

    fn begin_after(&mut self, id: EpochId, after: Option<EpochId>) -> Result<Epoch, TakeError> {
        if let Some(last) = self.last.filter(|last| *last >= id) {
            return Err(TakeError::NotNewer { last, found: id });
        }
        self.last = Some(id);
        Ok(Epoch { id, after, segments: Vec::new(), removed: BTreeSet::new(), application: BTreeMap::new() })
    }
}

/// An epoch that is being TAKEN or waits to become DURABLE. Plain memory: nothing is written before
/// [`Store::commit`](crate::Store::commit), which borrows it, so that it can be tried again.
///
/// Putting a record copies its octets once, into the form in which they are written.
#[derive(Debug, Clone)]
pub struct Epoch {
    id: EpochId,
    after: Option<EpochId>,
    segments: Vec<Segment>,
    removed: BTreeSet<RecordId>,
    /// `None`: the name is removed.
    application: BTreeMap<String, Option<Vec<u8>>>,
}

impl Epoch {
    /// Which epoch this is.
    #[must_use]
    pub fn id(&self) -> EpochId {
        self.id
    }

    /// The epoch whose state this one changes; `None` if it holds everything.
    #[must_use]
    pub fn after(&self) -> Option<EpochId> {
        self.after
    }

    /// The record is this from now on. The last word about a record counts.
    ///
    /// # Errors
    ///
    /// [`TakeError::RecordTooLong`].
    pub fn put(&mut self, record: RecordId, octets: &[u8]) -> Result<(), TakeError> {
        let too_long = TakeError::RecordTooLong { record, found_octets: octets.len() };
        let len_octets = u32::try_from(octets.len()).map_err(|_| too_long)?;
        if octets.len() > RECORD_OCTETS_MAX {
            return Err(too_long);
        }
        self.removed.remove(&record);
        Segment::append_to(&mut self.segments, record, len_octets, octets);
        Ok(())
    }

    /// The record is gone. That it was never there is no error.
    pub fn remove(&mut self, record: RecordId) {
        self.removed.insert(record);
    }

    /// The state of the application of this name is this from now on. The last word about a name counts.
    ///
    /// # Errors
    ///
    /// [`TakeError::NameTooLong`], [`TakeError::ApplicationTooLong`].
    pub fn put_application(&mut self, name: &str, octets: &[u8]) -> Result<(), TakeError> {
        if name.len() > NAME_OCTETS_MAX {
            return Err(TakeError::NameTooLong { found_octets: name.len() });
        }
        if octets.len() > APPLICATION_OCTETS_MAX {
            return Err(TakeError::ApplicationTooLong { found_octets: octets.len() });
        }
        self.application.insert(name.to_owned(), Some(octets.to_vec()));
        Ok(())
    }

    /// The application has no state of this name any more. That it never had is no error.
    pub fn remove_application(&mut self, name: &str) {
        self.application.insert(name.to_owned(), None);
    }

    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    pub(crate) fn removed(&self) -> impl Iterator<Item = RecordId> + '_ {
        self.removed.iter().copied()
    }

    pub(crate) fn application(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.application.iter().map(|(name, octets)| (name.as_str(), octets.as_deref()))
    }
}
