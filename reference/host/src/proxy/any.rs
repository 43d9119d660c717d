//! The second way in: a prefix is routed to the device, and the engine itself ends the connections of local programs to
//! whatever address of it they mean. Both legs of a pair are connections of one endpoint then, and in one epoch: no rules,
//! no counts of the kernel, no descriptors to keep.
//!
//! A local program is an ordinary TCP. Its leg is plain TCP that is durable (draft, {#durable-plain}).

mod both;
mod events;
mod record;
mod restored;
mod status;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use hiatus_engine::{
    Backlog, Command, ConnectionId, Extent, HiatusState, KeepAlive, ListenError, ListenerId, Prefix,
};
use slab::Slab;
use tracing::{debug, info};

use crate::config::{Carry, Config};
use crate::epochs::States;
use crate::machine::Machine;
use crate::proxy::any::both::{Both, End, Pumped};
use crate::proxy::pair::Stage;
use crate::proxy::{Survival, header};

pub(super) use events::Met;

/// Before the number of a pair, in the name of its state.
const STATE_PREFIX: &str = "proxy/any/";
/// What is carried at once.
const SCRATCH_OCTETS: usize = 256 * 1024;
/// Far legs that are opened for one local leg whose peer loses them, at most.
const ATTEMPTS_MAX: u32 = 8;
/// Turns of waiting pairs in one round.
const TURNS_PER_ROUND: usize = 256;
/// How long it may take until it is known whether the peer speaks Hiatus: some of the engine's timeouts.
const NEGOTIATION_PATIENCE: Duration = Duration::from_secs(5);
/// How often a peer is asked that may not have the connection in a durable epoch yet.
const OFTEN: KeepAlive =
    KeepAlive { idle: Duration::from_secs(1), interval: Duration::from_secs(1), probes: 2 };

/// The pairs whose local legs are the engine's too.
#[derive(Debug)]
pub(super) struct AnyIp {
    prefixes: Vec<Prefix>,
    listeners: Vec<ListenerId>,
    routes: Vec<Carry>,
    own: Vec<IpAddr>,
    connect_timeout: Duration,
    survival: Survival,
    pairs: Slab<Both>,
    by_leg: HashMap<ConnectionId, (usize, End)>,
    scratch: Box<[u8]>,
    queue: VecDeque<usize>,
    dirty: Vec<usize>,
    /// Pairs whose record is to go with the next epoch.
    removed: Vec<u64>,
    /// Pairs whose peer is not known to have them in a durable epoch.
    unconfirmed: Vec<usize>,
    deadlines: BTreeSet<(Instant, usize)>,
}

impl AnyIp {
    pub(super) fn new(config: &Config) -> Self {
        let front = config.proxy.clone().unwrap_or_default();
        Self {
            prefixes: front.prefixes(),
            listeners: Vec::new(),
            routes: config.carry.clone(),
            own: config.host.addresses.iter().map(|address| *address.get_ref()).collect(),
            connect_timeout: front.connect_timeout.0,
            survival: if config.state.is_some() { Survival::Kept } else { Survival::None },
            pairs: Slab::new(),
            by_leg: HashMap::new(),
            scratch: vec![0; if front.any.is_empty() { 0 } else { SCRATCH_OCTETS }].into_boxed_slice(),
            queue: VecDeque::new(),
            dirty: Vec::new(),
            removed: Vec::new(),
            unconfirmed: Vec::new(),
            deadlines: BTreeSet::new(),
        }
    }

    pub(super) fn listen(&mut self, machine: &mut Machine) -> Result<(), ListenError> {
        for prefix in &self.prefixes {
            self.listeners.push(machine.listen_prefix(*prefix, Backlog::default())?);
        }
        Ok(())
    }

    fn has(&self, address: IpAddr) -> bool {
        self.prefixes.iter().any(|prefix| prefix.has(address))
    }

    /// Connections of local programs stand.
    pub(super) fn welcome(&mut self, machine: &mut Machine, next_number: &mut u64) {
        for listener in self.listeners.clone() {
            while let Some(near) = machine.accept(listener) {
                self.admit(machine, near, next_number);
            }
        }
    }

    /// Carries `near`, of which nothing was read yet.
    fn admit(&mut self, machine: &mut Machine, near: ConnectionId, next_number: &mut u64) {
        let endpoint = machine.endpoint();
        let (Some(local), Some(remote)) = (endpoint.local(near), endpoint.remote(near)) else { return };
        let number = *next_number;
        *next_number += 1;
        let key = self.pairs.insert(Both::new(number, remote, local));
        self.join(key, End::Near, near);
        self.note(machine, key);
        self.open_far(machine, key);
    }

