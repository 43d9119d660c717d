//! LINGER (draft, {#linger}).

use hiatus_codec::{Flags, Life, Nonce};
use hiatus_engine::{CloseReason, Command, Config, Event, PeerState, Sending, TcpState};

use crate::durability::{durable_config, durable_pair, epoch, restored};
use crate::pair::{Made, Pair, Side, give_resume, names, seconds};

const FINISHED: Event = Event::Closed { reason: CloseReason::Finished };

/// A closed first, then B; A's TIME-WAIT is over.
fn lingering() -> Pair {
    let mut pair = durable_pair();
    pair.write(Side::A, b"to B");
    pair.write(Side::B, b"to A");
    pair.exchange();
    pair.command(Side::A, Command::Close);
    pair.exchange();
    pair.command(Side::B, Command::Close);
    pair.exchange();
    assert_eq!((pair.a.state(), pair.b.state()), (TcpState::TimeWait, TcpState::Linger));
    pair.pass(seconds(240));
    assert_eq!((pair.a.state(), pair.b.state()), (TcpState::Linger, TcpState::Linger));
    let hold = seconds(7200);
    for side in [Side::A, Side::B] {
        assert_eq!(pair.events(side).last(), Some(&Event::Lingering { limit: hold }));
    }
    pair
}

#[test]
fn both_ends_linger_until_what_they_got_is_stable() {
    //= draft#linger
    //# A host that retains MUST keep the connection until SND.STB has passed
    //# its FIN or the time to linger is over.
    //= draft#linger
    //# A host for which the peer retains MUST keep the connection until an
    //# EPOCH with a stable point past the peer's FIN has been echoed or the
    //# time to linger is over.
    let mut pair = lingering();
    epoch(&mut pair, Side::A, 1);
    assert_eq!(names(&pair.exchange()), ["epoch", "echo"]);
    assert_eq!((pair.a.state(), pair.b.state()), (TcpState::Linger, TcpState::Linger));
    epoch(&mut pair, Side::B, 1);
    assert_eq!(names(&pair.exchange()), ["epoch", "echo"]);
    assert_eq!((pair.events(Side::A), pair.events(Side::B)), (vec![FINISHED], vec![FINISHED]));
}

#[test]
fn time_to_linger_ends_it() {
    let mut pair = lingering();
    pair.alone(Side::B, seconds(7200 - 240 - 1));
    assert_eq!(pair.events(Side::B), []);
    pair.alone(Side::B, seconds(2));
    assert_eq!(pair.events(Side::B), [FINISHED]);
}

#[test]
fn peer_that_went_back_before_the_fin_gets_it_again() {
    //= draft#linger
    //# If its R lies at or below the own FIN, the end goes back
    //# to LAST-ACK if it had entered LINGER from there and to CLOSING
    //# otherwise, and sends again from R.
    for (side, back_in) in [(Side::B, TcpState::Closing), (Side::A, TcpState::LastAck)] {
        let mut pair = durable_pair();
        let saved = match side {
            // Both close at once.
            Side::B => {
                pair.write(Side::A, b"read, and lost");
                pair.command(Side::A, Command::Close);
                pair.command(Side::B, Command::Close);
                pair.b.clone()
            }
            Side::A => {
                pair.command(Side::A, Command::Close);
                let saved = pair.a.clone();
                pair.exchange();
                pair.write(Side::B, b"read, and lost");
                pair.command(Side::B, Command::Close);
                saved
            }
        };
        pair.pass(seconds(300));
        *pair.end(side) = saved;
        pair.command(side, restored(1));
        let resume = pair.take(side);
        pair.deliver(&resume[0]);
        assert_eq!(pair.end(side.peer()).state(), back_in);
        pair.exchange();
        assert_eq!(pair.read(side), b"read, and lost");
        epoch(&mut pair, side, 1);
        epoch(&mut pair, side.peer(), 1);
        pair.pass(seconds(300));
        for side in [Side::A, Side::B] {
            assert_eq!(pair.events(side).last(), Some(&FINISHED));
        }
    }
}

#[test]
fn lingering_host_that_went_back_says_what_is_stable() {
    let mut pair = lingering();
    // Its epoch has both FINs; the EPOCH that said so, or its echo, is lost with it.
    pair.now = pair.now + seconds(5);
    pair.command(Side::B, restored(1));
    assert_eq!(names(&pair.exchange()), ["resume", "resume-ack", "epoch", "echo"]);
    assert_eq!(pair.b.state(), TcpState::Linger);
    epoch(&mut pair, Side::A, 1);
    pair.exchange();
    assert_eq!(pair.events(Side::A).last(), Some(&FINISHED));
    assert_eq!(pair.events(Side::B).last(), Some(&FINISHED));
}

