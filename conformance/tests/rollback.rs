//! The ten real rollbacks and suspensions in `pcaps/rollback`: transcripts, diagnoses, and the numbers in them against
//! what the logs of the hosts say (taken by hand; `pcaps/rollback/README.md` quotes the logs).

use std::fs::File;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use hiatus_codec::Flags;
use hiatus_conformance::capture::{Found, Reader, Segment, find_segment};
use hiatus_conformance::check::{Diagnosis, DiagnosisKind as Kind, FileReport, check};
use hiatus_conformance::show::{ShowFormat, write_transcript};

const CAPTURES: [&str; 10] = [
    "criu-c1-clean",
    "criu-c2-rollback",
    "criu-c3-rollback-rst",
    "r1-guest-receiver",
    "r2-guest-sender",
    "r3-duplex",
    "r4-small-rollback-stall",
    "r5-silent-divergence",
    "s1-suspend-short",
    "s2-suspend-long",
];

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../pcaps/rollback").join(format!("{name}.pcap"))
}

fn report(name: &str) -> FileReport {
    let report = check(File::open(path(name)).expect("the capture"), |_| ()).expect("a capture");
    assert!(report.problems.is_empty(), "{name}: {:?}", report.problems);
    report
}

fn kinds(report: &FileReport) -> Vec<Kind> {
    let mut kinds: Vec<_> = report.diagnoses.iter().map(|diagnosis| diagnosis.kind).collect();
    kinds.sort_unstable();
    kinds
}

/// The one diagnosis of `kind` on connection 0 (r3: 1, after the rest of the run before it) and `side`.
fn only(report: &FileReport, kind: Kind, side: char) -> &Diagnosis {
    let mut found = report.diagnoses.iter().filter(|one| one.kind == kind && one.side == Some(side));
    let diagnosis = found.next().unwrap_or_else(|| panic!("no {kind:?} of {side}"));
    assert!(found.next().is_none(), "two {kind:?} of {side}");
    diagnosis
}

/// A duration in the report is this one in milliseconds, by the log of the run (which rounds to them).
fn assert_lasts(diagnosis: &Diagnosis, expected_ms: u64) {
    let found_ms = diagnosis.duration_ns.expect("a duration") / 1_000_000;
    assert!(found_ms.abs_diff(expected_ms) <= 1, "{found_ms} ms, expected {expected_ms}: {}", diagnosis.text);
}

#[test]
fn r1_the_restored_receiver_asks_for_2560_octets_nobody_has() {
    let report = report("r1-guest-receiver");
    assert_eq!(report.packets, 165);
    assert_eq!(kinds(&report), [Kind::ReceiverRollback, Kind::Stall, Kind::OpenAtEnd]);
    let rollback = only(&report, Kind::ReceiverRollback, 'A');
    // Log: killed after ACK 4545 at 17.590, back at 21.021 with ACK 1985 and TSval 911807802 after 911811684.
    assert_eq!(rollback.octets, Some(4545 - 1985));
    assert!(rollback.text.contains("acknowledges 1985") && rollback.text.contains("(1985:4545)"));
    assert!(rollback.text.contains(&format!("{} ticks back", 911_811_684 - 911_807_802)));
    assert!(rollback.text.contains("silent for 3.431 s"));
    // Last progress at 17.590, last segment at 24.374.
    assert_lasts(only(&report, Kind::Stall, 'B'), 6784);
}

#[test]
fn r2_the_restored_sender_is_acknowledged_beyond_what_it_knows() {
    let report = report("r2-guest-sender");
    assert_eq!(kinds(&report), [Kind::SenderRollback, Kind::Stall, Kind::OpenAtEnd]);
    let rollback = only(&report, Kind::SenderRollback, 'A');
    // Log: ACK 3841 before, data from 1921 after; records 30, 31, 32 (64 octets each) drawn anew.
    assert_eq!(rollback.octets, Some(3841 - 1921));
    assert!(rollback.text.contains("192 octets (1921:2113) are not what they were"), "{}", rollback.text);
    assert!(rollback.text.contains(&format!("{} ticks back", 4_171_420_237_u64 - 4_171_417_311)));
    // Last progress at 17.691, last segment at 34.108.
    assert_lasts(only(&report, Kind::Stall, 'A'), 16_417);
}

