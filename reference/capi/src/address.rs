//! Addresses and ports.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::refusal::Refusal;

/// Octets of `address` that an IPv4 address has.
const V4_OCTETS: usize = 4;

/// Address and port of one end.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Address {
    /// The address in network byte order: 4 octets of IPv4 and 12 of 0, or 16 of IPv6.
    pub octets: [u8; 16],
    /// The port in host byte order.
    pub port: u16,
    /// 4 or 6.
    pub family: u8,
    /// 0.
    pub reserved: u8,
}

impl Address {
    /// As the engine has it.
    pub(crate) fn of(address: SocketAddr) -> Self {
        let (octets, family) = match address.ip() {
            IpAddr::V4(ip) => {
                let mut octets = [0; 16];
                octets[..V4_OCTETS].copy_from_slice(&ip.octets());
                (octets, 4)
            }
            IpAddr::V6(ip) => (ip.octets(), 6),
        };
        Self { octets, port: address.port(), family, reserved: 0 }
    }

    /// As the engine wants it.
    pub(crate) fn socket(&self, argument: &'static str) -> Result<SocketAddr, Refusal> {
        let ip = match self.family {
            4 => {
                let [a, b, c, d, ..] = self.octets;
                IpAddr::V4(Ipv4Addr::new(a, b, c, d))
            }
            6 => IpAddr::V6(Ipv6Addr::from(self.octets)),
            found => {
                return Err(Refusal::OutOfRange { argument, found: u64::from(found), least: 4, most: 6 });
            }
        };
        Ok(SocketAddr::new(ip, self.port))
    }
}
