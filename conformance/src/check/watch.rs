//! Watching one connection: what each segment says about the end that sent it.

use hiatus_codec::{Flags, Timestamps};

use crate::capture::flow::{Origin, Side};

use super::history::{Head, History};
use super::incident::{ClockSign, Incident, Mark, ReceiverRollback, Stall};
use super::talk::Talk;

/// Later than this, a segment was not merely overtaken by others on its way.
pub(super) const OVERTAKEN_NANOS: i64 = 200_000_000;
/// Shorter stalls and silences are not told: a retransmission timer alone may take this long (RFC 6298, section 2.4).
pub(super) const STALL_NANOS: i64 = 1_000_000_000;
/// Resends without an answer that make a stall or a silence.
pub(super) const RESENDS_MIN: u32 = 2;
/// A clock that makes less than this part of its ticks, one in this many, was stopped or set back.
const SLOW_PART: u32 = 2;
/// Incidents kept of a connection.
const INCIDENTS_MAX: usize = 64;
/// Further apart than this, two numbers are not of one connection: the capture missed a SYN.
const BELIEVABLE_OCTETS: i64 = 1 << 30;

/// A segment, in the terms of its connection: positions, not numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen<'a> {
    pub(super) mark: Mark,
    pub(super) sender: Side,
    /// Position of SEG.SEQ and of what follows the segment, SYN and FIN counting one.
    pub(super) start: i64,
    pub(super) end: i64,
    /// SEG.ACK in the peer's positions, if the ACK bit is set.
    pub(super) ack: Option<i64>,
    pub(super) timestamps: Option<Timestamps>,
    pub(super) flags: Flags,
    pub(super) window: u16,
    /// The data, if all of it was captured.
    pub(super) data: Option<&'a [u8]>,
    /// Octets of data on the wire.
    pub(super) data_octets: u32,
    /// The capture cut the options short.
    pub(super) has_cut_options: bool,
    /// True if the capture has the SYN of this direction.
    pub(super) origin: Origin,
}

impl Seen<'_> {
    /// Position of the first octet of data: a SYN before it takes one.
    pub(super) fn data_start(&self) -> i64 {
        self.start + i64::from(self.flags.contains(Flags::SYN))
    }
}

/// The timestamp clock of an end (RFC 7323).
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    first: u32,
    first_mark: Mark,
    /// Highest TSval sent, and when.
    pub(super) highest: u32,
    pub(super) mark: Mark,
}

impl Clock {
    /// Ticks it makes in `nanos`, by what it made since the first; `None` while that is less than a second.
    fn ticks_in(&self, nanos: i64) -> Option<u32> {
        let seen = self.mark.nanos_since(self.first_mark);
        if seen < STALL_NANOS {
            return None;
        }
        let ticks = i128::from(self.highest.wrapping_sub(self.first)) * i128::from(nanos) / i128::from(seen);
        u32::try_from(ticks).ok()
    }
}

/// Data sent again since the last progress.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Resends {
    pub(super) count: u32,
    pub(super) last: Mark,
    pub(super) interval_nanos: i64,
}

/// Segments that would be a rollback if they went on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Suspicion {
    pub(super) count: u32,
    pub(super) first: Mark,
    pub(super) lowest: i64,
}

/// What one end has sent and said. Every segment touches it, so what most connections never need lies elsewhere.
#[derive(Clone, Debug, Default)]
pub(super) struct End {
    pub(super) last: Mark,
    /// End of what it has sent.
    pub(super) sent: i64,
    /// Highest acknowledgment it sent, when first and when last.
    pub(super) acked: i64,
    pub(super) acked_first: Mark,
    pub(super) acked_last: Mark,
    /// When the oldest data now waiting for an acknowledgment was sent.
    pub(super) waiting: Mark,
    pub(super) clock: Option<Clock>,
    trouble: Option<Box<Trouble>>,
    pub(super) head: Head,
    /// False until its first segment.
    pub(super) seen: bool,
    /// True if its SYN is not in the capture.
    pub(super) begins_late: bool,
    pub(super) window_closed: bool,
    pub(super) fin: bool,
}

