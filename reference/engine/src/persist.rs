//! A window that is closed, or too small to be used (RFC 9293, sections 3.8.6.1 and 3.8.6.2.1).

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::event::{CloseReason, Event};
use crate::failure::R1_TIMEOUTS;
use crate::rtt::rto_max;
use crate::tcb::{Context, Tcb};
use crate::time::Time;
use crate::timer::Timer;

/// How long data waits for a window that is worth it: 0.1 to 1 s (RFC 9293, section 3.8.6.2.1, rule 4).
const OVERRIDE: Duration = Duration::from_millis(500);
/// Doublings beyond this change nothing: the result is capped.
const BACKOFF_MAX: u8 = 16;

/// The probes of a closed window.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Persist {
    /// A segment may pass the window.
    pub(crate) is_due: bool,
    /// How often the interval was doubled.
    backoff: u8,
    /// Probes in a row that nothing answered.
    unanswered: u8,
    /// When the first of them was due.
    unanswered_since: Option<Time>,
}

impl Persist {
    /// Neither a window nor a probe of it is remembered.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}

impl Tcb {
    /// From now until the window is probed.
    ///
    /// The first probe of a closed window leaves after one RTO (RFC 9293, SHLD-29), and the interval doubles though
    /// the peer answers (SHLD-30).
    pub(crate) fn persist_interval(&self, cx: &Context<'_>) -> Duration {
        if self.snd.wnd > 0 {
            return OVERRIDE;
        }
        let doubled = self.rtt.rto(cx.config).saturating_mul(1 << self.persist.backoff);
        doubled.min(rto_max(cx.config))
    }

    /// The persist timer ran out. Gives why the connection ends, if it does.
    pub(crate) fn persist_timeout(&mut self, cx: &mut Context<'_>) -> Option<CloseReason> {
        self.persist.is_due = true;
        if self.snd.wnd > 0 {
            return None;
        }
        // A peer that answers may keep its window closed for ever (RFC 9293, MUST-37).
        let since = *self.persist.unanswered_since.get_or_insert(cx.now);
        if cx.now.since(since) >= self.user_timeout(cx.config) {
            self.persist.forget();
            return self.give_up(cx);
        }
        if u32::from(self.persist.unanswered) == R1_TIMEOUTS {
            cx.events.push_back(Event::Unanswered);
        }
        self.persist.unanswered = self.persist.unanswered.saturating_add(1);
        self.persist.backoff = (self.persist.backoff + 1).min(BACKOFF_MAX);
        None
    }

    /// An acceptable ACK arrived; SND.WND was `wnd_before` until then.
    pub(crate) fn window_heard(&mut self, wnd_before: u32) {
        self.persist.unanswered = 0;
        self.persist.unanswered_since = None;
        if (wnd_before == 0) != (self.snd.wnd == 0) {
            self.persist.backoff = 0;
            self.timers.disarm(Timer::Persist);
        }
    }
}
