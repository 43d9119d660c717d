//! Delayed acknowledgments (RFC 9293, section 3.8.6.3; RFC 5681, section 4.2).

use core::time::Duration;

use hiatus_codec::{Flags, KnownOptions};
use hiatus_engine::{Command, Config, PeerState, Sacking};

use crate::pair::{A_ISN, Made, Pair, SUSPEND, Side, hiatus_config, names, plain_config, seconds};

/// Segments that are acknowledged one by one at the start: the initial window of RFC 6928.
const QUICK: u32 = 10;
/// What a full segment of 1460 octets has left beside timestamps.
const FULL: usize = 1448;

const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn config() -> Config {
    Config { delayed_ack: Some(millis(40)), sack: Sacking::On, ..plain_config() }
}

/// B gets segments by hand.
struct Receiver {
    pair: Pair,
    /// Octets sent so far.
    sent: u32,
}

impl Receiver {
    fn new(config: Config) -> Self {
        let mut pair = Pair::new(config, config);
        pair.exchange();
        Self { pair, sent: 0 }
    }

    /// One whose peer has left its slow start: full segments of 1448 octets came.
    fn settled() -> Self {
        Self::settled_with(config())
    }

    fn settled_with(config: Config) -> Self {
        let mut receiver = Self::new(config);
        for _ in 0..QUICK {
            assert_eq!(receiver.gets(FULL), 1);
            receiver.is_read();
        }
        receiver
    }

    /// So many octets arrive in one segment; how many segments B answers at once.
    fn gets(&mut self, len_octets: usize) -> usize {
        self.arrives(self.sent, len_octets, Flags::ACK);
        self.sent += u32::try_from(len_octets).expect("small");
        self.answers()
    }

    fn arrives(&mut self, from: u32, len_octets: usize, flags: Flags) {
        Made::ack(Side::A, from + 1, 1).flags(flags).payload(&vec![5; len_octets]).give(&mut self.pair);
    }

    /// Segments that B has to send; an ACK among them covers all that arrived in order.
    fn answers(&mut self) -> usize {
        let frames = self.pair.take(Side::B);
        if let Some(frame) = frames.last() {
            assert_eq!(frame.segment().ack.0.wrapping_sub(A_ISN + 1), self.sent);
        }
        frames.len()
    }

    /// The application takes all; what is said of the window that opens is not looked at.
    fn is_read(&mut self) {
        self.pair.read(Side::B);
        self.pair.take(Side::B);
    }

    fn passes(&mut self, duration: Duration) -> usize {
        self.pair.alone(Side::B, duration).len()
    }
}

#[test]
fn second_full_segment_draws_the_ack() {
    let mut receiver = Receiver::settled();
    for _ in 0..5 {
        assert_eq!(receiver.gets(FULL), 0);
        assert_eq!(receiver.gets(FULL), 1);
        receiver.is_read();
    }
}

#[test]
fn single_segment_is_acknowledged_after_the_delay() {
    let mut receiver = Receiver::settled();
    assert_eq!(receiver.gets(FULL), 0);
    assert_eq!(receiver.passes(millis(39)), 0);
    assert_eq!(receiver.passes(millis(1)), 1);
    assert_eq!(receiver.passes(seconds(10)), 0);
}

#[test]
fn delay_counts_from_the_first_segment_that_waits() {
    // RFC 5681, section 4.2: within 500 ms of the arrival of the first unacknowledged packet.
    let mut receiver = Receiver::settled();
    for wait in [30, 9] {
        receiver.arrives(receiver.sent, 10, Flags::ACK.union(Flags::PSH));
        receiver.sent += 10;
        assert_eq!(receiver.answers(), 0);
        assert_eq!(receiver.passes(millis(wait)), 0);
    }
    assert_eq!(receiver.passes(millis(1)), 1);
}