#[test]
fn r3_both_directions_stand_still_and_the_peer_gives_up_in_silence() {
    let report = report("r3-duplex");
    assert_eq!((report.packets, report.connections), (233, 2));
    // Connection 0 is the end of the run before: FINs into a host that is gone, then RST.
    let ours: Vec<_> = report.diagnoses.iter().filter(|one| one.connection == 1).cloned().collect();
    let report = FileReport { diagnoses: ours, ..report };
    let expected = [
        Kind::ReceiverRollback,
        Kind::SenderRollback,
        Kind::Stall,
        Kind::Stall,
        Kind::SilentGiveUp,
        Kind::Reset,
    ];
    assert_eq!(kinds(&report), expected);
    // Log: ACK 3969 and data up to 3841 before, ACK 1921 and data from 1921 after.
    assert_eq!(only(&report, Kind::ReceiverRollback, 'A').octets, Some(3969 - 1921));
    assert_eq!(only(&report, Kind::SenderRollback, 'A').octets, Some(3841 - 1921));
    // 19.831 to 37.497 both ways; the peer's last resend at 26.656, 3969:4161.
    assert_lasts(only(&report, Kind::Stall, 'A'), 37_497 - 19_831);
    assert_lasts(only(&report, Kind::Stall, 'B'), 37_497 - 19_831);
    assert_eq!(only(&report, Kind::SilentGiveUp, 'B').octets, Some(192));
    assert_eq!(only(&report, Kind::Reset, 'B').frames, [233]);
}

#[test]
fn r4_a_rollback_of_six_records_does_not_heal_either() {
    let report = report("r4-small-rollback-stall");
    assert_eq!(kinds(&report), [Kind::SenderRollback, Kind::Stall, Kind::OpenAtEnd]);
    assert_eq!(only(&report, Kind::SenderRollback, 'A').octets, Some(6 * 64));
    // Log: 14.476 to 23.335.
    assert_lasts(only(&report, Kind::Stall, 'A'), 23_335 - 14_476);
}

#[test]
fn r5_the_connection_goes_on_and_is_wrong() {
    let report = report("r5-silent-divergence");
    assert_eq!(kinds(&report), [Kind::SenderRollback, Kind::SilentDivergence]);
    let divergence = only(&report, Kind::SilentDivergence, 'A');
    // Log: records 60 to 79 (20 times 64 octets) sent at 9.844, again with other content at 12.247, and from 13.734 on
    // records 80 and further are acknowledged. tshark numbers these frames 12, 18 and 22.
    assert_eq!(divergence.octets, Some(20 * 64));
    assert_eq!(divergence.frames, [12, 18, 22]);
    assert!(divergence.text.contains("(3841:5121)"));
    // The clock went back by less than the time away, so PAWS saw nothing: TSval 4293447129 after 4293447120.
    assert!(only(&report, Kind::SenderRollback, 'A').text.contains("made 9 ticks"));
}

#[test]
fn s1_a_suspension_of_five_seconds_is_survived() {
    let report = report("s1-suspend-short");
    assert_eq!(kinds(&report), [Kind::Stall, Kind::Suspension, Kind::Survived]);
    let suspension = only(&report, Kind::Suspension, 'A').duration_ns.expect("a duration");
    // Log: stopped at 12.661, continued at 17.664, between two segments.
    assert!((5_003_000_000..5_200_000_000).contains(&suspension), "{suspension}");
}

#[test]
fn s2_a_suspension_of_fifteen_seconds_is_not() {
    let report = report("s2-suspend-long");
    assert_eq!(kinds(&report), [Kind::Stall, Kind::Suspension, Kind::SilentGiveUp, Kind::Reset]);
    // Log: last segment 12.233, next 27.309; peer's last resend 15.462, its error (ETIMEDOUT) 18.943, its RST 27.309.
    assert_lasts(only(&report, Kind::Suspension, 'A'), 27_309 - 12_233);
    assert_eq!(only(&report, Kind::SilentGiveUp, 'B').octets, Some(192));
    only(&report, Kind::Reset, 'B');
}

#[test]
fn c1_a_process_dumped_and_restored_unchanged_survives() {
    let report = report("criu-c1-clean");
    assert_eq!(kinds(&report), [Kind::Stall, Kind::Suspension, Kind::Survived]);
}

