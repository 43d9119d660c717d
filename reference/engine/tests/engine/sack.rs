//! Recovery with SACK: RFC 2018, RFC 2883, RFC 6675, RFC 9937.

use hiatus_engine::{Command, Config, CongestionAlgorithm, Sacking};
use quickcheck::{Arbitrary, Gen, QuickCheck};

use crate::pair::{A_ISN, Frame, Pair, SUSPEND, Side, hiatus_config, plain_config, seconds};
use crate::sender::{Octets, PeerSack, SEGMENT, Sender, config, segment, segments};

fn reno() -> Sender {
    Sender::new(config(CongestionAlgorithm::NewReno), PeerSack::Permitted)
}

/// Ten segments are in flight, and more wait.
fn ten_in_flight() -> Sender {
    let mut sender = reno();
    sender.write(100);
    assert_eq!(sender.frames(), segments(10));
    sender
}

/// Ten segments are in flight, and no more wait.
fn last_ten_in_flight() -> Sender {
    let mut sender = reno();
    sender.write(10);
    assert_eq!(sender.frames(), segments(10));
    sender
}

/// Octets of segments `from` up to, not including, `to`.
fn span(from: u32, to: u32) -> Octets {
    (from * SEGMENT, to * SEGMENT)
}

#[test]
fn blocks_let_new_segments_out_and_the_third_starts_recovery() {
    // RFC 6675, section 5: step 3 is limited transmit, and step 4 the retransmission.
    let mut sender = ten_in_flight();
    sender.ack(0, &[span(1, 2)]);
    assert_eq!(sender.frames(), [segment(10)]);
    sender.ack(0, &[span(1, 3)]);
    assert_eq!(sender.frames(), [segment(11)]);
    sender.ack(0, &[span(1, 4)]);
    assert_eq!(sender.frames(), [segment(0)]);
}

#[test]
fn one_acknowledgment_is_enough_if_it_reports_enough() {
    // IsLost: more than two segments arrived above the hole (RFC 6675, section 4), or three ranges.
    let mut sender = ten_in_flight();
    sender.ack(0, &[span(1, 4)]);
    assert_eq!(sender.frames()[0], segment(0));
    let mut sender = ten_in_flight();
    sender.ack(0, &[span(6, 7), span(4, 5), span(2, 3)]);
    let sent = sender.frames();
    assert_eq!(sent[0], segment(0));
    // Two segments exactly are not enough.
    let mut sender = ten_in_flight();
    sender.ack(0, &[span(1, 3)]);
    assert!(!sender.frames().contains(&segment(0)));
}

#[test]
fn holes_that_are_lost_go_before_new_segments() {
    // Segments 0, 2 and 5 are lost; 3 and 4 arrived, and 6 to 9.
    let mut sender = ten_in_flight();
    sender.ack(0, &[span(1, 2)]);
    sender.ack(0, &[span(3, 5), span(1, 2)]);
    sender.ack(0, &[span(6, 10), span(3, 5), span(1, 2)]);
    // All three holes lie below more than two segments that arrived; that the first is lost was known with the second
    // ACK. The pipe is empty, and ssthresh is five segments: RFC 9937 lets them out.
    assert_eq!(sender.frames(), [segment(0), segment(2), segment(5), segment(10), segment(11)]);
    // The first arrived. Four are under way: one may go.
    sender.ack(2 * SEGMENT, &[span(6, 10), span(3, 5)]);
    assert_eq!(sender.frames(), [segment(12)]);
}

#[test]
fn reduction_is_spread_over_the_round_trip() {
    // RFC 9937 by hand: 20 segments in flight, the first is lost, ssthresh is ten segments. RecoverFS is what was not
    // SACKed before the third duplicate, 18 segments. sndcnt = ceil(delivered * 10 / 18) - out: the first ACK sends
    // segment 0 in any case, so that the fourth one is the next to send (ceil(40 / 18) - 1 = 1.22 segments), and so on.
    let mut sender = reno();
    let next = sender.carry(10);
    sender.write(100);
    assert_eq!(sender.frames().len(), 20);
    let arrived = |count: u32| (next + SEGMENT, next + (1 + count) * SEGMENT);
    let mut sent_by = Vec::new();
    // The first two would be limited transmit: they are not polled, so that 20 stay in flight.
    sender.ack(next, &[arrived(1)]);
    sender.ack(next, &[arrived(2)]);
    for count in 3..20 {
        sender.ack(next, &[arrived(count)]);
        sent_by.push(sender.frames().len());
    }
    // From the thirteenth on the pipe is at ssthresh, and what leaves it may be replaced.
    let expected = [1, 0, 0, 1, 0, 1, 0, 1, 1, 0, 1, 0, 0, 1, 1, 1, 1];
    assert_eq!(sent_by, expected);
}

