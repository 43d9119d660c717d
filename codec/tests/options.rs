//! The walk over an option area: what each kind of malformed octets yields (draft, {#opt-parsing}).
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use hiatus_codec::{
    Flags, KnownOptions, OptionError, OptionKind, OptionWriter, Segment, SequenceNumber, TcpOption, options,
};
use quickcheck::{TestResult, quickcheck};

/// What a TCP needs of a segment with these flags and options, and no data.
fn known(flags: Flags, area: &[u8]) -> KnownOptions<'_> {
    let segment = Segment {
        source_port: 1,
        destination_port: 2,
        seq: SequenceNumber(0),
        ack: SequenceNumber(0),
        flags,
        window: 0,
        checksum: 0,
        urgent: 0,
        options: area,
        payload: &[],
    };
    KnownOptions::parse(&segment)
}

/// The walk as text, errors marked with `!`: the form of the vectors file.
fn story(area: &[u8]) -> String {
    let items: Vec<String> = options(area)
        .map(|item| item.map_or_else(|error| format!("!{error}"), |option| option.to_string()))
        .collect();
    items.join(", ")
}

#[test]
fn linux_syn() {
    // A SYN of a Linux 6.1 guest, first options of pcaps/rollback/r1 with its numbers replaced.
    let area = [2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 5, 0, 0, 0, 0, 1, 3, 3, 7];
    assert_eq!(story(&area), "mss 1460, sackOK, TS val 5 ecr 0, nop, wscale 7");
}

#[test]
fn unknown_kind_hides_nothing_behind_it() {
    assert_eq!(story(&[30, 4, 0, 0, 2, 4, 5, 180]), "kind 30 len 4, mss 1460");
    assert_eq!(story(&[253, 4, 0xf9, 0x89, 3, 3, 7, 1]), "exid f989 len 4, wscale 7, nop");
    assert_eq!(story(&[254, 6, 0x48, 0x49, 0, 0, 1, 1]), "exid 4849 len 6, nop, nop");
}

#[test]
fn structural_errors_end_the_walk() {
    for (area, expected) in [
        (&[1, 1, 8, 10, 0][..], "nop, nop, !truncated kind 8 at 2 found 3 expected 10"),
        (&[1, 37, 0, 2, 4, 5, 180][..], "nop, !length-below-two kind 37 at 1 found 0"),
        (&[129, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0][..], "!length-below-two kind 129 at 0 found 1"),
        (&[1, 1, 1, 3][..], "nop, nop, nop, !missing-length kind 3 at 3"),
        (&[1, 1, 255, 255][..], "nop, nop, !truncated kind 255 at 2 found 2 expected 255"),
    ] {
        assert_eq!(story(area), expected);
    }
}

#[test]
fn wrong_length_of_a_known_kind_is_skipped() {
    for (area, expected) in [
        (&[2, 2, 3, 3, 7, 1][..], "!bad-length kind 2 at 0 found 2 expected 4, wscale 7, nop"),
        (&[4, 4, 0, 0, 1, 1][..], "!bad-length kind 4 at 0 found 4 expected 2, nop, nop"),
        (&[5, 2, 1, 1][..], "!bad-length kind 5 at 0 found 2 expected 10, nop, nop"),
        (&[5, 9, 0, 0, 0, 0, 0, 0, 0, 1][..], "!bad-length kind 5 at 0 found 9 expected 10, nop"),
        (&[3, 4, 7, 0][..], "!bad-length kind 3 at 0 found 4 expected 3"),
        (&[8, 2, 1, 1][..], "!bad-length kind 8 at 0 found 2 expected 10, nop, nop"),
        (&[253, 2, 1, 1][..], "!bad-length kind 253 at 0 found 2 expected 4, nop, nop"),
        (&[254, 3, 0x48, 1][..], "!bad-length kind 254 at 0 found 3 expected 4, nop"),
    ] {
        assert_eq!(story(area), expected);
    }
    let mut five_blocks = [0; 42];
    five_blocks[..2].copy_from_slice(&[5, 42]);
    assert_eq!(story(&five_blocks), "!bad-length kind 5 at 0 found 42 expected 10");
}

