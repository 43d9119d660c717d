//! Taking and committing: order, what is written, what a full disk does, how long a record may be.

use std::io::ErrorKind;

use hiatus_store::{CommitError, Epoch, EpochId, NAME_OCTETS_MAX, OpenError, RecordId, Store, TakeError};
use oorandom::Rand64;

use crate::disk::{Disk, Trouble};
use crate::model::Model;

pub(crate) fn id(incarnation: u32, number: u32) -> EpochId {
    EpochId { incarnation, number }
}

fn restored(disk: &Disk) -> Model {
    let (_, image) = Store::restore_on(Disk::holding(disk.image())).unwrap();
    Model::of(image.as_ref())
}

#[test]
fn nothing_is_there_before_the_first_epoch() {
    let disk = Disk::default();
    drop(Store::create_on(disk.clone()).unwrap());
    let (store, image) = Store::restore_on(Disk::holding(disk.image())).unwrap();
    assert!(image.is_none());
    assert_eq!(store.durable(), None);
}

#[test]
fn epochs_that_wait_become_durable_in_order() {
    let disk = Disk::default();
    let mut store = Store::create_on(disk.clone()).unwrap();
    let mut taker = store.taker();
    let mut epochs: Vec<Epoch> = Vec::new();
    for number in 1..4_u8 {
        let mut epoch = taker.begin(id(0, number.into())).unwrap();
        epoch.put(RecordId(u64::from(number)), &[number]).unwrap();
        epochs.push(epoch);
    }
    let out_of_order = store.commit(&epochs[1]).unwrap_err();
    assert_eq!(out_of_order.to_string(), "epoch 0.2: expected one after none, found one after 0.1");
    std::thread::scope(|scope| {
        scope.spawn(|| epochs.iter().for_each(|epoch| store.commit(epoch).unwrap()));
    });
    assert!(matches!(store.commit(&epochs[2]), Err(CommitError::OutOfOrder { .. })));
    let found = restored(&disk);
    assert_eq!(found.epoch, Some(id(0, 3)));
    assert_eq!(found.records, [(1, vec![1]), (2, vec![2]), (3, vec![3])].into());
}

#[test]
fn epochs_rise() {
    let disk = Disk::default();
    let mut store = Store::create_on(disk).unwrap();
    let mut taker = store.taker();
    let first = taker.begin(id(2, 5)).unwrap();
    let (last, found) = (id(2, 5), id(2, 5));
    assert_eq!(taker.begin(found).unwrap_err(), TakeError::NotNewer { last, found });
    assert!(taker.begin_whole(id(1, 9)).is_err());
    store.commit(&first).unwrap();
    assert!(matches!(store.commit(&first), Err(CommitError::NotNewer { .. })));
    // A taker made before a restore to something older begins a whole epoch that is no newer.
    let old = Store::create_on(Disk::default()).unwrap().taker().begin_whole(id(2, 4)).unwrap();
    let error = store.commit(&old).unwrap_err();
    assert_eq!(error.to_string(), "epoch 2.4: expected one above 2.5, found one that is not");
    // Refusals leave the store as it was.
    store.commit(&taker.begin(id(2, 6)).unwrap()).unwrap();
}

#[test]
fn the_last_word_about_a_record_counts() {
    let disk = Disk::default();
    let mut store = Store::create_on(disk.clone()).unwrap();
    let mut taker = store.taker();
    let mut epoch = taker.begin(id(0, 1)).unwrap();
    epoch.put(RecordId(1), b"old").unwrap();
    epoch.put(RecordId(1), b"new").unwrap();
    epoch.put(RecordId(2), b"gone").unwrap();
    epoch.remove(RecordId(2));
    epoch.remove(RecordId(3));
    epoch.put(RecordId(3), b"").unwrap();
    epoch.put_application("counter", b"1").unwrap();
    epoch.put_application("none", b"2").unwrap();
    epoch.remove_application("none");
    store.commit(&epoch).unwrap();
    let found = restored(&disk);
    assert_eq!(found.records, [(1, b"new".to_vec()), (3, Vec::new())].into());
    assert_eq!(found.application, [("counter".to_owned(), b"1".to_vec())].into());
    assert_eq!(store.usage().records, 2);
}

#[test]
fn a_whole_epoch_takes_the_place_of_everything() {
    let disk = Disk::default();
    let mut store = Store::create_on(disk.clone()).unwrap();
    let mut taker = store.taker();
    let mut epoch = taker.begin(id(0, 1)).unwrap();
    epoch.put(RecordId(1), b"one").unwrap();
    epoch.put_application("a", b"1").unwrap();
    store.commit(&epoch).unwrap();
    // This one is never made durable, so nothing that follows it could be.
    drop(taker.begin(id(0, 2)).unwrap());
    assert!(matches!(store.commit(&taker.begin(id(0, 3)).unwrap()), Err(CommitError::OutOfOrder { .. })));
    let mut epoch = taker.begin_whole(id(0, 4)).unwrap();
    epoch.put(RecordId(2), b"two").unwrap();
    store.commit(&epoch).unwrap();
    let found = restored(&disk);
    assert_eq!(found.records, [(2, b"two".to_vec())].into());
    assert!(found.application.is_empty());
}

