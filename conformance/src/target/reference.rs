//! The reference engine as a target, in this process: one connection, and the host around it that saves and restores it.

mod line;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use hiatus_codec::{AbortReason, ConnectionKey, HoldTime, Nonce, SequenceNumber};
use hiatus_engine::{
    CloseReason, Command, Config, CongestionAlgorithm, Connection, DEFAULT_RETAINED_OCTETS, Endpoints,
    Entropy, Event, FallbackReason, HiatusPolicy, HiatusState, IcmpError, IcmpErrorKind, KeySource, Nagle,
    Offer, Sacking, Sending, TcpState, Time, Timestamping, answer_stray,
};

use line::{Line, Place};

use super::{CallError, Received, Setup, StreamEnd, Target};
use crate::record::address;
use crate::script::{self, NetworkError};
use crate::seed::Seed;
use crate::wire::{OwnedSegment, Side};

/// Room for the longest segment: header, options, and data of a 1460-octet MSS.
const SEGMENT_LEN_OCTETS_MAX: usize = 2048;
/// The shift of the target's windows: 0, so that windows in scripts are octets.
const WINDOW_SCALE: Option<u8> = None;

/// A host that runs one [`Connection`].
#[derive(Debug, Clone)]
pub struct Reference {
    config: Config,
    endpoints: Endpoints,
    entropy: Entropy,
    power: Power,
    connection: Option<Connection>,
    /// A host that listened can derive its key again; one that connected drew it (draft, {#keys}).
    derived_key: Option<ConnectionKey>,
    succession: Succession,
    /// Answers to segments that met no connection.
    answers: Vec<OwnedSegment>,
    events: Vec<Event>,
    peer_closed: StreamEnd,
    snapshots: BTreeMap<u32, Snapshot>,
    /// What no restore brings back.
    outside: Outside,
}

/// A copy of the host's state; it can be restored once it is durable.
#[derive(Debug, Clone)]
struct Snapshot {
    connection: Connection,
    peer_closed: StreamEnd,
    durability: Durability,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Durability {
    Taken,
    Durable,
}

/// The incarnations and what they began with, a source of nonces, and the highest TSval sent so far.
#[derive(Debug, Clone)]
struct Outside {
    line: Line,
    seed: Seed,
    tsval_ceiling: u32,
}

/// Whether another instance of this host has taken the connection over (draft, {#ending}).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Succession {
    None,
    Fenced,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Power {
    Running,
    Stopped,
    /// Up, with its connections still to be restored from `epoch`; that is done at `until`, or when the epoch is durable.
    Restoring {
        epoch: u32,
        until: Duration,
    },
}

impl Reference {
    /// A host with nothing open.
    #[must_use]
    pub fn new(setup: &Setup) -> Self {
        let ip = setup.options.ip;
        let mut seed = Seed::new(setup.seed);
        let entropy = Entropy {
            isn: SequenceNumber(seed.next_u32()),
            connection_key: ConnectionKey(seed.next_u64().to_be_bytes()),
            key_source: KeySource::Drawn,
            nonce: Nonce(seed.next_u32() | 1),
            timestamp_offset: seed.next_u32() >> 8,
        };
        let config = Config {
            window_scale: WINDOW_SCALE,
            nagle: Nagle::Off,
            timestamps: match setup.options.timestamps {
                script::Timestamping::On => Timestamping::On,
                script::Timestamping::Off => Timestamping::Off,
            },
            sending: sending(setup.options.sending),
            retained_octets_max: setup.options.retained_octets_max.unwrap_or(DEFAULT_RETAINED_OCTETS),
            hiatus: match setup.options.hiatus {
                Some((bits, hold)) => HiatusPolicy::On(Offer { bits, hold }),
                None => HiatusPolicy::Off,
            },
            // Scripts say which octets they expect: no option that they do not name, an ACK for each segment.
            sack: Sacking::Off,
            delayed_ack: None,
            congestion: CongestionAlgorithm::NewReno,
            ..Config::default()
        };
        Self {
            config,
            endpoints: Endpoints {
                local: SocketAddr::new(address(ip, Side::Target), setup.target_port),
                remote: SocketAddr::new(address(ip, Side::Bench), setup.bench_port),
            },
            entropy,
            power: Power::Running,
            connection: None,
            derived_key: None,
            succession: Succession::None,
            answers: Vec::new(),
            events: Vec::new(),
            peer_closed: StreamEnd::Open,
            snapshots: BTreeMap::new(),
            outside: Outside { line: Line::default(), seed, tsval_ceiling: 0 },
        }
    }

