//! When something is due: one table, its length taken from the list of timers.

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
    /// EPOCH again (draft, {#epochs}).
    Epoch,
    /// New octets have waited for room beside retained ones for long enough (draft, {#back-pressure}).
    HoldBack,
    /// End of LINGER (draft, {#linger}).
    Linger,
    /// End of answering segments after an ABORT (draft, {#ending}).
    Epitaph,
}

impl Timer {
    /// Every timer, in the order in which those due at one time fire.
    pub(crate) const ALL: [Self; 14] = [
        Self::Hold,
        Self::ResumeLimit,
        Self::Linger,
        Self::TimeWait,
        Self::Epitaph,
        Self::Negotiate,
        Self::Suspend,
        Self::Resume,
        Self::Epoch,
        Self::HoldBack,
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
    /// In microseconds, plus one; 0 for a timer that does not run. Half the octets of an `Option`, and the earliest is
    /// looked for often.
    due_us_plus_one: [u64; Timer::ALL.len()],
}

impl TimerTable {
    pub(crate) fn arm(&mut self, timer: Timer, at: Time) {
        self.due_us_plus_one[timer.index()] = at.micros().saturating_add(1);
    }

    #[inline]
    pub(crate) fn disarm(&mut self, timer: Timer) {
        self.due_us_plus_one[timer.index()] = 0;
    }

    pub(crate) fn disarm_all(&mut self) {
        *self = Self::default();
    }

    /// When it ends, if it runs.
    pub(crate) fn due(&self, timer: Timer) -> Option<Time> {
        self.due_us_plus_one[timer.index()].checked_sub(1).map(Time)
    }

    #[inline]
    pub(crate) fn is_armed(&self, timer: Timer) -> bool {
        self.due_us_plus_one[timer.index()] != 0
    }

    /// The earliest.
    pub(crate) fn next(&self) -> Option<Time> {
        // One that does not run becomes the latest there is.
        let earliest =
            self.due_us_plus_one.iter().fold(u64::MAX, |least, due| least.min(due.wrapping_sub(1)));
        (earliest != u64::MAX).then_some(Time(earliest))
    }

    /// Takes the first timer that is due at `now`; it is disarmed.
    pub(crate) fn take_due(&mut self, now: Time) -> Option<Timer> {
        let timer = Timer::ALL.into_iter().find(|timer| self.due(*timer).is_some_and(|due| due <= now))?;
        self.disarm(timer);
        Some(timer)
    }

    /// Moves every timer so that what was left of it at `then` is left of it at `now`: time away is not charged.
    pub(crate) fn forgive(&mut self, then: Time, now: Time) {
        for timer in Timer::ALL {
            if let Some(due) = self.due(timer) {
                self.arm(timer, now + due.since(then));
            }
        }
    }
}
