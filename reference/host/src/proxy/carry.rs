//! Connections of local programs: where they come in, and how they go out.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

use hiatus_engine::ConnectionId;
use mio::Interest;
use mio::unix::SourceFd;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tracing::{debug, info, warn};

use crate::config::{Config, Fallback, Front, Mode};
use crate::keep::{Kept, KeptDescriptors};
use crate::machine::Machine;
use crate::proxy::direct::Direct;
use crate::proxy::local::{Local, Origin};
use crate::proxy::pair::{Pair, Stage};
use crate::proxy::record::{Side, kept_name};
use crate::proxy::{Entrance, FIRST_TOKEN, Proxy, ProxyError, Survival, header};
use crate::sys;

/// Connections that one entrance gives before others have their turn.
const ACCEPTED_PER_ROUND: usize = 64;
/// Connections that the kernel keeps for the proxy while it is away.
const BACKLOG: i32 = 4096;

/// Places where local programs' connections come in.
#[derive(Debug, Default)]
pub struct Entrances {
    pub(super) sockets: Vec<(Socket, SocketAddr)>,
}

impl Entrances {
    /// Opens them, or takes those that were kept. To be called while the process still has its rights.
    ///
    /// # Errors
    ///
    /// A [`ProxyError`].
    pub fn open(config: &Config, kept: &Kept, given: &mut KeptDescriptors) -> Result<Self, ProxyError> {
        let mut sockets = Vec::new();
        let Some(front) = &config.proxy else { return Ok(Self { sockets }) };
        for address in front.listen.iter().map(|listen| listen.get_ref().0) {
            let name = format!("listen-{}", address.to_string().replace(':', "_"));
            let socket = match given.remove(&name) {
                Some(descriptor) => Socket::from(descriptor),
                None => {
                    let socket = listening(front, address);
                    let socket = socket.map_err(|error| ProxyError::Listen { address, error })?;
                    kept.store(&name, &socket);
                    socket
                }
            };
            if config.state.is_some() {
                // What it gives has the same room.
                Local::make_room(&socket);
            }
            sockets.push((socket, address));
        }
        Ok(Self { sockets })
    }
}

impl Proxy {
    pub(super) fn take_entrances(&mut self, entrances: Entrances) -> io::Result<()> {
        for (socket, address) in entrances.sockets {
            let token = mio::Token(FIRST_TOKEN + self.entrances.len());
            self.registry.register(&mut SourceFd(&socket.as_raw_fd()), token, Interest::READABLE)?;
            self.entrances.push(Entrance { socket, address, may_accept: true, is_short: false });
        }
        Ok(())
    }

