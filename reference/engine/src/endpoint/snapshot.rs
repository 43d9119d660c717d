//! Epochs of a whole endpoint: what changed since the last one, and what a durable one lets out (draft, {#host-calls}).

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use hiatus_codec::Position;

use crate::endpoint::Endpoint;
use crate::endpoint::dormant::{Dormant, News, Split};
use crate::endpoint::restore::revived_again;
use crate::endpoint::slot::{Body, Marks};
use crate::endpoint::slots::ConnectionId;
use crate::endpoint::tuple::Tuple;
use crate::hiatus::epoch::EPOCHS_PENDING_MAX;
use crate::record::{self, Source, field};
use crate::state::State;
use crate::time::Time;

/// What a snapshot says of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved<'s> {
    /// It is new, or something happened to it: this takes the place of what was said of it before.
    Connection {
        /// Its name in this life of the endpoint.
        id: ConnectionId,
        /// Its record (`docs/record.md`).
        record: &'s [u8],
    },
    /// It is over: what was said of it before counts no longer.
    ///
    /// Octets of it that wait still to be read are in no record: who keeps them has read them before the epoch is TAKEN.
    Gone {
        /// Its name.
        id: ConnectionId,
    },
}

/// How much a snapshot says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Extent {
    /// Everything: the first of a life. Nothing that was said in an earlier life counts any more.
    Full,
    /// What is new since the one before.
    Changes,
}

/// What an endpoint knows of its epochs.
#[derive(Debug, Clone)]
pub(crate) struct Epochs {
    /// Whether anybody takes snapshots: until then nothing is noted.
    tracking: Tracking,
    /// Slots to which something happened since the last one, each once.
    touched: Vec<u32>,
    /// A bit for each slot: whether it stands in that list.
    listed: Vec<u64>,
    /// Connections that an epoch has, and that are gone since.
    gone: Vec<ConnectionId>,
    /// Epochs that are TAKEN and not known to be DURABLE, oldest first; not all of them if there are many.
    pending: VecDeque<Pending>,
    /// A record that is being made.
    room: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tracking {
    Off,
    On,
}

/// An epoch, with the connections that have something to tell their peers when it is DURABLE.
#[derive(Debug, Clone)]
struct Pending {
    epoch: u32,
    /// The last of the epochs after it that are not remembered: when one of them is DURABLE, this one is.
    until: u32,
    marks: Vec<Mark>,
}

/// What an epoch has of one connection.
#[derive(Debug, Clone, Copy)]
struct Mark {
    id: ConnectionId,
    /// RCV.NXT.
    received: Position,
    /// SND.END.
    end: Position,
}

impl Epochs {
    pub(crate) fn new() -> Self {
        Self {
            tracking: Tracking::Off,
            touched: Vec::new(),
            listed: Vec::new(),
            gone: Vec::new(),
            pending: VecDeque::new(),
            room: Vec::new(),
        }
    }

    /// Something happened to slot `index`.
    #[inline]
    pub(crate) fn touch(&mut self, index: u32) {
        if self.tracking == Tracking::On {
            self.list(index);
        }
    }

    fn list(&mut self, index: u32) {
        let at = usize::try_from(index / u64::BITS).unwrap_or(usize::MAX);
        if at >= self.listed.len() {
            self.listed.resize(at + 1, 0);
        }
        let bit = 1 << (index % u64::BITS);
        if let Some(word) = self.listed.get_mut(at)
            && *word & bit == 0
        {
            *word |= bit;
            self.touched.push(index);
        }
    }

    /// A connection that an epoch has is gone.
    pub(crate) fn lost(&mut self, id: ConnectionId) {
        self.gone.push(id);
    }

    /// Makes room for `next`: of too many epochs, the one goes that has the closest neighbours. What it would have let
    /// out, `next` does.
    ///
    /// The oldest stays: it is the next that becomes DURABLE, however many are under way.
    fn forget_one(&mut self, next: u32) {
        if self.pending.len() < EPOCHS_PENDING_MAX {
            return;
        }
        let epoch_at = |index: usize| self.pending.get(index).map_or(next, |pending| pending.epoch);
        let gap = |index: &usize| epoch_at(index + 1).wrapping_sub(epoch_at(index - 1));
        let closest = (1..self.pending.len()).min_by_key(gap);
        let Some(Pending { until, marks, .. }) = closest.and_then(|at| self.pending.remove(at)) else {
            return;
        };
        if let Some(before) = closest.and_then(|at| self.pending.get_mut(at - 1)) {
            before.until = until;
        }
        for mark in marks {
            self.list(mark.id.index);
        }
    }

