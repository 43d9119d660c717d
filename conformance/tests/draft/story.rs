//! The worked connection: two engines, ten milliseconds apart, and nothing random.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hiatus_codec::{CapableBits, ConnectionKey, HoldTime, Nonce, Segment, SequenceNumber};
use hiatus_conformance::record::{BENCH_ADDRESS, CONNECT_PORT, LISTEN_PORT, TARGET_ADDRESS};
use hiatus_conformance::wire::{OwnedSegment, Side};
use hiatus_engine::{
    Command, Config, Connection, Endpoints, Entropy, HiatusPolicy, HiatusState, KeySource, Offer, PeerState,
    Sacking, SelfState, TcpState, Time,
};

/// The end that opens the connection and goes away.
pub(crate) const INITIATOR: Side = Side::Bench;
pub(crate) const RESPONDER: Side = Side::Target;
/// Those of the test vectors, so that K is theirs too.
pub(crate) const INITIATOR_KEY: ConnectionKey =
    ConnectionKey([0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7]);
pub(crate) const RESPONDER_KEY: ConnectionKey =
    ConnectionKey([0xb0, 0xb1, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7]);
pub(crate) const INITIATOR_ISN: SequenceNumber = SequenceNumber(0x1020_3040);
/// Its sequence numbers pass 2^32, its positions do not care.
pub(crate) const RESPONDER_ISN: SequenceNumber = SequenceNumber(0xffff_fffc);
const ONE_WAY: Duration = Duration::from_millis(10);
/// Longest segment here: header, options, a word of data.
const SEGMENT_LEN_OCTETS_MAX: usize = 128;

/// A segment as it left.
pub(crate) struct Sent {
    pub(crate) at: Time,
    pub(crate) from: Side,
    pub(crate) segment: OwnedSegment,
}

/// The parts of the story, and the segments of each.
pub(crate) struct Story {
    pub(crate) parts: Vec<(Part, Vec<Sent>)>,
}

/// What is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Handshake,
    Data,
    Leaving,
    Return,
    Close,
}

struct World {
    now: Time,
    initiator: Connection,
    responder: Connection,
    story: Story,
}

/// The whole connection.
pub(crate) fn told() -> Story {
    let mut world = World::new();
    world.handshake();
    world.data();
    world.leaving();
    world.comes_back();
    world.close();
    world.story
}

fn config(hold_seconds: u32) -> Config {
    let offer = Offer {
        bits: CapableBits::new(CapableBits::VERSION).with_silent(),
        hold: HoldTime::from_seconds(hold_seconds),
    };
    Config { hiatus: HiatusPolicy::On(offer), sack: Sacking::Off, delayed_ack: None, ..Config::default() }
}

impl World {
    fn new() -> Self {
        let initiator = SocketAddr::new(IpAddr::V4(BENCH_ADDRESS), CONNECT_PORT);
        let responder = SocketAddr::new(IpAddr::V4(TARGET_ADDRESS), LISTEN_PORT);
        let entropy = |isn, connection_key, nonce, timestamp_offset| Entropy {
            isn,
            connection_key,
            key_source: KeySource::Drawn,
            nonce: Nonce(nonce),
            timestamp_offset,
        };
        let of_initiator = entropy(INITIATOR_ISN, INITIATOR_KEY, 0x89ab_cdef, 1_000_000);
        let of_responder = entropy(RESPONDER_ISN, RESPONDER_KEY, 0x0123_4567, 2_000_000);
        let endpoints = Endpoints { local: initiator, remote: responder };
        let mut listening = Connection::listen(config(3600), responder, of_responder);
        listening.bind_remote(initiator);
        Self {
            now: Time::ZERO,
            initiator: Connection::connect(Time::ZERO, config(300), endpoints, of_initiator),
            responder: listening,
            story: Story { parts: Vec::new() },
        }
    }

    fn end(&mut self, side: Side) -> &mut Connection {
        if side == INITIATOR { &mut self.initiator } else { &mut self.responder }
    }

    fn part(&mut self, part: Part) {
        self.story.parts.push((part, Vec::new()));
    }

