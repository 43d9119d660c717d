//! Why there is no TUN device, or none as it was asked for.

use std::fmt;
use std::io;

use ipnet::IpNet;
use thiserror::Error;

/// Why there is no TUN device, or none as it was asked for. A device that was made for nothing is gone again.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TunError {
    /// No interface can have this name.
    #[error(
        "TUN device `{name}`: expected a name of 1 to 15 octets without `/`, `%`, `:` and blanks, found {} octets",
        name.len()
    )]
    Name {
        /// The name.
        name: String,
    },
    /// More IPv4 addresses than one.
    #[error("TUN device `{name}`: expected one IPv4 address at most, found {found_count}")]
    Ipv4Addresses {
        /// The device.
        name: String,
        /// Those that were asked for.
        found_count: usize,
    },
    /// The kernel has no TUN driver, or this process does not see it.
    #[error(
        "/dev/net/tun: expected the TUN driver, found: {source} (`modprobe tun`, or a container without the device)"
    )]
    NoDriver {
        /// What open(2) said.
        source: io::Error,
    },
    /// This user may not open the driver.
    #[error("/dev/net/tun: expected to be allowed to read and write it, found: {source}")]
    DriverClosed {
        /// What open(2) said.
        source: io::Error,
    },
    /// This user may not make the device, nor attach to it.
    #[error(
        "TUN device `{name}`: expected CAP_NET_ADMIN in this network, or to be the owner of an existing device, \
         found: {source}"
    )]
    NotAllowed {
        /// The device.
        name: String,
        /// What TUNSETIFF said.
        source: io::Error,
    },
    /// Another process, or another link of this one, is attached to the device.
    #[error("TUN device `{name}`: expected nobody attached to it, found it busy")]
    Busy {
        /// The device.
        name: String,
    },
    /// There is a device of this name, but of another kind.
    #[error(
        "TUN device `{name}`: expected no interface or a TUN device of one queue, found one of another kind"
    )]
    OtherKind {
        /// The device.
        name: String,
    },
    /// The device is there, but could not be made what was asked for.
    #[error("TUN device `{name}`: expected {step}, found: {source}")]
    Step {
        /// The device.
        name: String,
        /// What was asked for.
        step: TunStep,
        /// What the kernel said.
        source: io::Error,
    },
}

/// A step from nothing to a device that carries packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TunStep {
    /// Attaching to it, for a reason without a name of its own.
    Attach,
    /// Reads and writes that do not wait.
    NonBlocking,
    /// The header before every packet, for offload.
    Header,
    /// Its MTU.
    Mtu {
        /// In octets.
        octets: u16,
    },
    /// The length of its queue.
    Queue {
        /// In packets.
        packets: u32,
    },
    /// An address of this machine on it.
    Address(IpNet),
    /// Its owner.
    Owner {
        /// A user's number.
        uid: u32,
    },
    /// That it stays when nobody is attached.
    Persistence,
    /// That it is up.
    Up,
}

impl fmt::Display for TunStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attach => f.write_str("to attach to it"),
            Self::NonBlocking => f.write_str("reads and writes that do not wait"),
            Self::Header => f.write_str("a virtio-net header of 10 octets"),
            Self::Mtu { octets } => write!(f, "an MTU of {octets} octets"),
            Self::Queue { packets } => write!(f, "a queue of {packets} packets"),
            Self::Address(address) => write!(f, "the address {address}"),
            Self::Owner { uid } => write!(f, "the owner {uid}"),
            Self::Persistence => f.write_str("it to be made persistent"),
            Self::Up => f.write_str("it to be brought up"),
        }
    }
}
