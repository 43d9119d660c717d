//! Mutants: targets that break one rule.
//!
//! A mutant wraps a target and changes what goes through it, out or in. A case that no mutant fails proves nothing,
//! and a mutant that no case catches shows a gap; `tests/mutants.rs` looks for both.

mod absence;
mod attack;
mod edit;
mod ending;
mod epoch;
mod hold_send;
mod host;
mod linger;
mod negotiation;
mod plain;
mod reading;
mod restoring;
mod resuming;
mod retention;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use hiatus_codec::{Flags, HoldTime, SequenceNumber, Subtype};

use host::HostCall;

use super::{CallError, Received, Setup, Target};
use crate::adapter::Clock;
use crate::script::{NetworkError, Sending};
use crate::session::Session;
use crate::wire::{OwnedSegment, Side, pattern};

/// A rule broken.
#[derive(Debug, Clone, Copy)]
pub struct Mutant {
    /// Its name in the header of cases.
    pub name: &'static str,
    /// Labels of the requirements that it breaks.
    pub breaks: &'static [&'static str],
    hooks: Hooks,
}

/// All mutants.
pub fn all() -> impl Iterator<Item = &'static Mutant> {
    [
        negotiation::MUTANTS,
        reading::MUTANTS,
        absence::MUTANTS,
        resuming::MUTANTS,
        restoring::MUTANTS,
        epoch::MUTANTS,
        retention::MUTANTS,
        hold_send::MUTANTS,
        linger::MUTANTS,
        ending::MUTANTS,
        plain::MUTANTS,
        attack::MUTANTS,
    ]
    .into_iter()
    .flatten()
}

/// The mutant called `name`.
#[must_use]
pub fn named(name: &str) -> Option<&'static Mutant> {
    all().find(|mutant| mutant.name == name)
}

impl Mutant {
    /// `inner`, with this rule broken.
    #[must_use]
    pub fn of(&self, inner: Box<dyn Target>, setup: &Setup) -> Box<dyn Target> {
        let notes = Notes { ports: (setup.target_port, setup.bench_port), ..Notes::default() };
        Box::new(Mutated { hooks: self.hooks, notes, inner })
    }
}

/// What a mutant makes of one segment: none, itself, or several.
type Rewrite = fn(&mut Notes, OwnedSegment) -> Vec<OwnedSegment>;

/// How a mutant carries out a call of the host; it may put another target in its place.
type Carry = fn(&mut Notes, &mut Box<dyn Target>, &HostCall) -> Result<(), CallError>;

/// Where a mutant has its hand in.
#[derive(Debug, Clone, Copy)]
struct Hooks {
    /// What the target sends.
    outgoing: Rewrite,
    /// What it gets.
    incoming: Rewrite,
    /// The application wrote so many octets.
    wrote: fn(&mut Notes, u32),
    /// What the application is told.
    event: fn(String) -> Option<String>,
    /// What the host does with its target.
    host: Carry,
}

/// Changes nothing.
const UNTOUCHED: Hooks = Hooks {
    outgoing: |_, segment| vec![segment],
    incoming: |_, segment| vec![segment],
    wrote: |_, _| {},
    event: Some,
    host: |notes, inner, call| call.carry_out(notes.now, inner.as_mut()),
};

/// What a mutant remembers.
#[derive(Default)]
struct Notes {
    now: Duration,
    /// What an honest observer knows: it sees what the target really sends.
    session: Session,
    /// Ports of target and bench.
    ports: (u16, u16),
    /// A number of the mutant's own.
    count: u32,
    /// A segment of the mutant's own.
    kept: Option<OwnedSegment>,
    /// A time of the mutant's own.
    since: Option<Duration>,
    /// Another one.
    until: Option<Duration>,
    /// Segments to send now.
    extra: VecDeque<OwnedSegment>,
    /// Segments to send later.
    later: BTreeMap<Duration, Vec<OwnedSegment>>,
    /// From then on the host is dead to the connection.
    dies_at: Option<Duration>,
    /// Behind the last octet of sequence space that the target sent; SND.NXT, rewinds apart.
    next: SequenceNumber,
    /// The last ACK that the target sent; RCV.NXT, RESUME-ACK apart.
    acknowledged: SequenceNumber,
    /// Octets that the application wrote.
    written: u32,
    /// Octets of the last write that the target had no room for.
    refused: usize,
    /// Instances of the host at the time of its snapshots.
    instances: BTreeMap<u32, Box<dyn Target>>,
}

