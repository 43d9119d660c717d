//! What a record says of the states from ESTABLISHED on.

use alloc::boxed::Box;

use crate::event::TcpState;
use crate::record::View;
use crate::record::field;
use crate::state::synchronized::{Closer, Synchronized};
use crate::tcb::Tcb;

impl Synchronized {
    /// Who closed first: 0 for nobody, 1 for this end, 2 for the peer.
    pub(crate) fn closer_code(&self) -> u8 {
        // Said by the state.
        let Self { tcb: _, first_closer, lingers: _ } = self;
        match first_closer {
            None => 0,
            Some(Closer::Own) => 1,
            Some(Closer::Peer) => 2,
        }
    }

    /// The state of a record.
    pub(crate) fn of_record(tcb: Box<Tcb>, view: &View<'_>) -> Self {
        let first_closer = match field::CLOSER.u8(view.fixed) {
            1 => Some(Closer::Own),
            2 => Some(Closer::Peer),
            _ => None,
        };
        Self { tcb, first_closer, lingers: view.tcp_state() == TcpState::Linger }
    }
}
