//! A TUN device: the kernel of this machine is at the other end.

mod error;
mod settings;
mod sys;
mod virtio;

use std::fmt;
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::thread;
use std::time::Duration;

use hiatus_engine::{ChecksumStatus, ChecksumWriter, Packet};
use ipnet::{IpNet, Ipv4Net};
use rustix::io::Errno;
use tun_rs::{DeviceBuilder, SyncDevice};

use crate::link::{Offload, Received, Sent};
pub use error::{TunError, TunStep};
pub use settings::{TunLifetime, TunOffload, TunSettings};

/// Octets of an interface's name at most: IFNAMSIZ less its NUL.
const NAME_OCTETS_MAX: usize = 15;
/// What no name of an interface has: `%` stands for a number there, `/` and `:` separate.
const NOT_IN_NAMES: [char; 3] = ['/', ':', '%'];
/// Segments behind one header: as many as fit into a packet, for segments of the usual sizes.
const SEGMENTS_PER_PACKET: u16 = 1024;
/// The driver.
const DRIVER: &str = "/dev/net/tun";
/// How long the kernel may take to notice that somebody has attached.
const UP_PATIENCE_POLLS: u32 = 40;
/// How often it is asked.
const UP_POLL: Duration = Duration::from_millis(50);
/// How long an address may take until it can be used, which is mostly less than one.
const USABLE_PATIENCE_POLLS: u32 = 500;
/// How often it is tried.
const USABLE_POLL: Duration = Duration::from_millis(1);

/// An open TUN device: IP packets in and out, one a call, that never waits.
pub struct TunLink {
    device: SyncDevice,
    name: String,
    mtu_octets: u16,
    framing: Framing,
    counters: TunCounters,
}

/// What is before every packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// Nothing.
    Plain,
    /// A header that tells of segments and checksums.
    Virtio,
}

/// What passed a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TunCounters {
    /// Packets read; several segments behind one header are one.
    pub received_packets: u64,
    /// Their octets.
    pub received_octets: u64,
    /// Packets that the kernel took.
    pub sent_packets: u64,
    /// Their octets.
    pub sent_octets: u64,
    /// Packets for which the kernel had no memory: lost, as on a wire.
    pub lost_packets: u64,
}

/// What an error of a link that was read from or written to means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkTrouble {
    /// The device is down. Packets pass again when somebody brings it up.
    Down,
    /// The device was deleted: this link carries no packet any longer.
    Gone,
    /// Something else.
    Other,
}

impl LinkTrouble {
    /// What `error` of [`Link::receive`](crate::link::Link::receive) or [`Link::send`](crate::link::Link::send) means.
    #[must_use]
    pub fn of(error: &io::Error) -> Self {
        match Errno::from_io_error(error) {
            Some(Errno::IO) => Self::Down,
            Some(Errno::BADFD) => Self::Gone,
            _ => Self::Other,
        }
    }
}

impl TunLink {
    /// Attaches to the device that `settings` name, or makes it, and makes it what they say.
    ///
    /// What is as it should be already is left alone, so that the owner of a persistent device needs no right to change it.
    ///
    /// # Errors
    ///
    /// A [`TunError`]; a device that was made for nothing is gone again.
    pub fn open(settings: &TunSettings) -> Result<Self, TunError> {
        let name = settings.name.clone();
        let is_free_of = |c: char| !c.is_whitespace() && !NOT_IN_NAMES.contains(&c);
        if name.is_empty() || name.len() > NAME_OCTETS_MAX || !name.chars().all(is_free_of) {
            return Err(TunError::Name { name });
        }
        let v4: Vec<Ipv4Net> = settings.addresses.iter().filter_map(as_v4).collect();
        if v4.len() > 1 {
            return Err(TunError::Ipv4Addresses { name, found_count: v4.len() });
        }
        let (device, framing) = attach(settings, v4.first().copied())?;
        if framing == Framing::Virtio {
            let octets = i32::try_from(virtio::HEADER_OCTETS).unwrap_or(i32::MAX);
            sys::set_header_octets(device.as_fd(), octets).map_err(|source| TunError::Step {
                name: name.clone(),
                step: TunStep::Header,
                source,
            })?;
        }
        let mtu_octets = make(&device, settings)?;
        Ok(Self { device, name, mtu_octets, framing, counters: TunCounters::default() })
    }

