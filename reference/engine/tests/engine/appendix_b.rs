//! Sentences of RFC 9293 that its appendix B lists and that no story elsewhere is about; `rfc9293.toml` names the tests.

use hiatus_codec::{Flags, KnownOptions, Segment};
use hiatus_engine::{CloseReason, Command, Config, Event, TcpState, Timestamping};

use crate::pair::{Frame, Made, Pair, Side, names, seconds};

/// MSS 1460 and no other option on a segment with data.
const SEGMENT_OCTETS: usize = 1460;

fn config() -> Config {
    Config { timestamps: Timestamping::Off, window_scale: None, ..Config::default() }
}

fn connected(config_a: Config, config_b: Config) -> Pair {
    let mut pair = Pair::new(config_a, config_b);
    pair.exchange();
    assert_eq!((pair.a.state(), pair.b.state()), (TcpState::Established, TcpState::Established));
    pair.events(Side::A);
    pair.events(Side::B);
    pair
}

fn data_octets(frames: &[Frame]) -> usize {
    frames.iter().map(|frame| frame.segment().payload.len()).sum()
}

/// Octets of the stream of A up to and including those of `frame`.
fn end_of(frame: &Frame) -> usize {
    let segment = frame.segment();
    let before = segment.seq.0.wrapping_sub(crate::pair::A_ISN).wrapping_sub(1);
    usize::try_from(before).expect("small") + segment.payload.len()
}

#[test]
fn the_window_is_an_unsigned_number() {
    // MUST-1: 0x8000 would be negative otherwise.
    let mut pair = connected(config(), config());
    Made::ack(Side::B, 1, 1).window(0x8000).give(&mut pair);
    pair.write(Side::A, &[1; 6 * SEGMENT_OCTETS]);
    assert_eq!(data_octets(&pair.take(Side::A)), 6 * SEGMENT_OCTETS);
}

#[test]
fn the_window_is_handled_as_a_number_of_32_bits() {
    // REC-1: scaled by 2^14 this is 65,536, of which 16 bits would leave nothing.
    let scaled = Config { window_scale: Some(14), ..config() };
    let mut pair = connected(scaled, scaled);
    Made::ack(Side::B, 1, 1).window(4).give(&mut pair);
    pair.write(Side::A, &[1; 6 * SEGMENT_OCTETS]);
    assert_eq!(data_octets(&pair.take(Side::A)), 6 * SEGMENT_OCTETS);
}

#[test]
fn the_right_edge_of_the_window_never_moves_back() {
    // SHLD-14.
    let small = Config { receive_buffer_octets: 4000, ..config() };
    let mut pair = connected(config(), small);
    let (mut seq, mut edge) = (1, 0);
    for len in [1, 700, 3, 1460, 200, 13, 900, 700] {
        Made::ack(Side::A, seq, 1).payload(&vec![5; len]).give(&mut pair);
        seq += u32::try_from(len).expect("small");
        for frame in pair.alone(Side::B, seconds(1)) {
            let segment = frame.segment();
            let ack = segment.ack.0.wrapping_sub(crate::pair::A_ISN);
            assert!(ack + u32::from(segment.window) >= edge, "{ack} and {} after {edge}", segment.window);
            edge = ack + u32::from(segment.window);
        }
        if len == 200 {
            assert_eq!(pair.read(Side::B).len(), 2364);
        }
    }
    assert!(edge > 4000);
}

#[test]
fn a_window_that_shrinks_is_survived() {
    let mut pair = connected(config(), config());
    pair.write(Side::A, &[1; 6 * SEGMENT_OCTETS]);
    assert_eq!(data_octets(&pair.take(Side::A)), 6 * SEGMENT_OCTETS);
    Made::ack(Side::B, 1, 1).window(2000).give(&mut pair);
    // MUST-34: the usable window is negative. SHLD-15: no new data.
    pair.write(Side::A, &[2; SEGMENT_OCTETS]);
    assert_eq!(names(&pair.take(Side::A)), Vec::<&str>::new());
    // SHLD-16: what lies within the window is sent again. What lies beyond it may be (MAY-7), and is not.
    let again = pair.alone(Side::A, seconds(10));
    assert!(!again.is_empty());
    assert!(again.iter().all(|frame| end_of(frame) <= 2000), "{again:?}");
    // SHLD-17: a peer that answers, but not what lies beyond its window, is no reason to give up. MUST-35: it is probed.
    let acked = u32::try_from(SEGMENT_OCTETS).expect("small") + 1;
    for _ in 0..20 {
        Made::ack(Side::B, 1, acked).window(0).give(&mut pair);
        pair.take(Side::A);
        assert!(!pair.alone(Side::A, seconds(61)).is_empty(), "no probe");
        assert_eq!(pair.a.state(), TcpState::Established);
    }
}

