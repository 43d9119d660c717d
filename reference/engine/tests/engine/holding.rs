//! Holding a connection for a peer that is away, announced or presumed (draft, {#holding}, {#presumed}).

use core::time::Duration;

use hiatus_codec::{Flags, HoldTime, Message};
use hiatus_engine::{CloseReason, Command, Config, Event, PeerState, TcpState};

use crate::pair::{B_ISN, Frame, HOLD_SECONDS, Made, Pair, SUSPEND, Side, hiatus_config, names, seconds};

#[test]
fn holder_originates_nothing() {
    //= draft#holding
    //# A host in HELD or PRESUMED MUST NOT originate a segment other than
    //# RESUME.
    let mut pair = Pair::on();
    pair.write(Side::A, &[1; 30_000]);
    pair.exchange();
    pair.write(Side::B, b"in flight, lost");
    pair.take(Side::B);
    pair.command(Side::A, SUSPEND);
    pair.exchange();
    pair.write(Side::B, b"more");
    assert_eq!(pair.read(Side::B).len(), 30_000);
    assert_eq!(pair.alone(Side::B, seconds(HOLD_SECONDS - 10)), []);
    // And when the peer is back, everything is there.
    pair.command(Side::A, Command::Resume);
    pair.exchange();
    assert_eq!(pair.read(Side::A), b"in flight, lostmore");
}

#[test]
fn hold_lasts_as_long_as_granted_and_ends_in_silence() {
    //= draft#holding
    //# A host in HELD MUST keep the connection for the Granted Hold.
    //= draft#holding
    //# When the hold is over, a host in HELD or PRESUMED MUST delete the
    //# connection without sending a segment.
    let mut pair = Pair::held();
    assert_eq!(pair.alone(Side::B, seconds(HOLD_SECONDS) - Duration::from_millis(1)), []);
    assert_eq!(pair.b.state(), TcpState::Established);
    assert_eq!(pair.alone(Side::B, Duration::from_millis(1)), []);
    assert_eq!(pair.b.state(), TcpState::Closed);
    assert_eq!(pair.events(Side::B), [Event::Closed { reason: CloseReason::HoldOver }]);
}

#[test]
fn repeated_suspend_is_answered_and_does_not_restart_the_hold() {
    //= draft#holding
    //# A repeated SUSPEND MUST NOT restart the hold.
    let mut pair = Pair::on();
    pair.command(Side::A, SUSPEND);
    let copies = pair.alone(Side::A, seconds(5));
    pair.deliver(&copies[0]);
    assert_eq!(names(&pair.take(Side::B)), ["suspend-ack"]);
    pair.alone(Side::B, seconds(3000));
    pair.deliver(&copies[1]);
    assert_eq!(names(&pair.take(Side::B)), ["suspend-ack"]);
    pair.alone(Side::B, seconds(HOLD_SECONDS - 3000));
    let hold = seconds(HOLD_SECONDS);
    let told = [Event::PeerSuspended { hold }, Event::Closed { reason: CloseReason::HoldOver }];
    assert_eq!(pair.events(Side::B), told);
}

#[test]
fn holder_answers_plain_segments_and_stays() {
    //= draft#holding
    //# A host in HELD that is not in RESUMING MUST answer a segment
    //# without a Hiatus message as RFC 9293 says.
    let mut pair = Pair::on();
    pair.write(Side::A, b"late");
    let late = pair.take(Side::A);
    pair.command(Side::A, SUSPEND);
    let suspend = pair.take(Side::A);
    pair.deliver(&suspend[0]);
    assert_eq!(names(&pair.take(Side::B)), ["suspend-ack"]);
    pair.deliver(&late[0]);
    assert_eq!(names(&pair.take(Side::B)), ["ack"]);
    assert_eq!(pair.read(Side::B), b"late");
    assert_eq!(pair.b.peer_state(), PeerState::Held);
    Made::ack(Side::A, 5, 1).flags(Flags::SYN).give(&mut pair);
    assert_eq!(names(&pair.take(Side::B)), ["ack"]);
}

#[test]
fn holder_drops_a_bare_reset() {
    //= draft#holding
    //# A host in HELD or PRESUMED MUST drop a bare RST.
    let mut pair = Pair::held();
    Made::rst(Side::A, 1).give(&mut pair);
    assert_eq!(pair.take(Side::B), []);
    assert_eq!(pair.b.peer_state(), PeerState::Held);
    let mut pair = presumed();
    Made::rst(Side::A, 1).give(&mut pair);
    assert_eq!(pair.take(Side::B), []);
    assert_eq!(pair.b.peer_state(), PeerState::Presumed);
}

