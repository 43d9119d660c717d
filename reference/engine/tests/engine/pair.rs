//! Two engines, a clock that stands still unless it is moved, and segments by hand.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;

use hiatus_codec::mac::{self, Context, Role, SessionKey, Tag};
use hiatus_codec::{
    AbortReason, CapableBits, ConnectionKey, Flags, HoldTime, KnownOptions, Life, Message, Nonce,
    OptionWriter, Position, Resume, Segment, SequenceNumber, TcpOption, Timestamps,
};
use hiatus_engine::{
    Command, Config, Connection, Endpoints, Entropy, Event, HiatusPolicy, HiatusState, KeySource, Nagle,
    Offer, Sacking, Time,
};

const A_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 40_000);
const B_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), 80);
pub(crate) const A_ISN: u32 = 1_000_000;
pub(crate) const B_ISN: u32 = 4_294_967_000;
pub(crate) const A_KEY: ConnectionKey = ConnectionKey([1; 8]);
pub(crate) const B_KEY: ConnectionKey = ConnectionKey([2; 8]);
pub(crate) const A_NONCE: Nonce = Nonce(0xa1a1_a1a1);
pub(crate) const B_NONCE: Nonce = Nonce(0xb2b2_b2b2);
pub(crate) const HOLD_SECONDS: u64 = 7200;

/// Which end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    A,
    B,
}

impl Side {
    pub(crate) fn peer(self) -> Self {
        if self == Self::A { Self::B } else { Self::A }
    }
}

/// A segment as it left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) from: Side,
    pub(crate) at: Time,
    pub(crate) octets: Vec<u8>,
}

impl Frame {
    pub(crate) fn segment(&self) -> Segment<'_> {
        Segment::parse(&self.octets).expect("an engine writes segments")
    }

    pub(crate) fn message(&self) -> Option<Message<'_>> {
        KnownOptions::parse(&self.segment()).hiatus.map(|option| option.message())
    }

    pub(crate) fn timestamps(&self) -> Timestamps {
        KnownOptions::parse(&self.segment()).timestamps.expect("timestamps are on")
    }

    pub(crate) fn has(&self, flags: Flags) -> bool {
        self.segment().flags.contains(flags)
    }

    /// The message's name, `plain` if there is none: what a story is told in.
    pub(crate) fn name(&self) -> &'static str {
        match self.message() {
            None if self.has(Flags::SYN.union(Flags::ACK)) => "syn-ack",
            None if self.has(Flags::SYN) => "syn",
            None if self.has(Flags::RST) => "rst",
            None if self.has(Flags::FIN) => "fin",
            None if !self.segment().payload.is_empty() => "data",
            None => "ack",
            Some(Message::Capable(_)) => "capable",
            Some(Message::Epoch(_)) => "epoch",
            Some(Message::EpochEcho(_)) => "echo",
            Some(Message::Suspend(_)) => "suspend",
            Some(Message::SuspendAck(_)) => "suspend-ack",
            Some(Message::Resume(_)) => "resume",
            Some(Message::ResumeAck(_)) => "resume-ack",
            Some(Message::Abort(_)) => "abort",
            Some(_) => "unknown",
        }
    }
}

pub(crate) fn names(frames: &[Frame]) -> Vec<&'static str> {
    frames.iter().map(Frame::name).collect()
}

/// Plain TCP, one ACK for each segment with text and no more options than that needs: what the stories count.
pub(crate) fn plain_config() -> Config {
    Config { sack: Sacking::Off, delayed_ack: None, nagle: Nagle::Off, ..Config::default() }
}

/// S, and a hold of two hours.
pub(crate) fn hiatus_config() -> Config {
    let offer = Offer {
        bits: CapableBits::new(1).with_silent(),
        hold: HoldTime::from_seconds(u32::try_from(HOLD_SECONDS).expect("small")),
    };
    Config { hiatus: HiatusPolicy::On(offer), ..plain_config() }
}

/// N (and so S), and the same hold.
pub(crate) fn older_config() -> Config {
    let offer = Offer {
        bits: CapableBits::new(1).with_older(),
        hold: HoldTime::from_seconds(u32::try_from(HOLD_SECONDS).expect("small")),
    };
    Config { hiatus: HiatusPolicy::On(offer), ..plain_config() }
}

pub(crate) fn session_key() -> SessionKey {
    SessionKey::derive(A_KEY, B_KEY)
}

pub(crate) fn connection_a(config: Config) -> Connection {
    let entropy = Entropy {
        isn: SequenceNumber(A_ISN),
        connection_key: A_KEY,
        key_source: KeySource::Drawn,
        nonce: A_NONCE,
        timestamp_offset: 70_000,
    };
    Connection::connect(Time::ZERO, config, Endpoints { local: A_ADDRESS, remote: B_ADDRESS }, entropy)
}

