//! The clock, the network and both hosts.

use core::time::Duration;
use std::collections::BTreeMap;

use hiatus_codec::Segment;
use hiatus_engine::{Command, CommandError, Ecn, Event, IcmpError, IcmpErrorKind, Time};
use oorandom::Rand64;

use crate::host::{Host, Power, Reader};
use crate::path::{Oversize, Passage, Path, Strip};
use crate::trace::{Fate, Frame};
use crate::wire::{self, Key, Wire};

/// Turns that hosts take at one instant; more are a livelock.
const TURNS_AT_ONE_INSTANT_MAX: u32 = 10_000;
/// How long a host that is about to suspend waits for SUSPEND-ACK.
const SUSPEND_GRACE: Duration = Duration::from_secs(4);
/// Octets of the largest TCP segment that IPv4 can carry.
const SEGMENT_OCTETS_MAX: usize = 65_515;

/// Which end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The initiator.
    A,
    /// The responder.
    B,
}

impl Side {
    /// The other end.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    pub(crate) const fn index(self) -> usize {
        match self {
            Self::A => 0,
            Self::B => 1,
        }
    }

    /// The stream of decisions of the path that begins here.
    pub(crate) const fn stream(self) -> u64 {
        match self {
            Self::A => 2,
            Self::B => 3,
        }
    }
}

/// Something that happens at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// A segment arrives.
    Arrival {
        /// Where.
        at: Side,
        /// Its octets.
        octets: Vec<u8>,
        /// The ECN field of its IP header.
        ecn: Ecn,
    },
    /// An ICMP error arrives.
    Error(Side, IcmpError),
    /// A segment arrives that is not as it was sent.
    DamagedArrival {
        /// Where.
        at: Side,
        /// Its octets.
        octets: Vec<u8>,
    },
    /// The host gives its engine a command; a refusal is ignored.
    Command(Side, Command),
    /// A host that suspended itself stops, if it has not heard from its peer before.
    StopsAtLast(Side),
    /// The host stops at once; its memory stays.
    PowerOff(Side),
    /// The host runs again, its memory intact, and resumes.
    PowerOn(Side),
    /// The application goes on reading, or stops.
    Reader(Side, Reader),
}

/// A running scenario.
#[derive(Debug, Clone)]
pub struct Sim {
    now: Time,
    queue: BTreeMap<(Time, u64), Happening>,
    serial: u64,
    hosts: [Host; 2],
    /// From A to B, and from B to A.
    paths: [Path; 2],
    wires: [Wire; 2],
    random: Rand64,
    /// Damaged segments whose checksum was right all the same.
    unseen_damage_count: u32,
    /// Where engines write their segments.
    room: Vec<u8>,
    /// Every segment sent so far.
    trace: Vec<Frame>,
    /// Hosts that stop at their SUSPEND-ACK.
    stopping: [bool; 2],
}

