//! What arrives and what runs out, handed to the state it meets.

use hiatus_codec::Segment;

use crate::ecn::Ecn;
use crate::event::TcpState;
use crate::outgoing::{Burst, Room};
use crate::state::{State, Transition};
use crate::tcb::Context;
use crate::timer::Timer;

impl State {
    /// A segment of this connection arrived (RFC 9293, section 3.10.7); `mark` is the ECN field of its IP header.
    pub(crate) fn handle_segment(&mut self, cx: &mut Context<'_>, segment: &Segment<'_>, mark: Ecn) {
        let (was_sent, was_received) = match self {
            Self::SynSent(_) => (true, false),
            Self::SynReceived(_) => (false, true),
            _ => (false, false),
        };
        let transition = match self {
            Self::Closed(closed) => {
                closed.on_segment(cx, segment);
                Transition::Stay
            }
            Self::Listen(listen) => listen.on_segment(cx, segment),
            Self::SynSent(state) => state.on_segment(cx, segment),
            Self::SynReceived(state) => state.on_segment(cx, segment),
            Self::Synchronized(state) => Transition::closed_if(state.on_segment(cx, segment, mark)),
        };
        self.enter(cx, transition);
        let Self::Synchronized(state) = self else { return };
        // What leads to ESTABLISHED is processed there to the end: from SYN-RECEIVED with the fifth step, from SYN-SENT
        // with the sixth (RFC 9293, sections 3.10.7.4 and 3.10.7.3).
        let end = match (was_sent, was_received) {
            (true, _) => state.on_rest_of_syn(cx, segment, mark),
            (_, true) => state.on_segment(cx, segment, mark),
            _ => return,
        };
        self.enter(cx, Transition::closed_if(end));
    }

    /// Time passed: does what has become due.
    pub(crate) fn handle_timeout(&mut self, cx: &mut Context<'_>) {
        // Each due timer is taken once: one that is armed anew is due later.
        for _ in Timer::ALL {
            let Some(timer) = self.tcb_mut().and_then(|tcb| tcb.timers.take_due(cx.now)) else { break };
            let transition = match self {
                Self::Closed(closed) => {
                    closed.on_timeout(timer);
                    Transition::Stay
                }
                Self::Listen(_) => Transition::Stay,
                Self::SynSent(state) => Transition::closed_if(state.tcb.retransmission_timeout(cx)),
                Self::SynReceived(state) => Transition::closed_if(state.tcb.retransmission_timeout(cx)),
                Self::Synchronized(state) => Transition::closed_if(state.on_timeout(cx, timer)),
            };
            self.enter(cx, transition);
        }
    }

    /// Writes the next segment to send where `room` is; several behind one header if it allows them.
    pub(crate) fn transmit(&mut self, cx: &mut Context<'_>, room: &mut Room<'_>) -> Option<Burst> {
        match self {
            Self::Closed(closed) => closed.tcb.as_mut()?.transmit_owed(cx, room),
            Self::Listen(listen) => listen.transmit(room),
            Self::SynSent(state) => state.transmit(cx, room),
            Self::SynReceived(state) => state.transmit(cx, room),
            Self::Synchronized(state) => state.tcb.transmit(cx, room),
        }
    }

    /// True if there is certainly nothing to send.
    pub(crate) fn rests(&self) -> bool {
        matches!(self, Self::Synchronized(state) if state.tcb.rests())
    }

    /// The TCB, unless the connection is over or never began.
    pub(crate) fn live_tcb_mut(&mut self) -> Option<&mut crate::tcb::Tcb> {
        if self.name() == TcpState::Closed { None } else { self.tcb_mut() }
    }
}
