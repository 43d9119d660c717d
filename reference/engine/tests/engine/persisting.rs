//! A closed window, and one that shrinks (RFC 9293, sections 3.8.6 and 3.8.6.1).

use core::time::Duration;

use hiatus_engine::{CloseReason, Command, Event, TcpState};

use crate::pair::{A_ISN, Frame, Made, Pair, Side, plain_config, seconds};

/// The peer's window is closed, and A has 4000 octets to send.
fn closed_window() -> Pair {
    let mut pair = Pair::new(plain_config(), plain_config());
    pair.exchange();
    Made::ack(Side::B, 1, 1).window(0).give(&mut pair);
    pair.write(Side::A, &[7; 4000]);
    assert_eq!(pair.take(Side::A).len(), 0);
    pair.events(Side::A);
    pair
}

/// Runs A alone, B answering each segment at once with the same window of 0; gives when A sent, in milliseconds.
fn probed(pair: &mut Pair, duration: Duration) -> Vec<u128> {
    let start = pair.now;
    let until = pair.now + duration;
    let mut times = Vec::new();
    while let Some(due) = pair.a.poll_timeout().filter(|due| *due <= until) {
        let left = due.since(pair.now);
        for frame in pair.alone(Side::A, left) {
            assert_eq!(frame.segment().payload.len(), 1);
            times.push(frame.at.since(start).as_millis());
            Made::ack(Side::B, 1, 1).window(0).give(pair);
        }
    }
    pair.now = until;
    times
}

#[test]
fn closed_window_is_probed_after_an_rto_and_then_ever_more_seldom() {
    // SHLD-29, SHLD-30: with an RTO of 1 s, after 1, 3, 7, 15, 31, 63 s, then every 60 s, though the peer answers.
    let mut pair = closed_window();
    let times = probed(&mut pair, seconds(200));
    assert_eq!(times, [1000, 3000, 7000, 15_000, 31_000, 63_000, 123_000, 183_000]);
}

#[test]
fn peer_that_answers_may_keep_its_window_closed_for_ever() {
    // MUST-37: a day, and R2 is 100 s.
    let mut pair = closed_window();
    assert!(probed(&mut pair, seconds(86_400)).len() > 1000);
    assert_eq!((pair.a.state(), pair.events(Side::A)), (TcpState::Established, vec![]));
}

#[test]
fn probes_that_nobody_answers_end_the_connection_after_r2() {
    let mut pair = closed_window();
    pair.alone(Side::A, seconds(90));
    // R1 first (SHLD-9).
    assert_eq!((pair.a.state(), pair.events(Side::A)), (TcpState::Established, vec![Event::Unanswered]));
    // Unanswered since the first probe, after 1 s: R2 of 100 s is over when the timer runs out after 123 s.
    pair.alone(Side::A, seconds(32));
    assert_eq!(pair.a.state(), TcpState::Established);
    pair.alone(Side::A, seconds(2));
    assert_eq!(pair.events(Side::A), [Event::Closed { reason: CloseReason::NoAnswer }]);
}

#[test]
fn answer_begins_r2_anew() {
    let mut pair = closed_window();
    for _ in 0..4 {
        pair.alone(Side::A, seconds(80));
        Made::ack(Side::B, 1, 1).window(0).give(&mut pair);
    }
    assert_eq!(pair.a.state(), TcpState::Established);
}

#[test]
fn octet_of_a_probe_that_was_taken_is_not_sent_again() {
    let mut pair = closed_window();
    let probes = pair.alone(Side::A, seconds(1));
    assert_eq!(probes[0].segment().seq.0, A_ISN + 1);
    // The peer had room for just that octet.
    Made::ack(Side::B, 1, 2).window(0).give(&mut pair);
    let more = pair.alone(Side::A, seconds(10));
    assert!(more.iter().all(|frame| frame.segment().seq.0 == A_ISN + 2));
    Made::ack(Side::B, 1, 2).window(16_000).give(&mut pair);
    assert_eq!(pair.take(Side::A)[0].segment().seq.0, A_ISN + 2);
}

