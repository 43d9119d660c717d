//! The TCP of the Linux that this process runs on, by ordinary sockets.

mod settings;
mod table;

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use hiatus_conformance::adapter::{Host, Setup};
use hiatus_conformance::target::{CallError, Received, StreamEnd, Target};
use hiatus_conformance::wire::OwnedSegment;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType, accept_with, bind, connect,
    listen, recv, send, shutdown, socket_with, sockopt,
};

use crate::refused;

/// Connections that may wait to be accepted: there is one.
const BACKLOG: i32 = 1;
/// Octets read at a time.
const CHUNK_OCTETS: usize = 1 << 16;

/// Sockets of the kernel; none of them waits.
#[derive(Debug)]
pub struct Linux {
    local: SocketAddr,
    remote: SocketAddr,
    listener: Option<OwnedFd>,
    stream: Option<OwnedFd>,
}

impl Linux {
    /// A host with nothing open.
    ///
    /// # Errors
    ///
    /// [`CallError::Unsupported`]: Hiatus is asked for. [`CallError::Refused`]: the network cannot be set as asked.
    pub fn new(setup: &Setup) -> Result<Self, CallError> {
        if setup.hiatus.is_some() {
            return Err(CallError::Unsupported("hiatus"));
        }
        settings::apply(setup).map_err(refused)?;
        Ok(Self { local: setup.local, remote: setup.remote, listener: None, stream: None })
    }

    /// A socket at the local address.
    fn socket(&self) -> Result<OwnedFd, Errno> {
        let family = if self.local.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(family, SocketType::STREAM, flags, None)?;
        sockopt::set_socket_reuseaddr(&socket, true)?;
        // Every kernel has it, and scripts know what it does.
        sockopt::set_tcp_congestion(&socket, "reno")?;
        sockopt::set_tcp_nodelay(&socket, true)?;
        bind(&socket, &self.local)?;
        Ok(socket)
    }

    /// The connection, which may just have come.
    fn stream(&mut self) -> Result<&OwnedFd, CallError> {
        if self.stream.is_none()
            && let Some(listener) = &self.listener
        {
            match accept_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
                Ok(stream) => self.stream = Some(stream),
                Err(Errno::AGAIN) => {}
                Err(error) => return Err(refused(error)),
            }
        }
        self.stream.as_ref().ok_or_else(|| refused("no connection"))
    }
}

impl Target for Linux {
    fn listen(&mut self, _now: Duration) -> Result<(), CallError> {
        let socket = self.socket().map_err(refused)?;
        listen(&socket, BACKLOG).map_err(refused)?;
        self.listener = Some(socket);
        Ok(())
    }

    fn connect(&mut self, _now: Duration) -> Result<(), CallError> {
        let socket = self.socket().map_err(refused)?;
        match connect(&socket, &self.remote) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(refused(error)),
        }
        self.stream = Some(socket);
        Ok(())
    }

    fn write(&mut self, _now: Duration, octets: &[u8]) -> Result<usize, CallError> {
        if self.stream().is_err() && self.listener.is_some() {
            // An application waits until somebody has connected.
            return Ok(0);
        }
        let stream = self.stream()?;
        let mut taken = 0;
        while let Some(rest) = octets.get(taken..).filter(|rest| !rest.is_empty()) {
            match send(stream, rest, SendFlags::NOSIGNAL) {
                Ok(count) => taken += count,
                Err(Errno::AGAIN) => break,
                Err(error) => return Err(refused(error)),
            }
        }
        Ok(taken)
    }

    fn read(&mut self, _now: Duration, room: usize) -> Result<Received, CallError> {
        let stream = self.stream()?;
        let mut received = Received::default();
        let mut chunk = vec![0; CHUNK_OCTETS];
        while received.octets.len() < room {
            let most = CHUNK_OCTETS.min(room - received.octets.len());
            match recv(stream, chunk.get_mut(..most).unwrap_or_default(), RecvFlags::empty()) {
                Ok((_, 0)) => {
                    received.end = StreamEnd::Closed;
                    break;
                }
                Ok((_, count)) => {
                    received.octets.extend_from_slice(chunk.get(..count).unwrap_or_default());
                }
                Err(Errno::AGAIN) => break,
                // What came before an error is read first.
                Err(_) if !received.octets.is_empty() => break,
                Err(error) => return Err(refused(error)),
            }
        }
        Ok(received)
    }

    fn close(&mut self, _now: Duration) -> Result<(), CallError> {
        let result = self.stream().map(|stream| shutdown(stream, Shutdown::Write).map_err(refused));
        match result {
            Ok(closed) => closed,
            // Nobody has come, and nobody is waited for any more.
            Err(_) if self.listener.take().is_some() => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn abort(&mut self, _now: Duration) -> Result<(), CallError> {
        let stream = self.stream()?;
        // Closed without time to linger, the kernel sends RST.
        sockopt::set_socket_linger(stream, Some(Duration::ZERO)).map_err(refused)?;
        self.stream = None;
        Ok(())
    }

    fn deliver(&mut self, _now: Duration, _segment: &OwnedSegment) {}

    fn transmit(&mut self, _now: Duration) -> Option<OwnedSegment> {
        None
    }

    fn next_timeout(&self) -> Option<Duration> {
        None
    }

    fn timeout(&mut self, _now: Duration) {}

    fn states(&self) -> Result<Vec<String>, CallError> {
        let state = table::state(self.local.port(), self.remote).map_err(refused)?;
        Ok(vec![state.to_owned(), "plain".to_owned()])
    }
}

/// Its packets are the kernel's.
impl Host for Linux {
    fn target(&mut self) -> &mut dyn Target {
        self
    }

    fn arrives(&mut self, _now: Duration, _packet: &[u8]) {}

    fn leaves(&mut self, _now: Duration) -> Option<Vec<u8>> {
        None
    }
}