    fn join(&mut self, key: usize, end: End, id: ConnectionId) {
        if let Some(pair) = self.pairs.get_mut(key) {
            pair.leg_mut(end).id = Some(id);
            self.by_leg.insert(id, (key, end));
        }
    }

    /// The next epoch is to have what changed of it.
    fn note(&mut self, machine: &mut Machine, key: usize) {
        self.dirty.push(key);
        machine.note_change();
    }

    fn open_far(&mut self, machine: &mut Machine, key: usize) {
        let Some(pair) = self.pairs.get_mut(key) else { return };
        pair.stage = Stage::Opening;
        let destination = pair.destination;
        let route = self.routes.iter().find(|route| route.to.iter().any(|to| to.has(destination)));
        let Some(via) = route.and_then(|route| route.via) else {
            return self.break_off(machine, key, "no [[carry]] with `via` names it");
        };
        let Some(own) = self.own.iter().find(|own| own.is_ipv4() == via.0.is_ipv4()) else {
            return self.break_off(machine, key, "no address of the family of `via`");
        };
        match machine.connect(SocketAddr::new(*own, 0), via.0) {
            Ok(far) => {
                self.join(key, End::Far, far);
                self.set_deadline(key, self.connect_timeout);
                debug!(%destination, %via, "carried");
            }
            Err(error) => self.break_off(machine, key, &error.to_string()),
        }
    }

    /// The peer has lost the far leg before it delivered an octet: another one is opened.
    fn carry_anew(&mut self, machine: &mut Machine, key: usize) {
        let Some(pair) = self.pairs.get_mut(key) else { return };
        info!(pair = pair.number, destination = %pair.destination, "the peer has lost it: carried anew");
        pair.attempts += 1;
        self.drop_far(machine, key);
        self.note(machine, key);
        self.open_far(machine, key);
    }

    fn drop_far(&mut self, machine: &mut Machine, key: usize) {
        let far = self.pairs.get_mut(key).and_then(|pair| pair.far.id.take());
        if let Some(far) = far {
            self.by_leg.remove(&far);
            // One that is over needs no end.
            machine.command(far, Command::Abort).ok();
        }
    }

    fn far_connected(&mut self, machine: &mut Machine, key: usize) {
        let Some(pair) = self.pairs.get_mut(key).filter(|pair| pair.stage == Stage::Opening) else { return };
        let Some(far) = pair.far.id else { return };
        let octets = header::written(pair.source, pair.destination);
        if machine.write(far, &octets) != Ok(octets.len()) {
            return self.break_off(machine, key, "the header could not be written");
        }
        // Until it is known whether hold-send counts, no octet of the program may leave.
        let is_unknown = machine.endpoint().hiatus_state(far) == HiatusState::Negotiating;
        if is_unknown && self.survival == Survival::Kept {
            pair.stage = Stage::Negotiating;
            return self.set_deadline(key, NEGOTIATION_PATIENCE);
        }
        self.open(machine, key);
    }

    /// Octets may pass.
    fn open(&mut self, machine: &mut Machine, key: usize) {
        self.clear_deadline(key);
        let Some(pair) = self.pairs.get_mut(key) else { return };
        let Some(far) = pair.far.id else { return };
        pair.stage = Stage::Open;
        pair.is_known =
            self.survival == Survival::None || machine.endpoint().hiatus_state(far) != HiatusState::On;
        if !pair.is_known {
            // A peer that restarts without the connection says nothing of it unless it is asked.
            machine.command(far, Command::SetKeepAlive(Some(OFTEN))).ok();
            self.unconfirmed.push(key);
        }
        self.note(machine, key);
        self.pump(machine, key);
    }

    /// Moves what there is to move, and draws the consequences.
    fn pump(&mut self, machine: &mut Machine, key: usize) {
        let Some(pair) = self.pairs.get_mut(key) else { return };
        let pumped = pair.pump(machine, &mut self.scratch);
        if std::mem::take(&mut pair.is_dirty) {
            self.dirty.push(key);
            machine.note_change();
        }
        let Some(pair) = self.pairs.get_mut(key) else { return };
        if pair.is_finished(machine.endpoint()) {
            debug!(pair = pair.number, source = %pair.source, destination = %pair.destination, "finished");
            self.remove(machine, key);
        } else if pumped == Pumped::More {
            self.enqueue(key);
        }
    }

