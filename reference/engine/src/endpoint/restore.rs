//! A host that comes back older: all its connections at once, or none (draft, {#restoring}).

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use hiatus_codec::Life;

use crate::command::Command;
use crate::config::{Config, PlainTcp};
use crate::endpoint::Endpoint;
use crate::endpoint::budget::Charge;
use crate::endpoint::demux::Demux;
use crate::endpoint::secrets::EndpointSecrets;
use crate::endpoint::slot::{Body, Marks, Slot, Stage};
use crate::endpoint::slots::{ConnectionId, Slots};
use crate::endpoint::tuple::{PackedTuple, Tuple};
use crate::endpoint::wheel::Link;
use crate::event::Event;
use crate::record::{RecordError, View};
use crate::state::State;
use crate::tcb::Context;
use crate::time::Time;
use crate::timestamps;

/// RESUMEs leave in groups that are so far apart at least.
const GROUP_INTERVAL: Duration = Duration::from_millis(1);
/// Connections that one call of `handle_timeout` brings back; the next call goes on.
const GROUP_MAX: u32 = 1 << 12;
const MICROS_PER_SECOND: u64 = 1_000_000;

/// What the source outside of all that is rolled back says of the new life (draft, {#lives}, {#restoring}).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Restoration {
    /// Higher than every incarnation that this host has used before.
    pub incarnation: u32,
    /// Drawn from entropy that is no part of the restored state. The nonce of each connection follows from it, and all else
    /// that is not to be guessed in this life.
    pub instance: [u8; 16],
    /// The host's timestamp clock was never above it in an earlier life; see
    /// [`Endpoint::timestamp_clock`]. In ticks of a millisecond, modulo 2^32.
    pub tsval_ceiling: u32,
    /// When the epoch was TAKEN, by the clock of its life. Records may be older, if nothing happened to their connections
    /// since, and not newer.
    pub taken: Time,
}

impl core::fmt::Debug for Restoration {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // A secret does not belong into a log.
        let Self { incarnation, instance: _, tsval_ceiling, taken } = self;
        f.debug_struct("Restoration")
            .field("incarnation", incarnation)
            .field("tsval_ceiling", tsval_ceiling)
            .field("taken", taken)
            .finish_non_exhaustive()
    }
}

/// What became of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Placed {
    /// Its connection is there again, under this name.
    Kept(ConnectionId),
    /// Its connection is lost, and deleted without a segment: Hiatus was not on, this end did not send N, or timestamps are
    /// not in use (draft, {#lives}). Of plain TCP, that it is not durable, or this is not the latest epoch.
    Lost {
        /// Address and port of this end.
        local: SocketAddr,
        /// Those of the other.
        remote: SocketAddr,
    },
}

/// Why nothing was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The endpoint may have sent something already: only one made by [`Endpoint::restoring`] waits to be restored.
    #[error("restore: the endpoint is not waiting for it")]
    NotRestoring,
    /// A record is refused.
    #[error("restore: connection {nth}: {error}")]
    Record {
        /// Which, from 0.
        nth: usize,
        /// Why.
        error: RecordError,
    },
    /// A record was made after the epoch: they do not belong together.
    #[error("restore: connection {nth} is of {found}, expected {expected} or before")]
    TakenLater {
        /// Which, from 0.
        nth: usize,
        /// When the record was made.
        found: Time,
        /// When the epoch was TAKEN.
        expected: Time,
    },
    /// The incarnation was used before.
    #[error("restore: connection {nth} has incarnation {present}, expected one below {found}")]
    NotNewer {
        /// Which, from 0.
        nth: usize,
        /// What was given.
        found: u32,
        /// That of the connection.
        present: u32,
    },
    /// Two records are of one connection.
    #[error("restore: connection {nth}, {local} to {remote}, is there twice")]
    Twice {
        /// Which is the second, from 0.
        nth: usize,
        /// Address and port of this end.
        local: SocketAddr,
        /// Those of the other.
        remote: SocketAddr,
    },
    /// There are more than the endpoint takes.
    #[error("restore: more than {connections_max} connections")]
    Full {
        /// The bound.
        connections_max: u32,
    },
    /// 65,536 configurations are in use.
    #[error("restore: 65,536 configurations are in use")]
    TooManyConfigs,
}

