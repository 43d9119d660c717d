//! A host in virtual time: the engine's endpoint, with its packets, its events and its clock.
//!
//! Everything that knows how the engine is driven is in this file.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use hiatus_engine::{
    Backlog, ChecksumStatus, CloseReason, Command, CommandError, Config, ConnectError, ConnectionId,
    ConnectionInfo, Endpoint, EndpointLimits, EndpointSecrets, Event, ListenError, ListenerId, TcpState,
    Time, WriteError,
};

use crate::wire::{Packet, PacketError};

/// Room for one packet.
const PACKET_OCTETS_MAX: usize = 65_535;
/// Ephemeral ports (RFC 6335) for sockets that are bound or listen before they connect.
const EPHEMERAL_PORT_FIRST: u16 = 49_152;
/// Octets read ahead to be looked at.
const PEEK_OCTETS_MAX: usize = 1 << 20;
/// The same in every run: nobody attacks this host.
const SECRETS: EndpointSecrets = EndpointSecrets { host: [1; 16], instance: [2; 16] };

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

/// What is remembered of a connection, also after the endpoint has forgotten it.
#[derive(Debug)]
struct Entry {
    local: SocketAddr,
    remote: SocketAddr,
    was_connected: bool,
    peer_closed: bool,
    over: Option<CloseReason>,
    /// Octets that were looked at and not read.
    peeked: VecDeque<u8>,
    owner: Owner,
}

/// Who still looks at a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// A socket, or the queue of a listener.
    Present,
    /// Nobody: the entry goes as soon as the connection is over.
    Gone,
}

/// See the module.
#[derive(Debug)]
pub struct Host {
    now: Time,
    endpoint: Endpoint,
    entries: BTreeMap<ConnectionId, Entry>,
    /// Of each listener its address, and the connection that the next `accept` gets.
    listeners: BTreeMap<ListenerId, (SocketAddr, Option<ConnectionId>)>,
    ephemeral: u16,
    outbox: VecDeque<Sent>,
}

