//! The calls on a socket.

use std::net::{IpAddr, SocketAddr};

use hiatus_engine::{Backlog, Command, Config, ConnectError, EcnPolicy, TcpState};

use super::number::{self, Family as FamilyNumber};
use super::{Errno, Family, Fd, MessageFlags, Patience, Refusal, Reported, Role, Settings, Socket, Sockets};

/// Connections of one listener that are not accepted, whatever its backlog says.
const BACKLOG_MAX: usize = 4096;
/// Octets of the IPv4 and TCP headers.
const HEADERS_V4_OCTETS: u16 = 40;
/// Octets of the IPv6 and TCP headers.
const HEADERS_V6_OCTETS: u16 = 60;

/// The end that `shutdown` shuts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shut {
    Read,
    Write,
    Both,
}

impl Sockets {
    /// `socket`: the owner gives the number.
    ///
    /// # Errors
    ///
    /// `EAFNOSUPPORT`, `EPROTONOSUPPORT` unless it is TCP.
    pub fn socket(&mut self, fd: Fd, domain: i32, kind: i32, protocol: i32) -> Result<Fd, Errno> {
        let family = match number::family(domain) {
            Some(FamilyNumber::Inet) => Family::V4,
            Some(FamilyNumber::Inet6) => Family::V6,
            None => return Err(Errno::EAFNOSUPPORT),
        };
        if kind & 0xf != libc::SOCK_STREAM || ![0, libc::IPPROTO_TCP].contains(&protocol) {
            return Err(Errno::EPROTONOSUPPORT);
        }
        let is_patient = kind & libc::SOCK_NONBLOCK == 0;
        let patience = if is_patient { Patience::Blocking } else { Patience::NonBlocking };
        let settings = self.defaults.clone();
        self.sockets.insert(fd, fresh(family, patience, settings));
        Ok(fd)
    }

    /// `bind`.
    ///
    /// # Errors
    ///
    /// `EINVAL` if it is bound, `EADDRINUSE`, `EAFNOSUPPORT`.
    pub fn bind(&mut self, fd: Fd, address: SocketAddr) -> Result<(), Errno> {
        let socket = self.socket_of(fd)?;
        if socket.bound.is_some() || socket.role != Role::Fresh {
            return Err(Errno::EINVAL);
        }
        if (socket.family == Family::V4) != address.is_ipv4() {
            return Err(Errno::EAFNOSUPPORT);
        }
        let reuses = socket.reuses();
        let is_taken = self.sockets.iter().any(|(other, found)| {
            *other != fd
                && found.bound.is_some_and(|bound| address.port() != 0 && bound.port() == address.port())
                && !(reuses && found.reuses() && !matches!(found.role, Role::Listening(_)))
        });
        if is_taken {
            return Err(Errno::EADDRINUSE);
        }
        let port = if address.port() == 0 { self.host.ephemeral_port() } else { address.port() };
        self.socket_mut(fd)?.bound = Some(SocketAddr::new(address.ip(), port));
        Ok(())
    }

    /// `listen`.
    ///
    /// # Errors
    ///
    /// `EINVAL` on a connection, `EADDRINUSE`.
    pub fn listen(&mut self, fd: Fd, backlog: i32) -> Result<(), Errno> {
        let socket = self.socket_of(fd)?;
        match socket.role {
            Role::Listening(_) => return Ok(()),
            Role::Connected { .. } => return Err(Errno::EINVAL),
            Role::Fresh => {}
        }
        let local = match socket.bound {
            Some(bound) => bound,
            None => SocketAddr::new(socket.family.any(), self.host.ephemeral_port()),
        };
        // POSIX leaves 0 to the stack; Linux takes one more than it is told.
        let accept_max = usize::try_from(backlog).unwrap_or(BACKLOG_MAX).saturating_add(1).min(BACKLOG_MAX);
        let backlog = Backlog { accept_max, ..Backlog::default() };
        // As most hosts do: ECN is accepted, and not offered.
        let config = self.config_of(fd, EcnPolicy::On)?;
        let listener = self.host.listen(local, config, backlog).map_err(|_| Errno::EADDRINUSE)?;
        let socket = self.socket_mut(fd)?;
        socket.bound = Some(local);
        socket.role = Role::Listening(listener);
        Ok(())
    }

