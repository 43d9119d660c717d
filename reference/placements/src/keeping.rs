//! What a host keeps beside its memory: snapshots, and a journal.

use core::time::Duration;
use std::collections::VecDeque;

use hiatus_codec::Position;
use hiatus_engine::Time;

/// Periodic snapshots of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rhythm {
    /// From one TAKEN to the next.
    pub interval: Duration,
    /// From TAKEN to DURABLE; may be longer than the interval.
    pub durable_after: Duration,
}

/// An epoch that is TAKEN.
#[derive(Debug, Clone)]
pub(crate) struct Taken<S> {
    pub(crate) epoch: u32,
    pub(crate) durable_at: Time,
    pub(crate) received: Position,
    /// The state itself, where it will be wanted.
    pub(crate) state: Option<S>,
}

/// The epochs of a host whose states are `S`.
#[derive(Debug, Clone)]
pub(crate) struct Snapshots<S> {
    rhythm: Rhythm,
    next: Time,
    epoch: u32,
    pending: VecDeque<Taken<S>>,
    pub(crate) latest: Option<Taken<S>>,
}

impl<S> Snapshots<S> {
    pub(crate) fn new(rhythm: Rhythm, first: Time) -> Self {
        Self { rhythm, next: first, epoch: 0, pending: VecDeque::new(), latest: None }
    }

    pub(crate) fn wakes_at(&self) -> Time {
        self.pending.front().map_or(self.next, |taken| taken.durable_at.min(self.next))
    }

    /// The number of the epoch to be TAKEN now, if one is.
    pub(crate) fn due_epoch(&mut self, now: Time) -> Option<u32> {
        if now < self.next {
            return None;
        }
        self.next = self.next + self.rhythm.interval;
        self.epoch += 1;
        Some(self.epoch)
    }

    /// It was.
    pub(crate) fn took(&mut self, now: Time, epoch: u32, received: Position, state: Option<S>) {
        let durable_at = now + self.rhythm.durable_after;
        self.pending.push_back(Taken { epoch, durable_at, received, state });
    }

    /// The epoch that becomes DURABLE now, if one does.
    pub(crate) fn durable(&mut self, now: Time) -> Option<(u32, Position)> {
        let taken = self.pending.pop_front_if(|taken| taken.durable_at <= now)?;
        let durable = (taken.epoch, taken.received);
        self.latest = Some(taken);
        Some(durable)
    }

    /// The host goes on from its latest DURABLE epoch at `now`.
    pub(crate) fn restart(&mut self, now: Time) {
        self.pending.clear();
        self.next = now + self.rhythm.interval;
    }
}

/// A write-ahead log: one flush at a time; what comes meanwhile goes with the next.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    /// What one flush takes.
    flush: Duration,
    under_way: Option<(Time, Position)>,
    /// What is on stable storage.
    pub(crate) flushed: Position,
    /// What has been cut off because a DURABLE epoch, or a peer, has it.
    truncated: Position,
    /// The most it ever held.
    pub(crate) octets_max: u64,
}

impl Journal {
    pub(crate) fn new(flush: Duration) -> Self {
        let start = Position(1);
        Self { flush, under_way: None, flushed: start, truncated: start, octets_max: 0 }
    }

    pub(crate) fn wakes_at(&self) -> Option<Time> {
        self.under_way.map(|(at, _)| at)
    }

    /// Octets before `received` have come.
    pub(crate) fn begin(&mut self, now: Time, received: Position) {
        if self.under_way.is_none() && received > self.flushed {
            self.under_way = Some((now + self.flush, received));
        }
    }

    /// How far a flush that ends now brings it.
    pub(crate) fn end(&mut self, now: Time) -> Option<Position> {
        let (_, received) = self.under_way.take_if(|(at, _)| *at <= now)?;
        self.flushed = received;
        self.octets_max = self.octets_max.max(self.truncated.distance_to(received));
        Some(received)
    }

    /// Octets before `position` are kept elsewhere.
    pub(crate) fn truncate(&mut self, position: Position) {
        self.truncated = self.truncated.max(position.min(self.flushed));
    }

    /// The power is cut: a flush that is under way does not count.
    pub(crate) fn cut_off(&mut self) {
        self.under_way = None;
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use hiatus_codec::Position;
    use hiatus_engine::Time;

    use super::{Journal, Rhythm, Snapshots};

    #[test]
    fn journal_flushes_in_batches() {
        let mut journal = Journal::new(Duration::from_millis(1));
        journal.begin(Time::ZERO, Position(11));
        // Too late for the first flush.
        journal.begin(Time(500), Position(31));
        assert_eq!(journal.end(Time(999)), None);
        assert_eq!(journal.end(Time(1000)), Some(Position(11)));
        journal.begin(Time(1000), Position(31));
        assert_eq!(journal.end(Time(2000)), Some(Position(31)));
        assert_eq!(journal.octets_max, 30);
        journal.truncate(Position(31));
        journal.begin(Time(2000), Position(36));
        assert_eq!(journal.end(Time(3000)), Some(Position(36)));
        assert_eq!(journal.octets_max, 30);
    }

    #[test]
    fn epochs_become_durable_in_order_though_more_than_one_is_pending() {
        let rhythm = Rhythm { interval: Duration::from_secs(1), durable_after: Duration::from_millis(1500) };
        let mut snapshots: Snapshots<()> = Snapshots::new(rhythm, Time::ZERO);
        for second in 0..2 {
            let epoch = snapshots.due_epoch(Time::from_secs(second)).expect("due");
            snapshots.took(Time::from_secs(second), epoch, Position(second), None);
        }
        assert_eq!(snapshots.wakes_at(), Time::from_millis(1500));
        assert_eq!(snapshots.durable(Time::from_millis(1500)), Some((1, Position(0))));
        assert_eq!(snapshots.durable(Time::from_millis(1500)), None);
        assert_eq!(snapshots.wakes_at(), Time::from_secs(2));
        assert_eq!(snapshots.durable(Time::from_millis(2500)), Some((2, Position(1))));
    }
}
