//! The record of a connection (draft, {#snapshot}): what is restored from it behaves as what was saved would.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use core::time::Duration;

use hiatus_codec::{KnownOptions, Message, Nonce, Segment, SequenceNumber};
use hiatus_engine::{
    Command, CommandError, Config, Connection, Event, HiatusPolicy, Offer, PeerState, PlainTcp,
    RECORD_LEN_OCTETS_MIN, RecordError, SelfState, Sending, TcpState, Time,
};
use quickcheck::{Arbitrary, Gen, QuickCheck};

use crate::pair::{B_ISN, Pair, SUSPEND, Side, hiatus_config, names, older_config, plain_config, seconds};

const RESTORED: Command =
    Command::Restored { incarnation: 9, nonce: Nonce(0x77), tsval_ceiling: 3_000_000_000 };

/// N and K: both ends may come back older, and keep octets for each other.
fn kept_config() -> Config {
    let HiatusPolicy::On(offer) = older_config().hiatus else { panic!("Hiatus is offered") };
    let bits = offer.bits.with_retention();
    Config { hiatus: HiatusPolicy::On(Offer { bits, ..offer }), ..older_config() }
}

/// What a record says of `side`, restored.
fn restored(pair: &Pair, side: Side, config: Config) -> Pair {
    let mut pair = pair.clone();
    let now = pair.now;
    let octets = pair.end(side).to_record(now);
    *pair.end(side) = Connection::from_record(now, &config, &octets).unwrap();
    pair.command(side, RESTORED);
    pair
}

/// The same for the value itself.
fn cloned(pair: &Pair, side: Side) -> Pair {
    let mut pair = pair.clone();
    pair.events(side);
    pair.command(side, RESTORED);
    pair
}

/// What a segment says, apart from what a record leaves out: TS.Recent, and how much of the window was announced.
fn said(octets: &[u8]) -> (u32, u32, u16, Vec<u8>, Option<u32>, String) {
    let segment = Segment::parse(octets).unwrap();
    let options = KnownOptions::parse(&segment);
    let message = match options.hiatus.map(|option| option.message()) {
        // The number of an epoch is for people; the MAC covers it.
        Some(Message::Epoch(epoch)) => format!("EPOCH {}", epoch.stable_point),
        Some(message) => format!("{message:?}"),
        None => String::new(),
    };
    let tsval = options.timestamps.map(|timestamps| timestamps.value);
    (segment.seq.0, segment.ack.0, segment.flags.0, segment.payload.to_vec(), tsval, message)
}

/// State, SELF and PEER of one end.
type States = (TcpState, SelfState, PeerState);

/// Has both ends talk, and gives what was said, read and told until all is quiet.
fn story(mut pair: Pair) -> (Vec<String>, [Vec<u8>; 2], [States; 2]) {
    let mut told = Vec::new();
    for _ in 0..5 {
        let frames = pair.pass(seconds(2));
        told.extend(frames.iter().map(|frame| format!("{:?} {:?}", frame.from, said(&frame.octets))));
    }
    let read = [pair.read(Side::A), pair.read(Side::B)];
    for side in [Side::A, Side::B] {
        told.extend(pair.events(side).iter().map(|event| format!("{side:?} {event:?}")));
        pair.end(side).check_invariants().unwrap();
    }
    let states = [Side::A, Side::B].map(|side| {
        let end = pair.end(side);
        (end.state(), end.self_state(), end.peer_state())
    });
    (told, read, states)
}

/// A record and a clone tell the same story.
fn agree(pair: &Pair, side: Side, config: Config) -> bool {
    let (by_record, by_clone) = (story(restored(pair, side, config)), story(cloned(pair, side)));
    assert_eq!(by_record, by_clone);
    true
}

/// What may happen before the snapshot.
#[derive(Debug, Clone, Copy)]
enum Step {
    Write { side: bool, len_octets: u8 },
    Read { side: bool },
    Exchange,
    Lose { side: bool },
    Close { side: bool },
    Suspend { side: bool },
    Resume { side: bool },
    Snapshot { side: bool },
    Pass { millis: u16 },
}

