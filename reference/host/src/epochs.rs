//! Epochs of a host: when one is TAKEN, who makes it DURABLE, and what a host that starts comes back to.

mod committer;
mod keeping;
mod states;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hiatus_engine::{Endpoint, Extent, Saved, Time};
use hiatus_store::{Epoch, EpochId, Outside, RecordId, TakeError, Taker};
use tracing::{debug, error, info};

use crate::epochs::committer::{Committed, Committer};
pub use crate::epochs::keeping::{Found, Keeping, StartError};
pub(crate) use crate::epochs::keeping::{Opened, drawn};
pub use crate::epochs::states::States;

/// The state under which a host notes when an epoch was TAKEN.
pub(crate) const TAKEN_STATE: &str = "host/taken";
/// From a commit that failed to the next attempt, and at most.
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(30);

/// When epochs are TAKEN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EpochPolicy {
    /// When something has changed, one batch after the other: no sooner than `interval` after the one before, unless
    /// `octets` have come or were written since; and never while one is being made durable.
    Batches {
        /// From one epoch to the next.
        interval: Duration,
        /// Octets after which nobody waits for the interval.
        octets: u64,
    },
    /// When somebody says so: a signal, the control socket, [`Machine::snapshot`](crate::Machine::snapshot).
    OnCommand,
}

/// What is known of the epochs so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EpochStatus {
    /// The incarnation that they belong to.
    pub incarnation: u32,
    /// The number of the latest TAKEN; 0 before the first.
    pub taken: u32,
    /// The number of the latest DURABLE; 0 before the first.
    pub durable: u32,
    /// Epochs that became durable in this life, those without a change not counted.
    pub commits: u64,
    /// Octets that they had.
    pub committed_octets: u64,
    /// How long the latest commit took.
    pub latest_commit: Duration,
    /// Commits that failed in this life.
    pub failures: u64,
    /// Whether the store works now.
    pub store: StoreStatus,
}

/// Whether epochs become durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StoreStatus {
    /// There is none: who snapshots this host from outside says when an epoch is durable.
    #[default]
    Absent,
    /// It works.
    Working,
    /// Its last commit failed; it is tried again. Octets that wait for an epoch wait.
    Failing,
}

/// The epochs of one life of a host.
#[derive(Debug)]
pub(crate) struct Epochs {
    policy: EpochPolicy,
    status: EpochStatus,
    taker: Taker,
    committer: Option<Committer>,
    outside: Option<Outside>,
    /// The number of the epoch that is being made durable.
    under_way: Option<u32>,
    /// Whether the store has nothing of this life yet, or nothing that counts.
    whole: bool,
    latest_taken: Time,
    /// Octets read off the link or written by applications since the latest.
    dirty_octets: u64,
    is_dirty: bool,
    retry: Option<(Instant, Duration)>,
}

impl Epochs {
    /// Without a store: epochs are TAKEN and DURABLE when somebody says so.
    pub(crate) fn absent() -> Self {
        Self::new(EpochPolicy::OnCommand, 0, Taker::after(None), None, None)
    }

    pub(crate) fn kept(policy: EpochPolicy, opened: Opened, wake: impl Fn() + Send + 'static) -> Self {
        let Opened { store, outside, incarnation, path, .. } = opened;
        let taker = store.taker();
        let committer = Committer::start(store, path, wake);
        Self::new(policy, incarnation, taker, Some(committer), Some(outside))
    }

    fn new(
        policy: EpochPolicy,
        incarnation: u32,
        taker: Taker,
        committer: Option<Committer>,
        outside: Option<Outside>,
    ) -> Self {
        let store = if committer.is_some() { StoreStatus::Working } else { StoreStatus::Absent };
        Self {
            policy,
            status: EpochStatus { incarnation, store, ..EpochStatus::default() },
            taker,
            committer,
            outside,
            under_way: None,
            whole: true,
            latest_taken: Time::ZERO,
            dirty_octets: 0,
            is_dirty: true,
            retry: None,
        }
    }

    pub(crate) fn status(&self) -> EpochStatus {
        self.status
    }

    pub(crate) fn set_incarnation(&mut self, incarnation: u32) {
        self.status.incarnation = incarnation;
        self.whole = true;
        self.is_dirty = true;
    }

    pub(crate) fn has_store(&self) -> bool {
        self.committer.is_some()
    }

    /// Something happened that the latest epoch does not have.
    pub(crate) fn note(&mut self, octets: usize) {
        self.is_dirty = true;
        self.dirty_octets = self.dirty_octets.saturating_add(u64::try_from(octets).unwrap_or(u64::MAX));
    }

