//! tshark's own decoder against our codec, octet for octet: on every capture in pcaps/, and on the draft's vectors.
//!
//! tshark dissects the shared experimental options (RFC 6994) by itself and knows nothing of Hiatus, so it is an
//! independent reading of what the codec reads: sequence numbers, flags, window, option octets, and every option value
//! down to the octets that follow an experiment identifier.
//!
//! Without tshark the tests say so on standard error and pass: `common/tshark.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "common/tshark.rs"]
mod run;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use hiatus_codec::{ExperimentId, OptionKind, Segment, TcpOption, options};
use hiatus_conformance::capture::{Found, Reader, find_segment};
use run::{Rows, captures, field_rows, hex, root, skip, tshark_is_missing, vectors_capture};

/// What tshark is asked for; [`ours`] fills the same columns.
const FIELDS: [&str; 16] = [
    "tcp.seq_raw",
    "tcp.ack_raw",
    "tcp.flags",
    "tcp.window_size_value",
    "tcp.options",
    "tcp.option_kind",
    "tcp.option_len",
    "tcp.options.mss_val",
    "tcp.options.wscale.shift",
    "tcp.options.timestamp.tsval",
    "tcp.options.timestamp.tsecr",
    "tcp.options.sack_le",
    "tcp.options.sack_re",
    "tcp.options.experimental.exid",
    "tcp.options.experimental.data",
    "tcp.options.tfo.cookie",
];
/// The first columns: all that is compared where an option is malformed, for there decoders may differ.
const HEADER_FIELDS: usize = 5;

/// TCP Fast Open's experiment (RFC 7413, appendix A), the one whose octets tshark gives a field of their own.
const FAST_OPEN: ExperimentId = ExperimentId(0xf989);
/// TCP Fast Open as standardised (RFC 7413, section 4.1.1).
const FAST_OPEN_KIND: OptionKind = OptionKind(34);
/// Vectors of which only the header is compared, and why.
const HEADER_ONLY: [(&str, &str); 1] = [(
    "mptcp-short",
    "tshark's MPTCP dissector reads beyond a Data Sequence Signal of 3 octets and gives up",
)];

/// Golden captures of cases that are about malformed options, and in how many frames those stand.
const MALFORMED: [(&str, usize); 13] = [
    ("attack-data-beside-odd-options", 3),
    ("attack-header-full-of-junk", 3),
    ("attack-message-behind-an-error", 1),
    ("attack-message-behind-the-end", 1),
    ("attack-truncated-abort-is-a-bare-rst", 1),
    ("attack-truncated-messages", 7),
    ("legacy-broken-options", 4),
    ("negotiation-options-after-an-error-do-not-count", 1),
    ("negotiation-options-after-the-end-do-not-count", 1),
    ("negotiation-options-before-an-error-count", 1),
    ("negotiation-short-answer-options-are-skipped", 1),
    ("negotiation-short-option-is-ignored", 1),
    ("negotiation-strange-options-are-skipped", 1),
];

/// One row per TCP segment, by frame number: values as numbers or octets, several in wire order.
fn tshark(capture: &Path) -> Rows {
    let mut command = Command::new("tshark");
    command.arg("-n").arg("-r").arg(capture);
    command.args(["-o", "tcp.dissect_experimental_options_rfc6994:TRUE"]);
    // Else it shows the edges of SACK blocks relative to the first segment.
    command.args(["-o", "tcp.relative_sequence_numbers:FALSE"]);
    command.args(["-Y", "tcp"]);
    let (mut rows, _) = field_rows(&mut command, &FIELDS);
    for values in rows.values_mut() {
        for (value, field) in values.iter_mut().zip(FIELDS) {
            *value = plain(field, value);
        }
    }
    rows
}

/// Octets stay hexadecimal; numbers become decimal, however this version of tshark writes them.
fn plain(field: &str, value: &str) -> String {
    if matches!(field, "tcp.options" | "tcp.options.experimental.data" | "tcp.options.tfo.cookie") {
        return value.to_owned();
    }
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).unwrap(),
        None => text.parse().unwrap(),
    };
    let mut numbers: Vec<u32> = value.split(',').filter(|text| !text.is_empty()).map(number).collect();
    if field == "tcp.option_kind" {
        // It lists every octet of padding after End of Option List as one more of them.
        while numbers.ends_with(&[0, 0]) {
            numbers.pop();
        }
    }
    join(numbers)
}

