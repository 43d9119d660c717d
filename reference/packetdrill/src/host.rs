//! A host in virtual time: connections and listeners found by address, IP packets in and out.
//!
//! Everything that knows how the engine is driven is in this file and below it.

mod listener;

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hiatus_codec::{ConnectionKey, Flags, Nonce, Segment, SequenceNumber};
use hiatus_engine::{
    CloseReason, Command, CommandError, Config, Connection, ConnectionInfo, Ecn, Endpoints, Entropy, Event,
    IcmpErrorKind, IpVersion, KeySource, TcpState, Time, WriteError, answer_stray,
};

use crate::wire::{self, IcmpError, Packet, PacketError};
use listener::Listener;
pub use listener::{ListenError, ListenerId};

/// Room for one segment.
const SEGMENT_OCTETS_MAX: usize = 65_535;
/// Ephemeral ports (RFC 6335): this host takes them in order, since nobody attacks it.
const EPHEMERAL_PORT_FIRST: u16 = 49_152;
/// Octets from the first connection's ISS to 2^32.
const ISS_BELOW_WRAP_OCTETS: u32 = 2_500;

/// One connection of a [`Host`], for as long as the owner has not released it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(u64);

/// A packet that left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// When.
    pub at: Time,
    /// The IP packet.
    pub octets: Vec<u8>,
}

/// What the owner may know of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// State of RFC 9293.
    pub state: TcpState,
    /// It was ESTABLISHED at some time.
    pub was_connected: bool,
    /// The peer's FIN arrived.
    pub peer_closed: bool,
    /// Why it is over, if it is.
    pub over: Option<CloseReason>,
    /// Octets that can be read now.
    pub readable_octets: usize,
    /// Octets that can be written now.
    pub writable_octets: usize,
    /// What the connection has found out about its path, while there is one.
    pub info: Option<ConnectionInfo>,
    /// Address of this end.
    pub local: SocketAddr,
    /// Address of the other.
    pub remote: SocketAddr,
}

#[derive(Debug)]
struct Entry {
    connection: Connection,
    config: Config,
    local: SocketAddr,
    remote: SocketAddr,
    listener: Option<ListenerId>,
    was_connected: bool,
    peer_closed: bool,
    over: Option<CloseReason>,
    owner: Owner,
}

/// Who still looks at a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// A socket, or the queue of a listener.
    Present,
    /// Nobody: it goes as soon as it is over, and octets that nobody will read end it.
    Gone,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Host {
    now: Time,
    ids: u64,
    entropy: u32,
    ephemeral: u16,
    connections: BTreeMap<ConnectionId, Entry>,
    by_addresses: BTreeMap<(SocketAddr, SocketAddr), ConnectionId>,
    listeners: BTreeMap<ListenerId, Listener>,
    outbox: VecDeque<Sent>,
}

impl Host {
    /// The time.
    #[must_use]
    pub fn now(&self) -> Time {
        self.now
    }

    /// Lets time pass, timers on the way included.
    pub fn advance_to(&mut self, to: Time) {
        while let Some(due) = self.next_timeout().filter(|due| *due <= to) {
            self.now = self.now.max(due);
            let ids: Vec<ConnectionId> = self.connections.keys().copied().collect();
            for id in ids {
                let now = self.now;
                let Some(entry) = self.connections.get_mut(&id) else { continue };
                if entry.connection.poll_timeout().is_some_and(|timeout| timeout <= now) {
                    entry.connection.handle_timeout(now);
                    self.attend(id);
                }
            }
        }
        self.now = self.now.max(to);
    }

