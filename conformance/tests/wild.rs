//! Real captures of foreign stacks, read by this reader and by tshark 4.0.17.
//!
//! Where they are absent these tests say so and pass: `common/wild.rs`.

#[path = "wild/exceptions.rs"]
mod exceptions;
#[path = "common/wild.rs"]
mod shared_captures;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use hiatus_conformance::capture::flow::FlowTable;
use hiatus_conformance::capture::{Found, Reader, find_segment};
use hiatus_conformance::check::{DiagnosisKind as Kind, Outcome, check_path};
use shared_captures::{manifest, shared, table};

/// What a TCP frame shows, spelled as tshark spells it.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    stream: String,
    seq: String,
    ack: String,
    flags: String,
    window: String,
    options: String,
}

/// What this reader finds: rows by frame number, and the number of connections.
fn ours(path: &Path) -> (BTreeMap<u64, Row>, u64) {
    let mut rows = BTreeMap::new();
    let mut flows = FlowTable::<()>::default();
    let Ok(mut reader) = Reader::open(path) else { return (rows, 0) };
    while let Some(record) = reader.next_record() {
        let Found::Segment(segment) = find_segment(record.link_type, record.octets) else { continue };
        let place = flows.place(&segment, record.frame, |_| ());
        let row = Row {
            stream: flows.flow(place.slot).number.to_string(),
            seq: segment.tcp.seq.0.to_string(),
            ack: segment.tcp.ack.0.to_string(),
            flags: format!("0x{:04x}", segment.tcp.flags.0),
            window: segment.tcp.window.to_string(),
            options: segment.tcp.options.iter().fold(String::new(), |mut hex, octet| {
                write!(hex, "{octet:02x}").expect("strings do not fail");
                hex
            }),
        };
        rows.insert(record.frame, row);
    }
    (rows, flows.connections())
}

/// What tshark found.
fn theirs(path: &Path) -> BTreeMap<u64, Row> {
    let mut text = String::new();
    GzDecoder::new(File::open(path).expect("expected values")).read_to_string(&mut text).expect("UTF-8");
    let column = |row: &BTreeMap<String, String>, name: &str| row.get(name).cloned().unwrap_or_default();
    table(&text)
        .iter()
        .map(|row| {
            let frame = column(row, "frame.number").parse().expect("a frame number");
            let fields = Row {
                stream: column(row, "tcp.stream"),
                seq: column(row, "tcp.seq_raw"),
                ack: column(row, "tcp.ack_raw"),
                flags: column(row, "tcp.flags"),
                window: column(row, "tcp.window_size_value"),
                options: column(row, "tcp.options"),
            };
            (frame, fields)
        })
        .collect()
}

/// The ways in which a file may differ from tshark, one line each, at most the first of a kind.
fn differences(ours: &BTreeMap<u64, Row>, theirs: &BTreeMap<u64, Row>) -> BTreeMap<&'static str, String> {
    let mut found = BTreeMap::new();
    for (frame, their) in theirs {
        let Some(our) = ours.get(frame) else {
            found.entry("frame not seen as TCP").or_insert_with(|| format!("frame {frame}: {their:?}"));
            continue;
        };
        let pairs = [
            ("stream", &our.stream, &their.stream),
            ("seq", &our.seq, &their.seq),
            ("ack", &our.ack, &their.ack),
            ("flags", &our.flags, &their.flags),
            ("window", &our.window, &their.window),
            ("options", &our.options, &their.options),
        ];
        for (name, our, their) in pairs {
            if our != their {
                found.entry(name).or_insert_with(|| format!("frame {frame}: {our:?}, tshark {their:?}"));
            }
        }
    }
    for frame in ours.keys().filter(|frame| !theirs.contains_key(frame)) {
        found.entry("frame not TCP for tshark").or_insert_with(|| format!("frame {frame}"));
    }
    found
}

#[test]
fn every_tcp_frame_reads_as_tshark_reads_it() {
    let Some(wild) = shared("wild") else { return };
    let Some(expected) = shared("wild-expected") else { return };
    let files: BTreeMap<String, String> =
        manifest(&wild).into_iter().map(|(file, sha)| (sha, file)).collect();
    let text = std::fs::read_to_string(expected.join("files.tsv")).expect("files.tsv");
    let mut unexplained = String::new();
    let mut occurred = BTreeSet::new();
    let rows = table(&text);
    assert_eq!(rows.len(), 280, "captures with expected values");
    for row in &rows {
        let sha = &row["sha256"];
        let file = &files[sha];
        let (ours, connections) = ours(&wild.join(file));
        let theirs = theirs(&expected.join("packets").join(format!("{}.tsv.gz", &sha[..16])));
        assert_eq!(theirs.len().to_string(), row["tcp_frames"], "{file}");
        let mut found = differences(&ours, &theirs);
        if connections.to_string() != row["streams"] {
            found.insert("streams", format!("{connections}, tshark {}", row["streams"]));
        }
        for (kind, text) in found {
            if exceptions::EXCEPTIONS.iter().any(|(name, known, _)| name == file && *known == kind) {
                occurred.insert((file.clone(), kind));
            } else {
                writeln!(unexplained, "{file}: {kind}: {text}").expect("strings do not fail");
            }
        }
    }
    assert!(unexplained.is_empty(), "differs from tshark:\n{unexplained}");
    for (file, kind, reason) in exceptions::EXCEPTIONS {
        let key = ((*file).to_string(), *kind);
        assert!(occurred.contains(&key), "no longer an exception: {file}: {kind} ({reason})");
    }
}

/// All 361 are read and checked; none shows a rollback, and the few other signs were looked at one by one.
#[test]
fn no_wild_capture_is_taken_for_a_rollback() {
    let Some(wild) = shared("wild") else { return };
    let mut found = BTreeSet::new();
    let mut unreadable = BTreeSet::new();
    let mut verdicts = Vec::new();
    for (file, _) in manifest(&wild) {
        match check_path(&wild.join(&file)) {
            Ok(report) => {
                // None of them is of a TCP that has the extension.
                let judged = report.verdicts.iter().filter(|one| one.verdict != Outcome::NotExercised);
                judged.for_each(|one| verdicts.push(format!("{file}: {}: {}", one.requirement, one.text)));
                found.extend(report.diagnoses.iter().map(|one| (file.clone(), one.kind)));
            }
            Err(error) => {
                unreadable.insert(format!("{file}: {error}"));
            }
        }
    }
    assert!(unreadable.is_empty(), "{unreadable:#?}");
    assert!(verdicts.is_empty(), "{verdicts:#?}");
    let rollback = [Kind::ReceiverRollback, Kind::SenderRollback, Kind::SilentDivergence, Kind::Suspension];
    let false_ones: Vec<_> = found.iter().filter(|(_, kind)| rollback.contains(kind)).collect();
    assert!(false_ones.is_empty(), "{false_ones:#?}");
    let altered: BTreeSet<_> = found
        .iter()
        .filter(|(_, kind)| *kind == Kind::AlteredRetransmission)
        .map(|(file, _)| file.as_str())
        .collect();
    let expected: BTreeSet<_> = exceptions::ALTERED.iter().map(|(file, _)| *file).collect();
    assert_eq!(altered, expected, "captures with octets sent twice with different content");
}