impl Notes {
    /// Counts the segments for which `this` is true; gives which it is, from 1, or 0 if it is false.
    fn nth(&mut self, this: bool) -> u32 {
        self.count += u32::from(this);
        if this { self.count } else { 0 }
    }

    fn dead(&self) -> bool {
        self.dies_at.is_some_and(|when| self.now >= when)
    }

    fn die(&mut self) {
        self.dies_at = self.dies_at.or(Some(self.now));
    }

    /// A pure ACK as the target would send it.
    fn pure_ack(&self) -> OwnedSegment {
        OwnedSegment {
            source_port: self.ports.0,
            destination_port: self.ports.1,
            seq: self.next,
            ack: self.acknowledged,
            flags: Flags::ACK,
            window: u16::MAX,
            options: Vec::new(),
            payload: Vec::new(),
        }
    }

    /// The last `len_octets` octets that the application wrote, as a segment.
    fn data(&self, len_octets: u32) -> OwnedSegment {
        let first = (self.written + 1).saturating_sub(len_octets);
        OwnedSegment {
            seq: self.session.absolute(Side::Target, first),
            payload: pattern(Side::Target, first, len_octets),
            ..self.pure_ack()
        }
    }

    /// Sends the last `len_octets` octets that the application wrote, whatever the target does.
    fn send_at_once(&mut self, len_octets: u32) {
        let data = self.data(len_octets);
        self.extra.push_back(data);
    }

    fn send_after(&mut self, delay: Duration, segment: OwnedSegment) {
        self.later.entry(self.now + delay).or_default().push(segment);
    }

    fn sent(&mut self, segment: &OwnedSegment) {
        self.session.observe(Side::Target, segment);
        let end = segment.seq.advanced_by(segment.view().len());
        if segment.flags.contains(Flags::SYN) || end.after(self.next) {
            self.next = end;
        }
        if segment.flags.contains(Flags::ACK) && !edit::has(segment, Subtype::RESUME_ACK) {
            self.acknowledged = segment.ack;
        }
    }
}

/// A target with one rule broken.
struct Mutated {
    hooks: Hooks,
    notes: Notes,
    inner: Box<dyn Target>,
}

impl Mutated {
    fn host(&mut self, now: Duration, call: &HostCall) -> Result<(), CallError> {
        self.notes.now = now;
        (self.hooks.host)(&mut self.notes, &mut self.inner, call)
    }
}

