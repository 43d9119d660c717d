//! smoltcp as it comes: no congestion control, no timestamps unless asked for; Nagle's algorithm off.

use std::cell::RefCell;
use std::rc::Rc;

use smoltcp::iface::{Config, Interface, PollIngressSingleResult, SocketHandle, SocketSet};
use smoltcp::phy::{self, Checksum, ChecksumCapabilities, Device, DeviceCapabilities, Medium};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};

use crate::ring::Ring;
use crate::work::{Bulk, CHUNK_OCTETS, Checksums, ROUND, Timestamps};

const CLIENT: IpAddress = IpAddress::v4(10, 0, 0, 1);
const SERVER: IpAddress = IpAddress::v4(10, 0, 0, 2);
const PORT: u16 = 80;
/// Nothing is ever sent to the sockets that only listen.
const IDLE_PORT: u16 = 81;
const IDLE_BUFFER_OCTETS: usize = 64;
/// Buffers of connections that carry a hundred octets at a time.
const SMALL_BUFFER_OCTETS: usize = 512;

/// One end of the link.
struct Link {
    inward: Rc<RefCell<Ring>>,
    outward: Rc<RefCell<Ring>>,
    mtu_octets: usize,
    checksums: Checksums,
}

struct Arrived<'a>(&'a RefCell<Ring>);
struct Leaving<'a>(&'a RefCell<Ring>);

impl phy::RxToken for Arrived<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        // The peer pushes into the other ring: this one is not borrowed elsewhere.
        self.0.borrow_mut().pop(read).expect("a packet waits")
    }
}

impl phy::TxToken for Leaving<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut result = None;
        self.0.borrow_mut().push(|buffer| {
            result = Some(write(&mut buffer[..len]));
            Some(len)
        });
        result.expect("the ring calls it")
    }
}

impl Device for Link {
    type RxToken<'a> = Arrived<'a>;
    type TxToken<'a> = Leaving<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        let has_packet = self.inward.borrow().has_packet();
        (has_packet && self.outward.borrow().has_room())
            .then(|| (Arrived(&self.inward), Leaving(&self.outward)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Self::TxToken<'_>> {
        self.outward.borrow().has_room().then(|| Leaving(&self.outward))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu_octets;
        capabilities.checksum = match self.checksums {
            Checksums::On => ChecksumCapabilities::default(),
            Checksums::Off => {
                let mut checksum = ChecksumCapabilities::default();
                checksum.ipv4 = Checksum::None;
                checksum.tcp = Checksum::None;
                checksum
            }
        };
        capabilities
    }
}

/// One host: an interface, its sockets, its end of the link.
struct Host {
    interface: Interface,
    link: Link,
    sockets: SocketSet<'static>,
}

impl Host {
    fn new(address: IpAddress, mut link: Link) -> Self {
        let mut interface = Interface::new(Config::new(HardwareAddress::Ip), &mut link, Instant::ZERO);
        interface.update_ip_addrs(|addresses| {
            addresses.push(IpCidr::new(address, 24)).expect("room for one");
        });
        Self { interface, link, sockets: SocketSet::new(Vec::new()) }
    }

    fn poll(&mut self, now: Instant) {
        self.interface.poll(now, &mut self.link, &mut self.sockets);
    }

    fn add(&mut self, buffer_octets: usize) -> SocketHandle {
        self.sockets.add(socket(buffer_octets))
    }

    fn socket(&mut self, handle: SocketHandle) -> &mut Socket<'static> {
        self.sockets.get_mut(handle)
    }
}

fn socket(buffer_octets: usize) -> Socket<'static> {
    let buffer = || SocketBuffer::new(vec![0; buffer_octets]);
    let mut socket = Socket::new(buffer(), buffer());
    socket.set_nagle_enabled(false);
    socket
}

/// Two hosts and the link between them.
pub(crate) struct Pair {
    client: Host,
    server: Host,
    now: Instant,
    outward: Rc<RefCell<Ring>>,
    next_port: u16,
}