    /// It is `at` now. Whoever is there lets its timers run; none of them has anything to say.
    fn time(&mut self, at: Time, present: &[Side]) {
        self.now = at;
        for side in present {
            self.end(*side).handle_timeout(at);
        }
    }

    /// Everything that `from` has to say leaves now and arrives ten milliseconds later.
    fn says(&mut self, from: Side) {
        let mut buffer = [0; SEGMENT_LEN_OCTETS_MAX];
        let mut segments = Vec::new();
        let now = self.now;
        while let Some(segment) = self.end(from).poll_transmit(now, &mut buffer) {
            segments.push(OwnedSegment::from(&segment));
        }
        assert!(!segments.is_empty(), "{from:?} is silent at {now}");
        self.now = now + ONE_WAY;
        for segment in segments {
            let arrives = self.now;
            let view: Segment<'_> = segment.view();
            self.end(from.other()).handle_segment(arrives, &view);
            let (_, sent) = self.story.parts.last_mut().expect("a part has begun");
            sent.push(Sent { at: now, from, segment });
        }
    }

    fn reads(&mut self, side: Side, octets: &[u8]) {
        let mut read = [0; SEGMENT_LEN_OCTETS_MAX];
        let count = self.end(side).read(&mut read);
        assert_eq!(&read[..count], octets);
    }

    fn writes(&mut self, side: Side, octets: &[u8]) {
        let now = self.now;
        assert_eq!(self.end(side).write(now, octets), Ok(octets.len()));
    }

    fn commands(&mut self, side: Side, command: Command) {
        let now = self.now;
        self.end(side).handle_command(now, command).expect("it is taken");
    }

    fn handshake(&mut self) {
        self.part(Part::Handshake);
        for from in [INITIATOR, RESPONDER, INITIATOR, RESPONDER, INITIATOR] {
            self.says(from);
        }
        let states = [self.initiator.hiatus_state(), self.responder.hiatus_state()];
        assert_eq!(states, [HiatusState::On; 2]);
    }

    fn data(&mut self) {
        self.part(Part::Data);
        self.time(Time::from_millis(100), &[INITIATOR, RESPONDER]);
        self.writes(INITIATOR, b"ping");
        self.says(INITIATOR);
        self.reads(RESPONDER, b"ping");
        self.writes(RESPONDER, b"pong");
        self.says(RESPONDER);
        self.reads(INITIATOR, b"pong");
        self.says(INITIATOR);
    }

    fn leaving(&mut self) {
        self.part(Part::Leaving);
        self.time(Time::from_millis(200), &[INITIATOR, RESPONDER]);
        self.commands(INITIATOR, Command::Suspend { expected_absence: HoldTime::from_seconds(600) });
        self.says(INITIATOR);
        self.says(RESPONDER);
        assert_eq!(self.responder.peer_state(), PeerState::Held);
        // Meanwhile, at the holder.
        self.time(Time::from_secs(300), &[RESPONDER]);
        self.writes(RESPONDER, b"news");
        let now = self.now;
        assert_eq!(self.responder.poll_transmit(now, &mut [0; SEGMENT_LEN_OCTETS_MAX]), None);
    }

    fn comes_back(&mut self) {
        self.part(Part::Return);
        self.time(Time::from_secs(600), &[RESPONDER]);
        self.commands(INITIATOR, Command::Resume);
        self.says(INITIATOR);
        self.says(RESPONDER);
        assert_eq!([self.initiator.self_state(), self.responder.self_state()], [SelfState::Up; 2]);
        assert_eq!([self.initiator.peer_state(), self.responder.peer_state()], [PeerState::Up; 2]);
        self.reads(INITIATOR, b"news");
        self.says(INITIATOR);
    }

    fn close(&mut self) {
        self.part(Part::Close);
        self.time(Time::from_millis(600_100), &[INITIATOR, RESPONDER]);
        self.commands(INITIATOR, Command::Close);
        self.says(INITIATOR);
        self.commands(RESPONDER, Command::Close);
        self.says(RESPONDER);
        self.says(INITIATOR);
        assert_eq!([self.initiator.state(), self.responder.state()], [TcpState::TimeWait, TcpState::Closed]);
    }
}
