//! Octets that nobody wrote: an error that says so, or the right state; never another state, and never a panic.

use hiatus_store::{OpenError, Origin, Outside, RecordId, Store};
use oorandom::Rand64;

use crate::commit::id;
use crate::disk::Disk;
use crate::model::Model;

/// A store with five epochs, and what the last holds. With `Ending::Cut` it was not closed.
fn store(ending: Ending) -> (Vec<u8>, Model) {
    let disk = Disk::default();
    let mut store = Store::create_on(disk.clone()).unwrap();
    let (mut taker, mut random, mut now) = (store.taker(), Rand64::new(7), Model::default());
    for number in 1..6 {
        let mut epoch = taker.begin(id(0, number)).unwrap();
        for _ in 0..40 {
            now.change(&mut epoch, &mut random);
        }
        epoch.put(RecordId(1000), &number.to_le_bytes()).unwrap();
        now.records.insert(1000, number.to_le_bytes().to_vec());
        now.epoch = Some(epoch.id());
        store.commit(&epoch).unwrap();
    }
    let image = match ending {
        Ending::Cut => disk.image(),
        Ending::Closed => {
            drop(store);
            disk.image()
        }
    };
    (image, now)
}

#[derive(Clone, Copy, Debug)]
enum Ending {
    Cut,
    Closed,
}

/// What came of opening many damaged images.
#[derive(Debug, Default)]
struct Outcome {
    errors: u32,
    right: u32,
}

impl Outcome {
    fn note(&mut self, image: Vec<u8>, expected: &Model, what: &str) {
        match Store::restore_on(Disk::holding(image)) {
            Ok((_, found)) => {
                let found = Model::of(found.as_ref());
                assert_eq!(found.epoch, expected.epoch, "{what}: another epoch");
                assert!(found == *expected, "{what}: another state");
                self.right += 1;
            }
            Err(error) => {
                assert!(!matches!(error, OpenError::InUse | OpenError::Exists { .. }), "{what}: {error}");
                assert!(!error.to_string().is_empty());
                self.errors += 1;
            }
        }
    }
}

#[test]
fn a_bit_that_flips_gives_an_error_or_the_right_state() {
    for ending in [Ending::Cut, Ending::Closed] {
        let (image, expected) = store(ending);
        let mut outcome = Outcome::default();
        outcome.note(image.clone(), &expected, "no damage");
        assert_eq!(outcome.right, 1);
        // Every bit of the header: which of two roots counts, whether there was a crash, where the roots are.
        let header = 0..320 * 8;
        let mut random = Rand64::new(11);
        let elsewhere: Vec<usize> = (0..2000)
            .map(|_| usize::try_from(random.rand_range(0..image.len() as u64 * 8)).unwrap())
            .collect();
        for bit in header.chain(elsewhere) {
            let mut damaged = image.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            outcome.note(damaged, &expected, &format!("{ending:?}, bit {bit}"));
        }
        println!("{ending:?}: {outcome:?}, {} octets", image.len());
        assert!(outcome.errors > 100 && outcome.right > 100, "{outcome:?}");
    }
}

#[test]
fn pages_that_are_lost_swapped_or_old_give_an_error_or_the_right_state() {
    let (image, expected) = store(Ending::Closed);
    let mut random = Rand64::new(3);
    let mut outcome = Outcome::default();
    let pages = image.len() / 4096;
    for round in 0..600 {
        let mut page = || usize::try_from(random.rand_range(0..pages as u64)).unwrap() * 4096;
        let (from, to) = (page(), page());
        let mut damaged = image.clone();
        match round % 3 {
            0 => damaged[to..to + 4096].fill(0),
            1 => damaged.copy_within(from..from + 4096, to),
            _ => damaged.truncate(to),
        }
        outcome.note(damaged, &expected, &format!("round {round}: {from} over {to}"));
    }
    println!("{outcome:?}");
    assert!(outcome.errors > 100 && outcome.right > 0, "{outcome:?}");
}

#[test]
fn an_outside_with_a_flipped_bit_never_gives_an_incarnation_again() {
    let disk = Disk::default();
    let mut outside = Outside::create_on(disk.clone()).unwrap();
    for number in 1..4 {
        let _life = outside.begin_life(Origin::Restored(id(number - 1, 1))).unwrap();
    }
    let tsval_ceiling = outside.raise_tsval_ceiling(50_000_000).unwrap();
    for image in [disk.image(), {
        drop(outside);
        disk.image()
    }] {
        let mut random = Rand64::new(5);
        let (mut errors, mut right) = (0, 0);
        let elsewhere =
            (0..2000).map(|_| usize::try_from(random.rand_range(0..image.len() as u64 * 8)).unwrap());
        for bit in (0..320 * 8).chain(elsewhere) {
            let mut damaged = image.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            match Outside::open_on(Disk::holding(damaged)) {
                Ok(found) => {
                    assert_eq!((found.incarnation(), found.tsval_ceiling()), (3, tsval_ceiling), "bit {bit}");
                    right += 1;
                }
                Err(_) => errors += 1,
            }
        }
        println!("{errors} errors, {right} right");
        assert!(errors > 100 && right > 100);
    }
}

#[test]
fn other_files_are_foreign() {
    let disk = Disk::default();
    drop(Outside::create_on(disk.clone()).unwrap());
    let error = Store::restore_on(Disk::holding(disk.image())).unwrap_err();
    assert_eq!(error.to_string(), "file: expected a Hiatus store, found something else");
    for image in [Vec::new(), b"#!/bin/sh\n".to_vec(), vec![0; 100_000], vec![0xff; 100_000]] {
        assert!(Store::restore_on(Disk::holding(image)).is_err());
    }
}
