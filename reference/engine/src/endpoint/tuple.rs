//! Who talks to whom: both addresses and ports, in few octets.

use alloc::boxed::Box;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::config::IpVersion;

/// Octets of an IPv4 4-tuple.
const V4_OCTETS: usize = 12;
/// Octets of an IPv6 4-tuple.
const V6_OCTETS: usize = 36;

/// A 4-tuple: `local address | remote address | local port (2) | remote port (2)`, big endian; addresses of 4 or 16
/// octets. Both are of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tuple {
    octets: [u8; V6_OCTETS],
    len_octets: usize,
}

impl Tuple {
    /// `None` if the addresses are not of one family.
    pub(crate) fn new(local: SocketAddr, remote: SocketAddr) -> Option<Self> {
        match (local.ip(), remote.ip()) {
            (IpAddr::V4(here), IpAddr::V4(there)) => Some(Self::v4(here, local.port(), there, remote.port())),
            (IpAddr::V6(here), IpAddr::V6(there)) => Some(Self::v6(here, local.port(), there, remote.port())),
            _ => None,
        }
    }

    pub(crate) fn v4(local: Ipv4Addr, local_port: u16, remote: Ipv4Addr, remote_port: u16) -> Self {
        let mut octets = [0; V6_OCTETS];
        octets[..4].copy_from_slice(&local.octets());
        octets[4..8].copy_from_slice(&remote.octets());
        octets[8..10].copy_from_slice(&local_port.to_be_bytes());
        octets[10..12].copy_from_slice(&remote_port.to_be_bytes());
        Self { octets, len_octets: V4_OCTETS }
    }

    pub(crate) fn v6(local: Ipv6Addr, local_port: u16, remote: Ipv6Addr, remote_port: u16) -> Self {
        let mut octets = [0; V6_OCTETS];
        octets[..16].copy_from_slice(&local.octets());
        octets[16..32].copy_from_slice(&remote.octets());
        octets[32..34].copy_from_slice(&local_port.to_be_bytes());
        octets[34..36].copy_from_slice(&remote_port.to_be_bytes());
        Self { octets, len_octets: V6_OCTETS }
    }

    /// 12 or 36 octets.
    pub(crate) fn octets(&self) -> &[u8] {
        self.octets.get(..self.len_octets).unwrap_or(&self.octets)
    }

    pub(crate) fn is_v4(&self) -> bool {
        self.len_octets == V4_OCTETS
    }

    /// The version of IP.
    pub(crate) fn ip(&self) -> IpVersion {
        if self.is_v4() { IpVersion::V4 } else { IpVersion::V6 }
    }

    pub(crate) fn local(&self) -> SocketAddr {
        ends(self.octets()).0
    }

    pub(crate) fn remote(&self) -> SocketAddr {
        ends(self.octets()).1
    }

    /// The addresses without the ports: local, then remote.
    pub(crate) fn addresses(&self) -> &[u8] {
        let octets = self.octets();
        octets.get(..octets.len() - 4).unwrap_or(octets)
    }

    /// The same with another local port.
    pub(crate) fn with_local_port(mut self, port: u16) -> Self {
        let at = self.len_octets - 4;
        self.octets[at..at + 2].copy_from_slice(&port.to_be_bytes());
        self
    }
}

/// A 4-tuple as a slot keeps it: one of IPv4 takes no memory of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PackedTuple {
    V4([u8; V4_OCTETS]),
    V6(Box<[u8]>),
}

impl PackedTuple {
    pub(crate) fn new(tuple: &Tuple) -> Self {
        match tuple.octets().try_into() {
            Ok(octets) => Self::V4(octets),
            Err(_) => Self::V6(tuple.octets().into()),
        }
    }

    /// The version of IP.
    pub(crate) fn ip(&self) -> IpVersion {
        match self {
            Self::V4(_) => IpVersion::V4,
            Self::V6(_) => IpVersion::V6,
        }
    }

    /// As [`Tuple::octets`].
    pub(crate) fn octets(&self) -> &[u8] {
        match self {
            Self::V4(octets) => octets,
            Self::V6(octets) => octets,
        }
    }

    pub(crate) fn unpacked(&self) -> Tuple {
        let from = self.octets();
        let len_octets = from.len().min(V6_OCTETS);
        let mut octets = [0; V6_OCTETS];
        octets[..len_octets].copy_from_slice(&from[..len_octets]);
        Tuple { octets, len_octets }
    }
}

/// Local and remote end of 12 or 36 octets.
fn ends(octets: &[u8]) -> (SocketAddr, SocketAddr) {
    let address_octets = (octets.len() - 4) / 2;
    let (local, rest) = octets.split_at(address_octets);
    let (remote, ports) = rest.split_at(address_octets);
    let port = |at: usize| u16::from_be_bytes([ports[at], ports[at + 1]]);
    (SocketAddr::new(address(local), port(0)), SocketAddr::new(address(remote), port(2)))
}

fn address(octets: &[u8]) -> IpAddr {
    if let Ok(v4) = <[u8; 4]>::try_from(octets) {
        return Ipv4Addr::from(v4).into();
    }
    <[u8; 16]>::try_from(octets).map_or(Ipv6Addr::UNSPECIFIED, Ipv6Addr::from).into()
}
