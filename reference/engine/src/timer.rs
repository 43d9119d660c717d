//! When something is due: one table, its length taken from the list of timers.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Time;

/// What a connection may wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timer {
    /// Retransmission (RFC 6298).
    Retransmit,
    /// Window probe (RFC 9293, section 3.8.6.1).
    Persist,
    /// An ACK that waits for data to ride on (RFC 9293, section 3.8.6.3).
    DelayedAck,
    /// Keep-alive probe (RFC 9293, section 3.8.4).
    KeepAlive,
    /// End of TIME-WAIT, or of FIN-WAIT-2 where nobody reads.
    TimeWait,
    /// EPOCH again at the responder, end of waiting at the initiator (draft, {#neg-confirm}).
    Negotiate,
    /// SUSPEND again (draft, {#leaving}).
    Suspend,
    /// RESUME again: of a host that is back (draft, {#resuming}), or as a probe (draft, {#presumed}).
    Resume,
    /// End of waiting for RESUME-ACK (draft, {#resuming}).
    ResumeLimit,
    /// End of the hold (draft, {#holding}).
    Hold,
    /// End of answering RESUME after an ABORT (draft, {#ending}).
    Epitaph,
}

impl Timer {
    /// Every timer, in the order in which those due at one time fire.
    pub(crate) const ALL: [Self; 11] = [
        Self::Hold,
        Self::ResumeLimit,
        Self::TimeWait,
        Self::Epitaph,
        Self::Negotiate,
        Self::Suspend,
        Self::Resume,
        Self::DelayedAck,
        Self::Retransmit,
        Self::Persist,
        Self::KeepAlive,
    ];

    const fn index(self) -> usize {
        self as usize
    }
}

/// When each timer is due.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TimerTable {
    due: [Option<Time>; Timer::ALL.len()],
}

impl TimerTable {
    pub(crate) fn arm(&mut self, timer: Timer, at: Time) {
        self.due[timer.index()] = Some(at);
    }

    pub(crate) fn disarm(&mut self, timer: Timer) {
        self.due[timer.index()] = None;
    }

    pub(crate) fn disarm_all(&mut self) {
        self.due = [None; Timer::ALL.len()];
    }

    /// When it ends, if it runs.
    pub(crate) fn due(&self, timer: Timer) -> Option<Time> {
        self.due[timer.index()]
    }

    pub(crate) fn is_armed(&self, timer: Timer) -> bool {
        self.due[timer.index()].is_some()
    }

    /// The earliest.
    pub(crate) fn next(&self) -> Option<Time> {
        self.due.iter().flatten().min().copied()
    }

    /// Takes the first timer that is due at `now`; it is disarmed.
    pub(crate) fn take_due(&mut self, now: Time) -> Option<Timer> {
        let timer =
            Timer::ALL.into_iter().find(|timer| self.due[timer.index()].is_some_and(|due| due <= now))?;
        self.disarm(timer);
        Some(timer)
    }

    /// Moves every timer so that what was left of it at `then` is left of it at `now`: time away is not charged.
    pub(crate) fn forgive(&mut self, then: Time, now: Time) {
        for due in self.due.iter_mut().flatten() {
            let left: Duration = due.since(then);
            *due = now + left;
        }
    }
}