#[test]
fn acknowledgment_that_shows_no_more_loss_lets_a_segment_more_out() {
    // RFC 9937 by hand: segments 0 to 6 are lost, the pipe is empty, and ssthresh is five segments.
    let mut sender = ten_in_flight();
    sender.ack(0, &[span(7, 10)]);
    assert_eq!(sender.frames(), segments(3));
    // Two of them are under way. prr_delivered - prr_out = 4 - 3, and one more for a safeACK; then max(5 - 5, 1) and one.
    sender.ack(SEGMENT, &[span(7, 10)]);
    assert_eq!(sender.frames(), [segment(3), segment(4)]);
    sender.ack(2 * SEGMENT, &[span(7, 10)]);
    assert_eq!(sender.frames(), [segment(5), segment(6)]);
}

#[test]
fn hole_that_may_not_be_lost_goes_last() {
    // NextSeg, rule 3: with nothing new, segment 8 is sent again although only one segment arrived above it.
    let mut sender = last_ten_in_flight();
    sender.ack(0, &[span(1, 2)]);
    sender.ack(0, &[span(1, 3)]);
    sender.ack(0, &[span(1, 8)]);
    assert_eq!(sender.frames()[0], segment(0));
    sender.ack(0, &[span(9, 10), span(1, 8)]);
    assert_eq!(sender.frames(), [segment(8)]);
}

#[test]
fn last_segments_are_rescued_once() {
    // NextSeg, rule 4: segments 0, 8 and 9 are lost; nothing is SACKed above the last two.
    let mut sender = last_ten_in_flight();
    sender.ack(0, &[span(1, 8)]);
    assert_eq!(sender.frames(), [segment(0)]);
    // HighACK passes RescueRxt: the segment with the highest octet goes, and not a second time.
    sender.ack(8 * SEGMENT, &[]);
    assert_eq!(sender.frames(), [segment(9)]);
    sender.ack(8 * SEGMENT, &[span(9, 10)]);
    assert_eq!(sender.frames(), [segment(8)]);
    sender.ack(10 * SEGMENT, &[]);
    assert_eq!(sender.pass(5000), []);
}

#[test]
fn reports_of_duplicates_are_no_loss() {
    // RFC 2883, section 4.1: segments that arrived twice are reported below the acknowledgment; section 4.2: within
    // the block that follows.
    let mut sender = ten_in_flight();
    sender.ack(5 * SEGMENT, &[]);
    sender.frames();
    for index in 0..5 {
        sender.ack(5 * SEGMENT, &[segment(index)]);
        assert_eq!(sender.frames(), []);
    }
    sender.ack(5 * SEGMENT, &[span(6, 7)]);
    let sent = sender.frames();
    assert!(!sent.contains(&segment(5)));
    for _ in 0..5 {
        sender.ack(5 * SEGMENT, &[(6 * SEGMENT, 6 * SEGMENT + 500), span(6, 7)]);
        assert_eq!(sender.frames(), []);
    }
}

#[test]
fn acknowledgments_without_blocks_are_no_duplicates_where_sack_is_permitted() {
    // RFC 6675, section 2: a duplicate acknowledgment reports something for the first time.
    let mut sender = ten_in_flight();
    for _ in 0..5 {
        sender.ack(0, &[]);
        assert_eq!(sender.frames(), []);
    }
}

#[test]
fn blocks_count_only_where_they_are_permitted() {
    let mut sender = Sender::new(config(CongestionAlgorithm::NewReno), PeerSack::Refused);
    sender.write(100);
    sender.frames();
    sender.ack(0, &[span(1, 9)]);
    // A plain duplicate.
    assert_eq!(sender.frames(), [segment(10)]);
}

#[test]
fn timeout_forgets_what_was_reported_and_skips_what_is_reported_after() {
    // RFC 2018, section 8: the SACKed bits are off after a timeout.
    let mut sender = ten_in_flight();
    sender.ack(0, &[span(1, 2)]);
    sender.ack(0, &[span(1, 3)]);
    assert_eq!(sender.frames(), [segment(10), segment(11)]);
    assert_eq!(sender.pass(1000), [(1000, segment(0))]);
    sender.ack(SEGMENT, &[]);
    assert_eq!(sender.frames(), [segment(1), segment(2)]);
    // Segments 4 and 5, and 8: they are not sent again.
    sender.ack(2 * SEGMENT, &[span(4, 6), span(8, 9)]);
    assert_eq!(sender.frames(), [segment(3), segment(6)]);
    sender.ack(3 * SEGMENT, &[span(4, 6), span(8, 9)]);
    assert_eq!(sender.frames(), [segment(7), segment(9)]);
}

