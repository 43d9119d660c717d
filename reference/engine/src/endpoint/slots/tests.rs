#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::{PIECE_SLOTS, Slots};

#[test]
fn an_id_never_names_another_value() {
    let mut slots = Slots::new();
    let first = slots.insert('a');
    assert_eq!(slots.find(first), Some(&'a'));
    assert_eq!(slots.remove(first.index), Some('a'));
    let second = slots.insert('b');
    assert_eq!(second.index, first.index, "the slot is used again");
    assert_ne!(second, first);
    assert_eq!(slots.find(first), None);
    assert_eq!(slots.find(second), Some(&'b'));
    assert_eq!(slots.remove(7), None);
    assert_eq!(slots.len(), 1);
}

#[test]
fn pieces_hold_what_their_indexes_say() {
    let mut slots = Slots::new();
    let ids: alloc::vec::Vec<_> = (0..3 * PIECE_SLOTS + 1).map(|value| slots.insert(value)).collect();
    for (value, id) in ids.iter().enumerate() {
        assert_eq!(slots.find(*id), Some(&value));
        assert_eq!(slots.at(id.index), Some(&value));
        assert_eq!(slots.id(id.index), Some(*id));
    }
}
