//! What follows from every input: events, timers, who may send, and when a connection is gone.

use core::time::Duration;

use crate::command::Command;
use crate::config::HiatusPolicy;
use hiatus_codec::AbortReason;

use crate::endpoint::Endpoint;
use crate::endpoint::demux::Demux;
use crate::endpoint::dormant::{Dormant, is_quiet};
use crate::endpoint::listener::ListenerId;
use crate::endpoint::slot::{Body, Marks, Slot, Stage};
use crate::endpoint::slots::{ConnectionId, Slots};
use crate::endpoint::tuple::Tuple;
use crate::endpoint::wheel::Turn;
use crate::event::{CloseReason, Event, FallbackReason, HiatusState, PeerState, TcpState};
use crate::state::{State, Transition};
use crate::tcb::Context;
use crate::time::Time;

/// Steps of the wheel in one call; the next call goes on.
const TURNS_MAX: usize = 1 << 12;
/// A connection to which nothing happened for so long is packed.
const IDLE: Duration = Duration::from_secs(1);

/// Another instance of this host goes on with the connection.
const FENCED: Event = Event::Closed { reason: CloseReason::AbortedByPeer(AbortReason::FENCED) };

/// The slot of `tuple`.
pub(crate) fn find(demux: &Demux, slots: &Slots<Slot>, tuple: &Tuple) -> Option<u32> {
    demux.find(tuple, |index| slots.at(index).is_some_and(|slot| slot.is_of(tuple)))
}

impl Endpoint {
    pub(crate) fn find(&self, tuple: &Tuple) -> Option<u32> {
        find(&self.demux, &self.slots, tuple)
    }

    /// The slot that a packet of `tuple` is for. Packets come in rows: the latest slot is looked at first.
    pub(crate) fn find_again(&mut self, tuple: &Tuple) -> Option<u32> {
        let latest = self.slots.at(self.latest);
        let is_latest = |slot: &Slot| slot.marks.has(Marks::FOUND) && slot.is_of(tuple);
        if latest.is_some_and(is_latest) {
            return Some(self.latest);
        }
        let found = self.find(tuple)?;
        self.latest = found;
        Some(found)
    }

    /// Adds a connection, which its 4-tuple finds from now on.
    pub(crate) fn add(&mut self, tuple: &Tuple, mut state: State, config: u16, stage: Stage) -> ConnectionId {
        if let Some(clock) = state.tcb_mut().and_then(|tcb| tcb.timestamps.as_mut()) {
            clock.set_step(self.step_ticks);
        }
        self.add_body(tuple, Body::Awake(state), config, stage)
    }