/// What an end has only once something was sent again or reset.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Trouble {
    pub(super) reset: Option<Mark>,
    /// Its latest segment that takes sequence space.
    pub(super) last_octets: Mark,
    /// Resends of the peer since its latest segment.
    pub(super) unanswered: u32,
    pub(super) resends: Resends,
    pub(super) receiver_suspicion: Suspicion,
    pub(super) sender_suspicion: Suspicion,
    /// The oldest octets that it skipped, until it sends them.
    hole: Option<(i64, i64)>,
    /// Octets of it that its peer has, and the capture has not: the first acknowledgment of them, from where to where.
    pub(super) missing: Option<Missing>,
}

/// Octets that are acknowledged, and not in the capture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Missing {
    /// The first acknowledgment of them.
    pub(super) told: Mark,
    pub(super) low: i64,
    pub(super) high: i64,
}

impl Trouble {
    /// The peer acknowledges all below `high`, and `low` up to there the capture has not.
    fn note_missing(&mut self, told: Mark, low: i64, high: i64) {
        let missing = self.missing.get_or_insert(Missing { told, low, high });
        missing.high = missing.high.max(high);
    }
}

impl End {
    /// Its trouble, none if it had none.
    pub(super) fn trouble(&self) -> Trouble {
        self.trouble.as_deref().copied().unwrap_or_default()
    }

    /// Its trouble, to add to it.
    pub(super) fn new_trouble(&mut self) -> &mut Trouble {
        self.trouble.get_or_insert_default()
    }

    /// Its trouble, if it had any.
    pub(super) fn old_trouble(&mut self) -> Option<&mut Trouble> {
        self.trouble.as_deref_mut()
    }

    /// The first position of it that the capture can have.
    pub(super) fn floor(&self) -> i64 {
        i64::from(self.begins_late)
    }

    /// What `timestamps`, sent `now`, says against the clock so far; nothing if the segment may just have been overtaken.
    pub(super) fn clock_sign(&self, timestamps: Option<Timestamps>, now: Mark) -> ClockSign {
        let (Some(clock), Some(timestamps)) = (self.clock, timestamps) else { return ClockSign::Nothing };
        let since_nanos = now.nanos_since(clock.mark);
        if since_nanos < OVERTAKEN_NANOS {
            return ClockSign::Nothing;
        }
        let went_on = timestamps.value.wrapping_sub(clock.highest);
        if went_on.cast_signed() < 0 {
            return ClockSign::Back(went_on.wrapping_neg());
        }
        match clock.ticks_in(since_nanos) {
            Some(due) if went_on < due / SLOW_PART => ClockSign::Slow(went_on, due),
            _ => ClockSign::Nothing,
        }
    }

    /// Since when its data waits: the peer's last progress, or the first octet sent after a pause.
    pub(super) fn waits_since(&self, progress: Mark) -> Mark {
        if self.waiting.nanos_since(progress) > STALL_NANOS { self.waiting } else { progress }
    }
}

/// A connection under watch.
#[derive(Debug, Default)]
pub(super) struct Watch {
    pub(super) ends: [End; 2],
    pub(super) incidents: Vec<Incident>,
    /// What it says in Hiatus, once it does.
    pub(super) talk: Option<Box<Talk>>,
}

impl Watch {
    pub(super) fn end(&mut self, side: Side) -> &mut End {
        &mut self.ends[side.index()]
    }

    /// True once an end sent RST.
    pub(super) fn is_reset(&self) -> bool {
        self.ends.iter().any(|end| end.trouble.as_deref().is_some_and(|trouble| trouble.reset.is_some()))
    }

