//! No octets, however wrong, make the reader or the checker panic, and what is wrong is said at its place.

use std::path::Path;

use hiatus_conformance::capture::Reader;
use hiatus_conformance::capture::generate::{Mix, write_capture};
use hiatus_conformance::check::{Outcome, Report, SCHEMA_VERSION, check, check_path};
use hiatus_conformance::show::{ShowFormat, write_transcript};
use quickcheck::{QuickCheck, TestResult};

const MAGICS: [[u8; 4]; 7] = [
    [0xa1, 0xb2, 0xc3, 0xd4],
    [0xd4, 0xc3, 0xb2, 0xa1],
    [0xa1, 0xb2, 0x3c, 0x4d],
    [0x4d, 0x3c, 0xb2, 0xa1],
    [0xa1, 0xb2, 0xcd, 0x34],
    [0x34, 0xcd, 0xb2, 0xa1],
    [0x0a, 0x0d, 0x0d, 0x0a],
];

fn rollback(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pcaps/rollback").join(name);
    std::fs::read(path).expect("the capture")
}

/// Reads to the end by every way there is; packets and problems.
fn read_all(octets: &[u8]) -> (u64, Vec<String>) {
    let _ = write_transcript(octets, ShowFormat::Human, std::io::sink());
    match check(octets, |_| ()) {
        Ok(report) => (report.packets, report.problems.into_iter().map(|problem| problem.text).collect()),
        Err(error) => (0, vec![error.to_string()]),
    }
}

#[test]
fn random_octets_behind_every_magic_number_do_not_panic() {
    #[expect(clippy::needless_pass_by_value, reason = "quickcheck gives values")]
    fn property(magic: usize, octets: Vec<u8>) -> TestResult {
        let file = [MAGICS[magic % MAGICS.len()].as_slice(), &octets].concat();
        read_all(&file);
        TestResult::passed()
    }
    QuickCheck::new().tests(2000).quickcheck(property as fn(usize, Vec<u8>) -> TestResult);
}

#[test]
fn real_captures_with_changed_octets_do_not_panic() {
    fn property(changes: Vec<(u16, u8)>, cut: u16) -> TestResult {
        let mut octets = rollback("r5-silent-divergence.pcap");
        for (at, octet) in changes {
            let at = usize::from(at) % octets.len();
            octets[at] = octet;
        }
        octets.truncate(octets.len() - usize::from(cut) % octets.len());
        read_all(&octets);
        TestResult::passed()
    }
    QuickCheck::new().tests(500).quickcheck(property as fn(Vec<(u16, u8)>, u16) -> TestResult);
}

#[test]
fn changed_headers_do_not_panic() {
    // The first 54 octets of packets are headers; changes there reach every layer.
    fn property(changes: Vec<(u8, u8, u8)>) -> TestResult {
        let mut octets = rollback("r2-guest-sender.pcap");
        let starts = record_starts(&octets);
        for (record, at, octet) in changes {
            let start = starts[usize::from(record) % starts.len()];
            octets[start + 16 + usize::from(at) % 66] = octet;
        }
        read_all(&octets);
        TestResult::passed()
    }
    QuickCheck::new().tests(500).quickcheck(property as fn(Vec<(u8, u8, u8)>) -> TestResult);
}

/// Where the records of a little-endian pcap begin, those of at least 66 octets.
fn record_starts(octets: &[u8]) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut at = 24;
    while let Some(length) = octets.get(at + 8..at + 12) {
        let length = u32::from_le_bytes(length.try_into().expect("four octets"));
        let length = usize::try_from(length).expect("32 bits");
        if length >= 66 {
            starts.push(at);
        }
        at += 16 + length;
    }
    starts
}

#[test]
fn a_cut_file_is_read_as_far_as_it_goes_and_says_where_it_ends() {
    let whole = rollback("r5-silent-divergence.pcap");
    assert_eq!(read_all(&whole), (34, vec![]));
    let (packets, problems) = read_all(&whole[..whole.len() - 1]);
    assert_eq!(packets, 33);
    // The last record: 16 octets of header and the 66 of a pure ACK with timestamps.
    let offset = whole.len() - 82;
    let expected = format!("octet {offset}: the file ends inside a record: 81 of 82 octets are there");
    assert_eq!(problems, [expected]);
}

#[test]
fn a_record_that_lies_about_its_length_is_named() {
    let mut octets = rollback("r5-silent-divergence.pcap");
    octets[24 + 8..24 + 12].copy_from_slice(&u32::MAX.to_le_bytes());
    let (packets, problems) = read_all(&octets);
    assert_eq!(packets, 0);
    assert!(problems[0].starts_with("octet 24: a record of 4294967295 octets"), "{problems:?}");
}

