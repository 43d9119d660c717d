//! Judging returns: what an end sends from RESUME to RESUME-ACK, and how its peer answers.

use hiatus_codec::{Flags, Life, Message, Nonce, Resume, ResumeAck};

use super::answers::{Compared, compare};
use super::incident::Mark;
use super::proof::Proof;
use super::rules::{Rule, rule};
use super::talk::{Speaker, Turn};
use super::verdict::{ARRIVED, Judge, MISSED, STATELESS, TIMING};
use super::watch::{OVERTAKEN_NANOS, STALL_NANOS};

const ACK_NUMBER: Rule = rule("HIA-MUST-13");
const WRONG_ACK: Rule = rule("HIA-MUST-20");
const NEW_OCTETS: Rule = rule("HIA-MUST-42");
const FALLEN_BACK: Rule = rule("HIA-MUST-38");
const ORIGINATES: Rule = rule("HIA-MUST-50");
const GENERATION: Rule = rule("HIA-MUST-60");
const ONLY_MESSAGES: Rule = rule("HIA-MUST-61");
const ANSWERS_PLAIN: Rule = rule("HIA-MUST-62");
const INTERVALS: Rule = rule("HIA-MUST-63");
const NUMBER: Rule = rule("HIA-MUST-82");
const AT_ONCE: Rule = rule("HIA-MUST-64");
const OUT_OF_TURN: Rule = rule("HIA-MUST-85");
const OLDER_LIFE: Rule = rule("HIA-MUST-65");
const THREE_RSTS: Rule = rule("HIA-MUST-66");
const SIX_PLAIN: Rule = rule("HIA-MUST-67");
const NOT_OURS: Rule = rule("HIA-MUST-72");
const OLDER_GENERATION: Rule = rule("HIA-MUST-73");
const BELOW_STABLE: Rule = rule("HIA-MUST-75");
const DOES_NOT_FIT: Rule = rule("HIA-MUST-76");
const GOES_ON_AT_R: Rule = rule("HIA-MUST-77");
const STABLE_RAISED: Rule = rule("HIA-MUST-94");
const HIGHER_INCARNATION: Rule = rule("HIA-MUST-100");
const OTHER_NONCE: Rule = rule("HIA-MUST-101");
const ROLLED_BACK: Rule = rule("HIA-MUST-103");
const CLONE_ASKS: Rule = rule("HIA-MUST-123");
const SAME_END: Rule = rule("HIA-MUST-108");
const CLOCK_STEP: Rule = rule("HIA-MUST-109");
const SIX_PLAIN_RESTORED: Rule = rule("HIA-MUST-110");

/// RESUMEs remembered of an end, to pair them with their answers.
const RESUMES_MAX: usize = 16;
/// RESUMEs that each met a plain segment, or a bare RST, and end a return.
const PLAIN_MAX: u32 = 6;
const RSTS_MAX: u32 = 3;
/// So long after a RESUME a bare RST answers it.
const RST_NANOS: i64 = 3 * STALL_NANOS;
/// A RESUME that is sent at once comes no later than this.
const AT_ONCE_NANOS: i64 = STALL_NANOS / 2;
/// Between two RESUMEs at least, a tenth for the way here taken off.
const INTERVAL_NANOS: i64 = STALL_NANOS - STALL_NANOS / 10;
/// From here on an interval need not grow: it is near 60 seconds.
const INTERVAL_MAX_NANOS: i64 = 40 * STALL_NANOS;
/// The first probe of one that is presumed absent comes no earlier.
const PROBE_NANOS: i64 = 60 * STALL_NANOS;
/// The shortest tick of a timestamp clock (RFC 7323, section 5.4).
const TICK_NANOS: i64 = 1_000_000;
/// Ticks between the timestamps of two incarnations.
const STEP_TICKS: i32 = 1 << 22;

/// Ticks of its timestamps for which an end with N may send new octets without asking, and a little more.
const CLONE_TICKS: i32 = (1 << 21) + (1 << 12);

/// A RESUME that was sent.
#[derive(Clone, Copy, Debug)]
struct Sent {
    life: Life,
    nonce: Nonce,
    start: i64,
    /// SEG.ACK.
    received: i64,
    end: u32,
}