pub(crate) fn connection_b(config: Config) -> Connection {
    connection_b_with(config, KeySource::Drawn)
}

pub(crate) fn connection_b_with(config: Config, key_source: KeySource) -> Connection {
    let entropy = Entropy {
        isn: SequenceNumber(B_ISN),
        connection_key: B_KEY,
        key_source,
        nonce: B_NONCE,
        timestamp_offset: 90_000,
    };
    Connection::listen(config, B_ADDRESS, entropy)
}

/// Both ends.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub(crate) now: Time,
    pub(crate) a: Connection,
    pub(crate) b: Connection,
}

impl Pair {
    /// Nothing sent yet.
    pub(crate) fn new(config_a: Config, config_b: Config) -> Self {
        Self { now: Time::from_secs(1), a: connection_a(config_a), b: connection_b(config_b) }
    }

    /// Hiatus is on at both ends, and their events are read.
    pub(crate) fn on_with(config_a: Config, config_b: Config) -> Self {
        let mut pair = Self::new(config_a, config_b);
        pair.exchange();
        for side in [Side::A, Side::B] {
            assert_eq!(pair.end(side).hiatus_state(), HiatusState::On);
            pair.events(side);
        }
        pair
    }

    pub(crate) fn on() -> Self {
        Self::on_with(hiatus_config(), hiatus_config())
    }

    /// A is away, its SUSPEND answered; B holds.
    pub(crate) fn held() -> Self {
        let mut pair = Self::on();
        pair.command(Side::A, SUSPEND);
        pair.exchange();
        pair.events(Side::A);
        pair.events(Side::B);
        pair
    }

    pub(crate) fn end(&mut self, side: Side) -> &mut Connection {
        match side {
            Side::A => &mut self.a,
            Side::B => &mut self.b,
        }
    }

    pub(crate) fn command(&mut self, side: Side, command: Command) {
        let now = self.now;
        self.end(side).handle_command(now, command).expect("the command is taken");
    }

    pub(crate) fn write(&mut self, side: Side, octets: &[u8]) {
        let now = self.now;
        assert_eq!(self.end(side).write(now, octets), Ok(octets.len()));
    }

    pub(crate) fn read(&mut self, side: Side) -> Vec<u8> {
        let mut octets = vec![0; 1 << 20];
        let count = self.end(side).read(&mut octets);
        octets.truncate(count);
        octets
    }

    /// Everything `side` wants to send now; nobody gets it.
    pub(crate) fn take(&mut self, side: Side) -> Vec<Frame> {
        let at = self.now;
        let mut frames = Vec::new();
        let mut buffer = [0; 2048];
        while let Some(segment) = self.end(side).poll_transmit(at, &mut buffer) {
            let len_octets = segment.wire_len_octets();
            frames.push(Frame { from: side, at, octets: buffer[..len_octets].to_vec() });
            self.end(side).check_invariants().expect("invariants");
        }
        frames
    }

    /// Gives `frame` to the end it was meant for.
    pub(crate) fn deliver(&mut self, frame: &Frame) {
        self.arrive(frame.from.peer(), &frame.segment());
    }

    pub(crate) fn arrive(&mut self, side: Side, segment: &Segment<'_>) {
        let now = self.now;
        self.end(side).handle_segment(now, segment);
        self.end(side).check_invariants().expect("invariants");
    }

    /// Both ends talk until neither has anything to say; gives all they said.
    pub(crate) fn exchange(&mut self) -> Vec<Frame> {
        let mut all = Vec::new();
        loop {
            let mut frames = self.take(Side::A);
            frames.extend(self.take(Side::B));
            if frames.is_empty() {
                return all;
            }
            for frame in &frames {
                self.deliver(frame);
            }
            all.extend(frames);
            assert!(all.len() < 10_000, "an endless exchange: {:?}", names(&all[all.len() - 20..]));
        }
    }

    /// Moves the clock by `duration`, with the timers of `side` alone; gives what it said. Nobody gets it.
    pub(crate) fn alone(&mut self, side: Side, duration: Duration) -> Vec<Frame> {
        let until = self.now + duration;
        let mut all = self.take(side);
        while let Some(due) = self.end(side).poll_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            let now = self.now;
            self.end(side).handle_timeout(now);
            self.end(side).check_invariants().expect("invariants");
            all.extend(self.take(side));
        }
        self.now = until;
        all
    }

    /// Moves the clock by `duration` for both, who talk meanwhile; gives what they said.
    pub(crate) fn pass(&mut self, duration: Duration) -> Vec<Frame> {
        let until = self.now + duration;
        let mut all = self.exchange();
        loop {
            let due = [self.a.poll_timeout(), self.b.poll_timeout()].into_iter().flatten().min();
            let Some(due) = due.filter(|due| *due <= until) else { break };
            self.now = self.now.max(due);
            self.a.handle_timeout(self.now);
            self.b.handle_timeout(self.now);
            all.extend(self.exchange());
        }
        self.now = until;
        all
    }

    pub(crate) fn events(&mut self, side: Side) -> Vec<Event> {
        core::iter::from_fn(|| self.end(side).poll_event()).collect()
    }

    /// Suspends nothing, only lets time go by: the host is off.
    pub(crate) fn off(&mut self, duration: Duration) {
        self.now = self.now + duration;
    }
}