#[test]
fn application_of_a_holder_closes_later_and_aborts_in_silence() {
    let mut pair = Pair::held();
    pair.write(Side::B, b"bye");
    pair.command(Side::B, Command::Close);
    assert_eq!(pair.take(Side::B), []);
    let mut aborting = pair.clone();
    aborting.command(Side::B, Command::Abort);
    assert_eq!(aborting.take(Side::B), []);
    assert_eq!(aborting.events(Side::B), [Event::Closed { reason: CloseReason::Aborted }]);
    pair.command(Side::A, Command::Resume);
    pair.exchange();
    assert_eq!(pair.read(Side::A), b"bye");
    assert!(pair.events(Side::A).contains(&Event::PeerClosed));
}

/// B found A silent for R2.
fn presumed() -> Pair {
    let mut pair = Pair::on();
    pair.write(Side::B, b"anybody?");
    // R2 is 100 s; the RTO runs out at 1, 3, 7, 15, 31, 63, 123 s, and R2 counts from the first.
    pair.alone(Side::B, seconds(123));
    assert_eq!(pair.b.peer_state(), PeerState::Presumed);
    pair
}

#[test]
fn silence_is_taken_for_absence() {
    //= draft#presumed
    //# A host MUST enter PRESUMED instead of closing the connection when R2,
    //# the keep-alive or the persist timer gives up on a peer that sent S and
    //# to which it offered a hold.
    let mut pair = presumed();
    let hold = seconds(HOLD_SECONDS);
    assert_eq!(pair.events(Side::B), [Event::Unanswered, Event::PeerPresumedSuspended { hold }]);
    // Not longer than the hold.
    pair.alone(Side::B, seconds(HOLD_SECONDS));
    assert_eq!(pair.events(Side::B), [Event::Closed { reason: CloseReason::HoldOver }]);
}

#[test]
fn silence_of_a_peer_without_s_or_without_a_hold_ends_the_connection() {
    let mut no_s = hiatus_config();
    no_s.hiatus = hiatus_engine::HiatusPolicy::On(hiatus_engine::Offer {
        bits: hiatus_codec::CapableBits::new(1),
        hold: HoldTime::from_seconds(60),
    });
    let mut no_hold = hiatus_config();
    no_hold.hiatus = hiatus_engine::HiatusPolicy::On(hiatus_engine::Offer {
        bits: hiatus_codec::CapableBits::new(1).with_silent(),
        hold: HoldTime::NONE,
    });
    let ends: [(Config, Config); 2] = [(no_s, hiatus_config()), (hiatus_config(), no_hold)];
    for (a, b) in ends {
        let mut pair = Pair::on_with(a, b);
        pair.write(Side::B, b"anybody?");
        let mut reset = pair.clone();
        pair.alone(Side::B, seconds(123));
        let closed = Event::Closed { reason: CloseReason::NoAnswer };
        assert_eq!(pair.events(Side::B), [Event::Unanswered, closed]);
        Made::rst(Side::A, 1).give(&mut reset);
        assert_eq!(reset.events(Side::B), [Event::Closed { reason: CloseReason::Reset }]);
    }
}

#[test]
fn bare_reset_is_taken_for_absence() {
    //= draft#presumed
    //# A host MUST enter PRESUMED instead of closing the connection when
    //# a bare RST with SEG.SEQ equal to RCV.NXT comes from a peer that
    //# sent S and to which it offered a hold, unless HIA-MUST-88 says
    //# otherwise or in CLOSING or LAST-ACK its FIN is sent and nothing else is
    //# unacknowledged.
    let mut pair = Pair::on();
    Made::rst(Side::A, 1).give(&mut pair);
    assert_eq!(pair.b.state(), TcpState::Established);
    assert_eq!(pair.b.peer_state(), PeerState::Presumed);
}

#[test]
fn absence_that_is_presumed_is_probed() {
    //= draft#presumed
    //# A host in PRESUMED MUST send a RESUME with its current life after 60
    //# seconds, doubling the interval each time up to 600 seconds.
    let mut pair = presumed();
    let start = pair.now;
    let probes = pair.alone(Side::B, seconds(2400));
    assert_eq!(names(&probes), ["resume"; 6]);
    let times: Vec<Duration> = probes.iter().map(|frame| frame.at.since(start)).collect();
    assert_eq!(times, [60, 180, 420, 900, 1500, 2100].map(seconds));
    for probe in &probes {
        let Some(Message::Resume(resume)) = probe.message() else { panic!("RESUME") };
        assert_eq!(resume.life, hiatus_codec::Life { incarnation: 0, generation: 0 });
    }
}