impl Sim {
    pub(crate) fn new(hosts: [Host; 2], paths: [Path; 2], wires: [Wire; 2], random: Rand64) -> Self {
        Self {
            now: Time::ZERO,
            queue: BTreeMap::new(),
            serial: 0,
            hosts,
            paths,
            wires,
            random,
            unseen_damage_count: 0,
            room: vec![0; SEGMENT_OCTETS_MAX],
            trace: Vec::new(),
            stopping: [false; 2],
        }
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Time {
        self.now
    }

    /// One end.
    #[must_use]
    pub fn host(&self, side: Side) -> &Host {
        &self.hosts[side.index()]
    }

    /// One end, to change.
    pub fn host_mut(&mut self, side: Side) -> &mut Host {
        &mut self.hosts[side.index()]
    }

    /// The path that begins at `from`, to change.
    pub fn path_mut(&mut self, from: Side) -> &mut Path {
        &mut self.paths[from.index()]
    }

    /// Every segment sent so far, in the order of sending.
    #[must_use]
    pub fn trace(&self) -> &[Frame] {
        &self.trace
    }

    /// Damaged segments whose checksum was right all the same, so far: 16 bits do not see everything. The network knows
    /// what it damaged and keeps them from the engines, whom nobody could blame for what came of them.
    #[must_use]
    pub fn unseen_damage_count(&self) -> u32 {
        self.unseen_damage_count
    }

    /// Lets something happen at `at`, after what was planned for that time before.
    pub fn plan(&mut self, at: Time, happening: Happening) {
        self.insert(at, happening);
    }

    fn insert(&mut self, at: Time, happening: Happening) -> Key {
        self.serial += 1;
        let key = (at.max(self.now), self.serial);
        self.queue.insert(key, happening);
        key
    }

    /// Appends to what the application at `side` writes.
    pub fn write(&mut self, side: Side, octets: &[u8]) {
        self.hosts[side.index()].write_later(octets);
    }

    /// Closes `side` once everything is written.
    pub fn close_after_writing(&mut self, side: Side) {
        self.hosts[side.index()].close_later();
    }

    /// From now on so many segments in a thousand are lost, both ways.
    pub fn set_loss(&mut self, per_mille: u16) {
        for path in &mut self.paths {
            path.loss_per_mille = per_mille;
        }
    }

    /// Gives the engine at `side` a command now.
    ///
    /// # Errors
    ///
    /// What the engine says.
    pub fn command(&mut self, side: Side, command: Command) -> Result<(), CommandError> {
        let result = self.hosts[side.index()].connection.handle_command(self.now, command);
        self.stopping[side.index()] = matches!(command, Command::Suspend { .. }) && result.is_ok();
        if self.stopping[side.index()] {
            self.plan(self.now + SUSPEND_GRACE, Happening::StopsAtLast(side));
        }
        result
    }

    /// Runs until `end`.
    pub fn run_until(&mut self, end: Time) {
        self.run_while(end, |_| true);
    }

    /// Runs until `condition` is false after some instant, or until `end`; says whether it was.
    pub fn run_while(&mut self, end: Time, condition: impl Fn(&Self) -> bool) -> bool {
        loop {
            self.settle();
            if !condition(self) {
                return true;
            }
            match self.next_time() {
                Some(next) if next <= end => self.now = self.now.max(next),
                _ => {
                    self.now = self.now.max(end);
                    return false;
                }
            }
            self.happen();
        }
    }

    /// When something happens next.
    fn next_time(&self) -> Option<Time> {
        let planned = self.queue.first_key_value().map(|((at, _), _)| *at);
        let timers = self.hosts.iter().filter(|host| host.power == Power::On).filter_map(|host| {
            let engine = host.connection.poll_timeout();
            engine.into_iter().chain(host.application_wakes_at(self.now)).min()
        });
        timers.chain(planned).min()
    }

    /// Everything that is due now.
    fn happen(&mut self) {
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let happening = entry.remove();
            self.one(happening);
        }
        for host in self.hosts.iter_mut().filter(|host| host.power == Power::On) {
            host.connection.handle_timeout(self.now);
        }
    }

    fn one(&mut self, happening: Happening) {
        let now = self.now;
        match happening {
            Happening::Arrival { at, octets, ecn } => {
                let host = &mut self.hosts[at.index()];
                if let (Power::On, Some(segment)) = (host.power, host.verified(&octets)) {
                    host.handle_segment(now, ecn, &segment);
                }
            }
            Happening::Error(side, error) => {
                let host = &mut self.hosts[side.index()];
                if host.power == Power::On {
                    host.connection.handle_icmp(now, &error);
                }
            }
            Happening::DamagedArrival { at, octets } => {
                let is_seen = self.hosts[at.index()].verified(&octets).is_none();
                self.unseen_damage_count += u32::from(!is_seen);
            }
            Happening::Command(side, command) => {
                self.command(side, command).ok();
            }
            Happening::StopsAtLast(side) => {
                if self.stopping[side.index()] {
                    self.stop(side);
                }
            }
            Happening::PowerOff(side) => self.stop(side),
            Happening::Reader(side, reader) => self.hosts[side.index()].reader = reader,
            Happening::PowerOn(side) => {
                self.stopping[side.index()] = false;
                let host = &mut self.hosts[side.index()];
                if host.power == Power::Off {
                    host.power = Power::On;
                    host.connection.handle_command(now, Command::Resume).ok();
                }
            }
        }
        // Each arrival is answered before the next one, as on a real host.
        self.settle();
    }

    fn stop(&mut self, side: Side) {
        self.stopping[side.index()] = false;
        self.hosts[side.index()].power = Power::Off;
    }

    /// Lets both hosts do what they can do now.
    fn settle(&mut self) {
        for _ in 0..TURNS_AT_ONE_INSTANT_MAX {
            let busy = [Side::A, Side::B].map(|side| self.turn(side));
            if busy == [false; 2] {
                return;
            }
        }
        panic!("livelock at {}: hosts still have something to send", self.now);
    }

