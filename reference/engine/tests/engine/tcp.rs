//! Plain TCP (RFC 9293): handshake, data, loss, windows, closing, resets.

use hiatus_codec::{Flags, SequenceNumber};
use hiatus_engine::{CloseReason, Command, Config, Event, TcpState, Timestamping, answer_stray};

use crate::pair::{
    A_ISN, B_ISN, Made, Pair, Side, connection_a, hiatus_config, names, plain_config, seconds,
};

fn plain() -> Pair {
    let mut pair = Pair::new(plain_config(), plain_config());
    pair.exchange();
    assert_eq!((pair.a.state(), pair.b.state()), (TcpState::Established, TcpState::Established));
    pair.events(Side::A);
    pair.events(Side::B);
    pair
}

#[test]
fn handshake_takes_three_segments() {
    let mut pair = Pair::new(plain_config(), plain_config());
    assert_eq!((pair.a.state(), pair.b.state()), (TcpState::SynSent, TcpState::Listen));
    let syn = pair.take(Side::A);
    assert_eq!(names(&syn), ["syn"]);
    assert_eq!(syn[0].segment().seq, SequenceNumber(A_ISN));
    pair.deliver(&syn[0]);
    assert_eq!(pair.b.state(), TcpState::SynReceived);
    let syn_ack = pair.take(Side::B);
    assert_eq!(names(&syn_ack), ["syn-ack"]);
    assert_eq!(syn_ack[0].segment().ack, SequenceNumber(A_ISN + 1));
    pair.deliver(&syn_ack[0]);
    assert_eq!(pair.a.state(), TcpState::Established);
    let ack = pair.take(Side::A);
    assert_eq!(names(&ack), ["ack"]);
    assert_eq!(ack[0].segment().ack, SequenceNumber(B_ISN + 1));
    pair.deliver(&ack[0]);
    assert_eq!(pair.b.state(), TcpState::Established);
    assert_eq!(pair.events(Side::A), [Event::Connected]);
    assert_eq!(pair.events(Side::B), [Event::Connected]);
}

#[test]
fn handshake_survives_the_loss_of_each_segment() {
    for lost in 0..3 {
        let mut pair = Pair::new(plain_config(), plain_config());
        for turn in 0..3 {
            let side = if turn == 1 { Side::B } else { Side::A };
            let frames = pair.take(side);
            if turn == lost {
                break;
            }
            pair.deliver(&frames[0]);
        }
        pair.pass(seconds(10));
        assert_eq!(
            (pair.a.state(), pair.b.state()),
            (TcpState::Established, TcpState::Established),
            "{lost}"
        );
    }
}

#[test]
fn simultaneous_open_connects() {
    let mut pair = Pair::new(plain_config(), plain_config());
    let a = pair.take(Side::A);
    Made::ack(Side::B, 0, 0).flags(Flags::SYN).give(&mut pair);
    assert_eq!(pair.a.state(), TcpState::SynReceived);
    let answer = pair.take(Side::A);
    assert_eq!(names(&answer), ["syn-ack"]);
    assert_eq!(answer[0].segment().seq, a[0].segment().seq);
    Made::ack(Side::B, 1, 1).give(&mut pair);
    assert_eq!(pair.a.state(), TcpState::Established);
}

#[test]
fn octets_go_both_ways() {
    let mut pair = plain();
    pair.write(Side::A, b"question");
    pair.write(Side::B, b"answer");
    pair.exchange();
    assert_eq!(pair.read(Side::B), b"question");
    assert_eq!(pair.read(Side::A), b"answer");
    assert!(pair.events(Side::A).contains(&Event::Readable));
}

#[test]
fn octets_written_before_the_connection_stands_are_sent() {
    let mut pair = Pair::new(plain_config(), plain_config());
    pair.write(Side::A, b"early");
    pair.exchange();
    assert_eq!(pair.read(Side::B), b"early");
}

