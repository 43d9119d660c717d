//! The states of RFC 9293, section 3.3.2: one struct per state or family of states, with only what it has.

pub(crate) mod closed;
pub(crate) mod listen;
pub(crate) mod syn_received;
pub(crate) mod syn_sent;
pub(crate) mod synchronized;

use serde::{Deserialize, Serialize};

use crate::event::TcpState;
use crate::tcb::Tcb;
use closed::Closed;
use listen::Listen;
use syn_received::SynReceived;
use syn_sent::SynSent;
use synchronized::Synchronized;

/// Where a connection is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    Closed(Closed),
    Listen(Listen),
    SynSent(SynSent),
    SynReceived(SynReceived),
    /// ESTABLISHED and all that follow: which one is read off the positions of the two FINs.
    Synchronized(Synchronized),
}

impl State {
    pub(crate) fn name(&self) -> TcpState {
        match self {
            Self::Closed(_) => TcpState::Closed,
            Self::Listen(_) => TcpState::Listen,
            Self::SynSent(_) => TcpState::SynSent,
            Self::SynReceived(_) => TcpState::SynReceived,
            Self::Synchronized(synchronized) => synchronized.name(),
        }
    }

    /// The TCB, in every state that has one.
    pub(crate) fn tcb(&self) -> Option<&Tcb> {
        match self {
            Self::Closed(closed) => closed.tcb.as_deref(),
            Self::Listen(_) => None,
            Self::SynSent(state) => Some(&state.tcb),
            Self::SynReceived(state) => Some(&state.tcb),
            Self::Synchronized(state) => Some(&state.tcb),
        }
    }

    pub(crate) fn tcb_mut(&mut self) -> Option<&mut Tcb> {
        match self {
            Self::Closed(closed) => closed.tcb.as_deref_mut(),
            Self::Listen(_) => None,
            Self::SynSent(state) => Some(&mut state.tcb),
            Self::SynReceived(state) => Some(&mut state.tcb),
            Self::Synchronized(state) => Some(&mut state.tcb),
        }
    }
}
