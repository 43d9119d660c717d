//! Judging absences: an end that leaves, and the other that holds the connection for it.

use hiatus_codec::{AbortReason, Flags, Message};

use super::incident::Mark;
use super::proof::Proof;
use super::rules::{Rule, rule};
use super::talk::{Speaker, Turn};
use super::verdict::{ARRIVED, AWAY, Judge, MISSED, STATELESS, TIMING};
use super::watch::{OVERTAKEN_NANOS, STALL_NANOS};

const NEW_OCTETS: Rule = rule("HIA-MUST-42");
const CLOSES_WINDOW: Rule = rule("HIA-MUST-43");
const THRICE: Rule = rule("HIA-MUST-44");
const ANSWERED: Rule = rule("HIA-MUST-46");
const LEAVES_QUIETLY: Rule = rule("HIA-MUST-86");
const OPEN_WINDOW: Rule = rule("HIA-SHOULD-4");
const GRANTED: Rule = rule("HIA-MUST-49");
const ORIGINATES: Rule = rule("HIA-MUST-50");
const GOES_ON: Rule = rule("HIA-MUST-83");
const RESTARTS: Rule = rule("HIA-MUST-54");
const OVER: Rule = rule("HIA-MUST-55");

/// SUSPENDs for one absence.
const SUSPENDS_MAX: u32 = 3;
/// A hold may seem longer by this much, beside one part in a hundred: the way of the SUSPEND, and clocks.
const HOLD_LATE_NANOS: i64 = 2 * STALL_NANOS;

/// An end that has sent SUSPEND, and nothing since that shows it back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaving {
    /// Its first and latest SUSPEND.
    pub(super) first: Mark,
    last: Mark,
    /// SEG.SEQ of it.
    pub(super) start: i64,
    /// What it had sent by then.
    sent: i64,
    suspends: u32,
    /// All their MACs were right, in the same life.
    proof: Proof,
    /// When it was first answered.
    answered: Option<Mark>,
}

impl Leaving {
    /// Its peer has answered.
    pub(super) fn is_answered(&self) -> bool {
        self.answered.is_some()
    }
}

/// An end that holds the connection for its peer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holding {
    /// The first SUSPEND, and the latest.
    since: Mark,
    repeated: Mark,
    /// SEG.SEQ of the first.
    start: i64,
    granted_nanos: i64,
    /// What the holder had sent when it answered.
    sent: i64,
    /// The peer sent plain octets that do not end the hold.
    probed: bool,
}

/// Takes a segment.
pub(super) fn on_segment(own: &mut Speaker, peer: &mut Speaker, turn: &Turn<'_, '_>, judge: &mut Judge<'_>) {
    judge_holder(own, turn, judge);
    judge_leaver(own, turn, judge);
    note_holder(peer, turn);
    match turn.message {
        Some(Message::Suspend(_)) => on_suspend(own, turn, judge),
        Some(Message::SuspendAck(ack)) => {
            if let Some(offered) = own.hold {
                let holds = ack.granted_hold.seconds() <= offered.seconds();
                judge.surely(GRANTED, turn.side(), holds.into());
            }
            let granted_nanos = i64::from(ack.granted_hold.seconds()).saturating_mul(STALL_NANOS);
            on_suspend_ack(own, peer, turn, granted_nanos);
        }
        Some(Message::Resume(_)) => {
            own.leaving = None;
            own.holding = None;
            if turn.proof.may_count() {
                peer.holding = None;
            }
        }
        Some(Message::ResumeAck(_) | Message::Abort(_)) => {
            own.holding = None;
            peer.holding = None;
            if matches!(turn.message, Some(Message::Abort(_))) {
                own.leaving = None;
            }
        }
        _ => {}
    }
}

fn on_suspend(own: &mut Speaker, turn: &Turn<'_, '_>, judge: &mut Judge<'_>) {
    let (seen, side) = (turn.seen, turn.side());
    judge.surely(OPEN_WINDOW, side, (seen.window != 0).into());
    let end = turn.own_end();
    if end.seen && !end.window_closed {
        // Nothing new has come in since its window was open.
        let filled = seen.ack.is_some_and(|ack| ack > end.acked);
        if !filled {
            judge.at_host(CLOSES_WINDOW, side, (seen.window != 0).into(), MISSED);
        }
    }
    let Some(leaving) = &mut own.leaving else {
        let sent = end.sent.max(turn.peer_end().acked).max(seen.start);
        own.leaving = Some(Leaving {
            first: seen.mark,
            last: seen.mark,
            start: seen.start,
            sent,
            suspends: 1,
            proof: turn.proof,
            answered: None,
        });
        judge.surely(THRICE, side, true.into());
        return;
    };
    if seen.mark.nanos_since(leaving.last) < OVERTAKEN_NANOS && !judge.whole[side.index()] {
        return;
    }
    leaving.last = seen.mark;
    leaving.suspends += 1;
    if leaving.proof != turn.proof {
        leaving.proof = Proof::Unknown;
    }
    let holds = leaving.suspends <= SUSPENDS_MAX;
    if leaving.proof.is_right() {
        // One life is one absence.
        judge.surely(THRICE, side, holds.into());
    } else {
        judge.at_host(THRICE, side, holds.into(), MISSED);
    }
    // The answer may still have been on its way.
    let late = leaving.answered.is_some_and(|answered| seen.mark.nanos_since(answered) >= OVERTAKEN_NANOS);
    judge.at_host(ANSWERED, side, (!late).into(), ARRIVED);
}