    /// When the next epoch is due, if one is.
    pub(crate) fn due(&self, now: Time) -> Option<Time> {
        let EpochPolicy::Batches { interval, octets } = self.policy else { return None };
        if self.under_way.is_some() || !self.is_dirty {
            return None;
        }
        if let Some((at, _)) = self.retry {
            return Some(now + at.saturating_duration_since(Instant::now()));
        }
        if self.dirty_octets >= octets || self.status.taken == 0 {
            return Some(now);
        }
        Some(self.latest_taken + interval)
    }

    /// Takes an epoch; `states` adds what applications have to say. Gives its number.
    ///
    /// One that says nothing new is durable at once.
    pub(crate) fn take(
        &mut self,
        now: Time,
        endpoint: &mut Endpoint,
        states: impl FnOnce(&mut States<'_>),
    ) -> Result<u32, TakeError> {
        let number = self.status.taken.wrapping_add(1);
        let id = EpochId { incarnation: self.status.incarnation, number };
        self.status.taken = number;
        self.latest_taken = now;
        self.dirty_octets = 0;
        self.is_dirty = false;
        if self.whole {
            endpoint.forget_snapshots();
        }
        if self.committer.is_none() {
            let mut nothing = Taker::after(None).begin_whole(id)?;
            endpoint.snapshot_taken(now, number, |_| {});
            states(&mut States::new(&mut nothing, Extent::Full));
            self.whole = false;
            return Ok(number);
        }
        let mut epoch = if self.whole { self.taker.begin_whole(id)? } else { self.taker.begin(id)? };
        let mut octets = 0;
        let mut failed = None;
        let extent = endpoint.snapshot_taken(now, number, |saved| match saved {
            Saved::Connection { id, record } => {
                octets += record.len();
                if let Err(error) = epoch.put(RecordId(id.number()), record) {
                    failed = Some(error);
                }
            }
            Saved::Gone { id } => epoch.remove(RecordId(id.number())),
        });
        let mut of_applications = States::new(&mut epoch, extent);
        states(&mut of_applications);
        octets += of_applications.octets();
        let failed = failed.or(of_applications.into_error());
        epoch.put_application(TAKEN_STATE, &now.micros().to_le_bytes())?;
        if let Some(error) = failed {
            // The epoch is given up, and with it what comes after it: the next one says everything.
            self.whole = true;
            self.is_dirty = true;
            return Err(error);
        }
        self.whole = false;
        self.send(number, epoch, octets);
        Ok(number)
    }

    fn send(&mut self, number: u32, epoch: Epoch, octets: usize) {
        if let Some(committer) = &self.committer {
            self.under_way = Some(number);
            committer.commit(number, epoch, octets);
        }
    }

    /// Whether an epoch is being made durable: no other is begun before that is known.
    pub(crate) fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// The epoch that has become durable since, if one has.
    pub(crate) fn poll_durable(&mut self, endpoint: &mut Endpoint) -> Option<u32> {
        let Committed { number, octets, took, outcome } = self.committer.as_ref()?.poll()?;
        if self.under_way == Some(number) {
            self.under_way = None;
        }
        match outcome {
            Ok(()) => {
                if self.retry.take().is_some() {
                    info!(epoch = number, "the store works again");
                }
                self.status.store = StoreStatus::Working;
                self.status.durable = number;
                self.status.commits += 1;
                self.status.committed_octets += u64::try_from(octets).unwrap_or(u64::MAX);
                self.status.latest_commit = took;
                debug!(epoch = number, octets, micros = took.as_micros(), "durable");
                Some(number)
            }
            Err(failure) => {
                self.fail(number, &failure);
                self.taker = failure.taker;
                endpoint.forget_snapshots();
                None
            }
        }
    }

    fn fail(&mut self, number: u32, failure: &committer::Failure) {
        let wait = self.retry.map_or(RETRY_MIN, |(_, wait)| (wait * 2).min(RETRY_MAX));
        error!(epoch = number, error = %failure.error, retry_ms = wait.as_millis(),
            "an epoch did not become durable: what waits for one waits");
        self.status.failures += 1;
        self.status.store = StoreStatus::Failing;
        self.retry = Some((Instant::now() + wait, wait));
        self.whole = true;
        self.is_dirty = true;
    }

    /// An epoch is durable because somebody outside says so.
    pub(crate) fn declared_durable(&mut self, number: u32) {
        self.status.durable = number;
        self.status.commits += 1;
    }

    /// Keeps the ceiling of timestamps ahead of `tsval`. Most calls do nothing.
    pub(crate) fn raise_ceiling(&mut self, tsval: u32) {
        if let Some(outside) = &mut self.outside
            && let Err(error) = outside.raise_tsval_ceiling(tsval)
        {
            error!(%error, "the ceiling of timestamps could not be raised");
        }
    }

    /// Takes an incarnation for a host whose memory came back older, from the own source if there is one.
    pub(crate) fn outside(&mut self) -> Option<&mut Outside> {
        self.outside.as_mut()
    }
}

/// The states of applications, by name.
pub type StatesFound = BTreeMap<String, Vec<u8>>;
