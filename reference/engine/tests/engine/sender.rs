//! One engine that sends, and its peer by hand: acknowledgments with the blocks that a test asks for.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;

use hiatus_codec::{
    ConnectionKey, Flags, KnownOptions, Nonce, OptionWriter, SackBlock, SackBlocks, Segment, SequenceNumber,
    TcpOption, Timestamps,
};
use hiatus_engine::{
    Config, CongestionAlgorithm, Connection, Endpoints, Entropy, KeySource, Nagle, Time, Timestamping,
};

const OWN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 40_000);
const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), 80);
const PEER_ISN: u32 = 7_000;
/// Data octets of one segment.
pub(crate) const SEGMENT: u32 = 1000;

/// Octets of the stream, the first being 0: from, and up to but not including.
pub(crate) type Octets = (u32, u32);

/// What the peer's SYN/ACK permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PeerSack {
    Permitted,
    Refused,
}

/// The end that sends.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    pub(crate) now: Time,
    pub(crate) connection: Connection,
    isn: u32,
    /// Window field of the peer's segments; its scale is 7.
    pub(crate) window: u16,
    peer_clock: u32,
}

pub(crate) fn config(algorithm: CongestionAlgorithm) -> Config {
    Config {
        congestion: algorithm,
        timestamps: Timestamping::Off,
        window_scale: Some(7),
        nagle: Nagle::Off,
        send_buffer_octets: 1 << 24,
        r2: Duration::from_secs(100_000),
        ..Config::default()
    }
}

pub(crate) fn segments(count: u32) -> Vec<Octets> {
    (0..count).map(segment).collect()
}

pub(crate) fn segment(index: u32) -> Octets {
    (index * SEGMENT, (index + 1) * SEGMENT)
}

impl Sender {
    /// ESTABLISHED, nothing written.
    pub(crate) fn new(config: Config, sack: PeerSack) -> Self {
        Self::with_isn(config, sack, 1_000_000)
    }

    pub(crate) fn with_isn(config: Config, sack: PeerSack, isn: u32) -> Self {
        let mut sender = Self::closed(config, isn);
        sender.frames();
        sender.open(sack);
        sender
    }

    /// SYN-SENT, the SYN not sent yet.
    pub(crate) fn closed(config: Config, isn: u32) -> Self {
        let entropy = Entropy {
            isn: SequenceNumber(isn),
            connection_key: ConnectionKey([1; 8]),
            key_source: KeySource::Drawn,
            nonce: Nonce(1),
            timestamp_offset: 5_000,
        };
        let now = Time::from_secs(1);
        let connection = Connection::connect(now, config, Endpoints { local: OWN, remote: PEER }, entropy);
        Self { now, connection, isn, window: 60_000, peer_clock: 90_000 }
    }

    /// The SYN/ACK, and the ACK that it draws.
    pub(crate) fn open(&mut self, sack: PeerSack) {
        self.open_with(sack, None);
    }

    /// The same with timestamps: TSecr is `echo`.
    pub(crate) fn open_echoing(&mut self, echo: u32) {
        self.open_with(PeerSack::Refused, Some(echo));
    }

    fn open_with(&mut self, sack: PeerSack, echo: Option<u32>) {
        let mut options = OptionWriter::new();
        options.push(&TcpOption::MaximumSegmentSize(1000)).expect("fits");
        options.push(&TcpOption::WindowScale(7)).expect("fits");
        if sack == PeerSack::Permitted {
            options.push(&TcpOption::SackPermitted).expect("fits");
        }
        self.arrive(0, self.isn.wrapping_add(1), Flags::SYN.union(Flags::ACK), options, echo);
        assert_eq!(self.frames(), [(0, 0)]);
        // The window of a SYN is not scaled: the first ACK after it changes the window, and is no duplicate.
        self.ack_echoing(0, &[], echo);
    }

    /// A segment of the peer; with timestamps, it echoes `echo`.
    fn arrive(&mut self, seq: u32, ack: u32, flags: Flags, mut options: OptionWriter, echo: Option<u32>) {
        if let Some(echo_reply) = echo {
            self.peer_clock += 1;
            let timestamps = Timestamps { value: self.peer_clock, echo_reply };
            options.push(&TcpOption::Timestamps(timestamps)).expect("fits");
        }
        let segment = Segment {
            source_port: PEER.port(),
            destination_port: OWN.port(),
            seq: SequenceNumber(PEER_ISN.wrapping_add(seq)),
            ack: SequenceNumber(ack),
            flags,
            window: self.window,
            checksum: 0,
            urgent: 0,
            options: options.finish(),
            payload: &[],
        };
        self.connection.handle_segment(self.now, &segment);
        self.connection.check_invariants().expect("invariants");
    }

