//! Judging what follows when two ends have synchronised: where an end goes on, how fast, and what it acknowledges.

use hiatus_codec::Message;

use super::answers::Compared;
use super::incident::Mark;
use super::rules::{Rule, rule};
use super::talk::{Speaker, Turn};
use super::verdict::{ARRIVED, Judge, MISSED};
use super::watch::STALL_NANOS;

const OLD_POSITIONS: Rule = rule("HIA-MUST-71");
const OUT_OF_ORDER: Rule = rule("HIA-MUST-78");
const OUT_OF_ORDER_RESTORED: Rule = rule("HIA-MUST-106");
const INITIAL_WINDOW: Rule = rule("HIA-SHOULD-8");
const ONE_SEGMENT: Rule = rule("HIA-SHOULD-10");

/// The initial window of RFC 6928, for segments of any common size.
const INITIAL_OCTETS: i64 = 14_600;
/// Octets of a segment on an Ethernet path.
const SEGMENT_OCTETS: i64 = 1460;

/// What an end sends after it has synchronised, until the first acknowledgment.
#[derive(Clone, Copy, Debug)]
struct Flight {
    /// R: where it goes on.
    start: i64,
    /// Octets that may be under way, by which rule.
    limit_octets: i64,
    rule: Rule,
    /// The longest segment so far.
    longest_octets: i64,
}

/// What an end may acknowledge after it has synchronised: no more than what came since.
#[derive(Clone, Copy, Debug)]
struct Came {
    end: i64,
    rule: Rule,
}

/// What is known of an end that has synchronised.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rewind {
    flight: Option<Flight>,
    came: Option<Came>,
    /// R when it last synchronised.
    last_start: Option<i64>,
    /// Its latest segment with octets.
    sent_last: Option<Mark>,
    /// Its peer asked for octets again in a life that it has recorded.
    asked_again: bool,
}

/// Takes a segment.
pub(super) fn on_segment(own: &mut Speaker, peer: &mut Speaker, turn: &Turn<'_, '_>, judge: &mut Judge<'_>) {
    judge_own(own, turn, judge);
    note_peer(peer, turn);
    match turn.message {
        Some(Message::Resume(resume)) if turn.proof.is_right() => {
            let compared = peer.returning.compare(resume.life, resume.nonce);
            let goes_back = turn.seen.ack.is_some_and(|received| received < turn.own_end().acked);
            peer.rewind.asked_again = compared == Compared::Same && goes_back;
        }
        Some(Message::ResumeAck(_)) if turn.proof.is_right() => on_answer(own, peer, turn),
        _ => {}
    }
}

/// `own` has answered a RESUME: both synchronise if it was of a newer life.
fn on_answer(own: &mut Speaker, peer: &mut Speaker, turn: &Turn<'_, '_>) {
    let (Some(Message::ResumeAck(ack)), super::proof::Proof::Right(life, nonce)) = (turn.message, turn.proof)
    else {
        return;
    };
    if own.returning.compare(life, nonce) != Compared::Newer {
        return;
    }
    let restored = life.incarnation > 0;
    let low = |low: u32, near: i64| {
        let near = hiatus_codec::Position(u64::try_from(near).unwrap_or_default());
        i64::try_from(hiatus_codec::Position::nearest(low, near).0).unwrap_or(i64::MAX)
    };
    let received = low(ack.received, turn.seen.ack.unwrap_or_default());
    let idle = |end: &super::watch::End| turn.seen.mark.nanos_since(end.last) > STALL_NANOS;
    // The holder goes on at R of the RESUME, which its SEG.SEQ repeats; it received up to its own R.
    own.rewind.begin(turn.seen.start, turn.own_end().sent, idle(turn.peer_end()));
    own.rewind.came = Some(Came { end: received, rule: OUT_OF_ORDER });
    // The one that is back goes on at R of the answer; what it had received it said itself.
    peer.rewind.begin(received, turn.peer_end().sent, true);
    let rule = if restored { OUT_OF_ORDER_RESTORED } else { OUT_OF_ORDER };
    peer.rewind.came = peer.returning.told(life, nonce).map(|end| Came { end, rule });
}

impl Rewind {
    fn begin(&mut self, start: i64, sent: i64, idle: bool) {
        let progress = self.last_start.is_none_or(|last| start > last);
        let (limit_octets, rule) =
            if progress { (INITIAL_OCTETS, INITIAL_WINDOW) } else { (SEGMENT_OCTETS, ONE_SEGMENT) };
        let applies = !progress || idle || start < sent;
        self.flight = applies.then_some(Flight { start, limit_octets, rule, longest_octets: 0 });
        self.last_start = Some(start);
        self.asked_again = false;
    }
}

fn judge_own(own: &mut Speaker, turn: &Turn<'_, '_>, judge: &mut Judge<'_>) {
    let (seen, side) = (turn.seen, turn.side());
    if turn.resets() {
        return;
    }
    let octets = seen.end - seen.start;
    if own.rewind.asked_again && octets > 1 {
        let holds = seen.start >= turn.peer_end().acked;
        judge.at_host(OLD_POSITIONS, side, holds.into(), ARRIVED);
    }
    if let Some(flight) = &mut own.rewind.flight
        && octets > 0
    {
        flight.longest_octets = flight.longest_octets.max(octets);
        let holds = seen.end - flight.start <= flight.limit_octets.max(flight.longest_octets);
        judge.at_host(flight.rule, side, holds.into(), MISSED);
        if !holds {
            own.rewind.flight = None;
        }
    }
    if let (Some(came), Some(ack), None) = (own.rewind.came, seen.ack, turn.message) {
        judge.at_host(came.rule, side, (ack <= came.end).into(), ARRIVED);
        if ack > came.end {
            own.rewind.came = None;
        }
    }
    own.rewind.sent_last = Some(seen.mark);
}

/// What `turn` is to its addressee.
fn note_peer(peer: &mut Speaker, turn: &Turn<'_, '_>) {
    let seen = turn.seen;
    if let Some(came) = &mut peer.rewind.came
        && turn.takes_octets()
    {
        came.end = came.end.max(seen.end);
    }
    // Any acknowledgment may open the window.
    if let Some(flight) = peer.rewind.flight
        && turn.is_plain()
        && seen.ack.is_some_and(|ack| ack >= flight.start)
    {
        peer.rewind.flight = None;
        if seen.ack.is_some_and(|ack| ack > flight.start) {
            peer.rewind.last_start = None;
        }
    }
}
