//! The two endpoints, and packets as another implementation reads them.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::VecDeque;

use etherparse::{IpSlice, TcpSlice};
use hiatus_codec::{CapableBits, Flags, HoldTime, Segment};
use hiatus_engine::{
    Backlog, ChecksumStatus, Command, Config, ConnectionId, Endpoint, EndpointLimits, EndpointSecrets, Event,
    HiatusPolicy, ListenerId, Offer, TcpState, Time,
};

pub(crate) const MTU_OCTETS: usize = 1500;
pub(crate) const A_SECRETS: EndpointSecrets = EndpointSecrets { host: [0xa1; 16], instance: [0xa2; 16] };
pub(crate) const B_SECRETS: EndpointSecrets = EndpointSecrets { host: [0xb1; 16], instance: [0xb2; 16] };

/// Addresses of both ends: IPv4.
pub(crate) const V4: Addresses = Addresses { a: "192.0.2.1:0", b: "192.0.2.2:80" };
/// The same over IPv6.
pub(crate) const V6: Addresses = Addresses { a: "[2001:db8::1]:0", b: "[2001:db8::2]:80" };

/// A connects from `a` (its port chosen by itself) to `b`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addresses {
    a: &'static str,
    b: &'static str,
}

impl Addresses {
    pub(crate) fn a(self) -> SocketAddr {
        self.a.parse().unwrap()
    }

    pub(crate) fn b(self) -> SocketAddr {
        self.b.parse().unwrap()
    }
}

/// Which endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    A,
    B,
}

/// Two endpoints. A's connections go to B's listener.
#[derive(Debug, Clone)]
pub(crate) struct Net {
    pub(crate) now: Time,
    pub(crate) a: Endpoint,
    pub(crate) b: Endpoint,
    pub(crate) listener: ListenerId,
    pub(crate) addresses: Addresses,
    pub(crate) config: Config,
    /// Packets so far.
    pub(crate) packets: usize,
}

/// Hiatus with S and a hold of two hours.
pub(crate) fn hiatus_config() -> Config {
    let offer = Offer { bits: CapableBits::new(1).with_silent(), hold: HoldTime::from_seconds(7200) };
    Config { hiatus: HiatusPolicy::On(offer), ..Config::default() }
}

impl Net {
    pub(crate) fn new(addresses: Addresses, config: Config) -> Self {
        Self::bounded(addresses, config, Backlog::default(), EndpointLimits::default())
    }

    pub(crate) fn bounded(
        addresses: Addresses,
        config: Config,
        backlog: Backlog,
        limits: EndpointLimits,
    ) -> Self {
        let mut b = Endpoint::new(B_SECRETS, limits);
        let listener = b.listen(addresses.b(), config, backlog).unwrap();
        let a = Endpoint::new(A_SECRETS, EndpointLimits::default());
        Self { now: Time::from_secs(1000), a, b, listener, addresses, config, packets: 0 }
    }

    pub(crate) fn side(&mut self, side: Side) -> &mut Endpoint {
        match side {
            Side::A => &mut self.a,
            Side::B => &mut self.b,
        }
    }

    /// The packets that `side` has to send.
    pub(crate) fn leaving(&mut self, side: Side) -> Vec<Vec<u8>> {
        let now = self.now;
        let mut packets = Vec::new();
        let mut buffer = [0; MTU_OCTETS];
        while let Some(packet) = self.side(side).poll_packet(now, &mut buffer) {
            packets.push(buffer[..packet.len_octets].to_vec());
            assert!(packets.len() < 1_000_000, "it never ends");
        }
        packets
    }

    pub(crate) fn give(&mut self, to: Side, packets: &[Vec<u8>]) {
        let now = self.now;
        for packet in packets {
            self.packets += 1;
            self.side(to).handle_packet(now, packet, ChecksumStatus::ToVerify);
        }
    }

    /// Hands packets over until nobody has one.
    pub(crate) fn exchange(&mut self) {
        loop {
            let (from_a, from_b) = (self.leaving(Side::A), self.leaving(Side::B));
            if from_a.is_empty() && from_b.is_empty() {
                return;
            }
            self.give(Side::B, &from_a);
            self.give(Side::A, &from_b);
        }
    }

