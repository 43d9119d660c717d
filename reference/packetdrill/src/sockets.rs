//! Sockets as POSIX has them, over a [`Host`] in virtual time.
//!
//! No call sleeps: one that would is answered by [`Refusal::Blocks`], and whoever made it makes it again when anything
//! changed. `errno` values are those of Linux where POSIX leaves a choice.

mod call;
mod epoll;
mod number;
mod option;
mod poll;
mod setting;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hiatus_engine::{CloseReason, ConnectionId, IcmpErrorKind, ListenerId, TcpState};

pub use crate::errno::{Errno, Refusal};
use crate::host::Host;
use epoll::Epoll;
pub use epoll::{EpollChange, EpollEvent};
pub use option::{Linger, OptionValue, TcpInfo};
pub use poll::PollEntry;
pub use setting::{SettingError, Settings};

/// Number of a socket: the owner chooses it, as the kernel would.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fd(pub i32);

/// Flags of a `recv` or `send`: the sum of `MSG_*` numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MessageFlags(pub i32);

impl MessageFlags {
    fn has(self, flag: i32) -> bool {
        self.0 & flag != 0
    }
}

/// Whether a call may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// It waits.
    Blocking,
    /// `O_NONBLOCK`.
    NonBlocking,
}

/// The family of a socket's addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

impl Family {
    fn any(self) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::UNSPECIFIED.into(),
            Self::V6 => Ipv6Addr::UNSPECIFIED.into(),
        }
    }
}

/// What a socket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Neither bound to a peer nor listening.
    Fresh,
    Listening(ListenerId),
    /// `reported` once `connect` told the application, or it was accepted.
    Connected {
        id: ConnectionId,
        reported: Reported,
    },
}

/// Whether the application knows that its connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reported {
    Yes,
    NotYet,
}

#[derive(Debug)]
struct Socket {
    family: Family,
    patience: Patience,
    bound: Option<SocketAddr>,
    role: Role,
    settings: Settings,
    /// `SO_ERROR`, to be told once.
    error: Option<Errno>,
    /// The end of the connection was turned into [`Self::error`] already.
    end_is_noted: bool,
    read_is_shut: bool,
    write_is_shut: bool,
}

/// The table of sockets of one process, and its host.
#[derive(Debug)]
pub struct Sockets {
    host: Host,
    sockets: BTreeMap<Fd, Socket>,
    epolls: BTreeMap<Fd, Epoll>,
    address_v4: Ipv4Addr,
    address_v6: Ipv6Addr,
    defaults: Settings,
}

impl Sockets {
    /// No socket yet. `addresses` are those of the interface: `connect` leaves from one of them.
    #[must_use]
    pub fn new(address_v4: Ipv4Addr, address_v6: Ipv6Addr, defaults: Settings) -> Self {
        Self {
            host: Host::default(),
            sockets: BTreeMap::new(),
            epolls: BTreeMap::new(),
            address_v4,
            address_v6,
            defaults,
        }
    }

    /// The host below.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The host below, for packets and time.
    pub fn host_mut(&mut self) -> &mut Host {
        &mut self.host
    }

    fn socket_of(&self, fd: Fd) -> Result<&Socket, Errno> {
        let missing = if self.epolls.contains_key(&fd) { Errno::ENOTSOCK } else { Errno::EBADF };
        self.sockets.get(&fd).ok_or(missing)
    }

    fn socket_mut(&mut self, fd: Fd) -> Result<&mut Socket, Errno> {
        let missing = if self.epolls.contains_key(&fd) { Errno::ENOTSOCK } else { Errno::EBADF };
        self.sockets.get_mut(&fd).ok_or(missing)
    }

    /// The connection of a socket.
    fn connection_of(&self, fd: Fd) -> Result<Option<ConnectionId>, Errno> {
        Ok(match self.socket_of(fd)?.role {
            Role::Connected { id, .. } => Some(id),
            Role::Fresh | Role::Listening(_) => None,
        })
    }

    /// Turns the end of every connection into the error its socket tells (`SO_ERROR`).
    fn note_ends(&mut self) {
        for socket in self.sockets.values_mut() {
            let Role::Connected { id, .. } = socket.role else { continue };
            let over = self.host.status(id).and_then(|status| status.over);
            if let Some(reason) = over.filter(|_| !socket.end_is_noted) {
                socket.end_is_noted = true;
                socket.error =
                    error_of(reason, self.host.status(id).is_some_and(|status| status.peer_closed));
            }
        }
    }

    /// The error that waits for the application, taken from it.
    fn take_error(&mut self, fd: Fd) -> Result<Option<Errno>, Errno> {
        self.note_ends();
        Ok(self.socket_mut(fd)?.error.take())
    }

    /// The state of RFC 9293 that a socket's connection is in.
    fn state_of(&self, fd: Fd) -> TcpState {
        let found = self.sockets.get(&fd).map(|socket| socket.role);
        match found {
            Some(Role::Listening(_)) => TcpState::Listen,
            Some(Role::Connected { id, .. }) => {
                self.host.status(id).map_or(TcpState::Closed, |status| status.state)
            }
            Some(Role::Fresh) | None => TcpState::Closed,
        }
    }
}

/// What an application is told of a connection that ended for `reason`; `None` for an orderly end.
fn error_of(reason: CloseReason, peer_closed: bool) -> Option<Errno> {
    match reason {
        CloseReason::Finished | CloseReason::Aborted => None,
        // After the peer's FIN the next write fails as on a pipe (Linux: CLOSE-WAIT).
        CloseReason::Reset if peer_closed => Some(Errno::EPIPE),
        CloseReason::Refused => Some(Errno::ECONNREFUSED),
        CloseReason::NoAnswer => Some(Errno::ETIMEDOUT),
        CloseReason::Unreachable(IcmpErrorKind::PortUnreachable) => Some(Errno::ECONNREFUSED),
        CloseReason::Unreachable(IcmpErrorKind::ProtocolUnreachable) => Some(Errno::ENOPROTOOPT),
        CloseReason::Unreachable(_) => Some(Errno::EHOSTUNREACH),
        _ => Some(Errno::ECONNRESET),
    }
}