#[test]
fn delay_stays_below_half_a_second() {
    // RFC 9293, MUST-40.
    let mut receiver = Receiver::settled_with(Config { delayed_ack: Some(seconds(3)), ..config() });
    assert_eq!(receiver.gets(100), 0);
    assert_eq!(receiver.passes(Duration::from_micros(499_999)), 1);
}

#[test]
fn without_a_delay_every_segment_draws_its_ack() {
    let mut receiver = Receiver::settled_with(Config { delayed_ack: None, ..config() });
    for _ in 0..5 {
        assert_eq!(receiver.gets(100), 1);
    }
}

#[test]
fn push_does_not_force_an_ack() {
    let mut receiver = Receiver::settled();
    receiver.arrives(receiver.sent, 100, Flags::ACK.union(Flags::PSH));
    assert_eq!(receiver.pair.take(Side::B).len(), 0);
}

#[test]
fn merged_segments_count_by_their_octets() {
    // What receive offload gives is more than one segment, and there is one ACK for it.
    let mut receiver = Receiver::settled();
    assert_eq!(receiver.gets(2 * FULL), 1);
    assert_eq!(receiver.gets(20 * FULL), 1);
    // It did not change what a full segment is.
    receiver.is_read();
    assert_eq!(receiver.gets(FULL), 0);
    assert_eq!(receiver.gets(FULL), 1);
}

#[test]
fn full_is_what_the_peer_has_shown_to_be_full() {
    // RFC 5681, section 4.2: a sender with a smaller MTU must not see stretch ACKs.
    let mut receiver = Receiver::new(config());
    for _ in 0..QUICK {
        assert_eq!(receiver.gets(1000), 1);
    }
    assert_eq!(receiver.gets(1000), 0);
    assert_eq!(receiver.gets(1000), 1);
    // It becomes smaller on the way: two of one length show it.
    assert_eq!(receiver.gets(500), 0);
    assert_eq!(receiver.gets(500), 1);
    assert_eq!(receiver.gets(500), 0);
    assert_eq!(receiver.gets(500), 1);
    // Short ones that end what was written do not.
    let mut receiver = Receiver::settled();
    for _ in 0..10 {
        receiver.arrives(receiver.sent, 100, Flags::ACK.union(Flags::PSH));
        receiver.sent += 100;
        assert_eq!(receiver.answers(), 0);
    }
}

#[test]
fn ack_rides_on_data() {
    let mut receiver = Receiver::settled();
    assert_eq!(receiver.gets(100), 0);
    receiver.pair.write(Side::B, b"answer");
    assert_eq!(names(&receiver.pair.take(Side::B)), ["data"]);
    // No ACK follows it; 1 s later the data is sent again.
    assert_eq!(receiver.passes(millis(999)), 0);
}

#[test]
fn dialogue_ends_the_quick_start() {
    let mut receiver = Receiver::new(config());
    receiver.arrives(0, 100, Flags::ACK);
    receiver.sent = 100;
    receiver.pair.write(Side::B, b"answer");
    assert_eq!(receiver.answers(), 1);
    assert_eq!(receiver.gets(100), 0);
}

#[test]
fn request_with_the_handshake_does_not_end_the_quick_start() {
    let mut pair = Pair::new(config(), config());
    pair.write(Side::A, b"request");
    pair.exchange();
    for index in 0..QUICK {
        Made::ack(Side::B, 1 + index * 1448, 8).payload(&[6; FULL]).give(&mut pair);
        assert_eq!(names(&pair.take(Side::A)), ["ack"]);
    }
}

#[test]
fn segment_beyond_a_hole_is_acknowledged_at_once() {
    let mut receiver = Receiver::settled();
    let first = receiver.sent;
    receiver.arrives(first + 100, 100, Flags::ACK);
    assert_eq!(receiver.answers(), 1);
    receiver.arrives(first + 300, 100, Flags::ACK);
    assert_eq!(receiver.answers(), 1);
    // And the one that fills a part of the gap, or all of it.
    for (from, end) in [(0, 200), (200, 400)] {
        receiver.arrives(first + from, 100, Flags::ACK);
        receiver.sent = first + end;
        assert_eq!(receiver.answers(), 1);
    }
    assert_eq!(receiver.gets(100), 0);
}

