//! The reference as hosts will run it: an endpoint with packets, records of its connections, and what lies outside of all
//! that rolls back.

mod copies;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use hiatus_codec::HoldTime;
use hiatus_conformance::adapter::{Host, Setup};
use hiatus_conformance::packet;
use hiatus_conformance::script::{self, NetworkError};
use hiatus_conformance::target::reference::event_name;
use hiatus_conformance::target::{CallError, Received, StreamEnd, Target};
use hiatus_conformance::wire::OwnedSegment;
use hiatus_engine::{
    Backlog, ChecksumStatus, Command, Config, CongestionAlgorithm, ConnectionId, DEFAULT_RETAINED_OCTETS,
    Endpoint, EndpointLimits, EndpointSecrets, Event, HiatusPolicy, HiatusState, ListenerId, Nagle, Offer,
    Placed, Restoration, Sacking, Sending, TcpState, Time, Timestamping,
};
use hiatus_store::{BeginLifeError, EpochId, Origin, Outside};
use oorandom::Rand64;
use redb::backends::InMemoryBackend;

use copies::{Copy, Durability, Records};

use crate::{MTU_OCTETS, refused, segment_of};

/// A host of the reference.
#[derive(Debug)]
pub struct Reference {
    setup: Setup,
    config: Config,
    /// Kept beyond a crash: connection keys are derived from it (draft, {#keys}).
    host_secret: [u8; 16],
    memory: Memory,
    power: Power,
    copies: BTreeMap<u32, Copy>,
    outside: Outside,
    /// Entropy that does not roll back.
    random: Rand64,
}

/// Everything that a crash takes away, and that the clone of a machine has again.
#[derive(Debug, Clone)]
struct Memory {
    endpoint: Endpoint,
    listener: Option<ListenerId>,
    connection: Option<ConnectionId>,
    records: Records,
    peer_closed: StreamEnd,
    events: VecDeque<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Power {
    Running,
    Stopped,
    /// Up and mute. Its connections are back at `until`, or when `epoch` is durable.
    Restoring {
        epoch: u32,
        until: Duration,
    },
}

/// Whether a host that starts anew had listened, and so does again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    Off,
    Listens,
}

impl Memory {
    fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            listener: None,
            connection: None,
            records: Records::default(),
            peer_closed: StreamEnd::Open,
            events: VecDeque::new(),
        }
    }

    /// Takes what the endpoint has to tell.
    fn collect(&mut self) {
        while let Some((id, event)) = self.endpoint.poll_event() {
            if event == Event::Connected && self.connection != Some(id) {
                self.accept();
            }
            if event == Event::PeerClosed {
                self.peer_closed = StreamEnd::Closed;
            }
            // Of RFC 9293 alone; scripts name events of the draft.
            if !matches!(event, Event::Unanswered | Event::NetworkError { .. }) {
                self.events.push_back(event_name(&event));
            }
        }
    }

    fn accept(&mut self) {
        let accepted = self.listener.and_then(|listener| self.endpoint.accept(listener));
        if accepted.is_some() {
            self.connection = accepted;
            self.peer_closed = StreamEnd::Open;
        }
    }
}

impl Reference {
    /// A host with nothing open.
    ///
    /// # Errors
    ///
    /// [`CallError::Unsupported`]: it cannot be as asked.
    pub fn new(setup: &Setup) -> Result<Self, CallError> {
        let mut random = Rand64::new(u128::from(setup.seed));
        let host_secret = draw(&mut random);
        let outside = Outside::create_on(InMemoryBackend::new())
            .map_err(|error| CallError::Refused(error.to_string()))?;
        let secrets = EndpointSecrets { host: host_secret, instance: draw(&mut random) };
        Ok(Self {
            config: config(setup),
            setup: setup.clone(),
            host_secret,
            memory: Memory::new(Endpoint::new(secrets, EndpointLimits::default())),
            power: Power::Running,
            copies: BTreeMap::new(),
            outside,
            random,
        })
    }

    fn secrets(&mut self) -> EndpointSecrets {
        EndpointSecrets { host: self.host_secret, instance: draw(&mut self.random) }
    }