impl Arbitrary for Step {
    fn arbitrary(g: &mut Gen) -> Self {
        let side = bool::arbitrary(g);
        match u8::arbitrary(g) % 19 {
            0..4 => Self::Write { side, len_octets: u8::arbitrary(g) },
            4..6 => Self::Read { side },
            6..11 => Self::Exchange,
            11 => Self::Lose { side },
            12 => Self::Close { side },
            13 => Self::Suspend { side },
            14 => Self::Resume { side },
            15..18 => Self::Snapshot { side },
            _ => Self::Pass { millis: u16::arbitrary(g) % 3000 },
        }
    }
}

fn apply(pair: &mut Pair, step: Step) {
    let of = |side| if side { Side::A } else { Side::B };
    let now = pair.now;
    match step {
        Step::Write { side, len_octets } => {
            let octets: Vec<u8> = (0..len_octets).collect();
            pair.end(of(side)).write(now, &octets).ok();
        }
        Step::Read { side } => {
            pair.read(of(side));
        }
        Step::Exchange => {
            pair.exchange();
        }
        Step::Lose { side } => {
            pair.take(of(side));
        }
        Step::Close { side } => {
            pair.end(of(side)).handle_command(now, Command::Close).ok();
        }
        Step::Suspend { side } => {
            pair.end(of(side)).handle_command(now, SUSPEND).ok();
        }
        Step::Resume { side } => {
            pair.end(of(side)).handle_command(now, Command::Resume).ok();
        }
        Step::Snapshot { side } => {
            pair.command(of(side), Command::SnapshotTaken { epoch: 7 });
            pair.command(of(side), Command::SnapshotDurable { epoch: 7 });
        }
        Step::Pass { millis } => {
            pair.pass(Duration::from_millis(u64::from(millis)));
        }
    }
}

#[test]
fn a_record_behaves_as_the_value_that_was_saved() {
    fn property(steps: Vec<Step>, side: bool, holds: bool) -> bool {
        let side = if side { Side::A } else { Side::B };
        let config =
            if holds { Config { sending: Sending::HoldSend, ..kept_config() } } else { kept_config() };
        let mut pair = Pair::on_with(config, config);
        for step in steps {
            apply(&mut pair, step);
        }
        // Saved at the instant of the last input.
        pair.pass(Duration::ZERO);
        if pair.end(side).state() == TcpState::Closed {
            return true;
        }
        agree(&pair, side, config)
    }
    QuickCheck::new()
        .rng(Gen::from_size_and_seed(30, 0x4849))
        .tests(1500)
        .quickcheck(property as fn(Vec<Step>, bool, bool) -> bool);
}

#[test]
fn octets_of_both_buffers_are_in_the_record() {
    let mut pair = Pair::on_with(older_config(), older_config());
    pair.write(Side::B, b"received and not read");
    pair.exchange();
    pair.write(Side::A, b"written and not sent");
    let now = pair.now;
    let octets = pair.a.to_record(now);
    let unread = b"received and not read";
    let unsent = b"written and not sent";
    assert_eq!(octets.len(), RECORD_LEN_OCTETS_MIN + unread.len() + unsent.len());
    let back = Connection::from_record(now, &older_config(), &octets).unwrap();
    assert_eq!(back.readable().0, unread);
    assert_eq!(back.to_record(now), octets, "and again the same");
    let mut pair = restored(&pair, Side::A, older_config());
    assert_eq!(names(&pair.exchange()), ["resume", "resume-ack", "data", "ack"]);
    assert_eq!(pair.read(Side::B), unsent);
    assert_eq!(pair.read(Side::A), unread);
}

