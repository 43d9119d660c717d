//! One end: an engine, its application, and its power.

use hiatus_codec::{ConnectionKey, Segment};
use hiatus_engine::{Command, Connection, Ecn, Event, SEGMENT_LEN_OCTETS_MIN, TcpState, Time, answer_stray};

use crate::application::{Closing, Habits, Pace};
use crate::checksum::Addresses;

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
    /// How its application goes about it.
    pub habits: Habits,
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
    /// Of what this host sends.
    addresses: Addresses,
    writing: Pace,
    reading: Pace,
    peer_has_closed: bool,
}

impl Host {
    pub(crate) fn new(connection: Connection, addresses: Addresses) -> Self {
        Self {
            connection,
            habits: Habits::default(),
            power: Power::On,
            reader: Reader::Reads,
            events: Vec::new(),
            received: Vec::new(),
            outgoing: Vec::new(),
            written_octets: 0,
            closes_at_end: false,
            derived_key: None,
            strays: Vec::new(),
            addresses,
            writing: Pace::default(),
            reading: Pace::default(),
            peer_has_closed: false,
        }
    }

    /// The segment in `octets` as a host finds it: `None` if it is none, or if its checksum is wrong.
    pub(crate) fn verified<'o>(&self, octets: &'o [u8]) -> Option<Segment<'o>> {
        Segment::parse(octets).ok().filter(|_| self.addresses.reversed().is_right(octets))
    }

    /// Lets the host answer for connections that it has no more (draft, {#keys}).
    pub(crate) fn derive_key(&mut self, key: ConnectionKey) {
        self.derived_key = Some(key);
    }

    /// A segment arrives: for the connection, or for one that is over.
    pub(crate) fn handle_segment(&mut self, now: Time, mark: Ecn, segment: &Segment<'_>) {
        let mut buffer = [0; SEGMENT_LEN_OCTETS_MIN];
        let is_over = self.connection.state() == TcpState::Closed;
        self.connection.handle_marked_segment(now, mark, segment);
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

    /// What leaves now, in order, each with its checksum and the ECN field for its IP header.
    pub(crate) fn take_segments(&mut self, now: Time, room: &mut [u8]) -> Vec<(Vec<u8>, Ecn)> {
        let strays = core::mem::take(&mut self.strays);
        let mut sent: Vec<_> = strays.into_iter().map(|octets| (octets, Ecn::NotEct)).collect();
        while let Some(burst) = self.connection.poll_transmit_burst(now, room, 1) {
            sent.push((room.get(..burst.len_octets).unwrap_or(&[]).to_vec(), burst.ecn));
        }
        for (octets, _) in &mut sent {
            self.addresses.write(octets);
        }
        sent
    }

    /// Puts the checksum right of a segment of this host that a middlebox changed.
    pub(crate) fn rewrite_checksum(&self, octets: &mut [u8]) {
        self.addresses.write(octets);
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

    /// The application's turn: reads, writes and closes as its habits are. Says whether it wrote something.
    pub(crate) fn run_application(&mut self, now: Time) -> bool {
        while self.wants_to_read() && self.reading.take(now, self.habits.read_pause) {
            let mut chunk = [0; CHUNK_OCTETS];
            let room = self.habits.read_octets_max.min(CHUNK_OCTETS);
            let count = self.connection.read(chunk.get_mut(..room).unwrap_or(&mut []));
            self.received.extend_from_slice(chunk.get(..count).unwrap_or(&[]));
        }
        let mut has_written = false;
        if self.wants_to_write() && self.writing.take(now, self.habits.write_pause) {
            let rest = self.outgoing.get(self.written_octets..).unwrap_or(&[]);
            let piece = rest.get(..rest.len().min(self.habits.write_octets_max)).unwrap_or(&[]);
            let count = self.connection.write(now, piece).unwrap_or(0);
            self.written_octets += count;
            has_written = count > 0;
        }
        let may_close = self.habits.closing == Closing::AfterWriting || self.peer_has_closed;
        // A CLOSE in SYN-SENT would give the connection up (RFC 9293, section 3.10.4).
        let is_open = !matches!(self.connection.state(), TcpState::Listen | TcpState::SynSent);
        let is_written = self.written_octets == self.outgoing.len();
        if self.closes_at_end
            && may_close
            && is_open
            && is_written
            && self.connection.handle_command(now, Command::Close).is_ok()
        {
            self.closes_at_end = false;
        }
        has_written
    }

    fn wants_to_read(&self) -> bool {
        self.reader == Reader::Reads && self.connection.readable_octets() > 0
    }

    fn wants_to_write(&self) -> bool {
        self.written_octets < self.outgoing.len()
    }

    /// When the application acts without being asked to.
    pub(crate) fn application_wakes_at(&self, now: Time) -> Option<Time> {
        let reads_at = self.reading.wakes_at(now).filter(|_| self.wants_to_read());
        // While there is no room, what makes some wakes it.
        let can_write = self.wants_to_write() && self.connection.writable_octets() > 0;
        let writes_at = self.writing.wakes_at(now).filter(|_| can_write);
        reads_at.into_iter().chain(writes_at).min()
    }

    /// Takes every event that waits.
    pub(crate) fn take_events(&mut self, now: Time) -> bool {
        let before = self.events.len();
        while let Some(event) = self.connection.poll_event() {
            self.peer_has_closed |= event == Event::PeerClosed;
            self.events.push((now, event));
        }
        self.events.len() > before
    }
}
