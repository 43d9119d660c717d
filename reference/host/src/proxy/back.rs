//! How a proxy begins: its entrances and doors, and the pairs that an earlier process had.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;

use hiatus_engine::{Command, ConnectionId, ListenError, ListenerId, TcpState};
use mio::Registry;
use tracing::{info, warn};

use crate::config::Config;
use crate::epochs::StatesFound;
use crate::keep::{Kept, KeptDescriptors};
use crate::machine::{Machine, Returned};
use crate::proxy::carry::Entrances;
use crate::proxy::local::{Local, Origin, Progress, Standing};
use crate::proxy::pair::{Care, Pair, Stage};
use crate::proxy::record::{PairRecord, STATE_PREFIX, Side, kept_name, of_kept_name};
use crate::proxy::serve::is_of;
use crate::proxy::{OFTEN, Proxy, Survival};

/// Why a proxy does not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// Local programs' connections cannot come in.
    #[error("listen on {address}: {error}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the kernel says.
        error: io::Error,
    },
    /// Peers' connections cannot.
    #[error("{error}")]
    Door {
        /// Where.
        address: SocketAddr,
        /// What the engine says.
        error: String,
    },
    /// Local programs' connections to a prefix cannot come in.
    #[error("[proxy] any: {0}")]
    Any(ListenError),
    /// epoll.
    #[error("epoll: {0}")]
    Poll(io::Error),
}

/// What an earlier process has left behind.
#[derive(Debug, Default)]
pub struct Left {
    /// Far legs that are back.
    pub returned: Vec<Returned>,
    /// What its epoch says.
    pub states: StatesFound,
    /// What the keeper has kept.
    pub descriptors: KeptDescriptors,
}

/// The way to the keeper, and what is open already.
#[derive(Debug)]
pub struct Open {
    /// The keeper.
    pub kept: Kept,
    /// The entrances.
    pub entrances: Entrances,
}

impl Proxy {
    /// Begins, and goes on with every pair whose legs are both there.
    ///
    /// # Errors
    ///
    /// A [`ProxyError`].
    pub fn start(
        config: &Config,
        registry: &Registry,
        machine: &mut Machine,
        open: Open,
        left: Left,
    ) -> Result<Self, ProxyError> {
        let registry = registry.try_clone().map_err(ProxyError::Poll)?;
        let mut proxy = Self::empty(config, registry, open.kept);
        let Left { returned, states, descriptors } = left;
        proxy.take_entrances(open.entrances).map_err(ProxyError::Poll)?;
        proxy.open_doors(machine, &config.serve)?;
        proxy.any.listen(machine).map_err(ProxyError::Any)?;
        proxy.bring_back(machine, &returned, &states, descriptors);
        Ok(proxy)
    }

    fn bring_back(
        &mut self,
        machine: &mut Machine,
        returned: &[Returned],
        states: &StatesFound,
        descriptors: KeptDescriptors,
    ) {
        let mut far: HashMap<u64, ConnectionId> = returned.iter().map(|back| (back.was, back.id)).collect();
        self.any.bring_back(machine, &mut far, states, &mut self.next_number);
        let mut local: HashMap<(Side, u64), Local> = HashMap::new();
        for (name, descriptor) in descriptors {
            let Some((side, number)) = of_kept_name(&name) else {
                self.kept.remove(&name);
                continue;
            };
            let origin = match side {
                Side::Carry => Origin::Program,
                Side::Serve => Origin::Proxy,
            };
            self.next_number = self.next_number.max(number + 1);
            local.insert((side, number), Local::kept(descriptor, origin));
        }
        let mut back = 0_usize;
        for (name, octets) in states {
            let Some(number) = name.strip_prefix(STATE_PREFIX).and_then(|number| number.parse().ok()) else {
                continue;
            };
            self.next_number = self.next_number.max(number + 1);
            let Some(record) = PairRecord::parse(octets) else {
                warn!(number, "the state of a pair cannot be read: it is lost");
                continue;
            };
            let leg = local.remove(&(record.side, number));
            let id = far.remove(&record.far);
            match (id, leg) {
                (Some(id), Some(leg)) => {
                    back += usize::from(self.go_on(machine, number, &record, id, leg).is_some());
                }
                (Some(id), None) => {
                    info!(number, "the local leg is gone: the far one is aborted");
                    machine.command(id, Command::Abort).ok();
                }
                (None, Some(leg)) if record.far_is_over => {
                    back += usize::from(self.end_well(machine, number, record, leg).is_some());
                }
                (None, Some(leg)) => self.without_far(machine, number, record.side, leg),
                (None, None) => {}
            }
        }
        for ((side, number), leg) in local {
            self.without_far(machine, number, side, leg);
        }
        for id in far.into_values() {
            self.without_pair(machine, id);
        }
        if back > 0 {
            info!(pairs = back, "go on");
        }
    }

    /// Both legs are there: what happened to the local one since the epoch, the kernel knows.
    fn go_on(
        &mut self,
        machine: &mut Machine,
        number: u64,
        record: &PairRecord,
        far: ConnectionId,
        leg: Local,
    ) -> Option<()> {
        let pair = match self.rebuilt(number, record, leg) {
            Ok(pair) => pair,
            Err(why) => {
                warn!(number, why, "a pair cannot go on");
                machine.command(far, Command::Abort).ok();
                return None;
            }
        };
        let key = self.pairs.insert(pair);
        self.join(key, far);
        self.wire(machine, key)
    }

