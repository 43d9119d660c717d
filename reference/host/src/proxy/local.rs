//! The local leg of a pair: a TCP connection of the kernel, whose own counts say what really happened to it.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::net::RecvFlags;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::sys;

/// States of net/tcp_states.h in which this end's FIN counts among the octets written.
const FIN_WRITTEN: [u8; 6] = [4, 5, 6, 7, 9, 11];
/// Those in which the peer's FIN counts among the octets received.
const FIN_RECEIVED: [u8; 5] = [6, 7, 8, 9, 11];
/// TCP_CLOSE.
const CLOSE: u8 = 7;
/// Attempts to read several counts of one instant.
const ATTEMPTS: u32 = 16;
/// Octets of the kernel's receive buffer: what may be peeked at and wait for an epoch.
const RECEIVE_BUFFER_OCTETS: usize = 4 << 20;

/// Who began the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The program at the other end.
    Program,
    /// The proxy: the kernel counts the SYN.
    Proxy,
}

/// How octets are looked at without taking them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Peeking {
    /// The kernel knows how far (SO_PEEK_OFF, for TCP since Linux 6.9).
    ByOffset,
    /// Always from the start.
    FromStart,
}

/// What the kernel has done for a connection so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Octets written to it.
    pub(crate) written: u64,
    /// Octets read from it.
    pub(crate) consumed: u64,
    /// Whether anything can still happen.
    pub(crate) standing: Standing,
}

/// Whether a connection of the kernel is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// One direction is open, at least.
    Open,
    /// Both directions were closed, and acknowledged.
    Finished,
    /// It was reset.
    Reset,
}

/// A local leg.
#[derive(Debug)]
pub(crate) struct Local {
    socket: Socket,
    origin: Origin,
    peeking: Peeking,
    /// Octets that were peeked at, of those that wait.
    peeked: u64,
    /// Nothing has said that a read would wait.
    pub(crate) may_read: bool,
    /// The same for a write.
    pub(crate) may_write: bool,
}

impl Local {
    /// One that a listener gave, or that was kept.
    pub(crate) fn new(socket: Socket, origin: Origin) -> Self {
        Self { socket, origin, peeking: Peeking::FromStart, peeked: 0, may_read: true, may_write: true }
    }

    pub(crate) fn kept(descriptor: OwnedFd, origin: Origin) -> Self {
        Self::new(Socket::from(descriptor), origin)
    }

