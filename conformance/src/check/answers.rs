//! Judging answers: those that are due and do not come, and those that nothing asked for.
//!
//! That an answer does not come breaks a rule only of a host that was there: one that sends something else a second
//! later, and no RESUME in between. That what was asked arrived is known at its host only.

use hiatus_codec::{Life, Message, Nonce};

use crate::capture::Timestamp;
use crate::capture::flow::Origin;

use super::incident::Mark;
use super::proof::Proof;
use super::reading::READINGS_MAX;
use super::rules::{Rule, rule};
use super::talk::{Speaker, Turn};
use super::verdict::{ARRIVED, GONE, Judge, MISSED};
use super::watch::STALL_NANOS;

const WRONG_MAC: Rule = rule("HIA-MUST-19");
const WRONG_RESUME: Rule = rule("HIA-MUST-22");
const FIRST_CAPABLE: Rule = rule("HIA-MUST-31");
const ECHO: Rule = rule("HIA-MUST-34");
const BEYOND_SENT: Rule = rule("HIA-MUST-35");
const WAITS_FOR_ECHO: Rule = rule("HIA-MUST-84");
const SUSPEND: Rule = rule("HIA-MUST-48");
const NEWER_LIFE: Rule = rule("HIA-MUST-69");
const SAME_LIFE: Rule = rule("HIA-MUST-70");
const BEFORE_TESTS: Rule = rule("HIA-MUST-87");
const NOT_OURS: Rule = rule("HIA-MUST-72");
const OLDER_GENERATION: Rule = rule("HIA-MUST-73");

/// Answers that are due at once, of an end.
const DUE_MAX: usize = 8;
/// Stable points of EPOCHs remembered of an end.
const POINTS_MAX: usize = 64;

/// What would answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Echo(u32),
    SuspendAck,
    /// RESUME-ACK or ABORT.
    Resume,
    /// An ACK at least.
    Any,
    /// EPOCH.
    Epoch,
}

/// An answer that an end owes.
#[derive(Clone, Copy, Debug)]
struct Due {
    answer: Answer,
    since: Mark,
    rules: [Option<Rule>; READINGS_MAX + 3],
}

/// What an end owes, and was asked.
#[derive(Debug, Default)]
pub(super) struct Answers {
    due: Vec<Due>,
    /// Stable points of its own EPOCHs that may count, the latest last.
    points: Vec<u32>,
    /// Those of its EPOCHs that do not count, and why.
    bad_points: Vec<(u32, Rule)>,
    /// SUSPENDs and RESUMEs that reached it and may count, and its answers to them.
    suspends: u32,
    suspend_acks: u32,
    resumes: u32,
    resume_acks: u32,
    /// What it has to ignore, latest.
    trap: Option<(Rule, Mark)>,
}

impl Answers {
    fn owes(&mut self, answer: Answer, turn: &Turn<'_, '_>, rules: &[Rule]) {
        let mut all = [None; READINGS_MAX + 3];
        let readings =
            turn.said.readings.iter().flatten().copied().chain(turn.turns_on.then_some(WAITS_FOR_ECHO));
        all.iter_mut().zip(rules.iter().copied().chain(readings)).for_each(|(room, rule)| *room = Some(rule));
        if self.due.len() < DUE_MAX {
            self.due.push(Due { answer, since: turn.seen.mark, rules: all });
        }
    }

    /// The initiator's first segment without SYN, `turn`, has the long CAPABLE.
    pub(super) fn owes_epoch(&mut self, turn: &Turn<'_, '_>) {
        self.owes(Answer::Epoch, turn, &[FIRST_CAPABLE]);
    }

    /// What was owed comes.
    fn pays(&mut self, turn: &Turn<'_, '_>, judge: &mut Judge<'_>, is_paid: impl Fn(Answer) -> bool) {
        self.due.retain(|due| {
            let paid = is_paid(due.answer);
            if paid {
                due.rules.iter().flatten().for_each(|rule| judge.surely(*rule, turn.side(), true.into()));
            }
            !paid
        });
    }

    /// Nothing comes any more, in a capture that goes on until `capture_end`.
    pub(super) fn finish(&mut self, capture_end: Timestamp, judge: &mut Judge<'_>) {
        // What was asked at the very end may be answered behind it.
        let in_time = |due: &Due| capture_end.nanos_since(due.since.at) < STALL_NANOS;
        for due in self.due.drain(..).filter(|due| !in_time(due)) {
            due.rules.iter().flatten().for_each(|rule| judge.doubt_in(*rule, due.since.frame, GONE));
        }
    }
}