    /// `accept`: the owner gives the new number. Gives the peer's address.
    ///
    /// # Errors
    ///
    /// `EINVAL` if it does not listen, `EAGAIN`.
    pub fn accept(&mut self, fd: Fd, accepted: Fd) -> Result<SocketAddr, Refusal> {
        let socket = self.socket_of(fd)?;
        let Role::Listening(listener) = socket.role else { return Err(Errno::EINVAL.into()) };
        let (family, settings, patience) = (socket.family, socket.settings.clone(), socket.patience);
        let Some(id) = self.host.accept(listener) else { return Err(waits(patience, Errno::EAGAIN)) };
        let status = self.host.status(id).ok_or(Errno::ECONNABORTED)?;
        let role = Role::Connected { id, reported: Reported::Yes };
        let socket =
            Socket { role, bound: Some(status.local), ..fresh(family, Patience::Blocking, settings) };
        self.sockets.insert(accepted, socket);
        self.apply_settings(accepted)?;
        Ok(status.remote)
    }

    /// `connect`.
    ///
    /// # Errors
    ///
    /// `EINPROGRESS` and then `EALREADY` if it is not to wait; `EISCONN`; what became of the attempt.
    pub fn connect(&mut self, fd: Fd, remote: SocketAddr) -> Result<(), Refusal> {
        self.note_ends();
        let socket = self.socket_of(fd)?;
        let patience = socket.patience;
        match socket.role {
            Role::Listening(_) => Err(Errno::EISCONN.into()),
            Role::Connected { id, reported } => {
                if let Some(error) = self.take_error(fd)? {
                    self.host.release(id);
                    let socket = self.socket_mut(fd)?;
                    socket.role = Role::Fresh;
                    socket.end_is_noted = false;
                    return Err(error.into());
                }
                let is_connected = self.host.status(id).is_some_and(|status| status.was_connected);
                match (is_connected, reported) {
                    (true, Reported::Yes) => Err(Errno::EISCONN.into()),
                    (true, Reported::NotYet) => {
                        self.socket_mut(fd)?.role = Role::Connected { id, reported: Reported::Yes };
                        Ok(())
                    }
                    (false, _) => Err(waits(patience, Errno::EALREADY)),
                }
            }
            Role::Fresh => {
                self.start_connect(fd, remote)?;
                Err(waits(patience, Errno::EINPROGRESS))
            }
        }
    }

    /// True if `fd` is a socket that neither listens nor has a connection.
    #[must_use]
    pub fn is_fresh(&self, fd: Fd) -> bool {
        self.socket_of(fd).is_ok_and(|socket| socket.role == Role::Fresh)
    }

    fn start_connect(&mut self, fd: Fd, remote: SocketAddr) -> Result<(), Errno> {
        let socket = self.socket_of(fd)?;
        if (socket.family == Family::V4) != remote.is_ipv4() {
            return Err(Errno::EAFNOSUPPORT);
        }
        let own: IpAddr = if remote.is_ipv4() { self.address_v4.into() } else { self.address_v6.into() };
        let local = match socket.bound {
            Some(bound) if bound.ip().is_unspecified() => SocketAddr::new(own, bound.port()),
            Some(bound) => bound,
            None => SocketAddr::new(own, self.host.ephemeral_port()),
        };
        let config = self.config_of(fd, self.defaults.ecn)?;
        let id = self.host.connect(local, remote, config).map_err(|error| match error {
            ConnectError::NotUnicast { .. } => Errno::ENETUNREACH,
            _ => Errno::EADDRNOTAVAIL,
        })?;
        let socket = self.socket_mut(fd)?;
        socket.bound = Some(local);
        socket.role = Role::Connected { id, reported: Reported::NotYet };
        Ok(())
    }

