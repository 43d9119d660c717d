//! Judging ends by reset: what says ABORT, and what is sent after it.

use hiatus_codec::{AbortReason, Message};

use super::answers::Compared;
use super::incident::Mark;
use super::proof::Proof;
use super::rules::{Rule, rule};
use super::talk::{Speaker, Turn};
use super::verdict::{ARRIVED, Judge, MISSED, STATELESS};
use super::watch::STALL_NANOS;

const NOT_OURS: Rule = rule("HIA-MUST-72");
const BELOW_STABLE: Rule = rule("HIA-MUST-75");
const DOES_NOT_FIT: Rule = rule("HIA-MUST-76");
const NO_BARE_RST: Rule = rule("HIA-MUST-79");
const CLOSES: Rule = rule("HIA-MUST-80");
const SAME_ABORT: Rule = rule("HIA-MUST-81");

/// For so long after an ABORT it is repeated.
const REPEATS_NANOS: i64 = 60 * STALL_NANOS;

/// How a RESUME has to be answered if it is answered with ABORT.
#[derive(Clone, Copy, Debug)]
struct Called {
    mark: Mark,
    reason: AbortReason,
    rule: Rule,
}

/// What is known of how an end resets.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ending {
    /// The first ABORT with which it closed the connection.
    aborted: Option<(Mark, AbortReason)>,
    /// A valid ABORT came from its peer.
    told: Option<Mark>,
    /// What its peer's latest RESUME asks for.
    called: Option<Called>,
    /// It has sent an EPOCH.
    has_epoch: bool,
}

impl Ending {
    /// A SYN begins another connection.
    pub(super) fn on_syn(&mut self) {
        *self = Self::default();
    }
}

/// Takes a segment.
pub(super) fn on_segment(own: &mut Speaker, peer: &mut Speaker, turn: &Turn<'_, '_>, judge: &mut Judge<'_>) {
    judge_after_abort(own, turn, judge);
    judge_told(own, turn, judge);
    if turn.resets() {
        judge_reset(own, turn, judge);
    }
    match turn.message {
        Some(Message::Epoch(_)) => own.ending.has_epoch = true,
        Some(Message::Resume(resume)) if turn.proof.is_right() => {
            peer.ending.called = call(own, peer, turn, &resume);
        }
        Some(Message::Abort(abort)) => {
            if let Proof::Right(life, nonce) = turn.proof
                && life == peer.identity.latest().0
                && nonce.matches(peer.identity.latest().1)
                && abort.reason != AbortReason::FENCED
            {
                peer.ending.told = peer.ending.told.or(Some(turn.seen.mark));
            }
        }
        _ => {}
    }
}

/// What the RESUME of `turn` asks for at `peer`, if that aborts.
fn call(own: &Speaker, peer: &Speaker, turn: &Turn<'_, '_>, resume: &hiatus_codec::Resume) -> Option<Called> {
    let received = turn.seen.ack?;
    let (reason, rule) = match peer.returning.compare(resume.life, resume.nonce) {
        Compared::NotOurs => (AbortReason::FENCED, NOT_OURS),
        Compared::Newer if peer.returning.echoed().is_some_and(|echoed| received < echoed) => {
            (AbortReason::GONE, BELOW_STABLE)
        }
        Compared::Newer if !peer.retains_for(own) && received < turn.own_end().acked => {
            (AbortReason::GONE, BELOW_STABLE)
        }
        Compared::Newer if received >= turn.own_end().acked => (AbortReason::DIVERGED, DOES_NOT_FIT),
        _ => return None,
    };
    Some(Called { mark: turn.seen.mark, reason, rule })
}

fn judge_after_abort(own: &mut Speaker, turn: &Turn<'_, '_>, judge: &mut Judge<'_>) {
    let (seen, side) = (turn.seen, turn.side());
    let Some((mark, reason)) = own.ending.aborted else { return };
    if seen.mark.nanos_since(mark) >= REPEATS_NANOS {
        own.ending.aborted = None;
        return;
    }
    match turn.message {
        // In the answer to a RESUME the MAC is another one.
        Some(Message::Abort(abort)) if abort.reason == reason && turn.proof.may_count() => {
            judge.surely(SAME_ABORT, side, true.into());
        }
        Some(Message::Abort(abort)) if abort.reason == AbortReason::LOST => {
            judge.doubt(SAME_ABORT, STATELESS);
        }
        None if turn.resets() => judge.doubt(SAME_ABORT, STATELESS),
        _ => judge.at_host(SAME_ABORT, side, false.into(), MISSED),
    }
}

fn judge_told(own: &mut Speaker, turn: &Turn<'_, '_>, judge: &mut Judge<'_>) {
    let Some(_) = own.ending.told else { return };
    if turn.resets() {
        return;
    }
    judge.at_host(CLOSES, turn.side(), false.into(), ARRIVED);
    own.ending.told = None;
}

fn judge_reset(own: &mut Speaker, turn: &Turn<'_, '_>, judge: &mut Judge<'_>) {
    let (seen, side) = (turn.seen, turn.side());
    let called = own.ending.called.take();
    match turn.message {
        Some(Message::Abort(abort)) => {
            if let Some(called) = called
                && seen.mark.nanos_since(called.mark) < STALL_NANOS
                && matches!(abort.reason, AbortReason::FENCED | AbortReason::GONE | AbortReason::DIVERGED)
            {
                judge.at_host(called.rule, side, (abort.reason == called.reason).into(), MISSED);
            }
            if turn.is_on[side.index()] || own.ending.has_epoch {
                judge.surely(NO_BARE_RST, side, true.into());
            }
            let closes = !matches!(abort.reason, AbortReason::FENCED | AbortReason::LOST);
            if closes {
                own.ending.aborted = own.ending.aborted.or(Some((seen.mark, abort.reason)));
            }
        }
        _ if turn.said.is_cut || own.ending.aborted.is_some() || own.ending.told.is_some() => {}
        _ if turn.is_on[side.index()] && own.holding.is_none() => {
            // A host without state answers a segment at once, and never with ACK to one that has ACK.
            let asked = seen.mark.nanos_since(turn.peer_end().last) < STALL_NANOS;
            if asked || (turn.own_end().fin && turn.peer_end().fin) {
                judge.doubt(NO_BARE_RST, STATELESS);
            } else {
                judge.at_host(NO_BARE_RST, side, false.into(), MISSED);
            }
        }
        _ => {}
    }
}