    /// What the device is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What has passed it.
    #[must_use]
    pub fn counters(&self) -> TunCounters {
        self.counters
    }

    pub(crate) fn mtu_octets(&self) -> u16 {
        self.mtu_octets
    }

    pub(crate) fn offload(&self) -> Offload {
        match self.framing {
            Framing::Plain => Offload { segments_per_packet: 1, checksum: ChecksumWriter::Endpoint },
            Framing::Virtio => {
                Offload { segments_per_packet: SEGMENTS_PER_PACKET, checksum: ChecksumWriter::Driver }
            }
        }
    }

    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<Received>> {
        let mut header = [0; virtio::HEADER_OCTETS];
        let read = match self.framing {
            Framing::Plain => self.device.recv(buffer),
            Framing::Virtio => {
                self.device.recv_vectored(&mut [IoSliceMut::new(&mut header), IoSliceMut::new(buffer)])
            }
        };
        let octets = match read {
            Ok(octets) => octets,
            Err(error) if is_for_later(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let (len_octets, checksum) = match self.framing {
            Framing::Plain => (octets, ChecksumStatus::ToVerify),
            Framing::Virtio => (octets.saturating_sub(virtio::HEADER_OCTETS), virtio::status(&header)),
        };
        self.counters.received_packets += 1;
        self.counters.received_octets += as_u64(len_octets);
        Ok(Some(Received { len_octets, checksum }))
    }

    pub(crate) fn send(&mut self, packet: &[u8], layout: &Packet) -> io::Result<Sent> {
        let written = match self.framing {
            Framing::Plain => self.device.send(packet),
            Framing::Virtio => {
                let header = virtio::header(packet, layout);
                self.device.send_vectored(&[IoSlice::new(&header), IoSlice::new(packet)])
            }
        };
        match written {
            Ok(_) => {
                self.counters.sent_packets += 1;
                self.counters.sent_octets += as_u64(packet.len());
                Ok(Sent::Taken)
            }
            Err(error) if is_for_later(&error) => Ok(Sent::Full),
            Err(error) => match Errno::from_io_error(&error) {
                // To wait would not help: nothing tells when there is memory again. Whoever sent it sends it again.
                Some(Errno::NOBUFS | Errno::NOMEM) => {
                    self.counters.lost_packets += 1;
                    Ok(Sent::Taken)
                }
                _ => Err(error),
            },
        }
    }

    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}

impl fmt::Debug for TunLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { device, name, mtu_octets, framing, counters } = self;
        f.debug_struct("TunLink")
            .field("device", &device.as_fd())
            .field("name", name)
            .field("mtu_octets", mtu_octets)
            .field("framing", framing)
            .field("counters", counters)
            .finish()
    }
}

/// Whether nothing happened, and may happen at the next call.
fn is_for_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

fn as_u64(octets: usize) -> u64 {
    u64::try_from(octets).unwrap_or(u64::MAX)
}

fn as_v4(address: &IpNet) -> Option<Ipv4Net> {
    match address {
        IpNet::V4(address) => Some(*address),
        IpNet::V6(_) => None,
    }
}

