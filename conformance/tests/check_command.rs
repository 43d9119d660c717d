//! `conform check` from outside: options, exit codes, damaged captures.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn check(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_conform")).arg("check").args(arguments).output().unwrap()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../pcaps").join(name)
}

/// A file with these octets, for one test.
fn file(name: &str, octets: &[u8]) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, octets).unwrap();
    path.display().to_string()
}

#[test]
fn the_rules_are_listed_and_counted() {
    let output = check(&["--rules"]);
    assert_eq!(output.status.code(), Some(0));
    let listed = text(&output.stdout);
    assert!(listed.contains("HIA-MUST-48") && listed.contains("HIA-MUST-99"), "{listed}");
    let rows = text(&check(&["--rules", "--format", "json"]).stdout);
    let rows: Vec<serde_json::Value> = serde_json::from_str(&rows).unwrap();
    let judged = rows.iter().filter(|row| row["judged"] == true).count();
    assert!(judged > 80 && rows.len() > judged, "{judged} of {}", rows.len());
}

/// The bench of this case sends a SUSPEND with a wrong MAC: open elsewhere, broken at its host.
#[test]
fn where_a_capture_was_taken_decides() {
    let path = golden("cases/suspend-suspend-with-wrong-mac.pcapng").display().to_string();
    let anywhere = check(&[&path]);
    assert_eq!(anywhere.status.code(), Some(0));
    assert!(text(&anywhere.stdout).contains("open  HIA-MUST-18"), "{}", text(&anywhere.stdout));
    let at_bench = check(&["--taken-at", "192.0.2.2", &path]);
    assert_eq!(at_bench.status.code(), Some(1));
    assert!(text(&at_bench.stdout).contains("FAIL  HIA-MUST-18"), "{}", text(&at_bench.stdout));
    let at_target = check(&["--taken-at", "192.0.2.1", &path]);
    let nowhere = check(&["--taken-at", "9.9.9.9", &path]);
    assert!(
        text(&nowhere.stdout).contains("said to be taken at 9.9.9.9, which is no end"),
        "{}",
        text(&nowhere.stdout)
    );
    assert!(!text(&at_target.stdout).contains("said to be taken"), "{}", text(&at_target.stdout));
    assert_eq!(at_target.status.code(), Some(0));
    let quiet = check(&["--quiet", &path]);
    assert_eq!((quiet.status.code(), text(&quiet.stdout)), (Some(0), String::new()));
}

#[test]
fn a_damaged_capture_is_read_as_far_as_it_goes() {
    for name in ["rollback/r1-guest-receiver.pcap", "cases/suspend-holder-answers.pcapng"] {
        let whole = fs::read(golden(name)).unwrap();
        let kind = name.rsplit_once('.').unwrap().1;
        let cut = file(&format!("cut.{kind}"), &whole[..whole.len() - 10]);
        let output = check(&[&cut]);
        assert_eq!(output.status.code(), Some(0), "{name}");
        assert!(text(&output.stdout).contains("the file ends inside a record"), "{}", text(&output.stdout));
        // From the middle on, octets that are no records: what stands before is still told.
        let mut garbled = whole.clone();
        let middle = whole.len() / 2;
        garbled[middle..].iter_mut().for_each(|octet| *octet = 0xff);
        let output = check(&[&file(&format!("garbled.{kind}"), &garbled)]);
        let told = text(&output.stdout);
        assert!(output.status.code().is_some_and(|code| code < 2) && told.contains("problem"), "{told}");
        assert!(!told.contains(": 0 packets"), "{told}");
    }
    let nothing = check(&[&file("nothing.pcap", b"no capture")]);
    assert_eq!(nothing.status.code(), Some(2));
    assert!(text(&nothing.stderr).contains("not a capture"), "{}", text(&nothing.stderr));
}