#[test]
fn nothing_counts_after_end_of_list() {
    assert_eq!(story(&[1, 0, 0, 0]), "nop, eol");
    assert_eq!(story(&[0, 1, 1, 1]), "eol, !padding at 1");
    assert_eq!(story(&[0, 0, 0, 2]), "eol, !padding at 3");
    assert_eq!(known(Flags::ACK, &[0, 2, 4, 5, 180, 0, 0, 0]).mss, None);
}

#[test]
fn the_first_of_a_kind_counts() {
    let found = known(Flags::ACK, &[2, 4, 5, 180, 2, 4, 2, 24]);
    assert_eq!((found.mss, found.error), (Some(1460), None));
}

#[test]
fn every_kind_with_every_length_ends_and_stays_inside() {
    for kind in 0..=u8::MAX {
        for len in 0..=u8::MAX {
            for rest in [0, 1, 2, 8, 38] {
                let mut area = vec![kind, len];
                area.resize(2 + rest, 1);
                assert!(options(&area).count() <= area.len());
            }
        }
    }
}

#[test]
fn known_options_agree_with_the_walk_on_the_fast_path() {
    let fast = [1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 7];
    let slow = [8, 10, 0, 0, 0, 9, 0, 0, 0, 7, 1, 1];
    assert_eq!(known(Flags::ACK, &fast), known(Flags::ACK, &slow));
    let timestamps = known(Flags::ACK, &fast).timestamps.unwrap();
    assert_eq!((timestamps.value, timestamps.echo_reply), (9, 7));
}

#[test]
fn sack_blocks_in_wire_order() {
    let area = [5, 18, 0, 0, 0, 1, 0, 0, 0, 101, 0, 0, 0, 201, 0, 0, 1, 45, 1, 1];
    assert_eq!(story(&area), "sack 1-101 201-301, nop, nop");
    let sack = known(Flags::ACK, &area).sack.unwrap();
    assert_eq!(
        sack.iter().map(|block| block.left).collect::<Vec<_>>(),
        [SequenceNumber(1), SequenceNumber(201)]
    );
}

#[test]
fn a_full_area_refuses_one_octet_more() {
    let mut writer = OptionWriter::new();
    for _ in 0..40 {
        writer.push(&TcpOption::NoOperation).unwrap();
    }
    let error = writer.push(&TcpOption::NoOperation).unwrap_err();
    assert_eq!(error.to_string(), "no room: 1 octets needed, 0 available");
}

quickcheck! {
    fn no_octets_panic(area: Vec<u8>) -> bool {
        let area = &area[..area.len().min(40)];
        let first_error = options(area).find_map(Result::err);
        story(area).len() < 4096 && known(Flags::ACK, area).error == first_error
    }

    fn likely_areas_are_written_back(seed: Vec<u8>) -> TestResult {
        // Random octets are mostly malformed; these are whole options of likely kinds.
        let mut area = Vec::new();
        for pair in seed.chunks(2) {
            let kind = [1, 2, 3, 4, 5, 8, 30, 253, 254][usize::from(pair[0]) % 9];
            let body = usize::from(*pair.last().unwrap()) % 26;
            if kind == 1 {
                if area.len() < 40 { area.push(1); }
                continue;
            }
            let body = match kind { 2 => 2, 3 => 1, 4 => 0, 5 => 8, 8 => 8, _ => body.max(2) };
            if area.len() + 2 + body > 40 { break; }
            area.extend([kind, u8::try_from(2 + body).unwrap()]);
            area.extend((0..body).map(|i| seed[i % seed.len()]));
        }
        written_back(&area)
    }
}