    /// When the next timer is due.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Time> {
        self.connections.values().filter_map(|entry| entry.connection.poll_timeout()).min()
    }

    /// The next packet that left, oldest first.
    pub fn take_sent(&mut self) -> Option<Sent> {
        self.outbox.pop_front()
    }

    /// True if a packet waits for [`take_sent`](Self::take_sent).
    #[must_use]
    pub fn has_sent(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// Opens actively.
    pub fn connect(&mut self, local: SocketAddr, remote: SocketAddr, config: Config) -> ConnectionId {
        let entropy = self.draw();
        let connection = Connection::connect(self.now, config, Endpoints { local, remote }, entropy);
        let id = self.insert(Entry {
            connection,
            config,
            local,
            remote,
            listener: None,
            was_connected: false,
            peer_closed: false,
            over: None,
            owner: Owner::Present,
        });
        self.attend(id);
        id
    }

    /// A local port that no connection and no listener has.
    pub fn ephemeral_port(&mut self) -> u16 {
        loop {
            let offset = self.ephemeral % (u16::MAX - EPHEMERAL_PORT_FIRST);
            self.ephemeral = self.ephemeral.wrapping_add(1);
            let port = EPHEMERAL_PORT_FIRST + offset;
            if !self.port_is_used(port) {
                return port;
            }
        }
    }

    /// True if a connection has the two addresses already.
    #[must_use]
    pub fn is_connected(&self, local: SocketAddr, remote: SocketAddr) -> bool {
        self.by_addresses.contains_key(&(local, remote))
    }

    fn port_is_used(&self, port: u16) -> bool {
        self.by_addresses.keys().any(|(local, _)| local.port() == port)
            || self.listeners.values().any(|listener| listener.local.port() == port)
    }

    fn insert(&mut self, entry: Entry) -> ConnectionId {
        self.ids += 1;
        let id = ConnectionId(self.ids);
        self.by_addresses.insert((entry.local, entry.remote), id);
        self.connections.insert(id, entry);
        id
    }

    /// What the engine calls random, the same in every run. The first ISS lies so that scripts cross 2^32.
    fn draw(&mut self) -> Entropy {
        const ISS_STEP: u32 = 0x9e37_79b9;
        let isn = self.entropy.wrapping_mul(ISS_STEP).wrapping_sub(ISS_BELOW_WRAP_OCTETS);
        self.entropy += 1;
        Entropy {
            isn: SequenceNumber(isn),
            connection_key: ConnectionKey(u64::from(self.entropy).to_be_bytes()),
            key_source: KeySource::Drawn,
            nonce: Nonce(self.entropy),
            timestamp_offset: self.entropy.wrapping_mul(1_000_000),
        }
    }

    /// An IP packet arrived.
    ///
    /// # Errors
    ///
    /// A [`PacketError`] if it is none that this host takes.
    pub fn handle_packet(&mut self, octets: &[u8]) -> Result<(), PacketError> {
        let packet = Packet::parse(octets)?;
        match packet.protocol {
            wire::PROTOCOL_TCP => self.handle_tcp(&packet),
            wire::PROTOCOL_ICMP | wire::PROTOCOL_ICMPV6 => {
                if let Some(error) = IcmpError::parse(packet.payload) {
                    self.handle_icmp(IpVersion::of(packet.source), &error);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn handle_tcp(&mut self, packet: &Packet<'_>) {
        let Ok(segment) = Segment::parse(packet.payload) else { return };
        let local = SocketAddr::new(packet.destination, segment.destination_port);
        let remote = SocketAddr::new(packet.source, segment.source_port);
        let id =
            self.by_addresses.get(&(local, remote)).copied().filter(|id| !self.is_replaced(*id, &segment));
        let meets = id.map_or_else(|| self.listener_makes(local, remote, &segment), Meets::Connection);
        let id = match meets {
            Meets::Connection(id) => id,
            Meets::Silence => return,
            Meets::Nobody => return self.answer_stray(local, remote, &segment),
        };
        let now = self.now;
        if let Some(entry) = self.connections.get_mut(&id) {
            entry.connection.handle_marked_segment(
                now,
                Ecn::of_traffic_class(packet.traffic_class),
                &segment,
            );
        }
        self.attend(id);
    }

    /// True if `segment` opens a connection in place of one in TIME-WAIT, which is over then (RFC 6191).
    fn is_replaced(&mut self, id: ConnectionId, segment: &Segment<'_>) -> bool {
        let Some(entry) = self.connections.get(&id) else { return false };
        let has_listener =
            self.listeners.values().any(|listener| listener.local.port() == entry.local.port());
        let is_replaced = has_listener && entry.connection.may_be_replaced_by(segment);
        if is_replaced {
            self.unmap(id);
        }
        is_replaced
    }

    fn answer_stray(&mut self, local: SocketAddr, remote: SocketAddr, segment: &Segment<'_>) {
        let mut buffer = [0; hiatus_engine::SEGMENT_LEN_OCTETS_MIN];
        if let Some(answer) = answer_stray(segment, None, &mut buffer) {
            let len_octets = answer.wire_len_octets();
            self.send(local.ip(), remote.ip(), 0, &buffer[..len_octets]);
        }
    }
    fn handle_icmp(&mut self, version: IpVersion, error: &IcmpError) {
        let local = SocketAddr::new(error.source, error.source_port);
        let remote = SocketAddr::new(error.destination, error.destination_port);
        let kind = match version {
            IpVersion::V4 => {
                let mtu_octets = u16::try_from(error.word & 0xffff).unwrap_or(0);
                IcmpErrorKind::of_v4(error.kind, error.code, mtu_octets)
            }
            IpVersion::V6 => IcmpErrorKind::of_v6(error.kind, error.code, error.word),
        };
        let id = self.by_addresses.get(&(local, remote)).copied();
        let (Some(kind), Some(id)) = (kind, id) else { return };
        let now = self.now;
        if let Some(entry) = self.connections.get_mut(&id) {
            let error = hiatus_engine::IcmpError { kind, quoted_seq: SequenceNumber(error.seq) };
            entry.connection.handle_icmp(now, &error);
        }
        self.attend(id);
    }

    /// After anything happened to a connection: what it sends, what it tells, whether it is over.
    fn attend(&mut self, id: ConnectionId) {
        let now = self.now;
        let mut buffer = vec![0; SEGMENT_OCTETS_MAX];
        let Some(entry) = self.connections.get_mut(&id) else { return };
        let mut packets = Vec::new();
        while let Some(burst) = entry.connection.poll_transmit_burst(now, &mut buffer, 1) {
            packets.push((burst.ecn, buffer[..burst.len_octets].to_vec()));
        }
        entry.note_events();
        let (local, remote, listener) = (entry.local.ip(), entry.remote.ip(), entry.listener);
        let is_listening = entry.connection.state() == TcpState::Listen;
        let is_gone = entry.over.is_some() && entry.owner == Owner::Gone;
        let is_closed = entry.connection.state() == TcpState::Closed;
        let is_connected = entry.was_connected;
        for (mark, segment) in packets {
            self.send(local, remote, mark.bits(), &segment);
        }
        if is_closed {
            self.unmap(id);
        }
        if let Some(listener) = listener {
            self.tell_listener(listener, id, is_connected, is_closed || is_listening);
        }
        if is_gone {
            self.connections.remove(&id);
        }
    }

    /// Its addresses are free for another connection.
    fn unmap(&mut self, id: ConnectionId) {
        if let Some(entry) = self.connections.get(&id) {
            let key = (entry.local, entry.remote);
            if self.by_addresses.get(&key) == Some(&id) {
                self.by_addresses.remove(&key);
            }
        }
    }

    fn remove(&mut self, id: ConnectionId) {
        self.unmap(id);
        self.connections.remove(&id);
    }

    fn send(&mut self, source: IpAddr, destination: IpAddr, traffic_class: u8, segment: &[u8]) {
        let octets = wire::emit(source, destination, traffic_class, wire::PROTOCOL_TCP, segment);
        self.outbox.push_back(Sent { at: self.now, octets });
    }

    /// What there is to know of a connection; `None` once it was released.
    #[must_use]
    pub fn status(&self, id: ConnectionId) -> Option<Status> {
        let entry = self.connections.get(&id)?;
        Some(Status {
            state: entry.connection.state(),
            was_connected: entry.was_connected,
            peer_closed: entry.peer_closed,
            over: entry.over,
            readable_octets: entry.connection.readable_octets(),
            writable_octets: entry.connection.writable_octets(),
            info: entry.connection.info(),
            local: entry.local,
            remote: entry.remote,
        })
    }

    /// How a connection was told to behave.
    #[must_use]
    pub fn config(&self, id: ConnectionId) -> Option<&Config> {
        self.connections.get(&id).map(|entry| &entry.config)
    }

    /// Writes; gives the octets taken.
    ///
    /// # Errors
    ///
    /// The engine's [`WriteError`].
    pub fn write(&mut self, id: ConnectionId, octets: &[u8]) -> Result<usize, WriteError> {
        let now = self.now;
        let no_connection = WriteError::NoConnection { found: TcpState::Closed };
        let entry = self.connections.get_mut(&id).ok_or(no_connection)?;
        let count = entry.connection.write(now, octets)?;
        self.attend(id);
        Ok(count)
    }

    /// Reads; gives the octets moved.
    pub fn read(&mut self, id: ConnectionId, octets: &mut [u8]) -> usize {
        let count = self.connections.get_mut(&id).map_or(0, |entry| entry.connection.read(octets));
        self.attend(id);
        count
    }

    /// Reads and leaves everything as it was: a connection is a plain value, so a copy of it is read.
    #[must_use]
    pub fn peek(&self, id: ConnectionId, octets: &mut [u8]) -> usize {
        self.connections.get(&id).map_or(0, |entry| entry.connection.clone().read(octets))
    }

    /// Gives a command to a connection.
    ///
    /// # Errors
    ///
    /// The engine's [`CommandError`].
    pub fn command(&mut self, id: ConnectionId, command: Command) -> Result<(), CommandError> {
        let now = self.now;
        let no_connection = CommandError::NoConnection { found: TcpState::Closed };
        let entry = self.connections.get_mut(&id).ok_or(no_connection)?;
        entry.connection.handle_command(now, command)?;
        self.attend(id);
        Ok(())
    }

    /// The owner is gone: the connection ends on its own, and by an RST where octets wait or come that nobody will read.
    pub fn release(&mut self, id: ConnectionId) {
        let now = self.now;
        let Some(entry) = self.connections.get_mut(&id) else { return };
        entry.owner = Owner::Gone;
        // It may be over already.
        entry.connection.handle_command(now, Command::CloseBoth).ok();
        self.attend(id);
        if self.connections.get(&id).is_some_and(|entry| entry.over.is_some()) {
            self.remove(id);
        }
    }

    /// How long until `time`.
    #[must_use]
    pub fn until(&self, time: Time) -> Duration {
        time.since(self.now)
    }
}

impl Entry {
    fn note_events(&mut self) {
        while let Some(event) = self.connection.poll_event() {
            match event {
                Event::Connected => self.was_connected = true,
                Event::PeerClosed => self.peer_closed = true,
                Event::Closed { reason } => self.over = Some(reason),
                _ => {}
            }
        }
    }
}

/// What a segment meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meets {
    Connection(ConnectionId),
    /// Nothing answers: a listener has no room and the peer tries again, or there is nothing to answer.
    Silence,
    /// What CLOSED answers is answered.
    Nobody,
}

/// True if `segment` may make a connection of a listener.
fn is_opening(segment: &Segment<'_>) -> bool {
    segment.flags.contains(Flags::SYN) && !segment.flags.intersects(Flags::ACK.union(Flags::RST))
}
