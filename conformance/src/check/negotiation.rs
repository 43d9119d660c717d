//! Judging the negotiation: the offer, its answer, the confirmation, and the fallback.

use hiatus_codec::{Flags, Message};

use crate::capture::flow::{Origin, Side};

use super::incident::Mark;
use super::reading::Said;
use super::rules::{Rule, rule};
use super::talk::Turn;
use super::verdict::{ARRIVED, Judge, MISSED, TIMING};
use super::watch::{OVERTAKEN_NANOS, STALL_NANOS, Seen, Watch};

const VERSION_IGNORED: Rule = rule("HIA-MUST-12");
const ROOM: Rule = rule("HIA-MUST-15");
const SYN_OFFERS: Rule = rule("HIA-MUST-24");
const SYN_ACK_TO_PLAIN: Rule = rule("HIA-MUST-25");
const SYN_ACK_ANSWERS: Rule = rule("HIA-MUST-26");
const VERSION: Rule = rule("HIA-MUST-27");
const UNUSABLE: Rule = rule("HIA-MUST-28");
const CONFIRMS: Rule = rule("HIA-MUST-29");
const CONFIRMS_NO_MORE: Rule = rule("HIA-MUST-30");
const THIRD_COPY: Rule = rule("HIA-MUST-117");
const OTHER_VERSION: Rule = rule("HIA-MUST-119");
const FIRST_WITHOUT: Rule = rule("HIA-MUST-32");
const SIX_EPOCHS: Rule = rule("HIA-MUST-33");
const BEFORE_ON: Rule = rule("HIA-MUST-36");
const ANSWERED_BEFORE_ON: Rule = rule("HIA-MUST-37");
const FALLEN_BACK: Rule = rule("HIA-MUST-38");
const ANSWERED_AFTER_FALLBACK: Rule = rule("HIA-MUST-39");
const SIMULTANEOUS: Rule = rule("HIA-MUST-40");
const COMBINATION: Rule = rule("HIA-MUST-41");

/// Transmissions of a SYN, or of a SYN/ACK, that carry CAPABLE.
const CAPABLES: u32 = 2;
/// Segments of the initiator that carry the long CAPABLE.
const CONFIRMATIONS: u32 = 6;
/// Times that the EPOCH of the negotiation is sent.
const EPOCHS: u32 = 6;
/// For so long the initiator waits for an EPOCH.
const WAIT_NANOS: i64 = 64 * STALL_NANOS;
/// So much later than it should be, in case the capture was not taken at the host.
const LATE_NANOS: i64 = 2 * STALL_NANOS;

/// What the first segment of the initiator without SYN said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    Capable,
    OtherVersion,
    Plain,
}

/// What the first SYN/ACK said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Accepted,
    Plain,
    Unusable,
}

/// Copies of something, counted so that one that was captured twice counts once.
#[derive(Clone, Copy, Debug, Default)]
struct Copies {
    count: u32,
    last: Mark,
}

impl Copies {
    /// Counts one; gives its number, from 1.
    fn add(&mut self, mark: Mark) -> u32 {
        if self.count == 0 || mark.nanos_since(self.last) >= OVERTAKEN_NANOS {
            self.count += 1;
            self.last = mark;
        }
        self.count
    }
}

/// What is known of the negotiation.
#[derive(Debug, Default)]
pub(super) struct Opening {
    /// The capture has the SYN; without it nothing is judged that depends on the past.
    pub(super) has_syn: bool,
    syns: Copies,
    offered_version: Option<u8>,
    /// A SYN without CAPABLE.
    plain_syn: Option<Mark>,
    /// The rule by which the CAPABLE of a SYN does not count.
    ignored_offer: Option<Rule>,
    /// B sent a SYN without ACK.
    is_simultaneous: bool,
    other_extension: bool,
    /// So does a SYN or SYN/ACK: both are plain TCP.
    is_excluded: bool,
    syn_acks: Copies,
    answered_version: u8,
    answer: Option<Answer>,
    first: Option<First>,
    /// The first long CAPABLE of the initiator.
    confirmed: Option<Mark>,
    confirmations: u32,
    last_confirmation: Option<(i64, i64, Mark)>,
    /// Copies of the same octets in a row: where they begin, how many, the last one, and the time between the last two.
    resent: (i64, u32, Mark, i64),
    /// The initiator echoed an EPOCH, or did what only one that is on does.
    echoed: Option<Mark>,
    /// The responder sent an EPOCH.
    epoch: Option<Mark>,
    epochs: Copies,
    interval_nanos: i64,
    /// An option reached this end after its fallback.
    tempted: [bool; 2],
}