    /// What the engine is told of a socket.
    pub(super) fn config_of(&self, fd: Fd, ecn: EcnPolicy) -> Result<Config, Errno> {
        let socket = self.socket_of(fd)?;
        let header_octets = match socket.family {
            Family::V4 => HEADERS_V4_OCTETS,
            Family::V6 => HEADERS_V6_OCTETS,
        };
        Ok(socket.settings.config(header_octets, ecn))
    }

    /// `recv`; `read` is one without flags. `MSG_PEEK` and `MSG_DONTWAIT` are known.
    ///
    /// # Errors
    ///
    /// `ENOTCONN`, `EAGAIN`, how the connection ended.
    pub fn recv(&mut self, fd: Fd, octets: &mut [u8], flags: MessageFlags) -> Result<usize, Refusal> {
        let Some(id) = self.connection_of(fd)? else { return Err(Errno::ENOTCONN.into()) };
        let status = self.host.status(id).ok_or(Errno::ENOTCONN)?;
        if octets.is_empty() {
            return Ok(0);
        }
        if status.readable_octets > 0 {
            let count = if flags.has(libc::MSG_PEEK) {
                self.host.peek(id, octets)
            } else {
                self.host.read(id, octets)
            };
            return Ok(count);
        }
        let error = self.take_error(fd)?;
        let socket = self.socket_of(fd)?;
        match error {
            // A reset after the peer's FIN: there is nothing more to read, and reading tells no more.
            Some(error) if !(status.peer_closed && error == Errno::EPIPE) => Err(error.into()),
            _ if status.peer_closed || status.over.is_some() || socket.read_is_shut => Ok(0),
            _ => Err(waits_unless(socket.patience, flags)),
        }
    }

    /// `send`; `write` is one without flags. Takes what there is room for.
    ///
    /// # Errors
    ///
    /// `EPIPE`, `EAGAIN`, how the connection ended.
    pub fn send(&mut self, fd: Fd, octets: &[u8], flags: MessageFlags) -> Result<usize, Refusal> {
        let Some(id) = self.connection_of(fd)? else { return Err(Errno::EPIPE.into()) };
        if let Some(error) = self.take_error(fd)? {
            return Err(error.into());
        }
        let socket = self.socket_of(fd)?;
        let status = self.host.status(id).ok_or(Errno::EPIPE)?;
        if socket.write_is_shut || status.over.is_some() {
            return Err(Errno::EPIPE.into());
        }
        let wait = waits_unless(socket.patience, flags);
        if !status.was_connected {
            return Err(wait);
        }
        match self.host.write(id, octets) {
            Ok(0) if !octets.is_empty() => Err(wait),
            Ok(count) => Ok(count),
            Err(_) => Err(Errno::EPIPE.into()),
        }
    }

    /// True if `fd` waits where it must: no `O_NONBLOCK`, no `MSG_DONTWAIT`.
    #[must_use]
    pub fn is_blocking(&self, fd: Fd, flags: MessageFlags) -> bool {
        self.socket_of(fd).is_ok_and(|socket| waits_unless(socket.patience, flags) == Refusal::Blocks)
    }

    /// `shutdown`.
    ///
    /// # Errors
    ///
    /// `EINVAL`, `ENOTCONN`.
    pub fn shutdown(&mut self, fd: Fd, how: i32) -> Result<(), Errno> {
        let shut = match how {
            libc::SHUT_RD => Shut::Read,
            libc::SHUT_WR => Shut::Write,
            libc::SHUT_RDWR => Shut::Both,
            _ => return Err(Errno::EINVAL),
        };
        let state = self.state_of(fd);
        match self.socket_of(fd)?.role {
            Role::Fresh => Err(Errno::ENOTCONN),
            Role::Listening(listener) => {
                if shut != Shut::Write {
                    self.host.unlisten(listener);
                    self.socket_mut(fd)?.role = Role::Fresh;
                }
                Ok(())
            }
            Role::Connected { .. } if state == TcpState::Closed => Err(Errno::ENOTCONN),
            Role::Connected { id, .. } => {
                let socket = self.socket_mut(fd)?;
                socket.read_is_shut |= shut != Shut::Write;
                if shut != Shut::Read && !socket.write_is_shut {
                    socket.write_is_shut = true;
                    self.host.command(id, Command::Close).map_err(|_| Errno::ENOTCONN)?;
                }
                Ok(())
            }
        }
    }

