//! The reference engine as a target, in this process.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hiatus_codec::{ConnectionKey, HoldTime, Nonce, SequenceNumber};
use hiatus_engine::{
    CloseReason, Command, Config, CongestionAlgorithm, Connection, Endpoints, Entropy, Event, FallbackReason,
    HiatusPolicy, HiatusState, KeySource, Nagle, Offer, Sacking, TcpState, Time, Timestamping, answer_stray,
};

use super::{CallError, Received, Setup, StreamEnd, Target};
use crate::record::{BENCH_ADDRESS, TARGET_ADDRESS};
use crate::script;
use crate::seed::Seed;
use crate::wire::OwnedSegment;

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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Durability {
    Taken,
    Durable,
}

/// The last incarnation, a source of nonces, and the highest TSval sent so far.
#[derive(Debug, Clone)]
struct Outside {
    incarnation: u32,
    seed: Seed,
    tsval_ceiling: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Power {
    Running,
    Stopped,
}

impl Reference {
    /// A host with nothing open.
    #[must_use]
    pub fn new(setup: &Setup) -> Self {
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
                local: SocketAddr::new(IpAddr::V4(TARGET_ADDRESS), setup.target_port),
                remote: SocketAddr::new(IpAddr::V4(BENCH_ADDRESS), setup.bench_port),
            },
            entropy,
            power: Power::Running,
            connection: None,
            derived_key: None,
            answers: Vec::new(),
            events: Vec::new(),
            peer_closed: StreamEnd::Open,
            snapshots: BTreeMap::new(),
            outside: Outside { incarnation: 0, seed, tsval_ceiling: 0 },
        }
    }

    fn open(&mut self) -> Result<&mut Connection, CallError> {
        self.connection.as_mut().ok_or_else(|| CallError::Refused("no connection".to_owned()))
    }

    fn command(&mut self, now: Duration, command: Command) -> Result<(), CallError> {
        let result = self.open()?.handle_command(time(now), command);
        self.collect();
        result.map_err(|error| CallError::Refused(error.to_string()))
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

    fn snapshot_taken(&mut self, _now: Duration, epoch: u32) -> Result<(), CallError> {
        let connection = self.open()?.clone();
        let snapshot = Snapshot { connection, peer_closed: self.peer_closed, durability: Durability::Taken };
        self.snapshots.insert(epoch, snapshot);
        Ok(())
    }

    fn snapshot_durable(&mut self, _now: Duration, epoch: u32) -> Result<(), CallError> {
        let snapshot = self.snapshots.get_mut(&epoch);
        let snapshot = snapshot.ok_or_else(|| CallError::Refused(format!("no snapshot {epoch}")))?;
        snapshot.durability = Durability::Durable;
        Ok(())
    }

    fn restore(&mut self, now: Duration, epoch: u32) -> Result<(), CallError> {
        let durable =
            self.snapshots.get(&epoch).filter(|copy| copy.durability == Durability::Durable).cloned();
        let snapshot = durable.ok_or_else(|| CallError::Refused(format!("no durable snapshot {epoch}")))?;
        self.power = Power::Running;
        self.connection = Some(snapshot.connection);
        self.peer_closed = snapshot.peer_closed;
        self.events.clear();
        self.outside.incarnation += 1;
        let restored = Command::Restored {
            incarnation: self.outside.incarnation,
            nonce: Nonce(self.outside.seed.next_u32() | 1),
            tsval_ceiling: self.outside.tsval_ceiling,
        };
        self.command(now, restored)
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
        if self.power == Power::Stopped {
            return;
        }
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
        if self.power == Power::Stopped {
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
        if self.power == Power::Stopped {
            return None;
        }
        self.connection.as_ref()?.poll_timeout().map(|due| Duration::from_micros(due.micros()))
    }

    fn timeout(&mut self, now: Duration) {
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

fn event_name(event: &Event) -> String {
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
