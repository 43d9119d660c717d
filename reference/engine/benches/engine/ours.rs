//! Our endpoint: whole IP packets in and out.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use hiatus_codec::{CapableBits, HoldTime};
use hiatus_engine::{
    Backlog, ChecksumStatus, ChecksumWriter, Command, Config, ConnectionId, Endpoint, EndpointLimits,
    EndpointSecrets, Event, HiatusPolicy, ListenerId, Nagle, Offer, TcpState, Time, Timestamping,
};

use crate::ring::Ring;
use crate::work::{Answers, Bulk, CHUNK_OCTETS, Checksums, Hiatus, ROUND, SEGMENT_OCTETS, Timestamps};

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)), 80);
/// IPv4 and TCP headers without options.
const HEADERS_OCTETS: usize = 40;
/// The longest packet of IPv4.
const PACKET_OCTETS_MAX: usize = 65_535;
/// Idle connections from one client address.
const PORTS: usize = 40_000;
const PORT_FIRST: u16 = 1024;
/// Idle connections that are made at one time.
const BATCH: usize = 256;
/// TIME-WAIT of the connections that come and go lasts two of these.
const CHURN_MSL: Duration = Duration::from_millis(500);
/// What the clock moves on from one connection that comes and goes to the next.
const CHURN_PAUSE: Duration = Duration::from_millis(1);
const HOLD_SECONDS: u32 = 24 * 3600;

fn endpoint(secret: u8, checksum: ChecksumWriter, segments_per_packet: u16) -> Endpoint {
    let limits = EndpointLimits { checksum, segments_per_packet, ..EndpointLimits::default() };
    Endpoint::new(EndpointSecrets { host: [secret; 16], instance: [secret + 1; 16] }, limits)
}

/// What all configurations here have in common with the peer's: segments as large as can be, Nagle's algorithm off.
/// The rest is as it comes: SACK, CUBIC, an acknowledgment for every second segment.
fn config(mtu_octets: usize, buffer_octets: usize) -> Config {
    let octets = u32::try_from(buffer_octets).expect("a buffer");
    Config {
        mss_octets: u16::try_from(mtu_octets - HEADERS_OCTETS).expect("an MTU"),
        receive_buffer_octets: octets,
        send_buffer_octets: octets,
        timestamps: Timestamping::Off,
        window_scale: Some(7),
        nagle: Nagle::Off,
        ..Config::default()
    }
}

fn with_hiatus(config: Config) -> Config {
    let bits = CapableBits::new(CapableBits::VERSION).with_silent();
    let offer = Offer { bits, hold: HoldTime::from_seconds(HOLD_SECONDS) };
    Config { hiatus: HiatusPolicy::On(offer), ..config }
}

/// Two endpoints and the link between them.
pub(crate) struct Pair {
    client: Endpoint,
    server: Endpoint,
    listener: ListenerId,
    outward: Ring,
    back: Ring,
    now: Time,
    config: Config,
    status: ChecksumStatus,
}

impl Pair {
    /// A link for ordinary packets, checksums on.
    pub(crate) fn ordinary(config: Config) -> Self {
        Self::new(1500, config, Checksums::On, 1)
    }

    fn new(packet_octets: usize, config: Config, checksums: Checksums, segments_per_packet: u16) -> Self {
        let (writer, status) = match checksums {
            Checksums::On => (ChecksumWriter::Endpoint, ChecksumStatus::ToVerify),
            Checksums::Off => (ChecksumWriter::Driver, ChecksumStatus::Verified),
        };
        let mut server = endpoint(3, writer, segments_per_packet);
        let listener = server.listen(SERVER, config, Backlog::default()).expect("nobody listens yet");
        Self {
            client: endpoint(1, writer, segments_per_packet),
            server,
            listener,
            outward: Ring::new(packet_octets),
            back: Ring::new(packet_octets),
            now: Time::ZERO,
            config,
            status,
        }
    }

    /// What waits in `from` goes into the ring, as far as there is room.
    fn leave(from: &mut Endpoint, ring: &mut Ring, now: Time) {
        while ring.has_room() && ring.push(|buffer| Some(from.poll_packet(now, buffer)?.len_octets)) {}
    }

    /// Everything in the ring arrives; says whether that was anything.
    fn arrive(ring: &mut Ring, to: &mut Endpoint, now: Time, status: ChecksumStatus) -> bool {
        let mut has_packets = false;
        while ring.pop(|packet| to.handle_packet(now, packet, status)).is_some() {
            has_packets = true;
        }
        has_packets
    }

    /// The server takes all that waits; says whether that was anything.
    fn serve(&mut self, answers: Answers) -> bool {
        let Self { server, outward, back, now, status, .. } = self;
        if answers == Answers::AllPackets {
            return Self::arrive(outward, server, *now, *status);
        }
        let mut has_packets = false;
        while outward.pop(|packet| server.handle_packet(*now, packet, *status)).is_some() {
            Self::leave(server, back, *now);
            has_packets = true;
        }
        has_packets
    }

