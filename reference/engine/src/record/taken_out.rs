//! The part of a connection that its record says, taken out of it and put back: how a packed connection lies.

use hiatus_codec::mac::SessionKey;
use hiatus_codec::{CapableBits, ConnectionKey, HoldTime, Life, Nonce, Position, SequenceNumber};

use super::FIXED_OCTETS;
use super::field::{self, Field, Fixed, code, flag};
use super::head::Source;
use super::view::session_key;
use super::write::{SAVED_TIMERS, put_synchronized};
use crate::hiatus::{Party, PeerPresence, Session};
use crate::state::State;
use crate::tcb::{Ports, Tcb};
use crate::time::Time;

/// Takes out of `state` what its record says. `None`, and nothing changed, unless Hiatus is on and the buffers are empty.
///
/// The timers that a record speaks of stand in it as they stand in the connection: when they are due, plus one, or 0.
pub(crate) fn take_out(state: &mut State) -> Option<Fixed> {
    let mut fixed = [0; FIXED_OCTETS];
    let source = Source::of(state);
    let parts = source.on()?;
    let buffers = put_synchronized(&mut fixed, parts, Time::ZERO)?;
    let is_empty = [buffers.send, buffers.read].iter().all(|(one, two)| one.is_empty() && two.is_empty());
    if !is_empty {
        return None;
    }
    let State::Synchronized(synchronized) = state else { return None };
    let Tcb { ports, snd, rcv, timestamps, timers, hiatus, .. } = &mut *synchronized.tcb;
    field::LOCAL_PORT.put(&mut fixed, ports.local.to_be_bytes());
    *ports = Ports { local: 0, remote: 0 };
    for (field, timer) in SAVED_TIMERS {
        let due = timers.due(timer).map_or(0, |due| due.micros().saturating_add(1));
        field.put(&mut fixed, due.to_be_bytes());
        timers.disarm(timer);
    }
    (snd.iss, snd.fin, snd.wnd, snd.scale) = (SequenceNumber(0), None, 0, 0);
    for position in [&mut snd.stb, &mut snd.una, &mut snd.nxt, &mut snd.end, &mut snd.wl1, &mut snd.wl2] {
        *position = Position(0);
    }
    (rcv.irs, rcv.nxt, rcv.scale) = (SequenceNumber(0), Position(0), 0);
    if let Some(clock) = timestamps {
        clock.set_record_offset(0);
    }
    if let Some(session) = hiatus.session_mut() {
        take_session(session);
    }
    Some(fixed)
}

fn take_session(session: &mut Session) {
    let nobody = Party { bits: CapableBits::from_octet(0), hold: HoldTime::NONE, key: ConnectionKey([0; 8]) };
    (session.own, session.peer) = (nobody, nobody);
    (session.own_life, session.peer_life) = (Life::default(), Life::default());
    (session.own_nonce, session.peer_nonce) = (Nonce::UNKNOWN, Nonce::UNKNOWN);
    session.key = SessionKey::UNKNOWN;
    if matches!(session.there, PeerPresence::Held { .. }) {
        session.there = PeerPresence::Up;
    }
}

/// Puts it back.
pub(crate) fn put_back(state: &mut State, fixed: &Fixed) {
    let State::Synchronized(synchronized) = state else { return };
    let Tcb { ports, snd, rcv, timestamps, timers, hiatus, .. } = &mut *synchronized.tcb;
    let at = |field: Field| Position(field.u64(fixed));
    *ports = Ports { local: field::LOCAL_PORT.u16(fixed), remote: field::REMOTE_PORT.u16(fixed) };
    for (field, timer) in SAVED_TIMERS {
        if let Some(due) = field.u64(fixed).checked_sub(1) {
            timers.arm(timer, Time(due));
        }
    }
    snd.iss = SequenceNumber(field::ISS.u32(fixed));
    (snd.stb, snd.una) = (at(field::SND_STB), at(field::SND_UNA));
    (snd.nxt, snd.end) = (at(field::SND_NXT), at(field::SND_END));
    (snd.wl1, snd.wl2) = (at(field::SND_WL1), at(field::SND_WL2));
    (snd.wnd, snd.scale) = (field::SND_WND.u32(fixed), field::SND_SCALE.u8(fixed));
    let has_fin = field::FLAGS.u16(fixed) & flag::OWN_FIN != 0;
    snd.fin = has_fin.then(|| Position(snd.end.0.saturating_sub(1)));
    rcv.irs = SequenceNumber(field::IRS.u32(fixed));
    (rcv.nxt, rcv.scale) = (at(field::RCV_NXT), field::RCV_SCALE.u8(fixed));
    if let Some(clock) = timestamps {
        clock.set_record_offset(field::OFFSET.u32(fixed));
    }
    if let Some(session) = hiatus.session_mut() {
        put_session_back(session, fixed);
    }
}

fn put_session_back(session: &mut Session, fixed: &Fixed) {
    let party = |key: Field, bits: Field, hold: Field| Party {
        key: ConnectionKey(key.octets(fixed)),
        bits: CapableBits::from_octet(bits.u8(fixed)),
        hold: HoldTime(hold.u16(fixed)),
    };
    let life = |incarnation: Field, generation: Field| Life {
        incarnation: incarnation.u32(fixed),
        generation: generation.u16(fixed),
    };
    session.own = party(field::OWN_KEY, field::OWN_BITS, field::OWN_HOLD);
    session.peer = party(field::PEER_KEY, field::PEER_BITS, field::PEER_HOLD);
    session.own_life = life(field::OWN_INCARNATION, field::OWN_GENERATION);
    session.peer_life = life(field::PEER_INCARNATION, field::PEER_GENERATION);
    session.own_nonce = Nonce(field::OWN_NONCE.u32(fixed));
    session.peer_nonce = Nonce(field::PEER_NONCE.u32(fixed));
    session.key = session_key(session.role, session.own.key, session.peer.key);
    if field::PEER.u8(fixed) == code::PEER_HELD {
        session.there = PeerPresence::Held {
            granted: HoldTime(field::GRANTED.u16(fixed)),
            suspended_at: Position(field::SUSPENDED_AT.u64(fixed)),
        };
    }
}
