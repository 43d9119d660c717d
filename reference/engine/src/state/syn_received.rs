//! SYN-RECEIVED.

use alloc::boxed::Box;

use hiatus_codec::{Flags, Message, Position, Segment};
use serde::{Deserialize, Serialize};

use crate::arrived::Arrived;
use crate::config::HiatusPolicy;
use crate::event::{CloseReason, Event, FallbackReason};
use crate::hiatus::{Hiatus, negotiation};
use crate::outgoing::{Burst, Room};
use crate::owed::Owed;
use crate::send::FIRST_OCTET;
use crate::state::Transition;
use crate::state::listen::Listen;
use crate::tcb::{Context, Tcb};
use crate::timestamps::Freshness;

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Opened {
    /// From LISTEN, as which it goes on if nothing comes of the connection; `None` if somebody else listens on.
    Passively { again: Option<Box<Listen>> },
    /// From SYN-SENT.
    Simultaneously,
}

impl SynReceived {
    /// From LISTEN; `peer_scales` tells whether the peer's SYN offered a window scale.
    pub(crate) fn passive(
        cx: &mut Context<'_>,
        tcb: Box<Tcb>,
        again: Option<Box<Listen>>,
        peer_scales: bool,
    ) -> Self {
        if cx.config.hiatus != HiatusPolicy::Off && tcb.hiatus == Hiatus::Off {
            cx.events.push_back(Event::FellBack { reason: FallbackReason::NotOffered });
        }
        let scale = cx.config.shift().filter(|_| peer_scales);
        let opened = Opened::Passively { again };
        Self { tcb, opened, scale, capables_left: negotiation::SYNS_WITH_CAPABLE }
    }

    /// From SYN-SENT; `scale` is the window scale of the SYN/ACK.
    pub(crate) fn simultaneous(tcb: Box<Tcb>, scale: Option<u8>) -> Self {
        Self { tcb, opened: Opened::Simultaneously, scale, capables_left: 0 }
    }

    /// RFC 9293, section 3.10.7.4, as far as it concerns this state.
    pub(crate) fn on_segment(&mut self, cx: &mut Context<'_>, segment: &Segment<'_>) -> Transition {
        let arrived = Arrived::new(segment, &self.tcb.snd, &self.tcb.rcv);
        let is_answer = self.is_answer_to_simultaneous_syn(&arrived);
        if !is_answer && let Some(transition) = self.before_ack(cx, &arrived) {
            return transition;
        }
        let tcb = &mut self.tcb;
        // Fifth, the ACK field.
        if !arrived.has(Flags::ACK) {
            return Transition::Stay;
        }
        if arrived.ack != Position(1) || tcb.snd.max < Position(1) {
            tcb.owe(Owed::Reset { seq: segment.ack });
            return Transition::Stay;
        }
        // The window of a SYN is not scaled (RFC 7323, section 2.2).
        let scale = if is_answer { 0 } else { tcb.snd.scale };
        tcb.snd.set_window(u32::from(segment.window) << scale, arrived.seq, arrived.ack);
        if is_answer {
            tcb.ecn.heard_syn(segment.flags);
        }
        tcb.syn_is_acknowledged(cx, arrived.timestamps.map(|timestamps| timestamps.echo_reply));
        tcb.first_segment(cx, arrived.hiatus);
        cx.events.push_back(Event::Connected);
        // The rest of the segment is an affair of ESTABLISHED.
        Transition::Synchronized
    }

    /// The SYN/ACK of a peer that opened at the same time: its SYN is known, its ACK counts (RFC 9293, section 3.5,
    /// figure 8).
    fn is_answer_to_simultaneous_syn(&self, arrived: &Arrived<'_>) -> bool {
        self.opened == Opened::Simultaneously
            && arrived.has(Flags::SYN.union(Flags::ACK))
            && !arrived.has(Flags::RST)
            && arrived.segment.seq == self.tcb.rcv.irs
    }

    /// First to fourth: sequence number (PAWS before it), RST, SYN. Gives where the segment leads if it goes no further.
    fn before_ack(&mut self, cx: &mut Context<'_>, arrived: &Arrived<'_>) -> Option<Transition> {
        let tcb = &mut self.tcb;
        let is_reset = arrived.has(Flags::RST);
        // The peer's SYN again asks for the SYN/ACK again.
        let is_bare_syn =
            arrived.has(Flags::SYN) && !arrived.segment.flags.intersects(Flags::ACK.union(Flags::RST));
        if is_bare_syn && arrived.segment.seq == tcb.rcv.irs {
            tcb.snd.resend_all();
            tcb.ecn.heard_syn(arrived.segment.flags);
            //= draft#neg-synack
            //# A responder MUST NOT put a Hiatus option on the answer to a SYN without
            //# CAPABLE.
            if !negotiation::is_offer(arrived.hiatus) {
                self.capables_left = 0;
            }
            return Some(Transition::Stay);
        }
        let freshness = if is_reset { Freshness::Fresh } else { tcb.freshness(cx.now, arrived) };
        if freshness == Freshness::Missing {
            return Some(Transition::Stay);
        }
        if freshness == Freshness::Old || !tcb.rcv.is_acceptable(arrived.seq, arrived.tested_len()) {
            if !is_reset {
                tcb.challenge(cx.now);
            }
            return Some(Transition::Stay);
        }
        // RFC 5961, section 3.2.
        if is_reset && arrived.seq != tcb.rcv.nxt {
            tcb.challenge(cx.now);
            return Some(Transition::Stay);
        }
        if is_reset {
            return Some(match self.opened {
                Opened::Passively { .. } => self.give_up(CloseReason::Reset),
                Opened::Simultaneously => Transition::Closed(CloseReason::Refused),
            });
        }
        // A connection opened passively returns to LISTEN, any other answers as a synchronized one (RFC 5961, section
        // 4.2). A SYN that is repeated never comes here: it lies before RCV.NXT. This one is in the window, so it
        // belongs to another attempt of the peer, which sends it again and then finds LISTEN.
        if arrived.has(Flags::SYN) {
            if matches!(self.opened, Opened::Passively { .. }) {
                return Some(self.give_up(CloseReason::Reset));
            }
            tcb.challenge(cx.now);
            return Some(Transition::Stay);
        }
        None
    }

    /// A connection opened passively returns to LISTEN (RFC 9293, section 3.10.7.4, second and fourth).
    /// One opened simultaneously ends, for `reason`.
    pub(crate) fn give_up(&mut self, reason: CloseReason) -> Transition {
        let Opened::Passively { again } = &mut self.opened else { return Transition::Closed(reason) };
        match again.take() {
            // What the application wrote or closed was meant for this peer: it is told, and not the next one.
            Some(listen) if self.tcb.snd.end <= FIRST_OCTET => Transition::Listen(listen),
            _ => Transition::Closed(reason),
        }
    }

    pub(crate) fn transmit(&mut self, cx: &mut Context<'_>, room: &mut Room<'_>) -> Option<Burst> {
        if let Some(Owed::Reset { seq }) = self.tcb.owed.pop_front() {
            return self.tcb.write_reset(cx, room, seq, None);
        }
        if self.tcb.snd.resend > Position(0) {
            return if self.tcb.ack_is_due { self.tcb.write_ack(cx, room, None) } else { None };
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
        let flags = Flags::ACK.union(self.tcb.ecn.syn_ack_flags(cx.config.ecn));
        let written = self.tcb.write_syn(cx, room, flags, self.scale, capable)?;
        self.capables_left = self.capables_left.saturating_sub(1);
        Some(written)
    }
}