pub(crate) const SUSPEND: Command = Command::Suspend { expected_absence: HoldTime::NONE };

/// A segment made by hand, from `side`.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    side: Side,
    seq: u32,
    ack: u32,
    flags: Flags,
    tsval: u32,
    window: u16,
    payload: Vec<u8>,
    options: OptionWriter,
}

impl Made {
    /// A pure ACK. `seq` and `ack` count from the ISNs; TSval is later than any the engines sent.
    pub(crate) fn ack(side: Side, seq: u32, ack: u32) -> Self {
        Self {
            side,
            seq,
            ack,
            flags: Flags::ACK,
            tsval: 500_000_000,
            window: 16_000,
            payload: Vec::new(),
            options: OptionWriter::new(),
        }
    }

    pub(crate) fn rst(side: Side, seq: u32) -> Self {
        Self { flags: Flags::RST, ..Self::ack(side, seq, 0) }
    }

    pub(crate) fn flags(self, flags: Flags) -> Self {
        Self { flags, ..self }
    }

    pub(crate) fn payload(self, payload: &[u8]) -> Self {
        Self { payload: payload.to_vec(), ..self }
    }

    pub(crate) fn window(self, window: u16) -> Self {
        Self { window, ..self }
    }

    pub(crate) fn tsval(self, tsval: u32) -> Self {
        Self { tsval, ..self }
    }

    pub(crate) fn message(mut self, message: &Message<'_>) -> Self {
        self.options.message(message).expect("it fits");
        self
    }

    /// `message` with its right MAC.
    pub(crate) fn sealed(self, context: &Context, message: impl Fn(Tag) -> Message<'static>) -> Self {
        let tag = mac::tag_of_message(&session_key(), context, &message(Tag::default())).expect("it fits");
        self.message(&message(tag))
    }

    /// As it leaves at `at`.
    pub(crate) fn frame(&self, at: Time) -> Frame {
        let (from, to, own_isn, peer_isn) = match self.side {
            Side::A => (A_ADDRESS, B_ADDRESS, A_ISN, B_ISN),
            Side::B => (B_ADDRESS, A_ADDRESS, B_ISN, A_ISN),
        };
        let mut options = OptionWriter::new();
        let timestamps = Timestamps { value: self.tsval, echo_reply: 0 };
        options.push(&TcpOption::NoOperation).expect("fits").push(&TcpOption::NoOperation).expect("fits");
        options.push(&TcpOption::Timestamps(timestamps)).expect("fits");
        for option in hiatus_codec::options(self.options.as_slice()).flatten() {
            options.push(&option).expect("fits");
        }
        let segment = Segment {
            source_port: from.port(),
            destination_port: to.port(),
            seq: SequenceNumber(own_isn.wrapping_add(self.seq)),
            ack: SequenceNumber(peer_isn.wrapping_add(self.ack)),
            flags: self.flags,
            window: self.window,
            checksum: 0,
            urgent: 0,
            options: options.finish(),
            payload: &self.payload,
        };
        let mut octets = vec![0; segment.wire_len_octets()];
        segment.emit(&mut octets).expect("there is room");
        Frame { from: self.side, at, octets }
    }

    pub(crate) fn give(&self, pair: &mut Pair) {
        pair.deliver(&self.frame(pair.now));
    }
}

pub(crate) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// RESUME of A by hand: SEG.SEQ `seq`, R `received`, End `end`.
pub(crate) fn give_resume(pair: &mut Pair, seq: u32, life: Life, nonce: Nonce, received: u32, end: u32) {
    let context = Context::resume(Role::Initiator, Position(u64::from(received)), Position(u64::from(end)));
    Made::ack(Side::A, seq, received)
        .sealed(&context, |tag| Message::Resume(Resume { life, nonce, end, tag }))
        .give(pair);
}

pub(crate) fn abort_reason(frame: &Frame) -> AbortReason {
    let Some(Message::Abort(abort)) = frame.message() else { panic!("ABORT, not {}", frame.name()) };
    assert_eq!(frame.segment().flags, Flags::RST);
    abort.reason
}
