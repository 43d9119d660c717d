//! What the application of a host does: how much it writes and reads at a time, how fast, and when it closes.

use core::time::Duration;

use hiatus_engine::Time;

/// How an application goes about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Habits {
    /// Octets of one write at most, at least 1; what the engine takes of them is sent before the next.
    pub write_octets_max: usize,
    /// From one write to the next.
    pub write_pause: Duration,
    /// Octets of one read at most, at least 1.
    pub read_octets_max: usize,
    /// From one read to the next.
    pub read_pause: Duration,
    /// When it closes, once it is told to and everything is written.
    pub closing: Closing,
}

impl Default for Habits {
    /// Writes and reads whatever there is room for, at once.
    fn default() -> Self {
        Self {
            write_octets_max: usize::MAX,
            write_pause: Duration::ZERO,
            read_octets_max: usize::MAX,
            read_pause: Duration::ZERO,
            closing: Closing::AfterWriting,
        }
    }
}

/// When an application closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// As soon as everything is written.
    AfterWriting,
    /// Once the peer has closed as well.
    AfterPeer,
}

/// When an application does something again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Pace {
    next: Time,
}

impl Pace {
    /// True if it may act now; it then acts again after `pause`.
    pub(crate) fn take(&mut self, now: Time, pause: Duration) -> bool {
        let may = now >= self.next;
        if may {
            self.next = now + pause;
        }
        may
    }

    /// When it acts next, if that is not now.
    pub(crate) fn wakes_at(&self, now: Time) -> Option<Time> {
        Some(self.next).filter(|next| *next > now)
    }
}
