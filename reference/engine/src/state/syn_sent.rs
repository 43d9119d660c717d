//! SYN-SENT.

use alloc::boxed::Box;

use hiatus_codec::{Flags, KnownOptions, Message, Position, Segment, SequenceNumber};
use serde::{Deserialize, Serialize};

use crate::arrived::known_options;
use crate::config::Entropy;
use crate::event::{CloseReason, Event, FallbackReason};
use crate::hiatus::{Hiatus, negotiation};
use crate::outgoing::{Burst, Room};
use crate::owed::Owed;
use crate::state::Transition;
use crate::stray::{Reset, write_reset};
use crate::tcb::{Context, Ports, Tcb};

/// The own SYN was sent, or is about to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SynSent {
    pub(crate) tcb: Box<Tcb>,
    /// Transmissions of the SYN.
    syns_sent: u8,
}

impl SynSent {
    pub(crate) fn new(cx: &Context<'_>, entropy: &Entropy, ports: Ports) -> Self {
        let hiatus = negotiation::proposal(cx.config, entropy).map_or(Hiatus::Off, Hiatus::Proposed);
        Self { tcb: Box::new(Tcb::new(cx, entropy, ports, SequenceNumber(0), hiatus)), syns_sent: 0 }
    }

    /// RFC 9293, section 3.10.7.3.
    pub(crate) fn on_segment(&mut self, cx: &mut Context<'_>, segment: &Segment<'_>) -> Transition {
        let flags = segment.flags;
        let tcb = &mut self.tcb;
        // First, the ACK bit. Only the SYN is in flight.
        let has_ack = flags.contains(Flags::ACK);
        if has_ack && (segment.ack != tcb.snd.iss.advanced_by(1) || self.syns_sent == 0) {
            if !flags.contains(Flags::RST) {
                tcb.owe(Owed::Reset { seq: segment.ack });
            }
            return Transition::Stay;
        }
        // Second, the RST bit.
        if flags.contains(Flags::RST) {
            return Transition::closed_if(has_ack.then_some(CloseReason::Refused));
        }
        // Fourth, the SYN bit.
        if !flags.contains(Flags::SYN) {
            return Transition::Stay;
        }
        let options = known_options(segment);
        tcb.ecn.heard_syn(flags);
        // The window that the own SYN announced counts from here.
        tcb.rcv.irs = segment.seq;
        if !has_ack {
            return self.simultaneous_open(cx, segment, &options);
        }
        if let Hiatus::Proposed(proposal) = &tcb.hiatus {
            tcb.hiatus = negotiation::read_syn_ack(*proposal, options.hiatus);
            if tcb.hiatus == Hiatus::Off {
                tcb.fall_back(cx, FallbackReason::NotOffered);
            }
        }
        tcb.read_syn(cx, &options, segment.window, Position(1));
        tcb.syn_is_acknowledged(cx, options.timestamps.map(|timestamps| timestamps.echo_reply));
        tcb.ack_is_due = true;
        tcb.heard = cx.now;
        cx.events.push_back(Event::Connected);
        Transition::Synchronized
    }

    fn simultaneous_open(
        &mut self,
        cx: &mut Context<'_>,
        segment: &Segment<'_>,
        options: &KnownOptions<'_>,
    ) -> Transition {
        let tcb = &mut self.tcb;
        //= draft#combinations
        //# A host MUST treat a connection opened simultaneously as plain TCP.
        if tcb.hiatus != Hiatus::Off {
            tcb.fall_back(cx, FallbackReason::SimultaneousOpen);
        }
        tcb.read_syn(cx, options, segment.window, Position(0));
        tcb.snd.resend_all();
        let scale = cx.config.shift().filter(|_| options.window_scale.is_some());
        Transition::OpenedSimultaneously { scale }
    }

    pub(crate) fn transmit(&mut self, cx: &mut Context<'_>, room: &mut Room<'_>) -> Option<Burst> {
        if let Some(Owed::Reset { seq }) = self.tcb.owed.pop_front() {
            // Without timestamps: they are not negotiated yet (RFC 7323, section 3.2).
            let reset = Reset { seq, ack: SequenceNumber(0), flags: Flags::RST };
            return write_reset(self.tcb.ports, reset, None, room);
        }
        if self.tcb.snd.resend > Position(0) {
            return None;
        }
        //= draft#neg-syn
        //# An initiator that offers the extension MUST put the short CAPABLE on the
        //# first two transmissions of its SYN and on no later one.
        let capable = match &self.tcb.hiatus {
            Hiatus::Proposed(proposal) if self.syns_sent < negotiation::SYNS_WITH_CAPABLE => {
                Some(Message::Capable(proposal.own.short()))
            }
            _ => None,
        };
        let flags = self.tcb.ecn.syn_flags(cx.config.ecn);
        let written = self.tcb.write_syn(cx, room, flags, cx.config.shift(), capable)?;
        self.syns_sent = self.syns_sent.saturating_add(1);
        Some(written)
    }
}