    fn service(&self) -> Service {
        if self.memory.listener.is_some() { Service::Listens } else { Service::Off }
    }

    fn serve(&mut self) -> Result<(), CallError> {
        let listening = self.memory.endpoint.listen(self.setup.local, self.config, Backlog::default());
        self.memory.listener = Some(listening.map_err(refused)?);
        Ok(())
    }

    /// The machine starts with `endpoint`, and so does the service that it had.
    fn boot(&mut self, endpoint: Endpoint, service: Service) -> Result<(), CallError> {
        self.memory = Memory::new(endpoint);
        if service == Service::Listens { self.serve() } else { Ok(()) }
    }

    fn command(&mut self, now: Duration, command: Command) -> Result<(), CallError> {
        let id = self.open()?;
        let result = self.memory.endpoint.command(time(now), id, command).map_err(refused);
        self.memory.collect();
        result
    }

    fn open(&self) -> Result<ConnectionId, CallError> {
        self.memory.connection.ok_or_else(|| CallError::Refused("no connection".to_owned()))
    }

    /// Whether an application would have to wait for somebody to connect.
    fn awaits_connection(&self) -> bool {
        self.memory.connection.is_none() && self.service() == Service::Listens
    }

    /// Ends the connection by `command`; a listener that nobody has connected to listens no longer.
    fn end(&mut self, now: Duration, command: Command) -> Result<(), CallError> {
        if self.memory.connection.is_none()
            && let Some(listener) = self.memory.listener.take()
        {
            self.memory.endpoint.unlisten(time(now), listener);
            self.memory.collect();
            return Ok(());
        }
        self.command(now, command)
    }

    /// Ends a restore that is due.
    fn go_on_restoring(&mut self, now: Duration) -> Result<(), CallError> {
        let Power::Restoring { epoch, until } = self.power else { return Ok(()) };
        //= draft#restoring
        //# A restored host MUST NOT send RESUME before the epoch that it was
        //# restored to is DURABLE.
        let durable = self.copies.get(&epoch).filter(|copy| copy.durability == Durability::Durable);
        let Some(copy) = durable.filter(|_| now >= until).cloned() else { return Ok(()) };
        self.power = Power::Running;
        let service = self.service();
        let secrets = self.secrets();
        let life = match self.outside.begin_life(Origin::Restored(copy.id)) {
            Ok(life) => life,
            //= draft#restoring
            //# A host MUST treat its connections as lost when it is restored to an
            //# epoch that is not on its line.
            Err(BeginLifeError::OffLine(_)) => {
                let _ = self.outside.begin_life(Origin::Nothing).map_err(refused)?;
                return self.boot(Endpoint::new(secrets, EndpointLimits::default()), service);
            }
            Err(error) => return Err(refused(error)),
        };
        let restoration = Restoration {
            incarnation: life.incarnation,
            instance: secrets.instance,
            tsval_ceiling: life.tsval_ceiling,
            taken: copy.taken,
        };
        let config = self.config;
        let records = copy.memory.records.octets().map(|octets| (&config, octets));
        let mut kept = None;
        let note = |placed| {
            if let Placed::Kept(id) = placed {
                kept = Some(id);
            }
        };
        self.memory.endpoint.restore(time(now), &restoration, records, note).map_err(refused)?;
        self.memory.connection = kept;
        self.memory.peer_closed = copy.memory.peer_closed;
        self.memory.collect();
        Ok(())
    }

    fn names(&self) -> Vec<String> {
        let endpoint = &self.memory.endpoint;
        let Some(id) = self.memory.connection else {
            let state = match self.service() {
                // What is there and was not accepted has not had the third segment of its handshake.
                Service::Listens if endpoint.connections() > 0 => TcpState::SynReceived,
                Service::Listens => TcpState::Listen,
                Service::Off => TcpState::Closed,
            };
            return vec![state.to_string().to_lowercase()];
        };
        let hiatus = match endpoint.hiatus_state(id) {
            HiatusState::Off => "plain",
            HiatusState::Negotiating => "negotiating",
            HiatusState::On => "hiatus-on",
        };
        vec![
            endpoint.state(id).to_string().to_lowercase(),
            hiatus.to_owned(),
            format!("self-{}", endpoint.self_state(id)).to_lowercase(),
            format!("peer-{}", endpoint.peer_state(id)).to_lowercase(),
        ]
    }
}