    /// A host that listens makes a connection of a SYN in place of one that only waits for its end (RFC 9293, section
    /// 3.6.1, MAY-2).
    fn make_room_for(&mut self, segment: &OwnedSegment) {
        let Some(old) = self.connection.as_ref().filter(|_| self.derived_key.is_some()) else { return };
        if !old.may_be_replaced_by(&segment.view()) {
            return;
        }
        let isn = old.iss_min().unwrap_or(self.entropy.isn);
        let entropy = Entropy { isn, key_source: KeySource::Derived, ..self.entropy };
        let mut connection = Connection::listen(self.config, self.endpoints.local, entropy);
        connection.bind_remote(self.endpoints.remote);
        self.connection = Some(connection);
        self.peer_closed = StreamEnd::Open;
    }

    /// The same with a rule of the engine broken.
    #[cfg(feature = "mutants")]
    #[must_use]
    pub fn broken(setup: &Setup, rule: hiatus_engine::Rule) -> Self {
        let sound = Self::new(setup);
        Self { config: Config { broken: Some(rule), ..sound.config }, ..sound }
    }

    fn open(&mut self) -> Result<&mut Connection, CallError> {
        self.connection.as_mut().ok_or_else(|| CallError::Refused("no connection".to_owned()))
    }

    fn command(&mut self, now: Duration, command: Command) -> Result<(), CallError> {
        let result = self.open()?.handle_command(time(now), command);
        self.collect();
        result.map_err(|error| CallError::Refused(error.to_string()))
    }

    /// Ends a restore that is due: the connection is there again, in a new incarnation.
    fn go_on_restoring(&mut self, now: Duration) -> Result<(), CallError> {
        let Power::Restoring { epoch, until } = self.power else { return Ok(()) };
        //= draft#restoring
        //# A restored host MUST NOT send RESUME before the epoch that it was
        //# restored to is DURABLE.
        let durable = self.snapshots.get(&epoch).filter(|copy| copy.durability == Durability::Durable);
        let Some(snapshot) = durable.filter(|_| now >= until).cloned() else { return Ok(()) };
        let is_on_line = self.outside.line.has(snapshot.place);
        let incarnation = self.outside.line.begin(snapshot.place);
        let nonce = Nonce(self.outside.seed.next_u32() | 1);
        self.power = Power::Running;
        //= draft#restoring
        //# A host MUST treat its connections as lost when it is restored to an
        //# epoch that is not on its line.
        if !is_on_line || !self.survives(now, &snapshot.connection) {
            return Ok(());
        }
        self.connection = Some(snapshot.connection);
        self.peer_closed = snapshot.peer_closed;
        let tsval_ceiling = self.outside.tsval_ceiling;
        self.command(now, Command::Restored { incarnation, nonce, tsval_ceiling })
    }

    //= draft#lives
    //# A host that has been restored has lost every connection on which it has
    //# not sent N, or N counts as S for want of timestamps
    /// Whether `saved` may come back with an older state; what is plain TCP may not either.
    fn survives(&self, now: Duration, saved: &Connection) -> bool {
        let offers_older =
            matches!(self.config.hiatus, HiatusPolicy::On(offer) if offer.bits.may_return_older());
        let has_timestamps = saved.timestamp_clock_ticks(time(now)).is_some();
        offers_older && has_timestamps && saved.hiatus_state() == HiatusState::On
    }

