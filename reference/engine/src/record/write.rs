//! From a connection to its record.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use hiatus_codec::Position;
use hiatus_codec::mac::Role;

use super::field::{self, Field, Fixed, code, flag};
use super::head::{Parts, Source};
use super::{CHECKSUM_OCTETS, FIXED_OCTETS, MAGIC, VERSION};
use crate::event::{HiatusState, TcpState};
use crate::hiatus::{Hiatus, PeerPresence, SelfPresence, Session};
use crate::state::synchronized::{Closer, Ends};
use crate::tcb::Ports;
use crate::time::Time;
use crate::timer::{Timer, TimerTable};
use crate::timestamps::TimestampClock;

/// Appends the record of `source` to `octets`.
pub(crate) fn write(
    source: &Source<'_>,
    local: SocketAddr,
    remote: Option<SocketAddr>,
    taken: Time,
    octets: &mut Vec<u8>,
) {
    let mut fixed = [0; FIXED_OCTETS];
    let start = octets.len();
    put_identity(&mut fixed, local, remote, taken);
    let parts = match source {
        Source::Synchronized(parts) => put_synchronized(&mut fixed, parts, taken),
        Source::Other(hiatus) => {
            put_hia(&mut fixed, *hiatus);
            None
        }
    };
    finish(&mut fixed, &parts.unwrap_or_default(), octets, start);
}

/// Appends the record of which [`take_out`](super::taken_out::take_out) gave `fixed`.
pub(crate) fn write_taken_out(
    mut fixed: Fixed,
    local: SocketAddr,
    remote: SocketAddr,
    taken: Time,
    octets: &mut Vec<u8>,
) {
    let start = octets.len();
    put_identity(&mut fixed, local, Some(remote), taken);
    for (field, _) in SAVED_TIMERS {
        let due = field.u64(&fixed).checked_sub(1);
        let left = due.map_or(code::NO_TIMER, |due| due.saturating_sub(taken.micros()));
        field.put(&mut fixed, left.to_be_bytes());
    }
    finish(&mut fixed, &Buffers::default(), octets, start);
}

/// Appends it all, and the checksum.
fn finish(fixed: &mut Fixed, buffers: &Buffers<'_>, octets: &mut Vec<u8>, start: usize) {
    let Buffers { send, read } = *buffers;
    let pieces = [send.0, send.1, read.0, read.1];
    let len_octets = FIXED_OCTETS + pieces.map(<[u8]>::len).iter().sum::<usize>() + CHECKSUM_OCTETS;
    field::LENGTH.put(fixed, u32::try_from(len_octets).unwrap_or(u32::MAX).to_be_bytes());
    octets.reserve(len_octets);
    octets.extend_from_slice(fixed);
    for piece in pieces {
        octets.extend_from_slice(piece);
    }
    let checksum = crc32fast::hash(octets.get(start..).unwrap_or_default());
    octets.extend_from_slice(&checksum.to_be_bytes());
}

/// The two buffers, each in the two pieces in which it lies.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Buffers<'s> {
    /// Octets from SND.STB to SND.END.
    pub(crate) send: (&'s [u8], &'s [u8]),
    /// Octets received and not read.
    pub(crate) read: (&'s [u8], &'s [u8]),
}

/// Magic, version, both ends, the instant.
fn put_identity(fixed: &mut Fixed, local: SocketAddr, remote: Option<SocketAddr>, taken: Time) {
    let remote = remote.unwrap_or(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0));
    field::MAGIC_AT.put(fixed, MAGIC);
    field::VERSION_AT.put(fixed, VERSION.to_be_bytes());
    field::FAMILY.put(fixed, [if local.is_ipv4() { 4 } else { 6 }]);
    field::TAKEN.put(fixed, taken.micros().to_be_bytes());
    field::LOCAL.put(fixed, address(local.ip()));
    field::REMOTE.put(fixed, address(remote.ip()));
    field::LOCAL_PORT.put(fixed, local.port().to_be_bytes());
    field::REMOTE_PORT.put(fixed, remote.port().to_be_bytes());
}

/// One of IPv4 stands in the first four octets.
fn address(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => {
            let mut octets = [0; 16];
            octets[..4].copy_from_slice(&address.octets());
            octets
        }
        IpAddr::V6(address) => address.octets(),
    }
}

fn put_hia(fixed: &mut Fixed, state: HiatusState) {
    let code = match state {
        HiatusState::Off => code::HIA_OFF,
        HiatusState::Negotiating => code::HIA_NEGOTIATING,
        HiatusState::On => code::HIA_ON,
    };
    field::HIA.put(fixed, [code]);
}

