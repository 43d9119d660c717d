//! `hiatus demo` as its users run it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn demo(folder: &Path, args: &[&str]) -> Output {
    let picture = folder.join("picture.svg");
    Command::new(env!("CARGO_BIN_EXE_hiatus"))
        .args(["demo", "--fast", "--picture"])
        .arg(picture)
        .args(args)
        .env("TMPDIR", folder)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no count"))
}

#[test]
fn hiatus_survives_and_plain_tcp_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let output = demo(folder.path(), &["--seed", "7", "--format", "json"]);
    assert!(output.status.success(), "{}", said(&output));
    let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
    let (plain, hiatus) = (&outcome["plain"], &outcome["hiatus"]);

    let total = 1 << 20;
    assert_eq!(hiatus["survived"], true, "{hiatus}");
    assert_eq!((number(&hiatus["progress"]["at_a"]), number(&hiatus["progress"]["at_b"])), (total, total));
    assert_eq!(number(&hiatus["wrong_octets"]), 0);
    let recoveries = hiatus["recoveries"].as_array().unwrap();
    assert_eq!(recoveries.len(), 3);
    assert!(recoveries.iter().all(|recovery| number(&recovery["in_step_us"]) > 0), "{hiatus}");
    assert!(recoveries.iter().all(|recovery| number(&recovery["diverged_octets"]) == 0), "{hiatus}");

    // RFC 9293, section 3.5.2: a host without state answers with a reset. An image that is older than what A was told leaves
    // A with nothing to send that B would take.
    let ends =
        ["connection reset by the peer", "stalled, A to B", "stalled, B to A", "stalled, both directions"];
    let mishaps = plain["mishaps"].as_array().unwrap();
    assert_eq!(mishaps[1]["returned"], "without-state");
    assert!(mishaps.iter().any(|mishap| ends.contains(&mishap["outcome"].as_str().unwrap())), "{plain}");
    assert!(number(&plain["attempts"]) > 1);
    assert!(number(&plain["lost_octets"]) > 0);

    let points: Vec<u64> =
        outcome["points"].as_array().unwrap().iter().map(|point| number(&point["hiatus"])).collect();
    assert!(points.last() == Some(&(2 * total)) && points.len() > 10, "{points:?}");
    let plain: Vec<u64> =
        outcome["points"].as_array().unwrap().iter().map(|point| number(&point["plain"])).collect();
    assert!(!plain.is_sorted(), "plain TCP begins again: {plain:?}");

    let picture = std::fs::read_to_string(folder.path().join("picture.svg")).unwrap();
    assert!(picture.starts_with("<svg") && picture.trim_end().ends_with("</svg>"));
    for text in ["plain TCP", "Hiatus", "cut 3", "seed 7"] {
        assert!(picture.contains(text), "the picture says nothing of {text}");
    }
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["picture.svg"], "the folder of the store is left behind");
}

#[test]
fn without_a_terminal_it_is_plain_lines() {
    let folder = tempfile::tempdir().unwrap();
    let output = demo(folder.path(), &["--seed", "8", "--cuts", "2"]);
    assert!(output.status.success(), "{}", said(&output));
    let text = said(&output);
    assert!(!text.contains('\x1b'), "{text}");
    for expected in [
        "power cut 1",
        "power cut 2",
        "in step again",
        "begins again from 0",
        "<resume life 1.0 ",
        "<resume-ack life 0.0 ",
        "survived 2 power cuts with one connection, every octet compared",
        "hiatus demo --fast --seed 8",
    ] {
        assert!(text.contains(expected), "{expected} is missing:\n{text}");
    }
    // draft, {#resuming}: who comes back sends RESUME first.
    let after = text.lines().skip_while(|line| !line.contains("B has power again")).nth(1).unwrap();
    assert!(after.contains("B > A") && after.contains("<resume "), "{after}");
}

#[test]
fn without_a_power_cut_both_are_complete() {
    let folder = tempfile::tempdir().unwrap();
    let output = demo(folder.path(), &["--cuts", "0", "--format", "json"]);
    assert!(output.status.success(), "{}", said(&output));
    let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(outcome["plain"]["is_complete"], true);
    assert_eq!(number(&outcome["plain"]["attempts"]), 1);
    assert_eq!(number(&outcome["plain"]["wrong_octets"]), 0);
    assert_eq!(outcome["hiatus"]["survived"], true);
}

#[test]
fn a_picture_that_cannot_be_written_is_said_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing").join("picture.svg");
    let output =
        Command::new(env!("CARGO_BIN_EXE_hiatus")).args(["demo", "--picture"]).arg(&path).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(output.stdout.is_empty());
    assert!(
        said(&output).starts_with(&format!("hiatus demo: picture {}: ", path.display())),
        "{}",
        said(&output)
    );
}
