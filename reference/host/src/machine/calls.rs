//! What applications and operators ask of a host.

use std::net::SocketAddr;

use hiatus_codec::HoldTime;
use hiatus_engine::{
    Backlog, Command, CommandError, Config, ConnectError, ConnectionId, Endpoint, EndpointSecrets,
    ListenError, ListenerId, Placed, Prefix, Restoration, RestoreError, Saved, Strays, Time, WriteError,
};
use hiatus_store::{BeginLifeError, EpochId, NewLife, Origin};
use tracing::info;

use crate::epochs::{EpochStatus, StartError, drawn};
use crate::machine::{Machine, Recency, Returned, Service};

/// Why a host that came back older cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoredError {
    /// No incarnation was named, and the host has no outside to take one from.
    #[error("restored: expected an incarnation from outside of what rolls back, found none")]
    NoIncarnation,
    /// The outside has none.
    #[error("restored: {0}")]
    Life(#[from] BeginLifeError),
    /// No random numbers.
    #[error("restored: {0}")]
    Entropy(StartError),
    /// The endpoint refuses.
    #[error(transparent)]
    Restore(#[from] RestoreError),
}

/// A life that somebody outside has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GivenLife {
    /// Higher than every incarnation of this host before.
    pub incarnation: u32,
    /// No timestamp of an earlier life was above it, in ticks of a millisecond.
    pub tsval_ceiling: u32,
}

/// Where a listener listens.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    /// One port of one address, or of all.
    At(SocketAddr),
    /// All ports of these addresses.
    Prefix(Prefix),
}

/// The calls of applications.
impl Machine {
    /// Listens on `local`; see [`Endpoint::listen`].
    ///
    /// # Errors
    ///
    /// A [`ListenError`].
    pub fn listen(&mut self, local: SocketAddr, backlog: Backlog) -> Result<ListenerId, ListenError> {
        let id = self.endpoint.listen(local, self.settings.connection, backlog)?;
        self.listeners.push((id, Place::At(local)));
        Ok(id)
    }

    /// Listens on every port of `prefix`, one of [`Settings::prefixes`](crate::Settings::prefixes); see
    /// [`Endpoint::listen_prefix`].
    ///
    /// # Errors
    ///
    /// A [`ListenError`].
    pub fn listen_prefix(&mut self, prefix: Prefix, backlog: Backlog) -> Result<ListenerId, ListenError> {
        let found = self.settings.prefixes.iter().find(|(known, _)| *known == prefix);
        let config = found.map_or(self.settings.connection, |(_, config)| *config);
        let id = self.endpoint.listen_prefix(prefix, config, backlog)?;
        self.listeners.push((id, Place::Prefix(prefix)));
        Ok(id)
    }

    /// Listens no longer. Connections that nobody has accepted are aborted.
    pub fn unlisten(&mut self, id: ListenerId) {
        self.listeners.retain(|(known, _)| *known != id);
        self.endpoint.unlisten(self.clock.now(), id);
    }

    /// The oldest connection of a listener that nobody has accepted.
    pub fn accept(&mut self, id: ListenerId) -> Option<ConnectionId> {
        self.endpoint.accept(id)
    }

    /// Opens a connection, as connections of this host are unless something else is said.
    ///
    /// # Errors
    ///
    /// A [`ConnectError`].
    pub fn connect(&mut self, local: SocketAddr, remote: SocketAddr) -> Result<ConnectionId, ConnectError> {
        let config = self.settings.connection;
        self.connect_as(local, remote, config)
    }

    /// The same with a configuration of its own. One that comes back after a restart is again as others are.
    ///
    /// # Errors
    ///
    /// A [`ConnectError`].
    pub fn connect_as(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
        config: Config,
    ) -> Result<ConnectionId, ConnectError> {
        self.epochs.note(0);
        self.endpoint.connect(self.clock.now(), local, remote, config)
    }

    /// Takes as many of `octets` as there is room for; see [`Endpoint::write`].
    ///
    /// # Errors
    ///
    /// A [`WriteError`].
    pub fn write(&mut self, id: ConnectionId, octets: &[u8]) -> Result<usize, WriteError> {
        let written = self.endpoint.write(self.clock.now(), id, octets)?;
        self.epochs.note(written);
        Ok(written)
    }

    /// Moves received octets into `octets`; see [`Endpoint::read`].
    pub fn read(&mut self, id: ConnectionId, octets: &mut [u8]) -> usize {
        let read = self.endpoint.read(self.clock.now(), id, octets);
        if read > 0 {
            self.epochs.note(0);
        }
        read
    }

    /// Shows received octets to `take`, which gives how many it has taken; see [`Endpoint::read_with`].
    pub fn read_with(&mut self, id: ConnectionId, take: impl FnOnce(&[u8], &[u8]) -> usize) -> usize {
        let read = self.endpoint.read_with(self.clock.now(), id, take);
        if read > 0 {
            self.epochs.note(0);
        }
        read
    }

    /// Asks something of one connection; see [`Endpoint::command`].
    ///
    /// # Errors
    ///
    /// A [`CommandError`].
    pub fn command(&mut self, id: ConnectionId, command: Command) -> Result<(), CommandError> {
        self.epochs.note(0);
        self.endpoint.command(self.clock.now(), id, command)
    }