    fn collect(&mut self) {
        let Some(connection) = self.connection.as_mut() else { return };
        while let Some(event) = connection.poll_event() {
            // Of RFC 9293 alone; scripts name events of the draft.
            if matches!(event, Event::Unanswered | Event::NetworkError { .. }) {
                continue;
            }
            if event == Event::PeerClosed {
                self.peer_closed = StreamEnd::Closed;
            }
            //= draft#ending
            //# A host that was fenced answers no segment of that connection
            let fenced = CloseReason::AbortedByPeer(AbortReason::FENCED);
            if event == (Event::Closed { reason: fenced }) {
                self.succession = Succession::Fenced;
            }
            self.events.push(event);
        }
    }
}

impl Target for Reference {
    fn listen(&mut self, _now: Duration) -> Result<(), CallError> {
        let entropy = Entropy { key_source: KeySource::Derived, ..self.entropy };
        let mut connection = Connection::listen(self.config, self.endpoints.local, entropy);
        connection.bind_remote(self.endpoints.remote);
        self.connection = Some(connection);
        self.derived_key = Some(self.entropy.connection_key);
        Ok(())
    }

    fn connect(&mut self, now: Duration) -> Result<(), CallError> {
        self.connection = Some(Connection::connect(time(now), self.config, self.endpoints, self.entropy));
        Ok(())
    }

    fn write(&mut self, now: Duration, octets: &[u8]) -> Result<usize, CallError> {
        let result = self.open()?.write(time(now), octets);
        self.collect();
        result.map_err(|error| CallError::Refused(error.to_string()))
    }

    fn read(&mut self, _now: Duration, room: usize) -> Result<Received, CallError> {
        let mut octets = vec![0; room];
        let taken = self.open()?.read(&mut octets);
        octets.truncate(taken);
        self.collect();
        let left = self.connection.as_ref().map_or(0, Connection::readable_octets);
        let end = if left == 0 { self.peer_closed } else { StreamEnd::Open };
        Ok(Received { octets, end })
    }

    fn close(&mut self, now: Duration) -> Result<(), CallError> {
        self.command(now, Command::Close)
    }

    fn abort(&mut self, now: Duration) -> Result<(), CallError> {
        self.command(now, Command::Abort)
    }

    fn suspend(&mut self, now: Duration, expected_absence: HoldTime) -> Result<(), CallError> {
        self.command(now, Command::Suspend { expected_absence })
    }

    fn stop(&mut self, _now: Duration) -> Result<(), CallError> {
        self.power = Power::Stopped;
        Ok(())
    }

    fn resume(&mut self, now: Duration) -> Result<(), CallError> {
        self.power = Power::Running;
        self.command(now, Command::Resume)
    }

    fn snapshot_taken(&mut self, now: Duration, epoch: u32) -> Result<(), CallError> {
        self.command(now, Command::SnapshotTaken { epoch })?;
        let connection = self.open()?.clone();
        let place = self.outside.line.take();
        let snapshot =
            Snapshot { connection, peer_closed: self.peer_closed, durability: Durability::Taken, place };
        self.snapshots.insert(epoch, snapshot);
        Ok(())
    }

    fn snapshot_durable(&mut self, now: Duration, epoch: u32) -> Result<(), CallError> {
        let snapshot = self.snapshots.get_mut(&epoch);
        let snapshot = snapshot.ok_or_else(|| CallError::Refused(format!("no snapshot {epoch}")))?;
        snapshot.durability = Durability::Durable;
        //= draft#restoring
        //# An epoch TAKEN in an earlier incarnation that becomes
        //# DURABLE only now is not reported and releases nothing.
        if self.power == Power::Running && self.outside.line.is_of_now(snapshot.place) {
            return self.command(now, Command::SnapshotDurable { epoch });
        }
        self.go_on_restoring(now)
    }

    fn restore(&mut self, now: Duration, epoch: u32, lasts: Duration) -> Result<(), CallError> {
        if !self.snapshots.contains_key(&epoch) {
            return Err(CallError::Refused(format!("no snapshot {epoch}")));
        }
        self.power = Power::Restoring { epoch, until: now + lasts };
        self.succession = Succession::None;
        self.connection = None;
        self.answers.clear();
        self.events.clear();
        self.go_on_restoring(now)
    }