/// A return under way: from the first RESUME of a life to its answer.
#[derive(Debug)]
struct Return {
    life: Life,
    /// It has a new incarnation: its host was restored.
    restored: bool,
    end: u32,
    /// SEG.ACK of its RESUMEs: RCV.NXT.
    received: i64,
    last: Mark,
    interval_nanos: Option<i64>,
    met_plain: u32,
    meets_plain: bool,
    /// SEG.ACK of the latest plain segment.
    plain_ack: i64,
    met_rsts: u32,
    meets_rst: bool,
    /// Plain data came from the peer.
    meets_data: bool,
    /// A plain segment came since the latest own segment.
    asked: bool,
    /// Its RESUME is due: it has answered the first of a life of its peer.
    owes: Option<Mark>,
    /// It has answered a RESUME of its peer.
    has_answered: bool,
    /// It may send RESUME out of turn, once.
    may_be_early: bool,
    /// A RESUME of an answered life came since its latest own.
    called_again: bool,
    /// A RESUME-ACK came that does not count, by this rule.
    trap: Option<Rule>,
    /// The peer was there and nothing speaks for a presumed absence.
    peer_up: bool,
}

/// What is known of an end that comes back, and of how it answers its peer that does.
#[derive(Debug, Default)]
pub(super) struct Returning {
    under_way: Option<Box<Return>>,
    sent: Vec<Sent>,
    /// Life and nonce of the peer that it has recorded.
    recorded: (Life, Nonce),
    /// The highest stable point of its peer that it echoed.
    echoed: Option<i64>,
    /// TSval when it was last told that no other instance has its place.
    proved: Option<u32>,
    /// It has asked whether its peer is there, and has heard nothing since.
    presumes: bool,
    /// Six of its RESUMEs met a plain segment.
    fell_back: bool,
    /// It was told of octets that it has not written.
    rolled_back: bool,
    /// A bare RST came from its peer since its latest message.
    saw_bare_rst: bool,
}

impl Returning {
    pub(super) fn is_returning(&self) -> bool {
        self.under_way.is_some()
    }

    /// R of its RESUMEs of a life.
    pub(super) fn told(&self, life: Life, nonce: Nonce) -> Option<i64> {
        let sent = self.sent.iter().rev().find(|sent| sent.life == life && sent.nonce.matches(nonce))?;
        Some(sent.received)
    }

    /// The highest stable point of its peer that it echoed.
    pub(super) fn echoed(&self) -> Option<i64> {
        self.echoed
    }

    pub(super) fn compare(&self, life: Life, nonce: Nonce) -> Compared {
        compare(self.recorded, life, nonce)
    }

    /// It sent RESUME-ACK, `turn`: it has recorded the life that this answers, and its peer records its own.
    pub(super) fn note_recorded(&mut self, turn: &Turn<'_, '_>, peer: &mut Speaker) {
        if let Proof::Right(life, nonce) = turn.proof
            && matches!(compare(self.recorded, life, nonce), Compared::Newer | Compared::Same)
        {
            self.recorded = (life, nonce);
        }
        if let Some(Message::ResumeAck(ack)) = turn.message {
            let known = &mut peer.returning.recorded;
            if ack.life > known.0 {
                let nonce =
                    if ack.life.incarnation == known.0.incarnation { known.1 } else { Nonce::UNKNOWN };
                *known = (ack.life, nonce);
            }
        }
    }
}

/// Takes a segment.
pub(super) fn on_segment(own: &mut Speaker, peer: &mut Speaker, turn: &Turn<'_, '_>, judge: &mut Judge<'_>) {
    match turn.message {
        Some(Message::Resume(resume)) => on_resume(own, turn, &resume, judge),
        Some(Message::ResumeAck(ack)) => {
            judge_answer(own, peer, turn, &ack, judge);
        }
        Some(Message::EpochEcho(echo)) => own.note_echo(peer, turn, echo.stable_point),
        _ => {}
    }
    judge_clone(own, turn, judge);
    judge_presuming(own, peer, turn, judge);
    judge_rolled_back(own, peer, turn, judge);
    if matches!(turn.message, Some(Message::ResumeAck(_))) && turn.proof.may_count() {
        peer.returning.proved = turn.peer_end().clock.map(|clock| clock.highest);
    }
    judge_quiet(own, turn, judge);
    note_met(own, peer, turn);
    if let Some(back) = &mut own.returning.under_way {
        back.asked = false;
    }
    own.returning.saw_bare_rst &= turn.message.is_none();
    peer.returning.saw_bare_rst |= turn.resets() && turn.message.is_none();
}

