//! How a host begins: new, or as what it was at its latest durable epoch.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use hiatus_engine::{
    Config, ConnectionId, Endpoint, EndpointSecrets, Placed, Restoration, Strays, Time, ends_of_record,
};
use hiatus_store::Image;
use tracing::{info, warn};

use crate::clock::Clock;
use crate::epochs::{Epochs, Found, Keeping, StartError, StatesFound, TAKEN_STATE, drawn};
use crate::link::Link;
use crate::machine::{Counters, Machine, Settings, buffer};

/// A host that has begun.
#[derive(Debug)]
pub struct Started {
    /// It.
    pub machine: Machine,
    /// What it was restored from.
    pub found: Found,
    /// Connections that are back.
    pub returned: Vec<Returned>,
    /// Those that are not.
    pub lost: Vec<Lost>,
    /// What applications had put into the epoch.
    pub states: StatesFound,
}

/// A connection that is back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Returned {
    /// Its [number](ConnectionId::number) in the life that the epoch is of: what states of applications know it by.
    pub was: u64,
    /// Its name now.
    pub id: ConnectionId,
    /// Address and port of this end.
    pub local: SocketAddr,
    /// Those of the other.
    pub remote: SocketAddr,
}

/// Which epoch a host comes back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recency {
    /// One that is DURABLE and on its line.
    Any,
    /// The latest that is DURABLE: plain TCP that is durable comes back too (draft, {#durable-plain}).
    Latest,
}

/// A connection of the epoch that cannot go on: its peer does not speak Hiatus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// Its number in the life that the epoch is of.
    pub was: u64,
    /// Address and port of this end.
    pub local: SocketAddr,
    /// Those of the other.
    pub remote: SocketAddr,
}

impl Machine {
    /// Starts a host on `link`. With `keeping` it comes back to the latest durable epoch that it finds there; without, only
    /// its memory knows its connections, and whoever saves that says so ([`Machine::snapshot`], [`Machine::restored`]).
    ///
    /// Nothing is sent before every connection is back. `wake` is called from another thread when an epoch has become
    /// durable: [`Machine::turn`] is due then.
    ///
    /// # Errors
    ///
    /// A [`StartError`]; nothing was sent, and what was found is as it was.
    pub fn start(
        link: Link,
        settings: Settings,
        keeping: Option<&Keeping>,
        wake: impl Fn() + Send + 'static,
    ) -> Result<Started, StartError> {
        let Some(keeping) = keeping else {
            let secrets = EndpointSecrets { host: drawn()?, instance: drawn()? };
            let machine = Self::new(link, settings, secrets, Epochs::absent());
            let (returned, lost, states) = (Vec::new(), Vec::new(), BTreeMap::new());
            return Ok(Started { machine, found: Found::Nothing, returned, lost, states });
        };
        let mut opened = keeping.open()?;
        let secrets = EndpointSecrets { host: opened.secret, instance: drawn()? };
        let (returns, tsval_ceiling) = (opened.returns.take(), opened.tsval_ceiling);
        let (incarnation, path) = (opened.incarnation, opened.path.clone());
        let policy = settings.epochs;
        let mut machine = Self::new(link, settings, secrets, Epochs::kept(policy, opened, wake));
        let mut started = match returns {
            None if incarnation == 0 => machine.began(Found::Nothing),
            None => {
                // What was lost had sent timestamps all the same.
                let life = Restoration { incarnation, instance: drawn()?, tsval_ceiling, taken: Time::ZERO };
                let found = machine.bring_back(Recency::Any, &life, &[], &mut |_, _| {});
                found.map_err(|error| {
                    let epoch = hiatus_store::EpochId { incarnation, number: 0 };
                    StartError::Restore { path, epoch, error }
                })?;
                machine.began(Found::Nothing)
            }
            Some((image, life)) => {
                let taken = taken_at(&image)
                    .ok_or_else(|| StartError::Foreign { path: path.clone(), epoch: image.epoch() })?;
                let (instance, tsval_ceiling) = (drawn()?, life.tsval_ceiling);
                let life = Restoration { incarnation, instance, tsval_ceiling, taken };
                machine.come_back(keeping.recency(), &image, &life, path)?
            }
        };
        started.machine.set_strays(Strays::Answered);
        Ok(started)
    }

