//! One end: a connection of the engine, the application above it and the host around both.
//!
//! The clock stands still: nothing here depends on how long something took. Whatever has happened, `settle` brings the
//! connection back to the same instant, with every timer that runs still to fire.

use hiatus_codec::{AbortReason, ConnectionKey, Flags, KnownOptions, Nonce, Segment};
use hiatus_engine::{
    Alarm, CloseReason, Command, Connection, Event, SEGMENT_LEN_OCTETS_MIN, TcpState, Time, answer_stray,
};
use serde::{Deserialize, Serialize};

use crate::app::{App, FIN, Program};
use crate::bounds::{Bounds, HostRule, Reading};

/// When everything happens.
pub(crate) const NOW: Time = Time(1 << 40);
/// Ticks from one incarnation to the next (draft, {#restoring}).
pub(crate) const STEP_TICKS: u32 = 1 << 22;
/// Octets of a buffer that has room for one octet of data: so each segment carries one.
const BUFFER_OCTETS: usize = SEGMENT_LEN_OCTETS_MIN + 1;
/// Where a header has its control bits, and the bit of PSH in that octet.
const FLAGS_OFFSET: usize = 13;
const PSH: u8 = 0x08;
/// Where a header has its window, and what stands there.
const WINDOW_OFFSET: usize = 14;
const WINDOW: [u8; 2] = [0, 4];
const TIMESTAMPS_KIND: u8 = 8;
const TIMESTAMPS_LEN: u8 = 10;
/// Timers that do no more than to send something again, where the clock stands still.
const REPEATING: [Alarm; 4] = [Alarm::Retransmit, Alarm::Persist, Alarm::Resume, Alarm::Epoch];
/// Segments that an end sends at once before something must be wrong with it.
const BURST_SEGMENTS_MAX: usize = 64;

/// The number of the epoch that every search begins with.
const FIRST_EPOCH: u32 = 1;

/// An epoch of one end: what is restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Saved {
    pub(crate) number: u32,
    pub(crate) connection: Connection,
    pub(crate) app: App,
    pub(crate) ended: Option<CloseReason>,
}

/// One end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct End {
    /// 0 is A, 1 is B.
    pub(crate) side: u8,
    pub(crate) connection: Connection,
    pub(crate) app: App,
    /// Why the connection is over.
    pub(crate) ended: Option<CloseReason>,
    pub(crate) host: Host,
}

/// What is not rolled back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Host {
    /// The highest incarnation taken.
    pub(crate) incarnation: u32,
    /// Times that it was restored: what octets tell histories apart by.
    pub(crate) restores: u32,
    /// No TSval above it was ever sent.
    pub(crate) tsval_ceiling: u32,
    /// The latest DURABLE epoch, by its number in the table of epochs.
    pub(crate) durable: Option<u32>,
    /// The one before it: only a host that breaks its promise restores that.
    pub(crate) older: Option<u32>,
    /// Those TAKEN on the line and not DURABLE, oldest first: by which number the connection knows them, and which they
    /// are in the table of epochs.
    pub(crate) taken: Vec<(u32, u32)>,
    /// Where the application stood at the epoch before: only a host that breaks a rule puts that into the next one.
    pub(crate) app_before: Option<App>,
    pub(crate) snapshots_left: u8,
    pub(crate) crashes_left: u8,
}

/// What may happen to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Input {
    /// A segment arrives, by its number.
    Deliver(u32),
    /// A timer fires.
    Alarm(Alarm),
    /// The application reads.
    Read,
    /// The application writes an octet.
    Write,
    /// The application closes.
    Close,
    /// An epoch is TAKEN.
    Take,
    /// The oldest epoch that waits is DURABLE.
    Durable,
    /// The host is restored.
    Restore(Epoch),
    /// It sends all that it may send where it stands: only where it is asked whether an end gets on.
    Repeat,
    /// An epoch is TAKEN and DURABLE at once, and costs nothing: only where it is asked whether an end gets on.
    Epoch,
}

/// Which epoch is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Epoch {
    /// The latest DURABLE one.
    Latest,
    /// A newer one that was TAKEN, by its place among those that wait.
    Newer(u8),
    /// One older than the latest DURABLE one: a promise broken.
    Older,
}

/// What an end did with an input.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    /// Segments that it sent, in order.
    pub(crate) sent: Vec<Vec<u8>>,
    /// An epoch that it took.
    pub(crate) saved: Option<Saved>,
}

/// The TSval of both ends before the first restore: their clocks have no offset.
pub(crate) fn first_tsval() -> u32 {
    u32::try_from(NOW.micros() / 1_000 % (1 << 32)).unwrap_or(0)
}