#[test]
fn a_full_disk_loses_nothing_and_the_epoch_can_be_tried_again() {
    let disk = Disk::default();
    let mut store = Store::create_on(disk.clone()).unwrap();
    let mut taker = store.taker();
    let mut first = taker.begin(id(0, 1)).unwrap();
    first.put(RecordId(1), b"one").unwrap();
    store.commit(&first).unwrap();
    let mut second = taker.begin(id(0, 2)).unwrap();
    second.put(RecordId(2), &[7; 1 << 20]).unwrap();
    disk.arm(0, Trouble::Full);
    let CommitError::Storage(fault) = store.commit(&second).unwrap_err() else { panic!("it is full") };
    assert_eq!(fault.io_kind(), Some(ErrorKind::StorageFull));
    assert!(matches!(store.commit(&second), Err(CommitError::Broken)));
    drop(store);
    disk.disarm();
    let (mut store, image) = Store::restore_on(Disk::holding(disk.image())).unwrap();
    assert_eq!(Model::of(image.as_ref()).records, [(1, b"one".to_vec())].into());
    store.commit(&second).unwrap();
    assert_eq!(store.durable(), Some(id(0, 2)));
}

#[test]
fn names_have_a_bound() {
    let mut epoch = Store::create_on(Disk::default()).unwrap().taker().begin(id(0, 1)).unwrap();
    let name = "n".repeat(NAME_OCTETS_MAX + 1);
    let found_octets = NAME_OCTETS_MAX + 1;
    assert_eq!(epoch.put_application(&name, b"").unwrap_err(), TakeError::NameTooLong { found_octets });
    epoch.put_application(&name[1..], b"").unwrap();
}

/// What a commit writes, of the octets that changed: 20000 records of 300 octets, 1 % of them anew in each epoch, for as
/// long as it takes to write all of them four times.
#[test]
fn a_commit_writes_what_changed_and_not_much_more() {
    let disk = Disk::default();
    let mut store = Store::create_on(disk.clone()).unwrap();
    let mut taker = store.taker();
    let mut random = Rand64::new(1);
    let mut epoch = taker.begin(id(0, 1)).unwrap();
    for record in 0..20_000 {
        epoch.put(RecordId(record), &[1; 300]).unwrap();
    }
    store.commit(&epoch).unwrap();
    let (before, syncs_before) = disk.written();
    let mut changed_octets = 0;
    for number in 2..402 {
        let mut epoch = taker.begin(id(0, number)).unwrap();
        for _ in 0..200 {
            epoch.put(RecordId(random.rand_range(0..20_000)), &[2; 300]).unwrap();
            changed_octets += 300;
        }
        store.commit(&epoch).unwrap();
    }
    let (after, syncs) = disk.written();
    let written_octets = after - before;
    let usage = store.usage();
    println!("changed {changed_octets}, written {written_octets}, {usage:?}, {} syncs", syncs - syncs_before);
    // Twice what changed, the pages that hold a segment, 28 octets of live bits for each of 96 segments, roots, header.
    assert!(written_octets < 5 * changed_octets, "{written_octets} octets for {changed_octets}");
    assert!(usage.octets < 3 * usage.live_octets, "{usage:?}");
}

/// One record in each epoch: a few pages, and no crowd of small segments.
#[test]
fn one_record_costs_a_few_pages() {
    let disk = Disk::default();
    let mut store = Store::create_on(disk.clone()).unwrap();
    let mut taker = store.taker();
    let mut epoch = taker.begin(id(0, 1)).unwrap();
    for record in 0..2_000 {
        epoch.put(RecordId(record), &[1; 300]).unwrap();
    }
    store.commit(&epoch).unwrap();
    let (before, _) = disk.written();
    for number in 2..1002 {
        let mut epoch = taker.begin(id(0, number)).unwrap();
        epoch.put(RecordId(u64::from(number) * 7919 % 2000), &[2; 300]).unwrap();
        store.commit(&epoch).unwrap();
    }
    let written = (disk.written().0 - before) / 1000;
    let usage = store.usage();
    println!("{written} octets for one record, {usage:?}");
    assert!(written < 20 * 4096, "{written}");
    assert!(usage.segments < 300 && usage.octets < 3 * usage.live_octets, "{usage:?}");
}

#[test]
fn what_exists_is_not_created_again() {
    let disk = Disk::default();
    drop(Store::create_on(disk.clone()).unwrap());
    let error = Store::create_on(Disk::holding(disk.image())).unwrap_err();
    assert!(matches!(error, OpenError::Exists { found_octets } if found_octets == disk.image().len() as u64));
}