impl Speaker {
    /// It echoed a stable point of its peer, which is from then on its SND.STB at least.
    fn note_echo(&mut self, peer: &Speaker, turn: &Turn<'_, '_>, point: u32) {
        let Some(echoed) = peer.epochs.position_of(point) else { return };
        // What it never sent is no stable point of it.
        let echoed = echoed.min(turn.own_end().sent);
        self.returning.echoed = self.returning.echoed.max(Some(echoed));
    }
}

/// Who waits for an answer from a peer that it presumes absent sends nothing else; who has fallen back, no option.
fn judge_presuming(own: &mut Speaker, peer: &mut Speaker, turn: &Turn<'_, '_>, judge: &mut Judge<'_>) {
    if own.returning.presumes && turn.takes_octets() {
        judge.at_host(ORIGINATES, turn.side(), false.into(), MISSED);
        own.returning.presumes = false;
    }
    if own.returning.fell_back && !turn.resets() {
        judge.at_host(FALLEN_BACK, turn.side(), (!turn.said.speaks).into(), MISSED);
    }
    if turn.proof.may_count() {
        peer.returning.presumes = false;
    }
}

/// Who is told of octets that it has not written ends the connection.
fn judge_rolled_back(own: &mut Speaker, peer: &mut Speaker, turn: &Turn<'_, '_>, judge: &mut Judge<'_>) {
    if own.returning.rolled_back {
        judge.at_host(ROLLED_BACK, turn.side(), turn.resets().into(), ARRIVED);
        own.returning.rolled_back = false;
    }
    if let (Some(Message::ResumeAck(ack)), Proof::Right(life, nonce)) = (turn.message, turn.proof)
        && !peer.returning.is_returning()
        && peer.identity.latest() == (life, nonce)
        && let Some(sent) = peer.returning.sent.last()
        && let (Some(received), Some(end)) =
            (near(ack.received, turn.peer_end().sent), near(sent.end, turn.peer_end().sent))
    {
        peer.returning.rolled_back = received > end;
    }
}

/// A host with N asks before it sends something new after a long time.
fn judge_clone(own: &mut Speaker, turn: &Turn<'_, '_>, judge: &mut Judge<'_>) {
    let (Some(timestamps), true) = (turn.seen.timestamps, own.may_return_older) else { return };
    let Some(proved) = own.returning.proved else {
        own.returning.proved = Some(timestamps.value);
        return;
    };
    if turn.is_on[turn.side().index()]
        && turn.takes_octets()
        && turn.seen.end > turn.own_end().sent
        && !turn.resets()
    {
        let ticks = timestamps.value.wrapping_sub(proved).cast_signed();
        judge.at_host(CLONE_ASKS, turn.side(), (ticks <= CLONE_TICKS).into(), MISSED);
    }
}

fn on_resume(own: &mut Speaker, turn: &Turn<'_, '_>, resume: &Resume, judge: &mut Judge<'_>) {
    let (seen, side) = (turn.seen, turn.side());
    let Some(received) = seen.ack else { return };
    let acked = turn.peer_end().acked;
    if turn.peer_end().seen && turn.proof.may_count() {
        judge.at_host(NUMBER, side, (seen.start < acked).into(), ARRIVED);
    }
    let (latest, _) = own.identity.latest();
    if turn.proof.is_right() {
        judge_identity(own, turn, resume, judge);
    }
    if own.returning.sent.len() == RESUMES_MAX {
        own.returning.sent.remove(0);
    }
    let (life, nonce, start, end) = (resume.life, resume.nonce, seen.start, resume.end);
    own.returning.sent.push(Sent { life, nonce, start, received, end });
    match &mut own.returning.under_way {
        Some(back) if back.life == life => again(back, turn, resume, judge),
        _ if life > latest && turn.origins.contains(&crate::capture::flow::Origin::Syn) => {
            let waits = own.epochs.waits();
            own.returning.under_way = Some(Box::new(Return {
                life,
                restored: life.incarnation > latest.incarnation && latest.generation != u16::MAX,
                end,
                received,
                last: seen.mark,
                interval_nanos: None,
                met_plain: 0,
                meets_plain: false,
                plain_ack: 0,
                met_rsts: 0,
                meets_rst: false,
                meets_data: false,
                asked: false,
                owes: None,
                has_answered: false,
                may_be_early: false,
                called_again: false,
                trap: None,
                peer_up: own.holding.is_none() && !own.returning.saw_bare_rst && !waits,
            }));
        }
        _ => {
            own.returning.under_way = None;
            // Who cannot come back older asks for no other reason.
            own.returning.presumes = !own.may_return_older && own.identity.lives.is_empty();
        }
    }
}

