//! Explicit Congestion Notification (RFC 3168, section 6.1).

use hiatus_codec::{Flags, Segment};
use hiatus_engine::{Config, CongestionAlgorithm, Ecn, EcnPolicy, TcpState};

use crate::pair::{Frame, Made, Pair, Side, plain_config, seconds};

const SETUP: Flags = Flags::ECE.union(Flags::CWR);

fn with_ecn() -> Config {
    Config { ecn: EcnPolicy::On, congestion: CongestionAlgorithm::NewReno, ..plain_config() }
}

fn connected() -> Pair {
    let mut pair = Pair::new(with_ecn(), with_ecn());
    pair.exchange();
    assert_eq!(pair.a.state(), TcpState::Established);
    pair
}

/// Everything `side` wants to send now, with what the IP header is to say.
fn take_marked(pair: &mut Pair, side: Side) -> Vec<(Frame, Ecn)> {
    let at = pair.now;
    let mut frames = Vec::new();
    let mut buffer = [0; 2048];
    while let Some(burst) = pair.end(side).poll_transmit_burst(at, &mut buffer, 1) {
        frames.push((Frame { from: side, at, octets: buffer[..burst.len_octets].to_vec() }, burst.ecn));
    }
    frames
}

/// Gives `frame` to its addressee as a router marked it.
fn deliver_marked(pair: &mut Pair, frame: &Frame, mark: Ecn) {
    let now = pair.now;
    let segment: Segment<'_> = frame.segment();
    pair.end(frame.from.peer()).handle_marked_segment(now, mark, &segment);
}

fn ecn_flags(frame: &Frame) -> (bool, bool) {
    (frame.has(Flags::ECE), frame.has(Flags::CWR))
}

#[test]
fn both_syns_agree_on_ecn() {
    // Section 6.1.1: SYN with ECE and CWR, SYN/ACK with ECE; neither is marked.
    let mut pair = Pair::new(with_ecn(), with_ecn());
    let syn = take_marked(&mut pair, Side::A);
    assert_eq!((ecn_flags(&syn[0].0), syn[0].1), ((true, true), Ecn::NotEct));
    pair.deliver(&syn[0].0);
    let syn_ack = take_marked(&mut pair, Side::B);
    assert_eq!((ecn_flags(&syn_ack[0].0), syn_ack[0].1), ((true, false), Ecn::NotEct));
    pair.deliver(&syn_ack[0].0);
    // A pure ACK is not marked (section 6.1.4); new data is, with ECT(0).
    let ack = take_marked(&mut pair, Side::A);
    assert_eq!((ecn_flags(&ack[0].0), ack[0].1), ((false, false), Ecn::NotEct));
    pair.deliver(&ack[0].0);
    for side in [Side::A, Side::B] {
        pair.write(side, b"data");
        let data = take_marked(&mut pair, side);
        assert_eq!((ecn_flags(&data[0].0), data[0].1), ((false, false), Ecn::Ect0));
    }
}

#[test]
fn one_end_without_ecn_means_none() {
    for (a, b) in [(with_ecn(), plain_config()), (plain_config(), with_ecn())] {
        let mut pair = Pair::new(a, b);
        let frames = pair.exchange();
        assert!(frames[1..].iter().all(|frame| ecn_flags(frame) == (false, false)));
        for side in [Side::A, Side::B] {
            pair.write(side, b"data");
            assert_eq!(take_marked(&mut pair, side)[0].1, Ecn::NotEct);
        }
    }
}

#[test]
fn syn_ack_that_reflects_both_flags_agrees_to_nothing() {
    // Section 6.1.1.2.
    let mut pair = Pair::new(with_ecn(), with_ecn());
    pair.take(Side::A);
    Made::ack(Side::B, 0, 1).flags(Flags::SYN.union(Flags::ACK).union(SETUP)).give(&mut pair);
    pair.write(Side::A, b"data");
    let frames = take_marked(&mut pair, Side::A);
    assert!(frames.iter().all(|(_, mark)| *mark == Ecn::NotEct));
}

#[test]
fn syn_that_is_sent_again_does_without() {
    // Section 6.1.1.1. Having sent a SYN without it, A does not mark, but echoes as it promised.
    let mut pair = Pair::new(with_ecn(), with_ecn());
    pair.take(Side::A);
    let again = pair.alone(Side::A, seconds(1));
    assert_eq!(ecn_flags(&again[0]), (false, false));
    Made::ack(Side::B, 0, 1).flags(Flags::SYN.union(Flags::ACK).union(Flags::ECE)).give(&mut pair);
    pair.write(Side::A, b"data");
    assert!(take_marked(&mut pair, Side::A).iter().all(|(_, mark)| *mark == Ecn::NotEct));
    let data = Made::ack(Side::B, 1, 5).payload(b"x").frame(pair.now);
    deliver_marked(&mut pair, &data, Ecn::Ce);
    assert_eq!(ecn_flags(&pair.take(Side::A)[0]), (true, false));
}

