//! Every script under `cases/` against the engine, over IPv4 and IPv6.
//!
//! `cases/pending.txt` lists scripts that the engine does not pass yet, each with the reason. A line whose script passes
//! is an error, as is one without a script.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use hiatus_engine::IpVersion;
use hiatus_packetdrill::run::run;
use hiatus_packetdrill::script::Script;

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cases")
}

fn scripts_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            scripts_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "pkt") {
            found.push(path);
        }
    }
    found.sort();
}

/// Script and reason, from lines `PATH: REASON`.
fn pending() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(cases().join("pending.txt")).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_once(": ").unwrap()).map(|(path, why)| (path.into(), why.into())).collect()
}

fn judge(version: IpVersion) {
    let mut pending = pending();
    let mut scripts = Vec::new();
    scripts_below(&cases(), &mut scripts);
    assert!(!scripts.is_empty(), "no scripts");
    let mut report = String::new();
    for path in &scripts {
        let name = path.strip_prefix(cases()).unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(path).unwrap();
        let script = Script::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        if !script.is_for(version) {
            pending.remove(&name);
            continue;
        }
        let mut trace = Vec::new();
        match (run(&script, version, &mut trace), pending.remove(&name)) {
            (Ok(()), None) | (Err(_), Some(_)) => {}
            (Ok(()), Some(_)) => writeln!(report, "{name} passes: remove it from pending.txt").unwrap(),
            (Err(failure), None) => {
                writeln!(report, "{name}, {failure}\n{}\n", trace.join("\n")).unwrap();
            }
        }
    }
    for name in pending.keys() {
        writeln!(report, "{name} is in pending.txt, but there is no such script").unwrap();
    }
    assert!(report.is_empty(), "{version:?}:\n{report}");
}

#[test]
fn every_case_over_ipv4() {
    judge(IpVersion::V4);
}

#[test]
fn every_case_over_ipv6() {
    judge(IpVersion::V6);
}

/// The interpreter must be able to fail: one number changed in a script that passes.
#[test]
fn changed_script_fails() {
    let text = std::fs::read_to_string(cases().join("handshake/passive.pkt")).unwrap();
    for (right, wrong, line) in [
        ("ack 101\n+0  read", "ack 102\n+0  read", 13),
        ("read(4, ..., 1000) = 100", "read(4, ..., 1000) = 99", 14),
        ("> P. 1:101(100) ack 101", "> . 1:101(100) ack 101", 16),
        ("+0  > S. 0", "+.5  > S. 0", 8),
        ("accept(3, ..., ...) = 4", "accept(3, ..., ...) = -1", 10),
    ] {
        assert!(text.contains(right), "{right}");
        let script = Script::parse(&text.replace(right, wrong)).unwrap();
        let failure = run(&script, IpVersion::V4, &mut Vec::new()).unwrap_err();
        assert_eq!(failure.line, line, "{failure}");
    }
}
