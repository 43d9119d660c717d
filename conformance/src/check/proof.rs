//! MACs: which keys, lives and nonces the capture has, and whether a message is proved by them.
//!
//! What a MAC covers beside the message is remembered: a message that was overtaken is tried with the lives before, too.

use hiatus_codec::mac::{Context, Role, SessionKey, verify};
use hiatus_codec::{AbortReason, ConnectionKey, Life, Message, Nonce, Position};

use crate::capture::flow::{Origin, Side};

use super::rules::{Rule, rule};
use super::talk::{Speaker, Turn};
use super::verdict::{Judge, MISSED, NO_HANDSHAKE};

const SAME_KEY: Rule = rule("HIA-MUST-17");
const MAC: Rule = rule("HIA-MUST-18");

/// Keys remembered of an end; more than one is a fault of it.
const KEYS_MAX: usize = 2;
/// Lives remembered of an end.
const LIVES_MAX: usize = 8;
/// Frames whose MAC is wrong and may be explained later.
const WRONG_MAX: usize = 8;

/// What a MAC says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// The message has none.
    None,
    /// It is right, in this life and with this nonce of the end that the context names.
    Right(Life, Nonce),
    /// It is not, with anything the capture has.
    Wrong,
    /// The capture does not have what is needed.
    Unknown,
}

impl Proof {
    /// True unless it is known to be wrong.
    pub(super) fn may_count(self) -> bool {
        self != Self::Wrong
    }

    pub(super) fn is_right(self) -> bool {
        matches!(self, Self::Right(..))
    }
}

/// What proves an end.
#[derive(Debug, Default)]
pub(super) struct Identity {
    /// Keys of its CAPABLEs.
    pub(super) keys: Vec<ConnectionKey>,
    /// Its lives and nonces as it told them, the latest last.
    pub(super) lives: Vec<(Life, Nonce)>,
    /// Frames whose MAC was wrong, and the life that it had then.
    wrong: Vec<(u64, Life)>,
}

impl Identity {
    /// The latest life and nonce that it told; that of a new connection before.
    pub(super) fn latest(&self) -> (Life, Nonce) {
        self.lives.last().copied().unwrap_or_default()
    }

    /// Takes a key of a CAPABLE.
    pub(super) fn on_key(&mut self, side: Side, key: ConnectionKey, judge: &mut Judge<'_>) {
        if let Some(known) = self.keys.first() {
            judge.surely(SAME_KEY, side, (*known == key).into());
        }
        if !self.keys.contains(&key) && self.keys.len() < KEYS_MAX {
            self.keys.push(key);
        }
    }

    /// Takes a life that it told in a RESUME or RESUME-ACK; one it told before changes nothing.
    pub(super) fn on_life(&mut self, life: Life, nonce: Nonce) {
        let known = self.lives.iter_mut().find(|known| known.0 == life && known.1.matches(nonce));
        match known {
            Some(known) if known.1 == Nonce::UNKNOWN => known.1 = nonce,
            Some(_) => {}
            None => {
                if self.lives.len() == LIVES_MAX {
                    self.lives.remove(0);
                }
                self.lives.push((life, nonce));
                self.lives.sort_by_key(|(life, _)| *life);
            }
        }
    }

    fn with_first(&self) -> impl Iterator<Item = (Life, Nonce)> + '_ {
        self.lives.iter().rev().copied().chain([(Life::default(), Nonce::UNKNOWN)])
    }
}

/// Judges the MAC of the message of `turn`.
pub(super) fn judge_mac(
    own: &mut Speaker,
    peer: &Speaker,
    turn: &Turn<'_, '_>,
    judge: &mut Judge<'_>,
) -> Proof {
    let proof = proof(&own.identity, &peer.identity, turn);
    let frame = turn.seen.mark.frame;
    let life = own.identity.latest().0;
    match proof {
        Proof::None => {}
        Proof::Unknown => judge.doubt(MAC, NO_HANDSHAKE),
        Proof::Right(proved, _) => {
            judge.surely(MAC, turn.side(), true.into());
            let names_own_life = matches!(turn.message, Some(Message::Epoch(_) | Message::Suspend(_)));
            explain_wrong(&mut own.identity, names_own_life.then_some(proved), turn.side(), judge);
        }
        Proof::Wrong if judge.whole[turn.side().index()] => judge.surely(MAC, turn.side(), false.into()),
        Proof::Wrong if own.identity.wrong.len() < WRONG_MAX && names_own(turn) => {
            own.identity.wrong.push((frame, life));
        }
        Proof::Wrong => judge.doubt(MAC, MISSED),
    }
    proof
}

