//! `poll`.

use hiatus_engine::{TcpState, Time};

use super::{Errno, Fd, Refusal, Role, Sockets};

/// One entry of a `poll`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PollEntry {
    /// The socket; a negative number is passed over.
    pub fd: Fd,
    /// What is asked for: `POLL*`.
    pub events: i16,
    /// What is so.
    pub found: i16,
}

impl Sockets {
    /// `poll`: gives how many entries found something. `deadline` is where the timeout ends; `None` never.
    ///
    /// # Errors
    ///
    /// [`Refusal::Blocks`] if nothing is found before the deadline.
    pub fn poll(&mut self, entries: &mut [PollEntry], deadline: Option<Time>) -> Result<usize, Refusal> {
        self.note_ends();
        for entry in entries.iter_mut() {
            entry.found = match self.events_of(entry.fd) {
                _ if entry.fd.0 < 0 => 0,
                Ok(events) => events & (entry.events | libc::POLLERR | libc::POLLHUP),
                Err(_) => libc::POLLNVAL,
            };
        }
        let count = entries.iter().filter(|entry| entry.found != 0).count();
        let is_late = deadline.is_some_and(|deadline| self.host.now() >= deadline);
        if count > 0 || is_late { Ok(count) } else { Err(Refusal::Blocks) }
    }

    /// What is so of a socket, as `POLL*`.
    pub(super) fn events_of(&self, fd: Fd) -> Result<i16, Errno> {
        let socket = self.socket_of(fd)?;
        let mut events = 0;
        let mut add = |is_so: bool, event: i16| events |= if is_so { event } else { 0 };
        add(socket.error.is_some(), libc::POLLERR | libc::POLLIN | libc::POLLOUT);
        match socket.role {
            Role::Fresh => add(true, libc::POLLOUT | libc::POLLHUP),
            Role::Listening(listener) => add(self.host.has_ready(listener), libc::POLLIN | libc::POLLRDNORM),
            Role::Connected { id, .. } => {
                let Some(status) = self.host.status(id) else { return Ok(events) };
                let is_over = status.over.is_some() || status.state == TcpState::Closed;
                let read_ends = status.peer_closed || socket.read_is_shut || is_over;
                let write_ends = socket.write_is_shut || is_over;
                add(status.readable_octets > 0 || read_ends, libc::POLLIN | libc::POLLRDNORM);
                add(read_ends, libc::POLLRDHUP);
                add(read_ends && write_ends, libc::POLLHUP);
                let has_room = status.was_connected && status.writable_octets > 0;
                add(has_room || write_ends, libc::POLLOUT | libc::POLLWRNORM);
            }
        }
        Ok(events)
    }
}