/// Parses and emits: the octets come back, unless Hiatus' ignored bits and octets make them longer than canonical.
fn written_back(area: &[u8]) -> TestResult {
    let mut writer = OptionWriter::new();
    for item in options(area) {
        match item {
            Ok(TcpOption::Hiatus(_)) | Err(_) => return TestResult::discard(),
            Ok(option) => {
                writer.push(&option).unwrap();
            }
        }
    }
    // The zeros after End of Option List are padding, not options.
    let written = writer.finish();
    let mut padded = area.to_vec();
    padded.resize(area.len().next_multiple_of(4), 0);
    let ends = options(area).any(|item| item == Ok(TcpOption::EndOfList));
    TestResult::from_bool(if ends { padded.starts_with(written) } else { padded == written })
}

#[test]
fn errors_name_kind_offset_found_and_expected() {
    let error = options(&[1, 2, 3, 9]).find_map(Result::err).unwrap();
    let expected = OptionError::BadLength {
        kind: OptionKind::MAXIMUM_SEGMENT_SIZE,
        offset_octets: 1,
        found_octets: 3,
        expected_octets: 4,
    };
    assert_eq!(error, expected);
}

#[test]
fn a_message_counts_only_on_the_segments_that_carry_it() {
    let echo = [253, 9, 0x48, 0x49, 0x20, 0, 0, 0, 1, 0, 0, 0];
    let abort = [253, 14, 0x48, 0x49, 0x70, 6, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0];
    let short = [253, 8, 0x48, 0x49, 0, 0x18, 0, 60];
    let long = [253, 16, 0x48, 0x49, 0, 0x18, 0, 60, 1, 2, 3, 4, 5, 6, 7, 8];
    let version_0 = [253, 8, 0x48, 0x49, 0, 0x08, 0, 60];
    let syn_ack = Flags::SYN.union(Flags::ACK);
    let rst_ack = Flags::RST.union(Flags::ACK);
    for (flags, area, counts) in [
        (Flags::ACK, &echo[..], true),
        (Flags::ACK.union(Flags::PSH), &echo[..], true),
        (Flags::ACK.union(Flags::FIN), &echo[..], false),
        (syn_ack, &echo[..], false),
        (rst_ack, &echo[..], false),
        (Flags(0), &echo[..], false),
        (rst_ack, &abort[..], true),
        (Flags::RST, &abort[..], true),
        (Flags::ACK, &abort[..], false),
        (Flags::SYN, &short[..], true),
        (syn_ack, &short[..], false),
        (Flags::ACK, &short[..], false),
        (syn_ack, &long[..], true),
        (Flags::ACK, &long[..], true),
        (Flags::ACK.union(Flags::FIN), &long[..], true),
        (rst_ack, &long[..], false),
        (Flags::SYN, &version_0[..], false),
    ] {
        assert_eq!(known(flags, area).hiatus.is_some(), counts, "{flags} {}", story(area));
    }
}

#[test]
fn a_resume_without_a_nonce_does_not_count() {
    let mut area = [0; 28];
    area[..5].copy_from_slice(&[253, 27, 0x48, 0x49, 0x50]);
    assert_eq!(known(Flags::ACK, &area).hiatus, None);
    // The nonce is octets 11 to 14 of the option (draft, {#opt-resume}).
    for octet in 11..15 {
        let mut area = area;
        area[octet] = 1;
        assert!(known(Flags::ACK, &area).hiatus.is_some(), "octet {octet}");
    }
    area[10] = 1;
    area[15] = 1;
    assert_eq!(known(Flags::ACK, &area).hiatus, None);
}

#[test]
fn the_first_message_that_counts_is_taken() {
    // An unknown subtype, an ABORT on a pure ACK, then an EPOCH-ECHO.
    let mut area = vec![253, 5, 0x48, 0x49, 0x90, 253, 14, 0x48, 0x49, 0x70, 6, 1, 2, 3, 4, 5, 6, 7, 8];
    area.extend([253, 9, 0x48, 0x49, 0x20, 0, 0, 0, 1, 253, 9, 0x48, 0x49, 0x20, 0, 0, 0, 2]);
    let found = known(Flags::ACK, &area).hiatus.unwrap();
    assert_eq!(found.message().to_string(), "epoch-echo 1");
}
