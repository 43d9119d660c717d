//! What happens to the legs of pairs.

use hiatus_codec::AbortReason;
use hiatus_engine::{CloseReason, Command, ConnectionId, Event};
use tracing::{debug, info};

use crate::machine::Machine;
use crate::proxy::any::both::End;
use crate::proxy::any::{ATTEMPTS_MAX, AnyIp};
use crate::proxy::pair::Stage;

/// Whether an event is one of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Met {
    /// It is, and was handled.
    Pair,
    /// It is not.
    Nobody,
}

impl AnyIp {
    /// Something happened to a connection.
    pub(crate) fn handle_event(&mut self, machine: &mut Machine, id: ConnectionId, event: Event) -> Met {
        let Some(&(key, end)) = self.by_leg.get(&id) else { return Met::Nobody };
        match (end, event) {
            (End::Far, Event::Connected) => self.far_connected(machine, key),
            (End::Far, Event::HiatusOn) => self.negotiated(machine, key),
            (End::Far, Event::FellBack { reason }) => {
                debug!(key, ?reason, "plain TCP: the far leg does not survive this process");
                if let Some(pair) = self.pairs.get_mut(key) {
                    // There is nothing to wait for.
                    (pair.is_known, pair.is_dirty) = (true, true);
                }
                self.negotiated(machine, key);
            }
            (_, Event::Closed { reason }) => self.closed(machine, key, end, reason),
            (End::Far, Event::PeerSuspended { hold } | Event::PeerPresumedSuspended { hold }) => {
                self.peer_away(machine, key, hold);
            }
            _ => self.pump(machine, key),
        }
        Met::Pair
    }

    /// It is known whether the peer speaks Hiatus.
    fn negotiated(&mut self, machine: &mut Machine, key: usize) {
        match self.pairs.get(key).map(|pair| pair.stage) {
            Some(Stage::Negotiating) => self.open(machine, key),
            _ => self.pump(machine, key),
        }
    }

    fn closed(&mut self, machine: &mut Machine, key: usize, end: End, reason: CloseReason) {
        let Some(pair) = self.pairs.get_mut(key) else { return };
        if reason == CloseReason::Finished && pair.stage == Stage::Open {
            let leg = pair.leg_mut(end);
            if let Some(id) = leg.id {
                self.by_leg.remove(&id);
            }
            leg.take_rest(machine);
            pair.is_dirty = true;
            return self.pump(machine, key);
        }
        let is_lost =
            matches!(reason, CloseReason::AbortedByPeer(AbortReason::LOST) | CloseReason::PeerHasNoState);
        let may_be_anew = pair.is_untouched() && !pair.is_known && pair.attempts < ATTEMPTS_MAX;
        // What refuses it looks the same until Hiatus is on: once is enough.
        let is_refused = reason == CloseReason::Reset && pair.attempts > 0;
        match (end, pair.stage) {
            // The peer came back without the connection, and never had an octet of the program.
            (End::Far, Stage::Open) if is_lost && may_be_anew => self.carry_anew(machine, key),
            (End::Far, Stage::Negotiating)
                if may_be_anew && !is_refused && (is_lost || reason == CloseReason::Reset) =>
            {
                self.carry_anew(machine, key);
            }
            (End::Far, _) => self.break_off(machine, key, &format!("far leg: {reason}")),
            (End::Near, _) => self.break_off(machine, key, &format!("local leg: {reason}")),
        }
    }

    /// The peer announced its absence, or fell silent.
    fn peer_away(&mut self, machine: &mut Machine, key: usize, hold: core::time::Duration) {
        let Some(pair) = self.pairs.get_mut(key) else { return };
        info!(pair = pair.number, hold_s = hold.as_secs(), "the peer is away");
        // A peer that had not yet made the connection durable does not know it when it is back, and will not ask.
        if let Some(far) = pair.far.id
            && !pair.find_out(machine.endpoint())
        {
            // One that is being resumed already need not be.
            machine.command(far, Command::Resume).ok();
        }
    }
}
