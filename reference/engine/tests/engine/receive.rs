//! The receive buffer: what arrives in any order is read in order, what came first stays, and nothing grows without
//! bound. Judged against a map from positions to octets.

use std::collections::BTreeMap;

use hiatus_codec::{Flags, KnownOptions};
use hiatus_engine::{Config, Event, Sacking};
use quickcheck::{Arbitrary, Gen, QuickCheck};

use crate::pair::{A_ISN, Made, Pair, Side, plain_config};

/// Room at B in most tests.
const BUFFER_OCTETS: u32 = 8000;

fn config(receive_buffer_octets: u32) -> Config {
    Config { receive_buffer_octets, sack: Sacking::On, ..plain_config() }
}

fn connected(config: Config) -> Pair {
    let mut pair = Pair::new(config, config);
    pair.exchange();
    pair.events(Side::B);
    pair
}

/// The octets `from..` arrive at B, the first octet of the stream being number 0.
fn arrive(pair: &mut Pair, from: u32, octets: &[u8]) {
    Made::ack(Side::A, from + 1, 1).payload(octets).give(pair);
}

/// RCV.NXT of B, counted in the same way.
fn acknowledged(pair: &mut Pair) -> u32 {
    let frames = pair.take(Side::B);
    frames.last().expect("an ACK").segment().ack.0.wrapping_sub(A_ISN + 1)
}

#[test]
fn octets_that_came_first_stay() {
    let mut pair = connected(config(BUFFER_OCTETS));
    arrive(&mut pair, 2, b"CD");
    arrive(&mut pair, 6, b"GH");
    // Over one range, between both, over the other and beyond it.
    arrive(&mut pair, 1, b"bcdefghi");
    assert_eq!(pair.read(Side::B), b"");
    arrive(&mut pair, 0, b"abc");
    assert_eq!(pair.read(Side::B), b"abCDefGHi");
    // What was read does not come back.
    arrive(&mut pair, 5, b"XXXXjk");
    assert_eq!(pair.read(Side::B), b"jk");
}

#[test]
fn segments_of_sixty_thousand_octets_are_put_in_order() {
    // What receive offload merges is longer than any MSS.
    let mut pair = connected(Config { window_scale: Some(4), ..config(1 << 20) });
    // The windows that follow the SYN are scaled: the first ACK opens the whole buffer.
    arrive(&mut pair, 0, b"x");
    pair.take(Side::B);
    let octets: Vec<u8> = (0..=250).cycle().take(300_000).collect();
    for piece in [3, 1, 2, 0, 4] {
        arrive(&mut pair, 1 + piece * 60_000, &octets[piece as usize * 60_000..][..60_000]);
    }
    assert_eq!(acknowledged(&mut pair), 300_001);
    assert_eq!(pair.read(Side::B)[1..], octets);
}

#[test]
fn segment_around_the_whole_window_fills_it() {
    // Merged from one that came before and one that ends behind the window.
    let mut pair = connected(config(1000));
    arrive(&mut pair, 0, &[1; 600]);
    assert_eq!(acknowledged(&mut pair), 600);
    arrive(&mut pair, 500, &[2; 1000]);
    assert_eq!(acknowledged(&mut pair), 1000);
    assert_eq!(pair.read(Side::B), [[1; 600].as_slice(), &[2; 400]].concat());
}

#[test]
fn octets_behind_the_window_are_cut_off() {
    let mut pair = connected(config(1000));
    arrive(&mut pair, 990, b"0123456789behind");
    arrive(&mut pair, 0, &[7; 990]);
    assert_eq!(acknowledged(&mut pair), 1000);
    assert_eq!(pair.read(Side::B), [[7; 990].as_slice(), b"0123456789"].concat());
}

#[test]
fn fin_out_of_order_waits_for_what_is_before_it() {
    let mut pair = connected(config(BUFFER_OCTETS));
    Made::ack(Side::A, 4, 1).flags(Flags::ACK.union(Flags::FIN)).payload(b"def").give(&mut pair);
    assert_eq!(acknowledged(&mut pair), 0);
    assert!(!pair.events(Side::B).contains(&Event::PeerClosed));
    // Octets behind a FIN contradict it.
    arrive(&mut pair, 6, b"ghi");
    arrive(&mut pair, 0, b"abc");
    assert!(pair.events(Side::B).contains(&Event::PeerClosed));
    assert_eq!(acknowledged(&mut pair), 7);
    assert_eq!(pair.read(Side::B), b"abcdef");
}

#[test]
fn fin_before_octets_that_are_held_is_ignored() {
    let mut pair = connected(config(BUFFER_OCTETS));
    arrive(&mut pair, 6, b"ghi");
    Made::ack(Side::A, 4, 1).flags(Flags::ACK.union(Flags::FIN)).payload(b"def").give(&mut pair);
    arrive(&mut pair, 0, b"abc");
    assert!(!pair.events(Side::B).contains(&Event::PeerClosed));
    assert_eq!(pair.read(Side::B), b"abcdefghi");
}

