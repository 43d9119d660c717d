//! Loss and congestion without SACK: RFC 3042, RFC 5681, RFC 6298, RFC 6582, RFC 6928, RFC 7323.

use core::time::Duration;

use hiatus_engine::{Config, CongestionAlgorithm, Timestamping};

use crate::sender::{PeerSack, SEGMENT, Sender, config, segment, segments};

fn reno() -> Sender {
    Sender::new(config(CongestionAlgorithm::NewReno), PeerSack::Refused)
}

/// Ten segments are in flight, and more wait.
fn ten_in_flight() -> Sender {
    let mut sender = reno();
    sender.write(100);
    assert_eq!(sender.frames(), segments(10));
    sender
}

#[test]
fn first_two_duplicates_let_new_segments_out() {
    // RFC 3042, section 2.
    let mut sender = ten_in_flight();
    sender.ack(0, &[]);
    assert_eq!(sender.frames(), [segment(10)]);
    sender.ack(0, &[]);
    assert_eq!(sender.frames(), [segment(11)]);
    // RFC 5681, section 3.2: ssthresh = 12 / 2 segments, and cwnd = 6 + 3, with 12 in flight.
    sender.ack(0, &[]);
    assert_eq!(sender.frames(), [segment(0)]);
    for _ in 0..3 {
        sender.ack(0, &[]);
        assert_eq!(sender.frames(), []);
    }
    // cwnd is 13 with the fourth more.
    sender.ack(0, &[]);
    assert_eq!(sender.frames(), [segment(12)]);
}

#[test]
fn partial_acknowledgment_sends_the_next_hole() {
    // RFC 6582, section 3.2: segments 0 and 3 are lost.
    let mut sender = ten_in_flight();
    for _ in 0..3 {
        sender.ack(0, &[]);
    }
    // Nothing was polled in between: the third duplicate comes first, and ssthresh is five segments.
    assert_eq!(sender.frames(), [segment(0)]);
    for _ in 3..8 {
        sender.ack(0, &[]);
    }
    // cwnd = 5 + 3 + 5.
    assert_eq!(sender.frames(), [segment(10), segment(11), segment(12)]);
    // Three segments arrived: cwnd = 13 - 3 + 1, of which ten are in flight.
    sender.ack(3 * SEGMENT, &[]);
    assert_eq!(sender.frames(), [segment(3), segment(13)]);
    // All that was sent before the loss: cwnd = ssthresh, five segments, of which four are in flight.
    sender.ack(10 * SEGMENT, &[]);
    assert_eq!(sender.frames(), [segment(14)]);
    // Congestion avoidance: one segment more after five.
    for index in 11..15 {
        sender.ack(index * SEGMENT, &[]);
        assert_eq!(sender.frames(), [segment(index + 4)]);
    }
    sender.ack(15 * SEGMENT, &[]);
    assert_eq!(sender.frames(), [segment(19), segment(20)]);
}

#[test]
fn duplicates_of_what_was_sent_before_the_loss_start_no_second_recovery() {
    // RFC 6582, section 3.2, step 2: they must cover more than "recover".
    let mut sender = ten_in_flight();
    for _ in 0..10 {
        sender.ack(0, &[]);
    }
    let sent = sender.frames();
    assert_eq!((sent[0], sent.len()), (segment(0), 6));
    sender.ack(10 * SEGMENT, &[]);
    sender.frames();
    for _ in 0..5 {
        sender.ack(10 * SEGMENT, &[]);
        assert!(!sender.frames().contains(&segment(10)));
    }
    // One octet more, and it is another loss.
    sender.ack(11 * SEGMENT, &[]);
    sender.frames();
    for _ in 0..3 {
        sender.ack(11 * SEGMENT, &[]);
    }
    assert!(sender.frames().contains(&segment(11)));
}

