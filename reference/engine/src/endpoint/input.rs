//! Packets that arrive.

use core::time::Duration;

use hiatus_codec::{Flags, Segment, SequenceNumber};

use crate::config::{Config, Entropy, HiatusPolicy};
use crate::ecn::Ecn;
use crate::endpoint::Endpoint;
use crate::endpoint::cookie::Kept;
use crate::endpoint::limits::Strays;
use crate::endpoint::listener::{Listener, ListenerId};
use crate::endpoint::output::Answer;
use crate::endpoint::packet::{self, ChecksumStatus, Inbound};
use crate::endpoint::restore::Phase;
use crate::endpoint::slot::{Body, Slot, Stage};
use crate::endpoint::slots::ConnectionId;
use crate::endpoint::tuple::Tuple;
use crate::event::TcpState;
use crate::outgoing::Room;
use crate::state::State;
use crate::state::listen::open;
use crate::state::syn_received::SynReceived;
use crate::stray::stray_answer;
use crate::tcb::Context;
use crate::time::Time;

/// How long after the last SYN cookie one may come back.
const COOKIE_LIFE: Duration = Duration::from_secs(128);
/// Between the last sequence number of a connection and the first of the next one between the same ports, if the clock
/// has not gone so far yet (RFC 9293, section 3.6.1).
const ISN_STEP: u32 = (1 << 16) + 2;

impl Endpoint {
    /// A packet arrived for this host. What cannot be used is dropped.
    pub fn handle_packet(&mut self, now: Time, octets: &[u8], checksum: ChecksumStatus) {
        // Nothing is lost for good: the peer sends it again.
        if self.events.len() >= self.limits.events_max || self.phase == Phase::Restoring {
            return;
        }
        // Looked at where it lies: to move what was just written octet by octet costs as much as to find the connection.
        match &packet::parse(octets, checksum) {
            Ok(Inbound::Tcp { tuple, mark, segment }) => self.handle_segment(now, tuple, segment, *mark),
            Ok(Inbound::Icmp { tuple, error }) => {
                if let Some(index) = self.find(tuple) {
                    self.act_at(now, index, |state, cx| state.handle_icmp(cx, error));
                }
            }
            Err(_) => {}
        }
    }

    fn handle_segment(&mut self, now: Time, tuple: &Tuple, segment: &Segment<'_>, mark: Ecn) {
        let found = self.find_again(tuple);
        if let Some(index) = found {
            if self.slots.at(index).is_some_and(|slot| matches!(slot.body, Body::Saved(_))) {
                // Its turn, whatever becomes of the segment.
                self.act_at(now, index, |_, _| {});
            }
            self.slots.at_mut(index).map(Slot::awake);
        }
        match found {
            Some(index) if !self.gives_way(index, segment) => {
                let is_over = || self.slots.at(index).is_some_and(|slot| slot.is_in(TcpState::Closed));
                if segment.flags.contains(Flags::SYN) && is_over() {
                    // What is left of the connection answers other segments.
                    self.answer_stray(now, tuple, segment, None);
                } else if self.has_room_for(index, segment) {
                    self.act_at(now, index, |state, cx| state.handle_segment(cx, segment, mark));
                }
            }
            // Nothing ends for a connection that cannot be made now; the SYN comes again. A cookie would not do: its number
            // need not lie beyond those that were used.
            Some(_) if !self.may_keep_syn(tuple) => {}
            Some(index) => {
                let isn = self.isn_after(now, tuple, index);
                //= draft#linger
                //# A host in LINGER MUST treat a SYN as it would in TIME-WAIT.
                let is_over = |slot: &Slot| slot.is_in(TcpState::TimeWait) || slot.is_in(TcpState::Linger);
                if self.slots.at(index).is_some_and(is_over) {
                    self.end_time_wait(now, index);
                }
                self.unfind(index);
                self.meet_listener(now, tuple, segment, isn);
            }
            None => {
                let isn = self.secrets.isn(now, tuple);
                self.meet_listener(now, tuple, segment, isn);
            }
        }
    }