/// Takes a segment.
pub(super) fn on_segment(own: &mut Speaker, peer: &mut Speaker, turn: &Turn<'_, '_>, judge: &mut Judge<'_>) {
    judge_own(own, peer, turn, judge);
    note_asked(own, peer, turn);
}

/// What the sender of `turn` answers, or leaves unanswered.
fn judge_own(own: &mut Speaker, peer: &Speaker, turn: &Turn<'_, '_>, judge: &mut Judge<'_>) {
    let side = turn.side();
    let mut unasked = false;
    match turn.message {
        Some(Message::EpochEcho(echo)) => {
            own.answers.pays(turn, judge, |due| due == Answer::Echo(echo.stable_point));
            unasked = !peer.answers.points.contains(&echo.stable_point);
            judge_echo(peer, turn, echo.stable_point, judge);
        }
        Some(Message::SuspendAck(_)) => {
            own.answers.pays(turn, judge, |due| due == Answer::SuspendAck);
            own.answers.suspend_acks += 1;
            unasked = own.answers.suspend_acks > own.answers.suspends;
        }
        Some(Message::ResumeAck(_)) => {
            own.answers.pays(turn, judge, |due| due == Answer::Resume);
            own.answers.resume_acks += 1;
            unasked = own.answers.resume_acks > own.answers.resumes;
        }
        Some(Message::Abort(_)) => own.answers.pays(turn, judge, |due| due == Answer::Resume),
        Some(Message::Epoch(_)) => own.answers.pays(turn, judge, |due| due == Answer::Epoch),
        _ => {}
    }
    if let Some((rule, mark)) = own.answers.trap.take()
        && !turn.resets()
    {
        let late = turn.seen.mark.nanos_since(mark) >= STALL_NANOS;
        if unasked && !late {
            judge.at_host(rule, side, false.into(), MISSED);
        } else {
            judge.surely(rule, side, true.into());
        }
    }
    own.answers.pays(turn, judge, |due| due == Answer::Any);
    // Who comes back, goes, or resets, may not have been there.
    if turn.resets() || matches!(turn.message, Some(Message::Resume(_) | Message::Suspend(_))) {
        own.answers.due.clear();
        return;
    }
    let now = turn.seen.mark;
    own.answers.due.retain(|due| {
        let late = now.nanos_since(due.since) >= STALL_NANOS;
        if late {
            due.rules
                .iter()
                .flatten()
                .for_each(|rule| judge.at_host_in(*rule, side, due.since.frame, false.into(), ARRIVED));
        }
        !late
    });
}

fn judge_echo(peer: &Speaker, turn: &Turn<'_, '_>, point: u32, judge: &mut Judge<'_>) {
    let answers = &peer.answers;
    if answers.points.contains(&point) {
        judge.surely(ECHO, turn.side(), true.into());
    } else if let Some((_, rule)) = answers.bad_points.iter().find(|(bad, _)| *bad == point) {
        judge.at_host(*rule, turn.side(), false.into(), MISSED);
    } else {
        judge.at_host(ECHO, turn.side(), false.into(), MISSED);
    }
}