/// What the life and nonce of a RESUME with a right MAC say.
fn judge_identity(own: &Speaker, turn: &Turn<'_, '_>, resume: &Resume, judge: &mut Judge<'_>) {
    let (side, life) = (turn.side(), resume.life);
    let (latest, _) = own.identity.latest();
    let lives = &own.identity.lives;
    if lives.iter().any(|(known, _)| known.incarnation == life.incarnation) {
        let holds = lives
            .iter()
            .filter(|(known, _)| known.incarnation == life.incarnation)
            .all(|(_, nonce)| nonce.matches(resume.nonce));
        judge.surely(HIGHER_INCARNATION, side, holds.into());
    }
    let others = || lives.iter().filter(|(known, _)| known.incarnation != life.incarnation);
    if others().any(|(_, nonce)| *nonce != Nonce::UNKNOWN) {
        let holds = others().all(|(_, nonce)| *nonce != resume.nonce);
        judge.surely(OTHER_NONCE, side, holds.into());
    }
    if let Some(leaving) = own.leaving
        && latest.incarnation == life.incarnation
    {
        // One whose peer answers, and has acknowledged all, presumes nothing and so does not ask.
        let heard =
            leaving.is_answered() && leaving.start <= turn.peer_end().acked && !own.returning.saw_bare_rst;
        let soon = heard || turn.seen.mark.nanos_since(leaving.first) < PROBE_NANOS;
        if life.generation == latest.generation.saturating_add(1) {
            judge.surely(GENERATION, side, true.into());
        } else if life > latest || (soon && !own.may_return_older) {
            judge.at_host(GENERATION, side, false.into(), MISSED);
        }
    }
    if own.returning.is_returning() {
        return;
    }
    let (Some(timestamps), Some(clock)) = (turn.seen.timestamps, turn.own_end().clock) else { return };
    let step = timestamps.value.wrapping_sub(clock.highest).cast_signed();
    let is_restored = life.incarnation > latest.incarnation && latest.generation != u16::MAX;
    if is_restored {
        judge.at_host(CLOCK_STEP, side, (step >= STEP_TICKS).into(), MISSED);
    } else if life.incarnation == latest.incarnation && step >= STEP_TICKS {
        // No clock of RFC 7323 makes more than a tick in a millisecond, and twice that is more than it drifts.
        let made = turn.seen.mark.nanos_since(clock.mark) / TICK_NANOS;
        if i64::from(step) - 2 * made >= i64::from(STEP_TICKS / 2) {
            judge.at_host(HIGHER_INCARNATION, side, false.into(), MISSED);
        }
    }
}