impl Opening {
    /// The first Hiatus option of a connection.
    pub(super) fn begin(watch: &Watch, seen: &Seen<'_>, said: &Said<'_>, judge: &mut Judge<'_>) -> Self {
        let initiator = &watch.ends[Side::A.index()];
        let syn = seen.flags.contains(Flags::SYN);
        let has_plain_syn = initiator.seen && !initiator.begins_late;
        if has_plain_syn && syn && seen.sender == Side::B && seen.flags.contains(Flags::ACK) {
            judge.at_host(SYN_ACK_TO_PLAIN, Side::B, said.option.is_none().into(), MISSED);
        }
        let is_first = syn && !seen.flags.contains(Flags::ACK) && seen.origin == Origin::Syn;
        Self {
            has_syn: is_first || has_plain_syn,
            plain_syn: has_plain_syn.then_some(initiator.last),
            // The handshake went by without it.
            answer: (has_plain_syn && !syn).then_some(Answer::Plain),
            ..Self::default()
        }
    }

    /// True if `side` surely takes part.
    pub(super) fn is_surely_on(&self, side: Side) -> bool {
        self.answer == Some(Answer::Accepted)
            && !self.has_fallen_back(side)
            && self.echoed.is_some_and(|echoed| side == Side::A || self.is_in_time(echoed))
    }

    /// The responder has not given up on an echo by then: it does so when a seventh EPOCH would be due.
    fn is_in_time(&self, echoed: Mark) -> bool {
        let since_nanos = echoed.nanos_since(self.epochs.last);
        self.epoch.is_some() && (self.epochs.count < EPOCHS || since_nanos < self.interval_nanos)
    }

    fn has_fallen_back(&self, side: Side) -> bool {
        if self.is_excluded {
            return true;
        }
        match side {
            Side::A => matches!(self.answer, Some(Answer::Plain | Answer::Unusable)),
            Side::B => {
                self.answer == Some(Answer::Plain)
                    || matches!(self.first, Some(First::Plain | First::OtherVersion))
            }
        }
    }

    /// Takes a segment; true for the one on which a responder has to answer with an EPOCH.
    pub(super) fn on_segment(&mut self, turn: &Turn<'_, '_>, judge: &mut Judge<'_>) -> bool {
        self.judge_combination(turn, judge);
        if !self.has_syn {
            return false;
        }
        let had_first = self.first.is_some();
        let syn = turn.seen.flags.contains(Flags::SYN);
        match (syn, turn.seen.flags.contains(Flags::ACK), turn.side()) {
            (true, false, Side::A) => self.on_syn(turn, judge),
            (true, false, Side::B) => self.is_simultaneous = true,
            (true, true, Side::B) => self.on_syn_ack(turn, judge),
            (true, true, Side::A) => {}
            (false, ..) => self.on_later(turn, judge),
        }
        !had_first && self.first == Some(First::Capable)
    }

    fn judge_combination(&mut self, turn: &Turn<'_, '_>, judge: &mut Judge<'_>) {
        if turn.said.capable().is_some() {
            if turn.said.other_extension {
                judge.surely(COMBINATION, turn.side(), false.into());
            } else {
                judge.at_host(COMBINATION, turn.side(), (!self.other_extension).into(), ARRIVED);
            }
            if self.is_simultaneous {
                judge.at_host(SIMULTANEOUS, turn.side(), false.into(), MISSED);
            }
        }
        self.other_extension |= turn.said.other_extension;
        self.is_excluded |= turn.said.other_extension && turn.seen.flags.contains(Flags::SYN);
    }

    fn on_syn(&mut self, turn: &Turn<'_, '_>, judge: &mut Judge<'_>) {
        let number = self.syns.add(turn.seen.mark);
        if let Some(capable) = turn.said.capable() {
            let is_late =
                self.plain_syn.is_some_and(|plain| turn.seen.mark.nanos_since(plain) >= OVERTAKEN_NANOS);
            self.offered_version = Some(capable.bits.version());
            let holds = number <= CAPABLES && capable.key.is_none() && !is_late;
            judge.surely(SYN_OFFERS, Side::A, holds.into());
        } else if turn.said.is_cut {
        } else {
            self.plain_syn = self.plain_syn.or(Some(turn.seen.mark));
            self.ignored_offer = self.ignored_offer.or(turn.said.ignored());
            if self.offered_version.is_some() {
                judge.at_host(SYN_OFFERS, Side::A, (number > CAPABLES).into(), MISSED);
            }
        }
    }

