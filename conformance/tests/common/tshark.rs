//! Running tshark, for the tests that hold something of ours against it.
//!
//! Without tshark they say so on standard error and pass; with HIATUS_REQUIRE_TOOLS=1 they fail instead. With
//! HIATUS_TOOLS_APART=1 they leave it to a run of their own, which is to come.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What tshark shows of each frame: a value for every field that it was asked for, in that order.
pub(crate) type Rows = BTreeMap<u64, Vec<String>>;

pub(crate) fn tshark_is_missing() -> bool {
    if std::env::var_os("HIATUS_TOOLS_APART").is_some() {
        return true;
    }
    if Command::new("tshark").arg("--version").output().is_ok_and(|out| out.status.success()) {
        return false;
    }
    skip_tool("tshark not installed");
    true
}

/// Says that the test is skipped for want of a tool, or fails where tools are required.
pub(crate) fn skip_tool(reason: &str) {
    assert!(std::env::var_os("HIATUS_REQUIRE_TOOLS").is_none(), "required here: {reason}");
    skip(reason);
}

/// Says which test is skipped, and why, where libtest does not capture it.
pub(crate) fn skip(reason: &str) {
    let mut stderr = std::io::stderr();
    let thread = std::thread::current();
    writeln!(stderr, "SKIPPED: {}: {reason}", thread.name().unwrap_or("a test")).unwrap();
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Every capture below `folder`, in the order of names.
pub(crate) fn captures(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(captures(&path));
        } else if path.extension().is_some_and(|extension| extension == "pcap" || extension == "pcapng") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Every vector of the draft as a segment, in the vectors' order (`tests/golden.rs`).
pub(crate) fn vectors_capture() -> PathBuf {
    root().join("pcaps/vectors.pcapng")
}

/// Runs tshark, as `command` has it so far, for `fields` of every frame it shows; several values of a field are joined
/// by commas. Gives the rows and what it wrote to standard error.
pub(crate) fn field_rows(command: &mut Command, fields: &[&str]) -> (Rows, String) {
    command.args(["-T", "fields", "-E", "separator=/t", "-E", "occurrence=a", "-E", "aggregator=,"]);
    command.args(["-e", "frame.number"]);
    for field in fields {
        command.args(["-e", field]);
    }
    let out = command.output().unwrap();
    let errors = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "{command:?}: {errors}");
    let text = String::from_utf8(out.stdout).unwrap();
    let rows = text.lines().map(|line| {
        let mut columns = line.split('\t');
        let frame = columns.next().unwrap().parse().unwrap();
        let values: Vec<String> = columns.map(str::to_owned).collect();
        assert_eq!(values.len(), fields.len(), "{line}");
        (frame, values)
    });
    (rows.collect(), errors)
}

pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        write!(text, "{octet:02x}").unwrap();
        text
    })
}
