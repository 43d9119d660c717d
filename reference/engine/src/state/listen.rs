//! LISTEN, for one connection.

use alloc::boxed::Box;

use hiatus_codec::{ConnectionKey, Flags, Position, Segment};
use serde::{Deserialize, Serialize};

use crate::arrived::known_options;
use crate::config::{Entropy, KeySource};
use crate::hiatus::negotiation;
use crate::outgoing::{Burst, Room};
use crate::state::Transition;
use crate::state::syn_received::SynReceived;
use crate::stray::{Reset, is_resume, reset_to, write_reset};
use crate::tcb::{Context, Ports, Tcb};

/// Waits for a SYN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listen {
    entropy: Entropy,
    /// What a segment that came without a SYN draws.
    owed: Option<Answer>,
}

/// An RST, to whom, and the key that makes it ABORT with reason LOST.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Answer {
    ports: Ports,
    reset: Reset,
    lost_key: Option<ConnectionKey>,
}

impl Listen {
    pub(crate) fn new(entropy: Entropy) -> Self {
        Self { entropy, owed: None }
    }

    /// RFC 9293, section 3.10.7.2.
    pub(crate) fn on_segment(&mut self, cx: &mut Context<'_>, segment: &Segment<'_>) -> Transition {
        // First, an RST is ignored. Second, an ACK draws an RST. Third, a SYN makes the connection.
        if segment.flags.contains(Flags::RST) {
            return Transition::Stay;
        }
        let ports = Ports { local: segment.destination_port, remote: segment.source_port };
        if segment.flags.contains(Flags::ACK) {
            //= draft#resume-received
            //# A host without state of the connection MUST answer a RESUME with ABORT
            //# and reason LOST if it can derive its key, and with an RST otherwise.
            let can_prove = self.entropy.key_source == KeySource::Derived && is_resume(segment);
            let lost_key = can_prove.then_some(self.entropy.connection_key);
            self.owed = Some(Answer { ports, reset: reset_to(segment), lost_key });
            return Transition::Stay;
        }
        if !segment.flags.contains(Flags::SYN) {
            return Transition::Stay;
        }
        let again = Some(Box::new(Self::new(self.entropy)));
        Transition::Opened(open(cx, &self.entropy, again, segment))
    }

    pub(crate) fn transmit(&mut self, room: &mut Room<'_>) -> Option<Burst> {
        let Answer { ports, reset, lost_key } = self.owed.take()?;
        write_reset(ports, reset, lost_key, room)
    }
}

/// The connection that a SYN makes (RFC 9293, section 3.10.7.2, third); `again` is LISTEN as it was before, if there
/// is a way back to it.
pub(crate) fn open(
    cx: &mut Context<'_>,
    entropy: &Entropy,
    again: Option<Box<Listen>>,
    segment: &Segment<'_>,
) -> SynReceived {
    let options = known_options(segment);
    let hiatus = negotiation::answer_syn(negotiation::proposal(cx.config, entropy), options.hiatus);
    let ports = Ports { local: segment.destination_port, remote: segment.source_port };
    let mut tcb = Box::new(Tcb::new(cx, entropy, ports, segment.seq, hiatus));
    tcb.ecn.heard_syn(segment.flags);
    tcb.read_syn(cx, &options, segment.window, Position(0));
    // Its text, if it has any, is not acknowledged and comes again.
    SynReceived::passive(cx, tcb, again, options.window_scale.is_some())
}