    pub(super) fn accept_local(&mut self, machine: &mut Machine) {
        for index in 0..self.entrances.len() {
            for _ in 0..ACCEPTED_PER_ROUND {
                let Some(entrance) = self.entrances.get_mut(index) else { break };
                if !entrance.may_accept {
                    break;
                }
                match entrance.socket.accept() {
                    Ok((socket, _)) => {
                        let address = entrance.address;
                        if let Err(error) = self.come_in(machine, socket, address) {
                            warn!(%error, "a connection of a local program is lost");
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        if error.kind() != io::ErrorKind::WouldBlock {
                            warn!(%error, "no connection can be accepted");
                            entrance.is_short = true;
                        }
                        entrance.may_accept = false;
                    }
                }
            }
        }
    }

    fn come_in(&mut self, machine: &mut Machine, socket: Socket, entrance: SocketAddr) -> io::Result<()> {
        let number = self.number();
        if self.survival == Survival::Kept {
            // Before anything else: what is not kept dies with this process.
            self.kept.store(&kept_name(Side::Carry, number), &socket);
        }
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        self.carry(machine, number, socket, entrance)
    }

    /// Opens the far leg of a connection that came in.
    pub(super) fn carry(
        &mut self,
        machine: &mut Machine,
        number: u64,
        socket: Socket,
        entrance: SocketAddr,
    ) -> io::Result<()> {
        let source = peer(&socket)?;
        let destination = destination(self.front.mode, &socket)?;
        let mut pair = Pair::new(number, Side::Carry, source, destination, Stage::Opening);
        if destination == entrance {
            // It was not redirected: it means the proxy itself, which would connect to itself for ever.
            warn!(%source, "a connection to the proxy's own port is refused");
            Local::new(socket, Origin::Program).doom();
            self.kept.remove(&kept_name(Side::Carry, number));
            return Ok(());
        }
        let local = Local::new(socket, Origin::Program);
        let key = self.pairs.vacant_key();
        local.register(&self.registry, Self::token(key, 0))?;
        pair.local = Some(local);
        self.pairs.insert(pair);
        self.open_far(machine, key);
        Ok(())
    }

    fn open_far(&mut self, machine: &mut Machine, key: usize) {
        let Some(pair) = self.pairs.get(key) else { return };
        let destination = pair.destination;
        let Some(route) = self.routes.iter().find(|route| route.to.iter().any(|to| to.has(destination)))
        else {
            return self.go_direct(key, "no [[carry]] names it");
        };
        let remote = route.via.map_or(destination, |via| via.0);
        let Some(own) = self.own.iter().find(|own| own.is_ipv4() == remote.is_ipv4()) else {
            return self.fall_back(machine, key, "no address of its family");
        };
        match machine.connect(SocketAddr::new(*own, 0), remote) {
            Ok(far) => {
                self.join(key, far);
                self.set_deadline(key, self.front.connect_timeout.0);
                debug!(%destination, %remote, "carried");
            }
            Err(error) => self.fall_back(machine, key, &error.to_string()),
        }
    }

    /// The peer has lost the far leg before it delivered an octet: another one is opened.
    pub(super) fn carry_anew(&mut self, machine: &mut Machine, key: usize) {
        let Some(pair) = self.pairs.get_mut(key) else { return };
        info!(pair = pair.number, destination = %pair.destination, "the peer has lost it: carried anew");
        if let Some(far) = pair.far.take() {
            self.by_far.remove(&far);
            // One that is over needs no end.
            machine.command(far, hiatus_engine::Command::Abort).ok();
        }
        pair.begin_anew();
        pair.attempts += 1;
        self.removed.push(pair.number);
        machine.note_change();
        self.open_far(machine, key);
    }

    /// `far` is the far leg of a pair from now on.
    pub(super) fn join(&mut self, key: usize, far: ConnectionId) {
        if let Some(pair) = self.pairs.get_mut(key) {
            pair.far = Some(far);
            self.by_far.insert(far, key);
        }
    }

    pub(super) fn far_connected(&mut self, machine: &mut Machine, key: usize) {
        let Some(pair) = self.pairs.get_mut(key) else { return };
        let (Some(far), Stage::Opening) = (pair.far, pair.stage) else { return };
        let (source, destination) = (pair.source, pair.destination);
        let route = self.routes.iter().find(|route| route.to.iter().any(|to| to.has(destination)));
        if route.is_some_and(|route| route.via.is_some()) {
            let octets = header::written(source, destination);
            if machine.write(far, &octets) != Ok(octets.len()) {
                return self.fall_back(machine, key, "the header could not be written");
            }
        }
        self.both_are_there(machine, key);
    }

    /// The far leg cannot be opened: no octet has passed.
    pub(super) fn fall_back(&mut self, machine: &mut Machine, key: usize, why: &str) {
        let Some(pair) = self.pairs.get_mut(key) else { return };
        if let Some(far) = pair.far.take() {
            self.by_far.remove(&far);
            // One that is over needs no end.
            machine.command(far, hiatus_engine::Command::Abort).ok();
        }
        let destination = pair.destination;
        let route = self.routes.iter().find(|route| route.to.iter().any(|to| to.has(destination)));
        match route.map(|route| route.fallback) {
            Some(Fallback::Refuse) => self.break_off(machine, key, why),
            _ => self.go_direct(key, why),
        }
    }

    /// The local leg goes to its destination as plain TCP of the kernel.
    fn go_direct(&mut self, key: usize, why: &str) {
        let Some(Pair { number, source, destination, local: Some(near), .. }) = self.remove(key) else {
            return;
        };
        info!(pair = number, %source, %destination, why, "goes there as plain TCP");
        if self.survival == Survival::Kept {
            self.kept.remove(&kept_name(Side::Carry, number));
        }
        match Local::connect(destination, self.front.mark) {
            Ok(away) => self.add_direct(Direct::new(number, near, away, source, destination)),
            Err(error) => {
                info!(pair = number, %destination, %error, "cannot be reached");
                near.doom();
            }
        }
    }
}

fn peer(socket: &Socket) -> io::Result<SocketAddr> {
    socket.peer_addr()?.as_socket().ok_or_else(|| io::Error::other("no address of IP"))
}

/// Where the program wanted to connect to.
fn destination(mode: Mode, socket: &Socket) -> io::Result<SocketAddr> {
    let local = socket.local_addr()?.as_socket().ok_or_else(|| io::Error::other("no address of IP"))?;
    match (mode, local) {
        (Mode::Tproxy, _) => Ok(local),
        (Mode::Redirect, SocketAddr::V4(_)) => Ok(rustix::net::sockopt::ip_original_dst(socket)?.into()),
        (Mode::Redirect, SocketAddr::V6(_)) => Ok(rustix::net::sockopt::ipv6_original_dst(socket)?.into()),
    }
}

fn listening(front: &Front, address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    if front.mode == Mode::Tproxy {
        match address {
            SocketAddr::V4(_) => socket.set_ip_transparent_v4(true)?,
            SocketAddr::V6(_) => sys::set_ipv6_transparent(&socket)?,
        }
    }
    socket.bind(&SockAddr::from(address))?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}
