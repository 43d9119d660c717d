//! LISTEN, for one connection.

use alloc::boxed::Box;

use hiatus_codec::{ConnectionKey, Flags, Position, Segment};
use serde::{Deserialize, Serialize};

use crate::arrived::known_options;
use crate::config::KeySource;
use crate::hiatus::negotiation;
use crate::state::State;
use crate::state::syn_received::{Opened, SynReceived};
use crate::stray::{Reset, is_resume, reset_to, write_reset};
use crate::tcb::{Context, Ports, Tcb};

/// Waits for a SYN.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listen {
    /// What a segment that came without a SYN draws.
    owed: Option<Answer>,
}

/// An RST, to whom, and the key that makes it ABORT with reason LOST.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Answer {
    remote_port: u16,
    reset: Reset,
    lost_key: Option<ConnectionKey>,
}

impl Listen {
    /// RFC 9293, section 3.10.7.2.
    pub(crate) fn on_segment(
        &mut self,
        cx: &mut Context<'_>,
        local_port: u16,
        segment: &Segment<'_>,
    ) -> Option<State> {
        // First, an RST is ignored. Second, an ACK draws an RST. Third, a SYN makes the connection.
        if segment.flags.contains(Flags::RST) {
            return None;
        }
        if segment.flags.contains(Flags::ACK) {
            //= draft#resume-received
            //# A host without state of the connection MUST answer a RESUME with ABORT
            //# and reason LOST if it can derive its key, and with an RST otherwise.
            let can_prove = cx.entropy.key_source == KeySource::Derived && is_resume(segment);
            let lost_key = can_prove.then_some(cx.entropy.connection_key);
            let (remote_port, reset) = (segment.source_port, reset_to(segment));
            self.owed = Some(Answer { remote_port, reset, lost_key });
            return None;
        }
        if !segment.flags.contains(Flags::SYN) {
            return None;
        }
        let options = known_options(segment);
        let own = negotiation::own_party(cx.config, cx.entropy);
        let hiatus = negotiation::answer_syn(own, options.hiatus);
        let ports = Ports { local: local_port, remote: segment.source_port };
        let mut tcb = Box::new(Tcb::new(cx, ports, segment.seq, hiatus));
        tcb.read_syn(cx, &options, segment.window, Position(0));
        // Its text, if it has any, is not acknowledged and comes again.
        Some(State::SynReceived(SynReceived::new(cx, tcb, Opened::Passively, options.window_scale.is_some())))
    }

    pub(crate) fn transmit(&mut self, local_port: u16, buffer: &mut [u8]) -> Option<usize> {
        let Answer { remote_port, reset, lost_key } = self.owed.take()?;
        write_reset(Ports { local: local_port, remote: remote_port }, reset, lost_key, buffer)
    }
}
