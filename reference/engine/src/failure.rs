//! Connections that fail: what stays unanswered (RFC 9293, section 3.8.3).

use core::time::Duration;

use hiatus_codec::Position;

use crate::arrived::Arrived;
use crate::event::Event;
use crate::tcb::{Context, Tcb};
use crate::timer::Timer;

/// R1: retransmissions of one segment after which the owner is told (RFC 9293, SHLD-10).
pub(crate) const R1_TIMEOUTS: u32 = 3;

/// The pause after a probe of the path that a timeout found lost, in others (RFC 4821, section 7.6.3).
const PAUSES_OF_A_TIMEOUT: u32 = 5;

impl Tcb {
    /// R2 of what is in flight (RFC 9293, MUST-20 to MUST-23).
    pub(crate) fn r2(&self, cx: &Context<'_>) -> Duration {
        if self.snd.una == Position(0) { cx.config.r2_syn() } else { self.user_timeout(cx.config) }
    }

    /// The retransmission timer ran out, and R2 is not reached: at R1 the owner is told, once (RFC 9293, SHLD-9), and
    /// the size of the segment may be to blame.
    pub(crate) fn suspect_path(&mut self, cx: &mut Context<'_>) {
        let count = self.rtt.timeouts();
        if count == R1_TIMEOUTS {
            cx.events.push_back(Event::Unanswered);
        }
        let first = self.first_unacknowledged();
        let size = first.map_or(0, |text| text.len_octets + self.options_octets());
        let pause = self.probe_pause(cx).saturating_mul(PAUSES_OF_A_TIMEOUT);
        if self.path.timed_out(self.snd.una, size, count, pause, cx.now) {
            self.snd.mss_octets = self.path.send_mss();
        }
    }

    /// An acceptable ACK arrived, with `flight_octets` under way until then: the peer may echo a mark of congestion
    /// (RFC 3168, section 6.1.2).
    pub(crate) fn hear_echo(&mut self, cx: &Context<'_>, arrived: &Arrived<'_>, flight_octets: u32) {
        if !self.ecn.is_congested(arrived.segment.flags, arrived.ack, self.snd.nxt) {
            return;
        }
        let mss_octets = self.smss_octets();
        // Below one segment the timer slows the sender down.
        if self.congestion.cwnd() <= u32::from(mss_octets) && self.timers.is_armed(Timer::Retransmit) {
            self.timers.arm(Timer::Retransmit, cx.now + self.rtt.rto(cx.config));
        }
        self.congestion.ecn_echo(flight_octets, mss_octets);
    }
}
