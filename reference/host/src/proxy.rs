//! The transparent proxy: carries connections of programs that know nothing of Hiatus.
//!
//! A connection of a local program comes in by the kernel (`carry.rs`), and goes out by the engine to a peer proxy, which
//! connects to the program that is meant (`serve.rs`). Both legs of such a pair (`pair.rs`) outlive this process: the far one as
//! any connection of a host does, the local one with a keeper ([`crate::keep`]).

mod any;
mod back;
mod carry;
mod direct;
mod header;
mod local;
mod nft;
mod pair;
mod record;
mod serve;
mod status;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use hiatus_codec::AbortReason;
use hiatus_engine::KeepAlive;
use hiatus_engine::{
    CloseReason, Command, ConnectionId, Event, Extent, FallbackReason, HiatusState, ListenerId,
};
use mio::{Registry, Token};
use slab::Slab;
use socket2::Socket;
use tracing::{debug, info};

use crate::config::{Carry, Config, Front, Serve};
use crate::epochs::States;
use crate::event_loop::{FIRST_TOKEN, Wired};
use crate::keep::Kept;
use crate::machine::{Machine, Returned, Service};
use crate::proxy::any::{AnyIp, Met};
use crate::proxy::direct::Direct;
use crate::proxy::pair::{Care, Pair, Pumped, Stage};
use crate::proxy::record::{Side, kept_name, state_name};

pub use back::{Left, Open, ProxyError};
pub use carry::Entrances;
pub use nft::rules;
pub use status::{PairStatus, Route};

/// Tokens of listeners; those of pairs follow.
const LISTENERS_MAX: usize = 64;
const FIRST_PAIR_TOKEN: usize = FIRST_TOKEN + LISTENERS_MAX;
/// Each pair has three tokens: one for its local leg, two for legs of a direct one.
const TOKENS_EACH: usize = 4;
/// What is read from the kernel at once.
const SCRATCH_OCTETS: usize = 256 * 1024;
/// Far legs that are opened for one local leg whose peer loses them, at most.
const ATTEMPTS_MAX: u32 = 8;
/// How long it may take until it is known whether the peer speaks Hiatus: some of the engine's timeouts.
const NEGOTIATION_PATIENCE: Duration = Duration::from_secs(5);
/// How often a peer is asked that may not have the connection in a durable epoch yet.
const OFTEN: KeepAlive =
    KeepAlive { idle: Duration::from_secs(1), interval: Duration::from_secs(1), probes: 2 };
/// Turns of waiting pairs in one round.
const TURNS_PER_ROUND: usize = 256;

/// Whether pairs survive this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Survival {
    /// There is a store.
    Kept,
    /// There is none.
    None,
}

/// An epoch that is TAKEN, and what follows when it is DURABLE.
#[derive(Debug)]
struct Pending {
    epoch: u32,
    /// Pairs, with the octets of their local legs that the epoch has.
    pairs: Vec<(usize, u64, u64)>,
    /// Names of local legs that are kept no longer.
    leaving: Vec<String>,
}

/// A place where local programs' connections come in.
#[derive(Debug)]
struct Entrance {
    socket: Socket,
    address: SocketAddr,
    may_accept: bool,
    /// The last attempt failed, for want of descriptors perhaps: who waits is accepted when one is free again.
    is_short: bool,
}

/// A place where peers' connections come in.
#[derive(Debug)]
struct Door {
    listener: ListenerId,
    address: SocketAddr,
    rule: Serve,
}

/// The proxy, as a service of a [`Machine`].
#[derive(Debug)]
pub struct Proxy {
    registry: Registry,
    front: Front,
    routes: Vec<Carry>,
    own: Vec<IpAddr>,
    entrances: Vec<Entrance>,
    doors: Vec<Door>,
    kept: Kept,
    survival: Survival,
    pairs: Slab<Pair>,
    directs: Slab<Direct>,
    any: AnyIp,
    by_far: HashMap<ConnectionId, usize>,
    next_number: u64,
    scratch: Box<[u8]>,
    queue: VecDeque<usize>,
    direct_queue: VecDeque<usize>,
    dirty: Vec<usize>,
    /// Pairs whose record is to go with the next epoch.
    removed: Vec<u64>,
    /// Their local legs, which are kept until then.
    leaving: Vec<String>,
    pending: VecDeque<Pending>,
    /// Pairs whose peer is not known to have them in a durable epoch.
    unconfirmed: Vec<usize>,
    deadlines: BTreeSet<(Instant, usize)>,
    is_over: bool,
}

