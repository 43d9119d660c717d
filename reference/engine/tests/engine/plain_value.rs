//! A connection is one plain value: stored, brought back, compared, and none the wiser.

use hiatus_engine::{Command, Connection};

use crate::pair::{Pair, SUSPEND, Side, names, seconds};

fn through_storage(connection: &Connection) -> Connection {
    let stored = serde_json::to_vec(connection).expect("it can be stored");
    serde_json::from_slice(&stored).expect("it can be brought back")
}

/// Stores both ends and puts what comes back in their place.
fn store(pair: &mut Pair) {
    let (a, b) = (through_storage(&pair.a), through_storage(&pair.b));
    assert_eq!((&a, &b), (&pair.a, &pair.b));
    (pair.a, pair.b) = (a, b);
}

#[test]
fn transfer_goes_on_after_storage_at_every_step() {
    let octets: Vec<u8> = (0..=250).cycle().take(50_000).collect();
    let mut pair = Pair::on();
    pair.write(Side::A, &octets);
    let mut received = Vec::new();
    let mut step = 0;
    while received.len() < octets.len() {
        store(&mut pair);
        for side in [Side::A, Side::B] {
            for frame in pair.take(side) {
                step += 1;
                // Every seventh segment is lost, so that there is something out of order to store.
                if step % 7 != 0 {
                    pair.deliver(&frame);
                }
                store(&mut pair);
            }
        }
        received.extend(pair.read(Side::B));
        pair.now = pair.now + seconds(1);
        let now = pair.now;
        pair.a.handle_timeout(now);
        pair.b.handle_timeout(now);
        assert!(step < 5000, "stuck after {} octets", received.len());
    }
    assert_eq!(received, octets);
}

#[test]
fn every_state_of_an_absence_can_be_stored() {
    let mut pair = Pair::new(crate::pair::hiatus_config(), crate::pair::hiatus_config());
    store(&mut pair);
    let mut told = Vec::new();
    let mut talk = |pair: &mut Pair| loop {
        store(pair);
        let mut frames = pair.take(Side::A);
        frames.extend(pair.take(Side::B));
        if frames.is_empty() {
            break;
        }
        for frame in &frames {
            pair.deliver(frame);
            store(pair);
        }
        told.extend(names(&frames));
    };
    talk(&mut pair);
    pair.command(Side::A, SUSPEND);
    talk(&mut pair);
    pair.command(Side::A, Command::Resume);
    talk(&mut pair);
    pair.command(Side::B, Command::Abort);
    talk(&mut pair);
    assert_eq!(
        told,
        [
            "capable",
            "capable",
            "capable",
            "epoch",
            "echo",
            "suspend",
            "suspend-ack",
            "resume",
            "resume-ack",
            "abort"
        ]
    );
}

#[test]
fn same_input_gives_the_same_output() {
    let story = || {
        let mut pair = Pair::on();
        pair.write(Side::A, &[1; 9000]);
        let mut all = pair.pass(seconds(3));
        pair.command(Side::A, SUSPEND);
        all.extend(pair.exchange());
        pair.command(Side::A, Command::Resume);
        all.extend(pair.alone(Side::A, seconds(100)));
        (all, pair.a, pair.b)
    };
    assert_eq!(story(), story());
}
