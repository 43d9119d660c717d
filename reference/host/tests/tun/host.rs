//! An endpoint on a TUN device, turned by the test.

use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use etherparse::{IpNumber, IpSlice};
use hiatus_codec::{CapableBits, HoldTime};
use hiatus_engine::{
    Backlog, ChecksumStatus, Command, Config, ConnectionId, Endpoint, EndpointLimits, EndpointSecrets, Event,
    HiatusPolicy, ListenerId, Offer, Time,
};
use hiatus_host::link::{Link, PACKET_OCTETS_MAX, Sent, TunLink, TunSettings};
use hiatus_netns::wait;

/// Either buffer.
const BUFFER_OCTETS: u32 = 1 << 20;
/// Octets that are written and read at a time.
const CHUNK_OCTETS: usize = 1 << 16;

/// An endpoint with one connection.
pub(crate) struct Host {
    pub(crate) link: Link,
    endpoint: Endpoint,
    started: Instant,
    buffer: Vec<u8>,
    chunk: Vec<u8>,
    pub(crate) connection: Option<ConnectionId>,
    listener: Option<ListenerId>,
    peer_has_closed: bool,
    pub(crate) received: Seen,
    pub(crate) sent: Seen,
    has_hiatus: bool,
    /// Has a look at every packet that came.
    pub(crate) judge: Option<fn(&[u8])>,
}

/// Packets in one direction.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    /// Octets of the longest.
    pub(crate) longest_octets: usize,
    /// Those whose checksum is somebody else's work.
    pub(crate) checksum_left: u32,
    pub(crate) packets: u32,
}

/// False for what the kernel says of itself on every device, such as router solicitations.
fn is_tcp(packet: &[u8]) -> bool {
    IpSlice::from_slice(packet).unwrap().payload().ip_number == IpNumber::TCP
}

fn now(started: Instant) -> Time {
    Time(u64::try_from(started.elapsed().as_micros()).unwrap())
}

impl Seen {
    fn note(&mut self, len_octets: usize, is_left: bool) {
        self.longest_octets = self.longest_octets.max(len_octets);
        self.checksum_left += u32::from(is_left);
        self.packets += 1;
    }
}

pub(crate) fn config(mtu_octets: u16, headers_octets: u16) -> Config {
    Config {
        mss_octets: mtu_octets - headers_octets,
        receive_buffer_octets: BUFFER_OCTETS,
        send_buffer_octets: BUFFER_OCTETS,
        window_scale: Some(7),
        ..Config::default()
    }
}

/// Both ends offer Hiatus, and go on with it after a restart.
pub(crate) fn with_hiatus(config: Config) -> Config {
    let bits = CapableBits::new(CapableBits::VERSION).with_silent();
    Config { hiatus: HiatusPolicy::On(Offer { bits, hold: HoldTime::from_seconds(3600) }), ..config }
}

impl Host {
    pub(crate) fn on(settings: &TunSettings, secret: u8) -> Self {
        let link = Link::Tun(TunLink::open(settings).unwrap());
        let offload = link.offload();
        let limits = EndpointLimits {
            segments_per_packet: offload.segments_per_packet,
            checksum: offload.checksum,
            ..EndpointLimits::default()
        };
        Self {
            link,
            endpoint: Endpoint::new(EndpointSecrets { host: [secret; 16], instance: [!secret; 16] }, limits),
            started: Instant::now(),
            buffer: vec![0; PACKET_OCTETS_MAX],
            chunk: vec![0; CHUNK_OCTETS],
            connection: None,
            listener: None,
            peer_has_closed: false,
            received: Seen::default(),
            sent: Seen::default(),
            has_hiatus: false,
            judge: None,
        }
    }

    fn now(&self) -> Time {
        now(self.started)
    }

    /// Whether Hiatus was negotiated.
    pub(crate) fn has_hiatus(&self) -> bool {
        self.has_hiatus
    }

    /// Sends one SYN.
    pub(crate) fn syn(&mut self, local: SocketAddr, remote: SocketAddr) -> io::Result<Sent> {
        self.connect(local, remote, Config::default());
        let packet = self.endpoint.poll_packet(self.now(), &mut self.buffer).unwrap();
        self.link.send(&self.buffer[..packet.len_octets], &packet)
    }

    pub(crate) fn listen(&mut self, local: SocketAddr, config: Config) {
        self.listener = Some(self.endpoint.listen(local, config, Backlog::default()).unwrap());
    }

    pub(crate) fn connect(&mut self, local: SocketAddr, remote: SocketAddr, config: Config) {
        self.connection = Some(self.endpoint.connect(self.now(), local, remote, config).unwrap());
    }

    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.link.descriptor().unwrap()
    }

    /// Takes what came, sends what is to be sent.
    pub(crate) fn turn(&mut self) {
        while let Some(packet) = self.link.receive(&mut self.buffer).unwrap() {
            let octets = &self.buffer[..packet.len_octets];
            if is_tcp(octets) {
                self.received.note(packet.len_octets, packet.checksum == ChecksumStatus::Verified);
            }
            if let Some(judge) = self.judge.filter(|_| is_tcp(octets)) {
                judge(octets);
            }
            self.endpoint.handle_packet(now(self.started), octets, packet.checksum);
            self.send();
        }
        self.endpoint.handle_timeout(self.now());
        self.send();
        while let Some((_, event)) = self.endpoint.poll_event() {
            self.peer_has_closed |= event == Event::PeerClosed;
            self.has_hiatus |= event == Event::HiatusOn;
        }
        if let (None, Some(listener)) = (self.connection, self.listener) {
            self.connection = self.endpoint.accept(listener);
        }
    }

    fn send(&mut self) {
        while let Some(packet) = self.endpoint.poll_packet(self.now(), &mut self.buffer) {
            let octets = &self.buffer[..packet.len_octets];
            let is_left = self.link.offload().checksum == hiatus_engine::ChecksumWriter::Driver;
            self.sent.note(packet.len_octets, is_left);
            assert_eq!(self.link.send(octets, &packet).unwrap(), Sent::Taken);
        }
    }

    /// One step of an application that writes `out` from `sent` on and collects what comes; true once both are done.
    pub(crate) fn step(&mut self, out: &[u8], sent: &mut usize, received: &mut Vec<u8>) -> bool {
        self.turn();
        let Some(id) = self.connection else { return false };
        let now = self.now();
        if *sent < out.len() {
            *sent += self.endpoint.write(now, id, &out[*sent..]).unwrap_or(0);
            if *sent == out.len() {
                self.endpoint.command(now, id, Command::Close).unwrap();
            }
        }
        loop {
            let count = self.endpoint.read(self.now(), id, &mut self.chunk);
            received.extend_from_slice(&self.chunk[..count]);
            if count == 0 {
                break;
            }
        }
        self.send();
        self.peer_has_closed && *sent == out.len() && self.endpoint.readable_octets(id) == 0
    }

    /// Sleeps until a packet comes or a timer runs out.
    pub(crate) fn rest(&self) {
        let due = self.endpoint.poll_timeout().map_or(Duration::from_secs(1), |due| due.since(self.now()));
        wait([self.descriptor()], due.min(Duration::from_millis(100))).unwrap();
    }
}