#[test]
fn octets_can_be_looked_at_before_they_are_taken() {
    let mut pair = connected(config(BUFFER_OCTETS));
    let octets: Vec<u8> = (0..=255).cycle().take(20_000).collect();
    let mut passed_on = Vec::new();
    for (index, piece) in octets.chunks(700).enumerate() {
        arrive(&mut pair, u32::try_from(index * 700).expect("small"), piece);
        let (first, second) = pair.b.readable();
        assert_eq!(first.len() + second.len(), pair.b.readable_octets());
        let both = [first, second].concat();
        // Some stay behind, so that the ring wraps.
        let count = pair.b.consume(both.len() * 2 / 3);
        passed_on.extend(&both[..count]);
        pair.take(Side::B);
    }
    passed_on.extend(pair.read(Side::B));
    assert_eq!(passed_on, octets);
    assert_eq!((pair.b.consume(1), pair.b.readable()), (0, (&[][..], &[][..])));
}

#[test]
fn octets_out_of_order_are_not_readable() {
    let mut pair = connected(config(BUFFER_OCTETS));
    arrive(&mut pair, 0, b"ab");
    arrive(&mut pair, 3, b"d");
    assert_eq!(pair.b.readable(), (&b"ab"[..], &[][..]));
    assert_eq!(pair.b.consume(10), 2);
    arrive(&mut pair, 2, b"c");
    assert_eq!(pair.read(Side::B), b"cd");
}

#[test]
fn taking_octets_opens_the_window() {
    let mut pair = connected(Config { window_scale: None, ..config(2000) });
    arrive(&mut pair, 0, &[1; 2000]);
    assert_eq!(pair.take(Side::B)[0].segment().window, 0);
    // Less than a segment and half the buffer is not worth an ACK (RFC 9293, section 3.8.6.2.2).
    pair.b.consume(999);
    assert_eq!(pair.take(Side::B).len(), 0);
    pair.b.consume(1);
    assert_eq!(pair.take(Side::B)[0].segment().window, 1000);
}

/// A's view of the edge after an ACK of B.
fn edge(pair: &mut Pair, scale: u8) -> u64 {
    let frames = pair.take(Side::B);
    let segment = frames.last().expect("an ACK").segment();
    let ack = segment.ack.0.wrapping_sub(A_ISN + 1);
    u64::from(ack) + (u64::from(segment.window) << scale)
}

#[test]
fn window_in_large_units_promises_no_more_than_the_buffer() {
    // Octets come one by one and nobody reads: rounding the window up each time would promise ever more.
    const SCALE: u8 = 8;
    const BUFFER_OCTETS: u32 = 10 << SCALE;
    let mut pair = connected(Config { window_scale: Some(SCALE), ..config(BUFFER_OCTETS) });
    for from in 0..BUFFER_OCTETS {
        arrive(&mut pair, from, &[1]);
        let edge = edge(&mut pair, SCALE);
        assert!(edge <= u64::from(BUFFER_OCTETS));
        // What is taken back is less than one unit (RFC 7323, section 2.4).
        assert!(edge + (1 << SCALE) > u64::from(BUFFER_OCTETS));
    }
    arrive(&mut pair, BUFFER_OCTETS, &[1]);
    assert_eq!(pair.read(Side::B), vec![1; BUFFER_OCTETS as usize]);
}

#[test]
fn octets_within_any_window_announced_are_taken() {
    // RFC 7323, section 2.4: also those beyond one that was rounded down since.
    let mut pair = connected(Config { window_scale: Some(8), ..config(2560) });
    arrive(&mut pair, 0, &[1; 2559]);
    assert_eq!(edge(&mut pair, 8), 2559);
    arrive(&mut pair, 2559, &[2]);
    assert_eq!(acknowledged(&mut pair), 2560);
}

#[test]
fn thousands_of_holes_cost_a_bounded_list() {
    let mut pair = connected(Config { window_scale: Some(2), ..config(64 * 1024) });
    let size = |pair: &Pair| serde_json::to_string(&pair.b).expect("a connection is a plain value").len();
    let mut sizes = Vec::new();
    for hole in 0..10_000 {
        arrive(&mut pair, 1 + hole * 2, &[9]);
        if hole % 3000 == 999 {
            sizes.push(size(&pair));
        }
        pair.take(Side::B);
    }
    // The first thousand filled the list; no later one made it, or the ring, longer. Only numbers may have more digits.
    let (first, last) = (sizes[0], sizes[sizes.len() - 1]);
    assert!(last < first + 20, "{first} and then {last}");
    // Those that were taken are taken; the others come again.
    for from in 0..1000 {
        arrive(&mut pair, from, &[8]);
    }
    assert_eq!(acknowledged(&mut pair), 1000);
    let octets = pair.read(Side::B);
    assert_eq!(octets[..4], [8, 9, 8, 9]);
    assert_eq!(octets[996..], [8, 8, 8, 8]);
}