/// Which epoch is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Recency {
    /// Any that is DURABLE and on the line of the host.
    Any,
    /// The latest that is DURABLE.
    Latest,
}

/// Whether an endpoint may speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It waits for its connections: it is mute.
    Restoring,
    /// It does what it is there for.
    Up,
}

/// Connections that are back and have not sent RESUME yet.
#[derive(Debug, Clone)]
pub(crate) struct Returning {
    life: Restoration,
    /// When the host came back.
    at: Time,
    /// The next slot whose turn it is, and the first that was not restored.
    next: u32,
    end: u32,
    /// Those that had their turn.
    sent: u64,
    /// When the latest group left.
    latest: Time,
}

impl Endpoint {
    //= draft#restoring
    //# A host MUST NOT send any segment on a saved connection before all its
    //# saved connections are restored.
    /// An endpoint that is to be restored. Until [`restore`](Self::restore) it is mute: what arrives is dropped, and nobody is
    /// answered. It may already listen.
    #[must_use]
    pub fn restoring(secrets: EndpointSecrets, limits: crate::EndpointLimits) -> Self {
        Self { phase: Phase::Restoring, ..Self::new(secrets, limits) }
    }

    /// Brings every connection of an epoch back, or none: then nothing was sent, and another epoch can be tried.
    ///
    /// `records` are those of the epoch, each with the configuration that is to count for it; `placed` is told of each, in
    /// order. What it was told is void if an error follows. The host has seen to it that the epoch is DURABLE and on its line
    /// (draft, HIA-MUST-124, HIA-MUST-89), and that the incarnation is kept where it does not roll back.
    ///
    /// Connections stay packed until their RESUME leaves: [`EndpointLimits::resumes_per_second`] of them, or before that when
    /// a segment or the application asks for one. The first snapshot after it is a full one.
    ///
    /// # Errors
    ///
    /// A [`RestoreError`], which names the record.
    ///
    /// [`EndpointLimits::resumes_per_second`]: crate::EndpointLimits::resumes_per_second
    pub fn restore<'r>(
        &mut self,
        now: Time,
        life: &Restoration,
        records: impl IntoIterator<Item = (&'r Config, &'r [u8])>,
        placed: impl FnMut(Placed),
    ) -> Result<(), RestoreError> {
        self.restore_all(now, life, Recency::Any, records, placed)
    }

    /// The same for the latest epoch that is DURABLE: none that was TAKEN after it is, or was when the host fell silent. Plain
    /// connections come back too, where record and configuration say [`PlainTcp::Durable`] (draft, {#durable-plain}): nothing
    /// that their peers know is missing from it.
    ///
    /// # Errors
    ///
    /// As [`restore`](Self::restore).
    ///
    /// [`PlainTcp::Durable`]: crate::PlainTcp::Durable
    pub fn restore_latest<'r>(
        &mut self,
        now: Time,
        life: &Restoration,
        records: impl IntoIterator<Item = (&'r Config, &'r [u8])>,
        placed: impl FnMut(Placed),
    ) -> Result<(), RestoreError> {
        self.restore_all(now, life, Recency::Latest, records, placed)
    }

    fn restore_all<'r>(
        &mut self,
        now: Time,
        life: &Restoration,
        recency: Recency,
        records: impl IntoIterator<Item = (&'r Config, &'r [u8])>,
        mut placed: impl FnMut(Placed),
    ) -> Result<(), RestoreError> {
        if self.phase != Phase::Restoring {
            return Err(RestoreError::NotRestoring);
        }
        let records = records.into_iter();
        let (count_min, _) = records.size_hint();
        self.demux.reserve(count_min);
        let mut latest = None;
        for (nth, (config, octets)) in records.enumerate() {
            match self.place(nth, (life, recency), (config, &mut latest), octets) {
                Ok(found) => placed(found),
                Err(error) => {
                    self.take_back();
                    return Err(error);
                }
            }
        }
        self.secrets.instance = life.instance;
        self.step_ticks = timestamps::step_above(life.tsval_ceiling, now);
        let end = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        self.returning = Some(Returning { life: *life, at: now, next: 0, end, sent: 0, latest: now });
        self.phase = Phase::Up;
        Ok(())
    }

    /// Puts one record into a slot.
    fn place(
        &mut self,
        nth: usize,
        (life, recency): (&Restoration, Recency),
        (config, latest): (&Config, &mut Option<(Config, u16)>),
        octets: &[u8],
    ) -> Result<Placed, RestoreError> {
        let view = View::parse(octets).map_err(|error| RestoreError::Record { nth, error })?;
        let (local, remote) = (view.local, view.remote);
        let (found, expected) = (view.taken(), life.taken);
        if found > expected {
            return Err(RestoreError::TakenLater { nth, found, expected });
        }
        //= draft#lives
        //# A host that has been restored has lost every connection on which it has
        //# not sent N, or N counts as S for want of timestamps
        let is_durable =
            view.is_durable_plain() && config.plain == PlainTcp::Durable && recency == Recency::Latest;
        let tuple = Tuple::new(local, remote).filter(|_| view.may_be_restored() || is_durable);
        let Some(tuple) = tuple else { return Ok(Placed::Lost { local, remote }) };
        let Life { incarnation: present, .. } = view.own_life();
        if view.is_on() && life.incarnation <= present {
            return Err(RestoreError::NotNewer { nth, found: life.incarnation, present });
        }
        if self.is_full() {
            return Err(RestoreError::Full { connections_max: self.limits.connections_max });
        }
        if self.find(&tuple).is_some() {
            return Err(RestoreError::Twice { nth, local, remote });
        }
        let config = match latest {
            Some((known, at)) if known == config => {
                self.configs.share(*at);
                *at
            }
            _ => {
                let at = self.configs.intern(config).ok_or(RestoreError::TooManyConfigs)?;
                *latest = Some((*config, at));
                at
            }
        };
        Ok(Placed::Kept(self.add_body(&tuple, Body::Saved(octets.into()), config, Stage::Owned)))
    }

    /// Nothing was restored.
    fn take_back(&mut self) {
        let slots = core::mem::replace(&mut self.slots, Slots::new());
        for (_, slot) in slots.iter() {
            self.configs.release(slot.config);
        }
        self.demux = Demux::new(self.secrets.table_key());
    }

    /// The host's timestamp clock, to which each connection adds an offset of its own. A host that may be rolled back keeps a
    /// ceiling of it outside of what rolls back, and raises that ahead of it (draft, {#restoring}).
    #[must_use]
    pub fn timestamp_clock(&self, now: Time) -> u32 {
        timestamps::ticks(now).wrapping_add(self.step_ticks)
    }

    /// Connections that are back and wait for their turn to send RESUME.
    #[must_use]
    pub fn returning(&self) -> u32 {
        self.returning.as_ref().map_or(0, |returning| returning.end.saturating_sub(returning.next))
    }

    /// What a slot's state is, or would be if its turn came now.
    pub(crate) fn revived(&self, now: Time, slot: &Slot) -> Option<State> {
        self.revived_telling(now, slot, &mut VecDeque::new())
    }

    /// The same, with what its owner is told of it.
    fn revived_telling(&self, now: Time, slot: &Slot, events: &mut VecDeque<Event>) -> Option<State> {
        let Body::Saved(octets) = &slot.body else { return None };
        let returning = self.returning.as_ref()?;
        let config = self.configs.at(slot.config);
        let tuple = slot.tuple.unpacked();
        returning.state((now, events), config, &self.secrets, &tuple, octets)
    }

    /// Unpacks slot `index` if it was restored and had no turn yet: what happens to it next meets a host in RESUMING.
    pub(crate) fn revive(&mut self, now: Time, index: u32) {
        let Some(slot) = self.slots.at(index) else { return };
        let mut events = VecDeque::new();
        if let Some(state) = self.revived_telling(now, slot, &mut events)
            && let Some(slot) = self.slots.at_mut(index)
        {
            slot.body = Body::Awake(state);
            // One that was in TIME-WAIT may linger from now on.
            self.told.append(&mut events);
        }
    }

    //= draft#resuming
    //# A host that comes back with many connections SHOULD spread its RESUMEs
    //# in time.
    /// Gives those their turn whose time has come.
    pub(crate) fn bring_back(&mut self, now: Time) {
        for _ in 0..GROUP_MAX {
            let per_second = self.limits.resumes_per_second.max(1);
            let Some(returning) = &mut self.returning else { return };
            if !returning.has_next() || returning.due(per_second) > now {
                return;
            }
            let index = returning.next;
            returning.next += 1;
            if self.slots.at(index).is_some_and(|slot| matches!(slot.body, Body::Saved(_))) {
                self.act_at(now, index, |_, _| {});
                if let Some(returning) = &mut self.returning {
                    returning.sent += 1;
                    returning.latest = now;
                }
            }
        }
    }

    /// When [`bring_back`](Self::bring_back) has something to do.
    pub(crate) fn next_return(&self) -> Option<Time> {
        let returning = self.returning.as_ref().filter(|returning| returning.has_next())?;
        Some(returning.due(self.limits.resumes_per_second.max(1)))
    }
}