#[test]
fn ack_that_waits_goes_with_one_that_does_not() {
    let mut receiver = Receiver::settled();
    assert_eq!(receiver.gets(100), 0);
    receiver.arrives(receiver.sent + 100, 100, Flags::ACK);
    assert_eq!(receiver.answers(), 1);
    assert_eq!(receiver.passes(seconds(1)), 0);
}

#[test]
fn duplicate_is_reported_at_once() {
    let mut receiver = Receiver::settled();
    let first = receiver.sent;
    assert_eq!(receiver.gets(100), 0);
    receiver.arrives(first, 100, Flags::ACK);
    let frames = receiver.pair.take(Side::B);
    let segment = frames[0].segment();
    let sack = KnownOptions::parse(&segment).sack.expect("D-SACK");
    let block = sack.iter().next().expect("a block");
    assert_eq!((block.left.0, block.right.0), (A_ISN + 1 + first, A_ISN + 101 + first));
    assert_eq!((frames.len(), receiver.passes(seconds(1))), (1, 0));
}

#[test]
fn fin_is_acknowledged_at_once() {
    let mut receiver = Receiver::settled();
    assert_eq!(receiver.gets(100), 0);
    receiver.arrives(receiver.sent, 0, Flags::ACK.union(Flags::FIN));
    receiver.sent += 1;
    assert_eq!(receiver.answers(), 1);
    // The same one again, too.
    receiver.arrives(receiver.sent - 1, 0, Flags::ACK.union(Flags::FIN));
    assert_eq!(receiver.answers(), 1);
    assert_eq!(receiver.passes(seconds(1)), 0);
}

#[test]
fn probe_of_a_closed_window_is_answered_at_once() {
    let small = Config { receive_buffer_octets: 2 * 1448, window_scale: None, ..config() };
    let mut receiver = Receiver::settled_with(small);
    receiver.gets(FULL);
    receiver.gets(FULL);
    receiver.arrives(receiver.sent, 1, Flags::ACK);
    assert_eq!(receiver.answers(), 1);
}

#[test]
fn sender_without_window_for_another_segment_hears_at_once() {
    let small = Config { receive_buffer_octets: 2000, window_scale: None, ..config() };
    let mut receiver = Receiver::settled_with(small);
    // 552 octets of window are left: the sender waits.
    assert_eq!(receiver.gets(FULL), 1);
}

#[test]
fn never_more_than_one_ack_for_a_segment() {
    // RFC 5681, section 4.2: a receiver must not generate more than one ACK for every incoming segment.
    let mut receiver = Receiver::settled();
    let first = receiver.sent;
    let mut acks = 0;
    for (from, len_octets) in [(0, 10), (100, 1448), (3000, 3000), (0, 5000), (5000, 1000), (6000, 40)] {
        receiver.arrives(first + from, len_octets, Flags::ACK);
        let frames = receiver.pair.take(Side::B).len();
        assert!(frames <= 1);
        acks += frames;
    }
    assert!(acks + receiver.passes(seconds(1)) <= 6);
}

#[test]
fn bulk_is_acknowledged_every_second_segment() {
    let mut pair = Pair::new(config(), config());
    pair.exchange();
    let mut octets = vec![1; 400_000];
    let (mut data, mut acks) = (0, 0);
    for _ in 0..100 {
        let now = pair.now;
        let count = pair.a.write(now, &octets).expect("open");
        octets.drain(..count);
        for frame in pair.take(Side::A) {
            pair.deliver(&frame);
            data += 1;
            for ack in pair.take(Side::B) {
                pair.deliver(&ack);
                acks += 1;
            }
        }
        pair.read(Side::B);
        for ack in pair.alone(Side::B, millis(40)) {
            pair.deliver(&ack);
            acks += 1;
        }
    }
    assert_eq!((octets.len(), pair.b.readable_octets()), (0, 0));
    // The quick start, half of the rest, and now and then one for the last of an odd number.
    assert!((data / 2..=data / 2 + data / 10).contains(&acks), "{acks} ACKs for {data} segments");
}

