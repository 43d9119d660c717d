//! What carries IP packets: a TUN device, or memory between two hosts of one process.

mod memory;
mod tun;

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use hiatus_engine::{ChecksumStatus, ChecksumWriter, Packet};
use mio::Waker;

pub use memory::{Cut, MemoryLink};
pub use tun::{LinkTrouble, TunCounters, TunError, TunLifetime, TunLink, TunOffload, TunSettings, TunStep};

/// Octets of the longest packet that a link gives; with offload, many segments behind one header.
pub const PACKET_OCTETS_MAX: usize = 65_535;

/// A link, and the end of it that this host has.
#[derive(Debug)]
pub enum Link {
    /// Memory: the other end is in the same process.
    Memory(MemoryLink),
    /// A TUN device: the kernel is at the other end.
    Tun(TunLink),
}

/// A packet that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Octets from the start of the buffer, the IP header included.
    pub len_octets: usize,
    /// Whether the link vouches for the TCP checksum.
    pub checksum: ChecksumStatus,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// The link has it, or has lost it as any wire may.
    Taken,
    /// The link has no room now.
    Full,
}

/// What a link does of the sender's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offload {
    /// Segments that one packet may have, which the link cuts; 1 if it cuts none.
    pub segments_per_packet: u16,
    /// Who finishes the TCP checksum.
    pub checksum: ChecksumWriter,
}

impl Link {
    /// The next packet, if there is one, at the start of `buffer`, which has [`PACKET_OCTETS_MAX`].
    ///
    /// # Errors
    ///
    /// An [`io::Error`] of the device; [`LinkTrouble::of`] says what it means.
    pub fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<Received>> {
        match self {
            Self::Memory(link) => Ok(link.receive(buffer)),
            Self::Tun(link) => link.receive(buffer),
        }
    }

    /// Sends `packet`, whose parts `layout` names.
    ///
    /// # Errors
    ///
    /// An [`io::Error`] of the device, such as EIO while it is down; [`LinkTrouble::of`] says what it means.
    pub fn send(&mut self, packet: &[u8], layout: &Packet) -> io::Result<Sent> {
        match self {
            Self::Memory(link) => link.send(packet),
            Self::Tun(link) => link.send(packet, layout),
        }
    }

    /// What it does of the sender's work.
    #[must_use]
    pub fn offload(&self) -> Offload {
        match self {
            Self::Memory(_) => Offload { segments_per_packet: 1, checksum: ChecksumWriter::Endpoint },
            Self::Tun(link) => link.offload(),
        }
    }

    /// The largest IP packet that it takes uncut, in octets.
    #[must_use]
    pub fn mtu_octets(&self) -> u16 {
        match self {
            Self::Memory(link) => link.mtu_octets(),
            Self::Tun(link) => link.mtu_octets(),
        }
    }

    /// Names who is woken when packets come, where no descriptor becomes readable.
    pub fn set_waker(&mut self, waker: Arc<Waker>) {
        match self {
            Self::Memory(link) => link.set_waker(waker),
            Self::Tun(_) => {}
        }
    }

    /// What becomes readable when packets wait; `None` where nothing does.
    #[must_use]
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Memory(_) => None,
            Self::Tun(link) => Some(link.descriptor()),
        }
    }
}
