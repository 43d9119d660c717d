//! What is true of an endpoint between any two calls.

use alloc::collections::BTreeMap;

use crate::endpoint::Endpoint;
use crate::endpoint::dormant::is_quiet;
use crate::endpoint::restore::Returning;
use crate::endpoint::slot::{Body, Marks, Slot, Stage};
use crate::endpoint::slots::ConnectionId;
use crate::event::{Event, TcpState};
use crate::time::Time;

/// A broken invariant.
type Broken = &'static str;

impl Endpoint {
    /// Every invariant, of the endpoint and of each connection that is awake. It looks at all of them: for tests.
    ///
    /// # Errors
    ///
    /// What of it is broken.
    pub fn check_invariants(&self) -> Result<(), &'static str> {
        if !self.told.is_empty() {
            return Err("what was told is passed on");
        }
        if self.answers.len() > self.limits.answers_max {
            return Err("no more answers than the bound");
        }
        self.check_counts()?;
        self.check_budgets()?;
        self.check_ready()?;
        self.check_listeners()?;
        let mut waiting = BTreeMap::<ConnectionId, [usize; 3]>::new();
        for (id, event) in &self.events {
            let counts = waiting.entry(*id).or_default();
            match event {
                Event::Readable => counts[0] += 1,
                Event::Writable => counts[1] += 1,
                Event::Closed { .. } => counts[2] += 1,
                _ => {}
            }
        }
        for (id, slot) in self.slots.iter() {
            let counts = waiting.get(&id).copied().unwrap_or_default();
            self.check_slot(id.index, slot)?;
            check_events(slot, counts)?;
        }
        Ok(())
    }

    fn slots_with(&self, has: impl Fn(&Slot) -> bool) -> usize {
        self.slots.iter().filter(|(_, slot)| has(slot)).count()
    }

    fn check_counts(&self) -> Result<(), Broken> {
        let max = |bound: u32| usize::try_from(bound).unwrap_or(usize::MAX);
        if self.slots.len() > max(self.limits.connections_max) {
            return Err("no more connections than the bound");
        }
        let in_time_wait = self.slots_with(|slot| slot.marks.has(Marks::TIME_WAIT));
        if in_time_wait != max(self.in_time_wait) || self.in_time_wait > self.limits.time_wait_max {
            return Err("connections in TIME-WAIT are counted, and no more than the bound");
        }
        if self.slots_with(|slot| slot.marks.has(Marks::FOUND)) != self.demux.len() {
            return Err("every 4-tuple in the table is that of a slot");
        }
        if self.slots.len() + self.listeners.len() != self.configs.users() {
            return Err("every configuration is used as often as it says");
        }
        Ok(())
    }

    fn check_ready(&self) -> Result<(), Broken> {
        let is_marked = |index: &u32| self.slots.at(*index).is_some_and(|slot| slot.marks.has(Marks::READY));
        if !self.ready.iter().all(is_marked) {
            return Err("who stands in the queue is marked so");
        }
        if self.slots_with(|slot| slot.marks.has(Marks::READY)) != self.ready.len() {
            return Err("each stands in the queue once");
        }
        Ok(())
    }

    fn check_listeners(&self) -> Result<(), Broken> {
        for (id, listener) in self.listeners.iter() {
            let is_of = |slot: &Slot| matches!(slot.stage, Stage::HalfOpen { listener } if listener.0 == id);
            let half_open = self.slots_with(is_of);
            if u32::try_from(half_open) != Ok(listener.half_open) {
                return Err("half-open connections are counted");
            }
            if listener.half_open > listener.backlog.half_open_max {
                return Err("no more half-open connections than the bound");
            }
            if listener.queue.len() > listener.backlog.accept_max {
                return Err("no more connections wait to be accepted than the bound");
            }
        }
        Ok(())
    }

    fn check_slot(&self, index: u32, slot: &Slot) -> Result<(), Broken> {
        if slot.marks.has(Marks::FOUND) && self.find(&slot.tuple.unpacked()) != Some(index) {
            return Err("a slot's 4-tuple finds it");
        }
        let is_ready = slot.marks.has(Marks::READY);
        let looked_at = slot.link.due();
        let state = match &slot.body {
            Body::Awake(state) => state,
            Body::Dormant(dormant) => &dormant.awake().ok_or("what rests can be woken")?,
            Body::Saved(_) => {
                let at = self.returning.as_ref().map_or(Time::ZERO, Returning::since);
                &self.revived(at, slot).ok_or("what was restored can be revived")?
            }
        };
        let Some(tcb) = state.tcb() else { return Ok(()) };
        tcb.check()?;
        if matches!(slot.body, Body::Saved(_)) {
            // Its timers stand still.
            return if slot.marks.has(Marks::FOUND) { Ok(()) } else { Err("what was restored is found") };
        }
        // The wheel counts in ticks: it may be late by one.
        let in_time =
            |due: Time| looked_at.is_some_and(|at| at.micros() < due.micros().saturating_add(1 << 10));
        if !is_ready && tcb.timers.next().is_some_and(|due| !in_time(due)) {
            return Err("a slot that has nothing to send is looked at when its timer is due");
        }
        let is_awake = matches!(slot.body, Body::Awake(_));
        if is_awake && is_quiet(state) && !is_ready && looked_at.is_none() {
            return Err("who is quiet is packed, or looked at");
        }
        let is_over = state.name() == TcpState::Closed;
        let is_needed = is_ready || tcb.timers.next().is_some() || tcb.rcv.readable_octets() > 0;
        if is_over && slot.stage == Stage::Left && !is_needed {
            return Err("a connection that nobody needs is gone");
        }
        if !is_over && slot.stage == Stage::Left {
            return Err("a connection that nobody owns is over");
        }
        if !is_over && !slot.marks.has(Marks::FOUND) {
            return Err("a connection that is not over is found");
        }
        Ok(())
    }
}

/// `counts` are those of `Readable`, `Writable` and `Closed` among the events of `slot`.
fn check_events(slot: &Slot, counts: [usize; 3]) -> Result<(), Broken> {
    let [readable, writable, closed] = counts;
    let marked = |mark: Marks| usize::from(slot.marks.has(mark));
    if readable != marked(Marks::READABLE) || writable != marked(Marks::WRITABLE) {
        return Err("Readable and Writable wait to be polled once");
    }
    let owes_end = slot.stage == Stage::Owned && slot.is_in(TcpState::Closed);
    if closed != usize::from(owes_end) {
        return Err("the end of a connection waits to be polled");
    }
    Ok(())
}