    /// Whether what is left of the connection in slot `index` gives way to the new one that `segment` asks for: it is
    /// over, or in TIME-WAIT and the SYN is surely newer (RFC 9293, section 3.6.1, MAY-2; RFC 6191).
    fn gives_way(&self, index: u32, segment: &Segment<'_>) -> bool {
        const OTHERS: Flags = Flags::ACK.union(Flags::RST);
        if !segment.flags.contains(Flags::SYN) || segment.flags.intersects(OTHERS) {
            return false;
        }
        let Some(slot) = self.slots.at(index) else { return false };
        let Some(listener) = self.listener_of(&slot.tuple.unpacked()) else { return false };
        // What the new connection would do counts, not what the old one did.
        let config = self.configs.at(listener.config);
        slot.is_in(TcpState::Closed)
            || slot.state().is_some_and(|state| state.may_be_replaced_by(config, segment))
    }

    /// Who listens for segments of `tuple`.
    fn listener_at(&self, tuple: &Tuple) -> Option<ListenerId> {
        let index = self.ports.find(tuple.local())?;
        self.listeners.id(index).map(ListenerId)
    }

    /// The listener itself.
    fn listener_of(&self, tuple: &Tuple) -> Option<&Listener> {
        self.listeners.find(self.listener_at(tuple)?.0)
    }

    /// Whether the listener for `tuple` can make a connection of a SYN, without a cookie.
    fn may_keep_syn(&self, tuple: &Tuple) -> bool {
        !self.is_full() && self.listener_of(tuple).is_some_and(Listener::keeps_another)
    }

    /// The ISN of a connection that follows the one in slot `index`: beyond every number that it used.
    fn isn_after(&self, now: Time, tuple: &Tuple, index: u32) -> SequenceNumber {
        let isn = self.secrets.isn(now, tuple);
        let last = self.slots.at(index).and_then(Slot::state).and_then(State::iss_min);
        let Some(least) = last.map(|last| last.advanced_by(ISN_STEP)) else { return isn };
        if isn.after(least) { isn } else { least }
    }

    /// Whether the owner of a listener can take the connection that `segment` completes.
    fn has_room_for(&self, index: u32, segment: &Segment<'_>) -> bool {
        const OTHERS: Flags = Flags::SYN.union(Flags::RST);
        let Some(Stage::HalfOpen { listener }) = self.slots.at(index).map(|slot| slot.stage) else {
            return true;
        };
        let completes = segment.flags.contains(Flags::ACK) && !segment.flags.intersects(OTHERS);
        !completes || self.listeners.find(listener.0).is_none_or(Listener::has_room)
    }

    /// A segment that meets no connection.
    fn meet_listener(&mut self, now: Time, tuple: &Tuple, segment: &Segment<'_>, isn: SequenceNumber) {
        const MADE_OF: Flags = Flags::SYN.union(Flags::ACK).union(Flags::RST);
        let Some(listener) = self.listener_at(tuple) else {
            return self.answer_stray(now, tuple, segment, None);
        };
        match Flags(segment.flags.0 & MADE_OF.0) {
            Flags::SYN => self.meet_syn(now, tuple, segment, listener, isn),
            Flags::ACK if self.meet_cookie(now, tuple, segment, listener) => {}
            // Fourth: what is neither is dropped (RFC 9293, section 3.10.7.2).
            flags if flags == Flags::default() => {}
            _ => self.answer_stray(now, tuple, segment, Some(listener)),
        }
    }

    /// A SYN for a listener (RFC 9293, section 3.10.7.2, third).
    fn meet_syn(
        &mut self,
        now: Time,
        tuple: &Tuple,
        segment: &Segment<'_>,
        listener_at: ListenerId,
        isn: SequenceNumber,
    ) {
        let is_full = self.is_full();
        let Some(listener) = self.listeners.find(listener_at.0) else { return };
        if is_full || !listener.has_room() {
            return;
        }
        if !listener.keeps_another() {
            self.send_cookie(now, tuple, segment, listener_at);
            return;
        }
        let config = listener.config;
        let entropy = self.entropy(now, tuple, isn);
        let state = self.opened(now, tuple, config, &entropy, segment);
        self.told.clear();
        let id = self.add_half_open(tuple, state, config, listener_at);
        self.settle(now, id.index);
    }

    fn entropy(&mut self, now: Time, tuple: &Tuple, isn: SequenceNumber) -> Entropy {
        self.count = self.count.wrapping_add(1);
        let entropy = self.secrets.responder(now, tuple, self.count);
        Entropy { isn, ..entropy }
    }

    fn opened(
        &mut self,
        now: Time,
        tuple: &Tuple,
        config: u16,
        entropy: &Entropy,
        syn: &Segment<'_>,
    ) -> SynReceived {
        let mut cx = Context { now, ip: tuple.ip(), config: self.configs.at(config), events: &mut self.told };
        open(&mut cx, entropy, None, syn)
    }

