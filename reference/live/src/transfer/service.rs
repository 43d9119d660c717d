//! The transfer as a service of a host: both ends send, check and close.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use hiatus_codec::HoldTime;
use hiatus_engine::{Backlog, Command, ConnectionId, Event, HiatusState, ListenerId, TcpState};
use hiatus_host::epochs::{States, StatesFound, StoreStatus};
use hiatus_host::event_loop::Wired;
use hiatus_host::machine::{GivenLife, Machine, Returned, Service};
use serde::{Deserialize, Serialize};

use crate::transfer::Line;
use crate::transfer::control::{Control, Word};
use crate::transfer::octets::{Octets, Sender};
use crate::trouble::Trouble;

/// The name of its state in an epoch.
const STATE: &str = "live/transfer";
/// Octets that are read or written in one call.
const CHUNK_OCTETS: usize = 64 * 1024;
/// How often it says how far it is, and writes what its rate allows.
const TICK: Duration = Duration::from_millis(20);

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Address of this end.
    pub(crate) local: IpAddr,
    /// Port to wait on.
    pub(crate) listen: Option<u16>,
    /// Where to connect to otherwise.
    pub(crate) connect: Option<SocketAddr>,
    /// Octets in each direction.
    pub(crate) octets: u64,
    /// What they are made from.
    pub(crate) seed: u64,
    /// Octets in a second that are written at most.
    pub(crate) rate: Option<u64>,
    /// How often the rate counts.
    pub(crate) piece: Duration,
    /// Whether a store makes epochs durable.
    pub(crate) has_store: bool,
}

/// How far it is: what an epoch has of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Place {
    /// The number of the connection in the life that the epoch is of.
    connection: Option<u64>,
    /// Octets given to the connection.
    sent: u64,
    /// Octets taken from it, which were right.
    received: u64,
    /// Whether the own direction is closed.
    is_closed: bool,
    /// Whether the other is.
    is_peer_closed: bool,
    /// Whether Hiatus is on, or it is known that it will not be.
    is_settled: bool,
    /// Whether all is done.
    is_done: bool,
}

/// Which epoch says something that is to be told once it is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// It is not so yet.
    No,
    /// The next epoch will say it.
    Next,
    /// This one does.
    In(u32),
    /// It was told.
    Yes,
}

impl Told {
    fn taken(&mut self, epoch: u32) {
        if *self == Self::Next {
            *self = Self::In(epoch);
        }
    }

    fn is_due(&mut self, durable: u32) -> bool {
        let is_due = matches!(*self, Self::In(epoch) if epoch <= durable);
        if is_due {
            *self = Self::Yes;
        }
        is_due
    }
}

/// A transfer under way.
pub(crate) struct Transfer {
    plan: Plan,
    place: Place,
    connection: Option<ConnectionId>,
    listener: Option<ListenerId>,
    ours: Octets,
    theirs: Octets,
    control: Control,
    begun: Instant,
    /// When it began to write.
    rate_from: Instant,
    /// Octets that were written before this life.
    sent_before: u64,
    ready: Told,
    done: Told,
    store: StoreStatus,
    told: (u64, u64),
    told_at: Instant,
    failure: Option<Trouble>,
    is_ended: bool,
    buffer: Vec<u8>,
}

impl Transfer {
    /// Goes on where `states` stand, or begins.
    pub(crate) fn begin(
        plan: Plan,
        states: &StatesFound,
        returned: &[Returned],
        control: Control,
        begun: Instant,
    ) -> Result<Self, Trouble> {
        let place: Option<Place> =
            match states.get(STATE) {
                Some(octets) => Some(serde_json::from_slice(octets).map_err(|error| {
                    Trouble::unexpected("state of the transfer", "JSON", error.to_string())
                })?),
                None => None,
            };
        let connection = place.and_then(|place| {
            let back = returned.iter().find(|back| Some(back.was) == place.connection)?;
            Some(back.id)
        });
        let (own, other) = match plan.listen {
            Some(_) => (Sender::Listens, Sender::Connects),
            None => (Sender::Connects, Sender::Listens),
        };
        // Numbers of connections change with each life.
        let place = Place { connection: connection.map(ConnectionId::number), ..place.unwrap_or_default() };
        let told = |is_so| if is_so { Told::Yes } else { Told::No };
        Ok(Self {
            plan,
            place,
            connection,
            listener: None,
            ours: Octets::of(plan.seed, own),
            theirs: Octets::of(plan.seed, other),
            control,
            begun,
            rate_from: begun,
            sent_before: place.sent,
            ready: told(place.is_settled),
            done: told(place.is_done),
            store: StoreStatus::Working,
            told: (0, 0),
            told_at: begun,
            failure: None,
            is_ended: false,
            buffer: vec![0; CHUNK_OCTETS],
        })
    }