    fn number(&self, octet: u32) -> SequenceNumber {
        SequenceNumber(self.isn.wrapping_add(1).wrapping_add(octet))
    }

    /// An ACK of everything before `octet`, with `blocks` in its SACK option.
    pub(crate) fn ack(&mut self, octet: u32, blocks: &[Octets]) {
        self.ack_echoing(octet, blocks, None);
    }

    pub(crate) fn ack_echoing(&mut self, octet: u32, blocks: &[Octets], echo: Option<u32>) {
        let blocks: Vec<SackBlock> = blocks
            .iter()
            .map(|(left, right)| SackBlock { left: self.number(*left), right: self.number(*right) })
            .collect();
        let mut options = OptionWriter::new();
        let mut storage = [0; 32];
        if let Some(sack) = SackBlocks::write(&blocks, &mut storage) {
            options.push(&TcpOption::Sack(sack)).expect("fits");
        }
        self.arrive(1, self.number(octet).0, Flags::ACK, options, echo);
    }

    /// Writes whole segments.
    pub(crate) fn write(&mut self, count: u32) {
        self.write_octets(count * SEGMENT);
    }

    pub(crate) fn write_octets(&mut self, count: u32) {
        let octets = vec![7; usize::try_from(count).expect("small")];
        assert_eq!(self.connection.write(self.now, &octets), Ok(octets.len()));
    }

    fn frames_with_tsval(&mut self) -> Vec<(Octets, Option<u32>)> {
        let mut frames = Vec::new();
        let mut buffer = [0; 2048];
        while let Some(segment) = self.connection.poll_transmit(self.now, &mut buffer) {
            let from = segment.seq.0.wrapping_sub(self.isn).wrapping_sub(1);
            let len = u32::try_from(segment.payload.len()).expect("small");
            let from = if segment.flags.contains(Flags::SYN) { 0 } else { from };
            let tsval = KnownOptions::parse(&segment).timestamps.map(|timestamps| timestamps.value);
            frames.push(((from, from.wrapping_add(len)), tsval));
            assert!(frames.len() < 1000, "it sends for ever");
            self.connection.check_invariants().expect("invariants");
        }
        frames
    }

    /// Everything it wants to send now.
    pub(crate) fn frames(&mut self) -> Vec<Octets> {
        self.frames_with_tsval().into_iter().map(|(octets, _)| octets).collect()
    }

    /// What it sends now, and the TSval of the last of it.
    pub(crate) fn stamped(&mut self) -> (Vec<Octets>, u32) {
        let frames = self.frames_with_tsval();
        let tsval = frames.last().and_then(|(_, tsval)| *tsval).expect("timestamps");
        (frames.into_iter().map(|(octets, _)| octets).collect(), tsval)
    }

    /// Lets time go by; gives what it sends, and how many milliseconds after now.
    pub(crate) fn pass(&mut self, millis: u64) -> Vec<(u128, Octets)> {
        let start = self.now;
        let until = start + Duration::from_millis(millis);
        let mut sent = Vec::new();
        while let Some(due) = self.connection.poll_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.connection.handle_timeout(self.now);
            self.connection.check_invariants().expect("invariants");
            let at = self.now.since(start).as_millis();
            sent.extend(self.frames().into_iter().map(|octets| (at, octets)));
        }
        self.now = until;
        sent
    }

    /// Lets time go by until the next timer; gives what it sends then.
    pub(crate) fn pass_to_timer(&mut self) -> Vec<Octets> {
        self.now = self.connection.poll_timeout().expect("a timer runs");
        self.connection.handle_timeout(self.now);
        self.connection.check_invariants().expect("invariants");
        self.frames()
    }

    /// Writes and acknowledges, a segment at a time and each 100 ms after it was sent, until `count` segments went and
    /// all of them arrived; gives the next octet.
    pub(crate) fn carry(&mut self, count: u32) -> u32 {
        self.write(count);
        let mut acknowledged = 0;
        while acknowledged < count {
            let sent = u32::try_from(self.frames().len()).expect("small");
            assert!(sent > 0, "nothing is sent after {acknowledged} segments");
            self.now = self.now + Duration::from_millis(100);
            for _ in 0..sent {
                acknowledged += 1;
                self.ack(acknowledged * SEGMENT, &[]);
            }
        }
        acknowledged * SEGMENT
    }
}