#[test]
fn octets_out_of_order_are_put_in_order() {
    let mut pair = plain();
    let octets: Vec<u8> = (0..=255).cycle().take(5000).collect();
    pair.write(Side::A, &octets);
    let mut frames = pair.take(Side::A);
    assert!(frames.len() > 3);
    frames.reverse();
    for frame in &frames {
        pair.deliver(frame);
        // And twice.
        pair.deliver(frame);
    }
    assert_eq!(pair.read(Side::B), octets);
}

#[test]
fn lost_octets_are_sent_again_after_the_rto_and_the_rto_doubles() {
    let mut pair = plain();
    pair.write(Side::A, b"lost");
    pair.take(Side::A);
    // Initial RTO 1 s, doubled: 1, 3, 7 s (RFC 6298).
    let start = pair.now;
    let again = pair.alone(Side::A, seconds(8));
    let times: Vec<u128> = again.iter().map(|frame| frame.at.since(start).as_millis()).collect();
    assert_eq!(names(&again), ["data", "data", "data"]);
    assert_eq!(times, [1000, 3000, 7000]);
    pair.deliver(&again[2]);
    assert_eq!(pair.read(Side::B), b"lost");
}

#[test]
fn three_duplicate_acks_send_the_lost_segment_again() {
    let mut pair = plain();
    let octets = [7; 8000];
    pair.write(Side::A, &octets);
    let frames = pair.take(Side::A);
    // The first ACK changes the window and is no duplicate (RFC 5681, section 2).
    for frame in &frames[1..5] {
        pair.deliver(frame);
        let ack = pair.take(Side::B);
        pair.deliver(&ack[0]);
    }
    let again = pair.take(Side::A);
    assert_eq!(again[0].segment().seq, frames[0].segment().seq);
    assert_eq!(again.len(), 1);
    pair.deliver(&again[0]);
    pair.pass(seconds(2));
    assert_eq!(pair.read(Side::B), octets);
}

#[test]
fn sender_stops_at_the_window_and_probes() {
    let small = Config { receive_buffer_octets: 2000, window_scale: None, ..plain_config() };
    let mut pair = Pair::new(plain_config(), small);
    pair.exchange();
    let octets = [9; 6000];
    pair.write(Side::A, &octets);
    pair.exchange();
    // One segment; the rest of the window is less than half of it and waits (RFC 9293, section 3.8.6.2.1).
    assert_eq!(pair.b.readable_octets(), 1448);
    pair.pass(seconds(2));
    assert_eq!(pair.b.readable_octets(), 2000);
    // A zero window is probed for ever, as long as the probes are answered (RFC 9293, section 3.8.6.1).
    let probes = pair.pass(seconds(600));
    assert!(names(&probes).contains(&"data"));
    assert_eq!(pair.a.state(), TcpState::Established);
    let mut read = pair.read(Side::B);
    while read.len() < octets.len() {
        pair.pass(seconds(130));
        let more = pair.read(Side::B);
        read.extend(more);
    }
    assert_eq!(read, octets);
}

#[test]
fn reading_opens_the_window_without_a_probe() {
    let small = Config { receive_buffer_octets: 4000, ..plain_config() };
    let mut pair = Pair::new(plain_config(), small);
    pair.exchange();
    pair.write(Side::A, &[9; 8000]);
    pair.exchange();
    let mut read = pair.read(Side::B).len();
    while read < 8000 {
        pair.exchange();
        let more = pair.read(Side::B).len();
        assert!(more > 0, "stuck after {read}");
        read += more;
    }
}

