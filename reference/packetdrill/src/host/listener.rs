//! Listeners: a SYN makes a connection, which waits in a queue to be accepted.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use hiatus_codec::{Flags, Segment};
use hiatus_engine::{Command, Config, Connection};

use super::{ConnectionId, Entry, Host, Meets, Owner, is_opening};

/// Connections of one listener that are not accepted, whatever its backlog says.
const BACKLOG_MAX: usize = 4096;

/// One listener of a [`Host`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerId(u64);

/// Why a listener cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// Another listener has the address.
    #[error("{local} has a listener")]
    AddressInUse {
        /// The address.
        local: SocketAddr,
    },
}

#[derive(Debug)]
pub(super) struct Listener {
    pub(super) local: SocketAddr,
    config: Config,
    backlog: usize,
    /// In SYN-RECEIVED.
    opening: Vec<ConnectionId>,
    /// Established, oldest first.
    ready: VecDeque<ConnectionId>,
}

impl Host {
    /// Opens passively. At most `backlog` connections wait to be accepted; further SYNs are dropped.
    ///
    /// # Errors
    ///
    /// A [`ListenError`].
    pub fn listen(
        &mut self,
        local: SocketAddr,
        config: Config,
        backlog: usize,
    ) -> Result<ListenerId, ListenError> {
        if self.listeners.values().any(|listener| overlaps(listener.local, local)) {
            return Err(ListenError::AddressInUse { local });
        }
        self.ids += 1;
        let id = ListenerId(self.ids);
        let backlog = backlog.clamp(1, BACKLOG_MAX);
        let listener = Listener { local, config, backlog, opening: Vec::new(), ready: VecDeque::new() };
        self.listeners.insert(id, listener);
        Ok(id)
    }

    /// The oldest connection that waits.
    pub fn accept(&mut self, id: ListenerId) -> Option<ConnectionId> {
        let accepted = self.listeners.get_mut(&id)?.ready.pop_front()?;
        if let Some(entry) = self.connections.get_mut(&accepted) {
            entry.listener = None;
        }
        Some(accepted)
    }

    /// True if [`accept`](Self::accept) would give a connection.
    #[must_use]
    pub fn has_ready(&self, id: ListenerId) -> bool {
        self.listeners.get(&id).is_some_and(|listener| !listener.ready.is_empty())
    }

    /// Changes what the connections of a listener are told.
    pub fn configure_listener(&mut self, id: ListenerId, config: Config) {
        if let Some(listener) = self.listeners.get_mut(&id) {
            listener.config = config;
        }
    }

    /// Ends a listener, and with RST what nobody accepted.
    pub fn unlisten(&mut self, id: ListenerId) {
        let Some(listener) = self.listeners.remove(&id) else { return };
        for waiting in listener.opening.into_iter().chain(listener.ready) {
            if let Some(entry) = self.connections.get_mut(&waiting) {
                entry.listener = None;
                entry.owner = Owner::Gone;
            }
            self.command(waiting, Command::Abort).ok();
        }
    }

    /// Makes the connection that `segment` asks for, if a listener is there and has room.
    ///
    /// An ACK draws the RST of CLOSED, which is that of LISTEN too; what is neither ACK nor SYN is dropped (RFC 9293,
    /// section 3.10.7.2).
    pub(super) fn listener_makes(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
        segment: &Segment<'_>,
    ) -> Meets {
        let found = self.listeners.iter_mut().find(|(_, listener)| overlaps(listener.local, local));
        let Some((id, listener)) = found else { return Meets::Nobody };
        if segment.flags.contains(Flags::ACK) {
            return Meets::Nobody;
        }
        if !is_opening(segment) {
            return Meets::Silence;
        }
        if listener.opening.len() + listener.ready.len() >= listener.backlog {
            return Meets::Silence;
        }
        let (id, config) = (*id, listener.config);
        let entropy = self.draw();
        let mut connection = Connection::listen(config, local, entropy);
        connection.bind_remote(remote);
        let entry = Entry {
            connection,
            config,
            local,
            remote,
            listener: Some(id),
            was_connected: false,
            peer_closed: false,
            over: None,
            owner: Owner::Present,
        };
        let made = self.insert(entry);
        if let Some(listener) = self.listeners.get_mut(&id) {
            listener.opening.push(made);
        }
        Meets::Connection(made)
    }

    /// A connection of a listener moved on: it is ready, or gone before that.
    pub(super) fn tell_listener(
        &mut self,
        id: ListenerId,
        connection: ConnectionId,
        is_ready: bool,
        is_gone: bool,
    ) {
        let Some(listener) = self.listeners.get_mut(&id) else { return };
        let was_opening = listener.opening.contains(&connection);
        listener.opening.retain(|opening| *opening != connection || !(is_ready || is_gone));
        if is_ready && was_opening {
            listener.ready.push_back(connection);
        } else if is_gone && was_opening {
            self.remove(connection);
        }
    }
}

/// True if a segment to `there` may be meant for a listener on `here`.
fn overlaps(here: SocketAddr, there: SocketAddr) -> bool {
    let is_any = |address: IpAddr| address.is_unspecified();
    here.port() == there.port() && (here.ip() == there.ip() || is_any(here.ip()) || is_any(there.ip()))
}