    /// One host's turn: its application, then its segments, then its events. Says whether anything came of it.
    fn turn(&mut self, side: Side) -> bool {
        let now = self.now;
        let host = &mut self.hosts[side.index()];
        if host.power == Power::Off {
            return false;
        }
        let has_written = host.run_application(now);
        let sent = host.take_segments(now, &mut self.room);
        let has_news = host.take_events(now);
        host.connection.check_invariants().expect("the engine's invariants hold");
        let was_acknowledged = host
            .events
            .iter()
            .rev()
            .any(|(at, event)| *at == now && matches!(event, Event::SuspendAcknowledged { .. }));
        if was_acknowledged && self.stopping[side.index()] {
            self.stop(side);
        }
        let is_busy = has_written || has_news || !sent.is_empty();
        for (octets, ecn) in sent {
            self.carry(side, octets, ecn);
        }
        is_busy
    }

    /// Puts a segment onto the path.
    fn carry(&mut self, from: Side, octets: Vec<u8>, ecn: Ecn) {
        let path = self.paths[from.index()];
        let mut passing = octets.clone();
        let passage = path.strip.apply(self.now, &mut passing);
        if path.strip != Strip::Nothing {
            self.hosts[from.index()].rewrite_checksum(&mut passing);
        }
        // Every draw is made for every segment, so that one decision does not shift the others.
        let (is_lost, is_doubled) = (self.draw(path.loss_per_mille), self.draw(path.duplicates_per_mille));
        let (at, again_at) = (self.arrival(&path), self.arrival(&path));
        let wire = &mut self.wires[from.index()];
        let queueing = wire.queues(self.now, &path, octets.len());
        let is_lost = wire.loses(&path, octets.len()) || is_lost || passage == Passage::Dropped;
        let is_damaged = wire.damages(&path, &mut passing);
        let reordering = wire.holds_back(&path);
        let fate = match queueing {
            Some(queueing) if !is_lost => {
                let late = queueing + reordering.map_or(Duration::ZERO, |reordering| reordering.patience);
                let (at, again_at) = (at + late, again_at + late);
                match (is_damaged, is_doubled) {
                    (true, _) => Fate::Damaged { at },
                    (false, true) => Fate::Duplicated { at, again_at },
                    (false, false) => Fate::Delivered { at },
                }
            }
            _ => Fate::Lost,
        };
        self.report_oversize(from, &path, &octets);
        self.trace.push(Frame { sent_at: self.now, from, octets, ecn, fate });
        let to = from.peer();
        let ecn = Wire::mark(&path, ecn, queueing.unwrap_or(Duration::ZERO));
        let key = match fate {
            Fate::Lost => return,
            Fate::Damaged { at } => self.insert(at, Happening::DamagedArrival { at: to, octets: passing }),
            Fate::Delivered { at } => self.insert(at, Happening::Arrival { at: to, octets: passing, ecn }),
            Fate::Duplicated { at, again_at } => {
                let first = self.insert(at, Happening::Arrival { at: to, octets: passing.clone(), ecn });
                self.plan(again_at, Happening::Arrival { at: to, octets: passing, ecn });
                first
            }
        };
        for overtaken in self.wires[from.index()].overtaken() {
            if let Some(happening) = self.queue.remove(&overtaken) {
                // Behind the one that overtook it.
                self.plan(key.0, happening);
            }
        }
        if let Some(reordering) = reordering {
            self.wires[from.index()].hold_back(key, reordering.distance);
        }
    }

    /// The router before the link that is too narrow says so.
    fn report_oversize(&mut self, from: Side, path: &Path, octets: &[u8]) {
        let mtu_octets = wire::oversize(path, octets.len()).filter(|_| path.oversize == Oversize::Reported);
        if let (Some(mtu_octets), Ok(segment)) = (mtu_octets, Segment::parse(octets)) {
            let error =
                IcmpError { kind: IcmpErrorKind::PacketTooBig { mtu_octets }, quoted_seq: segment.seq };
            self.plan(self.now + path.delay, Happening::Error(from, error));
        }
    }

    fn draw(&mut self, per_mille: u16) -> bool {
        self.random.rand_range(0..1000) < u64::from(per_mille)
    }

    fn arrival(&mut self, path: &Path) -> Time {
        let jitter_us = u64::try_from(path.jitter.as_micros()).unwrap_or(u64::MAX - 1);
        self.now + path.delay + Duration::from_micros(self.random.rand_range(0..jitter_us + 1))
    }
}
