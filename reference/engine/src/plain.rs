//! Plain TCP that survives a crash, because its peer knows nothing of it that is not in an epoch (draft, {#durable-plain}).

use crate::config::{Config, PlainTcp};
use crate::hiatus::Hiatus;
use crate::tcb::{Context, Tcb};

impl Tcb {
    /// True if it is, or will be, plain TCP that is durable.
    pub(crate) fn is_durable_plain(&self, config: &Config) -> bool {
        matches!(self.hiatus, Hiatus::Off) && config.plain == PlainTcp::Durable
    }

    /// Where plain TCP is to be durable, what was not acknowledged when it became plain waits for an epoch.
    ///
    /// What was acknowledged before that is in every epoch in which the connection is plain, for it was received by then.
    pub(crate) fn apply_acknowledging(&mut self, config: &Config) {
        if self.is_durable_plain(config) {
            self.rcv.acknowledge_when_stable();
        }
    }

    //= draft#durable-plain
    //# It comes back as a host that was silent for a time: with the
    //# same sequence numbers and later timestamps.
    /// The host was restored to its latest durable epoch, and this is plain TCP of which the peer knows nothing that is not in
    /// it.
    pub(crate) fn restore_plain(&mut self, cx: &mut Context<'_>, tsval_ceiling: u32) {
        self.forgive_absence(cx);
        if let Some(clock) = &mut self.timestamps {
            clock.step_above(tsval_ceiling, cx.now);
        }
        self.rcv.drop_out_of_order();
        self.rcv.all_is_stable();
        self.snd.lim = self.snd.end;
        // What was sent after the epoch was in it.
        self.snd.max = self.snd.lim;
        self.snd.resend_all();
        self.is_acknowledged_since_sync = false;
        // A peer that waits for an ACK learns that somebody is there.
        self.ack_is_due = true;
    }
}