    fn hold_send(&mut self, now: Duration, wanted: script::Sending) -> Result<(), CallError> {
        self.command(now, Command::SetSending(sending(wanted)))
    }

    fn network_error(
        &mut self,
        now: Duration,
        error: NetworkError,
        quoted: &OwnedSegment,
    ) -> Result<(), CallError> {
        let kind = match error {
            NetworkError::HostUnreachable => IcmpErrorKind::HostUnreachable,
            NetworkError::ProtocolUnreachable => IcmpErrorKind::ProtocolUnreachable,
            NetworkError::PortUnreachable => IcmpErrorKind::PortUnreachable,
        };
        if self.power == Power::Running
            && let Some(connection) = self.connection.as_mut()
        {
            connection.handle_icmp(time(now), &IcmpError { kind, quoted_seq: quoted.seq });
            self.collect();
        }
        Ok(())
    }

    fn rewind(&mut self, _now: Duration, epoch: u32) -> Result<(), CallError> {
        let snapshot = self.snapshots.get(&epoch).cloned();
        let snapshot = snapshot.ok_or_else(|| CallError::Refused(format!("no snapshot {epoch}")))?;
        self.connection = Some(snapshot.connection);
        self.peer_closed = snapshot.peer_closed;
        self.events.clear();
        Ok(())
    }

    fn crash(&mut self, _now: Duration) -> Result<(), CallError> {
        self.power = Power::Running;
        self.connection = None;
        self.events.clear();
        Ok(())
    }

    fn fork(&self) -> Result<Box<dyn Target>, CallError> {
        Ok(Box::new(self.clone()))
    }

    fn deliver(&mut self, now: Duration, segment: &OwnedSegment) {
        //= draft#restoring
        //# A host MUST NOT send any segment on a saved connection before all its
        //# saved connections are restored.
        if self.power != Power::Running || self.succession == Succession::Fenced {
            return;
        }
        self.make_room_for(segment);
        let mut buffer = [0; SEGMENT_LEN_OCTETS_MAX];
        let over = self.connection.as_ref().is_none_or(|connection| connection.state() == TcpState::Closed);
        let answer = match self.connection.as_mut() {
            Some(connection) => {
                connection.handle_segment(time(now), &segment.view());
                // A connection that ended by ABORT still answers (draft, {#ending}).
                over.then(|| connection.poll_transmit(time(now), &mut buffer)).flatten()
            }
            None => None,
        };
        // As long as it does, nobody speaks in its place.
        let is_stray = over && self.connection.as_ref().is_none_or(|dead| dead.poll_timeout().is_none());
        let answer = answer.map(|answer| OwnedSegment::from(&answer)).or_else(|| {
            let mut buffer = [0; SEGMENT_LEN_OCTETS_MAX];
            let answer =
                is_stray.then(|| answer_stray(&segment.view(), self.derived_key, &mut buffer)).flatten();
            answer.map(|answer| OwnedSegment::from(&answer))
        });
        self.answers.extend(answer);
        self.collect();
    }

    fn transmit(&mut self, now: Duration) -> Option<OwnedSegment> {
        if self.power != Power::Running {
            return None;
        }
        if !self.answers.is_empty() {
            return Some(self.answers.remove(0));
        }
        let mut buffer = [0; SEGMENT_LEN_OCTETS_MAX];
        let connection = self.connection.as_mut()?;
        let segment =
            connection.poll_transmit(time(now), &mut buffer).map(|segment| OwnedSegment::from(&segment));
        self.collect();
        let clock_ticks = self.connection.as_ref()?.timestamp_clock_ticks(time(now)).unwrap_or(0);
        if segment.is_some() {
            self.outside.tsval_ceiling = self.outside.tsval_ceiling.max(clock_ticks);
        }
        segment
    }

    fn next_timeout(&self) -> Option<Duration> {
        match self.power {
            Power::Running => {}
            Power::Restoring { epoch, until } => {
                let copy = self.snapshots.get(&epoch);
                return copy.filter(|copy| copy.durability == Durability::Durable).map(|_| until);
            }
            Power::Stopped => return None,
        }
        self.connection.as_ref()?.poll_timeout().map(|due| Duration::from_micros(due.micros()))
    }