#[test]
fn what_is_left_of_a_hold_is_in_the_record() {
    let mut pair = Pair::on_with(older_config(), older_config());
    pair.command(Side::A, SUSPEND);
    pair.exchange();
    pair.now = pair.now + seconds(200);
    let octets = pair.b.to_record(pair.now);
    // The clock of the restored host begins anew.
    let then = Time::from_secs(3);
    let mut b = Connection::from_record(then, &older_config(), &octets).unwrap();
    b.handle_command(then, RESTORED).unwrap();
    assert_eq!((b.self_state(), b.peer_state()), (SelfState::Resuming, PeerState::Held));
    while let Some(event) = b.poll_event() {
        assert_ne!(event, Event::PeerResumed);
    }
    // Two hours were granted (HOLD_SECONDS of these tests), 200 s of them have passed.
    let over = then + seconds(7000);
    b.handle_timeout(Time(over.0 - 1));
    assert_eq!(b.state(), TcpState::Established);
    b.handle_timeout(over);
    assert_eq!(b.state(), TcpState::Closed);
}

/// `octets` with one changed and the checksum made right again.
fn forged(octets: &[u8], at: usize, value: &[u8]) -> Vec<u8> {
    let mut octets = octets.to_vec();
    octets[at..at + value.len()].copy_from_slice(value);
    let end = octets.len() - 4;
    let checksum = crc32fast::hash(&octets[..end]);
    octets[end..].copy_from_slice(&checksum.to_be_bytes());
    octets
}

fn refused(octets: &[u8]) -> RecordError {
    Connection::from_record(Time::ZERO, &older_config(), octets).unwrap_err()
}

/// A record with octets in both buffers.
fn sample() -> Vec<u8> {
    let mut pair = Pair::on_with(older_config(), older_config());
    pair.write(Side::B, b"0123456789");
    pair.exchange();
    pair.write(Side::A, b"abc");
    pair.a.to_record(pair.now)
}

#[test]
fn what_is_cut_off_or_goes_on_is_refused() {
    let octets = sample();
    for len in 0..octets.len() {
        let found = refused(&octets[..len]);
        assert!(
            matches!(found, RecordError::Truncated { found_octets, .. } if found_octets == len),
            "{found}"
        );
    }
    let longer = [octets.as_slice(), &[0]].concat();
    let expected = RecordError::TooLong { expected_octets: octets.len(), found_octets: longer.len() };
    assert_eq!(refused(&longer), expected);
}

#[test]
fn every_octet_that_is_damaged_is_noticed() {
    let octets = sample();
    for at in 0..octets.len() {
        for bit in 0..8 {
            let mut damaged = octets.clone();
            damaged[at] ^= 1 << bit;
            refused(&damaged);
        }
    }
    let mut damaged = octets.clone();
    damaged[100] ^= 1;
    assert!(matches!(refused(&damaged), RecordError::Damaged { at, .. } if at == octets.len() - 4));
}

#[test]
fn other_versions_and_other_files_are_told_apart() {
    let octets = sample();
    assert_eq!(refused(&forged(&octets, 0, b"PNG\n")), RecordError::NoRecord { found: *b"PNG\n" });
    assert_eq!(refused(&forged(&octets, 4, &[0, 0])), RecordError::Older { found: 0, expected: 1 });
    assert_eq!(refused(&forged(&octets, 4, &[0, 2])), RecordError::Newer { found: 2, expected: 1 });
}

/// Field, where it stands, what it says in octets and as a number, least and most that would fit.
type Impossible<'o> = (&'static str, usize, &'o [u8], u64, u64, u64);

