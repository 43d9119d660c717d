//! The two calls into the kernel that rustix leaves `unsafe`.
#![allow(unsafe_code, reason = "each block says why it is sound")]

use std::fs::File;
use std::io;

use rustix::fs::{Mode, OFlags};
use rustix::ioctl::{Opcode, Updater, ioctl, opcode};
use rustix::thread::{UnshareFlags, unshare_unsafe};

/// TUNSETIFF of linux/if_tun.h: `_IOW('T', 202, int)`, although it takes a `struct ifreq`.
const TUNSETIFF: Opcode = opcode::write::<i32>(b'T', 202);
/// IP packets, not Ethernet frames.
const IFF_TUN: u16 = 0x0001;
/// No header of four octets before each packet.
const IFF_NO_PI: u16 = 0x1000;
/// IFNAMSIZ: octets of a name with its NUL.
const NAME_OCTETS: usize = 16;

/// `struct ifreq` of linux/if.h as TUNSETIFF reads it: the name, the flags, and the rest of a union of 24 octets.
#[repr(C)]
struct InterfaceRequest {
    name: [u8; NAME_OCTETS],
    flags: u16,
    rest: [u8; 22],
}

/// Attaches to the TUN device `name` of this thread's network, which exists already. Reads and writes do not block.
pub(crate) fn attach_tun(name: &str) -> io::Result<File> {
    let mut request = InterfaceRequest { name: [0; NAME_OCTETS], flags: IFF_TUN | IFF_NO_PI, rest: [0; 22] };
    if name.len() >= NAME_OCTETS {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "an interface name has at most 15 octets"));
    }
    request.name[..name.len()].copy_from_slice(name.as_bytes());
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open("/dev/net/tun", flags, Mode::empty())?;
    // SAFETY: the kernel reads, and writes back, one `struct ifreq` of 40 octets, which `request` is.
    unsafe { ioctl(&file, Updater::<TUNSETIFF, InterfaceRequest>::new(&mut request)) }?;
    Ok(File::from(file))
}

/// Moves the calling thread into a network of its own, empty but for a loopback device that is down.
///
/// The network has no name: it is gone with the last process, thread and open file of it, however they end.
pub fn enter_new_network() -> io::Result<()> {
    // SAFETY: NEWNET alone leaves the table of file descriptors shared.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET) }?;
    Ok(())
}
