//! Watching the data of a direction: what is new, what is sent again, and whether it is the same.

use hiatus_codec::Flags;

use super::history::{Comparison, Extent, History};
use super::incident::{ClockSign, Incident, SenderRollback};
use super::watch::{End, OVERTAKEN_NANOS, RESENDS_MIN, STALL_NANOS, Seen, Suspicion, Watch};

impl Watch {
    /// Takes the sequence space of a segment.
    pub(super) fn on_octets(&mut self, seen: &Seen<'_>, history: &mut History) {
        if seen.end > seen.start {
            self.note_hole(seen);
            self.on_any_octets(seen);
        }
        let end = &self.ends[seen.sender.index()];
        let peer = &self.ends[seen.sender.peer().index()];
        let is_again = end.seen && seen.start < end.sent && !seen.flags.contains(Flags::SYN);
        if is_again && !is_probe(seen, end, peer) {
            self.on_old_octets(seen, history);
        }
        let end = &self.ends[seen.sender.index()];
        if !end.seen || seen.end > end.sent {
            self.on_new_octets(seen, history);
        }
    }

    fn on_any_octets(&mut self, seen: &Seen<'_>) {
        // Whoever sends after all has not given up.
        self.incidents
            .retain(|incident| !matches!(incident, Incident::GaveUp(gone) if gone.side == seen.sender));
        if let Some(trouble) = self.end(seen.sender).old_trouble() {
            trouble.last_octets = seen.mark;
        }
    }

    fn on_new_octets(&mut self, seen: &Seen<'_>, history: &mut History) {
        let acked = self.ends[seen.sender.peer().index()].acked;
        let end = self.end(seen.sender);
        if end.sent <= acked {
            end.waiting = seen.mark;
        }
        let known = if end.seen { end.sent } else { seen.data_start() };
        end.sent = seen.end;
        if let Some(data) = seen.data {
            let from = known.max(seen.data_start());
            let skipped = usize::try_from(from - seen.data_start()).unwrap_or(usize::MAX);
            if let Some(new) = data.get(skipped..).filter(|new| !new.is_empty()) {
                history.remember(&mut end.head, from, new, seen.mark.frame);
            }
        }
    }

    /// `seen` begins below what its sender has already sent.
    fn on_old_octets(&mut self, seen: &Seen<'_>, history: &History) {
        let takes_octets = seen.end > seen.start;
        if takes_octets && !self.end(seen.sender.peer()).window_closed {
            self.count_resend(seen);
        }
        let end = &self.ends[seen.sender.index()];
        let peer = &self.ends[seen.sender.peer().index()];
        let clock = end.clock_sign(seen.timestamps, seen.mark);
        let is_back = matches!(clock, ClockSign::Back(_));
        let below = peer.seen && seen.start < peer.acked;
        if !takes_octets && (!is_back || seen.start + 1 >= peer.acked) {
            return;
        }
        let comparison = seen
            .data
            .filter(|data| !data.is_empty())
            .map(|data| history.compare(end.head, seen.data_start(), data, seen.mark.frame))
            .unwrap_or_default();
        if self.extend_rollback(seen, &comparison) {
            return;
        }
        self.judge_old_octets(seen, &Evidence { clock, below, comparison });
    }

    fn count_resend(&mut self, seen: &Seen<'_>) {
        let trouble = self.end(seen.sender).new_trouble();
        trouble.last_octets = seen.mark;
        let resends = &mut trouble.resends;
        resends.interval_nanos = if resends.count == 0 { 0 } else { seen.mark.nanos_since(resends.last) };
        resends.count += 1;
        resends.last = seen.mark;
        self.end(seen.sender.peer()).new_trouble().unanswered += 1;
    }

