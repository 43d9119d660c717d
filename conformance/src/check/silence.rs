//! Watching for what does not come: silences, resends that stop, stalls at the end.

use crate::capture::Timestamp;
use crate::capture::flow::Side;

use super::incident::{GaveUp, Incident, Silence, Stall};
use super::watch::{RESENDS_MIN, Resends, STALL_NANOS, Seen, Watch};

impl Watch {
    /// `seen` may end a silence of its sender.
    pub(super) fn note_return(&mut self, seen: &Seen<'_>) {
        let end = &self.ends[seen.sender.index()];
        let silent = end.seen && seen.mark.nanos_since(end.last) >= STALL_NANOS;
        if silent && end.trouble().unanswered >= RESENDS_MIN {
            let since = end.last;
            let clock = seen.timestamps.map(|_| end.clock_sign(seen.timestamps, seen.mark));
            let (side, until, last) = (seen.sender, Some(seen.mark), seen.mark);
            self.note(Incident::Silence(Silence { side, since, until, last, clock }));
        }
    }

    /// By `now`, `side` may have stopped sending again.
    pub(super) fn note_giving_up(&mut self, side: Side, now: Timestamp) {
        let end = &self.ends[side.index()];
        let acked = self.ends[side.peer().index()].acked;
        let trouble = end.trouble();
        let resends = trouble.resends;
        let Some(interval_nanos) = Some(resends.interval_nanos).filter(|interval| *interval > 0) else {
            return;
        };
        // The next resend is due after twice the interval (RFC 6298, section 5.5); half of one more is allowed.
        let overdue = resends.count >= RESENDS_MIN
            && end.sent > acked
            && trouble.last_octets == resends.last
            && now.nanos_since(resends.last.at) > interval_nanos.saturating_mul(5) / 2
            && now.nanos_since(resends.last.at) >= STALL_NANOS;
        let last = resends.last;
        let known = self.incidents.iter_mut().find_map(|incident| match incident {
            Incident::GaveUp(gave_up) if gave_up.side == side && gave_up.last == last => Some(gave_up),
            _ => None,
        });
        match known {
            Some(gave_up) if overdue => gave_up.until = now,
            None if overdue => {
                let outstanding = (acked.max(end.floor()), end.sent);
                self.note(Incident::GaveUp(GaveUp { side, last, interval_nanos, until: now, outstanding }));
            }
            _ => {}
        }
    }

    /// Takes the end of the connection, in a capture that goes on until `capture_end`.
    pub(super) fn on_finish(&mut self, capture_end: Timestamp) {
        for side in Side::BOTH {
            if !self.is_reset() {
                self.note_giving_up(side, capture_end);
            }
            self.note_last_stall(side);
            self.note_last_silence(side);
        }
    }

    fn note_last_stall(&mut self, side: Side) {
        let end = &self.ends[side.index()];
        let peer = &self.ends[side.peer().index()];
        let Resends { count: resends, last: last_resend, .. } = end.trouble().resends;
        let rolled_back = self.incidents.iter().any(
            |incident| matches!(incident, Incident::Sender(rollback) if rollback.side == side && rollback.went_on.is_none()),
        );
        let since = end.waits_since(peer.acked_first);
        let waits = end.sent > peer.acked || rolled_back;
        let reset = self.ends.iter().filter_map(|end| end.trouble().reset).min_by_key(|mark| mark.frame);
        let until = reset.unwrap_or(self.last());
        let lasted = last_resend.nanos_since(since).min(until.nanos_since(since));
        if waits && resends >= RESENDS_MIN && lasted >= STALL_NANOS {
            let (acked, sent, recovered) = (peer.acked.max(end.floor()), end.sent, false);
            self.note(Incident::Stall(Stall { side, since, until, resends, recovered, acked, sent }));
        }
    }

    fn note_last_silence(&mut self, side: Side) {
        let end = &self.ends[side.index()];
        let peer = &self.ends[side.peer().index()];
        let trouble = end.trouble();
        let unanswered = peer.trouble().resends.last.nanos_since(end.last) >= STALL_NANOS;
        if end.seen && trouble.unanswered >= RESENDS_MIN && unanswered && trouble.reset.is_none() {
            let (since, last) = (end.last, self.last());
            self.note(Incident::Silence(Silence { side, since, until: None, last, clock: None }));
        }
    }
}