#[test]
fn closing_goes_through_every_state() {
    let mut pair = plain();
    pair.command(Side::A, Command::Close);
    assert_eq!(pair.a.state(), TcpState::FinWait1);
    pair.exchange();
    assert_eq!((pair.a.state(), pair.b.state()), (TcpState::FinWait2, TcpState::CloseWait));
    pair.write(Side::B, b"last words");
    pair.exchange();
    assert_eq!(pair.read(Side::A), b"last words");
    pair.command(Side::B, Command::Close);
    assert_eq!(pair.b.state(), TcpState::LastAck);
    pair.exchange();
    assert_eq!((pair.a.state(), pair.b.state()), (TcpState::TimeWait, TcpState::Closed));
    pair.pass(seconds(241));
    assert_eq!(pair.a.state(), TcpState::Closed);
    assert!(pair.events(Side::A).ends_with(&[Event::Closed { reason: CloseReason::Finished }]));
    assert!(pair.events(Side::B).ends_with(&[Event::Closed { reason: CloseReason::Finished }]));
}

#[test]
fn both_closing_at_once_meet_in_closing() {
    let mut pair = plain();
    pair.command(Side::A, Command::Close);
    pair.command(Side::B, Command::Close);
    let (a, b) = (pair.take(Side::A), pair.take(Side::B));
    pair.deliver(&a[0]);
    pair.deliver(&b[0]);
    assert_eq!((pair.a.state(), pair.b.state()), (TcpState::Closing, TcpState::Closing));
    pair.exchange();
    assert_eq!((pair.a.state(), pair.b.state()), (TcpState::TimeWait, TcpState::TimeWait));
}

#[test]
fn octets_before_a_finished_close_can_still_be_read() {
    let mut pair = plain();
    pair.write(Side::A, b"end");
    pair.command(Side::A, Command::Close);
    pair.exchange();
    pair.command(Side::B, Command::Close);
    pair.exchange();
    assert_eq!(pair.b.state(), TcpState::Closed);
    assert_eq!(pair.read(Side::B), b"end");
}

#[test]
fn reset_counts_only_with_the_exact_sequence_number() {
    // RFC 5961, section 3.2.
    let mut pair = plain();
    Made::rst(Side::A, 2).give(&mut pair);
    assert_eq!(pair.b.state(), TcpState::Established);
    assert_eq!(names(&pair.take(Side::B)), ["ack"]);
    Made::rst(Side::A, 70_000).give(&mut pair);
    assert_eq!(names(&pair.take(Side::B)), Vec::<&str>::new());
    Made::rst(Side::A, 1).give(&mut pair);
    assert_eq!(pair.events(Side::B), [Event::Closed { reason: CloseReason::Reset }]);
}

#[test]
fn syn_on_a_connection_draws_a_challenge() {
    // RFC 5961, section 4.2.
    let mut pair = plain();
    Made::ack(Side::A, 1, 1).flags(Flags::SYN).give(&mut pair);
    assert_eq!(pair.b.state(), TcpState::Established);
    assert_eq!(names(&pair.take(Side::B)), ["ack"]);
}

#[test]
fn acknowledgment_of_the_future_draws_a_challenge() {
    let mut pair = plain();
    Made::ack(Side::A, 1, 2).payload(b"x").give(&mut pair);
    assert_eq!(names(&pair.take(Side::B)), ["ack"]);
    assert_eq!(pair.read(Side::B), b"");
}

#[test]
fn old_timestamp_draws_an_ack_and_is_dropped() {
    // RFC 7323, section 5.3.
    let mut pair = plain();
    Made::ack(Side::A, 1, 1).tsval(1).payload(b"old").give(&mut pair);
    assert_eq!(names(&pair.take(Side::B)), ["ack"]);
    assert_eq!(pair.read(Side::B), b"");
}

#[test]
fn timestamp_of_a_segment_beyond_a_hole_is_not_taken() {
    // RFC 7323, section 4.3: the segment that fills the hole may be the older one.
    let mut pair = plain();
    Made::ack(Side::A, 4, 1).tsval(600_000_000).payload(b"two").give(&mut pair);
    Made::ack(Side::A, 1, 1).tsval(500_000_000).payload(b"one").give(&mut pair);
    assert_eq!(pair.read(Side::B), b"onetwo");
}

