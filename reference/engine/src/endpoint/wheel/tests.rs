#![allow(clippy::unwrap_used, reason = "a test may panic")]

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;
use alloc::vec::Vec;

use quickcheck::{Arbitrary, Gen, quickcheck};

use super::{Link, Links, Turn, Wheel};
use crate::time::Time;

/// A tick, in microseconds.
const TICK_US: u64 = 1024;
const SLOTS: u32 = 24;

struct Table(Vec<Link>);

impl Table {
    fn new() -> Self {
        Self(vec![Link::default(); usize::try_from(SLOTS).unwrap()])
    }
}

impl Links for Table {
    fn link(&mut self, index: u32) -> Option<&mut Link> {
        self.0.get_mut(usize::try_from(index).unwrap())
    }
}

/// What may happen to a wheel.
#[derive(Debug, Clone)]
enum Act {
    Insert { slot: u32, in_us: u64 },
    Remove { slot: u32 },
    Pass { us: u64 },
}

impl Arbitrary for Act {
    fn arbitrary(g: &mut Gen) -> Self {
        let slot = u32::arbitrary(g) % SLOTS;
        // Every order of magnitude alike, so that every level is met.
        let us = u64::arbitrary(g) >> (u32::arbitrary(g) % 64);
        match u8::arbitrary(g) % 5 {
            0..=2 => Self::Insert { slot, in_us: us },
            3 => Self::Remove { slot },
            _ => Self::Pass { us: us >> 8 },
        }
    }
}

/// Turns until nothing is left to do; gives who was due. No turn may hand out one that is not.
fn all_due(wheel: &mut Wheel, table: &mut Table, now: Time) -> BTreeSet<u32> {
    let mut due = BTreeSet::new();
    loop {
        match wheel.turn(table, now) {
            Turn::Due(slot) => assert!(due.insert(slot), "handed out twice"),
            Turn::Moved => {}
            Turn::Idle => return due,
        }
    }
}

quickcheck! {
    /// The model is a map from slot to time: a slot comes out within a tick after its time, and never before it.
    fn hands_out_what_a_map_would(acts: Vec<Act>) -> bool {
        let (mut wheel, mut table) = (Wheel::new(), Table::new());
        let mut model: BTreeMap<u32, u64> = BTreeMap::new();
        let mut now = 0_u64;
        for act in acts {
            match act {
                Act::Insert { slot, in_us } => {
                    let due = now.saturating_add(in_us);
                    wheel.insert(&mut table, slot, Time(due));
                    model.insert(slot, due);
                }
                Act::Remove { slot } => {
                    wheel.remove(&mut table, slot);
                    model.remove(&slot);
                }
                Act::Pass { us } => now = now.saturating_add(us),
            }
            let due = all_due(&mut wheel, &mut table, Time(now));
            let is_surely_due = |time: u64| time.saturating_add(TICK_US) <= now;
            // The last tick begins before the last microsecond.
            let last = u64::MAX - TICK_US;
            assert!(due.iter().all(|slot| model[slot] <= now || model[slot] >= last), "before its time");
            model.retain(|slot, _| !due.contains(slot));
            assert!(model.values().all(|time| !is_surely_due(*time)), "late by more than a tick");
            // The next deadline is never after the first slot is due, and there is one exactly if a slot waits.
            match (wheel.next(), model.values().min()) {
                (None, None) => {}
                (Some(next), Some(first)) => assert!(next.0 <= first.saturating_add(TICK_US)),
                (next, first) => panic!("next {next:?}, expected {first:?}"),
            }
        }
        true
    }
}

#[test]
fn the_next_deadline_is_exact_on_the_lowest_level() {
    let (mut wheel, mut table) = (Wheel::new(), Table::new());
    wheel.insert(&mut table, 3, Time(40 * TICK_US));
    wheel.insert(&mut table, 4, Time(41 * TICK_US));
    assert_eq!(wheel.next(), Some(Time(40 * TICK_US)));
    assert_eq!(wheel.turn(&mut table, Time(40 * TICK_US - 1)), Turn::Idle);
    assert_eq!(wheel.turn(&mut table, Time(40 * TICK_US)), Turn::Due(3));
    assert_eq!(wheel.next(), Some(Time(41 * TICK_US)));
    assert_eq!(table.link(4).unwrap().due(), Some(Time(41 * TICK_US)));
    assert_eq!(table.link(3).unwrap().due(), None);
}

#[test]
fn a_far_deadline_moves_down_at_most_once_a_level() {
    let (mut wheel, mut table) = (Wheel::new(), Table::new());
    let due = Time(365 * 24 * 3600 * 1_000_000);
    wheel.insert(&mut table, 0, due);
    let mut wakes = 0;
    let found = loop {
        let now = wheel.next().unwrap();
        match wheel.turn(&mut table, now) {
            Turn::Due(slot) => break (slot, now),
            _ => wakes += 1,
        }
        assert!(wakes < 18, "one wake to move and one to find nothing, a level");
    };
    assert_eq!(found.0, 0);
    assert!(found.1 >= due && found.1 < Time(due.0 + TICK_US));
}
