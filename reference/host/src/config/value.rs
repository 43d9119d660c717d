//! Values of the configuration, as people write them.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use ipnet::IpNet;
use serde::Deserialize;

/// An address with a port: `10.7.0.1:443`, `[fd07::1]:443`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Address(pub SocketAddr);

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mistake = || format!("expected an address with a port, such as 10.7.0.1:443, found `{text}`");
        text.parse().map(Self).map_err(|_| mistake())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A time: `5ms`, `2s`, `1h 30min`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Period(pub Duration);

impl TryFrom<String> for Period {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mistake =
            |error| format!("expected a time, such as 5ms, 2s or 1h 30min, found `{text}`: {error}");
        humantime::parse_duration(&text).map(Self).map_err(mistake)
    }
}

/// A count of octets: `64KiB`, `1MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Size(pub u64);

impl Size {
    /// No buffer is larger.
    pub(crate) fn as_u32(self) -> u32 {
        u32::try_from(self.0).unwrap_or(u32::MAX)
    }
}

impl TryFrom<String> for Size {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mistake = || format!("expected a count of octets, such as 64KiB or 1MiB, found `{text}`");
        match ByteSize::from_str(&text) {
            Ok(size) if (1..=u64::from(u32::MAX)).contains(&size.as_u64()) => Ok(Self(size.as_u64())),
            _ => Err(mistake()),
        }
    }
}

/// Destinations: an address or a prefix, and a port, a range of them or all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Target {
    /// The addresses.
    pub net: IpNet,
    /// The ports.
    pub ports: Ports,
}

/// Ports, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// The first.
    pub first: u16,
    /// The last.
    pub last: u16,
}

impl Ports {
    /// All.
    pub const ALL: Self = Self { first: 0, last: u16::MAX };

    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::ALL);
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        (first > 0 && first <= last).then_some(Self { first, last })
    }
}

impl Target {
    /// Whether it names `address`.
    #[must_use]
    pub fn has(&self, address: SocketAddr) -> bool {
        self.net.contains(&address.ip().to_canonical())
            && (self.ports.first..=self.ports.last).contains(&address.port())
    }
}

impl TryFrom<String> for Target {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parsed = || {
            let (hosts, ports) = text.rsplit_once(':')?;
            let hosts = hosts.strip_prefix('[').and_then(|hosts| hosts.strip_suffix(']')).unwrap_or(hosts);
            let net = hosts.parse::<IpNet>().or_else(|_| hosts.parse::<IpAddr>().map(IpNet::from)).ok()?;
            Some(Self { net: net.trunc(), ports: Ports::parse(ports)? })
        };
        parsed().ok_or_else(|| {
            format!(
                "expected a destination, such as 10.9.0.0/24:*, 10.9.0.1:443, 10.9.0.1:8000-8099 or \
                 [fd09::/64]:443, found `{text}`"
            )
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.net.addr().is_ipv6() {
            write!(f, "[{}]:", self.net)?;
        } else {
            write!(f, "{}:", self.net)?;
        }
        match self.ports {
            Ports::ALL => f.write_str("*"),
            Ports { first, last } if first == last => write!(f, "{first}"),
            Ports { first, last } => write!(f, "{first}-{last}"),
        }
    }
}