#[test]
fn holes_beyond_the_bound_are_no_hindrance_to_what_is_next() {
    let mut pair = connected(config(BUFFER_OCTETS));
    for hole in 0..1000 {
        arrive(&mut pair, 1001 + hole * 2, &[9]);
    }
    arrive(&mut pair, 0, &[1; 1000]);
    assert_eq!(acknowledged(&mut pair), 1000);
    // One that joins two ranges is taken too.
    arrive(&mut pair, 1002, &[2]);
    let frames = pair.take(Side::B);
    let segment = frames[0].segment();
    let sack = KnownOptions::parse(&segment).sack.expect("SACK");
    let first = sack.iter().next().expect("a block");
    assert_eq!((first.left.0, first.right.0), (A_ISN + 1002, A_ISN + 1005));
}

#[test]
fn idle_connection_equals_one_that_never_allocated() {
    let mut pair = connected(config(BUFFER_OCTETS));
    arrive(&mut pair, 0, b"abc");
    pair.b.free_idle();
    assert_eq!(pair.read(Side::B), b"abc");
    pair.b.free_idle();
    arrive(&mut pair, 4, b"e");
    pair.b.free_idle();
    arrive(&mut pair, 3, b"d");
    assert_eq!(pair.read(Side::B), b"de");
}

/// One step of the model test.
#[derive(Debug, Clone)]
enum Step {
    /// Octets arrive that many after RCV.NXT, or before it if negative.
    Arrive { offset: i32, octets: Vec<u8> },
    /// The application takes at most that many.
    Read(usize),
    /// It looks, and takes that many.
    Consume(usize),
}

impl Arbitrary for Step {
    fn arbitrary(g: &mut Gen) -> Self {
        let len = |g: &mut Gen| match u8::arbitrary(g) % 4 {
            0 => 1,
            1 => usize::arbitrary(g) % 10,
            2 => usize::arbitrary(g) % 500,
            _ => usize::arbitrary(g) % 5000,
        };
        match u8::arbitrary(g) % 8 {
            0 => Self::Read(len(g)),
            1 => Self::Consume(len(g)),
            kind => {
                let offset = i32::arbitrary(g) % if kind < 5 { 40 } else { 3000 };
                let offset = if kind == 2 { 0 } else { offset };
                Self::Arrive { offset, octets: (0..len(g)).map(|_| u8::arbitrary(g)).collect() }
            }
        }
    }
}

/// The octets by position, the first of a position winning, and what was read of them.
#[derive(Debug, Default)]
struct Model {
    octets: BTreeMap<u64, u8>,
    read: u64,
    /// The first position without an octet.
    nxt: u64,
}

impl Model {
    fn arrive(&mut self, from: u64, octets: &[u8], edge: u64) {
        for (position, octet) in (from..edge).zip(octets) {
            self.octets.entry(position).or_insert(*octet);
        }
        while self.octets.contains_key(&self.nxt) {
            self.nxt += 1;
        }
    }

    fn read(&mut self, count: usize) -> Vec<u8> {
        let end = self.nxt.min(self.read + count as u64);
        let octets = (self.read..end).map(|position| self.octets[&position]).collect();
        self.read = end;
        octets
    }
}

#[expect(clippy::needless_pass_by_value, reason = "quickcheck gives the vector away")]
fn follows_the_model(steps: Vec<Step>) -> bool {
    let mut pair = connected(Config { window_scale: None, ..config(BUFFER_OCTETS) });
    let mut model = Model::default();
    let mut edge = u64::from(BUFFER_OCTETS);
    for step in &steps {
        match step {
            Step::Arrive { offset, octets } => {
                let nxt = i64::try_from(model.nxt).expect("small");
                let from = (nxt + i64::from(*offset)).max(0);
                let seq = u32::try_from(from + 1).expect("small");
                Made::ack(Side::A, seq, 1).payload(octets).give(&mut pair);
                model.arrive(u64::try_from(from).expect("not negative"), octets, edge);
            }
            Step::Read(count) => {
                let mut octets = vec![0; *count];
                let taken = pair.b.read(&mut octets);
                assert_eq!(octets[..taken], model.read(*count));
            }
            Step::Consume(count) => {
                let (first, second) = pair.b.readable();
                let mut seen = [first, second].concat();
                let taken = pair.b.consume(*count);
                seen.truncate(taken);
                assert_eq!(seen, model.read(*count));
            }
        }
        for frame in pair.take(Side::B) {
            let segment = frame.segment();
            let ack = u64::from(segment.ack.0.wrapping_sub(A_ISN + 1));
            assert_eq!(ack, model.nxt);
            let announced = ack + u64::from(segment.window);
            // It never moves back, and never beyond what the buffer has room for.
            assert!((edge..=model.read + u64::from(BUFFER_OCTETS)).contains(&announced));
            edge = announced;
        }
        assert_eq!(pair.b.readable_octets() as u64, model.nxt - model.read);
    }
    true
}

#[test]
fn any_order_of_arrival_follows_the_model() {
    QuickCheck::new()
        .rng(Gen::from_size_and_seed(60, 0x5243))
        .tests(500)
        .quickcheck(follows_the_model as fn(Vec<Step>) -> bool);
}