#[test]
fn peer_that_drops_what_it_reported_gets_it_again() {
    // RFC 2018, section 8: it waits for octets that it had SACKed.
    let mut sender = ten_in_flight();
    sender.ack(0, &[span(2, 6)]);
    sender.frames();
    sender.ack(2 * SEGMENT, &[]);
    let mut sent = sender.frames();
    for index in 3..10 {
        sender.ack(index * SEGMENT, &[]);
        sent.extend(sender.frames());
    }
    for index in 2..6 {
        assert!(sent.contains(&segment(index)), "{index} in {sent:?}");
    }
}

#[test]
fn blocks_that_cannot_be_change_nothing() {
    let mut sender = ten_in_flight();
    let before = sender.connection.clone();
    let far = |distance: u32| (distance, distance.wrapping_add(SEGMENT));
    let hostile: [&[Octets]; 8] = [
        // Below SND.UNA, at it, empty, inverted, above SND.MAX, half the number space away.
        &[(0_u32.wrapping_sub(SEGMENT), 0)],
        &[span(0, 5)],
        &[(SEGMENT, SEGMENT)],
        &[span(8, 2)],
        &[span(9, 11)],
        &[span(10, 11)],
        &[far(1 << 31), far((1 << 31) - 500)],
        &[(1, u32::MAX), (0_u32.wrapping_sub(5), 5)],
    ];
    for blocks in hostile {
        for _ in 0..4 {
            sender.ack(0, blocks);
        }
    }
    assert_eq!(sender.frames(), []);
    // What was heard and when is all that differs.
    let mut quiet = sender.clone();
    quiet.connection = before;
    sender.ack(10 * SEGMENT, &[]);
    quiet.ack(10 * SEGMENT, &[]);
    assert_eq!(sender.frames(), quiet.frames());
}

#[test]
fn recovery_crosses_the_end_of_the_numbers() {
    // Segments 0 to 3 lie before 2^32 and the others after it; the same around 2^31.
    for isn in [0_u32.wrapping_sub(3_500), (1 << 31) - 3_500] {
        let mut sender = Sender::with_isn(config(CongestionAlgorithm::NewReno), PeerSack::Permitted, isn);
        sender.write(10);
        assert_eq!(sender.frames(), segments(10));
        sender.ack(0, &[span(5, 9), span(1, 3)]);
        assert_eq!(sender.frames(), [segment(0), segment(3), segment(4)]);
        sender.ack(3 * SEGMENT, &[span(5, 9)]);
        sender.frames();
        sender.ack(10 * SEGMENT, &[]);
        assert_eq!(sender.pass(5000), []);
    }
}

#[test]
fn mss_that_is_smaller_than_a_hole_fills_it_in_pieces() {
    // The hole is one and a half segments, and no piece crosses what arrived.
    let mut sender = ten_in_flight();
    sender.ack(0, &[(1500, 8000)]);
    let sent = sender.frames();
    assert_eq!(sent[..2], [(0, 1000), (1000, 1500)]);
}

/// Octets of the stream of A on these frames, the first being 0.
fn octets_of(frames: &[Frame]) -> Vec<Octets> {
    let octets = |frame: &Frame| {
        let segment = frame.segment();
        let from = segment.seq.0.wrapping_sub(A_ISN + 1);
        (from, from + u32::try_from(segment.payload.len()).expect("small"))
    };
    let from_a = frames.iter().filter(|frame| frame.from == Side::A && !frame.segment().payload.is_empty());
    from_a.map(octets).collect()
}

#[test]
fn two_engines_repair_exactly_what_was_lost() {
    let config = Config { sack: Sacking::On, congestion: CongestionAlgorithm::Cubic, ..plain_config() };
    let mut pair = Pair::new(config, config);
    pair.exchange();
    let octets: Vec<u8> = (0..=255).cycle().take(40_000).collect();
    pair.write(Side::A, &octets);
    let frames = pair.take(Side::A);
    assert_eq!(frames.len(), 10);
    let lost = [1, 4, 5, 7];
    for (_, frame) in frames.iter().enumerate().filter(|(index, _)| !lost.contains(index)) {
        pair.deliver(frame);
        for answer in pair.take(Side::B) {
            pair.deliver(&answer);
        }
    }
    // No time passes: no timer helps.
    let sent = octets_of(&pair.exchange());
    let first_flight = octets_of(&frames);
    let again: Vec<Octets> = sent.iter().copied().filter(|octets| octets.0 < 10 * 1448).collect();
    assert_eq!(again, lost.map(|index: usize| first_flight[index]));
    assert_eq!(pair.read(Side::B), octets);
}