impl Target for Reference {
    fn listen(&mut self, _now: Duration) -> Result<(), CallError> {
        // A service that came up again with its host listens already.
        if self.service() == Service::Listens { Ok(()) } else { self.serve() }
    }

    fn connect(&mut self, now: Duration) -> Result<(), CallError> {
        let Setup { local, remote, .. } = self.setup;
        let opened = self.memory.endpoint.connect(time(now), local, remote, self.config);
        self.memory.connection = Some(opened.map_err(refused)?);
        Ok(())
    }

    fn write(&mut self, now: Duration, octets: &[u8]) -> Result<usize, CallError> {
        if self.awaits_connection() {
            return Ok(0);
        }
        let id = self.open()?;
        let taken = self.memory.endpoint.write(time(now), id, octets).map_err(refused);
        self.memory.collect();
        taken
    }

    fn read(&mut self, now: Duration, room: usize) -> Result<Received, CallError> {
        let id = self.open()?;
        let endpoint = &mut self.memory.endpoint;
        // What comes is far less than what a bench may have room for.
        let mut octets = vec![0; room.min(endpoint.readable_octets(id))];
        let count = endpoint.read(time(now), id, &mut octets);
        octets.truncate(count);
        let left = endpoint.readable_octets(id);
        self.memory.collect();
        let end = if left == 0 { self.memory.peer_closed } else { StreamEnd::Open };
        Ok(Received { octets, end })
    }

    fn close(&mut self, now: Duration) -> Result<(), CallError> {
        self.end(now, Command::Close)
    }

    fn abort(&mut self, now: Duration) -> Result<(), CallError> {
        self.end(now, Command::Abort)
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
        let Memory { endpoint, records, .. } = &mut self.memory;
        records.take(endpoint, time(now), epoch);
        let id = EpochId { incarnation: self.outside.incarnation(), number: epoch };
        self.memory.collect();
        let copy = Copy { memory: self.memory.clone(), taken: time(now), id, durability: Durability::Taken };
        self.copies.insert(epoch, copy);
        Ok(())
    }

    fn snapshot_durable(&mut self, now: Duration, epoch: u32) -> Result<(), CallError> {
        let copy = self.copies.get_mut(&epoch).ok_or_else(|| no_copy(epoch))?;
        copy.durability = Durability::Durable;
        //= draft#restoring
        //# An epoch TAKEN in an earlier incarnation that becomes
        //# DURABLE only now is not reported and releases nothing.
        if self.power == Power::Running && copy.id.incarnation == self.outside.incarnation() {
            self.memory.endpoint.snapshot_durable(time(now), epoch);
            self.memory.collect();
        }
        self.go_on_restoring(now)
    }

    fn crash(&mut self, _now: Duration) -> Result<(), CallError> {
        self.power = Power::Running;
        let (service, secrets) = (self.service(), self.secrets());
        self.boot(Endpoint::new(secrets, EndpointLimits::default()), service)
    }

    fn restore(&mut self, now: Duration, epoch: u32, lasts: Duration) -> Result<(), CallError> {
        if !self.copies.contains_key(&epoch) {
            return Err(no_copy(epoch));
        }
        let (service, secrets) = (self.service(), self.secrets());
        self.boot(Endpoint::restoring(secrets, EndpointLimits::default()), service)?;
        self.power = Power::Restoring { epoch, until: now + lasts };
        self.go_on_restoring(now)
    }

    fn rewind(&mut self, _now: Duration, epoch: u32) -> Result<(), CallError> {
        let copy = self.copies.get(&epoch).ok_or_else(|| no_copy(epoch))?;
        self.memory = copy.memory.clone();
        self.memory.events.clear();
        Ok(())
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
        let (local, remote) = (self.setup.local.ip(), self.setup.remote.ip());
        let octets = packet::of_network_error(remote, local, error, quoted).map_err(refused)?;
        self.arrives(now, &octets);
        Ok(())
    }

