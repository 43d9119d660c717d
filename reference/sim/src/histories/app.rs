//! An application whose whole state is plain data: what it wrote, what it read, and what it will do next.

use core::time::Duration;

use hiatus_engine::{CloseReason, Time};

use crate::histories::story::{Task, TaskKind};
use crate::sim::Side;

/// One application. It goes into an epoch together with its connection.
#[derive(Debug, Clone)]
pub(crate) struct App {
    task: Task,
    side: Side,
    /// What it wrote, from the first octet on.
    pub(crate) wrote: Vec<u8>,
    /// What it read.
    pub(crate) read: Vec<u8>,
    /// Decides what it writes next. Drawn anew after a rollback: the same program may take another course.
    pub(crate) entropy: u64,
    /// No write before.
    pub(crate) writes_at: Time,
    /// It has closed.
    pub(crate) has_closed: bool,
    /// Its peer has.
    pub(crate) peer_has_closed: bool,
    /// How its connection ended for it.
    pub(crate) end: Option<CloseReason>,
}

impl App {
    pub(crate) fn new(task: Task, side: Side, entropy: u64) -> Self {
        Self {
            task,
            side,
            wrote: Vec::new(),
            read: Vec::new(),
            entropy,
            writes_at: Time::ZERO,
            has_closed: false,
            peer_has_closed: false,
            end: None,
        }
    }

    /// Up to where it would write now, if it had waited long enough.
    fn goal_octets(&self) -> usize {
        let [total, piece] = [self.task.octets, self.task.piece_octets].map(size);
        match (self.task.kind, self.side) {
            (TaskKind::Counter | TaskKind::Bulk | TaskKind::Echo, Side::A) => total,
            (TaskKind::Counter | TaskKind::Bulk, Side::B) | (TaskKind::BulkBack, Side::A) => 0,
            (TaskKind::BulkBoth, _) | (TaskKind::BulkBack, Side::B) => total,
            (TaskKind::Echo, Side::B) => self.read.len(),
            // One more request than there are whole answers.
            (TaskKind::Requests, Side::A) => (self.read.len() / piece * piece + piece).min(total),
            (TaskKind::Requests, Side::B) => self.read.len() / piece * piece,
        }
    }

    /// What it writes now: octets at `room`, from its position on. 0 if it waits.
    pub(crate) fn piece(&self, now: Time, room: &mut [u8]) -> usize {
        let wanted = self.goal_octets().saturating_sub(self.wrote.len());
        if self.has_closed || wanted == 0 || now < self.writes_at {
            return 0;
        }
        let count = wanted.min(size(self.task.piece_octets)).min(room.len());
        for (index, octet) in room.iter_mut().take(count).enumerate() {
            *octet = self.octet(self.wrote.len() + index);
        }
        count
    }

    fn octet(&self, position: usize) -> u8 {
        if (self.task.kind, self.side) == (TaskKind::Echo, Side::B) {
            return self.read.get(position).copied().unwrap_or(0);
        }
        let mixed = (self.entropy ^ u64::try_from(position).unwrap_or(0)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed.to_be_bytes()[0]
    }

    /// So many of the octets that it offered were taken.
    pub(crate) fn has_written(&mut self, now: Time, octets: &[u8]) {
        self.wrote.extend_from_slice(octets);
        self.writes_at = now + self.task.pause;
    }

    /// When it writes next, if nothing arrives before.
    pub(crate) fn wakes_at(&self) -> Option<Time> {
        let waits = !self.has_closed && self.end.is_none() && self.goal_octets() > self.wrote.len();
        (waits && self.task.pause > Duration::ZERO).then_some(self.writes_at)
    }

    /// True when it has nothing more to write and is to close.
    pub(crate) fn wants_to_close(&self) -> bool {
        let total = size(self.task.octets);
        if self.has_closed || self.wrote.len() < self.goal_octets() {
            return false;
        }
        match (self.task.kind, self.side) {
            (TaskKind::Echo | TaskKind::Requests, Side::A) => self.read.len() >= total,
            (TaskKind::BulkBoth | TaskKind::Counter | TaskKind::Bulk, Side::A) => true,
            (TaskKind::BulkBoth | TaskKind::BulkBack, Side::B) => true,
            (_, Side::B) | (TaskKind::BulkBack, Side::A) => self.peer_has_closed,
        }
    }
}

fn size(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
