//! LISTEN, for one connection.

use alloc::boxed::Box;

use hiatus_codec::{Flags, Position, Segment};
use serde::{Deserialize, Serialize};

use crate::arrived::known_options;
use crate::hiatus::negotiation;
use crate::outgoing::{self, Header, HeaderOptions};
use crate::state::State;
use crate::state::syn_received::{Opened, SynReceived};
use crate::stray::{Reset, reset_to};
use crate::tcb::{Context, Ports, Tcb};

/// Waits for a SYN.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listen {
    /// What a segment that came without a SYN draws, and the port it came from.
    owed: Option<(u16, Reset)>,
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
            self.owed = Some((segment.source_port, reset_to(segment)));
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
        let (remote, reset) = self.owed.take()?;
        let header = Header { seq: reset.seq, ack: reset.ack, flags: reset.flags, window: 0 };
        let options = HeaderOptions::default().written();
        outgoing::write(Ports { local: local_port, remote }, header, &options, buffer, |_| 0)
    }
}