#[test]
fn sign_of_life_ends_the_presumption() {
    //= draft#presumed
    //# A host in PRESUMED that is not in RESUMING MUST go back to UP on
    //# an acceptable segment without a Hiatus message.
    let mut pair = presumed();
    Made::ack(Side::A, 1, 1).give(&mut pair);
    assert_eq!(pair.b.peer_state(), PeerState::Up);
    assert!(pair.events(Side::B).contains(&Event::PeerResumed));
    // What was in flight goes again.
    let frames = pair.take(Side::B);
    assert_eq!(names(&frames), ["data"]);
    assert_eq!(frames[0].segment().payload, b"anybody?");
}

#[test]
fn probe_is_answered_and_both_go_on() {
    // A was there all the time, on the other side of a broken path.
    let mut pair = presumed();
    let frames: Vec<Frame> = pair.pass(seconds(60));
    assert_eq!(names(&frames), ["resume", "resume-ack", "data", "ack"]);
    assert_eq!(pair.read(Side::A), b"anybody?");
    assert_eq!(pair.b.peer_state(), PeerState::Up);
}

#[test]
fn suspend_turns_presumption_into_knowledge() {
    let mut pair = presumed();
    pair.command(Side::A, SUSPEND);
    let frames = pair.take(Side::A);
    pair.deliver(&frames[0]);
    assert_eq!(pair.b.peer_state(), PeerState::Held);
    assert_eq!(names(&pair.alone(Side::B, seconds(HOLD_SECONDS - 1))), ["suspend-ack"]);
}

#[test]
fn both_ends_may_be_away() {
    let mut pair = Pair::held();
    // B goes too: A does not hear it, so B says nothing.
    pair.command(Side::B, SUSPEND);
    assert_eq!(pair.take(Side::B), []);
    pair.off(seconds(500));
    pair.command(Side::A, Command::Resume);
    assert_eq!(names(&pair.alone(Side::A, seconds(20))), ["resume"; 5]);
    pair.command(Side::B, Command::Resume);
    pair.pass(seconds(100));
    for side in [Side::A, Side::B] {
        assert_eq!(pair.end(side).self_state(), hiatus_engine::SelfState::Up, "{side:?}");
        assert_eq!(pair.end(side).peer_state(), PeerState::Up, "{side:?}");
    }
    pair.write(Side::A, b"still here");
    pair.exchange();
    assert_eq!(pair.read(Side::B), b"still here");
}

#[test]
fn peer_that_is_back_as_plain_tcp_ends_the_hold() {
    //= draft#holding
    //# A host in HELD that is not in RESUMING MUST go back to PEER UP on
    //# an acceptable segment without a Hiatus message that has a FIN at
    //# or beyond SEG.SEQ of the SUSPEND, or an octet beyond the one at
    //# that number.
    let mut pair = Pair::on();
    pair.write(Side::A, b"overtaken");
    let overtaken = pair.take(Side::A);
    pair.command(Side::A, SUSPEND);
    let suspend = pair.take(Side::A);
    pair.deliver(&suspend[0]);
    pair.write(Side::B, b"waits");
    // What A had sent before, and a window probe, come from a host that leaves: SEG.SEQ of the SUSPEND is 10.
    pair.deliver(&overtaken[0]);
    Made::ack(Side::A, 10, 1).payload(b"p").give(&mut pair);
    assert_eq!(pair.b.peer_state(), PeerState::Held);
    assert_eq!(names(&pair.take(Side::B)), ["suspend-ack"]);
    let mut closing = pair.clone();
    for payload in [&b"xy"[..], b"x"] {
        let mut pair = pair.clone();
        let seq = if payload.len() == 2 { 10 } else { 11 };
        Made::ack(Side::A, seq, 1).payload(payload).give(&mut pair);
        assert_eq!(pair.b.peer_state(), PeerState::Up);
        assert_eq!(names(&pair.take(Side::B)), ["data"]);
    }
    Made::ack(Side::A, 11, 1).flags(Flags::ACK.union(Flags::FIN)).give(&mut closing);
    assert_eq!(closing.b.peer_state(), PeerState::Up);
    assert!(closing.events(Side::B).contains(&Event::PeerClosed));
}

