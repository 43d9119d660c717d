//! Errors of the network (RFC 9293, section 3.9.2.2; RFC 5927).

use hiatus_codec::Position;

use crate::event::{CloseReason, Event};
use crate::icmp::{IcmpError, IcmpErrorKind, Severity};
use crate::path::TooBig;
use crate::state::{State, Transition};
use crate::tcb::{Context, Tcb};
use crate::timer::Timer;

impl State {
    /// The network reports an error about a segment of this connection.
    pub(crate) fn handle_icmp(&mut self, cx: &mut Context<'_>, error: &IcmpError) {
        // RFC 9293, MUST-55.
        if error.kind == IcmpErrorKind::SourceQuench {
            return;
        }
        let Some(tcb) = self.live_tcb_mut() else { return };
        // Only what quotes a segment in flight is believed (RFC 5927, section 4.1).
        let seq = Position::of_sequence(error.quoted_seq, tcb.snd.iss, tcb.snd.una);
        if seq < tcb.snd.una || seq >= tcb.snd.max {
            return;
        }
        if let IcmpErrorKind::PacketTooBig { mtu_octets } = error.kind {
            tcb.packet_too_big(cx, seq, mtu_octets);
            return;
        }
        let transition = match self {
            // A connection that stands survives what a path, or who forges its errors, says (RFC 5927, section 5.2). A
            // soft error ends none (RFC 9293, MUST-56).
            Self::SynSent(_) if error.kind.severity() == Severity::Hard => {
                Transition::Closed(CloseReason::Unreachable(error.kind))
            }
            Self::SynReceived(state) if error.kind.severity() == Severity::Hard => {
                state.give_up(CloseReason::Unreachable(error.kind))
            }
            _ => Transition::Stay,
        };
        let event = Event::NetworkError { kind: error.kind };
        // Told once, not as often as a router says so (RFC 9293, SHLD-25).
        if matches!(transition, Transition::Stay) && cx.events.back() != Some(&event) {
            cx.events.push_back(event);
        }
        self.enter(cx, transition);
    }
}

impl Tcb {
    /// A packet of this end was too large for the path (RFC 1191, RFC 8201).
    fn packet_too_big(&mut self, cx: &Context<'_>, seq: Position, mtu_octets: u16) {
        // No path is too narrow for a SYN.
        if self.snd.una == Position(0) {
            return;
        }
        if self.path.packet_too_big(seq, mtu_octets, cx.now) == TooBig::Ignored {
            return;
        }
        self.snd.mss_octets = self.path.send_mss();
        self.send_in_pieces();
        self.rtt.retransmitted(cx.now);
        self.timers.disarm(Timer::Retransmit);
        self.rearm(cx);
    }
}