#[test]
fn c2_a_process_rolled_back_stalls_both_ways() {
    let report = report("criu-c2-rollback");
    let expected = [Kind::ReceiverRollback, Kind::SenderRollback, Kind::Stall, Kind::Stall, Kind::OpenAtEnd];
    assert_eq!(kinds(&report), expected);
    // Log: ACK 4225 and data up to 4289 before, ACK 1921 and data from 1921 after.
    assert_eq!(only(&report, Kind::ReceiverRollback, 'A').octets, Some(4225 - 1921));
    assert_eq!(only(&report, Kind::SenderRollback, 'A').octets, Some(4289 - 1921));
    // 7.646 and 7.674 (last progress) to 20.664.
    assert_lasts(only(&report, Kind::Stall, 'A'), 20_664 - 7_674);
}

#[test]
fn c3_a_kernel_without_the_socket_resets_before_it_is_restored() {
    let report = report("criu-c3-rollback-rst");
    let expected = [Kind::ReceiverRollback, Kind::SenderRollback, Kind::Stall, Kind::Silence, Kind::Reset];
    assert_eq!(kinds(&report), expected);
    // Log: ACK 4353 at 7.845, RST at 9.428, then the restored socket with ACK 1921.
    assert_eq!(only(&report, Kind::ReceiverRollback, 'A').octets, Some(4353 - 1921));
    assert_lasts(only(&report, Kind::Stall, 'B'), 9_428 - 7_845);
    assert_eq!(only(&report, Kind::Reset, 'A').frames, [221]);
}

#[test]
fn transcripts_and_diagnoses_read_like_stories() {
    for name in CAPTURES {
        let mut transcript = Vec::new();
        write_transcript(File::open(path(name)).expect("the capture"), ShowFormat::Numbered, &mut transcript)
            .expect("a transcript");
        let transcript = String::from_utf8(transcript).expect("UTF-8");
        insta::assert_snapshot!(format!("{name}.transcript"), transcript);
        let diagnoses: Vec<_> = report(name).diagnoses.iter().map(line).collect();
        insta::assert_snapshot!(format!("{name}.diagnoses"), diagnoses.join("\n"));
    }
}

fn line(diagnosis: &Diagnosis) -> String {
    let kind = serde_json::to_value(diagnosis.kind).expect("a word");
    format!("{} {:?}: {}", kind.as_str().expect("a word"), diagnosis.frames, diagnosis.text)
}

/// The segments of a capture as raw IPv6 packets in a pcap with nanoseconds; `keep` says which.
fn as_ipv6(name: &str, keep: impl Fn(&Segment<'_>) -> bool) -> Vec<u8> {
    let mut file = vec![0xa1, 0xb2, 0x3c, 0x4d, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 101];
    let mut reader = Reader::open(&path(name)).expect("the capture");
    while let Some(record) = reader.next_record() {
        let Found::Segment(segment) = find_segment(record.link_type, record.octets) else { continue };
        if !keep(&segment) {
            continue;
        }
        let mut tcp = vec![0; segment.tcp.wire_len_octets()];
        segment.tcp.emit(&mut tcp).expect("room");
        let mut packet = vec![0x60, 0, 0, 0];
        packet.extend_from_slice(&u16::try_from(tcp.len()).expect("short").to_be_bytes());
        packet.extend_from_slice(&[6, 64]);
        for end in [segment.source, segment.destination] {
            let IpAddr::V4(address) = end.address() else { panic!("IPv4") };
            packet.extend_from_slice(&[0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0]);
            packet.extend_from_slice(&address.octets());
        }
        packet.extend_from_slice(&tcp);
        let nanos = record.at.nanos();
        let length = packet.len() as u64;
        for field in [nanos / 1_000_000_000, nanos % 1_000_000_000, length, length] {
            file.extend_from_slice(&u32::try_from(field).expect("in range").to_be_bytes());
        }
        file.extend_from_slice(&packet);
    }
    file
}

/// What happened to the connection is what it is, over IPv6 and where the capture begins after the handshake.
#[test]
fn the_diagnoses_are_the_same_over_ipv6_and_without_handshake() {
    for name in CAPTURES {
        let expected = kinds(&report(name));
        let over_ipv6 = check(&as_ipv6(name, |_| true)[..], |_| ()).expect("a capture");
        assert_eq!(kinds(&over_ipv6), expected, "{name} over IPv6");
        let late = check(&as_ipv6(name, |segment| !segment.tcp.flags.contains(Flags::SYN))[..], |_| ());
        assert_eq!(kinds(&late.expect("a capture")), expected, "{name} without handshake");
    }
}