/// The key of an end.
pub(crate) const fn connection_key(side: u8) -> ConnectionKey {
    ConnectionKey([side + 1; 8])
}

/// The nonce of an incarnation.
pub(crate) const fn nonce(side: u8, incarnation: u32) -> Nonce {
    Nonce(0x0100 * (side as u32 + 1) + incarnation + 1)
}

impl Saved {
    /// What any restore would make of it, but for the life and the timestamps that it gives.
    pub(crate) fn as_restored(&self) -> Self {
        let mut restored = self.clone();
        let present = self.connection.positions().map_or(0, |standing| standing.own.0.incarnation);
        let (incarnation, tsval_ceiling) = (present + 1, first_tsval());
        let command = Command::Restored { incarnation, nonce: Nonce(1), tsval_ceiling };
        restored.connection.handle_command(NOW, command).ok();
        restored.connection.still(NOW);
        while restored.connection.poll_event().is_some() {}
        restored
    }
}

impl End {
    /// Does what `input` asks. `segment` holds the octets that arrive, `epoch` the epoch that is restored.
    pub(crate) fn handle(
        &mut self,
        bounds: &Bounds,
        input: Input,
        segment: &[u8],
        epoch: Option<Saved>,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        match input {
            Input::Deliver(_) => self.deliver(segment, &mut outcome),
            Input::Alarm(alarm) => {
                self.connection.set_off(NOW, alarm);
            }
            Input::Repeat => {
                self.repeat(&mut outcome.sent);
                return outcome;
            }
            Input::Read => self.read(),
            Input::Write => self.write(&bounds.program(usize::from(self.side))),
            Input::Close => {
                if self.connection.handle_command(NOW, Command::Close).is_ok() {
                    self.app.written.push(FIN);
                }
            }
            Input::Take => {
                let epoch = self.take(bounds);
                self.host.snapshots_left -= 1;
                outcome.saved = Some(epoch);
            }
            Input::Durable => self.durable(),
            Input::Epoch => {
                let Saved { number, .. } = self.take(bounds);
                self.connection.handle_command(NOW, Command::SnapshotDurable { epoch: number }).ok();
            }
            Input::Restore(which) => {
                if let Some(epoch) = epoch {
                    self.restore(bounds, which, epoch);
                }
            }
        }
        self.settle(bounds, &mut outcome.sent);
        outcome
    }

    fn deliver(&mut self, octets: &[u8], outcome: &mut Outcome) {
        let Ok(segment) = Segment::parse(octets) else { return };
        let was_closed = self.connection.state() == TcpState::Closed;
        self.connection.handle_segment(NOW, &segment);
        // A host that has deleted the connection answers as one without it; one that was fenced does not.
        let is_deleted = was_closed && !self.answers_with_abort();
        if is_deleted && !matches!(self.ended, Some(CloseReason::AbortedByPeer(AbortReason::FENCED))) {
            // The key of a responder is derived from a secret, that of an initiator is not.
            let key = (self.side == 1).then(|| connection_key(self.side));
            let mut buffer = [0; BUFFER_OCTETS];
            let answer = answer_stray(&segment, key, &mut buffer).map(|answer| answer.wire_len_octets());
            outcome.sent.extend(answer.and_then(|octets| buffer.get(..octets)).map(<[u8]>::to_vec));
        }
    }

    /// True if the connection ended by an ABORT of this end, which it repeats for a while.
    fn answers_with_abort(&self) -> bool {
        matches!(
            self.ended,
            Some(CloseReason::AbortedHere(_) | CloseReason::Aborted | CloseReason::PeerIsPlain)
        )
    }

    fn read(&mut self) {
        let mut octets = [0; 16];
        let count = self.connection.read(&mut octets);
        self.app.read.extend_from_slice(octets.get(..count).unwrap_or(&[]));
        if self.connection.has_peer_closed() && self.app.read.last() != Some(&FIN) {
            self.app.read.push(FIN);
        }
    }

    /// True if the application would find something to read.
    pub(crate) fn may_read(&self) -> bool {
        let sees_end = self.connection.has_peer_closed() && self.app.read.last() != Some(&FIN);
        self.connection.readable_octets() > 0 || sees_end
    }

    fn write(&mut self, program: &Program) {
        if let Some(octet) = self.app.next_octet(program, self.host.restores)
            && self.connection.write(NOW, &[octet]) == Ok(1)
        {
            self.app.written.push(octet);
        }
    }

