//! Listeners: who waits for connections, and how many may wait for its owner.

use alloc::collections::VecDeque;
use core::fmt;
use core::net::{IpAddr, SocketAddr};

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

/// Addresses that begin alike: for who listens on all of them ([`Endpoint::listen_prefix`](crate::Endpoint::listen_prefix)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Prefix {
    address: IpAddr,
    len_bits: u8,
}

impl Prefix {
    /// The addresses whose first `len_bits` bits are those of `address`: 0 to 32 for IPv4, 0 to 128 for IPv6. `None` if it
    /// is longer than that, or a bit of `address` after them is set.
    #[must_use]
    pub fn new(address: IpAddr, len_bits: u8) -> Option<Self> {
        let (bits, width) = bits_of(address);
        let is_prefix = u32::from(len_bits) <= width && first(bits, width, len_bits) == bits;
        is_prefix.then_some(Self { address, len_bits })
    }

    /// Whether `address` is one of them.
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        let ((own, width), (bits, other_width)) = (bits_of(self.address), bits_of(address));
        width == other_width && first(bits, width, self.len_bits) == own
    }

    /// Bits that all of them have in common.
    pub(crate) fn len_bits(&self) -> u8 {
        self.len_bits
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.len_bits)
    }
}

/// The bits of an address, and how many there are.
fn bits_of(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), u32::BITS),
        IpAddr::V6(v6) => (v6.to_bits(), u128::BITS),
    }
}

/// `bits`, of which there are `width`, with all but the first `len_bits` cleared.
fn first(bits: u128, width: u32, len_bits: u8) -> u128 {
    let rest = width.saturating_sub(u32::from(len_bits));
    bits.checked_shr(rest).and_then(|kept| kept.checked_shl(rest)).unwrap_or(0)
}

/// Where a listener listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// One port of one address, or of all.
    At(SocketAddr),
    /// All ports of these addresses.
    Prefix(Prefix),
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
    pub(crate) place: Place,
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
    /// Another listener has the prefix.
    #[error("listen on {prefix}: taken")]
    PrefixTaken {
        /// What was asked for.
        prefix: Prefix,
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