#[test]
fn timestamp_beside_an_unacceptable_acknowledgment_is_not_taken() {
    //= draft#step-sequence
    //# On the same conditions, but only when the segment has passed the fifth
    //# check
    let mut pair = plain();
    // Beyond what was sent, and without ACK at all.
    let forged = [
        Made::ack(Side::A, 1, 900_000).tsval(2_000_000_000),
        Made::ack(Side::A, 1, 1).flags(Flags::default()).tsval(2_000_000_000),
    ];
    for made in forged {
        made.payload(b"forged").give(&mut pair);
        pair.take(Side::B);
    }
    Made::ack(Side::A, 1, 1).payload(b"one").give(&mut pair);
    assert_eq!(
        (pair.read(Side::B), pair.take(Side::B)[0].timestamps().echo_reply),
        (b"one".to_vec(), 500_000_000)
    );
}

#[test]
fn connection_works_without_timestamps_and_scale() {
    let bare = Config { timestamps: Timestamping::Off, window_scale: None, ..plain_config() };
    let mut pair = Pair::new(bare, plain_config());
    pair.write(Side::A, &[5; 30_000]);
    let frames = pair.exchange();
    assert_eq!(pair.read(Side::B), [5; 30_000]);
    let data = frames.iter().find(|frame| frame.name() == "data").expect("data");
    assert_eq!(data.segment().options.len(), 0);
    assert_eq!(data.segment().payload.len(), 1460);
}

#[test]
fn connection_attempt_that_is_refused_says_so() {
    let mut pair = Pair::new(plain_config(), plain_config());
    let syn = pair.take(Side::A);
    let mut buffer = [0; 60];
    let answer = answer_stray(&syn[0].segment(), None, &mut buffer).expect("an RST");
    assert!(answer.flags.contains(Flags::RST.union(Flags::ACK)));
    assert_eq!((answer.seq, answer.ack), (SequenceNumber(0), SequenceNumber(A_ISN + 1)));
    pair.a.handle_segment(pair.now, &answer);
    assert_eq!(pair.events(Side::A), [Event::Closed { reason: CloseReason::Refused }]);
}

#[test]
fn silence_ends_a_plain_connection_after_r2() {
    let mut pair = plain();
    pair.write(Side::A, b"anybody?");
    pair.alone(Side::A, seconds(300));
    // R1 is told before (RFC 9293, section 3.8.3).
    let closed = Event::Closed { reason: CloseReason::NoAnswer };
    assert_eq!(pair.events(Side::A), [Event::Unanswered, closed]);
}

#[test]
fn abort_of_a_plain_connection_is_a_bare_reset() {
    let mut pair = plain();
    pair.command(Side::A, Command::Abort);
    let frames = pair.exchange();
    assert_eq!(names(&frames), ["rst"]);
    assert_eq!(pair.events(Side::B), [Event::Closed { reason: CloseReason::Reset }]);
}

#[test]
fn listener_resets_what_is_not_a_syn() {
    let mut pair = Pair::new(plain_config(), plain_config());
    Made::ack(Side::A, 9, 5).give(&mut pair);
    let answer = pair.take(Side::B);
    assert_eq!(names(&answer), ["rst"]);
    assert_eq!(answer[0].segment().seq, SequenceNumber(B_ISN.wrapping_add(5)));
    assert_eq!(pair.b.state(), TcpState::Listen);
}

#[test]
fn segments_of_other_ports_are_left_alone() {
    let mut connection = connection_a(plain_config());
    let before = connection.clone();
    let mut pair = plain();
    pair.write(Side::B, b"x");
    let frames = pair.take(Side::B);
    let segment = hiatus_codec::Segment { source_port: 81, ..frames[0].segment() };
    connection.handle_segment(pair.now, &segment);
    assert_eq!(connection, before);
}