    /// Begins a connection to `remote`; it is there when it can be written to. `mark` is put on its packets.
    pub(crate) fn connect(remote: SocketAddr, mark: u32) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(remote), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        // Without CAP_NET_ADMIN there is no mark: then the rules let the user of the proxy through.
        socket.set_mark(mark).ok();
        socket.set_tcp_nodelay(true)?;
        match socket.connect(&SockAddr::from(remote)) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
            Err(error) => return Err(error),
        }
        let mut local = Self::new(socket, Origin::Proxy);
        local.may_write = false;
        Ok(local)
    }

    /// Why a connection that was begun failed, if it did; `None` while nothing is known.
    pub(crate) fn connected(&self) -> Option<io::Result<()>> {
        if let Ok(Some(error)) = self.socket.take_error() {
            return Some(Err(error));
        }
        match self.socket.peer_addr() {
            Ok(_) => Some(Ok(())),
            Err(_) => None,
        }
    }

    pub(crate) fn register(&self, registry: &Registry, token: Token) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut SourceFd(&self.socket.as_raw_fd()), token, interest)
    }

    /// To be called before it is dropped: copies that are kept would go on telling.
    pub(crate) fn deregister(&self, registry: &Registry) {
        registry.deregister(&mut SourceFd(&self.socket.as_raw_fd())).ok();
    }

    pub(crate) fn into_socket(self) -> Socket {
        self.socket
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// What the kernel says of it.
    pub(crate) fn progress(&self) -> io::Result<Progress> {
        let mut counts = sys::tcp_counts(&self.socket)?;
        for _ in 0..ATTEMPTS {
            let unacknowledged = sys::unacknowledged(&self.socket)?;
            let unread = rustix::io::ioctl_fionread(&self.socket)?;
            let again = sys::tcp_counts(&self.socket)?;
            if again == counts {
                let counted = |states: &[u8]| u64::from(states.contains(&counts.state));
                let syn = u64::from(self.origin == Origin::Proxy);
                let not_octets = counted(&FIN_WRITTEN) + syn;
                let written = (counts.acked + unacknowledged).saturating_sub(not_octets);
                let consumed = counts.received.saturating_sub(unread + counted(&FIN_RECEIVED));
                let standing = match counts.state {
                    CLOSE if self.socket.take_error()?.is_some() => Standing::Reset,
                    CLOSE => Standing::Finished,
                    _ => Standing::Open,
                };
                return Ok(Progress { written, consumed, standing });
            }
            counts = again;
        }
        Err(io::Error::other("its counts do not hold still"))
    }

    /// What waits to be read may wait for an epoch: there is room for much of it.
    pub(crate) fn make_room(socket: &Socket) {
        let size = RECEIVE_BUFFER_OCTETS;
        if rustix::net::sockopt::set_socket_recv_buffer_size_force(socket, size).is_err() {
            // Up to what the administrator allows.
            socket.set_recv_buffer_size(size).ok();
        }
    }

    /// From now on octets are peeked at, from `offset` on.
    pub(crate) fn begin_peeking(&mut self, offset: u64) {
        self.peeked = offset;
        self.peeking = match sys::set_peek_offset(&self.socket, offset) {
            Ok(()) => Peeking::ByOffset,
            Err(_) => Peeking::FromStart,
        };
    }

    /// Puts octets that were not peeked at before into `room`; gives where they are in it. None are the end of the stream.
    pub(crate) fn peek(&mut self, room: &mut [u8], count_max: usize) -> io::Result<std::ops::Range<usize>> {
        match self.peeking {
            Peeking::ByOffset => {
                let room = room.get_mut(..count_max).unwrap_or_default();
                let (_, count) = rustix::net::recv(&self.socket, room, RecvFlags::PEEK)?;
                self.peeked += octets(count);
                Ok(0..count)
            }
            Peeking::FromStart => {
                let known = usize::try_from(self.peeked).unwrap_or(usize::MAX);
                let end = room.len().min(known.saturating_add(count_max));
                if end <= known {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                let room = room.get_mut(..end).unwrap_or_default();
                let (_, count) = rustix::net::recv(&self.socket, room, RecvFlags::PEEK)?;
                if count <= known {
                    let is_over = sys::tcp_counts(&self.socket)
                        .is_ok_and(|counts| FIN_RECEIVED.contains(&counts.state));
                    return if is_over { Ok(0..0) } else { Err(io::ErrorKind::WouldBlock.into()) };
                }
                self.peeked += octets(count - known);
                Ok(known..count)
            }
        }
    }

    /// The last `count` octets that were peeked at are to be peeked at again.
    pub(crate) fn unpeek(&mut self, count: usize) -> io::Result<()> {
        self.peeked = self.peeked.saturating_sub(octets(count));
        match self.peeking {
            Peeking::ByOffset => sys::set_peek_offset(&self.socket, self.peeked),
            Peeking::FromStart => Ok(()),
        }
    }

    /// Takes `count` octets that were peeked at; `scratch` is not written to.
    pub(crate) fn consume(&mut self, mut count: u64, scratch: &mut [u8]) -> io::Result<()> {
        while count > 0 {
            let wanted = usize::try_from(count).unwrap_or(usize::MAX).min(scratch.len());
            let room = scratch.get_mut(..wanted).unwrap_or_default();
            // With TRUNC the kernel drops them (tcp(7)).
            let taken = match rustix::net::recv(&self.socket, room, RecvFlags::TRUNC) {
                Ok((_, taken)) => taken,
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            if taken == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.peeked = self.peeked.saturating_sub(octets(taken));
            count = count.saturating_sub(octets(taken));
        }
        Ok(())
    }

    pub(crate) fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let (_, count) = rustix::net::recv(&self.socket, room, RecvFlags::empty())?;
        Ok(count)
    }

    pub(crate) fn write(&mut self, first: &[u8], second: &[u8]) -> io::Result<usize> {
        if second.is_empty() {
            return self.socket.send(first);
        }
        self.socket.send_vectored(&[IoSlice::new(first), IoSlice::new(second)])
    }

    /// No more is written.
    pub(crate) fn end(&self) {
        // One that is over needs no end.
        self.socket.shutdown(std::net::Shutdown::Write).ok();
    }

    /// Once the last copy of it is closed, the program at the other end is told by a reset.
    pub(crate) fn doom(&self) {
        self.socket.set_linger(Some(Duration::ZERO)).ok();
    }
}

impl AsFd for Local {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn octets(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