impl Proxy {
    fn empty(config: &Config, registry: Registry, kept: Kept) -> Self {
        Self {
            registry,
            front: config.proxy.clone().unwrap_or_default(),
            routes: config.carry.clone(),
            own: config.host.addresses.iter().map(|address| *address.get_ref()).collect(),
            entrances: Vec::new(),
            doors: Vec::new(),
            kept,
            survival: if config.state.is_some() { Survival::Kept } else { Survival::None },
            pairs: Slab::new(),
            directs: Slab::new(),
            any: AnyIp::new(config),
            by_far: HashMap::new(),
            next_number: 1,
            scratch: vec![0; SCRATCH_OCTETS].into_boxed_slice(),
            queue: VecDeque::new(),
            direct_queue: VecDeque::new(),
            dirty: Vec::new(),
            removed: Vec::new(),
            leaving: Vec::new(),
            pending: VecDeque::new(),
            unconfirmed: Vec::new(),
            deadlines: BTreeSet::new(),
            is_over: false,
        }
    }

    /// Tells whoever keeps its descriptors that it does what it is for.
    pub fn is_ready(&self) {
        self.kept.ready();
    }

    /// Ends the loop that it runs in.
    pub fn end(&mut self) {
        self.is_over = true;
    }

    fn number(&mut self) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        number
    }

    /// Both legs are there. Octets may pass once it is known whether hold-send counts.
    fn both_are_there(&mut self, machine: &mut Machine, key: usize) {
        let Some(pair) = self.pairs.get_mut(key) else { return };
        let Some(far) = pair.far else { return };
        let is_known = match machine.endpoint().hiatus_state(far) {
            _ if self.survival == Survival::None => true,
            HiatusState::Negotiating => false,
            HiatusState::On => {
                pair.care = Care::Awaited;
                true
            }
            HiatusState::Off => true,
        };
        if is_known {
            return self.open(machine, key);
        }
        pair.stage = Stage::Negotiating;
        self.set_deadline(key, NEGOTIATION_PATIENCE);
    }

    fn open(&mut self, machine: &mut Machine, key: usize) {
        let Some(pair) = self.pairs.get_mut(key) else { return };
        pair.stage = Stage::Open;
        if let Some(deadline) = pair.deadline.take() {
            self.deadlines.remove(&(deadline, key));
        }
        let header_octets = std::mem::take(&mut pair.header_octets);
        if let Some(far) = pair.far {
            machine.read_with(far, |_, _| header_octets);
        }
        pair.is_dirty = true;
        if pair.care == Care::Awaited
            && let Some(local) = &mut pair.local
        {
            local.begin_peeking(0);
            self.unconfirmed.push(key);
            if let Some(far) = pair.far {
                // A peer that restarts without the connection says nothing of it unless it is asked.
                machine.command(far, Command::SetKeepAlive(Some(OFTEN))).ok();
            }
        }
        machine.note_change();
        self.pump(machine, key);
    }

    /// Moves what there is to move, and draws the consequences.
    fn pump(&mut self, machine: &mut Machine, key: usize) {
        let Some(pair) = self.pairs.get_mut(key) else { return };
        let pumped = pair.pump(machine, &mut self.scratch);
        if pair.is_dirty && !pair.is_listed {
            pair.is_listed = true;
            self.dirty.push(key);
        }
        match pumped {
            Pumped::Idle => {}
            Pumped::More => self.enqueue(key),
            Pumped::Broken(error) => return self.break_off(machine, key, &format!("local leg: {error}")),
        }
        if self.pairs.get(key).is_some_and(|pair| pair.is_finished(machine)) {
            self.finish(machine, key);
        }
    }

    fn enqueue(&mut self, key: usize) {
        if let Some(pair) = self.pairs.get_mut(key)
            && !pair.is_queued
        {
            pair.is_queued = true;
            self.queue.push_back(key);
        }
    }

    fn remove(&mut self, key: usize) -> Option<Pair> {
        let pair = self.pairs.try_remove(key)?;
        if let Some(far) = pair.far {
            self.by_far.remove(&far);
        }
        if let Some(deadline) = pair.deadline {
            self.deadlines.remove(&(deadline, key));
        }
        if let Some(local) = &pair.local {
            local.deregister(&self.registry);
        }
        for entrance in &mut self.entrances {
            entrance.may_accept |= std::mem::take(&mut entrance.is_short);
        }
        Some(pair)
    }

    /// Both directions are over, and well.
    fn finish(&mut self, machine: &mut Machine, key: usize) {
        let Some(pair) = self.remove(key) else { return };
        debug!(pair = pair.number, source = %pair.source, destination = %pair.destination, "finished");
        if self.survival == Survival::Kept {
            self.removed.push(pair.number);
            self.leaving.push(kept_name(pair.side, pair.number));
            machine.note_change();
        }
    }

    /// The pair ends here: each leg that is there is told by a reset.
    fn break_off(&mut self, machine: &mut Machine, key: usize, why: &str) {
        let Some(pair) = self.remove(key) else { return };
        info!(pair = pair.number, source = %pair.source, destination = %pair.destination, why, "broken off");
        if let Some(far) = pair.far {
            // One that is over needs no end.
            machine.command(far, Command::Abort).ok();
        }
        if let Some(local) = &pair.local {
            local.doom();
        }
        if self.survival == Survival::Kept {
            self.kept.remove(&kept_name(pair.side, pair.number));
            self.removed.push(pair.number);
            machine.note_change();
        }
    }

    fn set_deadline(&mut self, key: usize, patience: Duration) {
        let Some(pair) = self.pairs.get_mut(key) else { return };
        let deadline = Instant::now() + patience;
        if let Some(before) = pair.deadline.replace(deadline) {
            self.deadlines.remove(&(before, key));
        }
        self.deadlines.insert((deadline, key));
    }

    fn token(key: usize, leg: usize) -> Token {
        Token(FIRST_PAIR_TOKEN + key * TOKENS_EACH + leg)
    }

    fn far_closed(&mut self, machine: &mut Machine, key: usize, reason: CloseReason) {
        let Some(pair) = self.pairs.get_mut(key) else { return };
        if reason == CloseReason::Finished && pair.stage == Stage::Open {
            pair.take_rest(machine);
            return self.pump(machine, key);
        }
        if let Some(far) = pair.far.take() {
            self.by_far.remove(&far);
        }
        let is_lost =
            matches!(reason, CloseReason::AbortedByPeer(AbortReason::LOST) | CloseReason::PeerHasNoState);
        let may_be_anew = pair.is_untouched() && pair.attempts < ATTEMPTS_MAX;
        match (pair.side, pair.stage) {
            // The peer came back without the connection, and never had an octet of it for good.
            (Side::Carry, Stage::Open) if is_lost && may_be_anew => self.carry_anew(machine, key),
            (Side::Carry, Stage::Negotiating) if (is_lost || reason == CloseReason::Reset) && may_be_anew => {
                self.carry_anew(machine, key);
            }
            (Side::Carry, Stage::Opening | Stage::Negotiating) => {
                self.fall_back(machine, key, &reason.to_string());
            }
            _ => self.break_off(machine, key, &format!("far leg: {reason}")),
        }
    }

    /// The peer announced its absence, or fell silent.
    fn peer_away(&mut self, machine: &mut Machine, key: usize, hold: Duration) {
        let Some(pair) = self.pairs.get_mut(key) else { return };
        info!(pair = pair.number, hold_s = hold.as_secs(), "the peer is away");
        // A peer that had not yet made the connection durable does not know it when it is back, and will not ask: it is
        // asked. Plain segments would only meet an RST, which says nothing to who holds a connection.
        if let Some(far) = pair.far.filter(|_| pair.care != Care::None)
            && !pair.find_out(machine)
        {
            // One that is being resumed already need not be.
            machine.command(far, Command::Resume).ok();
        }
    }

    /// It is known whether the peer speaks Hiatus.
    fn negotiated(&mut self, machine: &mut Machine, key: usize, fell_back: Option<FallbackReason>) {
        let Some(pair) = self.pairs.get_mut(key) else { return };
        if let Some(reason) = fell_back {
            debug!(pair = pair.number, ?reason, "plain TCP: it does not survive this process");
            if pair.stage == Stage::Open
                && let Err(error) = pair.give_up_care(&mut self.scratch)
            {
                return self.break_off(machine, key, &format!("local leg: {error}"));
            }
        }
        match pair.stage {
            Stage::Negotiating => self.both_are_there(machine, key),
            _ => self.pump(machine, key),
        }
    }

    fn pass_deadlines(&mut self, machine: &mut Machine) {
        let now = Instant::now();
        while let Some(&(deadline, key)) = self.deadlines.first() {
            if deadline > now {
                return;
            }
            self.deadlines.pop_first();
            let Some(pair) = self.pairs.get_mut(key) else { continue };
            if pair.deadline != Some(deadline) {
                continue;
            }
            pair.deadline = None;
            match pair.stage {
                Stage::Opening => self.fall_back(machine, key, "no answer in time"),
                Stage::Header => self.break_off(machine, key, "no header of the PROXY protocol in time"),
                Stage::Connecting => self.break_off(machine, key, "the local program did not answer in time"),
                // The peer came back without the connection, or answers no more. No octet of the program was sent.
                Stage::Negotiating => match pair.side {
                    Side::Carry if pair.attempts < ATTEMPTS_MAX => self.carry_anew(machine, key),
                    Side::Carry => self.fall_back(machine, key, "no end of the negotiation in time"),
                    Side::Serve => self.break_off(machine, key, "no end of the negotiation in time"),
                },
                Stage::Open => {}
            }
        }
    }

    /// A local leg is ready for something.
    fn local_ready(&mut self, machine: &mut Machine, key: usize, event: &mio::event::Event) {
        let Some(pair) = self.pairs.get_mut(key) else { return };
        let Some(local) = &mut pair.local else { return };
        local.may_read |= event.is_readable() || event.is_read_closed() || event.is_error();
        local.may_write |= event.is_writable() || event.is_write_closed() || event.is_error();
        match pair.stage {
            Stage::Connecting => self.local_connected(machine, key),
            Stage::Open => self.pump(machine, key),
            // A program that resets what it began need not be carried.
            Stage::Opening | Stage::Negotiating if event.is_error() => {
                self.break_off(machine, key, "the local program gave up");
            }
            _ => {}
        }
    }
}