#[test]
fn small_writes_leave_together_under_one_push() {
    // MAY-16, SHLD-27; MUST-61: PSH on the last segment.
    let mut pair = connected(config(), config());
    pair.write(Side::A, b"one ");
    pair.write(Side::A, b"two ");
    pair.write(Side::A, b"three");
    let frames = pair.take(Side::A);
    assert_eq!((frames.len(), frames[0].segment().payload), (1, &b"one two three"[..]));
    assert!(frames[0].has(Flags::PSH));
    frames.iter().for_each(|frame| pair.deliver(frame));
    pair.pass(seconds(1));
    // SHLD-28: segments are as large as can be, whatever the writes. MUST-60: nothing waits for more of them.
    for _ in 0..30 {
        pair.write(Side::A, &[7; 100]);
    }
    let sent = pair.pass(seconds(1));
    let data: Vec<&Frame> =
        sent.iter().filter(|frame| frame.from == Side::A && frame.name() == "data").collect();
    let lens: Vec<usize> = data.iter().map(|frame| frame.segment().payload.len()).collect();
    assert_eq!(lens, [SEGMENT_OCTETS, SEGMENT_OCTETS, 80]);
    let pushed: Vec<bool> = data.iter().map(|frame| frame.has(Flags::PSH)).collect();
    assert_eq!(pushed, [false, false, true]);
}

#[test]
fn segments_that_wait_are_processed_before_one_ack() {
    // MUST-58, MUST-59.
    let mut pair = connected(config(), config());
    pair.write(Side::A, &[1; 4 * SEGMENT_OCTETS]);
    for frame in pair.take(Side::A) {
        pair.deliver(&frame);
    }
    let answer = pair.take(Side::B);
    assert_eq!(names(&answer), ["ack"]);
    assert_eq!(answer[0].segment().ack.0, crate::pair::A_ISN + 1 + 4 * 1460);
}

#[test]
fn a_reset_may_carry_data() {
    // SHLD-2; MUST-12: the application learns why.
    let mut pair = connected(config(), config());
    Made::rst(Side::A, 1).payload(b"because").give(&mut pair);
    assert_eq!(pair.events(Side::B), [Event::Closed { reason: CloseReason::Reset }]);
    assert_eq!(pair.read(Side::B), b"");
}

#[test]
fn time_wait_lasts_two_msl() {
    // MUST-13: the MSL is two minutes.
    let mut pair = connected(config(), config());
    pair.command(Side::A, Command::Close);
    pair.exchange();
    pair.command(Side::B, Command::Close);
    pair.exchange();
    assert_eq!(pair.a.state(), TcpState::TimeWait);
    pair.alone(Side::A, seconds(239));
    assert_eq!(pair.a.state(), TcpState::TimeWait);
    pair.alone(Side::A, seconds(2));
    assert_eq!(pair.a.state(), TcpState::Closed);
}

#[test]
fn a_reset_counts_though_the_window_is_closed() {
    // MUST-66.
    let small = Config { receive_buffer_octets: 1000, ..config() };
    let mut pair = connected(config(), small);
    pair.write(Side::A, &[1; 2000]);
    pair.pass(seconds(20));
    assert_eq!(pair.b.readable_octets(), 1000);
    Made::rst(Side::A, 1001).give(&mut pair);
    assert_eq!(pair.events(Side::B).last(), Some(&Event::Closed { reason: CloseReason::Reset }));
}