    /// The client sends, the server answers; says whether anything moved.
    fn round(&mut self) -> bool {
        Self::leave(&mut self.client, &mut self.outward, self.now);
        let out = Self::arrive(&mut self.outward, &mut self.server, self.now, self.status);
        Self::leave(&mut self.server, &mut self.back, self.now);
        let back = Self::arrive(&mut self.back, &mut self.client, self.now, self.status);
        self.now = self.now + ROUND;
        out || back
    }

    fn settle(&mut self) {
        while self.round() {}
    }

    /// Takes every event of both ends.
    fn hear(&mut self) {
        while self.client.poll_event().is_some() {}
        while self.server.poll_event().is_some() {}
    }

    /// Nothing moves until a timer runs out.
    fn wait(&mut self) {
        let timeouts = [&self.client, &self.server].map(Endpoint::poll_timeout);
        if let Some(next) = timeouts.into_iter().flatten().min() {
            self.now = self.now.max(next);
        }
        self.client.handle_timeout(self.now);
        self.server.handle_timeout(self.now);
    }

    fn connect(&mut self, local: SocketAddr) -> (ConnectionId, ConnectionId) {
        let client = self.client.connect(self.now, local, SERVER, self.config).expect("the port is free");
        self.settle();
        let server = self.server.accept(self.listener).expect("the handshake is over");
        (client, server)
    }

    /// Makes `count` connections that both ends have used and then leave alone.
    pub(crate) fn add_idle(&mut self, count: usize) -> Vec<ConnectionId> {
        let mut clients = Vec::with_capacity(count);
        for index in 0..count {
            let host = u8::try_from(index / PORTS).expect("at most 10 million");
            let port = PORT_FIRST + u16::try_from(index % PORTS).expect("a port");
            let local = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 1, host, 1)), port);
            let client = self.client.connect(self.now, local, SERVER, self.config).expect("free");
            clients.push(client);
            if (index + 1) % BATCH == 0 || index + 1 == count {
                let first = index - index % BATCH;
                self.settle();
                self.use_once(&clients[first..]);
            }
        }
        clients
    }

    /// Both ends of some connections write and read a little.
    fn use_once(&mut self, clients: &[ConnectionId]) {
        let mut room = [0; SEGMENT_OCTETS];
        let servers: Vec<ConnectionId> = std::iter::from_fn(|| self.server.accept(self.listener)).collect();
        for id in clients {
            self.client.write(self.now, *id, &[1; SEGMENT_OCTETS]).expect("it is open");
        }
        for id in &servers {
            self.server.write(self.now, *id, &[2; SEGMENT_OCTETS]).expect("it is open");
        }
        self.settle();
        for id in clients {
            assert_eq!(self.client.read(self.now, *id, &mut room), SEGMENT_OCTETS);
        }
        for id in &servers {
            assert_eq!(self.server.read(self.now, *id, &mut room), SEGMENT_OCTETS);
        }
        self.settle();
        self.wait();
        self.settle();
        self.hear();
    }

    /// What the clients have received is durable, and the server keeps none of it any longer.
    pub(crate) fn make_clients_durable(&mut self) {
        self.client.snapshot_taken(self.now, 1, |_| {});
        self.client.snapshot_durable(self.now, 1);
        self.settle();
        self.rest();
    }

    /// Every connection of `clients` says that it goes away, and is held.
    pub(crate) fn suspend(&mut self, clients: &[ConnectionId]) {
        for batch in clients.chunks(BATCH) {
            for id in batch {
                let suspend = Command::Suspend { expected_absence: HoldTime::NONE };
                self.client.command(self.now, *id, suspend).expect("Hiatus is on");
            }
            self.settle();
            self.hear();
        }
    }

    /// A minute passes, in which nothing happens but timers.
    pub(crate) fn rest(&mut self) {
        let end = self.now + Duration::from_secs(60);
        while self.now < end {
            self.now = self.now + Duration::from_millis(100);
            for endpoint in [&mut self.client, &mut self.server] {
                while endpoint.poll_timeout().is_some_and(|next| next <= self.now) {
                    endpoint.handle_timeout(self.now);
                }
            }
            self.settle();
            self.hear();
        }
    }

    /// The server alone, with its connections.
    pub(crate) fn into_server(self) -> Endpoint {
        self.server
    }
}

/// A configuration of connections that carry little, as they are with Hiatus or without.
pub(crate) fn idle_config(hiatus: Hiatus) -> Config {
    let config = Config { timestamps: Timestamping::On, ..config(1500, 64 * 1024) };
    if hiatus == Hiatus::On { with_hiatus(config) } else { config }
}

/// The same for a host that may come back older, and for one that keeps octets for such a peer.
pub(crate) fn older_config() -> Config {
    let bits = CapableBits::new(CapableBits::VERSION).with_older().with_retention();
    let offer = Offer { bits, hold: HoldTime::from_seconds(HOLD_SECONDS) };
    Config { hiatus: HiatusPolicy::On(offer), ..idle_config(Hiatus::Off) }
}