    /// Says where it stands.
    pub(crate) fn say_started(&self, incarnation: u32, returned: usize, lost: usize) {
        let Place { sent, received, .. } = self.place;
        say(&Line::Started { incarnation, returned, lost, sent, received });
    }

    /// Listens or connects, unless the connection is back.
    pub(crate) fn open(&mut self, machine: &mut Machine) -> Result<(), Trouble> {
        if self.place.is_done {
            say(&Line::Done { received: self.place.received });
        } else if self.connection.is_none() && machine.epochs().incarnation > 0 {
            // Whoever asks for it is told that it is lost.
            self.fail("it is not among those that are back".to_owned());
            return Ok(());
        }
        let refused = |error: String| Trouble::unexpected("connection", "one that opens", error);
        if let Some(port) = self.plan.listen {
            let local = SocketAddr::new(self.plan.local, port);
            let listener =
                machine.listen(local, Backlog::default()).map_err(|error| refused(error.to_string()))?;
            self.listener = Some(listener);
        } else if let (Some(remote), None, false) = (self.plan.connect, self.connection, self.place.is_done) {
            let local = SocketAddr::new(self.plan.local, 0);
            let id = machine.connect(local, remote).map_err(|error| refused(error.to_string()))?;
            self.place = Place { connection: Some(id.number()), ..Place::default() };
            self.connection = Some(id);
        }
        Ok(())
    }

    /// Whether it went as it should.
    pub(crate) fn outcome(self) -> Result<(), Trouble> {
        self.failure.map_or(Ok(()), Err)
    }

    fn fail(&mut self, reason: String) {
        say(&Line::Over { reason: reason.clone() });
        self.failure = Some(Trouble::unexpected("connection", "all octets and an orderly end", reason));
    }

    /// Reads what there is and writes what there is room for.
    fn pump(&mut self, machine: &mut Machine) {
        let Some(id) = self.connection else { return };
        loop {
            let count = machine.read(id, &mut self.buffer);
            let Some(octets) = self.buffer.get(..count).filter(|octets| !octets.is_empty()) else { break };
            if let Some(position) = self.theirs.first_wrong(self.place.received, octets) {
                say(&Line::Wrong { position });
                let (expected, found) = ("the octet of the sender", "another one");
                self.is_ended = true;
                self.failure = Some(Trouble::unexpected(format!("position {position}"), expected, found));
                return;
            }
            self.place.received += u64::try_from(count).unwrap_or_default();
        }
        while self.place.sent < self.allowed() {
            let left = usize::try_from(self.allowed() - self.place.sent).unwrap_or(usize::MAX);
            let Some(chunk) = self.buffer.get_mut(..left.min(CHUNK_OCTETS)) else { break };
            self.ours.fill(self.place.sent, chunk);
            match machine.write(id, chunk) {
                Ok(0) | Err(_) => break,
                Ok(count) => self.place.sent += u64::try_from(count).unwrap_or_default(),
            }
        }
        if self.place.sent == self.plan.octets && !self.place.is_closed {
            self.place.is_closed = machine.command(id, Command::Close).is_ok();
        }
    }

    /// How many octets may have been written by now.
    fn allowed(&self) -> u64 {
        let Some(rate) = self.plan.rate else { return self.plan.octets };
        let millis = u64::try_from(self.rate_from.elapsed().as_millis()).unwrap_or(u64::MAX);
        // In pieces: a capture of many small segments tells no more than one of a few.
        let piece = u64::try_from(self.plan.piece.as_millis()).unwrap_or_default().max(1);
        let millis = millis / piece * piece;
        let by_now = self.sent_before.saturating_add(rate.saturating_mul(millis) / 1000);
        by_now.min(self.plan.octets)
    }

    fn note_end(&mut self, end: Option<String>) {
        let is_whole = self.place.received == self.plan.octets
            && self.place.sent == self.plan.octets
            && self.place.is_peer_closed;
        match end {
            None if !is_whole => {}
            Some(reason) if !is_whole => {
                let Place { sent, received, .. } = self.place;
                self.fail(format!("{reason}, at {sent} sent and {received} received"));
            }
            _ if self.place.is_done => {}
            _ => {
                self.place.is_done = true;
                if self.plan.has_store {
                    self.done = Told::Next;
                } else {
                    say(&Line::Done { received: self.place.received });
                }
            }
        }
    }

    fn settle(&mut self) {
        self.place.is_settled = true;
        if self.ready == Told::No {
            self.ready = Told::Next;
            if !self.plan.has_store {
                say(&Line::Ready);
            }
        }
    }