    /// `close`. The number is free then; the connection ends on its own, or with RST where `SO_LINGER` of zero seconds
    /// asks for it or octets are unread (RFC 2525, section 2.17).
    ///
    /// # Errors
    ///
    /// `EBADF`.
    pub fn close(&mut self, fd: Fd) -> Result<(), Errno> {
        for epoll in self.epolls.values_mut() {
            epoll.forget(fd);
        }
        if self.epolls.remove(&fd).is_some() {
            return Ok(());
        }
        let socket = self.sockets.remove(&fd).ok_or(Errno::EBADF)?;
        match socket.role {
            Role::Fresh => {}
            Role::Listening(listener) => self.host.unlisten(listener),
            Role::Connected { id, .. } => {
                if socket.settings.linger.is_on != 0 && socket.settings.linger.seconds == 0 {
                    // It may be over already.
                    self.host.command(id, Command::Abort).ok();
                }
                self.host.release(id);
            }
        }
        Ok(())
    }

    /// `fcntl`: `F_GETFL` and `F_SETFL`.
    ///
    /// # Errors
    ///
    /// `EBADF`, `EINVAL`.
    pub fn fcntl(&mut self, fd: Fd, command: i32, argument: i32) -> Result<i32, Errno> {
        let socket = self.socket_mut(fd)?;
        match command {
            libc::F_GETFL if socket.patience == Patience::NonBlocking => Ok(libc::O_RDWR | libc::O_NONBLOCK),
            libc::F_GETFL => Ok(libc::O_RDWR),
            libc::F_SETFL => {
                let waits = argument & libc::O_NONBLOCK == 0;
                socket.patience = if waits { Patience::Blocking } else { Patience::NonBlocking };
                Ok(0)
            }
            libc::F_GETFD | libc::F_SETFD => Ok(0),
            _ => Err(Errno::EINVAL),
        }
    }

    /// `ioctl`: `SIOCINQ` and `SIOCOUTQ`.
    ///
    /// # Errors
    ///
    /// `EBADF`, `EINVAL` on a listener, `ENOTTY`.
    pub fn ioctl(&mut self, fd: Fd, request: u64) -> Result<i32, Errno> {
        let role = self.socket_of(fd)?.role;
        let status = match role {
            Role::Listening(_) => return Err(Errno::EINVAL),
            Role::Fresh => None,
            Role::Connected { id, .. } => self.host.status(id),
        };
        let octets = match request {
            number::SIOCINQ => status.map_or(0, |status| status.readable_octets),
            number::SIOCOUTQ => {
                let octets =
                    status.and_then(|status| status.info).map_or(0, |info| info.unacknowledged_octets);
                usize::try_from(octets).unwrap_or(usize::MAX)
            }
            _ => return Err(Errno::ENOTTY),
        };
        Ok(i32::try_from(octets).unwrap_or(i32::MAX))
    }
}

impl Socket {
    fn reuses(&self) -> bool {
        self.settings.reuse_address != 0
    }
}

fn fresh(family: Family, patience: Patience, settings: Settings) -> Socket {
    Socket {
        family,
        patience,
        bound: None,
        role: Role::Fresh,
        settings,
        error: None,
        end_is_noted: false,
        read_is_shut: false,
        write_is_shut: false,
    }
}

/// Waits, or fails with `errno` where it is not to.
fn waits(patience: Patience, errno: Errno) -> Refusal {
    match patience {
        Patience::Blocking => Refusal::Blocks,
        Patience::NonBlocking => Refusal::Failed(errno),
    }
}

fn waits_unless(patience: Patience, flags: MessageFlags) -> Refusal {
    if flags.has(libc::MSG_DONTWAIT) { Errno::EAGAIN.into() } else { waits(patience, Errno::EAGAIN) }
}