    /// Has a connection's state do something, and draws the consequences.
    pub(crate) fn act<R>(
        &mut self,
        now: Time,
        id: ConnectionId,
        act: impl FnOnce(&mut State, &mut Context<'_>) -> R,
    ) -> Option<R> {
        self.slots.find(id)?;
        self.act_at(now, id.index, act)
    }

    /// The same for slot `index`.
    pub(crate) fn act_at<R>(
        &mut self,
        now: Time,
        index: u32,
        act: impl FnOnce(&mut State, &mut Context<'_>) -> R,
    ) -> Option<R> {
        self.revive(now, index);
        let slot = self.slots.at_mut(index)?;
        let mut cx = Context {
            now,
            ip: slot.tuple.ip(),
            config: self.configs.at(slot.config),
            events: &mut self.told,
        };
        let result = act(slot.awake()?, &mut cx);
        self.settle(now, index);
        Some(result)
    }

    /// After anything happened to slot `index`.
    pub(crate) fn settle(&mut self, now: Time, index: u32) {
        self.epochs.touch(index);
        self.account(now, index);
        self.publish(now, index);
        self.count_time_wait(now, index);
        if self.free_if_over(index) {
            return;
        }
        let Some(slot) = self.slots.at_mut(index) else { return };
        if slot.marks.has(Marks::READY) {
            // It is its turn later, and then it rests.
        } else if slot.state().is_some_and(State::rests) {
            self.wait_or_sleep(now, index);
        } else {
            slot.marks.set(Marks::READY);
            self.ready.push_back(index);
        }
    }

    /// Passes on what the handlers told.
    pub(crate) fn publish(&mut self, now: Time, index: u32) {
        // The segment that ends a handshake may say why there is no Hiatus; a SYN that says so is long gone.
        let mut fallback = FallbackReason::NotOffered;
        while let Some(event) = self.told.pop_front() {
            let (Some(id), Some(slot)) = (self.slots.id(index), self.slots.at_mut(index)) else { continue };
            let is_over = matches!(event, Event::Closed { .. });
            if event == FENCED {
                self.fenced.add(&slot.tuple.unpacked());
            }
            match slot.stage {
                Stage::HalfOpen { listener } if event == Event::Connected => {
                    self.promote(id, listener, fallback);
                }
                Stage::HalfOpen { listener } if is_over => self.forget_half_open(index, listener),
                // Before the handshake is over there is nobody to tell.
                Stage::HalfOpen { .. } | Stage::Left => {}
                Stage::Owned => {}
            }
            if let Event::FellBack { reason } = event {
                fallback = reason;
            }
            let Some(slot) = self.slots.at_mut(index) else { continue };
            let is_news = slot.stage == Stage::Owned
                && match event {
                    Event::Readable => slot.marks.set(Marks::READABLE),
                    Event::Writable => slot.marks.set(Marks::WRITABLE),
                    // Not as often as a router says so (RFC 9293, SHLD-25).
                    Event::NetworkError { .. } => self.events.back() != Some(&(id, event)),
                    _ => true,
                };
            if is_news {
                self.events.push_back((id, event));
            }
            if is_over {
                self.lose(index);
            }
        }
        if self.slots.at(index).is_some_and(|slot| slot.stage == Stage::Left) {
            self.give_up_unowned(now, index);
        }
    }

    /// A handshake is over: the connection waits to be accepted, if anybody listens still. Where it is plain TCP, that is
    /// for the reason `fallback`.
    fn promote(&mut self, id: ConnectionId, listener: ListenerId, fallback: FallbackReason) {
        let listener = self.listeners.find_mut(listener.0);
        let Some(slot) = self.slots.at_mut(id.index) else { return };
        let Some(listener) = listener else {
            slot.stage = Stage::Left;
            return;
        };
        slot.stage = Stage::Owned;
        listener.half_open = listener.half_open.saturating_sub(1);
        listener.queue.push_back(id);
        let offers = self.configs.at(slot.config).hiatus != HiatusPolicy::Off;
        if offers && slot.tcb().is_some_and(|tcb| tcb.hiatus.state() == HiatusState::Off) {
            self.events.push_back((id, Event::FellBack { reason: fallback }));
        }
    }

    /// A handshake came to nothing.
    fn forget_half_open(&mut self, index: u32, listener: ListenerId) {
        if let Some(listener) = self.listeners.find_mut(listener.0) {
            listener.half_open = listener.half_open.saturating_sub(1);
        }
        if let Some(slot) = self.slots.at_mut(index) {
            slot.stage = Stage::Left;
        }
    }

    /// Aborts a connection that nobody owns and that is not over.
    fn give_up_unowned(&mut self, now: Time, index: u32) {
        if self.slots.at(index).is_none_or(|slot| slot.is_in(TcpState::Closed)) {
            return;
        }
        self.amend(now, index, |state, cx| {
            state.handle_command(cx, Command::Abort).ok();
        });
        self.told.clear();
        self.lose(index);
    }

    /// A connection is over: its 4-tuple is free, unless segments of it are still answered.
    fn lose(&mut self, index: u32) {
        let Some(slot) = self.slots.at(index) else { return };
        if slot.tcb().is_some_and(|tcb| tcb.timers.next().is_some()) {
            return;
        }
        self.unfind(index);
    }

    /// The 4-tuple of slot `index` finds it no longer.
    pub(crate) fn unfind(&mut self, index: u32) {
        let Some(slot) = self.slots.at_mut(index) else { return };
        if slot.marks.clear(Marks::FOUND) {
            let tuple = slot.tuple.unpacked();
            self.demux.remove(&tuple, index);
        }
    }

    /// Keeps the bound on connections in TIME-WAIT.
    fn count_time_wait(&mut self, now: Time, index: u32) {
        let Some(slot) = self.slots.at_mut(index) else { return };
        if !slot.is_in(TcpState::TimeWait) {
            if slot.marks.clear(Marks::TIME_WAIT) {
                self.in_time_wait -= 1;
            }
        } else if slot.marks.set(Marks::TIME_WAIT) {
            self.in_time_wait += 1;
            if self.in_time_wait > self.limits.time_wait_max {
                self.end_time_wait(now, index);
            }
        }
    }

    /// Ends a connection in TIME-WAIT or LINGER before its time.
    pub(crate) fn end_time_wait(&mut self, now: Time, index: u32) {
        let finish = |state: &mut State, cx: &mut Context<'_>| {
            state.enter(cx, Transition::Closed(CloseReason::Finished));
        };
        self.act_at(now, index, finish);
    }

    /// Sees to it that the wheel looks at slot `index` in time. A deadline that moved away is found out then.
    fn wait(&mut self, now: Time, index: u32) {
        let Some(slot) = self.slots.at_mut(index) else { return };
        let (Some(state), Some(tcb)) = (slot.state(), slot.tcb()) else { return };
        // Whoever is that quiet already falls asleep as soon as there is nothing to send.
        let asleep_at = Some(tcb.touched + IDLE).filter(|at| *at > now && is_quiet(state));
        let due = [tcb.timers.next(), asleep_at].into_iter().flatten().min();
        if let Some(due) = due
            && slot.link.due().is_none_or(|looked_at| looked_at > due)
        {
            self.wheel.insert(&mut self.slots, index, due);
        }
    }

    /// Packs the connection of slot `index`, to which nothing happened for a while, or which waits for its peer.
    pub(crate) fn sleep(&mut self, now: Time, index: u32) {
        let Some(slot) = self.slots.at_mut(index) else { return };
        let (Some(state), Some(tcb)) = (slot.state(), slot.tcb()) else { return };
        // One in TIME-WAIT is not packed at once: many a one is gone before.
        let waits = tcb.hiatus.peer_state() == PeerState::Held;
        if !(waits || now.since(tcb.touched) >= IDLE) || !is_quiet(state) {
            return;
        }
        let due = tcb.timers.next();
        let Body::Awake(state) = &mut slot.body else { return };
        let Some(dormant) = Dormant::of(state) else { return };
        slot.body = Body::Dormant(dormant);
        match due {
            Some(due) => self.wheel.insert(&mut self.slots, index, due),
            None => self.wheel.remove(&mut self.slots, index),
        }
    }

    /// Frees slot `index` if its connection is over, nothing of it is owed to anybody, and its owner knows. True if it
    /// is free.
    pub(crate) fn free_if_over(&mut self, index: u32) -> bool {
        let Some(slot) = self.slots.at(index) else { return true };
        // One that stands in the queue of those who may send goes when its turn comes: otherwise the next connection of the
        // slot would stand there twice, and who opens and resets would fill the queue.
        if slot.stage != Stage::Left || !slot.is_in(TcpState::Closed) || slot.marks.has(Marks::READY) {
            return false;
        }
        let is_saved = slot.marks.has(Marks::SAVED);
        let is_needed = slot.tcb().is_some_and(|tcb| {
            !tcb.owed.is_empty() || tcb.timers.next().is_some() || tcb.rcv.readable_octets() > 0
        });
        if is_needed {
            return false;
        }
        self.unfind(index);
        self.wheel.remove(&mut self.slots, index);
        self.uncharge(index);
        if let Some(id) = self.slots.id(index).filter(|_| is_saved) {
            self.epochs.lost(id);
        }
        if let Some(slot) = self.slots.remove(index) {
            self.configs.release(slot.config);
        }
        true
    }

    /// Slot `index` has nothing more to send now.
    pub(crate) fn rest(&mut self, now: Time, index: u32) {
        if !self.free_if_over(index) {
            self.wait_or_sleep(now, index);
        }
    }

    fn wait_or_sleep(&mut self, now: Time, index: u32) {
        self.wait(now, index);
        self.sleep(now, index);
    }

    /// Time passed: does what has become due, or a part of it; [`poll_timeout`](Self::poll_timeout) says if more is.
    pub fn handle_timeout(&mut self, now: Time) {
        self.bring_back(now);
        for _ in 0..TURNS_MAX {
            if self.events.len() >= self.limits.events_max {
                return;
            }
            match self.wheel.turn(&mut self.slots, now) {
                Turn::Due(index) => {
                    self.act_at(now, index, State::handle_timeout);
                }
                Turn::Moved => {}
                Turn::Idle => return,
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next; `None` if only a call can change anything.
    ///
    /// It may be a little early: a deadline that moved away is found out only then.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        [self.wheel.next(), self.next_return()].into_iter().flatten().min()
    }
}