    fn take(&mut self, bounds: &Bounds) -> Saved {
        let number = self.next_number();
        self.connection.handle_command(NOW, Command::SnapshotTaken { epoch: number }).ok();
        let mut app = self.app.clone();
        if !bounds.keeps(HostRule::SameInstant) {
            app = self.host.app_before.replace(app).unwrap_or_default();
        }
        Saved { number, connection: self.connection.clone(), app, ended: self.ended }
    }

    /// The epoch of the start, DURABLE at once.
    pub(crate) fn first_epoch(&mut self, bounds: &Bounds, sent: &mut Vec<Vec<u8>>) -> Saved {
        let first = Command::SnapshotTaken { epoch: FIRST_EPOCH };
        self.connection.handle_command(NOW, first).ok();
        let epoch = Saved {
            number: FIRST_EPOCH,
            connection: self.connection.clone(),
            app: self.app.clone(),
            ended: self.ended,
        };
        self.connection.handle_command(NOW, Command::SnapshotDurable { epoch: FIRST_EPOCH }).ok();
        self.settle(bounds, sent);
        epoch
    }

    /// Numbers of epochs grow with each one that is TAKEN.
    fn next_number(&self) -> u32 {
        FIRST_EPOCH + 1 + u32::from(u8::MAX - self.host.snapshots_left)
    }

    fn durable(&mut self) {
        let (number, epoch) = self.host.taken.remove(0);
        self.host.older = self.host.durable.replace(epoch);
        self.connection.handle_command(NOW, Command::SnapshotDurable { epoch: number }).ok();
    }

    fn restore(&mut self, bounds: &Bounds, which: Epoch, epoch: Saved) {
        let Saved { number: _, connection, app, ended } = epoch;
        let is_line_kept = bounds.keeps(HostRule::Line);
        match which {
            Epoch::Latest => {}
            Epoch::Newer(place) => {
                let newer = self.host.taken.get(usize::from(place)).map(|(_, epoch)| *epoch);
                if bounds.keeps(HostRule::DurableFirst) {
                    self.host.older = self.host.durable;
                    self.host.durable = newer;
                }
            }
            Epoch::Older => self.host.durable = self.host.older,
        }
        // Epochs that wait now are off the line: who restored one of them would go back to another history.
        if is_line_kept {
            self.host.taken.clear();
        }
        if bounds.keeps(HostRule::LatestEpoch) {
            self.host.older = None;
        }
        self.host.crashes_left -= 1;
        (self.connection, self.app, self.ended) = (connection, app, ended);
        let known = self.connection.positions().map_or(0, |standing| standing.own.0.incarnation);
        let source = if bounds.keeps(HostRule::IncarnationOutside) { self.host.incarnation } else { known };
        self.host.incarnation = source + 1;
        self.host.restores += 1;
        let ceiling = if bounds.keeps(HostRule::CeilingOutside) {
            self.host.tsval_ceiling
        } else {
            // Of the incarnation that took the epoch.
            first_tsval().wrapping_add(known * STEP_TICKS)
        };
        self.host.tsval_ceiling = ceiling.wrapping_add(STEP_TICKS);
        let restored = Command::Restored {
            incarnation: self.host.incarnation,
            nonce: nonce(self.side, self.host.restores),
            tsval_ceiling: ceiling,
        };
        // One that was over in the epoch is over.
        self.connection.handle_command(NOW, restored).ok();
    }

    /// Sends what is to be sent, reads if reading takes no step of its own, and stops the clock again.
    pub(crate) fn settle(&mut self, bounds: &Bounds, sent: &mut Vec<Vec<u8>>) {
        loop {
            if bounds.reading == Reading::AtOnce && self.may_read() {
                self.read();
            }
            let now_sent = drained(&mut self.connection);
            let is_quiet = now_sent.is_empty();
            sent.extend(now_sent);
            while let Some(event) = self.connection.poll_event() {
                if let Event::Closed { reason } = event {
                    self.ended = Some(reason);
                }
            }
            if is_quiet && !(bounds.reading == Reading::AtOnce && self.may_read()) {
                break;
            }
        }
    }

    /// Forgets which epochs it has where none of them will be restored.
    pub(crate) fn forget_epochs(&mut self, bounds: &Bounds) {
        if !bounds.keeps(HostRule::LatestEpoch) && self.host.crashes_left > 0 {
            return;
        }
        self.host.older = None;
        if self.host.crashes_left == 0 {
            self.host.durable = None;
            for (_, epoch) in &mut self.host.taken {
                *epoch = 0;
            }
        }
    }