    /// The latest segment of either end.
    pub(super) fn last(&self) -> Mark {
        let [a, b] = &self.ends;
        if a.last.frame > b.last.frame { a.last } else { b.last }
    }

    /// Takes the next segment of the connection.
    pub(super) fn on_segment(&mut self, seen: &Seen<'_>, history: &mut History) {
        self.note_return(seen);
        if !self.is_reset() {
            self.note_giving_up(seen.sender.peer(), seen.mark.at);
        }
        if seen.flags.contains(Flags::RST) {
            let trouble = self.end(seen.sender).new_trouble();
            trouble.reset = trouble.reset.or(Some(seen.mark));
        } else {
            if let Some(ack) = seen.ack {
                self.on_ack(seen, ack);
            }
            self.on_octets(seen, history);
            self.on_clock(seen);
        }
        let end = self.end(seen.sender);
        if !end.seen {
            end.begins_late = seen.origin != Origin::Syn;
        }
        end.seen = true;
        end.last = seen.mark;
        if !seen.flags.contains(Flags::RST) {
            end.window_closed = seen.window == 0;
            end.fin |= seen.flags.contains(Flags::FIN);
        }
        if let Some(trouble) = end.old_trouble() {
            trouble.unanswered = 0;
        }
    }

    /// `seen` may skip octets of its sender, or have those that it had skipped.
    pub(super) fn note_hole(&mut self, seen: &Seen<'_>) {
        let end = self.end(seen.sender);
        let sent = end.sent;
        if end.seen && seen.start > sent && seen.start - sent < BELIEVABLE_OCTETS {
            end.new_trouble().hole.get_or_insert((sent, seen.start));
        } else if let Some(trouble) = end.old_trouble() {
            if trouble.hole.is_some_and(|(low, _)| (seen.start..seen.end).contains(&low)) {
                trouble.hole = None;
            }
            // The acknowledgment was captured before what it acknowledges.
            let overtaken = |missing: &mut Missing| {
                seen.mark.nanos_since(missing.told) < OVERTAKEN_NANOS && seen.start <= missing.low
            };
            if seen.end > seen.start && trouble.missing.as_mut().is_some_and(overtaken) {
                trouble.missing = None;
            }
        }
    }

    pub(super) fn note(&mut self, incident: Incident) {
        if self.incidents.len() < INCIDENTS_MAX {
            self.incidents.push(incident);
        }
    }

    fn on_ack(&mut self, seen: &Seen<'_>, ack: i64) {
        let peer = &self.ends[seen.sender.peer().index()];
        if peer.seen && ack > peer.sent {
            // Of what the capture has not: nothing else can be said by it.
            let low = peer.sent;
            if seen.origin != Origin::Unknown
                && ack - low < BELIEVABLE_OCTETS
                && !seen.flags.contains(Flags::SYN)
            {
                self.end(seen.sender.peer()).new_trouble().note_missing(seen.mark, low, ack);
            }
            return;
        }
        let end = &mut self.ends[seen.sender.index()];
        if !end.seen || ack > end.acked {
            self.on_progress(seen, ack);
        } else if ack == end.acked {
            end.acked_last = seen.mark;
            if let Some(trouble) = end.old_trouble() {
                trouble.receiver_suspicion = Suspicion::default();
            }
        } else {
            self.on_lower_ack(seen, ack);
        }
    }

    /// The peer's data was acknowledged further than before.
    fn on_progress(&mut self, seen: &Seen<'_>, ack: i64) {
        self.note_recovery(seen, ack);
        if let Some(trouble) = self.end(seen.sender.peer()).old_trouble() {
            trouble.resends = Resends::default();
            if let Some((low, high)) = trouble.hole
                && ack > low
            {
                trouble.hole = None;
                trouble.note_missing(seen.mark, low, high);
            }
        }
        let end = self.end(seen.sender);
        end.acked = ack;
        end.acked_first = seen.mark;
        end.acked_last = seen.mark;
        if let Some(trouble) = end.old_trouble() {
            trouble.receiver_suspicion = Suspicion::default();
        }
    }

