//! One end: an engine, its application, and its power.

use hiatus_engine::{Command, Connection, Event, TcpState, Time};

/// Octets an application moves in one go.
const CHUNK_OCTETS: usize = 4096;

/// Whether a host runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// It runs.
    On,
    /// It does not; its memory stays.
    Off,
}

/// An engine with an application that writes what it was given and reads what comes.
#[derive(Debug, Clone)]
pub struct Host {
    /// The engine.
    pub connection: Connection,
    /// Whether it runs.
    pub power: Power,
    /// Every event, with its time.
    pub events: Vec<(Time, Event)>,
    /// What the application read.
    pub received: Vec<u8>,
    /// What the application writes.
    outgoing: Vec<u8>,
    written_octets: usize,
    /// Close once everything is written.
    closes_at_end: bool,
}

impl Host {
    pub(crate) fn new(connection: Connection) -> Self {
        Self {
            connection,
            power: Power::On,
            events: Vec::new(),
            received: Vec::new(),
            outgoing: Vec::new(),
            written_octets: 0,
            closes_at_end: false,
        }
    }

    /// Appends to what the application writes.
    pub(crate) fn write_later(&mut self, octets: &[u8]) {
        self.outgoing.extend_from_slice(octets);
    }

    /// Closes once everything is written.
    pub(crate) fn close_later(&mut self) {
        self.closes_at_end = true;
    }

    /// What the application was given to write.
    #[must_use]
    pub fn outgoing(&self) -> &[u8] {
        &self.outgoing
    }

    /// True if `event` was seen.
    #[must_use]
    pub fn has_seen(&self, event: Event) -> bool {
        self.events.iter().any(|(_, seen)| *seen == event)
    }

    /// The application's turn: reads all there is, writes what there is room for.
    pub(crate) fn run_application(&mut self, now: Time) {
        let mut chunk = [0; CHUNK_OCTETS];
        loop {
            let count = self.connection.read(&mut chunk);
            if count == 0 {
                break;
            }
            self.received.extend_from_slice(chunk.get(..count).unwrap_or(&[]));
        }
        while let Some(rest) = self.outgoing.get(self.written_octets..).filter(|rest| !rest.is_empty()) {
            match self.connection.write(now, rest) {
                Ok(0) | Err(_) => return,
                Ok(count) => self.written_octets += count,
            }
        }
        // A CLOSE in SYN-SENT would give the connection up (RFC 9293, section 3.10.4).
        let is_open = !matches!(self.connection.state(), TcpState::Listen | TcpState::SynSent);
        if self.closes_at_end && is_open && self.connection.handle_command(now, Command::Close).is_ok() {
            self.closes_at_end = false;
        }
    }

    /// Takes every event that waits.
    pub(crate) fn take_events(&mut self, now: Time) -> bool {
        let before = self.events.len();
        while let Some(event) = self.connection.poll_event() {
            self.events.push((now, event));
        }
        self.events.len() > before
    }
}