impl Default for Host {
    fn default() -> Self {
        Self {
            now: Time::ZERO,
            endpoint: Endpoint::new(SECRETS, EndpointLimits::default()),
            entries: BTreeMap::new(),
            listeners: BTreeMap::new(),
            ephemeral: 0,
            outbox: VecDeque::new(),
        }
    }
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
            self.endpoint.handle_timeout(self.now);
            self.attend();
        }
        self.now = self.now.max(to);
    }

    /// When the next timer is due.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Time> {
        self.endpoint.poll_timeout()
    }

    /// The next packet that left, oldest first.
    pub fn take_sent(&mut self) -> Option<Sent> {
        self.outbox.pop_front()
    }

    /// A packet arrived.
    ///
    /// # Errors
    ///
    /// A [`PacketError`] if it is none that this host takes.
    pub fn handle_packet(&mut self, octets: &[u8]) -> Result<(), PacketError> {
        // The endpoint drops in silence what it cannot use: a script is to be told.
        Packet::parse(octets)?;
        self.endpoint.handle_packet(self.now, octets, ChecksumStatus::ToVerify);
        self.attend();
        Ok(())
    }

    /// After anything happened: what leaves, and what the endpoint tells.
    fn attend(&mut self) {
        let mut buffer = vec![0; PACKET_OCTETS_MAX];
        while let Some(packet) = self.endpoint.poll_packet(self.now, &mut buffer) {
            let octets = buffer[..packet.len_octets].to_vec();
            self.outbox.push_back(Sent { at: self.now, octets });
        }
        while let Some((id, event)) = self.endpoint.poll_event() {
            if !self.entries.contains_key(&id)
                && let (Some(local), Some(remote)) = (self.endpoint.local(id), self.endpoint.remote(id))
            {
                self.entries.insert(id, Entry::new(local, remote));
            }
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            match event {
                Event::Connected => entry.was_connected = true,
                Event::PeerClosed => entry.peer_closed = true,
                Event::Closed { reason } => entry.over = Some(reason),
                _ => {}
            }
        }
        self.entries.retain(|_, entry| entry.owner == Owner::Present || entry.over.is_none());
        for (id, (_, next)) in &mut self.listeners {
            if next.is_none() {
                *next = self.endpoint.accept(*id);
            }
        }
    }

    /// Opens actively.
    ///
    /// # Errors
    ///
    /// The endpoint's [`ConnectError`].
    pub fn connect(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
        config: Config,
    ) -> Result<ConnectionId, ConnectError> {
        let id = self.endpoint.connect(self.now, local, remote, config)?;
        let local = self.endpoint.local(id).unwrap_or(local);
        self.entries.insert(id, Entry::new(local, remote));
        self.attend();
        Ok(id)
    }

    /// Opens passively. At most `backlog` connections wait to be accepted.
    ///
    /// # Errors
    ///
    /// The endpoint's [`ListenError`].
    pub fn listen(
        &mut self,
        local: SocketAddr,
        config: Config,
        backlog: Backlog,
    ) -> Result<ListenerId, ListenError> {
        let id = self.endpoint.listen(local, config, backlog)?;
        self.listeners.insert(id, (local, None));
        Ok(id)
    }

    /// Ends a listener, and with RST what nobody accepted.
    pub fn unlisten(&mut self, id: ListenerId) {
        if let Some((_, Some(next))) = self.listeners.remove(&id) {
            // It may be over already.
            self.endpoint.command(self.now, next, Command::Abort).ok();
        }
        self.endpoint.unlisten(self.now, id);
        self.attend();
    }

    /// The oldest connection that waits.
    pub fn accept(&mut self, id: ListenerId) -> Option<ConnectionId> {
        let accepted = self.listeners.get_mut(&id)?.1.take();
        self.attend();
        accepted
    }

    /// True if [`accept`](Self::accept) would give a connection.
    #[must_use]
    pub fn has_ready(&self, id: ListenerId) -> bool {
        self.listeners.get(&id).is_some_and(|(_, next)| next.is_some())
    }

    /// A port that nothing has.
    pub fn ephemeral_port(&mut self) -> u16 {
        loop {
            let port = EPHEMERAL_PORT_FIRST + self.ephemeral % (u16::MAX - EPHEMERAL_PORT_FIRST);
            self.ephemeral = self.ephemeral.wrapping_add(1);
            let is_taken = self.entries.values().any(|entry| entry.local.port() == port)
                || self.listeners.values().any(|(local, _)| local.port() == port);
            if !is_taken {
                return port;
            }
        }
    }

    /// What there is to know of a connection; `None` once it was released and is over.
    #[must_use]
    pub fn status(&self, id: ConnectionId) -> Option<Status> {
        let entry = self.entries.get(&id)?;
        Some(Status {
            state: self.endpoint.state(id),
            was_connected: entry.was_connected,
            peer_closed: entry.peer_closed,
            over: entry.over,
            readable_octets: entry.peeked.len() + self.endpoint.readable_octets(id),
            writable_octets: self.endpoint.writable_octets(id),
            info: self.endpoint.info(id),
            local: entry.local,
            remote: entry.remote,
        })
    }

    /// Writes; gives the octets taken.
    ///
    /// # Errors
    ///
    /// The engine's [`WriteError`].
    pub fn write(&mut self, id: ConnectionId, octets: &[u8]) -> Result<usize, WriteError> {
        let count = self.endpoint.write(self.now, id, octets)?;
        self.attend();
        Ok(count)
    }

    /// Reads; gives the octets moved. What was looked at comes first.
    pub fn read(&mut self, id: ConnectionId, octets: &mut [u8]) -> usize {
        let Some(entry) = self.entries.get_mut(&id) else { return 0 };
        let peeked = entry.peeked.len().min(octets.len());
        for (target, octet) in octets.iter_mut().zip(entry.peeked.drain(..peeked)) {
            *target = octet;
        }
        let count = peeked + self.endpoint.read(self.now, id, &mut octets[peeked..]);
        self.attend();
        count
    }

    /// Looks at what a read would give, which stays. The endpoint has no such call: it is read here, and kept.
    pub fn peek(&mut self, id: ConnectionId, octets: &mut [u8]) -> usize {
        let Some(entry) = self.entries.get_mut(&id) else { return 0 };
        let wanted = octets.len().min(PEEK_OCTETS_MAX).saturating_sub(entry.peeked.len());
        let mut ahead = vec![0; wanted];
        let count = self.endpoint.read(self.now, id, &mut ahead);
        entry.peeked.extend(&ahead[..count]);
        let seen = entry.peeked.len().min(octets.len());
        for (target, octet) in octets.iter_mut().zip(&entry.peeked) {
            *target = *octet;
        }
        self.attend();
        seen
    }

    /// Gives a command to a connection.
    ///
    /// # Errors
    ///
    /// The engine's [`CommandError`].
    pub fn command(&mut self, id: ConnectionId, command: Command) -> Result<(), CommandError> {
        self.endpoint.command(self.now, id, command)?;
        self.attend();
        Ok(())
    }

    /// The owner is gone: the connection ends on its own, and by an RST where octets wait or come that nobody will read.
    pub fn release(&mut self, id: ConnectionId) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.owner = Owner::Gone;
        let end = if entry.peeked.is_empty() { Command::CloseBoth } else { Command::Abort };
        // It may be over already.
        self.endpoint.command(self.now, id, end).ok();
        self.attend();
    }

    /// How long until `time`.
    #[must_use]
    pub fn until(&self, time: Time) -> Duration {
        time.since(self.now)
    }
}

impl Entry {
    fn new(local: SocketAddr, remote: SocketAddr) -> Self {
        Self {
            local,
            remote,
            was_connected: false,
            peer_closed: false,
            over: None,
            peeked: VecDeque::new(),
            owner: Owner::Present,
        }
    }
}