#[test]
fn old_segments_without_text_are_not_answered_for_ever() {
    // Reordered by more than a round trip, such ACKs would draw each other without end.
    let mut pair = Pair::on();
    pair.write(Side::A, b"x");
    pair.exchange();
    let old = Made::ack(Side::B, 1, 2).tsval(1);
    let outside = Made::ack(Side::B, 1_000_000, 2);
    let answers = |pair: &mut Pair, made: &Made| {
        (0..50)
            .map(|_| {
                made.give(pair);
                pair.take(Side::A).len()
            })
            .sum::<usize>()
    };
    assert!((1..=10).contains(&answers(&mut pair, &old)));
    pair.now = pair.now + seconds(1);
    assert!((1..=10).contains(&answers(&mut pair, &outside)));
    // Octets that came twice are always acknowledged: the ACK may have been lost.
    assert_eq!(answers(&mut pair, &old.payload(b"x")), 50);
}

#[test]
fn timestamps_start_afresh_after_a_month_of_silence() {
    // RFC 7323, section 5.5: after 24 days TS.Recent is void, and takes what the next segment says.
    let mut pair = plain();
    pair.write(Side::A, b"before");
    pair.exchange();
    pair.off(seconds(30 * 24 * 3600));
    pair.write(Side::A, b"after");
    let data = pair.take(Side::A);
    pair.deliver(&data[0]);
    let answer = pair.take(Side::B);
    assert_eq!(answer[0].segment().ack.0, A_ISN + 12);
    assert_eq!(answer[0].timestamps().echo_reply, data[0].timestamps().value);
}

#[test]
fn reset_in_syn_received_does_not_swallow_what_was_written() {
    for closes in [false, true] {
        let mut pair = Pair::new(plain_config(), plain_config());
        let syn = pair.take(Side::A);
        pair.deliver(&syn[0]);
        assert_eq!(pair.b.state(), TcpState::SynReceived);
        if closes {
            pair.command(Side::B, Command::Close);
        } else {
            pair.write(Side::B, b"for this peer");
        }
        Made::rst(Side::A, 1).give(&mut pair);
        assert_eq!(pair.b.state(), TcpState::Closed);
        assert_eq!(pair.events(Side::B).last(), Some(&Event::Closed { reason: CloseReason::Reset }));
    }
}

#[test]
fn window_unit_fits_the_receive_buffer() {
    let small = Config { receive_buffer_octets: 1000, window_scale: Some(14), ..plain_config() };
    let mut pair = Pair::new(plain_config(), small);
    pair.exchange();
    pair.write(Side::A, &[8; 5000]);
    let mut read_octets = 0;
    for _ in 0..20 {
        pair.pass(seconds(10));
        read_octets += pair.read(Side::B).len();
    }
    assert_eq!(read_octets, 5000);
}

#[test]
fn reset_after_both_fins_is_no_error() {
    // RFC 9293, section 3.10.7.4, second: in LAST-ACK the TCB is deleted, and nobody is signalled.
    let mut pair = plain();
    pair.command(Side::B, Command::Close);
    pair.exchange();
    pair.command(Side::A, Command::Close);
    pair.take(Side::A);
    pair.events(Side::A);
    Made::rst(Side::B, 2).give(&mut pair);
    assert_eq!(pair.events(Side::A), [Event::Closed { reason: CloseReason::Finished }]);
}

#[test]
fn syn_of_another_attempt_returns_to_listen() {
    // RFC 9293, section 3.10.7.4, fourth: SYN-RECEIVED after a passive OPEN.
    let mut pair = Pair::new(hiatus_config(), hiatus_config());
    let syn = pair.take(Side::A);
    pair.deliver(&syn[0]);
    pair.take(Side::B);
    // The same SYN again draws the SYN/ACK again.
    pair.deliver(&syn[0]);
    assert_eq!(names(&pair.take(Side::B)), ["capable"]);
    assert_eq!(pair.b.state(), TcpState::SynReceived);
    let other = Made::ack(Side::A, 1000, 0).flags(Flags::SYN);
    other.give(&mut pair);
    assert_eq!((pair.b.state(), pair.take(Side::B).len()), (TcpState::Listen, 0));
    other.give(&mut pair);
    assert_eq!(names(&pair.take(Side::B)), ["syn-ack"]);
}
