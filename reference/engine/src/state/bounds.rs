//! What a host at its bounds refuses, and what it ends for lack of memory (draft, {#bounds}).

use hiatus_codec::{AbortReason, Nonce};

use crate::event::{CloseReason, Event, PeerState, TcpState};
use crate::state::{State, Transition};
use crate::tcb::{Context, Tcb};

impl State {
    /// The connection has just begun to be kept for a peer that is away, and there is no room for that.
    pub(crate) fn refuse_absence(&mut self, cx: &mut Context<'_>) {
        let lingers = self.name() == TcpState::Linger;
        let Some(tcb) = self.tcb_mut() else { return };
        let transition = match tcb.hiatus.peer_state() {
            _ if lingers => Transition::Closed(CloseReason::Finished),
            // The SUSPEND-ACK that is owed grants nothing then.
            PeerState::Held => {
                tcb.peer_shows_itself(cx);
                Transition::Stay
            }
            PeerState::Presumed => Transition::Closed(tcb.why_presumed(cx)),
            PeerState::Up => Transition::Stay,
        };
        if let (Self::Synchronized(state), Transition::Stay) = (&mut *self, &transition) {
            state.tcb.rearm(cx);
        }
        self.enter(cx, transition);
    }

    /// There is no room for what is retained.
    pub(crate) fn give_up_retained(&mut self, cx: &mut Context<'_>) {
        let Some(tcb) = self.live_tcb_mut() else { return };
        if tcb.snd.give_up_retained() && cx.events.back() != Some(&Event::Shed) {
            cx.events.push_back(Event::Shed);
        }
        if let Self::Synchronized(state) = self {
            state.tcb.rearm(cx);
        }
    }

    /// Ends the connection for lack of memory.
    pub(crate) fn shed(&mut self, cx: &mut Context<'_>) {
        let Self::Synchronized(state) = self else { return };
        let tcb = &mut state.tcb;
        let Some(life) = tcb.recorded_life() else { return };
        tcb.owed.clear();
        let seq = tcb.snd_nxt();
        tcb.owe_abort(AbortReason::SHED, life, Nonce::UNKNOWN, seq);
        self.enter(cx, Transition::Closed(CloseReason::AbortedHere(AbortReason::SHED)));
    }
}

impl Tcb {
    /// What the connection would have ended with.
    fn why_presumed(&self, cx: &Context<'_>) -> CloseReason {
        let latest = self.hiatus.session().and_then(|session| session.presumed_by_reset[1]);
        if latest == Some(cx.now) { CloseReason::Reset } else { CloseReason::NoAnswer }
    }
}