#[test]
fn timeout_goes_back_and_starts_slowly() {
    let mut sender = ten_in_flight();
    assert_eq!(sender.pass(1000), [(1000, segment(0))]);
    // Slow start up to half of what was in flight, five segments; one more for each segment that arrives.
    sender.ack(SEGMENT, &[]);
    assert_eq!(sender.frames(), [segment(1), segment(2)]);
    sender.ack(2 * SEGMENT, &[]);
    assert_eq!(sender.frames(), [segment(3), segment(4)]);
    // Duplicates below the point of the loss are answers to what is sent again.
    for _ in 0..5 {
        sender.ack(2 * SEGMENT, &[]);
        assert_eq!(sender.frames(), []);
    }
    sender.ack(10 * SEGMENT, &[]);
    assert_eq!(sender.frames(), [segment(10), segment(11), segment(12), segment(13)]);
}

#[test]
fn what_had_arrived_before_opens_the_window_by_one_segment() {
    // RFC 9406, section 4.3: CUBIC's quick slow start is for the first one only.
    let mut sender = Sender::new(config(CongestionAlgorithm::Cubic), PeerSack::Refused);
    sender.write(100);
    assert_eq!(sender.frames(), segments(10));
    assert_eq!(sender.pass(1000), [(1000, segment(0))]);
    // Only the first and the last were lost. cwnd = 1 + 1, not 1 + 8.
    sender.ack(9 * SEGMENT, &[]);
    assert_eq!(sender.frames(), [segment(9), segment(10)]);
}

#[test]
fn windows_are_whole_segments_where_options_take_room() {
    // RFC 5681, section 2: SMSS does not count options. Behind timestamps an MSS of 1000 leaves 988 octets; the initial
    // window is ten of them (RFC 6928), and the window after a timeout is one.
    let stamps = Config { timestamps: Timestamping::On, ..config(CongestionAlgorithm::NewReno) };
    let mut sender = Sender::closed(stamps, 1);
    sender.frames();
    sender.open_echoing(6000);
    sender.write_octets(20 * 988);
    let ten: Vec<_> = (0..10).map(|index| (index * 988, (index + 1) * 988)).collect();
    assert_eq!(sender.frames(), ten);
    assert_eq!(sender.pass(1000), [(1000, (0, 988))]);
}

#[test]
fn doubled_timeout_stays_until_something_is_measured() {
    // RFC 6298, section 5: Karn's algorithm. Without timestamps an ACK of what was sent twice measures nothing.
    let mut sender = reno();
    sender.write(1);
    assert_eq!(sender.frames(), segments(1));
    assert_eq!(sender.pass(1500), [(1000, segment(0))]);
    sender.ack(SEGMENT, &[]);
    sender.write(1);
    assert_eq!(sender.frames(), [segment(1)]);
    assert_eq!(sender.pass(2100), [(2000, segment(1))]);
    sender.ack(2 * SEGMENT, &[]);
    // Sent once, and answered after 100 ms: measured.
    sender.write(1);
    assert_eq!(sender.frames(), [segment(2)]);
    sender.now = sender.now + Duration::from_millis(100);
    sender.ack(3 * SEGMENT, &[]);
    sender.write(1);
    assert_eq!(sender.frames(), [segment(3)]);
    assert_eq!(sender.pass(1100), [(1000, segment(3))]);
}

#[test]
fn timestamps_measure_what_was_sent_twice() {
    // RFC 7323, section 4.1: the echo tells the copies apart.
    let stamps = Config { timestamps: Timestamping::On, ..config(CongestionAlgorithm::NewReno) };
    let mut sender = Sender::closed(stamps, 1);
    sender.frames();
    sender.open_echoing(6000);
    sender.write_octets(988);
    sender.frames();
    sender.now = sender.now + Duration::from_millis(1000);
    sender.connection.handle_timeout(sender.now);
    let (sent, tsval) = sender.stamped();
    assert_eq!(sent, [(0, 988)]);
    sender.now = sender.now + Duration::from_millis(50);
    sender.ack_echoing(988, &[], Some(tsval));
    sender.write_octets(988);
    sender.frames();
    // Without the measurement it would be 2 s.
    assert_eq!(sender.pass(1100), [(1000, (988, 1976))]);
}