    /// Lets time pass, from one timeout to the next, and hands packets over.
    pub(crate) fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        self.exchange();
        loop {
            let next = [self.a.poll_timeout(), self.b.poll_timeout()].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            let now = self.now;
            self.a.handle_timeout(now);
            self.b.handle_timeout(now);
            self.exchange();
        }
        self.now = end;
    }

    pub(crate) fn connect(&mut self) -> ConnectionId {
        let (local, remote) = (self.addresses.a(), self.addresses.b());
        self.a.connect(self.now, local, remote, self.config).unwrap()
    }

    /// A connection that both ends know.
    pub(crate) fn connected(&mut self) -> (ConnectionId, ConnectionId) {
        let a = self.connect();
        self.exchange();
        let b = self.b.accept(self.listener).expect("a connection");
        assert_eq!((self.a.state(a), self.b.state(b)), (TcpState::Established, TcpState::Established));
        (a, b)
    }

    /// Writes `octets` at `from` and reads them at the other end.
    pub(crate) fn carry(&mut self, from: Side, ids: (ConnectionId, ConnectionId), octets: &[u8]) {
        let now = self.now;
        let (writer, reader, to) = match from {
            Side::A => (ids.0, ids.1, Side::B),
            Side::B => (ids.1, ids.0, Side::A),
        };
        let (mut written, mut read) = (0, Vec::<u8>::new());
        let mut buffer = [0; 4096];
        while read.len() < octets.len() {
            written += self.side(from).write(now, writer, &octets[written..]).unwrap();
            self.exchange();
            let count = self.side(to).read(now, reader, &mut buffer);
            if count == 0 {
                // A delayed acknowledgment or a probe may be due.
                self.pass(Duration::from_millis(500));
            }
            read.extend_from_slice(&buffer[..count]);
        }
        self.exchange();
        assert!(read == octets, "octets were changed on the way");
    }

    pub(crate) fn close(&mut self, side: Side, id: ConnectionId) {
        let now = self.now;
        self.side(side).command(now, id, Command::Close).unwrap();
        self.exchange();
    }

    pub(crate) fn events(&mut self, side: Side) -> Vec<(ConnectionId, Event)> {
        let endpoint = self.side(side);
        core::iter::from_fn(|| endpoint.poll_event()).collect()
    }
}

/// The segment in a packet, as another implementation finds it.
pub(crate) fn segment_of(packet: &[u8]) -> Segment<'_> {
    let ip = IpSlice::from_slice(packet).unwrap();
    let payload = ip.payload().payload;
    let start = packet.len() - payload.len();
    TcpSlice::from_slice(payload).unwrap();
    Segment::parse(&packet[start..]).unwrap()
}

pub(crate) fn has(packet: &[u8], flags: Flags) -> bool {
    segment_of(packet).flags.contains(flags)
}

/// `packet` with its segment changed, lengths and checksums right again.
pub(crate) fn forged(packet: &[u8], change: impl Fn(&mut Segment<'_>)) -> Vec<u8> {
    let segment = segment_of(packet);
    let header = packet.len() - segment.wire_len_octets();
    let mut changed = Segment { checksum: 0, ..segment };
    change(&mut changed);
    let mut octets = packet[..header].to_vec();
    octets.resize(header + changed.wire_len_octets(), 0);
    changed.emit(&mut octets[header..]).unwrap();
    let (total, payload) = (octets.len(), octets.len() - header);
    if header == 20 {
        octets[2..4].copy_from_slice(&u16::try_from(total).unwrap().to_be_bytes());
        let ip = etherparse::Ipv4Header::from_slice(&octets).unwrap().0;
        octets[10..12].copy_from_slice(&ip.calc_header_checksum().to_be_bytes());
    } else {
        octets[4..6].copy_from_slice(&u16::try_from(payload).unwrap().to_be_bytes());
    }
    let tcp = etherparse::TcpHeaderSlice::from_slice(&octets[header..]).unwrap();
    let payload = &octets[header + tcp.slice().len()..];
    let checksum = match IpSlice::from_slice(&octets).unwrap() {
        IpSlice::Ipv4(ip) => {
            let header = ip.header().to_header();
            tcp.calc_checksum_ipv4_raw(header.source, header.destination, payload).unwrap()
        }
        IpSlice::Ipv6(ip) => {
            let header = ip.header().to_header();
            tcp.calc_checksum_ipv6_raw(header.source, header.destination, payload).unwrap()
        }
    };
    octets[header + 16..header + 18].copy_from_slice(&checksum.to_be_bytes());
    octets
}

/// Takes the first and the last packet of a queue apart from the rest.
pub(crate) fn only(packets: Vec<Vec<u8>>) -> Vec<u8> {
    let mut packets = VecDeque::from(packets);
    assert_eq!(packets.len(), 1, "one packet");
    packets.pop_front().unwrap()
}
