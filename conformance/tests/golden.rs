//! The captures in `pcaps/cases/` are what the cases give, octet for octet, and their transcripts read as reviewed.
//!
//! `UPDATE_GOLDEN=1 cargo test -p hiatus-conformance --test golden` rewrites captures and table.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use hiatus_codec::{Flags, SequenceNumber};
use hiatus_conformance::case::{Case, built_in};
use hiatus_conformance::record::Frame;
use hiatus_conformance::show::{ShowFormat, write_transcript};
use hiatus_conformance::target::TargetChoice;
use hiatus_conformance::wire::{OwnedSegment, Side};
use hiatus_conformance::{record, report, runner};

/// A golden capture is to stay small enough to be read.
const CAPTURE_LEN_OCTETS_MAX: usize = 64 * 1024;
const TABLE_BEGIN: &str = "<!-- cases: begin -->\n";
const TABLE_END: &str = "<!-- cases: end -->\n";

fn pcaps() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../pcaps")
}

fn update() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some()
}

fn capture(case: &Case) -> Vec<u8> {
    let outcome = runner::run(case, &|setup| TargetChoice::Reference.build(setup));
    record::capture(case, &outcome.frames).expect("every frame is a packet")
}

fn captures() -> BTreeMap<String, Vec<u8>> {
    let cases = built_in().expect("every script can be read");
    let captures: BTreeMap<String, Vec<u8>> =
        cases.iter().map(|case| (format!("{}.pcapng", case.capture_name()), capture(case))).collect();
    assert_eq!(captures.len(), cases.len(), "two cases share the name of a capture");
    captures
}

#[test]
fn captures_are_the_same_octet_for_octet() {
    let folder = pcaps().join("cases");
    let wanted = captures();
    if update() {
        fs::create_dir_all(&folder).unwrap();
        for (name, octets) in &wanted {
            fs::write(folder.join(name), octets).unwrap();
        }
    }
    let mut wrong: Vec<String> = wanted
        .iter()
        .filter(|(name, octets)| fs::read(folder.join(name)).ok().as_ref() != Some(octets))
        .map(|(name, _)| format!("{name}: missing, or not what its case gives"))
        .collect();
    let found: BTreeSet<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".pcapng"))
        .collect();
    wrong.extend(
        found.iter().filter(|name| !wanted.contains_key(*name)).map(|name| format!("{name}: no such case")),
    );
    assert!(wrong.is_empty(), "{}\nUPDATE_GOLDEN=1 rewrites them", wrong.join("\n"));
}

#[test]
fn captures_are_small() {
    for (name, octets) in captures() {
        assert!(octets.len() < CAPTURE_LEN_OCTETS_MAX, "{name}: {} octets", octets.len());
    }
}

#[test]
fn two_runs_give_the_same_octets() {
    assert_eq!(captures(), captures());
}

#[test]
fn transcripts_read_like_a_story() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots/cases");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for case in built_in().expect("every script can be read") {
            let mut transcript = Vec::new();
            write_transcript(capture(&case).as_slice(), ShowFormat::Human, &mut transcript).unwrap();
            insta::assert_snapshot!(case.capture_name(), String::from_utf8(transcript).unwrap());
        }
    });
}

/// The draft's vectors as segments: each a pure ACK with the vector's octets as options, padded with zeros.
#[test]
fn the_vectors_are_a_capture_too() {
    let text = fs::read_to_string(pcaps().join("../spec/vectors.toml")).unwrap();
    let table: toml::Table = text.parse().unwrap();
    let vectors = table["vector"].as_array().unwrap();
    let mut frames = Vec::new();
    for (vector, at) in vectors.iter().zip(0..) {
        let field = |name: &str| vector[name].as_str().unwrap();
        let octets = field("octets").split_whitespace().map(|octet| u8::from_str_radix(octet, 16).unwrap());
        let mut options: Vec<u8> = octets.collect();
        options.resize(options.len().next_multiple_of(4), 0);
        let segment = OwnedSegment {
            source_port: record::CONNECT_PORT,
            destination_port: record::LISTEN_PORT,
            seq: SequenceNumber(1),
            ack: SequenceNumber(1),
            flags: Flags::ACK,
            window: 1,
            options,
            payload: vec![],
        };
        let comment = format!("{} ({}): {}", field("id"), field("section"), field("why"));
        frames.push(Frame { at: Duration::from_millis(at), from: Side::Bench, segment, comment });
    }
    let wanted = record::pcapng("the option vectors of the draft, spec/vectors.toml", &frames).unwrap();
    let path = pcaps().join("vectors.pcapng");
    if update() {
        fs::write(&path, &wanted).unwrap();
    }
    assert!(fs::read(&path).unwrap() == wanted, "UPDATE_GOLDEN=1 rewrites the capture of the vectors");
}

/// The case whose ladder diagram the README shows.
const PICTURED: &str = "resume/holder-rewinds";

#[test]
fn the_picture_of_the_readme_is_that_of_its_case() {
    let cases = built_in().expect("every script can be read");
    let case = cases.iter().find(|case| case.id == PICTURED).expect("the case");
    let outcome = runner::run(case, &|setup| TargetChoice::Reference.build(setup));
    let wanted = report::picture(&outcome.frames);
    let path = pcaps().join("suspension.svg");
    if update() {
        fs::write(&path, &wanted).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), wanted, "UPDATE_GOLDEN=1 rewrites the picture");
}

#[test]
fn the_table_has_a_row_for_every_capture() {
    let mut table = String::from("| file | story | requirements | script |\n|---|---|---|---|\n");
    for case in built_in().expect("every script can be read") {
        let header = &case.script.header;
        let name = case.capture_name();
        let id = &case.id;
        writeln!(
            table,
            "| [{name}](cases/{name}.pcapng) | {} | {} | [{id}](../conformance/cases/{id}.pkt) |",
            header.title,
            header.requirements.join(", ")
        )
        .unwrap();
    }
    let path = pcaps().join("README.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(TABLE_BEGIN).expect("the table has a beginning");
    let (_, after) = rest.split_once(TABLE_END).expect("the table has an end");
    let wanted = format!("{before}{TABLE_BEGIN}{table}{TABLE_END}{after}");
    if update() {
        fs::write(&path, &wanted).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), wanted, "UPDATE_GOLDEN=1 rewrites the table");
}