impl Target for Mutated {
    fn listen(&mut self, now: Duration) -> Result<(), CallError> {
        self.inner.listen(now)
    }
    fn connect(&mut self, now: Duration) -> Result<(), CallError> {
        self.inner.connect(now)
    }
    fn write(&mut self, now: Duration, octets: &[u8]) -> Result<usize, CallError> {
        self.notes.now = now;
        let taken = self.inner.write(now, octets)?;
        let offered = u32::try_from(octets.len()).unwrap_or(u32::MAX);
        // Octets that were refused are offered again; a mutant has sent them by then.
        if self.notes.refused == 0 {
            self.notes.written += offered;
            (self.hooks.wrote)(&mut self.notes, offered);
        }
        self.notes.refused = octets.len() - taken;
        Ok(taken)
    }
    fn read(&mut self, now: Duration, room: usize) -> Result<Received, CallError> {
        self.inner.read(now, room)
    }
    fn close(&mut self, now: Duration) -> Result<(), CallError> {
        self.host(now, &HostCall::Close)
    }
    fn abort(&mut self, now: Duration) -> Result<(), CallError> {
        self.inner.abort(now)
    }
    fn suspend(&mut self, now: Duration, expected_absence: HoldTime) -> Result<(), CallError> {
        self.inner.suspend(now, expected_absence)
    }
    fn stop(&mut self, now: Duration) -> Result<(), CallError> {
        self.inner.stop(now)
    }
    fn resume(&mut self, now: Duration) -> Result<(), CallError> {
        self.inner.resume(now)
    }
    fn snapshot_taken(&mut self, now: Duration, epoch: u32) -> Result<(), CallError> {
        self.host(now, &HostCall::Taken(epoch))
    }
    fn snapshot_durable(&mut self, now: Duration, epoch: u32) -> Result<(), CallError> {
        self.host(now, &HostCall::Durable(epoch))
    }
    fn crash(&mut self, now: Duration) -> Result<(), CallError> {
        self.inner.crash(now)
    }
    fn restore(&mut self, now: Duration, epoch: u32, lasts: Duration) -> Result<(), CallError> {
        self.host(now, &HostCall::Restore { epoch, lasts })
    }
    fn rewind(&mut self, now: Duration, epoch: u32) -> Result<(), CallError> {
        self.inner.rewind(now, epoch)
    }
    fn hold_send(&mut self, now: Duration, sending: Sending) -> Result<(), CallError> {
        self.inner.hold_send(now, sending)
    }
    fn network_error(
        &mut self,
        now: Duration,
        error: NetworkError,
        quoted: &OwnedSegment,
    ) -> Result<(), CallError> {
        self.host(now, &HostCall::NetworkError(error, quoted.clone()))
    }

    fn deliver(&mut self, now: Duration, segment: &OwnedSegment) {
        self.notes.now = now;
        let changed = (self.hooks.incoming)(&mut self.notes, segment.clone());
        // Observed afterwards: a hook decides by what was known before.
        self.notes.session.observe(Side::Bench, segment);
        for segment in changed {
            self.inner.deliver(now, &segment);
        }
    }

    fn transmit(&mut self, now: Duration) -> Option<OwnedSegment> {
        self.notes.now = now;
        while self.notes.later.first_key_value().is_some_and(|(due, _)| *due <= now) {
            let (_, due) = self.notes.later.pop_first()?;
            self.notes.extra.extend(due);
        }
        // Own segments first: they answer what has just come in.
        while self.notes.extra.is_empty() {
            let segment = self.inner.transmit(now)?;
            self.notes.sent(&segment);
            let changed = (self.hooks.outgoing)(&mut self.notes, segment);
            // A hook that queues something of its own means it to follow.
            for segment in changed.into_iter().rev() {
                self.notes.extra.push_front(segment);
            }
        }
        let segment = self.notes.extra.pop_front()?;
        if self.notes.dead() { self.transmit(now) } else { Some(segment) }
    }

    fn next_timeout(&self) -> Option<Duration> {
        let own = self.notes.later.keys().next().copied();
        [own, self.inner.next_timeout()].into_iter().flatten().min()
    }
    fn timeout(&mut self, now: Duration) {
        self.notes.now = now;
        self.inner.timeout(now);
    }
    fn clock(&self) -> Clock {
        self.inner.clock()
    }
    fn pass(&mut self, now: Duration, until: Duration) -> Duration {
        let own = self.notes.later.keys().next().copied();
        let until = own.map_or(until, |own| own.min(until));
        self.notes.now = match (self.clock(), self.next_timeout()) {
            (Clock::Wall, _) => self.inner.pass(now, until),
            (Clock::Virtual, Some(due)) if due <= until => {
                let at = now.max(due);
                self.timeout(at);
                at
            }
            (Clock::Virtual, _) => now.max(until),
        };
        self.notes.now
    }
    fn trouble(&self) -> Option<String> {
        self.inner.trouble()
    }
    fn unsupported(&self) -> Option<String> {
        self.inner.unsupported()
    }
    fn event(&mut self) -> Result<Option<String>, CallError> {
        while let Some(event) = self.inner.event()? {
            if let Some(event) = (self.hooks.event)(event) {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }
    fn states(&self) -> Result<Vec<String>, CallError> {
        self.inner.states()
    }
}