/// What `turn` asks of its addressee.
fn note_asked(own: &mut Speaker, peer: &mut Speaker, turn: &Turn<'_, '_>) {
    let addressee = turn.side().peer();
    // A message of a life that is over proves nothing any more.
    let is_over = match (turn.message, turn.proof) {
        (Some(Message::Epoch(_) | Message::Suspend(_)), Proof::Right(life, _)) => {
            life < own.identity.latest().0
        }
        _ => false,
    };
    let is_wrong = !turn.proof.may_count() || is_over;
    if turn.resets() || turn.own_end().fin && turn.peer_end().fin {
        peer.answers.due.clear();
    }
    if let Some(rule) = turn.said.ignored() {
        peer.answers.trap = Some((rule, turn.seen.mark));
    }
    let answers = &mut peer.answers;
    let is_on = turn.is_on[addressee.index()];
    let counts = is_on && turn.proof.is_right() && !is_over && turn.fits();
    match turn.message {
        Some(Message::Epoch(epoch)) => {
            let beyond = point_of(turn, &epoch)
                .is_some_and(|stable| stable > turn.peer_end().sent.max(turn.seen.ack.unwrap_or(0)));
            let bad = if is_wrong { Some(WRONG_MAC) } else { beyond.then_some(BEYOND_SENT) };
            note_point(&mut own.answers, epoch.stable_point, bad);
            if counts && bad.is_none() && !peer.returning.is_returning() {
                answers.owes(Answer::Echo(epoch.stable_point), turn, &[ECHO]);
            }
            if let Some(rule) = bad {
                answers.trap = Some((rule, turn.seen.mark));
            }
        }
        Some(Message::Suspend(_)) if is_wrong => answers.trap = Some((WRONG_MAC, turn.seen.mark)),
        Some(Message::Suspend(_)) => {
            answers.suspends += 1;
            if counts {
                answers.owes(Answer::SuspendAck, turn, &[SUSPEND]);
            }
        }
        Some(Message::Resume(_)) if is_wrong => {
            answers.trap = Some((WRONG_RESUME, turn.seen.mark));
            if is_on && !peer.returning.is_returning() {
                answers.owes(Answer::Any, turn, &[WRONG_RESUME]);
            }
        }
        Some(Message::Resume(resume)) => {
            answers.resumes += 1;
            if is_on && turn.proof.is_right() {
                let rule = match peer.returning.compare(resume.life, resume.nonce) {
                    Compared::Newer => Some(NEWER_LIFE),
                    Compared::Same => Some(SAME_LIFE),
                    Compared::NotOurs => Some(NOT_OURS),
                    Compared::OlderGeneration => None,
                };
                match rule {
                    Some(rule) if does_not_fit(turn) => {
                        answers.owes(Answer::Resume, turn, &[rule, BEFORE_TESTS]);
                    }
                    Some(rule) => answers.owes(Answer::Resume, turn, &[rule]),
                    None => {
                        answers.resumes -= 1;
                        answers.trap = Some((OLDER_GENERATION, turn.seen.mark));
                    }
                }
            }
        }
        _ => {}
    }
}

/// By the tests of RFC 9293 and RFC 7323 the segment would be dropped.
fn does_not_fit(turn: &Turn<'_, '_>) -> bool {
    let is_old = match (turn.seen.timestamps, turn.own_end().clock) {
        (Some(timestamps), Some(clock)) => timestamps.value.wrapping_sub(clock.highest).cast_signed() < 0,
        _ => false,
    };
    is_old || turn.seen.start < turn.peer_end().acked - 1
}

fn note_point(answers: &mut Answers, point: u32, bad: Option<Rule>) {
    match bad {
        Some(rule) if answers.bad_points.len() < POINTS_MAX => answers.bad_points.push((point, rule)),
        Some(_) => {}
        None => {
            if answers.points.len() == POINTS_MAX {
                answers.points.remove(0);
            }
            if !answers.points.contains(&point) {
                answers.points.push(point);
            }
        }
    }
}

/// The stable point of an EPOCH as a position, nearest to what its segment acknowledges; `None` if the capture does not
/// have the beginning of what it is a position of.
pub(super) fn point_of(turn: &Turn<'_, '_>, epoch: &hiatus_codec::Epoch) -> Option<i64> {
    if turn.origins[turn.side().peer().index()] != Origin::Syn {
        return None;
    }
    let ack = turn.seen.ack.and_then(|ack| u64::try_from(ack).ok())?;
    i64::try_from(epoch.stable_position(hiatus_codec::Position(ack)).0).ok()
}

/// How the life in a RESUME compares with the recorded one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compared {
    Newer,
    Same,
    /// Of an older incarnation, or of the same with another nonce.
    NotOurs,
    OlderGeneration,
}

/// Compares a life and nonce with the recorded ones (draft, {#resume-received}).
pub(super) fn compare(recorded: (Life, Nonce), life: Life, nonce: Nonce) -> Compared {
    let (known, known_nonce) = recorded;
    if life.incarnation > known.incarnation {
        Compared::Newer
    } else if life.incarnation < known.incarnation || !nonce.matches(known_nonce) {
        Compared::NotOurs
    } else if life.generation > known.generation {
        Compared::Newer
    } else if life.generation == known.generation {
        Compared::Same
    } else {
        Compared::OlderGeneration
    }
}
