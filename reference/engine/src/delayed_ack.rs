//! When an ACK may wait for the next segment, or for data to ride on (RFC 9293, section 3.8.6.3; RFC 5681, section 4.2).

use core::time::Duration;

use hiatus_codec::Flags;
use serde::{Deserialize, Serialize};

use crate::arrived::Arrived;
use crate::config::{Config, DEFAULT_SEND_MSS_OCTETS};
use crate::event::{HiatusState, SelfState};
use crate::receive::{Accepted, Order};
use crate::tcb::{Context, Tcb};
use crate::timer::Timer;

/// An ACK waits less than 0.5 s (RFC 9293, MUST-40).
const DELAY_MAX: Duration = Duration::from_millis(499);
/// Segments that draw an ACK each while the peer starts slowly: as many as its initial window has (RFC 6928).
const QUICK_SEGMENTS: u8 = 10;

/// What was received and not acknowledged yet, and how long the peer's segments are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DelayedAck {
    /// Octets that no ACK has covered.
    waiting_octets: u32,
    /// How long a full segment of the peer is, as far as it has shown.
    full_octets: u16,
    /// Octets of the latest segment that the peer had reason to make as long as it could.
    last_octets: u16,
    /// Segments that still draw an ACK each.
    quick_left: u8,
}

impl Default for DelayedAck {
    fn default() -> Self {
        let full_octets = DEFAULT_SEND_MSS_OCTETS;
        Self { waiting_octets: 0, full_octets, last_octets: 0, quick_left: QUICK_SEGMENTS }
    }
}

impl DelayedAck {
    /// True while no ACK has left for text that came in order.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting_octets > 0
    }

    /// The peer starts slowly again.
    pub(crate) fn restart(&mut self) {
        self.quick_left = QUICK_SEGMENTS;
    }

    /// An ACK left.
    pub(crate) fn sent(&mut self) {
        self.waiting_octets = 0;
    }

    /// An ACK rode on data: the two ends talk in turn, and the next one may ride too.
    pub(crate) fn rode_on_data(&mut self) {
        self.quick_left = 0;
    }

    /// Text came in order whose ACK waits for something else.
    pub(crate) fn came_in_order(&mut self, arrived: &Arrived<'_>, config: &Config) {
        self.measure(arrived.segment.payload.len(), arrived.has(Flags::PSH), config.mss_octets);
    }

    /// Text came in order; says whether its ACK may wait.
    fn may_wait(&mut self, arrived: &Arrived<'_>, config: &Config) -> bool {
        let octets = arrived.segment.payload.len();
        self.measure(octets, arrived.has(Flags::PSH), config.mss_octets);
        self.waiting_octets = self.waiting_octets.saturating_add(u32::try_from(octets).unwrap_or(u32::MAX));
        if self.quick_left > 0 {
            self.quick_left -= 1;
            return false;
        }
        // More than one full segment is the second one, or several that came as one.
        self.waiting_octets <= u32::from(self.full_octets)
    }

    /// The longest segment seen is a full one. Two shorter ones of one length, neither of which ends what the sender
    /// wrote, show that the path has become narrower (RFC 5681, section 4.2, on stretch ACKs).
    fn measure(&mut self, octets: usize, is_pushed: bool, mss_octets: u16) {
        // Longer ones are several that were merged.
        let octets = u16::try_from(octets).unwrap_or(u16::MAX).min(mss_octets.max(1));
        if octets >= self.full_octets.min(mss_octets) || (!is_pushed && octets == self.last_octets) {
            self.full_octets = octets;
        }
        self.last_octets = if is_pushed { 0 } else { octets };
    }
}

impl Tcb {
    /// Text or a FIN was taken: an ACK is due, now or soon.
    pub(crate) fn acknowledge_text(&mut self, cx: &Context<'_>, arrived: &Arrived<'_>, accepted: Accepted) {
        if self.ack_waits_for_stability(cx, arrived, accepted) {
            return;
        }
        let is_waiting = self.ack_may_wait(cx, arrived, accepted);
        match cx.config.delayed_ack {
            Some(delay) if is_waiting => {
                if !self.timers.is_armed(Timer::DelayedAck) {
                    self.timers.arm(Timer::DelayedAck, cx.now + delay.min(DELAY_MAX));
                }
            }
            _ => self.ack_is_due = true,
        }
    }

    fn ack_may_wait(&mut self, cx: &Context<'_>, arrived: &Arrived<'_>, accepted: Accepted) -> bool {
        if accepted.order != Order::Next || accepted.fin {
            return false;
        }
        let may_wait = self.delayed_ack.may_wait(arrived, cx.config);
        // The sender has no window for another full segment, and waits for the ACK.
        let is_blocked = self.rcv.wnd() < u64::from(self.delayed_ack.full_octets);
        let is_settled = self.hiatus.state() != HiatusState::Negotiating
            && self.hiatus.self_state() == SelfState::Up
            && self.may_originate();
        may_wait && !is_blocked && is_settled
    }

    /// What waits is not sent of this end's own accord any more.
    pub(crate) fn hold_delayed_ack(&mut self) {
        self.timers.disarm(Timer::DelayedAck);
    }

    /// Both ends are there again, and begin slowly: an ACK that was held back goes out.
    pub(crate) fn release_delayed_ack(&mut self) {
        self.ack_is_due |= self.delayed_ack.is_waiting() && self.may_originate();
        self.delayed_ack.restart();
    }
}
