//! Listeners: who waits for connections, and how many may wait for its owner.

use alloc::collections::VecDeque;
use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::endpoint::slots::ConnectionId;
use crate::time::Time;

/// Names one listener of one [`Endpoint`](crate::Endpoint).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ListenerId(pub(crate) ConnectionId);

impl ListenerId {
    /// A number that only this listener has.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0.number()
    }

    /// The id that has this [`number`](Self::number).
    #[must_use]
    pub fn from_number(number: u64) -> Self {
        Self(ConnectionId::from_number(number))
    }
}

/// Bounds of one listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Backlog {
    /// Connections in SYN-RECEIVED. Beyond it a SYN is answered with a cookie, and nothing of it is kept.
    pub half_open_max: u32,
    /// Connections that wait for [`Endpoint::accept`](crate::Endpoint::accept). Beyond it the third segment of a
    /// handshake is dropped, and comes again.
    pub accept_max: usize,
}

impl Default for Backlog {
    fn default() -> Self {
        Self { half_open_max: 1 << 10, accept_max: 1 << 12 }
    }
}

/// One listener.
#[derive(Debug, Clone)]
pub(crate) struct Listener {
    pub(crate) local: SocketAddr,
    pub(crate) config: u16,
    pub(crate) backlog: Backlog,
    /// Connections in SYN-RECEIVED.
    pub(crate) half_open: u32,
    /// Connections that nobody has accepted, oldest first; some may be gone.
    pub(crate) queue: VecDeque<ConnectionId>,
    /// Cookies count until then: none was made long before.
    pub(crate) cookies_until: Time,
}

impl Listener {
    /// Whether one more connection may wait to be accepted.
    pub(crate) fn has_room(&self) -> bool {
        self.queue.len() < self.backlog.accept_max
    }

    /// Whether one more connection may begin, and be kept from its SYN on.
    pub(crate) fn keeps_another(&self) -> bool {
        self.has_room() && self.half_open < self.backlog.half_open_max
    }
}

/// Why nobody listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// Another listener has the address and port.
    #[error("listen on {local}: taken")]
    Taken {
        /// What was asked for.
        local: SocketAddr,
    },
    /// Port 0.
    #[error("listen on port 0")]
    NoPort,
    /// 65,536 configurations are in use.
    #[error("listen: 65,536 configurations are in use")]
    TooManyConfigs,
}

/// Why a connection is not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The addresses are of two families.
    #[error("connect from {local} to {remote}: two address families")]
    Families {
        /// This end.
        local: SocketAddr,
        /// The other.
        remote: SocketAddr,
    },
    /// There is a connection between these addresses and ports already.
    #[error("connect from {local} to {remote}: there is such a connection")]
    InUse {
        /// This end.
        local: SocketAddr,
        /// The other.
        remote: SocketAddr,
    },
    /// The remote address is not that of one host (RFC 9293, MUST-46), an address is unspecified, or the remote port 0.
    #[error("connect to {remote}: no address of a host")]
    NotUnicast {
        /// The other end.
        remote: SocketAddr,
    },
    /// No ephemeral port is free.
    #[error("connect to {remote}: no port is free")]
    NoPort {
        /// The other end.
        remote: SocketAddr,
    },
    /// The bound on connections is reached.
    #[error("connect: {connections_max} connections there are")]
    Full {
        /// The bound.
        connections_max: u32,
    },
    /// The endpoint waits for the connections that it had.
    #[error("connect: the endpoint is being restored")]
    Restoring,
    /// 65,536 configurations are in use.
    #[error("connect: 65,536 configurations are in use")]
    TooManyConfigs,
}
