//! smoltcp 0.14 as a [`Stack`].

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp::{CongestionControl, RecvError, Socket, SocketBuffer, State};
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};

use crate::stack::{Foreign, Opening, Phase, Reading, Role, Stack, Timestamps};
use crate::trouble::Trouble;

/// Either buffer.
const BUFFER_OCTETS: usize = 64 * 1024;
/// Bits of the network part of an address: the kernel's in the middle is the only other one in it.
const PREFIX_BITS: u8 = 24;

/// Milliseconds of smoltcp's clock: it asks a plain function for its timestamps.
static NOW_MS: AtomicU32 = AtomicU32::new(0);

fn timestamp() -> u32 {
    NOW_MS.load(Ordering::Relaxed)
}

/// Packets on their way into smoltcp and out of it.
struct Queues {
    incoming: VecDeque<Vec<u8>>,
    outgoing: VecDeque<Vec<u8>>,
    mtu_octets: usize,
}

struct Incoming(Vec<u8>);

impl RxToken for Incoming {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

struct Outgoing<'a>(&'a mut VecDeque<Vec<u8>>);

impl TxToken for Outgoing<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut packet = vec![0; len];
        let result = f(&mut packet);
        self.0.push_back(packet);
        result
    }
}

impl Device for Queues {
    type RxToken<'a> = Incoming;
    type TxToken<'a> = Outgoing<'a>;

    fn receive(&mut self, _timestamp: Instant) -> Option<(Incoming, Outgoing<'_>)> {
        let packet = self.incoming.pop_front()?;
        Some((Incoming(packet), Outgoing(&mut self.outgoing)))
    }

    fn transmit(&mut self, _timestamp: Instant) -> Option<Outgoing<'_>> {
        Some(Outgoing(&mut self.outgoing))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu_octets;
        capabilities
    }
}

/// One connection of smoltcp.
pub struct Smoltcp {
    queues: Queues,
    interface: Interface,
    sockets: SocketSet<'static>,
    socket: SocketHandle,
    local: SocketAddr,
    remote: SocketAddr,
    was_open: bool,
    has_finished: bool,
    peer_has_finished: bool,
    /// See [`Opening::haste`].
    haste: u32,
}

impl Foreign for Smoltcp {
    fn open(now: Duration, opening: &Opening) -> Result<Self, Trouble> {
        let (local, remote) = (opening.local, opening.remote);
        let mtu_octets = usize::from(opening.mtu_octets);
        let mut queues = Queues { incoming: VecDeque::new(), outgoing: VecDeque::new(), mtu_octets };
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = opening.seed;
        let mut interface = Interface::new(config, &mut queues, instant(now * opening.haste));
        let own = IpCidr::new(IpAddress::from(local.ip()), PREFIX_BITS);
        interface.update_ip_addrs(|addresses| {
            // There is room for two at least.
            let _ = addresses.push(own);
        });
        let mut socket =
            Socket::new(SocketBuffer::new(vec![0; BUFFER_OCTETS]), SocketBuffer::new(vec![0; BUFFER_OCTETS]));
        socket.set_congestion_control(CongestionControl::Reno);
        if opening.timestamps == Timestamps::Offered {
            socket.set_tsval_generator(Some(timestamp));
        }
        let mut sockets = SocketSet::new(Vec::new());
        let socket = sockets.add(socket);
        Ok(Self {
            queues,
            interface,
            sockets,
            socket,
            local,
            remote,
            was_open: false,
            has_finished: false,
            peer_has_finished: false,
            haste: opening.haste,
        })
    }

    fn start(&mut self, _now: Duration, role: Role) -> Result<(), Trouble> {
        let socket = self.sockets.get_mut::<Socket<'static>>(self.socket);
        match role {
            Role::Listen => socket.listen(self.local.port()).map_err(|error| broken(&error)),
            Role::Connect => {
                let context = self.interface.context();
                socket.connect(context, self.remote, self.local.port()).map_err(|error| broken(&error))
            }
        }
    }
}

impl Smoltcp {
    fn poll(&mut self, now: Duration) {
        let now = now * self.haste;
        NOW_MS.store(u32::try_from(now.as_millis() & u128::from(u32::MAX)).unwrap_or(0), Ordering::Relaxed);
        self.interface.poll(instant(now), &mut self.queues, &mut self.sockets);
        let state = self.socket().state();
        self.was_open |=
            !matches!(state, State::Closed | State::Listen | State::SynSent | State::SynReceived);
    }

    fn socket(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.socket)
    }

    fn state(&self) -> State {
        self.sockets.get::<Socket<'static>>(self.socket).state()
    }
}

fn broken(found: &impl ToString) -> Trouble {
    Trouble::Broken { stack: "smoltcp", found: found.to_string() }
}

fn instant(now: Duration) -> Instant {
    Instant::from_micros(i64::try_from(now.as_micros()).unwrap_or(i64::MAX))
}

impl Stack for Smoltcp {
    fn receive(&mut self, now: Duration, packet: &[u8]) {
        self.queues.incoming.push_back(packet.to_vec());
        self.poll(now);
    }

    fn transmit(&mut self, now: Duration, buffer: &mut [u8]) -> Option<usize> {
        if self.queues.outgoing.is_empty() {
            self.poll(now);
        }
        let packet = self.queues.outgoing.pop_front()?;
        buffer.get_mut(..packet.len())?.copy_from_slice(&packet);
        Some(packet.len())
    }

    fn handle_time(&mut self, now: Duration) {
        self.poll(now);
    }

    fn next_time(&mut self, now: Duration) -> Option<Duration> {
        let due = self.interface.poll_at(instant(now * self.haste), &self.sockets)?;
        Some(Duration::from_micros(u64::try_from(due.total_micros()).unwrap_or(0)) / self.haste)
    }

    fn write(&mut self, _now: Duration, octets: &[u8]) -> Result<usize, Trouble> {
        self.socket().send_slice(octets).map_err(|error| broken(&error))
    }

    fn read(&mut self, _now: Duration, room: &mut [u8]) -> Result<Reading, Trouble> {
        match self.socket().recv_slice(room) {
            Ok(0) => Ok(Reading::Nothing),
            Ok(count) => Ok(Reading::Octets(count)),
            Err(RecvError::Finished) => {
                self.peer_has_finished = true;
                Ok(Reading::End)
            }
            Err(error) => Err(broken(&error)),
        }
    }

    fn finish(&mut self, _now: Duration) -> Result<bool, Trouble> {
        self.socket().close();
        self.has_finished = true;
        Ok(true)
    }

    fn abort(&mut self, _now: Duration) -> Result<(), Trouble> {
        self.socket().abort();
        Ok(())
    }

    fn phase(&self) -> Result<Phase, Trouble> {
        match self.state() {
            State::Closed if self.has_finished && self.peer_has_finished => Ok(Phase::Closed),
            State::Closed if self.was_open => Err(broken(&"CLOSED")),
            State::TimeWait => Ok(Phase::Closed),
            _ if self.was_open => Ok(Phase::Open),
            _ => Ok(Phase::Opening),
        }
    }

    fn describe(&self) -> String {
        self.state().to_string()
    }
}
