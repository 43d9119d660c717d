//! The clock, the network and both hosts.

use core::time::Duration;
use std::collections::BTreeMap;

use hiatus_codec::Segment;
use hiatus_engine::{Command, CommandError, Event, Time};
use oorandom::Rand64;

use crate::host::{Host, Power, Reader};
use crate::path::{Passage, Path};
use crate::trace::{Fate, Frame};

/// Turns that hosts take at one instant; more are a livelock.
const TURNS_AT_ONE_INSTANT_MAX: u32 = 10_000;
/// How long a host that is about to suspend waits for SUSPEND-ACK.
const SUSPEND_GRACE: Duration = Duration::from_secs(4);

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
    random: Rand64,
    /// Every segment sent so far.
    trace: Vec<Frame>,
    /// Hosts that stop at their SUSPEND-ACK.
    stopping: [bool; 2],
}

impl Sim {
    pub(crate) fn new(hosts: [Host; 2], paths: [Path; 2], random: Rand64) -> Self {
        Self {
            now: Time::ZERO,
            queue: BTreeMap::new(),
            serial: 0,
            hosts,
            paths,
            random,
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

    /// Lets something happen at `at`, after what was planned for that time before.
    pub fn plan(&mut self, at: Time, happening: Happening) {
        self.serial += 1;
        self.queue.insert((at.max(self.now), self.serial), happening);
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
        let timers = self
            .hosts
            .iter()
            .filter(|host| host.power == Power::On)
            .filter_map(|host| host.connection.poll_timeout());
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
            Happening::Arrival { at, octets } => {
                let host = &mut self.hosts[at.index()];
                if let (Power::On, Ok(segment)) = (host.power, Segment::parse(&octets)) {
                    host.handle_segment(now, &segment);
                }
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
        host.run_application(now);
        let sent = host.take_segments(now);
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
        let is_busy = has_news || !sent.is_empty();
        for octets in sent {
            self.carry(side, octets);
        }
        is_busy
    }

    /// Puts a segment onto the path.
    fn carry(&mut self, from: Side, octets: Vec<u8>) {
        let path = self.paths[from.index()];
        let mut passing = octets.clone();
        let passage = path.strip.apply(self.now, &mut passing);
        // Every draw is made for every segment, so that one decision does not shift the others.
        let (is_lost, is_doubled) = (self.draw(path.loss_per_mille), self.draw(path.duplicates_per_mille));
        let (at, again_at) = (self.arrival(&path), self.arrival(&path));
        let fate = if is_lost || passage == Passage::Dropped {
            Fate::Lost
        } else if is_doubled {
            Fate::Duplicated { at, again_at }
        } else {
            Fate::Delivered { at }
        };
        self.trace.push(Frame { sent_at: self.now, from, octets, fate });
        let to = from.peer();
        match fate {
            Fate::Lost => {}
            Fate::Delivered { at } => self.plan(at, Happening::Arrival { at: to, octets: passing }),
            Fate::Duplicated { at, again_at } => {
                self.plan(at, Happening::Arrival { at: to, octets: passing.clone() });
                self.plan(again_at, Happening::Arrival { at: to, octets: passing });
            }
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
