//! The states of RFC 9293, section 3.3.2: one struct per state or family of states, with only what it has.

mod bounds;
pub(crate) mod closed;
mod command;
mod icmp;
mod input;
mod linger;
pub(crate) mod listen;
pub(crate) mod syn_received;
pub(crate) mod syn_sent;
pub(crate) mod synchronized;
mod time_wait;

use alloc::boxed::Box;
use core::mem;

use serde::{Deserialize, Serialize};

use crate::event::{CloseReason, TcpState};
use crate::tcb::{Context, Tcb};
use closed::Closed;
use listen::Listen;
use syn_received::SynReceived;
use syn_sent::SynSent;
use synchronized::Synchronized;

/// Where a connection is. Small: it lies in the slots of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    Closed(Closed),
    Listen(Box<Listen>),
    SynSent(SynSent),
    SynReceived(SynReceived),
    /// ESTABLISHED and all that follow: which one is read off the positions of the two FINs.
    Synchronized(Synchronized),
}

/// Where an input leads to.
#[derive(Debug)]
pub(crate) enum Transition {
    /// Nowhere else.
    Stay,
    /// To SYN-RECEIVED, from LISTEN.
    Opened(SynReceived),
    /// To SYN-RECEIVED, from SYN-SENT; the SYN/ACK offers that window scale.
    OpenedSimultaneously { scale: Option<u8> },
    /// To ESTABLISHED, or where the FINs that are already there lead.
    Synchronized,
    /// Back to LISTEN.
    Listen(Box<Listen>),
    /// To CLOSED.
    Closed(CloseReason),
}

impl Transition {
    /// To CLOSED if there is a reason.
    pub(crate) fn closed_if(reason: Option<CloseReason>) -> Self {
        reason.map_or(Self::Stay, Self::Closed)
    }
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

    fn into_tcb(self) -> Option<Box<Tcb>> {
        match self {
            Self::Closed(closed) => closed.tcb,
            Self::Listen(_) => None,
            Self::SynSent(state) => Some(state.tcb),
            Self::SynReceived(state) => Some(state.tcb),
            Self::Synchronized(state) => Some(state.tcb),
        }
    }

    /// Goes where `transition` leads, and notes that this end was there now.
    pub(crate) fn enter(&mut self, cx: &mut Context<'_>, transition: Transition) {
        if !matches!(transition, Transition::Stay) {
            let old = mem::replace(self, Self::Closed(Closed::unborn()));
            *self = old.after(cx, transition);
        }
        if let Some(tcb) = self.tcb_mut() {
            tcb.touched = cx.now;
        }
    }

    fn after(self, cx: &mut Context<'_>, transition: Transition) -> Self {
        match (transition, self) {
            (Transition::Opened(state), _) => Self::SynReceived(state),
            (Transition::OpenedSimultaneously { scale }, Self::SynSent(SynSent { tcb, .. })) => {
                Self::SynReceived(SynReceived::simultaneous(tcb, scale))
            }
            (
                Transition::Synchronized,
                Self::SynSent(SynSent { tcb, .. }) | Self::SynReceived(SynReceived { tcb, .. }),
            ) => Self::Synchronized(Synchronized::new(tcb)),
            (Transition::Listen(listen), _) => Self::Listen(listen),
            (Transition::Closed(reason), old) => Self::Closed(Closed::bury(cx, old.into_tcb(), reason)),
            (Transition::Stay | Transition::OpenedSimultaneously { .. } | Transition::Synchronized, old) => {
                old
            }
        }
    }
}