    fn obey(&mut self, machine: &mut Machine, word: &Word) {
        match *word {
            Word::Suspend => {
                machine.suspend(HoldTime::NONE);
            }
            Word::Stop => machine.stop(),
            Word::Resume => machine.resume(),
            Word::Snapshot => {
                if let Some(epoch) = machine.snapshot(self) {
                    say(&Line::Taken { epoch });
                }
            }
            Word::Durable(epoch) => machine.durable(self, epoch),
            Word::Restored { incarnation, tsval_ceiling } => {
                self.restored(machine, incarnation, tsval_ceiling);
            }
            Word::End => self.is_ended = true,
        }
    }

    fn restored(&mut self, machine: &mut Machine, incarnation: u32, tsval_ceiling: u32) {
        self.begun = Instant::now();
        self.rate_from = self.begun;
        self.sent_before = self.place.sent;
        match machine.restored(Some(GivenLife { incarnation, tsval_ceiling })) {
            Ok((returned, listeners)) => {
                let was = self.place.connection;
                let back = returned.iter().find(|back| Some(back.was) == was);
                self.connection = back.map(|back| back.id);
                self.place.connection = back.map(|back| back.id.number());
                self.listener = listeners.first().copied();
                self.say_started(incarnation, returned.len(), 0);
            }
            Err(error) => self.fail(error.to_string()),
        }
    }

    fn say_progress(&mut self) {
        let Place { received, sent, .. } = self.place;
        if self.told_at.elapsed() >= TICK && self.told != (received, sent) {
            self.told_at = Instant::now();
            self.told = (received, sent);
            say(&Line::Progress { received, sent });
        }
    }
}

impl Service for Transfer {
    fn handle_event(&mut self, machine: &mut Machine, id: ConnectionId, event: Event) {
        if event == Event::Connected {
            self.rate_from = Instant::now();
        }
        if event == Event::Connected
            && let Some(listener) = self.listener
        {
            while let Some(id) = machine.accept(listener) {
                // One that comes again begins anew: its epoch had nothing of the first attempt.
                self.place = Place { connection: Some(id.number()), ..Place::default() };
                self.connection = Some(id);
            }
        }
        if Some(id) != self.connection {
            return;
        }
        match event {
            Event::HiatusOn => self.settle(),
            Event::FellBack { .. } => {
                say(&Line::Plain);
                self.settle();
            }
            Event::Resumed => {
                let micros = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
                say(&Line::Resumed { micros });
            }
            Event::PeerSuspended { .. } | Event::PeerPresumedSuspended { .. } => say(&Line::PeerAway),
            Event::PeerResumed => say(&Line::PeerBack),
            Event::SuspendAcknowledged { .. } => say(&Line::SuspendAcknowledged),
            Event::PeerClosed => self.place.is_peer_closed = true,
            _ => {}
        }
        self.pump(machine);
        if let Event::Closed { reason } = event {
            self.note_end(Some(reason.to_string()));
        }
    }

    fn taken(&mut self, states: &mut States<'_>, epoch: u32) {
        match serde_json::to_vec(&self.place) {
            Ok(octets) => states.put(STATE, &octets),
            Err(error) => self.fail(error.to_string()),
        }
        self.ready.taken(epoch);
        self.done.taken(epoch);
    }

    fn durable(&mut self, _machine: &mut Machine, epoch: u32) {
        if self.ready.is_due(epoch) {
            say(&Line::Ready);
        }
        if self.done.is_due(epoch) {
            say(&Line::Done { received: self.place.received });
        }
    }
}

impl Wired for Transfer {
    fn handle_ready(&mut self, _machine: &mut Machine, _event: &mio::event::Event) {}

    fn handle_round(&mut self, machine: &mut Machine) {
        while let Some(word) = self.control.next() {
            self.obey(machine, &word);
        }
        self.pump(machine);
        let state = self.connection.map(|id| machine.endpoint().state(id));
        // Both directions are over and acknowledged; the connection is only kept.
        if matches!(state, Some(TcpState::TimeWait | TcpState::Linger)) {
            self.note_end(None);
        }
        // One that was never offered Hiatus is not told that it is without.
        let is_plain =
            self.connection.is_some_and(|id| machine.endpoint().hiatus_state(id) == HiatusState::Off);
        if is_plain && state == Some(TcpState::Established) && self.ready == Told::No {
            say(&Line::Plain);
            self.settle();
        }
        let store = machine.epochs().store;
        if store == StoreStatus::Failing && self.store != store {
            say(&Line::StoreFails);
        }
        self.store = store;
        self.say_progress();
    }

    fn patience(&self, _machine: &Machine) -> Option<Duration> {
        (self.plan.rate.is_some() && !self.place.is_done).then_some(TICK)
    }

    fn goes_on(&self) -> bool {
        !self.is_ended
    }
}

/// Says one thing.
pub(crate) fn say(line: &Line) {
    let text = serde_json::to_string(line).unwrap_or_default();
    let mut stdout = std::io::stdout().lock();
    // Who does not listen any longer has ended, and this process with it.
    writeln!(stdout, "{text}").and_then(|()| stdout.flush()).ok();
}