    fn enqueue(&mut self, key: usize) {
        if let Some(pair) = self.pairs.get_mut(key)
            && !std::mem::replace(&mut pair.is_queued, true)
        {
            self.queue.push_back(key);
        }
    }

    fn remove(&mut self, machine: &mut Machine, key: usize) -> Option<Both> {
        self.clear_deadline(key);
        let pair = self.pairs.try_remove(key)?;
        for id in [pair.near.id, pair.far.id].into_iter().flatten() {
            self.by_leg.remove(&id);
        }
        self.removed.push(pair.number);
        machine.note_change();
        Some(pair)
    }

    /// The pair ends here: each leg that is there is told by a reset.
    fn break_off(&mut self, machine: &mut Machine, key: usize, why: &str) {
        let Some(pair) = self.remove(machine, key) else { return };
        info!(pair = pair.number, source = %pair.source, destination = %pair.destination, why, "broken off");
        for id in [pair.near.id, pair.far.id].into_iter().flatten() {
            // One that is over needs no end.
            machine.command(id, Command::Abort).ok();
        }
    }

    fn set_deadline(&mut self, key: usize, patience: Duration) {
        self.clear_deadline(key);
        let deadline = Instant::now() + patience;
        if let Some(pair) = self.pairs.get_mut(key) {
            pair.deadline = Some(deadline);
            self.deadlines.insert((deadline, key));
        }
    }

    fn clear_deadline(&mut self, key: usize) {
        if let Some(deadline) = self.pairs.get_mut(key).and_then(|pair| pair.deadline.take()) {
            self.deadlines.remove(&(deadline, key));
        }
    }

    /// Once in each round of the loop.
    pub(super) fn handle_round(&mut self, machine: &mut Machine) {
        let now = Instant::now();
        while let Some(&(deadline, key)) = self.deadlines.first() {
            if deadline > now {
                break;
            }
            self.clear_deadline(key);
            self.deadlines.remove(&(deadline, key));
            let Some(pair) = self.pairs.get(key) else { continue };
            match pair.stage {
                Stage::Negotiating if pair.attempts < ATTEMPTS_MAX => self.carry_anew(machine, key),
                Stage::Opening | Stage::Negotiating => self.break_off(machine, key, "no answer in time"),
                _ => {}
            }
        }
        for _ in 0..self.queue.len().min(TURNS_PER_ROUND) {
            let Some(key) = self.queue.pop_front() else { break };
            if let Some(pair) = self.pairs.get_mut(key) {
                pair.is_queued = false;
                self.pump(machine, key);
            }
        }
    }

    /// The longest time that it may be left alone.
    pub(super) fn patience(&self) -> Option<Duration> {
        if !self.queue.is_empty() {
            return Some(Duration::ZERO);
        }
        let (deadline, _) = self.deadlines.first()?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }

    /// An epoch is being TAKEN.
    pub(super) fn taken(&mut self, states: &mut States<'_>) {
        for number in self.removed.drain(..) {
            states.remove(&state_name(number));
        }
        if states.extent() == Extent::Full {
            self.dirty.clear();
            self.dirty.extend(self.pairs.iter().map(|(key, _)| key));
        }
        self.dirty.sort_unstable();
        self.dirty.dedup();
        for key in self.dirty.drain(..) {
            if let Some(pair) = self.pairs.get(key) {
                states.put(&state_name(pair.number), &pair.record().octets());
            }
        }
    }

    /// An epoch is DURABLE, and perhaps one of the peer's is since the one before.
    pub(super) fn durable(&mut self, machine: &mut Machine) {
        for key in std::mem::take(&mut self.unconfirmed) {
            let Some(pair) = self.pairs.get_mut(key).filter(|pair| pair.stage == Stage::Open) else {
                continue;
            };
            if !pair.find_out(machine.endpoint()) {
                self.unconfirmed.push(key);
                continue;
            }
            if let Some(far) = pair.far.id {
                let usual = machine.config().keep_alive;
                // One that is over needs none.
                machine.command(far, Command::SetKeepAlive(usual)).ok();
            }
            self.note(machine, key);
            self.pump(machine, key);
        }
    }
}

/// The name of the state of a pair.
fn state_name(number: u64) -> String {
    format!("{STATE_PREFIX}{number}")
}