/// Gives `octets` of A with other options.
fn give_with_options(pair: &mut Pair, seq: u32, payload: &[u8], options: &[u8]) {
    let frame = Made::ack(Side::A, seq, 1).payload(payload).frame(pair.now);
    pair.arrive(Side::B, &Segment { options, ..frame.segment() });
}

#[test]
fn options_that_nobody_knows_are_passed_over_in_any_segment() {
    // MUST-5, MUST-6, MUST-68: by their length. The second has an MSS on a segment without SYN.
    let mut pair = connected(config(), config());
    give_with_options(&mut pair, 1, b"one", &[77, 4, 1, 2]);
    give_with_options(&mut pair, 4, b"two", &[2, 4, 0, 88, 200, 6, 1, 2, 3, 4, 1, 0]);
    assert_eq!(pair.read(Side::B), b"onetwo");
    pair.write(Side::B, &[1; SEGMENT_OCTETS]);
    assert_eq!(pair.take(Side::B)[0].segment().payload.len(), SEGMENT_OCTETS);
    let fin = Made::ack(Side::A, 7, 1).flags(Flags::FIN.union(Flags::ACK)).frame(pair.now);
    pair.arrive(Side::B, &Segment { options: &[99, 8, 0, 0, 0, 0, 0, 0], ..fin.segment() });
    assert_eq!(pair.b.state(), TcpState::CloseWait);
}

#[test]
fn option_lengths_that_cannot_be_right_do_no_harm() {
    // MUST-7: zero, one, and beyond the header.
    let mut pair = connected(config(), config());
    let areas: [&[u8]; 4] = [&[77, 0, 0, 0], &[77, 1, 0, 0], &[77, 40, 0, 0], &[1, 1, 1, 77]];
    for (options, seq) in areas.into_iter().zip(1..) {
        give_with_options(&mut pair, seq, b"x", options);
    }
    assert_eq!(pair.read(Side::B), b"xxxx");
}

#[test]
fn every_syn_has_an_mss_and_no_other_segment() {
    // MUST-14, SHLD-5, MAY-3, MUST-65.
    let mut pair = Pair::new(config(), config());
    pair.write(Side::A, &[1; 5000]);
    let mut frames = pair.exchange();
    pair.command(Side::A, Command::Close);
    pair.command(Side::B, Command::Close);
    frames.extend(pair.exchange());
    assert!(frames.len() > 8);
    for frame in &frames {
        let segment = frame.segment();
        let mss = KnownOptions::parse(&segment).mss;
        assert_eq!(mss, frame.has(Flags::SYN).then_some(1460), "{}", frame.name());
    }
    // And what the peer says is heeded.
    let modest = Config { mss_octets: 700, ..config() };
    let mut pair = connected(config(), modest);
    pair.write(Side::A, &[1; 5000]);
    let lens: Vec<usize> = pair.take(Side::A).iter().map(|frame| frame.segment().payload.len()).collect();
    assert_eq!(lens.iter().max(), Some(&700));
}

#[test]
fn a_syn_without_mss_means_536_octets() {
    // MUST-15, over IPv4.
    let mut pair = Pair::new(config(), config());
    pair.take(Side::A);
    let syn_ack = Made::ack(Side::B, 0, 1).flags(Flags::SYN.union(Flags::ACK)).frame(pair.now);
    pair.arrive(Side::A, &Segment { options: &[], ..syn_ack.segment() });
    pair.take(Side::A);
    pair.write(Side::A, &[1; 5000]);
    let lens: Vec<usize> = pair.take(Side::A).iter().map(|frame| frame.segment().payload.len()).collect();
    assert_eq!(lens.iter().max(), Some(&536));
}

#[test]
fn the_header_is_padded_with_zeros() {
    // MUST-69: timestamps and a RESUME take 39 octets.
    let mut pair = Pair::held();
    pair.command(Side::A, Command::Resume);
    let resume = &pair.take(Side::A)[0];
    let options = resume.segment().options.to_vec();
    assert_eq!((names(std::slice::from_ref(resume)), options.len(), options[39]), (vec!["resume"], 40, 0));
}
