//! smoltcp as it comes: no congestion control, no timestamps; Nagle's algorithm off.

use std::os::fd::AsFd;
use std::time::Duration;

use hiatus_engine::Packet;
use hiatus_host::link::{Link, PACKET_OCTETS_MAX, TunLink};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::socket::tcp::{Socket, SocketBuffer};
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};

use crate::{BUFFER_OCTETS, CHUNK_OCTETS, Contender, HOST, MTU_OCTETS, Role};

/// A TUN device as one of smoltcp's.
struct Wire {
    link: Link,
    input: Vec<u8>,
    output: Vec<u8>,
    packets: u64,
}

struct Arrived<'a>(&'a [u8]);

struct Leaving<'a> {
    link: &'a mut Link,
    output: &'a mut [u8],
    packets: &'a mut u64,
}

impl phy::RxToken for Arrived<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

impl phy::TxToken for Leaving<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let packet = &mut self.output[..len];
        let result = write(packet);
        // Without offload nothing but the octets counts.
        let layout = Packet { len_octets: len, tcp_at: 0, header_octets: 0, segment_octets: 0 };
        self.link.send(packet, &layout).expect("a device");
        *self.packets += 1;
        result
    }
}

impl Device for Wire {
    type RxToken<'a> = Arrived<'a>;
    type TxToken<'a> = Leaving<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Arrived<'_>, Leaving<'_>)> {
        let Self { link, input, output, packets } = self;
        let received = link.receive(input).expect("a device")?;
        *packets += 1;
        Some((Arrived(&input[..received.len_octets]), Leaving { link, output, packets }))
    }

    fn transmit(&mut self, _: Instant) -> Option<Leaving<'_>> {
        let Self { link, output, packets, .. } = self;
        Some(Leaving { link, output, packets })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = usize::from(MTU_OCTETS);
        capabilities
    }
}

pub(crate) struct Smol {
    wire: Wire,
    interface: Interface,
    sockets: SocketSet<'static>,
    socket: SocketHandle,
    started: std::time::Instant,
    role: Role,
    chunk: Vec<u8>,
    moved_octets: u64,
}

impl Smol {
    pub(crate) fn boxed(link: TunLink, role: Role) -> Box<dyn Contender> {
        let buffer = || vec![0; PACKET_OCTETS_MAX];
        let mut wire = Wire { link: Link::Tun(link), input: buffer(), output: buffer(), packets: 0 };
        let mut interface = Interface::new(Config::new(HardwareAddress::Ip), &mut wire, Instant::ZERO);
        interface.update_ip_addrs(|addresses| {
            addresses.push(IpCidr::new(IpAddress::v4(10, 7, 0, 2), 24)).expect("room for one");
        });
        let buffer = || SocketBuffer::new(vec![0; BUFFER_OCTETS]);
        let mut socket = Socket::new(buffer(), buffer());
        socket.set_nagle_enabled(false);
        socket.listen(HOST.port()).expect("it is closed");
        let mut sockets = SocketSet::new(Vec::new());
        let socket = sockets.add(socket);
        let started = std::time::Instant::now();
        let chunk = vec![0x5a; CHUNK_OCTETS];
        Box::new(Self { wire, interface, sockets, socket, started, role, chunk, moved_octets: 0 })
    }

    fn now(&self) -> Instant {
        Instant::from_micros(i64::try_from(self.started.elapsed().as_micros()).expect("a time"))
    }

    /// Reads or writes as far as it goes; says whether that was anything.
    fn apply(&mut self) -> bool {
        let socket: &mut Socket<'static> = self.sockets.get_mut(self.socket);
        let mut moved = 0;
        match self.role {
            Role::Sink | Role::Echo => {
                while socket.can_recv() {
                    let count = socket.recv_slice(&mut self.chunk).expect("it is open");
                    if self.role == Role::Echo {
                        socket.send_slice(&self.chunk[..count]).expect("it is open");
                    }
                    moved += count;
                }
            }
            Role::Source => {
                while socket.can_send() {
                    moved += socket.send_slice(&self.chunk).expect("it is open");
                }
            }
        }
        self.moved_octets += u64::try_from(moved).expect("a count");
        moved > 0
    }
}

impl Contender for Smol {
    fn round(&mut self, patience: Duration) {
        let now = self.now();
        self.interface.poll(now, &mut self.wire, &mut self.sockets);
        if self.apply() {
            let now = self.now();
            self.interface.poll(now, &mut self.wire, &mut self.sockets);
        }
        let now = self.now();
        let due = self.interface.poll_delay(now, &self.sockets).map_or(patience, Duration::from);
        let descriptor = self.wire.link.descriptor().expect("a device has one");
        hiatus_netns::wait([descriptor.as_fd()], due.min(patience)).expect("poll");
    }

    fn moved_octets(&self) -> u64 {
        self.moved_octets
    }

    fn packets(&self) -> u64 {
        self.wire.packets
    }
}