#[test]
fn what_is_no_capture_says_so() {
    let said = |octets: &[u8]| read_all(octets).1.concat();
    assert!(said(b"").contains("not a capture"));
    assert!(said(b"GET / HTTP/1.1").contains("[47, 45, 54, 20]"));
    assert!(said(&[0x1f, 0x8b, 8, 0]).contains("gzip"));
    assert!(said(&[0xd4, 0xc3, 0xb2, 0xa1, 2]).contains("ends after 5 octets"));
}

/// The same capture in other clothes: big-endian, nanoseconds, Kuznetsov's records, pcapng with each kind of packet block.
#[test]
fn every_format_gives_the_same_story() {
    let little = rollback("r5-silent-divergence.pcap");
    let story = |octets: &[u8]| {
        let mut out = Vec::new();
        write_transcript(octets, ShowFormat::Numbered, &mut out).expect("a transcript");
        String::from_utf8(out).expect("UTF-8")
    };
    let expected = story(&little);
    let records: Vec<Vec<u8>> = {
        let mut starts = Vec::new();
        let mut at = 24;
        while at < little.len() {
            let length = u32::from_le_bytes(little[at + 8..at + 12].try_into().expect("four octets"));
            let end = at + 16 + usize::try_from(length).expect("32 bits");
            starts.push(little[at..end].to_vec());
            at = end;
        }
        starts
    };
    let number = |record: &[u8], at: usize| u32::from_le_bytes(record[at..at + 4].try_into().expect("four"));
    let mut nanos = vec![0xa1, 0xb2, 0x3c, 0x4d, 0, 2, 0, 4];
    nanos.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 1]);
    let mut kuznetsov = vec![0x34, 0xcd, 0xb2, 0xa1];
    kuznetsov.extend_from_slice(&little[4..24]);
    for record in &records {
        for field in [number(record, 0), number(record, 4) * 1000, number(record, 8), number(record, 12)] {
            nanos.extend_from_slice(&field.to_be_bytes());
        }
        nanos.extend_from_slice(&record[16..]);
        kuznetsov.extend_from_slice(&record[..16]);
        kuznetsov.extend_from_slice(&[0; 8]);
        kuznetsov.extend_from_slice(&record[16..]);
    }
    assert_eq!(story(&nanos), expected);
    assert_eq!(story(&kuznetsov), expected);
    for packet_block in [6_u32, 2] {
        let ticks = |record: &[u8]| u64::from(number(record, 0)) * 1_000_000 + u64::from(number(record, 4));
        let mut pcapng = pcapng_head();
        for record in &records {
            let (high, low) = (ticks(record) >> 32, ticks(record) & 0xffff_ffff);
            let mut body = Vec::new();
            for field in [0, high, low, u64::from(number(record, 8)), u64::from(number(record, 12))] {
                body.extend_from_slice(&u32::try_from(field).expect("32 bits").to_be_bytes());
            }
            body.extend_from_slice(&record[16..]);
            body.resize(body.len().next_multiple_of(4), 0);
            pcapng.extend_from_slice(&block(packet_block, &body));
        }
        assert_eq!(story(&pcapng), expected, "block type {packet_block}");
    }
}

/// Section header and one Ethernet interface, big-endian, default resolution (microseconds).
fn pcapng_head() -> Vec<u8> {
    let section = [0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    [block(0x0a0d_0d0a, &section), block(1, &[0, 1, 0, 0, 0, 0, 0, 0])].concat()
}

fn block(block_type: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 12).expect("32 bits").to_be_bytes();
    [&block_type.to_be_bytes(), length.as_slice(), body, length.as_slice()].concat()
}

#[test]
fn comments_stand_below_their_packet_and_resolution_is_honoured() {
    let octets = rollback("r5-silent-divergence.pcap");
    let packet = &octets[record_starts(&octets)[0] + 16..][..74];
    // Interface with if_tsresol 9 (nanoseconds), after one without.
    let mut file = pcapng_head();
    file.extend_from_slice(&block(1, &[0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 9, 0, 0, 0, 0, 0, 0, 0]));
    let mut body = vec![0, 0, 0, 1, 0, 0, 0, 0, 0x3b, 0x9a, 0xca, 0x00, 0, 0, 0, 74, 0, 0, 0, 74];
    body.extend_from_slice(packet);
    body.extend_from_slice(&[0, 0]);
    body.extend_from_slice(&[0, 1, 0, 5]);
    body.extend_from_slice(b"hello\0\0\0");
    body.extend_from_slice(&[0, 0, 0, 0]);
    file.extend_from_slice(&block(6, &body));
    let mut reader = Reader::new(&file[..]).expect("a capture");
    let record = reader.next_record().expect("a packet");
    assert_eq!(record.at.nanos(), 1_000_000_000);
    assert_eq!(record.comments.collect::<Vec<_>>(), ["hello"]);
    let mut story = Vec::new();
    write_transcript(&file[..], ShowFormat::Human, &mut story).expect("a transcript");
    assert!(String::from_utf8(story).expect("UTF-8").ends_with("\n           # hello\n"));
}

