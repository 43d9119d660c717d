//! One socket: what it is, and what of it goes into an epoch.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use hiatus_engine::{Backlog, ConnectionId, ListenerId, TcpState};
use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::socketfs::trouble::Over;

/// A socket, by its number.
#[derive(Debug)]
pub(super) struct Socket {
    /// Of all sockets so far: a number is used again, this is not.
    pub(super) serial: u64,
    pub(super) bound: Option<SocketAddr>,
    pub(super) phase: Phase,
    pub(super) options: Options,
    /// Whether the latest epoch lacks something of it.
    pub(super) is_fresh: bool,
}

/// What it has become.
#[derive(Debug)]
pub(super) enum Phase {
    New,
    Listening(Listening),
    Connected(Stream),
}

#[derive(Debug)]
pub(super) struct Listening {
    pub(super) id: ListenerId,
    pub(super) local: SocketAddr,
    pub(super) backlog: usize,
    /// Connections that nobody has accepted yet, oldest first.
    pub(super) pending: VecDeque<ConnectionId>,
}

/// A connection, or what is left of it.
#[derive(Debug)]
pub(super) struct Stream {
    /// `None` if the host came back without it.
    pub(super) id: Option<ConnectionId>,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) standing: Standing,
    /// The peer's FIN arrived.
    pub(super) is_ended: bool,
    pub(super) over: Option<Over>,
    /// Octets that programs have read, in the order of the stream.
    pub(super) read_octets: u64,
    /// Octets that were taken of programs.
    pub(super) written_octets: u64,
}

/// Whether it ever stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Standing {
    Opening,
    Open,
}

/// What is set in `sockopts`; `None` is as the host has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Options {
    pub(super) keepalive: Option<Switch>,
    pub(super) nodelay: Option<Switch>,
    /// Milliseconds.
    pub(super) user_timeout_ms: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Switch {
    Off,
    On,
}

impl Stream {
    pub(super) fn new(id: ConnectionId, local: SocketAddr, remote: SocketAddr, standing: Standing) -> Self {
        Self {
            id: Some(id),
            local,
            remote,
            standing,
            is_ended: false,
            over: None,
            read_octets: 0,
            written_octets: 0,
        }
    }

    /// Whether everything that the peer has sent before its FIN was read.
    pub(super) fn is_at_end(&self, machine: &Machine) -> bool {
        let Some(id) = self.id else { return self.is_ended };
        let endpoint = machine.endpoint();
        if endpoint.readable_octets(id) > 0 {
            return false;
        }
        // One that came back was told so in an earlier life.
        let state = endpoint.state(id);
        self.is_ended
            || matches!(
                state,
                TcpState::CloseWait
                    | TcpState::LastAck
                    | TcpState::Closing
                    | TcpState::TimeWait
                    | TcpState::Linger
            )
    }
}

impl Socket {
    pub(super) fn new(serial: u64, phase: Phase) -> Self {
        Self { serial, bound: None, phase, options: Options::default(), is_fresh: true }
    }

    pub(super) fn stream(&self) -> Option<&Stream> {
        match &self.phase {
            Phase::Connected(stream) => Some(stream),
            _ => None,
        }
    }

    pub(super) fn stream_mut(&mut self) -> Option<&mut Stream> {
        match &mut self.phase {
            Phase::Connected(stream) => Some(stream),
            _ => None,
        }
    }

    pub(super) fn connection(&self) -> Option<ConnectionId> {
        self.stream().and_then(|stream| stream.id)
    }

    /// Whether `address` cannot be bound beside this socket.
    pub(super) fn conflicts_with(&self, address: SocketAddr) -> bool {
        self.bound.is_some_and(|bound| {
            let overlaps = |one: IpAddr, other: IpAddr| one == other || one.is_unspecified();
            bound.port() == address.port()
                && bound.is_ipv4() == address.is_ipv4()
                && (overlaps(bound.ip(), address.ip()) || overlaps(address.ip(), bound.ip()))
        })
    }

    /// What an epoch has of it.
    pub(super) fn kept(&self) -> Kept {
        let role = match &self.phase {
            Phase::New => Role::New,
            Phase::Listening(listening) => {
                Role::Listening { local: listening.local, backlog: listening.backlog }
            }
            Phase::Connected(stream) => Role::Connected(KeptStream {
                connection: stream.id.map(ConnectionId::number),
                local: stream.local,
                remote: stream.remote,
                standing: stream.standing,
                is_ended: stream.is_ended,
                over: stream.over.clone(),
                read_octets: stream.read_octets,
                written_octets: stream.written_octets,
            }),
        };
        Kept { bound: self.bound, options: self.options, role }
    }
}

/// A socket in an epoch.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) bound: Option<SocketAddr>,
    pub(super) options: Options,
    pub(super) role: Role,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Role {
    New,
    Listening { local: SocketAddr, backlog: usize },
    Connected(KeptStream),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KeptStream {
    /// The number by which the epoch knows the connection.
    pub(super) connection: Option<u64>,
    local: SocketAddr,
    remote: SocketAddr,
    standing: Standing,
    is_ended: bool,
    over: Option<Over>,
    read_octets: u64,
    written_octets: u64,
}

impl KeptStream {
    /// What it is in this life: with the connection that came back for it, or without.
    pub(super) fn returned(self, id: Option<ConnectionId>) -> Stream {
        let lost = || (!self.is_ended).then(Over::lost);
        let over = match id {
            Some(_) => self.over,
            None => self.over.or_else(lost),
        };
        Stream {
            id,
            local: self.local,
            remote: self.remote,
            standing: self.standing,
            is_ended: self.is_ended,
            over,
            read_octets: self.read_octets,
            written_octets: self.written_octets,
        }
    }
}

/// How many may wait, of a number that a program wrote.
pub(super) fn backlog(accept_max: usize) -> Backlog {
    Backlog { accept_max: accept_max.max(1), ..Backlog::default() }
}