#[test]
fn what_no_connection_can_be_in_is_refused() {
    let octets = sample();
    // By docs/record.md and the sample, in which A
    // sent nothing before "abc" (positions 1 to 3) and received ten octets (1 to 10).
    let cases: &[Impossible<'_>] = &[
        ("HIA", 6, &[4], 4, 0, 3),
        ("state", 7, &[0], 0, 1, 8),
        ("family", 12, &[5], 5, 6, 6),
        ("role", 13, &[2], 2, 0, 1),
        ("flags", 14, &[0x80, 0], 0x8000, 0, 255),
        ("local port", 56, &[0, 0], 0, 1, 65_535),
        ("SND.STB", 72, &(2_u64).to_be_bytes(), 2, 0, 1),
        ("SND.UNA", 80, &(0_u64).to_be_bytes(), 0, 1, 4),
        ("SND.NXT", 88, &(5_u64).to_be_bytes(), 5, 1, 4),
        ("SND.END", 96, &(0_u64).to_be_bytes(), 0, 1, u64::MAX),
        ("SND.UNA", 96, &(1_u64 << 40).to_be_bytes(), 1, 1, 1 << 40),
        ("RCV.NXT", 104, &(0_u64).to_be_bytes(), 0, 1, u64::MAX),
        ("SND.WL1", 112, &(1_u64 << 40).to_be_bytes(), 1 << 40, 0, 11 + (1 << 31)),
        ("SND.WL2", 120, &(5_u64).to_be_bytes(), 5, 0, 4),
        ("SND.SCALE", 132, &[15], 15, 0, 14),
        ("RCV.SCALE", 133, &[15], 15, 0, 14),
        ("SND.WND", 128, &[0xff; 4], 0xffff_ffff, 0, 0xffff << 2),
        ("peer's MSS", 134, &[0, 63], 63, 64, 65_535),
        ("own bits", 152, &[0x2c], 0x2c, 0x10, 0x1e),
        ("peer's bits", 153, &[0x0c], 0x0c, 0x10, 0x1e),
        ("SELF", 158, &[3], 3, 0, 2),
        ("PEER", 159, &[3], 3, 0, 2),
        ("granted hold", 159, &[1], 0, 1, 65_535),
        ("hold left", 159, &[2], u64::MAX, 0, u64::MAX - 1),
        ("own nonce", 172, &[0; 4], 0, 1, 0xffff_ffff),
        ("first closer", 182, &[3], 3, 0, 2),
        ("spare", 183, &[1], 1, 0, 0),
        ("octets to send", 216, &[0, 0, 0, 2], 2, 3, 3),
        ("octets to read", 220, &[0, 0, 0, 11], 11, 0, 10),
    ];
    for (field, at, value, found, least, most) in cases {
        let error = refused(&forged(&octets, *at, value));
        let RecordError::OutOfRange { field: named, found: says, least: from, most: to, .. } = error else {
            panic!("{field}: {error}")
        };
        if at == &96 && *found == 1 {
            // The end is far away: what lies between is too much.
            assert_eq!(named, "SND.STB");
            continue;
        }
        assert_eq!((named, says, from, to), (*field, *found, *least, *most), "{error}");
    }
    let error = refused(&forged(&octets, 7, &[4]));
    let expected =
        RecordError::OtherState { at: 7, expected: TcpState::Established, found: TcpState::CloseWait };
    assert_eq!(error, expected);
    assert_eq!(
        error.to_string(),
        "record: at octet 7 state CLOSE-WAIT, expected ESTABLISHED as its positions say"
    );
}

#[test]
fn plain_tcp_is_named_and_not_restored() {
    for (config, found) in [(plain_config(), 0), (hiatus_config(), 1)] {
        let mut pair = Pair::new(config, config);
        let syn = pair.take(Side::A);
        pair.deliver(&syn[0]);
        let records = [pair.a.to_record(pair.now), pair.b.to_record(pair.now)];
        for octets in records {
            assert_eq!(refused(&octets), RecordError::NotOn { at: 6, found, expected: 2 });
        }
    }
}

fn durable_config() -> Config {
    Config { plain: PlainTcp::Durable, ..plain_config() }
}

