//! What of a connection a record is made of.

use crate::event::HiatusState;
use crate::hiatus::Hiatus;
use crate::path::Path;
use crate::receive::ReceiveSide;
use crate::send::SendSide;
use crate::state::State;
use crate::state::syn_received::SynReceived;
use crate::state::syn_sent::SynSent;
use crate::state::synchronized::{Closer, Synchronized};
use crate::tcb::{Ports, Tcb};
use crate::timer::TimerTable;
use crate::timestamps::TimestampClock;

/// What a record is made of.
pub(crate) enum Source<'s> {
    /// A connection from ESTABLISHED on.
    Synchronized(Parts<'s>),
    /// One of which no more is said than how far the negotiation is.
    Other(HiatusState),
}

/// The fields that a record speaks of.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'s> {
    pub(crate) first_closer: Option<Closer>,
    pub(crate) lingers: bool,
    pub(crate) ports: &'s Ports,
    pub(crate) snd: &'s SendSide,
    pub(crate) rcv: &'s ReceiveSide,
    pub(crate) timestamps: Option<&'s TimestampClock>,
    pub(crate) sack_permitted: bool,
    pub(crate) timers: &'s TimerTable,
    pub(crate) path: &'s Path,
    pub(crate) writer_waits: bool,
    pub(crate) reader_is_gone: bool,
    pub(crate) close_waits: bool,
    pub(crate) hiatus: &'s Hiatus,
}

impl<'s> Source<'s> {
    pub(crate) fn of(state: &'s State) -> Self {
        match state {
            State::Synchronized(synchronized) => Self::Synchronized(Parts::of(synchronized)),
            State::SynSent(SynSent { tcb, .. }) | State::SynReceived(SynReceived { tcb, .. }) => {
                Self::Other(tcb.hiatus.state())
            }
            // Nothing is left to be restored.
            State::Closed(_) | State::Listen(_) => Self::Other(HiatusState::Off),
        }
    }

    /// The connection, if something waits in it for epochs.
    pub(crate) fn waiting(&self) -> Option<&Parts<'s>> {
        match self {
            Self::Synchronized(parts) if parts.rcv.stable.is_some() && parts.is_plain() => Some(parts),
            _ => self.on(),
        }
    }

    /// The connection, if Hiatus is on.
    pub(crate) fn on(&self) -> Option<&Parts<'s>> {
        match self {
            Self::Synchronized(parts) if matches!(parts.hiatus, Hiatus::On(_)) => Some(parts),
            Self::Synchronized(_) | Self::Other(_) => None,
        }
    }
}

impl<'s> Parts<'s> {
    fn is_plain(&self) -> bool {
        matches!(self.hiatus, Hiatus::Off)
    }

    //= draft#durable-plain
    //# A host can keep plain TCP if it acknowledges octets and a FIN, and
    //# sends them for the first time, only when they are in a DURABLE epoch.
    /// Plain TCP of which the peer knows nothing that is not in an epoch.
    pub(crate) fn is_durable_plain(&self) -> bool {
        self.is_plain() && self.snd.holds() && self.rcv.stable.is_some()
    }

    fn of(state: &'s Synchronized) -> Self {
        let (first_closer, lingers, tcb) = state.record_parts();
        let Tcb {
            ports,
            snd,
            rcv,
            timestamps,
            sack_permitted,
            timers,
            path,
            writer_waits,
            reader_is_gone,
            close_waits,
            hiatus,
            // The path may be another one when the host is back.
            rtt: _,
            congestion: _,
            recovery: _,
            // What a restored host owes is RESUME.
            owed: _,
            ack_is_due: _,
            delayed_ack: _,
            resend_first: _,
            persist: _,
            keep_alive: _,
            ecn: _,
            // The application's own: it changes them again.
            settings: _,
            touched: _,
            is_acknowledged_since_sync: _,
            heard: _,
            challenges: _,
        } = tcb;
        Self {
            first_closer,
            lingers,
            ports,
            snd,
            rcv,
            timestamps: timestamps.as_ref(),
            sack_permitted: *sack_permitted,
            timers,
            path,
            writer_waits: *writer_waits,
            reader_is_gone: *reader_is_gone,
            close_waits: *close_waits,
            hiatus,
        }
    }
}