#[test]
fn fin_from_before_the_suspend_does_not_end_the_hold() {
    let mut pair = Pair::on();
    pair.command(Side::A, Command::Close);
    let fin = pair.take(Side::A);
    pair.command(Side::A, SUSPEND);
    let suspend = pair.take(Side::A);
    pair.deliver(&suspend[0]);
    pair.deliver(&fin[0]);
    assert_eq!(pair.b.peer_state(), PeerState::Held);
    assert!(pair.events(Side::B).contains(&Event::PeerClosed));
}

#[test]
fn peer_that_shows_itself_is_sent_to_slowly() {
    //= draft#presumed
    //# A host that goes back to UP without synchronising SHOULD send again
    //# from SND.UNA on, with the initial RTO and a congestion window of at
    //# most the restart window of RFC 5681.
    let mut pair = Pair::on();
    let whole = vec![7; 60_000];
    for _ in 0..8 {
        pair.write(Side::B, &whole);
        pair.exchange();
        assert_eq!(pair.read(Side::A), whole);
        pair.exchange();
    }
    pair.write(Side::B, &whole);
    // More than the initial window of ten segments: the window has grown.
    assert!(pair.take(Side::B).len() > 10);
    Made::rst(Side::A, 1).give(&mut pair);
    assert_eq!(pair.b.peer_state(), PeerState::Presumed);
    Made::ack(Side::A, 1, 480_001).window(16_384).give(&mut pair);
    let again = pair.take(Side::B);
    let octets: usize = again.iter().map(|frame| frame.segment().payload.len()).sum();
    // Ten segments of 1,460 octets less 12 of timestamps: SMSS counts no options (RFC 5681, section 2).
    assert_eq!((octets, again[0].segment().seq.0), (14_480, B_ISN.wrapping_add(480_001)));
    // The initial RTO.
    assert_eq!(names(&pair.alone(Side::B, Duration::from_millis(999))), [""; 0]);
    assert!(!pair.alone(Side::B, Duration::from_millis(1)).is_empty());
}

#[test]
fn third_reset_within_a_minute_is_believed() {
    //= draft#presumed
    //# A host MUST close the connection at a bare RST that would lead
    //# from UP to PRESUMED for the third time within 60 seconds.
    let mut pair = Pair::on();
    let reset = |pair: &mut Pair| {
        Made::rst(Side::A, 1).give(pair);
        assert_eq!(pair.b.peer_state(), PeerState::Presumed);
        Made::ack(Side::A, 1, 1).give(pair);
        assert_eq!(pair.b.peer_state(), PeerState::Up);
    };
    reset(&mut pair);
    pair.alone(Side::B, seconds(59));
    reset(&mut pair);
    // The third comes 61 seconds after the first; the next is within a minute of the second.
    pair.alone(Side::B, seconds(2));
    reset(&mut pair);
    pair.events(Side::B);
    pair.alone(Side::B, seconds(58));
    Made::rst(Side::A, 1).give(&mut pair);
    assert_eq!(pair.events(Side::B), [Event::Closed { reason: CloseReason::Reset }]);
    assert_eq!(pair.take(Side::B), []);
}

#[test]
fn answer_to_a_probe_mends_the_timestamp() {
    //= draft#presumed
    //# A RESUME-ACK for the current life that leads back to UP sets TS.Recent to
    //# SEG.TSval, even if that is the lower one
    let mut pair = Pair::on();
    // Forged: its numbers fit, its timestamp is years ahead of A's clock.
    Made::ack(Side::A, 1, 1).tsval(2_000_000_000).give(&mut pair);
    pair.write(Side::B, b"unheard");
    pair.alone(Side::B, seconds(123));
    assert_eq!(pair.b.peer_state(), PeerState::Presumed);
    let probe = pair.alone(Side::B, seconds(60));
    pair.deliver(&probe[0]);
    let answer = pair.take(Side::A);
    assert_eq!(names(&answer), ["resume-ack"]);
    pair.deliver(&answer[0]);
    assert_eq!(pair.b.peer_state(), PeerState::Up);
    let again = pair.take(Side::B);
    assert_eq!(again[0].timestamps().echo_reply, answer[0].timestamps().value);
    pair.deliver(&again[0]);
    pair.write(Side::A, b"heard");
    pair.exchange();
    assert_eq!((pair.read(Side::A), pair.read(Side::B)), (b"unheard".to_vec(), b"heard".to_vec()));
}