    /// The list, and an empty one in its place.
    fn take_touched(&mut self) -> Vec<u32> {
        for index in &self.touched {
            let at = usize::try_from(index / u64::BITS).unwrap_or(usize::MAX);
            if let Some(word) = self.listed.get_mut(at) {
                *word = 0;
            }
        }
        core::mem::take(&mut self.touched)
    }
}

impl Endpoint {
    /// An epoch is TAKEN: tells `visit` what changed since the one before, in the first one of a life everything (draft,
    /// {#snapshot}). Call it at the instant at which the state of the applications is saved too.
    ///
    /// It costs what changed. Give [`snapshot_durable`](Self::snapshot_durable) the same number when all that was told is
    /// kept for good.
    pub fn snapshot_taken(&mut self, now: Time, epoch: u32, mut visit: impl FnMut(Saved<'_>)) -> Extent {
        let extent = if self.epochs.tracking == Tracking::Off { Extent::Full } else { Extent::Changes };
        if extent == Extent::Full {
            self.epochs.tracking = Tracking::On;
            for (id, _) in self.slots.iter() {
                self.epochs.list(id.index);
            }
        }
        for id in self.epochs.gone.drain(..) {
            visit(Saved::Gone { id });
        }
        self.epochs.forget_one(epoch);
        let mut touched = self.epochs.take_touched();
        let mut room = core::mem::take(&mut self.epochs.room);
        let mut marks = Vec::new();
        for index in touched.drain(..) {
            marks.extend(self.save(now, index, &mut room, &mut visit));
        }
        self.epochs.touched = touched;
        self.epochs.room = room;
        self.epochs.pending.push_back(Pending { epoch, until: epoch, marks });
        extent
    }

    /// Tells of slot `index`. Gives what its peer is to know when the epoch is DURABLE, if it is to know anything.
    fn save(
        &mut self,
        now: Time,
        index: u32,
        room: &mut Vec<u8>,
        visit: &mut impl FnMut(Saved<'_>),
    ) -> Option<Mark> {
        let id = self.slots.id(index)?;
        let slot = self.slots.at_mut(index)?;
        room.clear();
        let mark = match &slot.body {
            Body::Awake(State::Closed(_)) => {
                if slot.marks.clear(Marks::SAVED) {
                    visit(Saved::Gone { id });
                }
                return None;
            }
            Body::Awake(state) => written(now, &slot.tuple.unpacked(), state, id, room),
            Body::Dormant(Dormant::Split(split)) => copied(now, &slot.tuple.unpacked(), split, id, room),
            Body::Dormant(dormant) => {
                let state = dormant.awake()?;
                written(now, &slot.tuple.unpacked(), &state, id, room)
            }
            Body::Saved(octets) => {
                revived_again(octets, now, self.returning.as_ref()?, room);
                None
            }
        };
        slot.marks.set(Marks::SAVED);
        visit(Saved::Connection { id, record: room });
        mark
    }

    /// What was told of earlier epochs counts for nothing: the next one tells everything, as the first of a life does.
    ///
    /// For a host whose store has failed, and for one whose whole memory was saved and came back. No epoch that is TAKEN and
    /// not DURABLE by now becomes so.
    pub fn forget_snapshots(&mut self) {
        self.epochs = Epochs::new();
    }

    /// An epoch is DURABLE: all that was told of it and before it is kept for good. Octets that wait for it may leave, and
    /// peers learn how far this host cannot go back (draft, {#epochs}, {#hold-send}).
    ///
    /// A number that is not that of a TAKEN epoch of this life changes nothing.
    pub fn snapshot_durable(&mut self, now: Time, epoch: u32) {
        // Numbers wrap.
        let since = |pending: &Pending, number: u32| number.wrapping_sub(pending.epoch);
        let is_it = |pending: &Pending| since(pending, epoch) <= since(pending, pending.until);
        let Some(at) = self.epochs.pending.iter().rposition(is_it) else { return };
        let durable: Vec<Pending> = self.epochs.pending.drain(..=at).collect();
        for Mark { id, received, end } in durable.into_iter().flat_map(|pending| pending.marks) {
            self.act(now, id, |state, cx| state.is_durable(cx, epoch, received, end));
        }
    }
}

/// Writes the record of `state`, and gives what its peer is to know of it.
fn written(now: Time, tuple: &Tuple, state: &State, id: ConnectionId, room: &mut Vec<u8>) -> Option<Mark> {
    let source = Source::of(state);
    record::write(&source, tuple.local(), Some(tuple.remote()), now, room);
    let parts = source.waiting().filter(|_| News::of(&source) == News::Yes)?;
    Some(Mark { id, received: parts.rcv.nxt, end: parts.snd.end })
}

/// The same for a packed connection.
fn copied(now: Time, tuple: &Tuple, split: &Split, id: ConnectionId, room: &mut Vec<u8>) -> Option<Mark> {
    let (fixed, news) = split.taken_out()?;
    let received = Position(field::RCV_NXT.u64(&fixed));
    let end = Position(field::SND_END.u64(&fixed));
    record::write_taken_out(fixed, tuple.local(), tuple.remote(), now, room);
    (news == News::Yes).then_some(Mark { id, received, end })
}