impl Pair {
    pub(crate) fn new(mtu_octets: usize, checksums: Checksums) -> Self {
        let outward = Rc::new(RefCell::new(Ring::new(mtu_octets)));
        let back = Rc::new(RefCell::new(Ring::new(mtu_octets)));
        let end = |inward: &Rc<RefCell<Ring>>, outward: &Rc<RefCell<Ring>>| Link {
            inward: Rc::clone(inward),
            outward: Rc::clone(outward),
            mtu_octets,
            checksums,
        };
        Self {
            client: Host::new(CLIENT, end(&back, &outward)),
            server: Host::new(SERVER, end(&outward, &back)),
            now: Instant::ZERO,
            outward,
            next_port: 1024,
        }
    }

    /// Both hosts do what they can do now, one after the other, so often.
    fn rounds(&mut self, count: usize) {
        for _ in 0..count {
            self.client.poll(self.now);
            self.server.poll(self.now);
            self.now += Duration::from_micros(ROUND.as_micros().try_into().unwrap_or(1));
        }
    }

    /// Connects one socket of each host to the other.
    fn connect(&mut self, client: SocketHandle, server: SocketHandle) {
        self.next_port = if self.next_port < 60_000 { self.next_port + 1 } else { 1024 };
        let port = self.next_port;
        self.server.socket(server).listen(PORT).expect("it is closed");
        let Host { interface, sockets, .. } = &mut self.client;
        let socket = sockets.get_mut::<Socket<'_>>(client);
        socket.connect(interface.context(), (SERVER, PORT), port).expect("it is closed");
        while self.server.socket(server).state() != State::Established {
            self.rounds(1);
        }
    }
}

/// One connection, one way.
pub(crate) struct BulkPair {
    pair: Pair,
    client: SocketHandle,
    server: SocketHandle,
    chunk: Vec<u8>,
    room: Vec<u8>,
}

impl BulkPair {
    pub(crate) fn new(bulk: Bulk) -> Self {
        let mut pair = Pair::new(bulk.mtu_octets, bulk.checksums);
        let client = pair.client.add(bulk.buffer_octets);
        let server = pair.server.add(bulk.buffer_octets);
        if bulk.timestamps == Timestamps::On {
            for host in [(&mut pair.client, client), (&mut pair.server, server)] {
                host.0.socket(host.1).set_tsval_generator(Some(|| 1));
            }
        }
        pair.connect(client, server);
        Self { pair, client, server, chunk: vec![0x5a; CHUNK_OCTETS], room: vec![0; CHUNK_OCTETS] }
    }

    /// Carries `octets` from one application to the other.
    pub(crate) fn transfer(&mut self, octets: usize) {
        let (mut sent, mut received) = (0, 0);
        while received < octets {
            let piece = &self.chunk[..CHUNK_OCTETS.min(octets - sent)];
            let count = self.pair.client.socket(self.client).send_slice(piece).expect("it is open");
            sent += count;
            self.pair.client.poll(self.pair.now);
            self.pair.server.poll(self.pair.now);
            let mut is_idle = count == 0;
            loop {
                let count = self.pair.server.socket(self.server).recv_slice(&mut self.room);
                let count = count.expect("it is open");
                received += count;
                if count == 0 {
                    break;
                }
                is_idle = false;
            }
            // Window updates.
            self.pair.server.poll(self.pair.now);
            self.pair.now += Duration::from_micros(ROUND.as_micros().try_into().unwrap_or(1));
            if is_idle {
                self.wait();
            }
        }
    }

    /// Nothing moves until a timer runs out.
    fn wait(&mut self) {
        let Pair { client, server, now, .. } = &mut self.pair;
        let times = [client, server].map(|host| host.interface.poll_at(*now, &host.sockets));
        *now = times.into_iter().flatten().min().unwrap_or(*now).max(*now);
    }

