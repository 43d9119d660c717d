//! What an endpoint keeps of one connection.

use alloc::boxed::Box;

use crate::endpoint::budget::Charge;
use crate::endpoint::dormant::Dormant;
use crate::endpoint::listener::ListenerId;
use crate::endpoint::slots::Slots;
use crate::endpoint::tuple::{PackedTuple, Tuple};
use crate::endpoint::wheel::{Link, Links};
use crate::event::TcpState;
use crate::state::State;
use crate::tcb::Tcb;

/// One connection.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    pub(crate) tuple: PackedTuple,
    pub(crate) link: Link,
    pub(crate) body: Body,
    /// Index into the configurations.
    pub(crate) config: u16,
    pub(crate) stage: Stage,
    pub(crate) marks: Marks,
    /// What it counts of what is kept for peers.
    pub(crate) charge: Charge,
}

/// The connection itself.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    Awake(State),
    /// Nothing happened to it for a while.
    Dormant(Dormant),
    /// It was restored, and its turn to send RESUME has not come: its record.
    Saved(Box<[u8]>),
}

impl Slot {
    /// True for the slot of `tuple`.
    pub(crate) fn is_of(&self, tuple: &Tuple) -> bool {
        self.tuple.octets() == tuple.octets()
    }

    /// The state, unless it is dormant.
    pub(crate) fn state(&self) -> Option<&State> {
        if let Body::Awake(state) = &self.body { Some(state) } else { None }
    }

    pub(crate) fn tcb(&self) -> Option<&Tcb> {
        self.state()?.tcb()
    }

    /// True if the connection is awake and in that state.
    pub(crate) fn is_in(&self, name: TcpState) -> bool {
        self.state().is_some_and(|state| state.name() == name)
    }

    /// The state, which is awake from now on; `None` for one that was restored and has to be revived first.
    pub(crate) fn awake(&mut self) -> Option<&mut State> {
        if let Body::Dormant(dormant) = &self.body {
            self.body = Body::Awake(dormant.awake()?);
        }
        if let Body::Awake(state) = &mut self.body { Some(state) } else { None }
    }
}

/// Whose the connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nobody's yet: in SYN-RECEIVED, of that listener.
    HalfOpen { listener: ListenerId },
    /// The application's: opened by it, accepted, or waiting to be.
    Owned,
    /// Nobody's any more: the application knows that it is over.
    Left,
}

/// What is true of a slot, a bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Marks(u8);

impl Marks {
    /// It is in the queue of those who may have something to send.
    pub(crate) const READY: Self = Self(1);
    /// `Readable` waits to be polled.
    pub(crate) const READABLE: Self = Self(2);
    /// `Writable` waits to be polled.
    pub(crate) const WRITABLE: Self = Self(4);
    /// Its 4-tuple finds it.
    pub(crate) const FOUND: Self = Self(8);
    /// It counts as one in TIME-WAIT.
    pub(crate) const TIME_WAIT: Self = Self(16);
    /// An epoch has it.
    pub(crate) const SAVED: Self = Self(32);

    pub(crate) fn has(self, mark: Self) -> bool {
        self.0 & mark.0 != 0
    }

    /// Sets `mark`; true if it was not set.
    pub(crate) fn set(&mut self, mark: Self) -> bool {
        let is_new = !self.has(mark);
        self.0 |= mark.0;
        is_new
    }

    /// Clears `mark`; true if it was set.
    pub(crate) fn clear(&mut self, mark: Self) -> bool {
        let was_set = self.has(mark);
        self.0 &= !mark.0;
        was_set
    }
}

impl Links for Slots<Slot> {
    fn link(&mut self, index: u32) -> Option<&mut Link> {
        self.at_mut(index).map(|slot| &mut slot.link)
    }
}

/// Octets of a slot. With its entry in the table of 4-tuples (5 octets, at most twice that) and the packed state, which
/// lies in it, a plain connection over IPv4 that nothing happens to takes at most 256.
const SLOT_OCTETS_MAX: usize = 240;
const _: () = assert!(core::mem::size_of::<Slot>() <= SLOT_OCTETS_MAX, "a slot is small");