impl Service for Proxy {
    fn handle_event(&mut self, machine: &mut Machine, id: ConnectionId, event: Event) {
        let Some(&key) = self.by_far.get(&id) else {
            if self.any.handle_event(machine, id, event) == Met::Nobody && event == Event::Connected {
                self.welcome(machine);
                self.any.welcome(machine, &mut self.next_number);
            }
            return;
        };
        match event {
            Event::Connected => self.far_connected(machine, key),
            Event::HiatusOn => self.negotiated(machine, key, None),
            Event::FellBack { reason } => self.negotiated(machine, key, Some(reason)),
            Event::Readable if self.pairs.get(key).is_some_and(|pair| pair.stage == Stage::Header) => {
                self.read_header(machine, key);
            }
            Event::Readable
            | Event::Writable
            | Event::PeerClosed
            | Event::Resumed
            | Event::Lingering { .. } => {
                self.pump(machine, key);
            }
            Event::Closed { reason } => self.far_closed(machine, key, reason),
            Event::PeerSuspended { hold } | Event::PeerPresumedSuspended { hold } => {
                self.peer_away(machine, key, hold);
            }
            Event::PeerResumed => {
                if let Some(pair) = self.pairs.get(key) {
                    info!(pair = pair.number, "the peer is back");
                }
            }
            _ => {}
        }
    }

