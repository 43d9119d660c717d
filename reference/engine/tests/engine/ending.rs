//! How a connection ends (draft, {#ending}).

use hiatus_codec::mac::{Context, Role};
use hiatus_codec::{Abort, AbortReason, Flags, Life, Message, Nonce, Position, Resume};
use hiatus_engine::{CloseReason, Command, Event, PeerState, SelfState, TcpState};

use crate::pair::{A_ISN, A_KEY, Made, Pair, Side, abort_reason, names, seconds};

const ONE: Life = Life { incarnation: 0, generation: 1 };

#[test]
fn application_abort_is_an_abort_with_a_reason() {
    //= draft#ending
    //# A host that resets a connection that is on, or on which it has sent
    //# EPOCH and not fallen back, MUST send ABORT and not a bare RST.
    //= draft#ending
    //# A host that receives a valid ABORT MUST close the connection at once.
    let mut pair = Pair::on();
    pair.write(Side::A, b"x");
    pair.exchange();
    pair.events(Side::B);
    pair.command(Side::A, Command::Abort);
    let frames = pair.take(Side::A);
    assert_eq!(abort_reason(&frames[0]), AbortReason::APPLICATION);
    // SEG.SEQ is SND.NXT.
    assert_eq!(frames[0].segment().seq.0, A_ISN + 2);
    pair.deliver(&frames[0]);
    let closed = CloseReason::AbortedByPeer(AbortReason::APPLICATION);
    assert_eq!(pair.events(Side::B), [Event::Closed { reason: closed }]);
    assert_eq!(pair.events(Side::A).last(), Some(&Event::Closed { reason: CloseReason::Aborted }));
}

#[test]
fn last_ack_of_the_stream_still_answers_a_resume() {
    //= draft#resume-received
    //# A host MUST synchronise on a valid RESUME of a newer life and answer
    //# with RESUME-ACK.
    let mut pair = Pair::on();
    pair.command(Side::B, Command::Close);
    pair.exchange();
    pair.command(Side::A, Command::Close);
    pair.take(Side::A);
    assert_eq!(pair.a.state(), TcpState::LastAck);
    // B got the FIN of A, was away, and acknowledges it only now.
    let (life, received, end) = (ONE, Position(2), Position(2));
    let context = Context::resume(Role::Responder, received, end);
    let resume = |tag| Message::Resume(Resume { life, nonce: Nonce(7), end: end.low(), tag });
    Made::ack(Side::B, 2, 2).sealed(&context, resume).give(&mut pair);
    assert_eq!(pair.events(Side::A).last(), Some(&Event::Closed { reason: CloseReason::Finished }));
    assert_eq!(names(&pair.take(Side::A)), ["resume-ack"]);
}

#[test]
fn every_segment_after_an_abort_draws_it_again() {
    //= draft#ending
    //# For 60 seconds after it has closed a connection by sending ABORT,
    //# a host MUST answer every segment of it that has neither SYN nor
    //# RST with the same ABORT again, under the rate limit of challenge
    //# ACKs.
    let mut pair = Pair::on();
    pair.command(Side::A, Command::Abort);
    let first = pair.take(Side::A);
    pair.alone(Side::A, seconds(59));
    Made::ack(Side::B, 1, 1).payload(b"data").give(&mut pair);
    let again = pair.take(Side::A);
    assert_eq!(abort_reason(&again[0]), AbortReason::APPLICATION);
    assert_eq!((again.len(), again[0].message()), (1, first[0].message()));
    Made::ack(Side::B, 1, 1).flags(Flags::SYN).give(&mut pair);
    Made::rst(Side::B, 1).give(&mut pair);
    assert_eq!(pair.take(Side::A), []);
    // Within one second the bound of challenge ACKs holds.
    for _ in 0..50 {
        Made::ack(Side::B, 1, 1).give(&mut pair);
        pair.take(Side::A);
    }
    Made::ack(Side::B, 1, 1).give(&mut pair);
    assert_eq!(pair.take(Side::A), []);
    pair.alone(Side::A, seconds(1));
    Made::ack(Side::B, 1, 1).give(&mut pair);
    assert_eq!(pair.take(Side::A), []);
}