/// True for a message whose MAC covers nothing of the peer that the capture may lack.
fn names_own(turn: &Turn<'_, '_>) -> bool {
    matches!(turn.message, Some(Message::Epoch(_) | Message::Suspend(_)))
}

/// A right MAC in `life` proves the keys, and that the end was in that life since it told it.
fn explain_wrong(identity: &mut Identity, life: Option<Life>, side: Side, judge: &mut Judge<'_>) {
    for (frame, then) in std::mem::take(&mut identity.wrong) {
        if life == Some(then) {
            judge.surely_in(MAC, side, frame, false.into());
        } else {
            judge.doubt_in(MAC, frame, MISSED);
        }
    }
}

/// What is left unexplained when a connection ends.
pub(super) fn finish(identity: &mut Identity, judge: &mut Judge<'_>) {
    for (frame, _) in std::mem::take(&mut identity.wrong) {
        judge.doubt_in(MAC, frame, MISSED);
    }
}

fn proof(own: &Identity, peer: &Identity, turn: &Turn<'_, '_>) -> Proof {
    let (Some(option), Some(message)) = (turn.said.option, turn.message) else { return Proof::None };
    let Some(tag) = message.tag() else { return Proof::None };
    if turn.origins != [Origin::Syn; 2] || own.keys.is_empty() || peer.keys.is_empty() {
        return Proof::Unknown;
    }
    let role = if turn.side() == Side::A { Role::Initiator } else { Role::Responder };
    let octets = option.authenticated_octets();
    for own_key in &own.keys {
        for peer_key in &peer.keys {
            let (initiator, responder) =
                if role == Role::Initiator { (own_key, peer_key) } else { (peer_key, own_key) };
            let key = SessionKey::derive(*initiator, *responder);
            let fits = |context: Context| verify(&key, &context, octets, tag);
            if let Some(found) = contexts(role, own, peer, turn, &message).find(|one| fits(one.0)) {
                return Proof::Right(found.1, found.2);
            }
        }
    }
    Proof::Wrong
}

type Candidate = (Context, Life, Nonce);

/// The contexts that the message may have, and the life and nonce that each names.
fn contexts<'a>(
    role: Role,
    own: &'a Identity,
    peer: &'a Identity,
    turn: &Turn<'_, '_>,
    message: &Message<'_>,
) -> Box<dyn Iterator<Item = Candidate> + 'a> {
    // What the addressee has sent and received: references for the positions whose upper halves do not travel.
    let sent = reference(turn.peer_end().sent);
    let received = reference(turn.peer_end().acked);
    match *message {
        Message::Epoch(epoch) => {
            let stable = epoch.stable_position(sent);
            Box::new(
                own.with_first().map(move |(life, nonce)| (Context::epoch(role, life, stable), life, nonce)),
            )
        }
        Message::Suspend(_) => {
            Box::new(own.with_first().map(move |(life, nonce)| (Context::suspend(role, life), life, nonce)))
        }
        Message::SuspendAck(_) => Box::new(
            peer.with_first().map(move |(life, nonce)| (Context::suspend_ack(role, life), life, nonce)),
        ),
        Message::Resume(resume) => {
            let r = Position(turn.seen.ack.and_then(|ack| u64::try_from(ack).ok()).unwrap_or_default());
            let end = Position::nearest(resume.end, received);
            Box::new(std::iter::once((Context::resume(role, r, end), resume.life, resume.nonce)))
        }
        Message::ResumeAck(ack) => {
            let r = Position::nearest(ack.received, sent);
            let end = Position::nearest(ack.end, received);
            Box::new(
                peer.with_first()
                    .map(move |(life, nonce)| (Context::resume_ack(role, life, nonce, r, end), life, nonce)),
            )
        }
        Message::Abort(abort) if abort.reason != AbortReason::LOST => {
            Box::new(peer.with_first().flat_map(move |(life, nonce)| {
                [nonce, Nonce::UNKNOWN].map(|nonce| (Context::abort(role, life, nonce), life, nonce))
            }))
        }
        _ => Box::new(std::iter::empty()),
    }
}

fn reference(position: i64) -> Position {
    Position(u64::try_from(position).unwrap_or_default())
}