#[test]
fn lingering_host_believes_no_rst_and_presumes_nobody_away() {
    let mut pair = lingering();
    Made::rst(Side::A, 6).give(&mut pair);
    Made::rst(Side::A, 6).give(&mut pair);
    Made::rst(Side::A, 6).give(&mut pair);
    assert_eq!((pair.b.state(), pair.b.peer_state()), (TcpState::Linger, PeerState::Up));
    // EPOCHs that nobody echoes do not end it either.
    epoch(&mut pair, Side::B, 1);
    pair.alone(Side::B, seconds(1000));
    assert_eq!((pair.b.state(), pair.b.peer_state()), (TcpState::Linger, PeerState::Up));
}

#[test]
fn lingering_host_makes_room_for_a_new_connection() {
    //= draft#linger
    //# A host in LINGER MUST treat a SYN as it would in TIME-WAIT.
    let pair = lingering();
    let syn = Made::ack(Side::A, 100_000, 0).flags(Flags::SYN).frame(pair.now);
    assert!(pair.b.may_be_replaced_by(&syn.segment()));
    let ack = Made::ack(Side::A, 100_000, 0).frame(pair.now);
    assert!(!pair.b.may_be_replaced_by(&ack.segment()));
}

#[test]
fn lingering_host_answers_a_resume() {
    let mut pair = lingering();
    give_resume(&mut pair, 5, Life { incarnation: 3, generation: 0 }, Nonce(5), 6, 6);
    assert_eq!(names(&pair.take(Side::B)), ["resume-ack"]);
    assert_eq!(pair.b.state(), TcpState::Linger);
}

#[test]
fn nobody_lingers_where_nothing_is_kept() {
    let mut pair = Pair::on();
    pair.command(Side::A, Command::Close);
    pair.exchange();
    pair.command(Side::B, Command::Close);
    pair.exchange();
    assert_eq!(pair.b.state(), TcpState::Closed);
}

#[test]
fn host_restored_in_time_wait_lingers_at_once_where_something_is_retained() {
    //= draft#restoring
    //# A host that is restored in
    //# TIME-WAIT where something is retained enters LINGER at once.
    let mut pair = durable_pair();
    pair.write(Side::B, b"to A");
    pair.command(Side::A, Command::Close);
    pair.exchange();
    pair.command(Side::B, Command::Close);
    pair.exchange();
    assert_eq!(pair.a.state(), TcpState::TimeWait);
    pair.now = pair.now + seconds(60);
    pair.command(Side::A, restored(1));
    assert_eq!(pair.a.state(), TcpState::Linger);
    // Its peer learns of the new life, and so of what is stable.
    assert_eq!(names(&pair.exchange()), ["resume", "resume-ack", "epoch", "echo"]);
    epoch(&mut pair, Side::B, 1);
    pair.exchange();
    assert_eq!(pair.events(Side::A).last(), Some(&FINISHED));
    assert_eq!(pair.events(Side::B).last(), Some(&FINISHED));
}

#[test]
fn fin_that_was_never_sent_is_not_the_end() {
    //= draft#presumed
    //# A host MUST enter PRESUMED instead of closing the connection when a
    //# bare RST with SEG.SEQ equal to RCV.NXT comes from a peer that sent S
    //# and to which it offered a hold, unless HIA-MUST-88 says otherwise or
    //# in CLOSING or LAST-ACK its FIN is sent and nothing else is
    //# unacknowledged.
    for (sending, presumed) in [(Sending::HoldSend, true), (Sending::Unheld, false)] {
        let config = Config { sending, ..durable_config() };
        let mut pair = Pair::on_with(durable_config(), config);
        pair.command(Side::A, Command::Close);
        pair.exchange();
        pair.command(Side::B, Command::Close);
        pair.take(Side::B);
        assert_eq!(pair.b.state(), TcpState::LastAck);
        Made::rst(Side::A, 2).give(&mut pair);
        assert_eq!(pair.b.peer_state() == PeerState::Presumed, presumed);
        assert_eq!(pair.events(Side::B).last() == Some(&FINISHED), !presumed);
    }
}