    /// Packets with data, and without, from the sender and from the receiver.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let data_count = self.pair.outward.borrow().data_count;
        (data_count, self.pair.server.link.outward.borrow().bare_count)
    }
}

/// Connects and closes again, with other sockets idle on both sides.
pub(crate) struct ChurnPair {
    pair: Pair,
    client: SocketHandle,
    server: SocketHandle,
}

impl ChurnPair {
    pub(crate) fn new(idle_count: usize) -> Self {
        let mut pair = Pair::new(1500, Checksums::On);
        let client = pair.client.add(SMALL_BUFFER_OCTETS);
        let server = pair.server.add(SMALL_BUFFER_OCTETS);
        for host in [&mut pair.client, &mut pair.server] {
            for _ in 0..idle_count {
                let idle = host.add(IDLE_BUFFER_OCTETS);
                host.socket(idle).listen(IDLE_PORT).expect("it is closed");
            }
        }
        Self { pair, client, server }
    }

    pub(crate) fn connect_and_close(&mut self) {
        self.pair.connect(self.client, self.server);
        self.pair.client.socket(self.client).close();
        while self.pair.server.socket(self.server).state() != State::CloseWait {
            self.pair.rounds(1);
        }
        self.pair.server.socket(self.server).close();
        while self.pair.server.socket(self.server).state() != State::Closed {
            self.pair.rounds(1);
        }
        // The socket is used again: its TIME-WAIT is cut short.
        self.pair.client.socket(self.client).abort();
    }

    /// Packets of both directions so far.
    pub(crate) fn packets(&self) -> u64 {
        self.pair.outward.borrow().packets() + self.pair.client.link.inward.borrow().packets()
    }
}

/// Established connections of which one now and then gets a segment.
pub(crate) struct Crowd {
    pair: Pair,
    clients: Vec<SocketHandle>,
}

impl Crowd {
    pub(crate) fn new(count: usize) -> Self {
        let mut pair = Pair::new(1500, Checksums::On);
        let mut crowd = [SocketSet::new(Vec::new()), SocketSet::new(Vec::new())];
        let mut clients = Vec::new();
        // Connected in a small set and moved to the large one: every poll looks at every socket of a set.
        for _ in 0..count {
            let (client, server) =
                (pair.client.add(SMALL_BUFFER_OCTETS), pair.server.add(SMALL_BUFFER_OCTETS));
            pair.server.socket(server).set_ack_delay(None);
            pair.connect(client, server);
            let take = |set: &mut SocketSet<'static>, handle| match set.remove(handle) {
                smoltcp::socket::Socket::Tcp(socket) => socket,
            };
            clients.push(crowd[0].add(take(&mut pair.client.sockets, client)));
            crowd[1].add(take(&mut pair.server.sockets, server));
        }
        [pair.client.sockets, pair.server.sockets] = crowd;
        Self { pair, clients }
    }

    /// Has one client send `octets`; the packet waits for the server.
    pub(crate) fn send(&mut self, index: usize, octets: &[u8]) {
        let client = self.clients[index % self.clients.len()];
        self.pair.client.socket(client).send_slice(octets).expect("it is open");
        self.pair.client.poll(self.pair.now);
    }

    /// The server takes what waits, and acknowledges each segment before the next, as if they had come one by one.
    pub(crate) fn serve(&mut self) {
        let Pair { server: Host { interface, link, sockets }, now, .. } = &mut self.pair;
        while interface.poll_ingress_single(*now, link, sockets) != PollIngressSingleResult::None {
            interface.poll_egress(*now, link, sockets);
        }
    }

    /// The server's applications read, and the clients take the acknowledgments.
    pub(crate) fn tidy(&mut self) {
        let mut room = [0; SMALL_BUFFER_OCTETS];
        for (_, socket) in self.pair.server.sockets.iter_mut() {
            let smoltcp::socket::Socket::Tcp(socket) = socket;
            while socket.can_recv() && socket.recv_slice(&mut room).is_ok() {}
        }
        self.pair.rounds(2);
    }
}