    fn began(self, found: Found) -> Started {
        Started { machine: self, found, returned: Vec::new(), lost: Vec::new(), states: BTreeMap::new() }
    }

    fn come_back(
        mut self,
        recency: Recency,
        image: &Image,
        life: &Restoration,
        path: std::path::PathBuf,
    ) -> Result<Started, StartError> {
        let records: Vec<(u64, &[u8])> = image.records().map(|(id, octets)| (id.0, octets)).collect();
        let (mut returned, mut lost) = (Vec::new(), Vec::new());
        let mut placed = |was, placed| match placed {
            Placed::Kept(id) => returned.push((was, id)),
            Placed::Lost { local, remote } => lost.push(Lost { was, local, remote }),
        };
        self.bring_back(recency, life, &records, &mut placed).map_err(|error| StartError::Restore {
            path,
            epoch: image.epoch(),
            error,
        })?;
        let endpoint = &self.endpoint;
        let named = |(was, id): (u64, ConnectionId)| {
            let (local, remote) = (endpoint.local(id)?, endpoint.remote(id)?);
            Some(Returned { was, id, local, remote })
        };
        let returned: Vec<_> = returned.into_iter().filter_map(named).collect();
        info!(epoch = %image.epoch(), returned = returned.len(), lost = lost.len(), "restored");
        for Lost { local, remote, .. } in &lost {
            warn!(%local, %remote, "lost: a rollback cannot be told to this peer");
        }
        let states = image
            .applications()
            .filter(|(name, _)| *name != TAKEN_STATE)
            .map(|(name, octets)| (name.to_owned(), octets.to_vec()))
            .collect();
        Ok(Started { machine: self, found: Found::Epoch(image.epoch()), returned, lost, states })
    }

    /// Replaces the endpoint by one that has the connections of `records`, each with its number.
    pub(crate) fn bring_back(
        &mut self,
        recency: Recency,
        life: &Restoration,
        records: &[(u64, &[u8])],
        placed: &mut dyn FnMut(u64, Placed),
    ) -> Result<(), hiatus_engine::RestoreError> {
        let settings = &self.settings;
        let mut numbers = records.iter().map(|(number, _)| *number);
        let config_of = |octets: &[u8]| {
            let is_one_for_all = settings.prefixes.is_empty();
            // The endpoint says what is wrong with a record.
            let ends = if is_one_for_all { None } else { ends_of_record(octets).ok() };
            ends.map_or(&settings.connection, |ends| settings.of(ends.local.ip()))
        };
        let with_config: Vec<(&Config, &[u8])> =
            records.iter().map(|(_, octets)| (config_of(octets), *octets)).collect();
        let connections = &mut self.connections;
        let told = |became| {
            if let Placed::Kept(id) = became {
                connections.insert(id);
            }
            placed(numbers.next().unwrap_or_default(), became);
        };
        let now = self.clock.now();
        match recency {
            Recency::Any => self.endpoint.restore(now, life, with_config, told),
            Recency::Latest => self.endpoint.restore_latest(now, life, with_config, told),
        }
    }

    fn new(link: Link, mut settings: Settings, secrets: EndpointSecrets, epochs: Epochs) -> Self {
        let offload = link.offload();
        settings.limits.segments_per_packet = offload.segments_per_packet;
        settings.limits.checksum = offload.checksum;
        let of_prefixes = settings.prefixes.iter_mut().map(|(_, config)| config);
        for config in of_prefixes.chain([&mut settings.connection]) {
            config.link_mtu_octets = Some(link.mtu_octets());
        }
        let is_later_life = epochs.status().incarnation > 0;
        let endpoint = if is_later_life {
            Endpoint::restoring(secrets, settings.limits)
        } else {
            Endpoint::new(secrets, settings.limits)
        };
        Self {
            endpoint,
            link,
            clock: Clock::start(),
            settings,
            epochs,
            counters: Counters::default(),
            connections: BTreeSet::new(),
            listeners: Vec::new(),
            input: buffer(),
            output: buffer(),
            waiting: None,
            is_away: false,
            host_secret: secrets.host,
        }
    }
}

fn taken_at(image: &Image) -> Option<Time> {
    let micros = image.application(TAKEN_STATE)?.try_into().ok()?;
    Some(Time(u64::from_le_bytes(micros)))
}