fn hiatus_delaying() -> Config {
    Config { hiatus: hiatus_config().hiatus, ..config() }
}

#[test]
fn host_that_negotiates_acknowledges_at_once() {
    // Its ACKs carry the CAPABLE that the peer waits for.
    let mut pair = Pair::new(hiatus_delaying(), hiatus_delaying());
    for side in [Side::A, Side::B] {
        let frames = pair.take(side);
        pair.deliver(&frames[0]);
    }
    // A dialogue, before EPOCH came.
    Made::ack(Side::B, 1, 1).payload(b"question").give(&mut pair);
    pair.write(Side::A, b"answer");
    assert_eq!(names(&pair.take(Side::A)), ["capable"]);
    Made::ack(Side::B, 9, 7).payload(b"question").give(&mut pair);
    assert_eq!(names(&pair.take(Side::A)), ["capable"]);
}

/// Hiatus is on, and the quick start is over at both ends.
fn settled_on() -> Pair {
    let mut pair = Pair::on_with(hiatus_delaying(), hiatus_delaying());
    for side in [Side::A, Side::B] {
        for _ in 0..QUICK {
            pair.write(side, b"x");
            pair.exchange();
        }
        pair.read(side.peer());
    }
    pair
}

#[test]
fn holder_sends_no_ack_that_waited() {
    //= draft#holding
    //# A host in HELD or PRESUMED MUST NOT originate a segment other than
    //# RESUME.
    let mut pair = settled_on();
    pair.write(Side::A, b"last words");
    let data = pair.take(Side::A);
    pair.deliver(&data[0]);
    assert_eq!(pair.take(Side::B).len(), 0);
    pair.command(Side::A, SUSPEND);
    let suspend = pair.take(Side::A);
    pair.deliver(&suspend[0]);
    assert_eq!(pair.b.peer_state(), PeerState::Held);
    // SUSPEND-ACK acknowledges as well; nothing follows.
    assert_eq!(names(&pair.alone(Side::B, seconds(10))), ["suspend-ack"]);
}

#[test]
fn presumed_peer_hears_of_what_waited_when_it_shows_itself() {
    let mut pair = settled_on();
    pair.write(Side::A, b"before the reset");
    let data = pair.take(Side::A);
    pair.deliver(&data[0]);
    Made::rst(Side::A, 1 + 10 + 16).give(&mut pair);
    assert_eq!(pair.b.peer_state(), PeerState::Presumed);
    assert!(pair.alone(Side::B, millis(900)).iter().all(|frame| frame.name() == "resume"));
    Made::ack(Side::A, 1 + 10 + 16, 11).give(&mut pair);
    assert_eq!(pair.b.peer_state(), PeerState::Up);
    let frames = pair.take(Side::B);
    assert_eq!(names(&frames), ["ack"]);
    assert_eq!(frames[0].segment().ack.0, A_ISN + 27);
}

#[test]
fn host_that_leaves_acknowledges_at_once() {
    let mut pair = settled_on();
    pair.write(Side::B, b"one");
    let data = pair.take(Side::B);
    pair.command(Side::A, SUSPEND);
    pair.take(Side::A);
    pair.deliver(&data[0]);
    assert_eq!(names(&pair.take(Side::A)), ["ack"]);
}

#[test]
fn return_begins_with_quick_acks() {
    let mut pair = settled_on();
    pair.command(Side::A, SUSPEND);
    pair.exchange();
    pair.off(seconds(60));
    pair.command(Side::A, Command::Resume);
    pair.exchange();
    for side in [Side::A, Side::B] {
        pair.write(side, b"again");
        let data = pair.take(side);
        pair.deliver(&data[0]);
        assert_eq!(names(&pair.take(side.peer())), ["ack"]);
    }
}
