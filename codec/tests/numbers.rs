//! Sequence numbers and positions near their wraps.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use hiatus_codec::mac::Tag;
use hiatus_codec::{Epoch, Flags, Life, Nonce, Position, Segment, SegmentError, SequenceNumber};
use quickcheck::quickcheck;

#[test]
fn sequence_numbers_wrap() {
    let last = SequenceNumber(u32::MAX);
    assert!(last.before(SequenceNumber(0)) && SequenceNumber(0).after(last));
    assert!(!last.before(last) && last.at_or_before(last) && last.at_or_after(last));
    assert_eq!(last.distance_to(SequenceNumber(4)), 5);
    // Half the number space away is neither before nor after (RFC 1982, section 3.2).
    assert!(!SequenceNumber(0).before(SequenceNumber(1 << 31)));
    assert!(!SequenceNumber(1 << 31).before(SequenceNumber(0)));
}

#[test]
fn position_nearest_to_a_reference() {
    const G4: u64 = 1 << 32;
    for (low, reference, expected) in [
        (5, 0, 5),
        (5, G4 + 1, G4 + 5),
        (0xffff_ffff, G4 + 1, G4 - 1),
        (1, G4 - 1, G4 + 1),
        (0xffff_ffff, 0, 0xffff_ffff),
        // Equally near: the smaller, unless it would be below zero.
        (0x8000_0000, 2 * G4, 2 * G4 - 0x8000_0000),
        (0x8000_0000, 0, 0x8000_0000),
    ] {
        assert_eq!(Position::nearest(low, Position(reference)), Position(expected), "{low} near {reference}");
    }
}

#[test]
fn epoch_zero_is_stable_at_zero() {
    const G3: Position = Position(3 << 30);
    for (number, stable_point, expected) in [
        (0, 0, Position(0)),
        (0, 7, Position(0)),
        // A durable state with nothing in it, and 3 GiB later: the low half is 0 there too.
        (1, 0, Position(1 << 32)),
        (1, 0xc000_0000, G3),
    ] {
        let epoch = Epoch { number, stable_point, tag: Tag::default() };
        assert_eq!(epoch.stable_position(G3), expected, "epoch {number} stable {stable_point}");
    }
}

quickcheck! {
    fn nearest_undoes_low(reference: u64, step: i32) -> bool {
        let Some(position) = reference.checked_add_signed(i64::from(step)) else { return true };
        step == i32::MIN || Position::nearest(Position(position).low(), Position(reference)) == Position(position)
    }

    fn order_is_antisymmetric(a: u32, b: u32) -> bool {
        let (a, b) = (SequenceNumber(a), SequenceNumber(b));
        !(a.before(b) && b.before(a))
    }

    fn segments_are_written_back(octets: Vec<u8>) -> bool {
        let Ok(segment) = Segment::parse(&octets) else { return true };
        let mut out = vec![0; octets.len()];
        segment.emit(&mut out).unwrap();
        out == octets
    }

    fn likely_segments_are_written_back(head: Vec<u8>, words: u8) -> bool {
        let mut octets = head;
        octets.resize(octets.len() + 60, 3);
        octets[12] = (5 + words % 11) << 4;
        let segment = Segment::parse(&octets).unwrap();
        let mut out = vec![0; octets.len()];
        segment.emit(&mut out).unwrap();
        out == octets && segment.options.len() == usize::from(words % 11) * 4
    }
}

#[test]
fn segments_that_cannot_be_read() {
    assert_eq!(Segment::parse(&[0; 19]), Err(SegmentError::HeaderTruncated { found_octets: 19 }));
    assert_eq!(Segment::parse(&[0; 20]), Err(SegmentError::DataOffsetBelowFive { found_words: 0 }));
    let mut short = [0; 23];
    short[12] = 0x60;
    let error = Segment::parse(&short).unwrap_err();
    assert_eq!(error, SegmentError::OptionsTruncated { found_octets: 23, expected_octets: 24 });
    assert_eq!(error.to_string(), "TCP options: found 23 octets of header, expected 24 by Data Offset");
}

#[test]
fn flags_as_tcpdump_writes_them() {
    assert_eq!(Flags::SYN.union(Flags::ACK).to_string(), "S.");
    assert_eq!(Flags(0).to_string(), "-");
    assert_eq!(Flags(0x1ff).to_string(), "SFRP.UEWe");
}

#[test]
fn lives_are_ordered_and_nonces_match_when_unknown() {
    let life = |incarnation, generation| Life { incarnation, generation };
    assert!(life(1, 0) > life(0, 9) && life(1, 1) > life(1, 0));
    assert_eq!(life(3, u16::MAX).next_generation(), life(3, u16::MAX));
    assert!(Nonce(0).matches(Nonce(5)) && !Nonce(4).matches(Nonce(5)));
}