/// B is in LAST-ACK: A has closed, then B, whose FIN and `octets` before it are lost.
fn last_ack(octets: &[u8]) -> Pair {
    let mut pair = Pair::on();
    pair.command(Side::A, Command::Close);
    pair.exchange();
    pair.write(Side::B, octets);
    pair.command(Side::B, Command::Close);
    pair.take(Side::B);
    pair.events(Side::B);
    assert_eq!(pair.b.state(), TcpState::LastAck);
    pair
}

const FINISHED: [Event; 1] = [Event::Closed { reason: CloseReason::Finished }];

#[test]
fn bare_reset_after_both_fins_is_the_end_if_only_the_own_fin_is_missing() {
    let mut pair = last_ack(b"");
    Made::rst(Side::A, 2).give(&mut pair);
    assert_eq!(pair.events(Side::B), FINISHED);
    // Octets of the application may still be missing at a peer that is away.
    let mut pair = last_ack(b"lost");
    Made::rst(Side::A, 2).give(&mut pair);
    assert_eq!(pair.b.peer_state(), PeerState::Presumed);
}

#[test]
fn peer_without_state_has_finished_where_both_have_closed() {
    let lost = Message::Abort(Abort { reason: AbortReason::LOST, proof: A_KEY.0 });
    let mut pair = last_ack(b"lost");
    Made::rst(Side::A, 2).give(&mut pair);
    pair.events(Side::B);
    Made::rst(Side::A, 2).message(&lost).give(&mut pair);
    assert_eq!(pair.events(Side::B), FINISHED);

    let mut pair = last_ack(b"lost");
    pair.command(Side::B, Command::Resume);
    for _ in 0..3 {
        pair.take(Side::B);
        Made::rst(Side::A, 2).give(&mut pair);
        if let Some(due) = pair.b.poll_timeout() {
            let left = due.since(pair.now);
            pair.alone(Side::B, left);
        }
    }
    assert_eq!(pair.events(Side::B), FINISHED);

    // Elsewhere the application has to know.
    let mut pair = Pair::on();
    Made::rst(Side::A, 1).give(&mut pair);
    pair.events(Side::B);
    Made::rst(Side::A, 1).message(&lost).give(&mut pair);
    let reason = CloseReason::AbortedByPeer(AbortReason::LOST);
    assert_eq!(pair.events(Side::B), [Event::Closed { reason }]);
}

#[test]
fn resume_of_a_peer_that_has_all_ends_the_own_return() {
    //= draft#rfc-states
    //# A RESUME that takes a host in RESUMING from CLOSING to TIME-WAIT, its R
    //# being above the own FIN, ends the return as a RESUME-ACK would: SELF is
    //# UP.
    let mut pair = Pair::on();
    pair.command(Side::A, Command::Close);
    pair.command(Side::B, Command::Close);
    let fins = [pair.take(Side::A), pair.take(Side::B)].concat();
    fins.iter().for_each(|fin| pair.deliver(fin));
    // The acknowledgments of both FINs are lost, and both ends go away.
    pair.take(Side::A);
    pair.take(Side::B);
    assert_eq!(pair.a.state(), TcpState::Closing);
    pair.command(Side::A, Command::Resume);
    assert_eq!(names(&pair.take(Side::A)), ["resume"]);
    pair.events(Side::A);
    let context = Context::resume(Role::Responder, Position(2), Position(2));
    let resume = |tag| Message::Resume(Resume { life: ONE, nonce: Nonce(7), end: 2, tag });
    Made::ack(Side::B, 1, 2).sealed(&context, resume).give(&mut pair);
    assert_eq!(pair.a.state(), TcpState::TimeWait);
    assert_eq!(pair.a.self_state(), SelfState::Up);
    assert_eq!(names(&pair.take(Side::A)), ["resume-ack"]);
    assert_eq!(names(&pair.alone(Side::A, seconds(1000))), Vec::<&str>::new());
    assert_eq!(pair.events(Side::A), [Event::Resumed, Event::Closed { reason: CloseReason::Finished }]);
}
