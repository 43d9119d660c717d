//! One end of one connection: engine, application, and what the host keeps.

use hiatus_codec::{Flags, KnownOptions, Message, Position, Segment};
use hiatus_engine::{Command, Connection, ConnectionInfo, Time};

use crate::application::Application;
use crate::keeping::{Journal, Snapshots};
use crate::pattern::Pattern;

/// What a rollback brings back.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) connection: Connection,
    pub(crate) application: Application,
    pub(crate) written: u64,
    pub(crate) read: u64,
    /// Octets that the application still wants to write.
    due: u64,
}

/// What an end has sent, and the most it ever held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    /// Segments of any kind.
    pub(crate) segments: u64,
    /// Those with neither text nor message.
    pub(crate) bare_acks: u64,
    /// Those with a Hiatus message.
    pub(crate) messages: u64,
    /// Octets of text that had been sent before, in whatever life.
    pub(crate) again_octets: u64,
    /// Octets acknowledged and retained, at most.
    pub(crate) retained_octets_max: u64,
    /// Octets in the send buffer that are not acknowledged, at most.
    pub(crate) unacknowledged_octets_max: u64,
}

/// Whether states are kept for a rollback: that costs a copy of all buffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum States {
    Kept,
    NotKept,
}

/// One end.
#[derive(Debug, Clone)]
pub(crate) struct End {
    pub(crate) state: State,
    pub(crate) snapshots: Option<Snapshots<State>>,
    pub(crate) states: States,
    pub(crate) journal: Option<Journal>,
    pub(crate) is_on: bool,
    pub(crate) counts: Counts,
    /// The own ISN; no run sends 4 GiB.
    isn: u32,
    /// The position after the last octet that was ever sent.
    sent_max: u64,
    /// The highest octet that an application here has ever read, whatever was rolled back.
    pub(crate) read_max: u64,
}

impl End {
    pub(crate) fn new(connection: Connection, isn: u32, application: Application) -> Self {
        Self {
            state: State { connection, application, written: 0, read: 0, due: 0 },
            snapshots: None,
            states: States::NotKept,
            journal: None,
            is_on: true,
            counts: Counts::default(),
            isn,
            sent_max: 0,
            read_max: 0,
        }
    }

    pub(crate) fn info(&self) -> Option<ConnectionInfo> {
        self.state.connection.info()
    }

    /// RCV.NXT.
    pub(crate) fn received(&self) -> Position {
        self.info().map_or(Position(1), |info| info.received)
    }

    /// When something happens here without a segment.
    pub(crate) fn wakes_at(&self) -> Option<Time> {
        if !self.is_on {
            return None;
        }
        let engine = self.state.connection.poll_timeout();
        let snapshots = self.snapshots.as_ref().map(Snapshots::wakes_at);
        let journal = self.journal.as_ref().and_then(Journal::wakes_at);
        let application = self.state.application.wakes_at();
        [engine, snapshots, journal, application].into_iter().flatten().min()
    }

    /// What is due now of the engine's timers, the journal and the snapshots.
    pub(crate) fn wake(&mut self, now: Time) {
        self.state.connection.handle_timeout(now);
        if let Some(received) = self.journal.as_mut().and_then(|journal| journal.end(now)) {
            self.state.connection.handle_command(now, Command::Journaled { received }).ok();
        }
        let Some(snapshots) = &mut self.snapshots else { return };
        while let Some((epoch, received)) = snapshots.durable(now) {
            crate::seam::durable(&mut self.state.connection, now, epoch);
            if let Some(journal) = &mut self.journal {
                journal.truncate(received);
            }
        }
        if let Some(epoch) = snapshots.due_epoch(now) {
            crate::seam::taken(&mut self.state.connection, now, epoch);
            let received = self.state.connection.info().map_or(Position(1), |info| info.received);
            let state = (self.states == States::Kept).then(|| self.state.clone());
            snapshots.took(now, epoch, received, state);
        }
    }

    /// The application reads all there is, and writes what it wants to.
    pub(crate) fn run_application(&mut self, now: Time, pattern: &Pattern) {
        let State { connection, application, written, read, due } = &mut self.state;
        if !matches!(application, Application::Relays { .. }) {
            let (first, second) = connection.readable();
            let (first_octets, second_octets) = (octets(first), octets(second));
            let is_right = pattern.is(*read, first) && pattern.is(*read + first_octets, second);
            assert!(is_right, "at {now}: octets from {read} on are not those that were written");
            connection.consume(usize::MAX);
            *read += first_octets + second_octets;
            application.has_read(now, *read);
            self.read_max = self.read_max.max(*read);
        }
        *due += application.due(now, *written + *due, *read);
        loop {
            let wanted = if *application == Application::Bulk { u64::MAX } else { *due };
            let room = u64::try_from(connection.writable_octets()).unwrap_or(u64::MAX);
            let piece = pattern.from(*written, wanted.min(room));
            let count = octets(piece.get(..connection.write(now, piece).unwrap_or(0)).unwrap_or(&[]));
            if count == 0 {
                return;
            }
            *written += count;
            *due = due.saturating_sub(count);
        }
    }

    /// The next segment to send, in `room`: how long it is.
    pub(crate) fn transmit(&mut self, now: Time, room: &mut [u8]) -> Option<usize> {
        let burst = self.state.connection.poll_transmit_burst(now, room, 1)?;
        let sent = room.get(..burst.len_octets)?;
        self.counts.segments += 1;
        let segment = Segment::parse(sent).ok()?;
        let text = octets(segment.payload);
        if text > 0 {
            let from = u64::from(segment.seq.0.wrapping_sub(self.isn));
            self.counts.again_octets += self.sent_max.saturating_sub(from).min(text);
            self.sent_max = self.sent_max.max(from + text);
        } else {
            let message = KnownOptions::parse(&segment).hiatus.map(|option| option.message());
            match message {
                Some(Message::Capable(_)) => {}
                Some(_) => self.counts.messages += 1,
                None if segment.flags == Flags::ACK => self.counts.bare_acks += 1,
                None => {}
            }
        }
        Some(burst.len_octets)
    }

    /// Notes how much is held now.
    pub(crate) fn note_memory(&mut self) {
        if let Some(info) = self.info() {
            let counts = &mut self.counts;
            counts.retained_octets_max = counts.retained_octets_max.max(crate::seam::retained(&info));
            counts.unacknowledged_octets_max =
                counts.unacknowledged_octets_max.max(info.unacknowledged_octets);
        }
    }
}

fn octets(slice: &[u8]) -> u64 {
    u64::try_from(slice.len()).unwrap_or(u64::MAX)
}