#[test]
fn synchronising_forgets_what_was_reported() {
    //= draft#sync
    //# A host that synchronises MUST drop the data that it holds out of order.
    // So its peer sends again what was reported as well.
    let config = Config { sack: Sacking::On, ..hiatus_config() };
    for away in [Side::A, Side::B] {
        let mut pair = Pair::on_with(config, config);
        let octets: Vec<u8> = (0..=255).cycle().take(14_000).collect();
        pair.write(Side::A, &octets);
        let frames = pair.take(Side::A);
        for frame in &frames[2..] {
            pair.deliver(frame);
            for answer in pair.take(Side::B) {
                pair.deliver(&answer);
            }
        }
        assert!(pair.take(Side::A).len() >= 2);
        pair.command(away, SUSPEND);
        for frame in pair.take(away) {
            pair.deliver(&frame);
        }
        pair.take(away.peer());
        pair.off(seconds(60));
        pair.command(away, Command::Resume);
        let sent = octets_of(&pair.exchange());
        let reached = sent.iter().fold(0, |next, (from, to)| if *from == next { *to } else { next });
        assert_eq!(reached, 14_000, "{away:?}: {sent:?}");
        assert_eq!(pair.read(Side::B), octets);
    }
}

/// A network by hand: which segments arrive, and in which order.
#[derive(Debug, Clone)]
struct Fates(Vec<u8>);

impl Arbitrary for Fates {
    fn arbitrary(g: &mut Gen) -> Self {
        Self((0..400).map(|_| u8::arbitrary(g)).collect())
    }
}

/// The peer, one flag an octet.
struct Receiver {
    has: Vec<bool>,
    next: usize,
}

impl Receiver {
    fn take(&mut self, octets: Octets) {
        let index = |octet: u32| usize::try_from(octet).expect("small");
        self.has[index(octets.0)..index(octets.1)].fill(true);
        self.next = self.has.iter().position(|has| !has).unwrap_or(self.has.len());
    }

    /// The first three blocks above the acknowledgment.
    fn blocks(&self) -> Vec<Octets> {
        let octet = |index: usize| u32::try_from(index).expect("small");
        let mut blocks = Vec::new();
        let mut from = self.next;
        while let Some(start) = (from..self.has.len()).find(|index| self.has[*index]) {
            let end = (start..self.has.len()).find(|index| !self.has[*index]).unwrap_or(self.has.len());
            blocks.push((octet(start), octet(end)));
            from = end;
        }
        blocks.truncate(3);
        blocks
    }
}

/// Thirty segments go through, whatever is lost or late; what was reported is not sent again before a timeout.
fn carries(algorithm: CongestionAlgorithm, fates: &Fates) -> bool {
    const SEGMENTS: u32 = 30;
    let mut sender = Sender::new(config(algorithm), PeerSack::Permitted);
    sender.write(SEGMENTS);
    let size = usize::try_from(SEGMENTS * SEGMENT).expect("small");
    let mut receiver = Receiver { has: vec![false; size], next: 0 };
    let mut reported: Vec<Octets> = Vec::new();
    let mut fates = fates.0.iter();
    let mut late = Vec::new();
    for _ in 0..1000 {
        let sent = sender.frames();
        let crosses = |octets: &Octets| reported.iter().any(|block| octets.0 < block.1 && block.0 < octets.1);
        if sent.iter().any(crosses) {
            return false;
        }
        let mut arriving = core::mem::take(&mut late);
        if sent.is_empty() && arriving.is_empty() {
            if receiver.next == size {
                return true;
            }
            // Only the timer is left, and with it nothing that was reported counts.
            reported.clear();
            arriving = sender.pass_to_timer();
        }
        for octets in sent.into_iter().chain(arriving) {
            match fates.next().map_or(0, |fate| fate % 8) {
                0..5 => {
                    receiver.take(octets);
                    let blocks = receiver.blocks();
                    sender.ack(u32::try_from(receiver.next).expect("small"), &blocks);
                    reported.extend(blocks);
                }
                5 => late.push(octets),
                _ => {}
            }
        }
    }
    false
}

#[test]
fn everything_arrives_and_nothing_that_was_reported_goes_twice() {
    let seeded = || QuickCheck::new().rng(Gen::from_size_and_seed(100, 0x6675)).tests(200);
    seeded().quickcheck((|fates| carries(CongestionAlgorithm::NewReno, &fates)) as fn(Fates) -> bool);
    seeded().quickcheck((|fates| carries(CongestionAlgorithm::Cubic, &fates)) as fn(Fates) -> bool);
}
