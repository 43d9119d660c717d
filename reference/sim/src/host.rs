//! One end: an engine, its application, and its power.

use hiatus_codec::{ConnectionKey, Segment};
use hiatus_engine::{Command, Connection, Event, SEGMENT_LEN_OCTETS_MIN, TcpState, Time, answer_stray};

/// Room for one segment: header and the largest data that the configurations here announce.
const SEGMENT_OCTETS_MAX: usize = 2048;
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

/// Whether an application takes what arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// It reads all there is.
    Reads,
    /// It reads nothing: the receive buffer fills and the window closes.
    Pauses,
}

/// An engine with an application that writes what it was given and reads what comes.
#[derive(Debug, Clone)]
pub struct Host {
    /// The engine.
    pub connection: Connection,
    /// Whether it runs.
    pub power: Power,
    /// Whether its application reads.
    pub reader: Reader,
    /// Every event, with its time.
    pub events: Vec<(Time, Event)>,
    /// What the application read.
    pub received: Vec<u8>,
    /// What the application writes.
    outgoing: Vec<u8>,
    written_octets: usize,
    /// Close once everything is written.
    closes_at_end: bool,
    /// The connection key, if the host can derive it again without the connection.
    derived_key: Option<ConnectionKey>,
    /// Segments that met no connection draw these.
    strays: Vec<Vec<u8>>,
}

impl Host {
    pub(crate) fn new(connection: Connection) -> Self {
        Self {
            connection,
            power: Power::On,
            reader: Reader::Reads,
            events: Vec::new(),
            received: Vec::new(),
            outgoing: Vec::new(),
            written_octets: 0,
            closes_at_end: false,
            derived_key: None,
            strays: Vec::new(),
        }
    }

    /// Lets the host answer for connections that it has no more (draft, {#keys}).
    pub(crate) fn derive_key(&mut self, key: ConnectionKey) {
        self.derived_key = Some(key);
    }

    /// A segment arrives: for the connection, or for one that is over.
    pub(crate) fn handle_segment(&mut self, now: Time, segment: &Segment<'_>) {
        let mut buffer = [0; SEGMENT_LEN_OCTETS_MIN];
        let is_over = self.connection.state() == TcpState::Closed;
        self.connection.handle_segment(now, segment);
        if !is_over {
            return;
        }
        // For a while after an ABORT the connection still answers.
        let answer = match self.connection.poll_transmit(now, &mut buffer) {
            None => {
                answer_stray(segment, self.derived_key, &mut buffer).map(|answer| answer.wire_len_octets())
            }
            Some(answer) => Some(answer.wire_len_octets()),
        };
        let octets = answer.and_then(|len_octets| buffer.get(..len_octets));
        self.strays.extend(octets.map(<[u8]>::to_vec));
    }

    /// What leaves now, in order.
    pub(crate) fn take_segments(&mut self, now: Time) -> Vec<Vec<u8>> {
        let mut sent = core::mem::take(&mut self.strays);
        let mut buffer = [0; SEGMENT_OCTETS_MAX];
        while let Some(segment) = self.connection.poll_transmit(now, &mut buffer) {
            let len_octets = segment.wire_len_octets();
            sent.push(buffer.get(..len_octets).unwrap_or(&[]).to_vec());
        }
        sent
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

    /// The application's turn: reads all there is unless it pauses, writes what there is room for.
    pub(crate) fn run_application(&mut self, now: Time) {
        let mut chunk = [0; CHUNK_OCTETS];
        while self.reader == Reader::Reads {
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
