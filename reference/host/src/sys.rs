//! The calls into the kernel that rustix, socket2 and nix do not offer, or leave `unsafe`.
#![allow(unsafe_code, reason = "each block says why it is sound")]

use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use rustix::ioctl::{Getter, Opcode, ioctl};

/// SIOCOUTQ of linux/sockios.h, which is TIOCOUTQ.
const SIOCOUTQ: Opcode = 0x5411;
/// The first descriptor that is handed over (sd_listen_fds(3)).
pub(crate) const LISTEN_FDS_START: RawFd = 3;

/// What the kernel has counted for one of its TCP connections: `struct tcp_info` of linux/tcp.h.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TcpCounts {
    /// The state, as in net/tcp_states.h.
    pub(crate) state: u8,
    /// Octets of ours that the peer has acknowledged, its SYN/ACK's and a FIN counting one each.
    pub(crate) acked: u64,
    /// Octets of the peer in order, its FIN counting one.
    pub(crate) received: u64,
}

/// Asks for them.
pub(crate) fn tcp_counts(socket: impl AsFd) -> io::Result<TcpCounts> {
    // SAFETY: all fields are integers, for which zero is a value.
    let mut info: libc::tcp_info = unsafe { mem::zeroed() };
    let mut len = socklen(mem::size_of::<libc::tcp_info>());
    // SAFETY: the kernel writes at most `len` octets to `info`, which has so many, and the count to `len`.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut info).cast(),
            &raw mut len,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // An older kernel writes less: nothing can be told of what it has counted.
    let needed = mem::offset_of!(libc::tcp_info, tcpi_bytes_received) + mem::size_of::<u64>();
    if len < socklen(needed) {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "TCP_INFO without tcpi_bytes_received"));
    }
    Ok(TcpCounts { state: info.tcpi_state, acked: info.tcpi_bytes_acked, received: info.tcpi_bytes_received })
}

/// Octets that were written and are not acknowledged, a FIN counting one.
pub(crate) fn unacknowledged(socket: impl AsFd) -> io::Result<u64> {
    // SAFETY: SIOCOUTQ writes one `int`.
    let octets = unsafe { ioctl(socket, Getter::<SIOCOUTQ, libc::c_int>::new()) }?;
    Ok(u64::try_from(octets).unwrap_or(0))
}

/// Sets where the next peek begins, in octets from the first that was not read; each peek moves it on, each read back.
pub(crate) fn set_peek_offset(socket: impl AsFd, offset: u64) -> io::Result<()> {
    let offset = libc::c_int::try_from(offset).map_err(io::Error::other)?;
    set_option(socket, libc::SOL_SOCKET, libc::SO_PEEK_OFF, offset)
}

/// Lets a listener take connections to addresses that are not this machine's (IPV6_TRANSPARENT).
pub(crate) fn set_ipv6_transparent(socket: impl AsFd) -> io::Result<()> {
    set_option(socket, libc::SOL_IPV6, libc::IPV6_TRANSPARENT, 1)
}

fn set_option(
    socket: impl AsFd,
    level: libc::c_int,
    option: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    let len = socklen(mem::size_of::<libc::c_int>());
    // SAFETY: the kernel reads `len` octets of `value`, which has so many.
    let result = unsafe {
        libc::setsockopt(socket.as_fd().as_raw_fd(), level, option, (&raw const value).cast(), len)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Takes over a descriptor that this process was started with.
///
/// The caller has it from LISTEN_FDS, and calls this once for each: nobody else in this process knows the number.
pub(crate) fn inherited(descriptor: RawFd) -> OwnedFd {
    // SAFETY: it is open, for whoever started this process says so, and nobody else owns it, as said above.
    unsafe { OwnedFd::from_raw_fd(descriptor) }
}

/// Starts `command` with copies of `descriptors` as its descriptors 3, 4 and so on.
pub(crate) fn spawn_with(command: &mut Command, descriptors: &[&OwnedFd]) -> io::Result<Child> {
    let count = RawFd::try_from(descriptors.len()).map_err(io::Error::other)?;
    let mut numbers: Vec<RawFd> = descriptors.iter().map(|descriptor| descriptor.as_raw_fd()).collect();
    let to_the_child = move || {
        // First all of them out of the way, so that none is overwritten before it was copied.
        for number in &mut numbers {
            // SAFETY: fcntl and dup2 touch descriptors only, and may be called between fork and exec.
            *number = unsafe { libc::fcntl(*number, libc::F_DUPFD_CLOEXEC, LISTEN_FDS_START + count) };
            if *number < 0 {
                return Err(io::Error::last_os_error());
            }
        }
        for (number, target) in numbers.iter().zip(LISTEN_FDS_START..) {
            // SAFETY: as above; the copy is not closed by exec.
            if unsafe { libc::dup2(*number, target) } < 0 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(())
    };
    // SAFETY: the closure allocates nothing, takes no lock, and calls only what may be called between fork and exec.
    unsafe { command.pre_exec(to_the_child) };
    command.spawn()
}

fn socklen(octets: usize) -> libc::socklen_t {
    libc::socklen_t::try_from(octets).unwrap_or(libc::socklen_t::MAX)
}
