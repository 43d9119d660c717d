//! Keep-alive probes of an idle connection (RFC 9293, section 3.8.4).

use core::time::Duration;

use hiatus_codec::SequenceNumber;
use serde::{Deserialize, Serialize};

use crate::event::{CloseReason, SelfState};
use crate::tcb::{Context, Tcb};
use crate::timer::Timer;

/// Between two probes at least.
const INTERVAL_MIN: Duration = Duration::from_secs(1);
/// One probe that is not answered proves nothing (RFC 9293, MUST-29).
const PROBES_MIN: u8 = 2;

/// The probes of an idle connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeepAliveProbes {
    /// One may leave.
    pub(crate) is_due: bool,
    /// Probes in a row that nothing answered.
    pub(crate) unanswered: u8,
}

impl Tcb {
    /// Starts and stops the timer: it runs while nothing is in flight or waits (RFC 9293, MUST-26), and both ends are
    /// there.
    pub(crate) fn rearm_keep_alive(&mut self, cx: &Context<'_>) {
        let is_over = self.snd.fin_is_acknowledged() && self.rcv.fin_is_received();
        let is_quiet = self.snd.una == self.snd.end && !is_over;
        //= draft#leaving
        //# A host in LEAVING MUST NOT send a window probe, a keep-alive, or a FIN
        //# or octet at or beyond SEG.SEQ of its SUSPEND.
        let is_there = self.may_originate() && self.hiatus.self_state() == SelfState::Up;
        match self.keep_alive_policy(cx.config).filter(|_| is_quiet && is_there) {
            None => {
                self.timers.disarm(Timer::KeepAlive);
                self.keep_alive = KeepAliveProbes::default();
            }
            Some(policy) if !self.timers.is_armed(Timer::KeepAlive) => {
                self.timers.arm(Timer::KeepAlive, (self.heard + policy.idle).max(cx.now));
            }
            Some(_) => {}
        }
    }

    /// The timer ran out; what was heard since it was started moves it. Gives why the connection ends, if it does.
    pub(crate) fn keep_alive_timeout(&mut self, cx: &mut Context<'_>) -> Option<CloseReason> {
        let policy = self.keep_alive_policy(cx.config)?;
        let due = self.heard + policy.idle;
        if self.keep_alive.unanswered == 0 && cx.now < due {
            self.timers.arm(Timer::KeepAlive, due);
            return None;
        }
        if self.keep_alive.unanswered >= policy.probes.max(PROBES_MIN) {
            self.keep_alive = KeepAliveProbes::default();
            return self.give_up(cx);
        }
        self.keep_alive.unanswered += 1;
        self.keep_alive.is_due = true;
        self.timers.arm(Timer::KeepAlive, cx.now + policy.interval.max(INTERVAL_MIN));
        None
    }

    /// SEG.SEQ of a keep-alive: the octet before SND.NXT, so that it is outside every window and draws an ACK. It has no
    /// data (RFC 9293, SHLD-12).
    pub(crate) fn keep_alive_seq(&self) -> SequenceNumber {
        SequenceNumber(self.snd_nxt().0.wrapping_sub(1))
    }
}