    fn on_syn_ack(&mut self, turn: &Turn<'_, '_>, judge: &mut Judge<'_>) {
        let capable = turn.said.capable();
        let number = self.syn_acks.add(turn.seen.mark);
        if turn.said.is_cut && capable.is_none() {
            return;
        }
        let usable = capable.filter(|capable| Some(capable.bits.version()) <= self.offered_version);
        self.answer = self.answer.or(Some(match (usable, capable) {
            (Some(capable), _) if capable.key.is_some() => Answer::Accepted,
            (_, Some(_)) => Answer::Unusable,
            _ if turn.said.ignored().is_some() => Answer::Unusable,
            _ => Answer::Plain,
        }));
        let Some(offered) = self.offered_version else {
            if self.plain_syn.is_some() {
                let rules = [Some(SYN_ACK_TO_PLAIN), Some(FALLEN_BACK), self.ignored_offer];
                for rule in rules.into_iter().flatten() {
                    judge.at_host(rule, Side::B, capable.is_none().into(), MISSED);
                }
                self.answer = Some(Answer::Plain);
            }
            return;
        };
        if let Some(capable) = capable {
            self.answered_version = capable.bits.version();
            judge.surely(VERSION, Side::B, (capable.bits.version() <= offered).into());
        }
        if self.plain_syn.is_some() {
            // Which of the SYNs it answers is not known elsewhere.
            judge.at_host(SYN_ACK_TO_PLAIN, Side::B, capable.is_none().into(), ARRIVED);
            judge.at_host(SYN_ACK_ANSWERS, Side::B, capable.is_none().into(), ARRIVED);
            return;
        }
        if self.answer == Some(Answer::Plain) {
            return;
        }
        let holds = capable.is_some_and(|capable| capable.key.is_some()) == (number <= CAPABLES);
        judge.at_host(SYN_ACK_ANSWERS, Side::B, holds.into(), MISSED);
    }

    fn on_later(&mut self, turn: &Turn<'_, '_>, judge: &mut Judge<'_>) {
        if turn.said.is_cut && turn.message.is_none() {
            return;
        }
        let side = turn.side();
        if self.answer.is_some() && !turn.resets() {
            self.judge_fallback(turn, judge);
        }
        if side == Side::A
            && self.answer == Some(Answer::Accepted)
            && !turn.resets()
            && !self.is_simultaneous
            && !self.is_excluded
        {
            self.on_first(turn);
            self.judge_confirmation(turn, judge);
        }
        if side == Side::B
            && let Some(Message::Epoch(epoch)) = turn.message
        {
            if epoch.number == 0 && turn.proof.may_count() {
                self.judge_copies(turn, judge);
            }
            self.epoch = self.epoch.or(Some(turn.seen.mark));
        }
        if self.answer == Some(Answer::Accepted) {
            self.judge_before_on(turn, judge);
        }
        if side == Side::A && shows_on(turn.message.as_ref()) && turn.proof.may_count() {
            self.echoed = self.echoed.or(Some(turn.seen.mark));
        }
    }

    /// The responder decides on the first segment of the initiator without SYN.
    fn on_first(&mut self, turn: &Turn<'_, '_>) {
        if self.first.is_some() || turn.seen.start != 1 || turn.seen.ack.is_none_or(|ack| ack < 1) {
            return;
        }
        self.first = Some(match turn.said.capable() {
            Some(capable) if capable.key.is_none() => First::Plain,
            Some(capable) if capable.bits.version() != self.answered_version => First::OtherVersion,
            Some(_) => First::Capable,
            None => First::Plain,
        });
    }

    fn judge_fallback(&mut self, turn: &Turn<'_, '_>, judge: &mut Judge<'_>) {
        let side = turn.side();
        let speaks = turn.said.speaks;
        let is_late = match side {
            Side::A => {
                let came = self.epoch.unwrap_or(turn.seen.mark);
                self.confirmed.is_some_and(|mark| came.nanos_since(mark) > WAIT_NANOS + LATE_NANOS)
            }
            Side::B => {
                let came = self.echoed.unwrap_or(turn.seen.mark);
                self.epochs.count >= EPOCHS
                    && came.nanos_since(self.epochs.last) > 2 * self.interval_nanos + LATE_NANOS
            }
        };
        if self.has_fallen_back(side) || is_late {
            judge.at_host(FALLEN_BACK, side, (!speaks).into(), MISSED);
            match (side, self.answer, self.first) {
                (Side::A, Some(Answer::Unusable), _) => {
                    judge.at_host(UNUSABLE, side, (!speaks).into(), MISSED);
                    judge.at_host(VERSION_IGNORED, side, (!speaks).into(), MISSED);
                }
                (Side::A, Some(Answer::Plain), _) => judge.at_host(UNUSABLE, side, (!speaks).into(), MISSED),
                (Side::B, _, Some(First::OtherVersion)) => {
                    judge.at_host(OTHER_VERSION, side, (!speaks).into(), MISSED);
                }
                (Side::B, _, Some(First::Plain)) => {
                    judge.at_host(FIRST_WITHOUT, side, (!speaks).into(), MISSED);
                }
                _ => {}
            }
            if self.tempted[side.index()] || is_late {
                judge.at_host(ANSWERED_AFTER_FALLBACK, side, (!speaks).into(), MISSED);
            }
        }
        if speaks && self.has_fallen_back(side.peer()) {
            self.tempted[side.peer().index()] = true;
        }
    }

