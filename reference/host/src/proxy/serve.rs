//! Connections of peers: where they come in, and to which local program they go.

use std::net::SocketAddr;
use std::time::Duration;

use hiatus_engine::{Backlog, ConnectionId};
use tracing::{info, warn};

use crate::config::Serve;
use crate::machine::Machine;
use crate::proxy::header::{self, Found};
use crate::proxy::local::Local;
use crate::proxy::pair::{Pair, Stage};
use crate::proxy::record::{Side, kept_name};
use crate::proxy::{Door, Proxy, ProxyError, Survival};

/// How long a peer proxy may take for its header.
const HEADER_PATIENCE: Duration = Duration::from_secs(30);

impl Proxy {
    pub(super) fn open_doors(&mut self, machine: &mut Machine, rules: &[Serve]) -> Result<(), ProxyError> {
        for rule in rules {
            let address = rule.listen.get_ref().0;
            let listener = machine
                .listen(address, Backlog::default())
                .map_err(|error| ProxyError::Door { address, error: error.to_string() })?;
            self.doors.push(Door { listener, address, rule: rule.clone() });
        }
        Ok(())
    }

    /// A connection of a peer stands.
    pub(super) fn welcome(&mut self, machine: &mut Machine) {
        for index in 0..self.doors.len() {
            while let Some(far) =
                self.doors.get(index).map(|door| door.listener).and_then(|listener| machine.accept(listener))
            {
                self.admit(machine, far);
            }
        }
    }

    /// Serves `far`, of which nothing was read yet.
    pub(super) fn admit(&mut self, machine: &mut Machine, far: ConnectionId) {
        let endpoint = machine.endpoint();
        let (Some(local), Some(remote)) = (endpoint.local(far), endpoint.remote(far)) else { return };
        let rule = self.doors.iter().find(|door| is_of(door.address, local)).map(|door| &door.rule);
        let Some(to) = rule.map(|rule| rule.to) else {
            warn!(%local, %remote, "nobody serves it: aborted");
            machine.command(far, hiatus_engine::Command::Abort).ok();
            return;
        };
        let number = self.number();
        let key = self.pairs.insert(Pair::new(number, Side::Serve, remote, local, Stage::Header));
        self.join(key, far);
        match to {
            Some(to) => self.connect_local(machine, key, to.0),
            None => {
                self.set_deadline(key, HEADER_PATIENCE);
                self.read_header(machine, key);
            }
        }
    }

    pub(super) fn read_header(&mut self, machine: &mut Machine, key: usize) {
        let Some(pair) = self.pairs.get(key) else { return };
        let Some(far) = pair.far else { return };
        let mut found = Found::Part;
        // It stays there until the pair is open: a process that dies before that reads it again.
        machine.read_with(far, |first, second| {
            found = if second.is_empty() {
                header::parse(first)
            } else {
                header::parse(&[first, second].concat())
            };
            0
        });
        let asked = match found {
            Found::Part => return,
            Found::Whole(asked) => asked,
            Found::Mistake(mistake) => {
                return self.break_off(
                    machine,
                    key,
                    &format!("expected a header of the PROXY protocol: {mistake}"),
                );
            }
        };
        let local = pair.destination;
        let is_allowed = self
            .doors
            .iter()
            .filter(|door| is_of(door.address, local))
            .any(|door| door.rule.allow.iter().any(|allow| allow.has(asked.destination)));
        if !is_allowed {
            let why = format!("{} is not in `allow`", asked.destination);
            warn!(peer = %pair.source, source = %asked.source, why, "refused");
            return self.break_off(machine, key, &why);
        }
        if let Some(pair) = self.pairs.get_mut(key) {
            (pair.source, pair.header_octets) = (asked.source, asked.len_octets);
        }
        self.connect_local(machine, key, asked.destination);
    }

    fn connect_local(&mut self, machine: &mut Machine, key: usize, to: SocketAddr) {
        let Some(pair) = self.pairs.get_mut(key) else { return };
        pair.destination = to;
        pair.stage = Stage::Connecting;
        let number = pair.number;
        let local = match Local::connect(to, self.front.mark) {
            Ok(local) => local,
            Err(error) => return self.break_off(machine, key, &format!("{to}: {error}")),
        };
        if self.survival == Survival::Kept {
            Local::make_room(local.socket());
        }
        if let Err(error) = local.register(&self.registry, Self::token(key, 0)) {
            return self.break_off(machine, key, &error.to_string());
        }
        if let Some(pair) = self.pairs.get_mut(key) {
            pair.local = Some(local);
        }
        if self.survival == Survival::Kept
            && let Some(local) = self.pairs.get(key).and_then(|pair| pair.local.as_ref())
        {
            self.kept.store(&kept_name(Side::Serve, number), local);
        }
        self.set_deadline(key, self.front.connect_timeout.0);
    }

    pub(super) fn local_connected(&mut self, machine: &mut Machine, key: usize) {
        let Some(pair) = self.pairs.get(key) else { return };
        let destination = pair.destination;
        match pair.local.as_ref().and_then(Local::connected) {
            None => {}
            Some(Ok(())) => self.both_are_there(machine, key),
            Some(Err(error)) => {
                info!(%destination, %error, "the local program cannot be reached");
                self.break_off(machine, key, &format!("{destination}: {error}"));
            }
        }
    }
}

/// Whether a connection to `local` comes in by a door at `door`.
pub(super) fn is_of(door: SocketAddr, local: SocketAddr) -> bool {
    door.port() == local.port() && (door.ip().is_unspecified() || door.ip() == local.ip())
}
