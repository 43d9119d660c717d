//! From a record that was found whole to the connection that it is of.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::time::Duration;

use hiatus_codec::mac::Role;
use hiatus_codec::{CapableBits, ConnectionKey, HoldTime, Life, Nonce, Position, SequenceNumber};

use super::field::{self, Field, code, flag};
use super::view::{View, session_key};
use super::write::SAVED_TIMERS;
use crate::budget::Budget;
use crate::config::{Config, Entropy, IpVersion, KeySource, Sending};
use crate::congestion::Congestion;
use crate::hiatus::absence::PROBE_INTERVAL_FIRST;
use crate::hiatus::{Hiatus, Party, PeerPresence, SelfPresence, Session};
use crate::state::State;
use crate::state::synchronized::Synchronized;
use crate::tcb::{Context, Ports, Tcb};
use crate::time::Time;
use crate::timestamps::TimestampClock;

impl View<'_> {
    /// The state as it was when it was saved; Hiatus is on, or plain TCP durable.
    ///
    /// `passed` between the record and the epoch that is restored: it is charged to the timers.
    pub(crate) fn state(&self, now: Time, config: &Config, passed: Duration) -> State {
        let tcb = self.tcb(now, config, passed);
        State::Synchronized(Synchronized::of_record(Box::new(tcb), self))
    }

    fn tcb(&self, now: Time, config: &Config, passed: Duration) -> Tcb {
        let fixed = self.fixed;
        let session = self.is_on().then(|| Box::new(self.session(now)));
        let own = session.as_ref().map(|session| (session.own.key, session.own_nonce));
        let (connection_key, nonce) = own.unwrap_or((ConnectionKey([0; 8]), Nonce::UNKNOWN));
        let entropy = Entropy {
            isn: SequenceNumber(field::ISS.u32(fixed)),
            connection_key,
            key_source: KeySource::Drawn,
            nonce,
            timestamp_offset: field::OFFSET.u32(fixed),
        };
        let ports = Ports { local: self.local.port(), remote: self.remote.port() };
        let irs = SequenceNumber(field::IRS.u32(fixed));
        let mut events = VecDeque::new();
        let cx = Context { now, ip: IpVersion::of(self.local.ip()), config, events: &mut events };
        let hiatus = session.map_or(Hiatus::Off, Hiatus::On);
        let mut tcb = Tcb::new(&cx, &entropy, ports, irs, hiatus);
        tcb.path.set_peer_mss(Some(field::PEER_MSS.u16(fixed)));
        tcb.snd.take_record(self, tcb.path.send_mss());
        tcb.rcv.take_record(self);
        tcb.timestamps =
            self.has(flag::TIMESTAMPS).then(|| TimestampClock::new(field::OFFSET.u32(fixed), now));
        if let Some(clock) = tcb.timestamps.as_mut().filter(|_| self.is_durable_plain()) {
            clock.force(field::TS_RECENT.u32(fixed), now);
        }
        tcb.sack_permitted = self.has(flag::SACK);
        tcb.close_waits = self.has(flag::CLOSE_WAITS);
        tcb.reader_is_gone = self.has(flag::READER_GONE);
        tcb.writer_waits = self.has(flag::WRITER_WAITS);
        for (left, timer) in SAVED_TIMERS {
            if let Some(left) = self.left(left) {
                tcb.timers.arm(timer, now + left.saturating_sub(passed));
            }
        }
        tcb.congestion = Congestion::new(config.congestion, tcb.smss_octets());
        let sending = if self.has(flag::HOLD_SEND) { Sending::HoldSend } else { Sending::Unheld };
        // Plain TCP holds back because it is durable, and for no other reason.
        if self.is_on() {
            tcb.change_settings(config, |settings| settings.sending = sending);
        }
        tcb.hiatus_changed(&cx);
        tcb
    }

    /// What was left of a timer; `None` if it did not run.
    fn left(&self, timer: Field) -> Option<Duration> {
        Some(timer.u64(self.fixed)).filter(|left| *left != code::NO_TIMER).map(Duration::from_micros)
    }

    fn session(&self, now: Time) -> Session {
        let fixed = self.fixed;
        let party = |key: Field, bits: Field, hold: Field| Party {
            key: ConnectionKey(key.octets(fixed)),
            bits: CapableBits::from_octet(bits.u8(fixed)),
            hold: HoldTime(hold.u16(fixed)),
        };
        let own = party(field::OWN_KEY, field::OWN_BITS, field::OWN_HOLD);
        let peer = party(field::PEER_KEY, field::PEER_BITS, field::PEER_HOLD);
        let life = |incarnation: Field, generation: Field| Life {
            incarnation: incarnation.u32(fixed),
            generation: generation.u16(fixed),
        };
        let role = if field::ROLE.u8(fixed) == 0 { Role::Initiator } else { Role::Responder };
        let key = session_key(role, own.key, peer.key);
        let there = match field::PEER.u8(fixed) {
            code::PEER_HELD => PeerPresence::Held {
                granted: HoldTime(field::GRANTED.u16(fixed)),
                suspended_at: Position(field::SUSPENDED_AT.u64(fixed)),
            },
            code::PEER_PRESUMED => PeerPresence::Presumed { interval: PROBE_INTERVAL_FIRST },
            _ => PeerPresence::Up,
        };
        Session {
            role,
            key,
            own,
            peer,
            own_life: life(field::OWN_INCARNATION, field::OWN_GENERATION),
            own_nonce: Nonce(field::OWN_NONCE.u32(fixed)),
            peer_life: life(field::PEER_INCARNATION, field::PEER_GENERATION),
            peer_nonce: Nonce(field::PEER_NONCE.u32(fixed)),
            // Taken anew by who is restored (draft, {#tcb}).
            here: SelfPresence::Up,
            there,
            presumed_by_reset: [None; 2],
            epochs: None,
            answered_at: now,
            asked_above_max_at: None,
            question: None,
            checks: Budget::default(),
            guess_checks: Budget::default(),
        }
    }
}
