//! LINGER: both directions are over, and one end may still come back older (draft, {#linger}).

use core::time::Duration;

use crate::event::{CloseReason, Event, TcpState};
use crate::hiatus::PeerPresence;
use crate::hiatus::absence::duration;
use crate::owed::Owed;
use crate::rule::Rule;
use crate::state::synchronized::Synchronized;
use crate::tcb::{Context, Tcb};
use crate::timer::Timer;

//= draft#linger
//# The time to linger is the longer of 10 minutes and the hold that the host
//# has offered, counted from when it would have entered CLOSED.
/// The time to linger at least.
const LINGER_MIN: Duration = Duration::from_secs(600);

impl Synchronized {
    /// CLOSED, or LINGER in its place.
    pub(crate) fn finish(&mut self, cx: &mut Context<'_>) -> Option<CloseReason> {
        if !self.tcb.must_linger(cx) {
            return Some(CloseReason::Finished);
        }
        if !self.lingers {
            self.lingers = true;
            let limit = self.tcb.start_lingering(cx);
            cx.events.push_back(Event::Lingering { limit });
        }
        None
    }

    //= draft#restoring
    //# A host that is restored in
    //# TIME-WAIT where something is retained enters LINGER at once.
    /// A host that was restored is RESUMING, which TIME-WAIT knows nothing of.
    pub(crate) fn linger_if_resuming(&mut self, cx: &mut Context<'_>) {
        if self.name() == TcpState::TimeWait && self.tcb.is_resuming() {
            self.finish(cx);
        }
    }

    //= draft#linger
    //# If its R lies at or below the own FIN, the end goes back
    //# to LAST-ACK if it had entered LINGER from there and to CLOSING
    //# otherwise, and sends again from R.
    /// The own FIN is not acknowledged any more: which state that is follows from the FINs.
    pub(crate) fn leave_linger(&mut self) {
        self.lingers = false;
        self.tcb.timers.disarm(Timer::Linger);
    }
}

impl Tcb {
    pub(crate) fn must_linger(&self, cx: &Context<'_>) -> bool {
        //= draft#linger
        //# A host that retains MUST keep the connection until SND.STB has passed
        //# its FIN or the time to linger is over.
        let may_be_asked = self.hiatus.session().is_some()
            && self.snd.retention.is_on()
            && self.snd.fin.is_some_and(|fin| self.snd.stb <= fin);
        //= draft#linger
        //# A host for which the peer retains MUST keep the connection until an
        //# EPOCH with a stable point past the peer's FIN has been echoed or the
        //# time to linger is over.
        let must_tell = self.peer_retains() && self.rcv.stb < self.rcv.nxt;
        (may_be_asked && cx.config.keeps(Rule::LingerForOwnFin))
            || (must_tell && cx.config.keeps(Rule::LingerForPeerFin))
    }

    //= draft#linger
    //# In LINGER, PEER is UP: entering it ends a hold and its probes
    /// Gives the time to linger.
    fn start_lingering(&mut self, cx: &Context<'_>) -> Duration {
        let mut limit = LINGER_MIN;
        if let Some(session) = self.hiatus.session_mut() {
            limit = limit.max(duration(session.own.hold));
            session.there = PeerPresence::Up;
        }
        self.drop_question();
        for timer in [Timer::Hold, Timer::TimeWait] {
            self.timers.disarm(timer);
        }
        if !self.is_resuming() {
            self.timers.disarm(Timer::Resume);
            self.owed.retain(|owed| *owed != Owed::Resume);
        }
        self.timers.arm(Timer::Linger, cx.now + limit);
        self.report_if_due(cx);
        limit
    }
}