    fn judge_confirmation(&mut self, turn: &Turn<'_, '_>, judge: &mut Judge<'_>) {
        let seen = turn.seen;
        let is_long = turn.said.capable().is_some_and(|capable| capable.key.is_some());
        if is_long {
            self.confirmed = self.confirmed.or(Some(seen.mark));
        }
        let same = self.last_confirmation.is_some_and(|(start, end, mark)| {
            (start, end) == (seen.start, seen.end) && seen.mark.nanos_since(mark) < OVERTAKEN_NANOS
        });
        let copies = self.count_resent(turn);
        if self.confirmations < CONFIRMATIONS && self.epoch.is_none() && copies < 3 {
            judge.at_host(CONFIRMS, Side::A, is_long.into(), MISSED);
            if turn.said.has_sack || is_long {
                judge.at_host(ROOM, Side::A, is_long.into(), MISSED);
            }
        }
        if copies >= 3 {
            let (_, _, _, interval_nanos) = self.resent;
            let doubled = interval_nanos >= STALL_NANOS;
            if copies > 3 {
                judge.surely(THIRD_COPY, Side::A, (!is_long).into());
            } else if doubled {
                judge.at_host(THIRD_COPY, Side::A, (!is_long).into(), TIMING);
            }
        }
        let full = self.confirmations >= CONFIRMATIONS;
        let since_last = self.last_confirmation.map_or(0, |(_, _, mark)| seen.mark.nanos_since(mark));
        if full || self.echoed.is_some() {
            let since = self.echoed.map_or(since_last, |echoed| seen.mark.nanos_since(echoed));
            if since >= OVERTAKEN_NANOS {
                judge.surely(CONFIRMS_NO_MORE, Side::A, (!is_long).into());
            } else {
                judge.at_host(CONFIRMS_NO_MORE, Side::A, (!is_long).into(), MISSED);
            }
        }
        // At the host nothing is captured twice.
        if !same || judge.whole[Side::A.index()] {
            self.confirmations = self.confirmations.saturating_add(1);
        }
        self.last_confirmation = Some((seen.start, seen.end, seen.mark));
    }

    /// Copies of the octets of `turn`, sent in a row; 1 for new ones, 0 for none.
    fn count_resent(&mut self, turn: &Turn<'_, '_>) -> u32 {
        if !turn.takes_octets() {
            return 0;
        }
        let (start, count, last, interval_nanos) = self.resent;
        let since = turn.seen.mark.nanos_since(last);
        self.resent = if count > 0 && turn.seen.start == start && since >= OVERTAKEN_NANOS {
            (start, count + 1, turn.seen.mark, since)
        } else if count > 0 && turn.seen.start == start {
            (start, count, last, interval_nanos)
        } else {
            (turn.seen.start, 1, turn.seen.mark, 0)
        };
        self.resent.1
    }

    /// Six at most, and not ever closer together.
    fn judge_copies(&mut self, turn: &Turn<'_, '_>, judge: &mut Judge<'_>) {
        let before = self.epochs;
        let number = self.epochs.add(turn.seen.mark);
        if number == before.count {
            return;
        }
        let interval = turn.seen.mark.nanos_since(before.last);
        judge.surely(SIX_EPOCHS, Side::B, (number <= EPOCHS).into());
        if number > EPOCHS {
            judge.surely(FALLEN_BACK, Side::B, false.into());
        }
        if number > 2 {
            let holds = interval + OVERTAKEN_NANOS >= self.interval_nanos;
            judge.at_host(SIX_EPOCHS, Side::B, holds.into(), TIMING);
        }
        self.interval_nanos = interval;
    }

    fn judge_before_on(&self, turn: &Turn<'_, '_>, judge: &mut Judge<'_>) {
        let may_be_on = match turn.side() {
            Side::A => self.epoch.is_some(),
            Side::B => self.echoed.is_some(),
        };
        match turn.message {
            Some(Message::Suspend(_) | Message::Resume(_)) => {
                judge.at_host(BEFORE_ON, turn.side(), may_be_on.into(), MISSED);
            }
            Some(Message::SuspendAck(_) | Message::ResumeAck(_)) => {
                judge.at_host(BEFORE_ON, turn.side(), may_be_on.into(), MISSED);
                judge.at_host(ANSWERED_BEFORE_ON, turn.side(), may_be_on.into(), MISSED);
            }
            _ => {}
        }
    }
}

/// An initiator sends it only when it is on.
fn shows_on(message: Option<&Message<'_>>) -> bool {
    matches!(
        message,
        Some(
            Message::EpochEcho(_)
                | Message::Epoch(_)
                | Message::Suspend(_)
                | Message::Resume(_)
                | Message::SuspendAck(_)
        )
    )
}