fn join<T: ToString>(values: impl IntoIterator<Item = T>) -> String {
    values.into_iter().map(|value| value.to_string()).collect::<Vec<_>>().join(",")
}

/// The same as the codec reads them, and the number of all frames.
fn codec(capture: &Path) -> (Rows, u64) {
    let mut reader = Reader::open(capture).unwrap();
    let (mut rows, mut frames) = (Rows::new(), 0);
    while let Some(record) = reader.next_record() {
        frames = record.frame;
        if let Found::Segment(segment) = find_segment(record.link_type, record.octets) {
            rows.insert(record.frame, ours(&segment.tcp));
        }
    }
    assert!(reader.problems().is_empty(), "{}: {:?}", capture.display(), reader.problems());
    (rows, frames)
}

/// The columns of [`FIELDS`]; only those of the header where the walk over the options met an error.
fn ours(segment: &Segment<'_>) -> Vec<String> {
    let mut row = vec![
        segment.seq.0.to_string(),
        segment.ack.0.to_string(),
        segment.flags.0.to_string(),
        segment.window.to_string(),
        hex(segment.options),
    ];
    let walked: Result<Vec<TcpOption<'_>>, _> = options(segment.options).collect();
    let Ok(walked) = walked else { return row };
    row.push(join(walked.iter().map(|option| kind_and_len(option).0)));
    row.push(join(walked.iter().filter_map(|option| kind_and_len(option).1)));
    let mut column = |value: fn(&TcpOption<'_>) -> Vec<String>| row.push(join(walked.iter().flat_map(value)));
    column(|option| match option {
        TcpOption::MaximumSegmentSize(size) => vec![size.to_string()],
        _ => vec![],
    });
    column(|option| match option {
        TcpOption::WindowScale(shift) => vec![shift.to_string()],
        _ => vec![],
    });
    column(|option| match option {
        TcpOption::Timestamps(timestamps) => vec![timestamps.value.to_string()],
        _ => vec![],
    });
    column(|option| match option {
        TcpOption::Timestamps(timestamps) => vec![timestamps.echo_reply.to_string()],
        _ => vec![],
    });
    column(|option| match option {
        TcpOption::Sack(blocks) => blocks.iter().map(|block| block.left.0.to_string()).collect(),
        _ => vec![],
    });
    column(|option| match option {
        TcpOption::Sack(blocks) => blocks.iter().map(|block| block.right.0.to_string()).collect(),
        _ => vec![],
    });
    column(|option| match option {
        TcpOption::Hiatus(_) => vec![u32::from(ExperimentId::HIATUS.0).to_string()],
        TcpOption::Experiment { experiment, .. } => vec![experiment.0.to_string()],
        _ => vec![],
    });
    column(|option| match option {
        TcpOption::Hiatus(option) => vec![hex(option.octets_from_subtype())],
        TcpOption::Experiment { experiment, body, .. } if !body.is_empty() && *experiment != FAST_OPEN => {
            vec![hex(body)]
        }
        _ => vec![],
    });
    column(|option| match option {
        TcpOption::Experiment { experiment: FAST_OPEN, body, .. } => vec![hex(body)],
        TcpOption::Unknown(raw) if raw.kind == FAST_OPEN_KIND => vec![hex(raw.body)],
        _ => vec![],
    });
    row
}

/// Kind and Length as on the wire, in tshark's reading: a Length for every option that has one.
fn kind_and_len(option: &TcpOption<'_>) -> (u8, Option<usize>) {
    match option {
        TcpOption::EndOfList => (0, None),
        TcpOption::NoOperation => (1, None),
        TcpOption::MaximumSegmentSize(_) => (2, Some(4)),
        TcpOption::WindowScale(_) => (3, Some(3)),
        TcpOption::SackPermitted => (4, Some(2)),
        TcpOption::Sack(blocks) => (5, Some(2 + blocks.octets().len())),
        TcpOption::Timestamps(_) => (8, Some(10)),
        TcpOption::Hiatus(option) => (253, Some(4 + option.octets_from_subtype().len())),
        TcpOption::Experiment { kind, body, .. } => (kind.0, Some(4 + body.len())),
        TcpOption::Unknown(raw) => (raw.kind.0, Some(usize::from(raw.len_octets()))),
        other => panic!("a new kind of option needs its line here: {other}"),
    }
}

/// Compares what tshark and the codec read of one capture frame by frame; gives the number of frames and of those compared
/// to the last option.
///
/// Of the frames in `header_only` the options are compared as octets only.
fn compare(
    capture: &Path,
    (theirs, ours): (&Rows, &Rows),
    header_only: &[u64],
    differences: &mut Vec<String>,
) -> (usize, usize) {
    let name = capture.file_name().unwrap().to_string_lossy();
    let frames = |rows: &Rows| rows.keys().copied().collect::<Vec<_>>();
    if frames(theirs) != frames(ours) {
        differences.push(format!(
            "{name}: frames with TCP: tshark {:?}, codec {:?}",
            frames(theirs),
            frames(ours)
        ));
        return (0, 0);
    }
    let mut whole = 0;
    for ((frame, theirs), ours) in theirs.iter().zip(ours.values()) {
        whole += usize::from(ours.len() == FIELDS.len());
        let columns = if header_only.contains(frame) { HEADER_FIELDS } else { FIELDS.len() };
        for ((field, theirs), ours) in FIELDS.iter().zip(theirs).zip(ours).take(columns) {
            if theirs != ours {
                differences.push(format!("{name} frame {frame} {field}: tshark `{theirs}`, codec `{ours}`"));
            }
        }
    }
    (ours.len(), whole)
}

#[test]
fn tshark_agrees_on_every_golden_capture() {
    if tshark_is_missing() {
        return;
    }
    let folder = root().join("pcaps");
    if !folder.is_dir() {
        return skip("there is no pcaps/ yet");
    }
    let mut captures = captures(&folder);
    // The vectors, most of them malformed, have a test of their own.
    captures.retain(|capture| *capture != vectors_capture());
    assert!(!captures.is_empty(), "pcaps/ holds no capture");
    // One capture after the other in a single file: tshark's start takes a third of a second.
    let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join("all-captures.pcapng");
    let merged =
        Command::new("mergecap").args(["-a", "-F", "pcapng", "-w"]).arg(&all).args(&captures).output();
    let merged = merged.expect("mergecap comes with tshark");
    assert!(merged.status.success(), "mergecap: {}", String::from_utf8_lossy(&merged.stderr));
    let differences = differences_of(&captures, tshark(&all));
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

/// `theirs` has the frames of all the captures, numbered through.
fn differences_of(captures: &[PathBuf], mut theirs: Rows) -> Vec<String> {
    let mut differences = Vec::new();
    let mut frames_before = 0;
    for capture in captures {
        let (ours, frame_count) = codec(capture);
        let rest = theirs.split_off(&(frames_before + frame_count + 1));
        let here = theirs.into_iter().map(|(frame, row)| (frame - frames_before, row)).collect();
        (theirs, frames_before) = (rest, frames_before + frame_count);
        let (frames, whole) = compare(capture, (&here, &ours), &[], &mut differences);
        assert!(frames > 0, "{}: no TCP segment", capture.display());
        let name = capture.file_stem().unwrap().to_string_lossy();
        let malformed = MALFORMED.iter().find(|(stem, _)| *stem == name).map_or(0, |(_, frames)| *frames);
        if frames - whole != malformed {
            differences
                .push(format!("{name}: {} frames with malformed options, not {malformed}", frames - whole));
        }
    }
    if !theirs.is_empty() {
        differences.push(format!("tshark reads {} frames that we do not", theirs.len()));
    }
    differences
}

#[test]
fn tshark_agrees_on_the_vectors() {
    if tshark_is_missing() {
        return;
    }
    let text = fs::read_to_string(root().join("spec/vectors.toml")).unwrap();
    let table: toml::Table = text.parse().unwrap();
    let vectors = table["vector"].as_array().unwrap();
    let exceptional =
        |vector: &&toml::Value| HEADER_ONLY.iter().any(|(id, _)| vector["id"].as_str() == Some(id));
    let frames = (1_u64..).zip(vectors).filter(|(_, vector)| exceptional(vector)).map(|(frame, _)| frame);
    let header_only: Vec<u64> = frames.collect();
    assert_eq!(header_only.len(), HEADER_ONLY.len(), "an exception names a vector that is not there");
    let mut differences = Vec::new();
    let (theirs, (ours, _)) = (tshark(&vectors_capture()), codec(&vectors_capture()));
    let (frames, whole) = compare(&vectors_capture(), (&theirs, &ours), &header_only, &mut differences);
    assert_eq!(frames, vectors.len());
    assert!(whole * 2 > frames, "most vectors are well-formed, only {whole} of {frames} were");
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}
