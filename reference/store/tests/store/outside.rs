//! Incarnations, the line and the ceiling of timestamps. Expected lines are drawn by hand from the draft.

use hiatus_store::{
    BeginLifeError, LINE_LIVES_MAX, OffLine, Origin, Outside, RESTORE_STEP_TICKS, TSVAL_AHEAD_TICKS,
};

use crate::commit::id;
use crate::disk::{Disk, Trouble};

fn reopened(disk: &Disk) -> Outside {
    Outside::open_on(Disk::holding(disk.image())).unwrap()
}

fn begin(outside: &mut Outside, origin: Origin) -> u32 {
    outside.begin_life(origin).unwrap().incarnation
}

fn off_line(outside: &mut Outside, incarnation: u32, number: u32) -> OffLine {
    match outside.begin_life(Origin::Restored(id(incarnation, number))) {
        Err(BeginLifeError::OffLine(off)) => off,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_restore_takes_a_higher_incarnation() {
    //= draft#lives
    //# A restored host MUST take an incarnation higher than every incarnation
    //# that it has used before.
    let disk = Disk::default();
    let mut outside = Outside::create_on(disk.clone()).unwrap();
    assert_eq!(outside.incarnation(), 0);
    for expected in 1..5 {
        assert_eq!(begin(&mut outside, Origin::Restored(id(0, 1))), expected);
        drop(outside);
        outside = reopened(&disk);
        assert_eq!(outside.incarnation(), expected);
        outside = Outside::open_on(disk.clone()).unwrap();
    }
}

#[test]
fn an_epoch_off_the_line_is_refused_by_name() {
    //= draft#restoring
    //# A host MUST treat its connections as lost when it is restored to an
    //# epoch that is not on its line.
    let disk = Disk::default();
    let mut outside = Outside::create_on(disk.clone()).unwrap();
    // 0: epochs 1 to 9. 1 began with 0.5, 2 with 1.3, 3 with 0.4: 1 and 2 are left, and 0 ends at 4.
    assert_eq!(begin(&mut outside, Origin::Restored(id(0, 5))), 1);
    let left_behind = OffLine::LeftBehind { restored: id(0, 6), last_number: 5 };
    assert_eq!(off_line(&mut outside, 0, 6), left_behind);
    assert_eq!(begin(&mut outside, Origin::Restored(id(1, 3))), 2);
    assert_eq!(off_line(&mut outside, 1, 4), OffLine::LeftBehind { restored: id(1, 4), last_number: 3 });
    assert_eq!(off_line(&mut outside, 0, 6), left_behind);
    assert_eq!(begin(&mut outside, Origin::Restored(id(0, 4))), 3);
    let mut outside = reopened(&disk);
    for restored in [id(1, 1), id(2, 1)] {
        let found = off_line(&mut outside, restored.incarnation, restored.number);
        assert_eq!(found, OffLine::NoAncestor { restored });
    }
    assert_eq!(
        off_line(&mut outside, 0, 5).to_string(),
        "off the line: epoch 0.5, expected at most 0.4",
        "an epoch that was on the line before"
    );
    // What is on it still is; refusals took no incarnation.
    assert_eq!(begin(&mut outside, Origin::Restored(id(0, 4))), 4);
    assert_eq!(begin(&mut outside, Origin::Restored(id(4, 77))), 5);
    // Without state there is no line to come back to.
    assert_eq!(begin(&mut outside, Origin::Nothing), 6);
    assert_eq!(off_line(&mut outside, 4, 1), OffLine::NoAncestor { restored: id(4, 1) });
    // Memory intact: all that was taken before stays on the line.
    assert_eq!(begin(&mut outside, Origin::Intact), 7);
    assert_eq!(begin(&mut outside, Origin::Restored(id(6, 1_000_000))), 8);
    assert_eq!(off_line(&mut outside, 7, 1), OffLine::NoAncestor { restored: id(7, 1) });
}

#[test]
fn an_incarnation_that_was_never_taken_is_refused() {
    let mut outside = Outside::create_on(Disk::default()).unwrap();
    let error = outside.begin_life(Origin::Restored(id(1, 1))).unwrap_err();
    assert_eq!(error.to_string(), "epoch 1.1: expected an incarnation of at most 0, found 1");
    assert_eq!(begin(&mut outside, Origin::Restored(id(0, 1))), 1);
}

#[test]
fn the_line_is_bounded_and_what_is_forgotten_is_off_it() {
    let disk = Disk::default();
    let mut outside = Outside::create_on(disk.clone()).unwrap();
    let bound = u32::try_from(LINE_LIVES_MAX).unwrap();
    for incarnation in 0..bound + 2 {
        let _ = begin(&mut outside, Origin::Restored(id(incarnation, 1)));
        assert!(outside.line_lives() <= LINE_LIVES_MAX);
    }
    // The latest is bound + 2; it and 1023 before it began on the line: the oldest kept is 3, which began with 2.1.
    let mut outside = reopened(&disk);
    assert_eq!(outside.line_lives(), LINE_LIVES_MAX);
    assert_eq!(off_line(&mut outside, 1, 1), OffLine::NoAncestor { restored: id(1, 1) });
    assert_eq!(begin(&mut outside, Origin::Restored(id(2, 1))), bound + 3);
    assert_eq!(outside.line_lives(), 1);
}

#[test]
fn timestamps_of_a_new_life_start_above_all_before() {
    //= draft#restoring
    //# A restored host that uses timestamps MUST start them at least 2^22
    //# ticks above every timestamp that it sent before on the connection.
    let disk = Disk::default();
    let mut outside = Outside::create_on(disk.clone()).unwrap();
    let mut sent = 0_u32;
    for _ in 0..40 {
        for _ in 0..5 {
            sent = sent.wrapping_add(700_000);
            let ceiling = outside.raise_tsval_ceiling(sent).unwrap();
            assert!(ceiling.wrapping_sub(sent) < 1 << 31);
        }
        outside = reopened(&disk);
        outside = {
            drop(outside);
            Outside::open_on(disk.clone()).unwrap()
        };
        let life = outside.begin_life(Origin::Restored(id(outside.incarnation(), 1))).unwrap();
        assert!(
            life.tsval_ceiling.wrapping_sub(sent) < 1 << 31,
            "{} sent, ceiling {}",
            sent,
            life.tsval_ceiling
        );
        // What the engine starts with is durable already.
        sent = life.tsval_ceiling.wrapping_add(1 << 22);
        assert!(outside.tsval_ceiling().wrapping_sub(sent) < 1 << 31);
    }
    assert_eq!(RESTORE_STEP_TICKS, 1 << 22);
}

#[test]
fn the_ceiling_is_raised_ahead_and_seldom() {
    let disk = Disk::default();
    let mut outside = Outside::create_on(disk.clone()).unwrap();
    let (_, before) = disk.written();
    // An hour in ticks of a millisecond, asked every tenth of a second.
    for tsval in (0..3_600_000).step_by(100) {
        assert!(outside.raise_tsval_ceiling(tsval).unwrap() >= tsval + TSVAL_AHEAD_TICKS / 2 - 100);
    }
    let writes = (disk.written().1 - before) / 2;
    assert!((6..=7).contains(&writes), "{writes} writes in an hour");
}

#[test]
fn no_life_without_a_durable_row() {
    let disk = Disk::default();
    let mut outside = Outside::create_on(disk.clone()).unwrap();
    disk.arm(0, Trouble::SyncError);
    assert!(matches!(outside.begin_life(Origin::Nothing), Err(BeginLifeError::Storage(_))));
    assert!(matches!(outside.begin_life(Origin::Nothing), Err(BeginLifeError::Broken)));
    assert!(outside.raise_tsval_ceiling(1 << 20).is_err());
    drop(outside);
    let mut outside = reopened(&disk);
    assert!(begin(&mut outside, Origin::Nothing) >= 1);
}