    fn timeout(&mut self, now: Duration) {
        // A connection that refuses to be restored is over, and says so by its events.
        let _ = self.go_on_restoring(now);
        if self.power == Power::Running
            && let Some(connection) = self.connection.as_mut()
        {
            connection.handle_timeout(time(now));
            self.collect();
        }
    }

    fn event(&mut self) -> Result<Option<String>, CallError> {
        if self.events.is_empty() {
            return Ok(None);
        }
        Ok(Some(event_name(&self.events.remove(0))))
    }

    fn states(&self) -> Result<Vec<String>, CallError> {
        let Some(connection) = self.connection.as_ref() else { return Ok(vec!["closed".to_owned()]) };
        let hiatus = match connection.hiatus_state() {
            HiatusState::Off => "plain",
            HiatusState::Negotiating => "negotiating",
            HiatusState::On => "hiatus-on",
        };
        Ok(vec![
            connection.state().to_string().to_lowercase(),
            hiatus.to_owned(),
            format!("self-{}", connection.self_state()).to_lowercase(),
            format!("peer-{}", connection.peer_state()).to_lowercase(),
        ])
    }
}

/// The engine counts microseconds; scripts are no finer.
fn time(now: Duration) -> Time {
    Time(u64::try_from(now.as_micros()).unwrap_or(u64::MAX))
}

fn sending(wanted: script::Sending) -> Sending {
    match wanted {
        script::Sending::Unheld => Sending::Unheld,
        script::Sending::HoldSend => Sending::HoldSend,
    }
}

/// What scripts call an event; `other` for one that they have no name for.
#[must_use]
pub fn event_name(event: &Event) -> String {
    match event {
        Event::Connected => "connected".to_owned(),
        Event::HiatusOn => "hiatus-on".to_owned(),
        Event::FellBack { reason } => format!("fell-back-{}", fallback_name(*reason)),
        Event::PeerSuspended { .. } => "peer-suspended".to_owned(),
        Event::PeerPresumedSuspended { .. } => "peer-presumed-suspended".to_owned(),
        Event::PeerResumed => "peer-resumed".to_owned(),
        Event::SuspendAcknowledged { .. } => "suspend-acknowledged".to_owned(),
        Event::Resumed => "resumed".to_owned(),
        Event::Readable => "readable".to_owned(),
        Event::Writable => "writable".to_owned(),
        Event::PeerClosed => "peer-closed".to_owned(),
        Event::Shed => "shed".to_owned(),
        Event::Lingering { .. } => "lingering".to_owned(),
        Event::Closed { reason } => format!("closed-{}", close_name(*reason)),
        _ => "other".to_owned(),
    }
}

fn fallback_name(reason: FallbackReason) -> &'static str {
    match reason {
        FallbackReason::NotOffered => "not-offered",
        FallbackReason::SimultaneousOpen => "simultaneous-open",
        FallbackReason::CapableStripped => "capable-stripped",
        FallbackReason::NoEpoch => "no-epoch",
        FallbackReason::NoEcho => "no-echo",
        FallbackReason::ResumeMetPlain => "resume-met-plain",
        _ => "other",
    }
}

fn close_name(reason: CloseReason) -> String {
    match reason {
        CloseReason::AbortedByPeer(reason) => format!("aborted-by-peer-{reason}"),
        CloseReason::AbortedHere(reason) => format!("aborted-here-{reason}"),
        CloseReason::Finished => "finished".to_owned(),
        CloseReason::Aborted => "aborted".to_owned(),
        CloseReason::Reset => "reset".to_owned(),
        CloseReason::Refused => "refused".to_owned(),
        CloseReason::PeerHasNoState => "peer-has-no-state".to_owned(),
        CloseReason::NoAnswer => "no-answer".to_owned(),
        CloseReason::PeerIsPlain => "peer-is-plain".to_owned(),
        CloseReason::Unreachable(_) => "unreachable".to_owned(),
        CloseReason::HoldOver => "hold-over".to_owned(),
        _ => "other".to_owned(),
    }
}
