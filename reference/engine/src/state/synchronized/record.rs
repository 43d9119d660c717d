//! What a record says of the states from ESTABLISHED on.

use alloc::boxed::Box;

use crate::event::TcpState;
use crate::record::View;
use crate::record::field;
use crate::state::synchronized::{Closer, Synchronized};
use crate::tcb::Tcb;

impl Synchronized {
    /// What a record is made of.
    pub(crate) fn record_parts(&self) -> (Option<Closer>, bool, &Tcb) {
        let Self { first_closer, lingers, tcb } = self;
        (*first_closer, *lingers, tcb)
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
