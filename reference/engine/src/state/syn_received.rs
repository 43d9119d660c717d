//! SYN-RECEIVED.

use alloc::boxed::Box;

use hiatus_codec::{Flags, Message, Position, Segment};
use serde::{Deserialize, Serialize};

use crate::arrived::Arrived;
use crate::config::HiatusPolicy;
use crate::event::{CloseReason, Event, FallbackReason};
use crate::hiatus::{Hiatus, negotiation};
use crate::owed::Owed;
use crate::send::FIRST_OCTET;
use crate::state::State;
use crate::state::closed::Closed;
use crate::state::listen::Listen;
use crate::state::synchronized::Synchronized;
use crate::tcb::{Context, Tcb};

/// Both SYNs were exchanged; the own one is not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SynReceived {
    pub(crate) tcb: Box<Tcb>,
    opened: Opened,
    /// The window scale of the SYN/ACK: only an answer to one (RFC 7323, section 2.2).
    scale: Option<u8>,
    /// SYN/ACKs that may still carry CAPABLE.
    capables_left: u8,
}

/// How the connection came here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Opened {
    /// From LISTEN.
    Passively,
    /// From SYN-SENT.
    Simultaneously,
}

impl SynReceived {
    /// `peer_scales` tells whether the peer's SYN offered a window scale.
    pub(crate) fn new(cx: &mut Context<'_>, tcb: Box<Tcb>, opened: Opened, peer_scales: bool) -> Self {
        if opened == Opened::Passively && cx.config.hiatus != HiatusPolicy::Off && tcb.hiatus == Hiatus::Off {
            cx.events.push_back(Event::FellBack { reason: FallbackReason::NotOffered });
        }
        let scale = cx.config.shift().filter(|_| peer_scales);
        Self { tcb, opened, scale, capables_left: negotiation::SYNS_WITH_CAPABLE }
    }

    /// RFC 9293, section 3.10.7.4, as far as it concerns this state.
    pub(crate) fn on_segment(&mut self, cx: &mut Context<'_>, segment: &Segment<'_>) -> Option<State> {
        let tcb = &mut self.tcb;
        let arrived = Arrived::new(segment, &tcb.snd, &tcb.rcv);
        // First, the sequence number. The peer's SYN again asks for the SYN/ACK again.
        if arrived.has(Flags::SYN) && !arrived.has(Flags::ACK) && segment.seq == tcb.rcv.irs {
            tcb.snd.resend_all();
            //= draft#neg-synack
            //# A responder MUST NOT put a Hiatus option on the answer to a SYN without
            //# CAPABLE.
            if !negotiation::is_offer(arrived.hiatus) {
                self.capables_left = 0;
            }
            return None;
        }
        if !tcb.rcv.is_acceptable(arrived.seq, segment.len()) {
            if !arrived.has(Flags::RST) {
                tcb.challenge(cx.now);
            }
            return None;
        }
        // Second, the RST bit (RFC 5961, section 3.2).
        if arrived.has(Flags::RST) {
            if arrived.seq != tcb.rcv.nxt {
                tcb.challenge(cx.now);
                return None;
            }
            return Some(match self.opened {
                Opened::Passively => self.back_to_listen(cx),
                Opened::Simultaneously => Closed::bury(cx, tcb.clone(), CloseReason::Refused),
            });
        }
        // Fourth, the SYN bit: a connection opened passively returns to LISTEN, any other answers as a synchronized one
        // (RFC 5961, section 4.2). A SYN that is repeated never comes here: it lies before RCV.NXT. This one is in the
        // window, so it belongs to another attempt of the peer, which sends it again and then finds LISTEN.
        if arrived.has(Flags::SYN) {
            if self.opened == Opened::Passively {
                return Some(self.back_to_listen(cx));
            }
            tcb.challenge(cx.now);
            return None;
        }
        // Fifth, the ACK field.
        if !arrived.has(Flags::ACK) {
            return None;
        }
        if arrived.ack != Position(1) || tcb.snd.max < Position(1) {
            tcb.owe(Owed::Reset { seq: segment.ack });
            return None;
        }
        tcb.snd.set_window(u32::from(segment.window) << tcb.snd.scale, arrived.seq, arrived.ack);
        tcb.snd.acknowledge(Position(1));
        tcb.rtt.acknowledged(Position(1), cx.now);
        tcb.timers.disarm(crate::timer::Timer::Retransmit);
        tcb.first_segment(cx, arrived.hiatus);
        cx.events.push_back(Event::Connected);
        let mut next = Synchronized::new(tcb.clone());
        // The rest of the segment is an affair of ESTABLISHED.
        Some(match next.on_segment(cx, segment) {
            None => State::Synchronized(next),
            Some(reason) => Closed::bury(cx, next.tcb, reason),
        })
    }

    /// A connection opened passively returns to LISTEN (RFC 9293, section 3.10.7.4, second and fourth).
    fn back_to_listen(&mut self, cx: &mut Context<'_>) -> State {
        // What the application wrote or closed was meant for this peer: it is told, and not the next one.
        if self.tcb.snd.end > FIRST_OCTET {
            return Closed::bury(cx, self.tcb.clone(), CloseReason::Reset);
        }
        State::Listen(Listen::default())
    }

    pub(crate) fn transmit(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Option<usize> {
        if let Some(Owed::Reset { seq }) = self.tcb.owed.pop_front() {
            return self.tcb.write_reset(cx, buffer, seq, None);
        }
        if self.tcb.snd.resend > Position(0) {
            return if self.tcb.ack_is_due { self.tcb.write_ack(cx, buffer, None) } else { None };
        }
        //= draft#neg-synack
        //# A responder that accepts the offer MUST put the long CAPABLE on the
        //# first two transmissions of its SYN/ACK, as long as no SYN without
        //# CAPABLE has arrived, and on no other.
        let capable = match &self.tcb.hiatus {
            Hiatus::Confirming(confirming) if self.capables_left > 0 => {
                Some(Message::Capable(confirming.on_syn_ack()))
            }
            _ => None,
        };
        let written = self.tcb.write_syn(cx, buffer, Flags::ACK, self.scale, capable)?;
        self.capables_left = self.capables_left.saturating_sub(1);
        Some(written)
    }
}