/// The rest, if Hiatus is on, or plain TCP durable.
pub(super) fn put_synchronized<'s>(fixed: &mut Fixed, parts: &Parts<'s>, taken: Time) -> Option<Buffers<'s>> {
    let Parts {
        first_closer,
        lingers,
        ports: Ports { local: _, remote: remote_port },
        snd,
        rcv,
        timestamps,
        sack_permitted,
        timers,
        path,
        writer_waits,
        reader_is_gone,
        close_waits,
        hiatus,
    } = *parts;
    put_hia(fixed, hiatus.state());
    match hiatus {
        Hiatus::On(session) => put_session(fixed, session),
        Hiatus::Off if parts.is_durable_plain() => {
            field::HIA.put(fixed, [code::HIA_PLAIN]);
            let recent = timestamps.map_or(0, TimestampClock::record_recent);
            field::TS_RECENT.put(fixed, recent.to_be_bytes());
        }
        Hiatus::Off | Hiatus::Proposed(_) | Hiatus::Confirming(_) => return None,
    }
    field::REMOTE_PORT.put(fixed, remote_port.to_be_bytes());
    let state = Ends { snd, rcv, first_closer, lingers }.name();
    field::STATE.put(fixed, [state_code(state)]);
    let closer = match first_closer {
        None => 0,
        Some(Closer::Own) => 1,
        Some(Closer::Peer) => 2,
    };
    field::CLOSER.put(fixed, [closer]);
    let set = |is_set: bool, flag: u16| if is_set { flag } else { 0 };
    let flags = set(snd.fin.is_some(), flag::OWN_FIN)
        | set(rcv.fin_is_received(), flag::PEER_FIN)
        | set(sack_permitted, flag::SACK)
        | set(timestamps.is_some(), flag::TIMESTAMPS)
        | set(close_waits, flag::CLOSE_WAITS)
        | set(reader_is_gone, flag::READER_GONE)
        | set(writer_waits, flag::WRITER_WAITS)
        | set(snd.holds(), flag::HOLD_SEND);
    field::FLAGS.put(fixed, flags.to_be_bytes());
    let offset = timestamps.map_or(0, TimestampClock::record_offset);
    field::OFFSET.put(fixed, offset.to_be_bytes());
    field::PEER_MSS.put(fixed, path.peer_mss().to_be_bytes());
    put_timers(fixed, timers, taken);
    let send = snd.put_record(fixed);
    let read = rcv.put_record(fixed);
    Some(Buffers { send, read })
}

/// 0 for the states that a record says nothing more of.
pub(crate) fn state_code(state: TcpState) -> u8 {
    super::view::STATES
        .iter()
        .position(|found| *found == state)
        .map_or(0, |at| u8::try_from(at).map_or(0, |at| at + 1))
}

fn put_session(fixed: &mut Fixed, session: &Session) {
    let Session {
        role,
        // Follows from both keys.
        key: _,
        own,
        peer,
        own_life,
        own_nonce,
        peer_life,
        peer_nonce,
        here,
        there,
        presumed_by_reset: _,
        // The epoch is the one that is restored.
        epochs: _,
        // A restored host has a new life, which was never answered.
        answered_at: _,
        asked_above_max_at: _,
        question: _,
        checks: _,
        guess_checks: _,
    } = session;
    let role = match role {
        Role::Initiator => 0,
        Role::Responder => 1,
    };
    field::ROLE.put(fixed, [role]);
    field::OWN_KEY.put(fixed, own.key.0);
    field::PEER_KEY.put(fixed, peer.key.0);
    field::OWN_BITS.put(fixed, [own.bits.octet()]);
    field::PEER_BITS.put(fixed, [peer.bits.octet()]);
    field::OWN_HOLD.put(fixed, own.hold.0.to_be_bytes());
    field::PEER_HOLD.put(fixed, peer.hold.0.to_be_bytes());
    field::OWN_INCARNATION.put(fixed, own_life.incarnation.to_be_bytes());
    field::OWN_GENERATION.put(fixed, own_life.generation.to_be_bytes());
    field::OWN_NONCE.put(fixed, own_nonce.0.to_be_bytes());
    field::PEER_INCARNATION.put(fixed, peer_life.incarnation.to_be_bytes());
    field::PEER_GENERATION.put(fixed, peer_life.generation.to_be_bytes());
    field::PEER_NONCE.put(fixed, peer_nonce.0.to_be_bytes());
    let here = match here {
        SelfPresence::Up => 0,
        SelfPresence::Leaving(_) => 1,
        SelfPresence::Resuming(_) => 2,
    };
    field::SELF.put(fixed, [here]);
    let (there, granted, suspended_at) = match there {
        PeerPresence::Up => (code::PEER_UP, 0, Position(0)),
        PeerPresence::Held { granted, suspended_at } => (code::PEER_HELD, granted.0, *suspended_at),
        // The next probe of a host that is back is its RESUME.
        PeerPresence::Presumed { interval: _ } => (code::PEER_PRESUMED, 0, Position(0)),
    };
    field::PEER.put(fixed, [there]);
    field::GRANTED.put(fixed, granted.to_be_bytes());
    field::SUSPENDED_AT.put(fixed, suspended_at.0.to_be_bytes());
}

/// The timers that go on after a restore.
pub(crate) const SAVED_TIMERS: [(Field, Timer); 3] = [
    (field::HOLD_LEFT, Timer::Hold),
    (field::END_LEFT, Timer::TimeWait),
    (field::LINGER_LEFT, Timer::Linger),
];

/// What is left of the timers that go on after a restore.
fn put_timers(fixed: &mut Fixed, timers: &TimerTable, now: Time) {
    for (field, timer) in SAVED_TIMERS {
        let left = timers.due(timer).map_or(code::NO_TIMER, |due| due.micros().saturating_sub(now.micros()));
        field.put(fixed, left.to_be_bytes());
    }
}