impl Returning {
    /// When the host came back.
    pub(crate) fn since(&self) -> Time {
        self.at
    }

    fn has_next(&self) -> bool {
        self.next < self.end
    }

    /// When the next one's turn is: so many in a second, and several at a time where that is less than a group's interval.
    fn due(&self, per_second: u32) -> Time {
        let after_us = self.sent.saturating_mul(MICROS_PER_SECOND) / u64::from(per_second);
        let due = self.at + Duration::from_micros(after_us);
        let is_in_group = due <= self.latest;
        if is_in_group || self.sent == 0 { due } else { due.max(self.latest + GROUP_INTERVAL) }
    }

    /// A connection as its turn comes.
    fn state(
        &self,
        (now, events): (Time, &mut VecDeque<Event>),
        config: &Config,
        secrets: &EndpointSecrets,
        tuple: &Tuple,
        octets: &[u8],
    ) -> Option<State> {
        let Restoration { incarnation, instance: _, tsval_ceiling, taken } = self.life;
        let view = View::parse(octets).ok()?;
        let mut state = view.state(now, config, taken.since(view.taken()));
        // All connections go by one clock, though their turns come one after the other.
        let since = timestamps::ticks(now).wrapping_sub(timestamps::ticks(self.at));
        let command = Command::Restored {
            incarnation,
            nonce: secrets.restored_nonce(tuple, incarnation),
            tsval_ceiling: tsval_ceiling.wrapping_add(since),
        };
        let mut cx = Context { now, ip: tuple.ip(), config, events };
        state.handle_command(&mut cx, command).ok()?;
        Some(state)
    }
}

/// Appends the record of a connection that is back and had no turn yet, of the instant `now`: nothing happened to it, and
/// no time was charged to it.
pub(crate) fn revived_again(octets: &[u8], now: Time, returning: &Returning, room: &mut Vec<u8>) {
    if let Ok(view) = View::parse(octets) {
        view.write_again(now, returning.life.taken.since(view.taken()), room);
    }
}

impl Endpoint {
    /// Adds a connection, which its 4-tuple finds from now on.
    pub(crate) fn add_body(&mut self, tuple: &Tuple, body: Body, config: u16, stage: Stage) -> ConnectionId {
        let mut marks = Marks::default();
        marks.set(Marks::FOUND);
        let slot = Slot {
            tuple: PackedTuple::new(tuple),
            link: Link::default(),
            body,
            config,
            stage,
            marks,
            charge: Charge::default(),
        };
        let id = self.slots.insert(slot);
        let slots = &self.slots;
        let octets_of = |index| slots.at(index).map_or(*tuple, |slot| slot.tuple.unpacked());
        self.demux.insert(tuple, id.index, octets_of);
        self.epochs.touch(id.index);
        id
    }
}