/// A further RESUME of the same return.
fn again(back: &mut Return, turn: &Turn<'_, '_>, resume: &Resume, judge: &mut Judge<'_>) {
    let (mark, side) = (turn.seen.mark, turn.side());
    let interval = mark.nanos_since(back.last);
    if interval < OVERTAKEN_NANOS && !judge.whole[side.index()] {
        return;
    }
    if back.restored {
        judge.at_host(SAME_END, side, (back.end == resume.end).into(), MISSED);
    }
    if let Some(owed) = back.owes.take() {
        let holds = mark.nanos_since(owed) <= AT_ONCE_NANOS;
        judge.at_host(AT_ONCE, side, holds.into(), MISSED);
    }
    if back.may_be_early {
        back.interval_nanos = None;
    } else {
        let due = back.interval_nanos.map_or(INTERVAL_NANOS, |before| {
            // Doubled, but for the random part of the one before, and what the way here adds.
            if before >= INTERVAL_MAX_NANOS { before - before / 4 } else { before + before / 3 }
        });
        let holds = interval >= due.max(INTERVAL_NANOS);
        judge.at_host(INTERVALS, side, holds.into(), TIMING);
        if back.called_again || back.has_answered {
            judge.at_host(OUT_OF_TURN, side, holds.into(), TIMING);
        }
        back.interval_nanos = Some(interval);
    }
    back.may_be_early = false;
    back.called_again = false;
    back.met_plain += u32::from(back.meets_plain);
    back.met_rsts = if back.meets_rst { back.met_rsts + 1 } else { 0 };
    if back.met_plain > 0 {
        let rule = if back.restored { SIX_PLAIN_RESTORED } else { SIX_PLAIN };
        judge.at_host(rule, side, (back.met_plain < PLAIN_MAX).into(), ARRIVED);
    }
    if back.met_rsts > 0 && back.peer_up {
        judge.at_host(THREE_RSTS, side, (back.met_rsts < RSTS_MAX).into(), ARRIVED);
    }
    (back.meets_plain, back.meets_rst, back.last) = (false, false, mark);
}

/// What an end sends that waits for RESUME-ACK.
fn judge_quiet(own: &mut Speaker, turn: &Turn<'_, '_>, judge: &mut Judge<'_>) {
    let (seen, side) = (turn.seen, turn.side());
    let Some(back) = &mut own.returning.under_way else { return };
    if let Some(Message::Resume(_) | Message::ResumeAck(_) | Message::SuspendAck(_) | Message::Abort(_)) =
        turn.message
    {
        judge.surely(ONLY_MESSAGES, side, true.into());
        if matches!(turn.message, Some(Message::Abort(_))) {
            if back.restored && back.met_plain + u32::from(back.meets_plain) >= PLAIN_MAX {
                judge.at_host(SIX_PLAIN_RESTORED, side, (seen.start == back.plain_ack).into(), ARRIVED);
            }
            own.returning.under_way = None;
        }
        return;
    }
    let full = back.met_plain + u32::from(back.meets_plain) >= PLAIN_MAX;
    if turn.resets() {
        if full && back.restored {
            judge.at_host(SIX_PLAIN_RESTORED, side, false.into(), STATELESS);
        } else {
            judge.doubt(ONLY_MESSAGES, STATELESS);
        }
        own.returning.under_way = None;
        return;
    }
    if full && !back.restored {
        judge.surely(SIX_PLAIN, side, true.into());
        own.returning.fell_back = true;
        own.returning.under_way = None;
        return;
    }
    judge.at_host(ONLY_MESSAGES, side, false.into(), MISSED);
    if let Some(rule) = back.trap {
        judge.at_host(rule, side, false.into(), MISSED);
    }
    if turn.takes_octets() && seen.end > turn.own_end().sent.max(turn.peer_end().acked) {
        judge.at_host(NEW_OCTETS, side, false.into(), MISSED);
    }
    if back.asked && !turn.takes_octets() {
        judge.at_host(ANSWERS_PLAIN, side, false.into(), MISSED);
    }
    if back.meets_data || back.met_plain > 0 {
        judge.at_host(SIX_PLAIN, side, false.into(), MISSED);
    }
    own.returning.under_way = None;
}

/// What `turn` is to its addressee, if that waits for RESUME-ACK.
fn note_met(own: &mut Speaker, peer: &mut Speaker, turn: &Turn<'_, '_>) {
    let told = own.identity.latest().0;
    let recorded = peer.returning.recorded.0;
    let Some(back) = &mut peer.returning.under_way else { return };
    let seen = turn.seen;
    match turn.message {
        Some(Message::ResumeAck(ack)) => {
            if !turn.proof.may_count() {
                back.trap = Some(WRONG_ACK);
            } else if ack.life < recorded && ack.life < told {
                back.trap = Some(OLDER_LIFE);
            } else {
                peer.returning.under_way = None;
            }
            return;
        }
        Some(Message::Resume(resume)) if turn.proof.may_count() => {
            let again = compare(peer.returning.recorded, resume.life, resume.nonce) != Compared::Newer;
            back.called_again |= again;
            // Only once it is answered; what is sent in between is judged by the answer.
            back.may_be_early |= !again;
        }
        Some(Message::Abort(_)) => {
            peer.returning.under_way = None;
            return;
        }
        _ => {}
    }
    if turn.proof.is_right() {
        (back.met_plain, back.meets_plain) = (0, false);
    }
    if turn.resets() {
        let in_time = seen.mark.nanos_since(back.last) <= RST_NANOS;
        back.meets_rst |= in_time && turn.message.is_none() && seen.start == back.received;
    } else if matches!(turn.message, Some(Message::Epoch(_) | Message::EpochEcho(_) | Message::SuspendAck(_)))
    {
        back.asked = true;
    } else if turn.is_plain() {
        back.asked = true;
        back.meets_data |= turn.takes_octets();
        let is_empty =
            !turn.takes_octets() && !seen.flags.contains(Flags::FIN) && turn.said.ignored.is_none();
        let fits = back.restored || seen.start == back.received;
        if is_empty && fits && seen.flags.contains(Flags::ACK) {
            back.meets_plain = true;
            back.plain_ack = seen.ack.unwrap_or_default();
        }
    }
}