    fn taken(&mut self, states: &mut States<'_>, epoch: u32) {
        self.any.taken(states);
        let mut pairs = Vec::new();
        for number in self.removed.drain(..) {
            states.remove(&state_name(number));
        }
        if states.extent() == Extent::Full {
            self.dirty.clear();
            self.dirty.extend(self.pairs.iter().map(|(key, _)| key));
        }
        for key in self.dirty.drain(..) {
            let Some(pair) = self.pairs.get_mut(key) else { continue };
            (pair.is_dirty, pair.is_listed) = (false, false);
            match pair.record() {
                Some(record) => {
                    states.put(&state_name(pair.number), &record.octets());
                    pairs.push((key, pair.number, pair.up_octets));
                }
                None if pair.stage == Stage::Open => states.remove(&state_name(pair.number)),
                None => {}
            }
        }
        let leaving = std::mem::take(&mut self.leaving);
        self.pending.push_back(Pending { epoch, pairs, leaving });
    }

    fn durable(&mut self, machine: &mut Machine, epoch: u32) {
        // Numbers wrap: half of them are before an epoch.
        let is_durable = |pending: &Pending| epoch.wrapping_sub(pending.epoch) < u32::MAX / 2;
        while let Some(pending) = self.pending.pop_front_if(|pending| is_durable(pending)) {
            for (key, number, up_octets) in pending.pairs {
                let Some(pair) = self.pairs.get_mut(key).filter(|pair| pair.number == number) else {
                    continue;
                };
                pair.durable(up_octets);
                self.pump(machine, key);
            }
            for name in pending.leaving {
                self.kept.remove(&name);
            }
        }
        self.any.durable(machine);
        for key in std::mem::take(&mut self.unconfirmed) {
            self.pump(machine, key);
            let Some(pair) = self.pairs.get_mut(key).filter(|pair| pair.stage == Stage::Open) else {
                continue;
            };
            if !pair.find_out(machine) {
                self.unconfirmed.push(key);
            } else if let Some(far) = pair.far {
                let usual = machine.config().keep_alive;
                // One that is over needs none.
                machine.command(far, Command::SetKeepAlive(usual)).ok();
            }
        }
    }
}

