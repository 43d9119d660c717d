//! What happens when: a heap, and the segments under way.

use core::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use hiatus_engine::Time;

use crate::histories::story::Restore;
use crate::sim::Side;

/// Something that happens at a time.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Item {
    /// The segment in a slot arrives.
    Arrival { to: Side, slot: usize },
    /// An epoch becomes DURABLE.
    Durable { side: Side, epoch: usize },
    /// The disturbance with that index begins.
    Trouble(usize),
    /// A host that suspended itself stops, if it has not heard from its peer before.
    StopsAtLast { side: Side, instance: u32 },
    /// A host comes back with its memory.
    Returns { side: Side, instance: u32 },
    /// A host is restored; with `twin` a second time.
    Restores { side: Side, to: Restore, twin: Twin },
    /// An instance that was replaced is stopped for good.
    Ends { side: Side, instance: u32 },
}

/// Which restore it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Twin {
    Only,
    First,
    Second,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    at: Time,
    serial: u64,
    item: Item,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.serial).cmp(&(other.at, other.serial))
    }
}

/// What is to come, in the order of time and, at one time, of planning.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    heap: BinaryHeap<Reverse<Entry>>,
    serial: u64,
    /// Items that are no arrivals: while there are some, the story is not over.
    planned: usize,
}

impl Agenda {
    pub(crate) fn plan(&mut self, at: Time, item: Item) {
        self.serial += 1;
        self.planned += usize::from(is_plan(&item));
        self.heap.push(Reverse(Entry { at, serial: self.serial, item }));
    }

    pub(crate) fn next_at(&self) -> Option<Time> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    /// The next item that is due at `now`.
    pub(crate) fn take(&mut self, now: Time) -> Option<Item> {
        if self.next_at()? > now {
            return None;
        }
        let Reverse(entry) = self.heap.pop()?;
        self.planned -= usize::from(is_plan(&entry.item));
        Some(entry.item)
    }

    /// True if a host is still to be stopped, restored or brought back.
    pub(crate) fn holds_plans(&self) -> bool {
        self.planned > 0
    }
}

fn is_plan(item: &Item) -> bool {
    !matches!(item, Item::Arrival { .. } | Item::Durable { .. })
}