    fn deliver(&mut self, now: Duration, segment: &OwnedSegment) {
        let (local, remote) = (self.setup.local.ip(), self.setup.remote.ip());
        if let Ok(octets) = packet::of_segment(remote, local, segment) {
            self.arrives(now, &octets);
        }
    }

    fn transmit(&mut self, now: Duration) -> Option<OwnedSegment> {
        segment_of(&self.leaves(now)?)
    }

    fn next_timeout(&self) -> Option<Duration> {
        match self.power {
            Power::Running => {
                self.memory.endpoint.poll_timeout().map(|due| Duration::from_micros(due.micros()))
            }
            Power::Restoring { epoch, until } => {
                let copy = self.copies.get(&epoch);
                copy.filter(|copy| copy.durability == Durability::Durable).map(|_| until)
            }
            Power::Stopped => None,
        }
    }

    fn timeout(&mut self, now: Duration) {
        // A host that cannot be restored has no connections, as after a crash.
        let _ = self.go_on_restoring(now);
        if self.power == Power::Running {
            self.memory.endpoint.handle_timeout(time(now));
            self.memory.collect();
        }
    }

    fn event(&mut self) -> Result<Option<String>, CallError> {
        Ok(self.memory.events.pop_front())
    }

    fn states(&self) -> Result<Vec<String>, CallError> {
        Ok(self.names())
    }
}

impl Host for Reference {
    fn target(&mut self) -> &mut dyn Target {
        self
    }

    fn arrives(&mut self, now: Duration, octets: &[u8]) {
        if self.power != Power::Stopped {
            self.memory.endpoint.handle_packet(time(now), octets, ChecksumStatus::ToVerify);
            self.memory.collect();
        }
    }

    fn leaves(&mut self, now: Duration) -> Option<Vec<u8>> {
        if self.power == Power::Stopped {
            return None;
        }
        // What leaves has no timestamp above what is kept; what cannot be kept does not leave.
        self.outside.raise_tsval_ceiling(self.memory.endpoint.timestamp_clock(time(now))).ok()?;
        let mut buffer = vec![0; usize::from(MTU_OCTETS)];
        let packet = self.memory.endpoint.poll_packet(time(now), &mut buffer)?;
        self.memory.collect();
        buffer.truncate(packet.len_octets);
        Some(buffer)
    }
}

/// The settings of the reference in the bench's own process: scripts say which octets they expect, so there is no option
/// that they do not name, and an ACK for each segment.
fn config(setup: &Setup) -> Config {
    let asked = setup.for_target().options;
    Config {
        window_scale: None,
        nagle: Nagle::Off,
        timestamps: match asked.timestamps {
            script::Timestamping::On => Timestamping::On,
            script::Timestamping::Off => Timestamping::Off,
        },
        sending: sending(asked.sending),
        retained_octets_max: asked.retained_octets_max.unwrap_or(DEFAULT_RETAINED_OCTETS),
        hiatus: match asked.hiatus {
            Some((bits, hold)) => HiatusPolicy::On(Offer { bits, hold }),
            None => HiatusPolicy::Off,
        },
        sack: Sacking::Off,
        delayed_ack: None,
        congestion: CongestionAlgorithm::NewReno,
        ..Config::default()
    }
}

fn sending(wanted: script::Sending) -> Sending {
    match wanted {
        script::Sending::Unheld => Sending::Unheld,
        script::Sending::HoldSend => Sending::HoldSend,
    }
}

fn draw(random: &mut Rand64) -> [u8; 16] {
    ((u128::from(random.rand_u64()) << 64) | u128::from(random.rand_u64())).to_be_bytes()
}

fn no_copy(epoch: u32) -> CallError {
    CallError::Refused(format!("no snapshot {epoch}"))
}

fn time(now: Duration) -> Time {
    Time(u64::try_from(now.as_micros()).unwrap_or(u64::MAX))
}