    /// What progress up to `ack` ends: a stall of the peer's data, a rollback.
    fn note_recovery(&mut self, seen: &Seen<'_>, ack: i64) {
        let peer = &self.ends[seen.sender.peer().index()];
        let end = &self.ends[seen.sender.index()];
        let resends = peer.trouble.as_deref().map_or(0, |trouble| trouble.resends.count);
        let since = peer.waits_since(end.acked_first);
        if resends >= RESENDS_MIN && seen.mark.nanos_since(since) >= STALL_NANOS {
            let (side, until, recovered) = (seen.sender.peer(), seen.mark, true);
            let (acked, sent) = (end.acked.max(peer.floor()), peer.sent);
            self.note(Incident::Stall(Stall { side, since, until, resends, recovered, acked, sent }));
        }
        for incident in &mut self.incidents {
            match incident {
                Incident::Receiver(rollback)
                    if rollback.side == seen.sender && rollback.recovered.is_none() =>
                {
                    rollback.recovered = Some(seen.mark);
                }
                Incident::Sender(rollback)
                    if rollback.side == seen.sender.peer()
                        && rollback.went_on.is_none()
                        && ack > rollback.acked =>
                {
                    rollback.went_on = Some(seen.mark);
                }
                _ => {}
            }
        }
    }

    /// `sender` acknowledges less than it already has.
    fn on_lower_ack(&mut self, seen: &Seen<'_>, ack: i64) {
        let open = self.incidents.iter_mut().rev().find_map(|incident| match incident {
            Incident::Receiver(rollback) if rollback.side == seen.sender && rollback.recovered.is_none() => {
                Some(rollback)
            }
            _ => None,
        });
        if let Some(rollback) = open {
            rollback.last = seen.mark;
            rollback.count += 1;
            rollback.after = rollback.after.min(ack);
            return;
        }
        let end = &self.ends[seen.sender.index()];
        let (told, before) = (end.acked_last, end.acked);
        let late_nanos = seen.mark.nanos_since(told);
        let believable = ack >= 0 || (seen.origin == Origin::Assumed && end.acked - ack < BELIEVABLE_OCTETS);
        if late_nanos < OVERTAKEN_NANOS || !believable || seen.flags.contains(Flags::SYN) {
            return;
        }
        let clock = end.clock_sign(seen.timestamps, seen.mark);
        let is_back = matches!(clock, ClockSign::Back(_));
        let mut suspicion = end.trouble().receiver_suspicion;
        if suspicion.count == 0 {
            suspicion = Suspicion { count: 0, first: seen.mark, lowest: ack };
        }
        suspicion.count += 1;
        suspicion.lowest = suspicion.lowest.min(ack);
        self.end(seen.sender).new_trouble().receiver_suspicion = suspicion;
        if suspicion.count >= RESENDS_MIN || (is_back && late_nanos >= STALL_NANOS) {
            self.end(seen.sender).new_trouble().receiver_suspicion = Suspicion::default();
            self.note(Incident::Receiver(ReceiverRollback {
                side: seen.sender,
                before,
                told,
                after: suspicion.lowest,
                first: suspicion.first,
                last: seen.mark,
                count: suspicion.count,
                clock,
                recovered: None,
            }));
        }
    }

    fn on_clock(&mut self, seen: &Seen<'_>) {
        let Some(timestamps) = seen.timestamps else { return };
        let end = self.end(seen.sender);
        match &mut end.clock {
            None => {
                let (first, first_mark) = (timestamps.value, seen.mark);
                end.clock = Some(Clock { first, first_mark, highest: first, mark: first_mark });
            }
            Some(clock) => {
                if timestamps.value.wrapping_sub(clock.highest).cast_signed() >= 0 {
                    clock.highest = timestamps.value;
                    clock.mark = seen.mark;
                }
            }
        }
    }
}