impl Wired for Proxy {
    fn handle_ready(&mut self, machine: &mut Machine, event: &mio::event::Event) {
        let Token(token) = event.token();
        if token < FIRST_PAIR_TOKEN {
            if let Some(entrance) = self.entrances.get_mut(token - FIRST_TOKEN) {
                entrance.may_accept = true;
            }
            return;
        }
        let (key, leg) = ((token - FIRST_PAIR_TOKEN) / TOKENS_EACH, (token - FIRST_PAIR_TOKEN) % TOKENS_EACH);
        match leg {
            0 => self.local_ready(machine, key, event),
            leg => self.direct_ready(key, leg, event),
        }
    }

    fn handle_round(&mut self, machine: &mut Machine) {
        self.accept_local(machine);
        self.pass_deadlines(machine);
        self.any.handle_round(machine);
        for _ in 0..self.queue.len().min(TURNS_PER_ROUND) {
            let Some(key) = self.queue.pop_front() else { break };
            if let Some(pair) = self.pairs.get_mut(key) {
                pair.is_queued = false;
                self.pump(machine, key);
            }
        }
        for _ in 0..self.direct_queue.len().min(TURNS_PER_ROUND) {
            let Some(key) = self.direct_queue.pop_front() else { break };
            self.pump_direct(key);
        }
    }

    fn patience(&self, machine: &Machine) -> Option<Duration> {
        let _ = machine;
        let waits = !self.queue.is_empty()
            || !self.direct_queue.is_empty()
            || self.entrances.iter().any(|entrance| entrance.may_accept);
        if waits {
            return Some(Duration::ZERO);
        }
        let own = self.deadlines.first().map(|(at, _)| at.saturating_duration_since(Instant::now()));
        own.into_iter().chain(self.any.patience()).min()
    }

    fn goes_on(&self) -> bool {
        !self.is_over
    }

    fn handle_restored(
        &mut self,
        machine: &mut Machine,
        returned: &[Returned],
        listeners: &[(ListenerId, ListenerId)],
    ) {
        self.rename(machine, returned, listeners);
        self.any.rename(machine, returned, listeners);
    }

    fn status(&self, machine: &Machine) -> serde_json::Value {
        // Nothing in it cannot be written.
        serde_json::to_value(self.pair_status(machine)).unwrap_or_default()
    }
}

fn would_wait(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