    /// Sends all that it may send where it stands: what its timers would send again, and its acknowledgment.
    ///
    /// What is under way only grows, so that to have sent more allows whatever to have sent less would.
    pub(crate) fn repeat(&self, sent: &mut Vec<Vec<u8>>) {
        for alarm in REPEATING {
            sent.extend(self.repeated(alarm).unwrap_or_default());
        }
        let mut copy = self.connection.clone();
        copy.owe_ack();
        sent.extend(drained(&mut copy));
        debug_assert!(copy == self.connection, "an ACK changes nothing here");
    }

    /// What it sends when `alarm` goes off, if nothing else comes of it.
    fn repeated(&self, alarm: Alarm) -> Option<Vec<Vec<u8>>> {
        let mut copy = self.connection.clone();
        copy.set_off(NOW, alarm);
        let sent = drained(&mut copy);
        (copy == self.connection).then_some(sent)
    }

    /// Which of its own accord it may do next, in an order that never changes.
    pub(crate) fn moves(&self, bounds: &Bounds, may_use_disk: Disk, moves: &mut Vec<Input>) {
        let program = bounds.program(usize::from(self.side));
        let matters = |alarm: &Alarm| !REPEATING.contains(alarm) || self.repeated(*alarm).is_none();
        moves.extend(self.connection.alarms().filter(matters).map(Input::Alarm));
        if bounds.reading == Reading::AnyTime && self.may_read() {
            moves.push(Input::Read);
        }
        // In RESUMING the engine takes none; then nothing comes of it.
        if self.app.next_octet(&program, self.host.restores).is_some() && self.ended.is_none() {
            moves.push(Input::Write);
        }
        if self.app.may_close(&program) {
            moves.push(Input::Close);
        }
        if may_use_disk == Disk::None {
            return;
        }
        if self.host.snapshots_left > 0 {
            moves.push(Input::Take);
        }
        if !self.host.taken.is_empty() {
            moves.push(Input::Durable);
        }
        if self.host.crashes_left > 0 {
            moves.push(Input::Restore(Epoch::Latest));
            let waiting = u8::try_from(self.host.taken.len()).unwrap_or(u8::MAX);
            moves.extend((0..waiting).map(|place| Input::Restore(Epoch::Newer(place))));
            if !bounds.keeps(HostRule::LatestEpoch) && self.host.older.is_some() {
                moves.push(Input::Restore(Epoch::Older));
            }
        }
    }

    /// The same end as far as what it does without a crash goes: nothing of its epochs and of what is left of the bounds.
    pub(crate) fn without_epochs(&self) -> Self {
        let Host { incarnation, restores, tsval_ceiling, .. } = self.host;
        Self { host: Host { incarnation, restores, tsval_ceiling, ..Host::default() }, ..self.clone() }
    }
}

/// All that `connection` sends now; the clock stands still.
fn drained(connection: &mut Connection) -> Vec<Vec<u8>> {
    let mut buffer = [0; BUFFER_OCTETS];
    let mut sent = Vec::new();
    connection.still(NOW);
    while let Some(segment) = connection.poll_transmit(NOW, &mut buffer) {
        let octets_count = segment.wire_len_octets();
        sent.push(alike(buffer.get(..octets_count).unwrap_or(&buffer)));
        assert!(sent.len() < BURST_SEGMENTS_MAX, "an end that sends for ever");
    }
    connection.still(NOW);
    sent
}

/// A segment without what no end looks at where round trips and windows do not count: PSH, the window, the echo of a
/// timestamp.
fn alike(octets: &[u8]) -> Vec<u8> {
    let mut alike = octets.to_vec();
    let Ok(segment) = Segment::parse(octets) else { return alike };
    if segment.flags.contains(Flags::SYN) {
        return alike;
    }
    if let Some(flags) = alike.get_mut(FLAGS_OFFSET) {
        *flags &= !PSH;
    }
    alike.splice(WINDOW_OFFSET..WINDOW_OFFSET + 2, WINDOW);
    if let Some(timestamps) = KnownOptions::parse(&segment).timestamps {
        let value = timestamps.value.to_be_bytes();
        let echo = timestamps.echo_reply.to_be_bytes();
        let option = [&[TIMESTAMPS_KIND, TIMESTAMPS_LEN], &value[..], &echo[..]].concat();
        let at = alike.windows(option.len()).position(|octets| octets == option);
        if let Some(room) = at.and_then(|at| alike.get_mut(at + 6..at + 10)) {
            room.fill(0);
        }
    }
    alike
}

/// Whether an instance has a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disk {
    /// It takes epochs and is restored.
    Own,
    /// It is a clone that runs on beside the instance that has it.
    None,
}