    fn add_half_open(
        &mut self,
        tuple: &Tuple,
        state: SynReceived,
        config: u16,
        listener_at: ListenerId,
    ) -> ConnectionId {
        self.configs.share(config);
        if let Some(listener) = self.listeners.at_mut(listener_at.0.index) {
            listener.half_open += 1;
        }
        let stage = Stage::HalfOpen { listener: listener_at };
        self.add(tuple, State::SynReceived(state), config, stage)
    }

    /// Answers a SYN and keeps nothing of it.
    fn send_cookie(&mut self, now: Time, tuple: &Tuple, segment: &Segment<'_>, listener_at: ListenerId) {
        if !self.may_answer() {
            return;
        }
        let Some(listener) = self.listeners.at_mut(listener_at.0.index) else { return };
        listener.cookies_until = now + COOKIE_LIFE;
        let config = listener.config;
        let kept = Kept::of_syn(segment, self.configs.at(config).timestamps);
        let isn = kept.isn(&self.secrets, now, tuple);
        let entropy = self.secrets.responder(now, tuple, self.count);
        // What is sent here is all that there is of it: the step is part of the offset.
        let offset = entropy.timestamp_offset.wrapping_add(self.step_ticks);
        let timestamp_offset = kept.timestamp_offset(now, offset);
        let entropy = Entropy { isn, timestamp_offset, ..entropy };
        let options = kept.options();
        let mut state = self.opened(now, tuple, config, &entropy, &kept.syn(segment, &options));
        let mut cx = Context { now, ip: tuple.ip(), config: self.configs.at(config), events: &mut self.told };
        let answer =
            Answer::written(tuple, |buffer| state.transmit(&mut cx, &mut Room { buffer, segments_max: 1 }));
        self.told.clear();
        self.answer(answer);
    }

    /// A segment that may bring back a cookie: makes the connection of it. False if it brings none.
    fn meet_cookie(
        &mut self,
        now: Time,
        tuple: &Tuple,
        segment: &Segment<'_>,
        listener_at: ListenerId,
    ) -> bool {
        let is_full = self.is_full();
        let Some(listener) = self.listeners.find(listener_at.0) else { return false };
        let config = listener.config;
        let own = self.configs.at(config).timestamps;
        let Some(kept) = (now < listener.cookies_until)
            .then(|| Kept::of_ack(&self.secrets, now, tuple, segment, own))
            .flatten()
        else {
            return false;
        };
        // It comes again: with the next segment of the peer.
        if is_full || !listener.has_room() {
            return true;
        }
        let isn = SequenceNumber(segment.ack.0.wrapping_sub(1));
        let entropy = self.entropy(now, tuple, isn);
        let options = kept.options();
        let mut state = self.opened(now, tuple, config, &entropy, &kept.syn(segment, &options));
        // The SYN/ACK was sent already, and nobody knows when.
        let mut cx = Context { now, ip: tuple.ip(), config: self.configs.at(config), events: &mut self.told };
        Answer::written(tuple, |buffer| state.transmit(&mut cx, &mut Room { buffer, segments_max: 1 }));
        state.tcb.rtt.retransmitted(now);
        self.told.clear();
        let id = self.add_half_open(tuple, state, config, listener_at);
        self.act(now, id, |state, cx| state.handle_segment(cx, segment, Ecn::NotEct));
        true
    }

    //= draft#resume-received
    //# A host without state of the connection MUST answer a RESUME with ABORT
    //# and reason LOST if it can derive its key, and with an RST otherwise.
    /// Answers a segment of no connection, if the bound allows.
    fn answer_stray(
        &mut self,
        now: Time,
        tuple: &Tuple,
        segment: &Segment<'_>,
        listener: Option<ListenerId>,
    ) {
        let may = self.strays == Strays::Answered
            && !segment.flags.contains(Flags::RST)
            && self.may_answer()
            && (segment.flags.contains(Flags::SYN) || !self.fenced.includes(tuple));
        if !may || !self.resets.take(self.limits.resets_per_second, now) {
            return;
        }
        let config: Option<&Config> =
            listener.and_then(|id| self.listeners.find(id.0)).map(|found| self.configs.at(found.config));
        let derives = config.is_some_and(|config| config.hiatus != HiatusPolicy::Off);
        let own_key = derives.then(|| self.secrets.responder_key(tuple));
        let answer = Answer::written(tuple, |buffer| stray_answer(segment, own_key, buffer));
        self.answer(answer);
    }
}