#[test]
fn samples_of_one_flight_weigh_as_one() {
    // RFC 7323, appendix G: ten segments of 988 octets are in flight, and the round trip rose from 0 to 400 ms. With
    // ExpectedSamples 5 5 4 4 3 3 2 2 1 1 python3 gives SRTT 179.5 ms and RTTVAR 211.4 ms: an RTO of 1025 ms. Counted
    // in full, ten samples would give 956 ms.
    let stamps = Config {
        timestamps: Timestamping::On,
        rto_min: Duration::from_millis(10),
        ..config(CongestionAlgorithm::NewReno)
    };
    let mut sender = Sender::closed(stamps, 1);
    sender.frames();
    sender.open_echoing(6000);
    sender.write(100);
    let (sent, tsval) = sender.stamped();
    assert_eq!(sent.len(), 10);
    sender.now = sender.now + Duration::from_millis(400);
    for index in 1..=10 {
        sender.ack_echoing(index * 988, &[], Some(tsval));
    }
    sender.frames();
    let (at, _) = sender.pass(5000)[0];
    assert!((1023..=1027).contains(&at), "{at}");
}

#[test]
fn echo_of_what_never_left_measures_nothing() {
    let stamps = Config { timestamps: Timestamping::On, ..config(CongestionAlgorithm::NewReno) };
    for forged in [0, 5_999, 7_000_000, 3_000_000_000] {
        let mut sender = Sender::closed(stamps, 1);
        sender.frames();
        sender.open_echoing(forged);
        sender.write_octets(988);
        sender.frames();
        // The RTO is still the initial one.
        assert_eq!(sender.pass(1100), [(1000, (0, 988))], "{forged}");
    }
}

#[test]
fn window_is_small_again_after_idling() {
    // RFC 5681, section 4.1.
    for (idle_ms, burst) in [(900, 40), (1100, 10)] {
        let mut sender = reno();
        // Slow start to 40 segments.
        let next = sender.carry(30);
        sender.now = sender.now + Duration::from_millis(idle_ms);
        sender.write(100);
        let sent = sender.frames();
        assert_eq!((sent[0], sent.len()), ((next, next + SEGMENT), burst), "{idle_ms}");
    }
}

#[test]
fn window_that_is_not_used_does_not_grow() {
    // RFC 9438, section 5.8, and RFC 7661: what is in flight is far below cwnd.
    for algorithm in [CongestionAlgorithm::NewReno, CongestionAlgorithm::Cubic] {
        let mut sender = Sender::new(config(algorithm), PeerSack::Refused);
        for round in 0..50 {
            sender.write(4);
            assert_eq!(sender.frames().len(), 4);
            sender.now = sender.now + Duration::from_millis(10);
            for index in 1..=4 {
                sender.ack((round * 4 + index) * SEGMENT, &[]);
            }
        }
        sender.write(100);
        assert_eq!(sender.frames().len(), 10);
    }
}

#[test]
fn lost_syn_makes_the_start_slow() {
    // RFC 6928, section 2: one segment. RFC 6298, section 5.7: an RTO of three seconds.
    let mut sender = Sender::closed(config(CongestionAlgorithm::NewReno), 1);
    assert_eq!(sender.frames(), [(0, 0)]);
    assert_eq!(sender.pass(1100), [(1000, (0, 0))]);
    sender.open(PeerSack::Refused);
    sender.write(10);
    assert_eq!(sender.frames(), segments(1));
    assert_eq!(sender.pass(3100), [(3000, segment(0))]);
}

#[test]
fn octets_that_wrap_in_the_ring_are_the_right_ones() {
    let small = Config { send_buffer_octets: 3_000, ..config(CongestionAlgorithm::NewReno) };
    let mut sender = Sender::new(small, PeerSack::Refused);
    let mut buffer = [0; 2048];
    let mut expected = 0_u8;
    let mut next = 0_u8;
    for round in 1..200_u32 {
        let octets: Vec<u8> = (0..2_500)
            .map(|_| {
                next = next.wrapping_add(1);
                next
            })
            .collect();
        assert_eq!(sender.connection.write(sender.now, &octets), Ok(2_500));
        while let Some(segment) = sender.connection.poll_transmit(sender.now, &mut buffer) {
            for octet in segment.payload {
                expected = expected.wrapping_add(1);
                assert_eq!(*octet, expected);
            }
        }
        sender.ack(round * 2_500, &[]);
    }
}