    /// Adds `seen` to a rollback of its sender that is already known.
    fn extend_rollback(&mut self, seen: &Seen<'_>, comparison: &Comparison) -> bool {
        let open = self.incidents.iter_mut().rev().find_map(|incident| match incident {
            Incident::Sender(rollback) if rollback.side == seen.sender && rollback.went_on.is_none() => {
                Some(rollback)
            }
            _ => None,
        });
        let Some(rollback) = open else { return false };
        rollback.last = seen.mark;
        rollback.count += 1;
        rollback.lowest = rollback.lowest.min(seen.start);
        rollback.resent_to = rollback.resent_to.max(seen.end);
        rollback.compared_octets += comparison.compared_octets;
        match (&mut rollback.differing, &comparison.differing) {
            (Some(differing), Some(more)) => differing.add(more),
            (differing @ None, Some(more)) => *differing = Some(*more),
            _ => {}
        }
        true
    }

    fn judge_old_octets(&mut self, seen: &Seen<'_>, evidence: &Evidence) {
        let end = &self.ends[seen.sender.index()];
        let peer = &self.ends[seen.sender.peer().index()];
        let (acked, told, has_clock) = (peer.acked, peer.acked_first, end.clock.is_some());
        let Evidence { clock, below, comparison } = *evidence;
        let is_back = matches!(clock, ClockSign::Back(_));
        let differs = comparison.differing.is_some();
        let late_nanos = end.clock.map_or(0, |clock| seen.mark.nanos_since(clock.mark));
        let acked_nanos = seen.mark.nanos_since(peer.acked_first);
        let mut suspicion = end.trouble().sender_suspicion;
        if below && is_back {
            if suspicion.count == 0 {
                suspicion = Suspicion { count: 0, first: seen.mark, lowest: seen.start };
            }
            suspicion.count += 1;
            suspicion.lowest = suspicion.lowest.min(seen.start);
        } else {
            suspicion = Suspicion { count: 0, first: seen.mark, lowest: seen.start };
        }
        self.end(seen.sender).new_trouble().sender_suspicion = suspicion;
        let by_clock =
            below && is_back && (differs || suspicion.count >= RESENDS_MIN || late_nanos >= STALL_NANOS);
        // Other content in octets acknowledged long ago: of itself where there are no timestamps, else with a clock that
        // stood still. (A rollback by less than the time away leaves it ahead of all it showed before.)
        let is_slow = matches!(clock, ClockSign::Slow(..)) || !has_clock;
        let by_content = below && differs && is_slow && acked_nanos >= OVERTAKEN_NANOS;
        let by_both = differs && is_back;
        if by_clock || by_content || by_both {
            self.end(seen.sender).new_trouble().sender_suspicion = Suspicion::default();
            self.note(Incident::Sender(SenderRollback {
                side: seen.sender,
                acked,
                told,
                lowest: suspicion.lowest,
                resent_to: seen.end,
                first: suspicion.first,
                last: seen.mark,
                count: suspicion.count.max(1),
                clock,
                compared_octets: comparison.compared_octets,
                differing: comparison.differing,
                went_on: None,
            }));
        } else if let Some(extent) = comparison.differing {
            self.note_altered(seen, extent);
        }
    }

    fn note_altered(&mut self, seen: &Seen<'_>, extent: Extent) {
        let known = self.incidents.iter_mut().find_map(|incident| match incident {
            Incident::Altered(side, known) if *side == seen.sender => Some(known),
            _ => None,
        });
        match known {
            Some(known) => known.add(&extent),
            None => self.note(Incident::Altered(seen.sender, extent)),
        }
    }
}

/// What speaks for a rollback of the sender.
struct Evidence {
    clock: ClockSign,
    /// The segment begins below what the peer has acknowledged.
    below: bool,
    comparison: Comparison,
}

/// A keepalive (RFC 9293, section 3.8.4: one octet below the next, or none) or a probe of a closed window: its octet may be any.
fn is_probe(seen: &Seen<'_>, end: &End, peer: &End) -> bool {
    let short = seen.end - seen.start <= 1 && !seen.flags.contains(Flags::FIN);
    let at_edge = seen.start + 1 == end.sent || seen.start + 1 == peer.acked;
    short && (at_edge || peer.window_closed)
}