/// Judges a RESUME-ACK by the RESUMEs that it may answer.
fn judge_answer(
    own: &mut Speaker,
    peer: &Speaker,
    turn: &Turn<'_, '_>,
    ack: &ResumeAck,
    judge: &mut Judge<'_>,
) {
    let (seen, side) = (turn.seen, turn.side());
    let (Some(number), Proof::Right(life, nonce)) = (seen.ack, turn.proof) else {
        if turn.proof == Proof::Unknown {
            judge.doubt(ACK_NUMBER, super::verdict::NO_HANDSHAKE);
        }
        return;
    };
    if let Some(back) = &mut own.returning.under_way
        && compare(own.returning.recorded, life, nonce) == Compared::Newer
    {
        back.owes = Some(seen.mark);
        back.has_answered = true;
    }
    let (Some(received), Some(end)) = (near(ack.received, number), near(ack.end, turn.own_end().sent)) else {
        return;
    };
    let asked: Vec<_> =
        peer.returning.sent.iter().filter(|sent| sent.life == life && sent.nonce == nonce).collect();
    if number > received {
        judge.surely(ACK_NUMBER, side, false.into());
        return;
    }
    if asked.is_empty() {
        judge.doubt(ACK_NUMBER, MISSED);
        return;
    }
    let fits = |holds: &dyn Fn(&Sent) -> bool| asked.iter().any(|sent| holds(sent)).into();
    judge.at_host(ACK_NUMBER, side, fits(&|sent| number == received.min(sent.start)), MISSED);
    let compared = compare(own.returning.recorded, life, nonce);
    match compared {
        Compared::NotOurs => return judge.at_host(NOT_OURS, side, false.into(), MISSED),
        Compared::OlderGeneration => return judge.at_host(OLDER_GENERATION, side, false.into(), MISSED),
        Compared::Newer => {
            judge.at_host(GOES_ON_AT_R, side, fits(&|sent| seen.start == sent.received), MISSED);
            judge.at_host(DOES_NOT_FIT, side, fits(&|sent| agree(sent, received, end)), MISSED);
        }
        Compared::Same => judge.at_host(ROLLED_BACK, side, fits(&|sent| sent.received <= end), MISSED),
    }
    if compared != Compared::Newer {
        return;
    }
    if let Some(echoed) = own.returning.echoed {
        let holds = fits(&|sent| sent.received >= echoed);
        judge.at_host(BELOW_STABLE, side, holds, MISSED);
        judge.at_host(STABLE_RAISED, side, holds, MISSED);
    }
    if !own.retains_for(peer) {
        judge.at_host(BELOW_STABLE, side, fits(&|sent| sent.received >= turn.peer_end().acked), ARRIVED);
    }
}

/// R of the RESUME is not above the end of the answer, nor R of the answer above the end of the RESUME.
fn agree(sent: &Sent, received: i64, end: i64) -> bool {
    sent.received <= end && near(sent.end, received).is_some_and(|sent_end| received <= sent_end)
}

/// The position with these low 32 bits that is nearest to another.
fn near(low: u32, reference: i64) -> Option<i64> {
    let reference = u64::try_from(reference).ok()?;
    i64::try_from(hiatus_codec::Position::nearest(low, hiatus_codec::Position(reference)).0).ok()
}