    /// Listeners, in the order in which they were made.
    pub(crate) fn listeners(&self) -> Vec<ListenerId> {
        self.listeners.iter().map(|(id, _)| *id).collect()
    }

    /// A state of an application has changed: the next epoch is to have it.
    pub fn note_change(&mut self) {
        self.epochs.note(0);
    }

    /// How connections of this host are that do not say otherwise.
    #[must_use]
    pub fn config(&self) -> Config {
        self.settings.connection
    }

    pub(crate) fn set_strays(&mut self, strays: Strays) {
        self.endpoint.set_strays(strays);
    }
}

/// The calls of operators: who stops, snapshots and restores the host.
impl Machine {
    /// An epoch is TAKEN now, and made durable by the store if there is one; otherwise by whoever saves this memory, who then
    /// calls [`durable`](Self::durable). Gives its number.
    ///
    /// While another one is being made durable none can be taken: `None`, and `turn` takes the next.
    pub fn snapshot(&mut self, service: &mut impl Service) -> Option<u32> {
        if self.epochs.is_under_way() {
            return None;
        }
        Some(self.take(service))
    }

    /// What was TAKEN as `epoch` is kept for good: somebody outside has saved this memory.
    pub fn durable(&mut self, service: &mut impl Service, epoch: u32) {
        if self.epochs.has_store() {
            // The store says so itself.
            return;
        }
        self.epochs.declared_durable(epoch);
        self.endpoint.snapshot_durable(self.clock.now(), epoch);
        service.durable(self, epoch);
    }

    /// This memory is an older one: it was saved, and came back. All connections begin a new incarnation.
    ///
    /// Ids of connections change: gives the old and new of each. Listeners go on under new ids, given in the order in which
    /// they were made.
    ///
    /// # Errors
    ///
    /// A [`RestoredError`]; the host is mute then until a call succeeds.
    pub fn restored(
        &mut self,
        life: Option<GivenLife>,
    ) -> Result<(Vec<Returned>, Vec<ListenerId>), RestoredError> {
        let EpochStatus { incarnation, taken: number, .. } = self.epochs.status();
        let epoch = EpochId { incarnation, number };
        let life = match life {
            Some(life) => life,
            None => {
                let outside = self.epochs.outside().ok_or(RestoredError::NoIncarnation)?;
                let NewLife { incarnation, tsval_ceiling } = outside.begin_life(Origin::Restored(epoch))?;
                GivenLife { incarnation, tsval_ceiling }
            }
        };
        let now = self.clock.now();
        let mut records: Vec<(u64, Vec<u8>)> = Vec::new();
        self.endpoint.forget_snapshots();
        self.endpoint.snapshot_taken(now, u32::MAX, |saved| {
            if let Saved::Connection { id, record } = saved {
                records.push((id.number(), record.to_vec()));
            }
        });
        let secrets =
            EndpointSecrets { host: self.host_secret, instance: drawn().map_err(RestoredError::Entropy)? };
        let GivenLife { incarnation, tsval_ceiling } = life;
        let restoration = Restoration { incarnation, instance: secrets.instance, tsval_ceiling, taken: now };
        let mut returned = Vec::new();
        self.endpoint = Endpoint::restoring(secrets, self.settings.limits);
        self.connections.clear();
        self.waiting = None;
        let borrowed: Vec<(u64, &[u8])> =
            records.iter().map(|(id, octets)| (*id, octets.as_slice())).collect();
        self.bring_back(Recency::Any, &restoration, &borrowed, &mut |was, placed| {
            if let Placed::Kept(id) = placed {
                returned.push((was, id));
            }
        })?;
        self.is_away = false;
        self.epochs.set_incarnation(incarnation);
        let places: Vec<Place> = self.listeners.drain(..).map(|(_, place)| place).collect();
        let again = |place| match place {
            Place::At(local) => self.listen(local, Backlog::default()).ok(),
            Place::Prefix(prefix) => self.listen_prefix(prefix, Backlog::default()).ok(),
        };
        let listeners = places.into_iter().filter_map(again).collect();
        info!(incarnation, returned = returned.len(), "restored from memory");
        let named = |(was, id): (u64, ConnectionId)| {
            let (local, remote) = (self.endpoint.local(id)?, self.endpoint.remote(id)?);
            Some(Returned { was, id, local, remote })
        };
        Ok((returned.into_iter().filter_map(named).collect(), listeners))
    }

    /// The host is about to stop: peers are told; [`HoldTime::NONE`] does not say for how long. Gives how many connections
    /// are told. One whose peer does not know Hiatus, or does not know yet, cannot be.
    pub fn suspend(&mut self, expected_absence: HoldTime) -> usize {
        let ids: Vec<_> = self.connections.iter().copied().collect();
        let told = |id: &ConnectionId| self.command(*id, Command::Suspend { expected_absence }).is_ok();
        ids.iter().copied().filter(told).count()
    }

    /// The host has stopped: it is deaf and mute until [`resume`](Self::resume).
    pub fn stop(&mut self) {
        self.is_away = true;
    }

    /// The host is back, its memory as it was.
    pub fn resume(&mut self) {
        self.is_away = false;
        let ids: Vec<_> = self.connections.iter().copied().collect();
        for id in ids {
            self.command(id, Command::Resume).ok();
        }
    }

    /// The time, by its clock.
    #[must_use]
    pub fn now(&self) -> Time {
        self.clock.now()
    }
}