#[test]
fn mark_is_echoed_until_the_sender_says_that_it_slowed_down() {
    // Section 6.1.3.
    let mut pair = connected();
    pair.write(Side::A, &[7; 8 * 1448]);
    let data = take_marked(&mut pair, Side::A);
    deliver_marked(&mut pair, &data[0].0, Ecn::Ect0);
    assert_eq!(ecn_flags(&pair.take(Side::B)[0]), (false, false));
    deliver_marked(&mut pair, &data[1].0, Ecn::Ce);
    assert_eq!(ecn_flags(&pair.take(Side::B)[0]), (true, false));
    // In every ACK, also on data of its own.
    deliver_marked(&mut pair, &data[2].0, Ecn::Ect0);
    let echo = pair.take(Side::B);
    assert_eq!(ecn_flags(&echo[0]), (true, false));
    pair.write(Side::B, b"own");
    assert_eq!(ecn_flags(&pair.take(Side::B)[0]), (true, false));
    // A hears it, slows down and says so once, on new data.
    pair.deliver(&echo[0]);
    for (frame, _) in &data[3..] {
        deliver_marked(&mut pair, frame, Ecn::Ect0);
        for ack in pair.take(Side::B) {
            pair.deliver(&ack);
        }
    }
    pair.write(Side::A, &[7; 2 * 1448]);
    let next = take_marked(&mut pair, Side::A);
    assert_eq!(next.iter().map(|(frame, _)| ecn_flags(frame).1).collect::<Vec<_>>(), [true, false]);
    deliver_marked(&mut pair, &next[0].0, Ecn::Ect0);
    assert_eq!(ecn_flags(&pair.take(Side::B)[0]), (false, false));
    // A mark on the segment that says CWR is a new one.
    deliver_marked(&mut pair, &next[1].0, Ecn::Ce);
    assert_eq!(ecn_flags(&pair.take(Side::B)[0]), (true, false));
}

#[test]
fn window_is_reduced_once_for_each_window_of_data() {
    // Section 6.1.2. 10 segments are in flight, the initial window; the echo halves it.
    let mut pair = connected();
    pair.write(Side::A, &[7; 40 * 1448]);
    assert_eq!(take_marked(&mut pair, Side::A).len(), 10);
    for octets in [1, 2, 3] {
        Made::ack(Side::B, 1, 1 + octets * 1448).flags(Flags::ACK.union(Flags::ECE)).give(&mut pair);
        assert_eq!(take_marked(&mut pair, Side::A).len(), 0);
    }
    Made::ack(Side::B, 1, 1 + 10 * 1448).flags(Flags::ACK.union(Flags::ECE)).give(&mut pair);
    let next = take_marked(&mut pair, Side::A);
    assert!((4..=6).contains(&next.len()), "{}", next.len());
    assert_eq!(next.iter().filter(|(frame, _)| ecn_flags(frame).1).count(), 1);
    assert!(ecn_flags(&next[0].0).1);
}

#[test]
fn data_that_is_sent_again_is_not_marked() {
    // Section 6.1.5. And after a timeout CWR goes with new data only (section 6.1.2).
    let mut pair = connected();
    pair.write(Side::A, &[7; 1448]);
    assert_eq!(take_marked(&mut pair, Side::A)[0].1, Ecn::Ect0);
    pair.now = pair.now + seconds(1);
    let now = pair.now;
    pair.a.handle_timeout(now);
    let again = take_marked(&mut pair, Side::A);
    assert_eq!((again.len(), again[0].1, ecn_flags(&again[0].0)), (1, Ecn::NotEct, (false, false)));
    Made::ack(Side::B, 1, 1449).give(&mut pair);
    pair.write(Side::A, b"new");
    let new = take_marked(&mut pair, Side::A);
    assert_eq!((new[0].1, ecn_flags(&new[0].0)), (Ecn::Ect0, (false, true)));
}

#[test]
fn window_probe_is_not_marked() {
    // Section 6.1.6.
    let mut pair = connected();
    Made::ack(Side::B, 1, 1).window(0).give(&mut pair);
    pair.write(Side::A, &[7; 100]);
    pair.now = pair.now + seconds(1);
    let now = pair.now;
    pair.a.handle_timeout(now);
    let probe = take_marked(&mut pair, Side::A);
    assert_eq!((probe[0].0.segment().payload.len(), probe[0].1), (1, Ecn::NotEct));
}

#[test]
fn mark_outside_the_window_counts_for_nothing() {
    // Section 6.1.5.
    let mut pair = connected();
    let far = Made::ack(Side::A, 1_000_000, 1).payload(b"forged").frame(pair.now);
    deliver_marked(&mut pair, &far, Ecn::Ce);
    assert_eq!(ecn_flags(&pair.take(Side::B)[0]), (false, false));
}

#[test]
fn field_is_the_low_two_bits() {
    for (octet, mark) in [(0xfc, Ecn::NotEct), (0xfd, Ecn::Ect1), (0xfe, Ecn::Ect0), (0xff, Ecn::Ce)] {
        assert_eq!((Ecn::of_traffic_class(octet), mark.bits()), (mark, octet & 3));
    }
}