/// One connection, one way.
pub(crate) struct BulkPair {
    pair: Pair,
    client: ConnectionId,
    server: ConnectionId,
    answers: Answers,
    chunk: Vec<u8>,
    room: Vec<u8>,
}

impl BulkPair {
    pub(crate) fn new(bulk: Bulk) -> Self {
        let mut config = config(bulk.mtu_octets, bulk.buffer_octets);
        if bulk.timestamps == Timestamps::On {
            config.timestamps = Timestamping::On;
        }
        if bulk.hiatus == Hiatus::On {
            config = with_hiatus(config);
        }
        let packet_octets = if bulk.segments_per_packet > 1 { PACKET_OCTETS_MAX } else { bulk.mtu_octets };
        let mut pair = Pair::new(packet_octets, config, bulk.checksums, bulk.segments_per_packet);
        let (client, server) = pair.connect(SocketAddr::new(CLIENT, 0));
        pair.hear();
        let (chunk, room) = (vec![0x5a; CHUNK_OCTETS], vec![0; CHUNK_OCTETS]);
        Self { pair, client, server, answers: bulk.answers, chunk, room }
    }

    /// Carries `octets` from one application to the other.
    pub(crate) fn transfer(&mut self, octets: usize) {
        let Self { pair, client, server, chunk, room, .. } = self;
        let (mut sent, mut received) = (0, 0);
        while received < octets {
            let piece = &chunk[..CHUNK_OCTETS.min(octets - sent)];
            let count = pair.client.write(pair.now, *client, piece).expect("it is open");
            sent += count;
            Pair::leave(&mut pair.client, &mut pair.outward, pair.now);
            let mut moved = pair.serve(self.answers);
            loop {
                let count = pair.server.read(pair.now, *server, room);
                received += count;
                if count == 0 {
                    break;
                }
            }
            Pair::leave(&mut pair.server, &mut pair.back, pair.now);
            moved |= Pair::arrive(&mut pair.back, &mut pair.client, pair.now, pair.status);
            pair.hear();
            pair.now = pair.now + ROUND;
            if count == 0 && !moved {
                pair.wait();
            }
        }
    }

    /// Packets with data, from the sender, and without, from the receiver.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.pair.outward.data_count, self.pair.back.bare_count)
    }
}

/// Connects and closes again, with other connections idle.
pub(crate) struct ChurnPair(Pair);

impl ChurnPair {
    pub(crate) fn new(idle_count: usize) -> Self {
        let config = Config { msl: CHURN_MSL, ..idle_config(Hiatus::Off) };
        let mut pair = Pair::ordinary(config);
        pair.add_idle(idle_count);
        pair.rest();
        Self(pair)
    }

    pub(crate) fn connect_and_close(&mut self) {
        let Self(pair) = self;
        let (client, server) = pair.connect(SocketAddr::new(CLIENT, 0));
        pair.client.command(pair.now, client, Command::Close).expect("it is open");
        pair.settle();
        pair.server.command(pair.now, server, Command::Close).expect("it is open");
        pair.settle();
        assert_eq!(pair.server.state(server), TcpState::Closed);
        assert_eq!(pair.client.state(client), TcpState::TimeWait);
        pair.hear();
        pair.now = pair.now + CHURN_PAUSE;
        for endpoint in [&mut pair.client, &mut pair.server] {
            while endpoint.poll_timeout().is_some_and(|next| next <= pair.now) {
                endpoint.handle_timeout(pair.now);
            }
        }
        pair.hear();
    }
}

impl ChurnPair {
    /// Packets of both directions so far.
    pub(crate) fn packets(&self) -> u64 {
        self.0.outward.packets() + self.0.back.packets()
    }
}

/// Established connections of which one now and then gets a segment.
pub(crate) struct Crowd {
    pair: Pair,
    clients: Vec<ConnectionId>,
}

impl Crowd {
    pub(crate) fn new(count: usize) -> Self {
        // Timestamps off, and every segment acknowledged, as the peer is set.
        let config = Config { timestamps: Timestamping::Off, delayed_ack: None, ..idle_config(Hiatus::Off) };
        let mut pair = Pair::ordinary(config);
        let clients = pair.add_idle(count);
        pair.rest();
        Self { pair, clients }
    }

    /// Has one client send `octets`; the packet waits for the server.
    pub(crate) fn send(&mut self, index: usize, octets: &[u8]) {
        let Pair { client, outward, now, .. } = &mut self.pair;
        let id = self.clients[index % self.clients.len()];
        client.write(*now, id, octets).expect("it is open");
        Pair::leave(client, outward, *now);
    }

    /// The server takes what waits, and acknowledges each segment before the next, as if they had come one by one.
    pub(crate) fn serve(&mut self) {
        self.pair.serve(Answers::EachPacket);
    }

    /// The server's applications read, and the clients take the acknowledgments.
    pub(crate) fn tidy(&mut self) {
        let mut room = [0; SEGMENT_OCTETS];
        while let Some((id, event)) = self.pair.server.poll_event() {
            if event == Event::Readable {
                self.pair.server.read(self.pair.now, id, &mut room);
            }
        }
        self.pair.settle();
        self.pair.hear();
    }
}