#[test]
fn a_packet_on_an_interface_nobody_described_is_counted_and_named() {
    let mut file = pcapng_head();
    file.extend_from_slice(&block(6, &[0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
    let (_, problems) = read_all(&file);
    assert_eq!(problems, ["frame 1: captured on interface 7, which the file does not describe"]);
}

#[test]
fn an_unknown_link_type_is_named() {
    let mut octets = rollback("r5-silent-divergence.pcap");
    octets[20..24].copy_from_slice(&147_u32.to_le_bytes());
    let (packets, problems) = read_all(&octets);
    assert_eq!(packets, 34);
    let expected = "34 packets from frame 1 on have link type 147, which is not known here; passed over";
    assert_eq!(problems, [expected]);
}

#[test]
fn a_generated_capture_is_whole_and_undamaged() {
    let mix = Mix { packets: 50_000, connections: 300, data_segments: 10, ..Mix::default() };
    let mut octets = Vec::new();
    write_capture(&mix, &mut octets).expect("memory");
    let report = check(&octets[..], |_| ()).expect("a capture");
    assert_eq!((report.packets, report.tcp_segments), (50_000, 50_000));
    assert_eq!((report.diagnoses, report.problems), (vec![], vec![]));
    let endings = report.endings;
    assert_eq!(endings.closed + endings.open, report.connections);
    // One connection in ten says everything that there is to say in an absence.
    let pass = |label: &str| {
        let verdict = report.verdicts.iter().find(|one| one.requirement == label).expect("a rule");
        verdict.verdict == Outcome::Pass && verdict.held > 100
    };
    for label in ["18", "24", "26", "29", "34", "48", "49", "69", "77"] {
        assert!(pass(&format!("HIA-MUST-{label}")), "{label}");
    }
    let unsure = report.verdicts.iter().filter(|one| one.broken > 0).count();
    assert_eq!(unsure, 0, "rules broken");
    assert!(endings.closed > 1500 && endings.reset == 0, "{endings:?}");
}

#[test]
fn the_document_keeps_to_its_schema() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = manifest.join("schema/check.schema.json");
    let mut schemas = boon::Schemas::new();
    let mut compiler = boon::Compiler::new();
    let schema = compiler.compile(path.to_str().expect("UTF-8"), &mut schemas).expect("a schema");
    let mut files = Vec::new();
    let folders = ["rollback", "cases"].map(|folder| manifest.join("../pcaps").join(folder));
    for entry in folders.iter().flat_map(|folder| std::fs::read_dir(folder).expect("the captures")) {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "pcap" || extension == "pcapng") {
            files.push(check_path(&path).expect("a capture"));
        }
    }
    assert!(files.len() > 200, "{} captures", files.len());
    let cut = &rollback("r5-silent-divergence.pcap")[..1000];
    files.push(check(cut, |_| ()).expect("a capture"));
    let document = serde_json::to_value(Report { schema: SCHEMA_VERSION, files }).expect("JSON");
    schemas.validate(&document, schema).unwrap_or_else(|error| panic!("{error}"));
    // The schema can fail.
    let mut wrong = document;
    wrong["files"][0]["diagnoses"][0]["kind"] = "something".into();
    assert!(schemas.validate(&wrong, schema).is_err());
}

/// The number of connections that are judged has a bound, and what is beyond it is said.
#[test]
fn too_many_that_speak_hiatus_are_said() {
    let mix = Mix { packets: 90_000, connections: 30_000, hiatus_part: 1, ..Mix::default() };
    let mut octets = Vec::new();
    write_capture(&mix, &mut octets).expect("memory");
    let report = check(&octets[..], |_| ()).expect("a capture");
    let said = report.problems.iter().filter(|problem| problem.text.contains("are not judged")).count();
    assert_eq!(said, 1, "{:?}", report.problems);
}