/// The record of A, plain TCP that is durable, which has written "abc" and received ten octets. Nothing was sent of the one
/// and nothing acknowledged of the other.
fn durable_sample() -> Vec<u8> {
    let mut pair = Pair::new(durable_config(), plain_config());
    pair.pass(seconds(1));
    pair.write(Side::A, b"abc");
    pair.write(Side::B, b"0123456789");
    let (from_a, from_b) = (pair.take(Side::A), pair.take(Side::B));
    assert!(from_a.is_empty(), "nothing of it is durable");
    pair.deliver(&from_b[0]);
    assert!(pair.take(Side::A).is_empty(), "nor is what came");
    let octets = pair.a.to_record(pair.now);
    assert_eq!(octets[136..140], from_b[0].timestamps().value.to_be_bytes(), "TS.Recent");
    octets
}

#[test]
fn a_record_of_durable_plain_tcp_says_everything() {
    let octets = durable_sample();
    assert_eq!(octets[6], 3);
    assert_eq!(octets[224..237], *b"abc0123456789");
    let at = seconds(100);
    let mut back = Connection::from_record(Time::ZERO + at, &durable_config(), &octets).unwrap();
    // Behind the instant and before the checksum.
    assert_eq!(back.to_record(Time::ZERO + at)[24..237], octets[24..237]);
    back.handle_command(Time::ZERO + at, RESTORED).unwrap();
    back.check_invariants().unwrap();
    let mut buffer = [0; 2048];
    let len_octets = back.poll_transmit(Time::ZERO + at, &mut buffer).unwrap().wire_len_octets();
    let segment = Segment::parse(&buffer[..len_octets]).unwrap();
    // All that the epoch has may be known to the peer: it is sent and acknowledged at once.
    assert_eq!((segment.payload, segment.ack), (&b"abc"[..], SequenceNumber(B_ISN).advanced_by(11)));
    // A host that is told of no such policy keeps no such connection.
    let mut other = Connection::from_record(Time::ZERO, &plain_config(), &octets).unwrap();
    assert_eq!(other.handle_command(Time::ZERO, RESTORED), Err(CommandError::HiatusOff));
    let cases: &[Impossible<'_>] = &[
        ("SND.STB", 72, &(0_u64).to_be_bytes(), 0, 1, 1),
        ("PEER", 159, &[1], 1, 0, 0),
        ("hold left", 192, &[0; 8], 0, u64::MAX, u64::MAX),
        ("linger left", 208, &[0; 8], 0, u64::MAX, u64::MAX),
    ];
    for (field, at, value, found, least, most) in cases {
        let error = refused(&forged(&octets, *at, value));
        let (field, at, found, least, most) = (*field, *at, *found, *least, *most);
        assert_eq!(error, RecordError::OutOfRange { field, at, found, least, most });
    }
}

#[test]
fn any_octets_are_refused_or_restored_and_nothing_panics() {
    fn property(changes: Vec<(u8, u8)>, tail: Vec<u8>, len: u16) -> bool {
        let is_on = len.is_multiple_of(2);
        let mut octets = if is_on { sample() } else { durable_sample() };
        let config = if is_on { older_config() } else { durable_config() };
        for (at, value) in changes {
            octets[usize::from(at) % 237] = value;
        }
        octets.truncate(usize::from(len) + 200);
        octets.extend(tail);
        let len_octets = u32::try_from(octets.len()).unwrap();
        let octets = forged(&octets, 8, &len_octets.to_be_bytes());
        if let Ok(mut back) = Connection::from_record(Time::ZERO, &config, &octets) {
            back.check_invariants().unwrap();
            back.handle_command(Time::ZERO, RESTORED).ok();
            back.check_invariants().unwrap();
            let mut buffer = [0; 2048];
            while back.poll_transmit(Time::ZERO, &mut buffer).is_some() {}
        }
        Connection::from_record(Time::ZERO, &config, &octets[4..]).is_err()
    }
    QuickCheck::new()
        .rng(Gen::from_size_and_seed(6, 0x4849))
        .tests(20_000)
        .quickcheck(property as fn(Vec<(u8, u8)>, Vec<u8>, u16) -> bool);
}
