//! How far received octets are acknowledged: as they come, or once they are stable (draft, {#placements}).

use hiatus_codec::{Position, SequenceNumber};

use crate::arrived::Arrived;
use crate::config::Acknowledging;
use crate::owed::Owed;
use crate::receive::{Accepted, Order, ReceiveSide};
use crate::send::FIRST_OCTET;
use crate::tcb::{Context, Tcb};

impl ReceiveSide {
    /// The same, and what is acknowledged of it.
    pub(crate) fn acknowledging(mut self, how: Acknowledging) -> Self {
        self.stable = match how {
            Acknowledging::OnReceipt => None,
            // The SYN is no application's: it is acknowledged in any case.
            Acknowledging::WhenStable => Some(FIRST_OCTET),
        };
        self
    }

    /// From now on only what is stable is acknowledged, beside what has come so far.
    pub(crate) fn acknowledge_when_stable(&mut self) {
        let received = self.nxt.max(FIRST_OCTET);
        self.stable.get_or_insert(received);
    }

    /// What is acknowledged: RCV.NXT, or below it as far as what was received is stable.
    pub(crate) fn acknowledged(&self) -> Position {
        self.stable.map_or(self.nxt, |stable| stable.min(self.nxt))
    }

    /// True if an ACK that is waited for will tell how far the window has opened: what opens a window is no news of its own.
    pub(crate) fn window_update_waits(&self) -> bool {
        !self.is_acknowledged() && self.wnd() > 0
    }

    /// True if nothing that was received waits for its acknowledgment.
    pub(crate) fn is_acknowledged(&self) -> bool {
        self.acknowledged() == self.nxt
    }

    /// Everything before RCV.NXT survives a rollback from now on: a restored state begins there.
    pub(crate) fn all_is_stable(&mut self) {
        if let Some(stable) = &mut self.stable {
            *stable = self.nxt;
        }
    }

    /// Octets before `received` survive a rollback from now on. True if more may be acknowledged than before.
    fn stabilise(&mut self, received: Position) -> bool {
        let (nxt, before) = (self.nxt, self.acknowledged());
        if let Some(stable) = &mut self.stable {
            *stable = (*stable).max(received.min(nxt));
        }
        self.acknowledged() > before
    }
}

impl Tcb {
    /// SEG.ACK: RCV.NXT on the wire, unless this end acknowledges only what is stable.
    pub(crate) fn seg_ack(&self) -> SequenceNumber {
        self.rcv.acknowledged().sequence(self.rcv.irs)
    }

    /// Octets, and a FIN, before `received` are stable. Where their ACK waited for that it is due, and a peer that retains
    /// them learns that it need not.
    pub(crate) fn stable_up_to(&mut self, cx: &Context<'_>, received: Position) {
        if self.rcv.stabilise(received) {
            self.ack_is_due |= !self.is_resuming();
            self.is_stable_here(cx, self.rcv.acknowledged());
        }
    }

    /// The connection ends in order. Where that waited for the last octets to become stable, so did their ACK.
    pub(crate) fn owe_last_ack(&mut self) {
        if self.ack_is_due && self.rcv.stable.is_some() {
            self.owe(Owed::Ack);
        }
    }

    /// True if the ACK of what just came waits until it is stable. What shows that something is missing, or came twice,
    /// draws an ACK all the same (RFC 5681, section 4.2).
    pub(crate) fn ack_waits_for_stability(
        &mut self,
        cx: &Context<'_>,
        arrived: &Arrived<'_>,
        accepted: Accepted,
    ) -> bool {
        if self.rcv.stable.is_none() || accepted.order != Order::Next {
            return false;
        }
        self.delayed_ack.came_in_order(arrived, cx.config);
        true
    }
}