fn on_suspend_ack(own: &mut Speaker, peer: &mut Speaker, turn: &Turn<'_, '_>, granted_nanos: i64) {
    let mark = turn.seen.mark;
    // One of an older life answers nothing any more.
    let is_over = matches!(turn.proof, Proof::Right(life, _) if life < peer.identity.latest().0);
    let Some(leaving) = &mut peer.leaving else { return };
    if turn.proof.may_count() && !is_over {
        leaving.answered = leaving.answered.or(Some(mark));
    }
    if granted_nanos == 0 || turn.own_end().fin && turn.peer_end().fin {
        return;
    }
    let holding = own.holding.get_or_insert(Holding {
        since: leaving.first,
        repeated: leaving.last,
        start: leaving.start,
        granted_nanos,
        sent: turn.own_end().sent.max(turn.peer_end().acked),
        probed: false,
    });
    holding.repeated = leaving.last;
}

/// What an end sends that has sent SUSPEND.
fn judge_leaver(own: &mut Speaker, turn: &Turn<'_, '_>, judge: &mut Judge<'_>) {
    let (seen, side) = (turn.seen, turn.side());
    let Some(leaving) = own.leaving else { return };
    if turn.resets() || turn.message.is_some() {
        return;
    }
    let acked = turn.peer_end().acked;
    let fin = i64::from(seen.flags.contains(Flags::FIN));
    let beyond = turn.takes_octets() && seen.end > leaving.start;
    let is_probe = seen.end - seen.start <= 1
        && fin == 0
        && (seen.start == leaving.start - 1 || (turn.takes_octets() && seen.start + 1 == acked));
    if beyond || is_probe {
        judge.at_host(LEAVES_QUIETLY, side, false.into(), MISSED);
    } else if turn.takes_octets() {
        judge.surely(LEAVES_QUIETLY, side, true.into());
    }
    if turn.takes_octets() {
        judge.at_host(NEW_OCTETS, side, (seen.end <= leaving.sent).into(), MISSED);
    }
}

/// What an end sends that has sent SUSPEND-ACK.
fn judge_holder(own: &mut Speaker, turn: &Turn<'_, '_>, judge: &mut Judge<'_>) {
    let (seen, side) = (turn.seen, turn.side());
    let Some(holding) = own.holding else { return };
    let late_nanos = seen.mark.nanos_since(holding.since);
    let due_nanos = holding.granted_nanos + holding.granted_nanos / 100 + HOLD_LATE_NANOS;
    if late_nanos > due_nanos {
        own.holding = None;
        let stateless = turn.resets()
            && !matches!(turn.message, Some(Message::Abort(abort)) if abort.reason != AbortReason::LOST);
        if stateless {
            return;
        }
        if matches!(turn.message, Some(Message::Resume(_))) {
            judge.doubt(OVER, AWAY);
            return;
        }
        judge.at_host(OVER, side, false.into(), MISSED);
        if seen.mark.nanos_since(holding.repeated) <= due_nanos {
            judge.at_host(RESTARTS, side, false.into(), MISSED);
        }
        return;
    }
    let is_asked = seen.mark.nanos_since(turn.peer_end().last) < STALL_NANOS;
    if turn.resets() {
        if turn.message.is_none() && !is_asked {
            judge.at_host(ORIGINATES, side, false.into(), MISSED);
            let at_end = late_nanos + HOLD_LATE_NANOS >= holding.granted_nanos;
            if at_end {
                judge.at_host(OVER, side, false.into(), TIMING);
            }
        } else if turn.message.is_none() {
            judge.doubt(ORIGINATES, STATELESS);
        }
        return;
    }
    let originates =
        turn.takes_octets() || matches!(turn.message, Some(Message::Epoch(_) | Message::Suspend(_)));
    judge.at_host(ORIGINATES, side, (!originates).into(), MISSED);
    if turn.takes_octets() {
        judge.at_host(NEW_OCTETS, side, (seen.end <= holding.sent).into(), MISSED);
    }
    if holding.probed {
        judge.at_host(GOES_ON, side, (!originates).into(), MISSED);
    }
}

/// What `turn` means to its addressee, if that holds.
fn note_holder(peer: &mut Speaker, turn: &Turn<'_, '_>) {
    let Some(holding) = &mut peer.holding else { return };
    if !turn.is_plain() && turn.proof.may_count() {
        return;
    }
    let fin = turn.seen.flags.contains(Flags::FIN) && turn.seen.end > holding.start;
    if turn.takes_octets() && (fin || turn.seen.end > holding.start + 1) {
        peer.holding = None;
    } else if turn.takes_octets() {
        holding.probed = true;
    }
}