/// Attaches, with the framing that the settings ask for. The library sets an IPv4 address as it attaches, or not at all.
fn attach(settings: &TunSettings, address: Option<Ipv4Net>) -> Result<(SyncDevice, Framing), TunError> {
    let framings: &[Framing] = match settings.offload {
        TunOffload::IfPossible => &[Framing::Virtio, Framing::Plain],
        TunOffload::Required => &[Framing::Virtio],
        TunOffload::Off => &[Framing::Plain],
    };
    let mut framings = framings.iter().copied().peekable();
    loop {
        let framing = framings.next().unwrap_or(Framing::Plain);
        let error = match open_device(&settings.name, framing, address) {
            Ok(device) => return Ok((device, framing)),
            Err(error) => error,
        };
        // An old kernel does not know the flag or the offloads.
        let is_unknown = matches!(Errno::from_io_error(&error), Some(Errno::INVAL | Errno::NOTTY));
        if is_unknown && framings.peek().is_some() {
            continue;
        }
        let without = address.map(|address| (address, open_device(&settings.name, framing, None)));
        return match without {
            Some((address, Ok(device))) if is_there(&error, address.addr().into()) => Ok((device, framing)),
            Some((address, Ok(_))) => Err(TunError::Step {
                name: settings.name.clone(),
                step: TunStep::Address(IpNet::V4(address)),
                source: error,
            }),
            _ => Err(why_not_attached(&settings.name, error)),
        };
    }
}

/// Whether the address that could not be set, for `error`, is there already: to who may not set it, this machine has it.
fn is_there(error: &io::Error, address: IpAddr) -> bool {
    match Errno::from_io_error(error) {
        Some(Errno::EXIST) => true,
        // Only an address of this machine can be bound to.
        Some(Errno::PERM | Errno::ACCESS) => UdpSocket::bind((address, 0)).is_ok(),
        _ => false,
    }
}

fn open_device(name: &str, framing: Framing, address: Option<Ipv4Net>) -> io::Result<SyncDevice> {
    let builder = DeviceBuilder::new().name(name).inherit_enable_state();
    let builder = match address {
        Some(address) => builder.ipv4(address.addr(), address.prefix_len(), None),
        None => builder,
    };
    builder
        .with(|device| {
            device.offload(framing == Framing::Virtio);
        })
        .build_sync()
}

fn why_not_attached(name: &str, source: io::Error) -> TunError {
    let name = name.to_owned();
    // Which of the two calls failed is not told: asked again, open(2) says the same.
    if let Err(source) = File::options().read(true).write(true).open(DRIVER) {
        return match source.kind() {
            io::ErrorKind::PermissionDenied => TunError::DriverClosed { source },
            _ => TunError::NoDriver { source },
        };
    }
    match Errno::from_io_error(&source) {
        Some(Errno::PERM | Errno::ACCESS) => TunError::NotAllowed { name, source },
        Some(Errno::BUSY) => TunError::Busy { name },
        Some(Errno::INVAL) => TunError::OtherKind { name },
        _ => TunError::Step { name, step: TunStep::Attach, source },
    }
}

/// Makes the device what the settings say, and gives its MTU.
fn make(device: &SyncDevice, settings: &TunSettings) -> Result<u16, TunError> {
    let failed = |step| move |source| TunError::Step { name: settings.name.clone(), step, source };
    device.set_nonblocking(true).map_err(failed(TunStep::NonBlocking))?;
    let found_octets = device.mtu().map_err(failed(TunStep::Attach))?;
    let octets = settings.mtu_octets.unwrap_or(found_octets);
    if octets != found_octets {
        device.set_mtu(octets).map_err(failed(TunStep::Mtu { octets }))?;
    }
    if let Some(packets) = settings.queue_packets {
        let is_so = device.tx_queue_len().is_ok_and(|found| found == packets);
        if !is_so {
            device.set_tx_queue_len(packets).map_err(failed(TunStep::Queue { packets }))?;
        }
    }
    for address in &settings.addresses {
        if let IpNet::V6(net) = address {
            match device.add_address_v6(net.addr(), net.prefix_len()) {
                Err(error) if is_there(&error, net.addr().into()) => {}
                added => added.map_err(failed(TunStep::Address(*address)))?,
            }
        }
    }
    if let Some(uid) = settings.owner {
        sys::set_owner(device.as_fd(), uid).map_err(failed(TunStep::Owner { uid }))?;
    }
    if settings.lifetime == TunLifetime::Persistent {
        device.persist().map_err(failed(TunStep::Persistence))?;
    }
    bring_up(device).map_err(failed(TunStep::Up))?;
    for address in settings.addresses.iter().filter(|address| address.addr().is_ipv6()) {
        wait_until_usable(address.addr());
    }
    Ok(octets)
}