#[test]
fn window_that_opens_again_begins_with_the_first_interval() {
    let mut pair = closed_window();
    probed(&mut pair, seconds(100));
    Made::ack(Side::B, 1, 1).window(16_000).give(&mut pair);
    let sent = pair.take(Side::A);
    assert_eq!(sent.iter().map(|frame| frame.segment().payload.len()).sum::<usize>(), 4000);
    Made::ack(Side::B, 1, 4001).window(0).give(&mut pair);
    pair.write(Side::A, &[8; 10]);
    assert_eq!(probed(&mut pair, seconds(10)), [1000, 3000, 7000]);
}

#[test]
fn fin_passes_a_closed_window_as_a_probe() {
    let mut pair = Pair::new(plain_config(), plain_config());
    pair.exchange();
    Made::ack(Side::B, 1, 1).window(0).give(&mut pair);
    pair.command(Side::A, Command::Close);
    let frames = pair.alone(Side::A, seconds(1));
    assert_eq!(frames.iter().map(Frame::name).collect::<Vec<_>>(), ["fin"]);
    Made::ack(Side::B, 1, 2).window(0).give(&mut pair);
    assert_eq!(pair.a.state(), TcpState::FinWait2);
}

#[test]
fn window_that_shrinks_below_what_is_in_flight_is_borne() {
    // MUST-34; SHLD-15: no new data; SHLD-16: what lies within the window is sent again.
    let mut pair = Pair::new(plain_config(), plain_config());
    pair.exchange();
    pair.write(Side::A, &[7; 8 * 1448]);
    assert_eq!(pair.take(Side::A).len(), 8);
    // 2000 octets, where 11,584 are in flight.
    Made::ack(Side::B, 1, 1).window(500).give(&mut pair);
    assert_eq!(pair.take(Side::A).len(), 0);
    let again = pair.alone(Side::A, seconds(1));
    assert_eq!(again[0].segment().seq.0, A_ISN + 1);
    let ends = again.iter().map(|frame| {
        frame.segment().seq.0 - A_ISN - 1 + u32::try_from(frame.segment().payload.len()).unwrap_or(0)
    });
    assert!(ends.max() <= Some(2000));
    // The rest is lost; the connection bears it as long as the peer answers (SHLD-17).
    for _ in 0..50 {
        pair.alone(Side::A, seconds(10));
        Made::ack(Side::B, 1, 2001).window(0).give(&mut pair);
    }
    assert_eq!(pair.a.state(), TcpState::Established);
    Made::ack(Side::B, 1, 2001).window(16_000).give(&mut pair);
    assert_eq!(pair.take(Side::A)[0].segment().seq.0, A_ISN + 2001);
}

#[test]
fn window_that_shrinks_to_nothing_is_probed() {
    // MUST-35.
    let mut pair = Pair::new(plain_config(), plain_config());
    pair.exchange();
    pair.write(Side::A, &[7; 3000]);
    pair.take(Side::A);
    Made::ack(Side::B, 1, 1).window(0).give(&mut pair);
    let frames = pair.alone(Side::A, seconds(20));
    assert!(!frames.is_empty());
    assert!(frames.iter().all(|frame| frame.segment().payload.len() <= 1));
    assert_eq!(frames[0].segment().seq.0, A_ISN + 1);
    // And for ever.
    for _ in 0..100 {
        Made::ack(Side::B, 1, 1).window(0).give(&mut pair);
        pair.alone(Side::A, seconds(70));
    }
    assert_eq!(pair.a.state(), TcpState::Established);
}

#[test]
fn data_that_meets_the_own_closed_window_still_acknowledges() {
    // Section 3.10.7.4, first: with RCV.WND = 0, valid ACKs count nevertheless.
    let mut pair = Pair::new(plain_config(), plain_config());
    pair.exchange();
    // B reads nothing: 64 KiB fill its buffer.
    pair.write(Side::A, &[7; 65_536]);
    pair.exchange();
    pair.write(Side::B, b"answer");
    pair.take(Side::B);
    Made::ack(Side::A, 65_537, 7).payload(b"x").give(&mut pair);
    assert_eq!(pair.alone(Side::B, seconds(5)).iter().filter(|frame| frame.name() == "data").count(), 0);
    assert_eq!(pair.b.readable_octets(), 65_536);
}
