//! What a RESUME meets, and what of it counts.

use core::time::Duration;

use hiatus_codec::mac::{Context, Role, Tag};
use hiatus_codec::{Epoch, EpochEcho, HoldTime, Life, Message, Position, SuspendAck};
use hiatus_engine::{Command, HiatusState};

use crate::pair::{Made, Pair, Side};

/// A is back from an absence of an hour, and its first RESUME is under way.
fn resuming() -> Pair {
    let mut pair = Pair::held();
    pair.off(Duration::from_secs(3600));
    pair.command(Side::A, Command::Resume);
    assert_eq!(pair.take(Side::A).len(), 1);
    pair
}

/// Lets time pass until A sends its next RESUME.
fn next_resume(pair: &mut Pair) {
    while pair.alone(Side::A, Duration::from_millis(500)).is_empty() {}
}

/// Each of `count` RESUMEs meets a plain segment; the last of them, if it ends nothing, is not followed by a RESUME.
fn meet_plains(pair: &mut Pair, count: u32) {
    for round in 0..count {
        Made::ack(Side::B, 1, 1).give(pair);
        if round + 1 < count {
            next_resume(pair);
        }
    }
}

#[test]
fn dropped_segments_beside_plain_ones_change_nothing() {
    //= draft#resuming
    //# A host in RESUMING that was not restored MUST fall back to plain TCP
    //# when six RESUMEs have each met a plain segment and no valid Hiatus
    //# message has come since the first of these segments.
    let mut pair = resuming();
    for round in 0..6 {
        assert_eq!(pair.a.hiatus_state(), HiatusState::On, "round {round}");
        Made::ack(Side::B, 1, 1).payload(b"data").give(&mut pair);
        if round % 2 == 0 {
            Made::rst(Side::B, 1).give(&mut pair);
        }
        Made::ack(Side::B, 1, 1).message(&Message::EpochEcho(EpochEcho { stable_point: 0 })).give(&mut pair);
        Made::ack(Side::B, 1, 1).give(&mut pair);
        if round < 5 {
            next_resume(&mut pair);
        }
    }
    assert_eq!(pair.a.hiatus_state(), HiatusState::Off);
}

#[test]
fn resumes_that_met_nothing_are_left_out_of_the_count() {
    let mut pair = resuming();
    meet_plains(&mut pair, 5);
    next_resume(&mut pair);
    next_resume(&mut pair);
    assert_eq!(pair.a.hiatus_state(), HiatusState::On);
    Made::ack(Side::B, 1, 1).give(&mut pair);
    assert_eq!(pair.a.hiatus_state(), HiatusState::Off);
}

/// After five plain segments a valid message comes, then six more plain segments.
fn counts_anew_after(message: &Made) {
    let mut pair = resuming();
    meet_plains(&mut pair, 5);
    next_resume(&mut pair);
    message.give(&mut pair);
    for round in 0..6 {
        assert_eq!(pair.a.hiatus_state(), HiatusState::On, "round {round}");
        next_resume(&mut pair);
        Made::ack(Side::B, 1, 1).give(&mut pair);
    }
    assert_eq!(pair.a.hiatus_state(), HiatusState::Off);
}

#[test]
fn valid_message_starts_the_count_anew() {
    //= draft#resume-met
    //# A valid Hiatus message, one with the right MAC, sets the count of plain
    //# segments back to 0, whether it is processed or dropped.
    let epoch = Context::epoch(Role::Responder, Life::default(), Position(1));
    counts_anew_after(
        &Made::ack(Side::B, 1, 1)
            .sealed(&epoch, |tag| Message::Epoch(Epoch { number: 1, stable_point: 1, tag })),
    );
    let returned = Life { incarnation: 0, generation: 1 };
    let granted_hold = HoldTime::from_seconds(60);
    let suspend_ack = Context::suspend_ack(Role::Responder, returned);
    counts_anew_after(
        &Made::ack(Side::B, 1, 1)
            .sealed(&suspend_ack, |tag| Message::SuspendAck(SuspendAck { granted_hold, tag })),
    );
}

#[test]
fn message_with_a_wrong_mac_is_a_plain_segment() {
    //= draft#mac-check
    //# A receiver MUST treat a segment with an EPOCH, SUSPEND or SUSPEND-ACK
    //# with a wrong MAC as if it carried no Hiatus option.
    let mut pair = resuming();
    meet_plains(&mut pair, 5);
    next_resume(&mut pair);
    assert_eq!(pair.a.hiatus_state(), HiatusState::On);
    let forged = Message::Epoch(Epoch { number: 1, stable_point: 1, tag: Tag::default() });
    Made::ack(Side::B, 1, 1).message(&forged).give(&mut pair);
    assert_eq!(pair.a.hiatus_state(), HiatusState::Off);
}