    /// The far leg was over, and well; the rest of its octets is in the record.
    fn end_well(&mut self, machine: &mut Machine, number: u64, record: PairRecord, leg: Local) -> Option<()> {
        match self.rebuilt(number, &record, leg) {
            Ok(mut pair) => {
                pair.rest = record.rest;
                let key = self.pairs.insert(pair);
                self.wire(machine, key)
            }
            Err(why) => {
                warn!(number, why, "a pair cannot go on");
                None
            }
        }
    }

    fn wire(&mut self, machine: &mut Machine, key: usize) -> Option<()> {
        let pair = self.pairs.get_mut(key)?;
        let up_octets = pair.up_octets;
        let registered = pair.local.as_ref()?.register(&self.registry, Self::token(key, 0));
        pair.durable(up_octets);
        if let Err(error) = registered {
            self.break_off(machine, key, &format!("local leg: {error}"));
            return None;
        }
        if let Some(far) = pair.far.filter(|_| !pair.is_known) {
            machine.command(far, Command::SetKeepAlive(Some(OFTEN))).ok();
        }
        self.unconfirmed.push(key);
        self.enqueue(key);
        Some(())
    }

    fn rebuilt(&mut self, number: u64, record: &PairRecord, mut leg: Local) -> Result<Pair, String> {
        let doomed = |leg: &Local, why: String| {
            leg.doom();
            why
        };
        let Progress { written, consumed, standing } =
            leg.progress().map_err(|error| doomed(&leg, error.to_string()))?;
        let is_possible = consumed <= record.up_octets && written >= record.down_octets;
        if standing == Standing::Reset || !is_possible {
            self.kept.remove(&kept_name(record.side, number));
            let why = format!(
                "its local leg is {standing:?} with {consumed} octets read and {written} written, the epoch has {} and {}",
                record.up_octets, record.down_octets
            );
            return Err(doomed(&leg, why));
        }
        leg.begin_peeking(record.up_octets - consumed);
        let mut pair = Pair::new(number, record.side, record.source, record.destination, Stage::Open);
        pair.care = Care::Kept;
        (pair.up_octets, pair.up_consumed_octets) = (record.up_octets, consumed);
        pair.is_known = consumed > 0;
        pair.up_ended = record.up_ended;
        pair.down_octets = record.down_octets;
        pair.down_ended = record.down_ended;
        pair.far_is_over = record.far_is_over;
        pair.down_skip_octets = match standing {
            // Its program has acknowledged all that was written, the end included: there was no more.
            Standing::Finished => u64::MAX,
            _ => written - record.down_octets,
        };
        pair.local = Some(leg);
        pair.is_dirty = true;
        Ok(pair)
    }

    /// A local leg whose far one is not there. Where nothing happened to it yet, it is carried anew.
    fn without_far(&mut self, machine: &mut Machine, number: u64, side: Side, leg: Local) {
        let untouched = Progress { written: 0, consumed: 0, standing: Standing::Open };
        let is_untouched = leg.progress().is_ok_and(|progress| progress == untouched);
        let name = kept_name(side, number);
        if side == Side::Carry && is_untouched && self.survival == Survival::Kept {
            let entrance = self.entrances.first().map(|entrance| entrance.address);
            let socket = leg.into_socket();
            if let Some(entrance) = entrance
                && let Err(error) = self.carry(machine, number, socket, entrance)
            {
                warn!(number, %error, "a connection of a local program is lost");
                self.kept.remove(&name);
            }
            return;
        }
        let has_ended = leg.progress().is_ok_and(|progress| progress.standing == Standing::Finished);
        if side == Side::Carry && !has_ended {
            info!(number, "the far leg is gone: the local one is reset");
        }
        leg.doom();
        self.kept.remove(&name);
    }

    /// A far leg of which no epoch says what it is for: nothing was read from it, or everything is over.
    fn without_pair(&mut self, machine: &mut Machine, far: ConnectionId) {
        let is_open = matches!(machine.endpoint().state(far), TcpState::Established | TcpState::CloseWait);
        if !is_open {
            // The engine keeps it for a peer that may come back older.
            return;
        }
        let local = machine.endpoint().local(far);
        let is_served = local.is_some_and(|local| self.doors.iter().any(|door| is_of(door.address, local)));
        if is_served {
            self.admit(machine, far);
        } else {
            machine.command(far, Command::Abort).ok();
        }
    }

    /// The memory of this process came back older: far legs have other names now.
    pub(super) fn rename(
        &mut self,
        machine: &mut Machine,
        returned: &[Returned],
        listeners: &[(ListenerId, ListenerId)],
    ) {
        for door in &mut self.doors {
            if let Some((_, new)) = listeners.iter().find(|(old, _)| *old == door.listener) {
                door.listener = *new;
            }
        }
        let names: HashMap<u64, ConnectionId> = returned.iter().map(|back| (back.was, back.id)).collect();
        self.by_far.clear();
        let keys: Vec<usize> = self.pairs.iter().map(|(key, _)| key).collect();
        for key in keys {
            let Some(pair) = self.pairs.get_mut(key) else { continue };
            let Some(far) = pair.far else { continue };
            pair.is_dirty = true;
            pair.far = names.get(&far.number()).copied();
            match pair.far {
                Some(far) => {
                    self.by_far.insert(far, key);
                    self.enqueue(key);
                }
                None if pair.far_is_over => self.enqueue(key),
                None => self.break_off(machine, key, "the far leg did not come back"),
            }
        }
    }
}