/// Waits until `address` can be used. An IPv6 address is tentative until the kernel finds, on a thread of its own, that such
/// a device needs no search for duplicates.
fn wait_until_usable(address: IpAddr) {
    for _ in 0..USABLE_PATIENCE_POLLS {
        if UdpSocket::bind((address, 0)).is_ok() {
            return;
        }
        thread::sleep(USABLE_POLL);
    }
}

/// Brings the device up. To who may not, it must be up already.
fn bring_up(device: &SyncDevice) -> io::Result<()> {
    let Err(error) = device.enabled(true) else { return Ok(()) };
    // That it runs shows only once the kernel has noticed that somebody is attached.
    for _ in 0..UP_PATIENCE_POLLS {
        if device.is_running()? {
            return Ok(());
        }
        thread::sleep(UP_POLL);
    }
    Err(error)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::io::Write;
    use std::os::fd::AsFd;
    use std::time::Duration;

    use hiatus_engine::{CloseReason, Config, Endpoint, EndpointLimits, EndpointSecrets, Event, Time};
    use hiatus_netns::{enter_new_network, wait};

    use super::{TunLifetime, TunLink, TunOffload, TunSettings, sys};

    /// Connects to a port of the kernel at which nobody listens; gives what became of it.
    fn knock(link: &mut TunLink) -> Option<Event> {
        let limits = EndpointLimits { checksum: link.offload().checksum, ..EndpointLimits::default() };
        let mut endpoint = Endpoint::new(EndpointSecrets { host: [1; 16], instance: [2; 16] }, limits);
        let (local, remote) = ("10.7.0.2:0".parse().unwrap(), "10.7.0.1:9".parse().unwrap());
        endpoint.connect(Time::ZERO, local, remote, Config::default()).unwrap();
        let mut buffer = vec![0; 65_535];
        let packet = endpoint.poll_packet(Time::ZERO, &mut buffer).unwrap();
        link.send(&buffer[..packet.len_octets], &packet).ok()?;
        wait([link.descriptor()], Duration::from_secs(5)).unwrap();
        while let Some(received) = link.receive(&mut buffer).unwrap() {
            endpoint.handle_packet(Time::ZERO, &buffer[..received.len_octets], received.checksum);
        }
        std::iter::from_fn(|| endpoint.poll_event()).map(|(_, event)| event).last()
    }

    #[test]
    fn a_longer_header_is_taken_back() {
        let test = std::thread::spawn(|| {
            if let Err(error) = enter_new_network() {
                let said = "SKIPPED: a_longer_header_is_taken_back: no network of its own";
                writeln!(std::io::stderr(), "{said}: {error}").unwrap();
                return;
            }
            let settings = TunSettings {
                addresses: vec!["10.7.0.1/24".parse().unwrap()],
                offload: TunOffload::Required,
                lifetime: TunLifetime::Persistent,
                ..TunSettings::new("hiatus0")
            };
            let mut link = TunLink::open(&settings).unwrap();
            let refused = Some(Event::Closed { reason: CloseReason::Refused });
            assert_eq!(knock(&mut link), refused);
            // As vhost does.
            sys::set_header_octets(link.device.as_fd(), 12).unwrap();
            assert_ne!(knock(&mut link), refused);
            drop(link);
            assert_eq!(knock(&mut TunLink::open(&settings).unwrap()), refused);
        });
        test.join().unwrap();
    }
}
