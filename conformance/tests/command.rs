//! What `conform` prints, and how it exits: the contract with machines.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

#[path = "command/generated.rs"]
mod generated;
#[path = "command/known.rs"]
mod known;
#[path = "command/options.rs"]
mod options;
#[path = "command/selection.rs"]
mod selection;

const SCHEMA: &str = include_str!("../schema/run.schema.json");

fn conform(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_conform")).args(arguments).output().expect("conform can be started")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn out(name: &str) -> String {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name).display().to_string()
}

fn validated(output: &Output) -> Value {
    let document: Value = serde_json::from_str(&stdout(output)).expect("JSON");
    let mut compiler = boon::Compiler::new();
    let mut schemas = boon::Schemas::new();
    compiler.add_resource("run.json", serde_json::from_str(SCHEMA).expect("JSON")).expect("a schema");
    let schema = compiler.compile("run.json", &mut schemas).expect("a schema");
    if let Err(error) = schemas.validate(&document, schema) {
        panic!("{error}");
    }
    document
}

#[test]
fn a_passing_run_fits_the_schema_and_exits_with_0() {
    let output = conform(&["run", "suspend/", "--format", "json", "--out", &out("pass")]);
    let document = validated(&output);
    assert_eq!(output.status.code(), Some(0));
    let run = &document["runs"][0];
    let cases = run["cases"].as_array().expect("cases");
    assert!(cases.len() >= 15);
    assert_eq!(run["summary"]["pass"], cases.len());
    for case in cases {
        let capture = case["capture"].as_str().expect("a path");
        assert!(Path::new(capture).is_file(), "{capture}");
    }
}

#[test]
fn a_failing_run_fits_the_schema_and_exits_with_1() {
    let arguments = [
        "run",
        "suspend/holder-answers",
        "--mutant",
        "grants-too-much",
        "--format",
        "json",
        "--out",
        &out("fail"),
    ];
    let output = conform(&arguments);
    let document = validated(&output);
    assert_eq!(output.status.code(), Some(1));
    let failed: Vec<_> = document["runs"][0]["cases"]
        .as_array()
        .expect("cases")
        .iter()
        .filter(|case| case["verdict"] == "fail")
        .map(|case| case["id"].as_str().expect("an id"))
        .collect();
    assert!(failed.contains(&"suspend/holder-answers"), "{failed:?}");
}

#[test]
fn what_cannot_be_run_exits_with_2() {
    assert_eq!(conform(&["run", "no-such-case", "--out", &out("none")]).status.code(), Some(2));
    assert_eq!(conform(&["run", "--mutant", "no-such-mutant", "--out", &out("none")]).status.code(), Some(2));
    assert_eq!(conform(&["explain", "no-such-requirement"]).status.code(), Some(2));
    assert_eq!(conform(&["show", "no-such-file"]).status.code(), Some(2));
}

#[test]
fn the_examples_of_the_help_name_what_there_is() {
    let help = stdout(&conform(&["--help"]));
    let word_after = |flag: &str| {
        help.split_once(flag).and_then(|(_, rest)| rest.split_whitespace().next()).expect("an example")
    };
    let mutants = stdout(&conform(&["list", "--mutants"]));
    let mutant = word_after("run --mutant ");
    assert!(mutants.lines().any(|line| line.split_whitespace().next() == Some(mutant)), "{mutant}");
    let label = word_after("run suspend/ ");
    assert_eq!(conform(&["list", label]).status.code(), Some(0), "{label}");
    assert_eq!(conform(&["explain", word_after("conform explain ")]).status.code(), Some(0));
    let capture = word_after("conform show out/");
    assert!(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../pcaps/cases").join(capture).is_file(),
        "{capture}"
    );
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/../pcaps/rollback/r5-silent-divergence.pcap");
    let commands: [&[&str]; 6] = [
        &["check", capture],
        &["check", "--format", "json", capture],
        &["show", capture],
        &["list"],
        &["explain", "HIA-MUST-48"],
        &["run", "abort/", "--out", &out("pipe")],
    ];
    for arguments in commands {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = Command::new(env!("CARGO_BIN_EXE_conform"))
            .args(arguments)
            .stdout(writer)
            .output()
            .expect("conform can be started");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_script_with_an_error_is_shown_with_its_place() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("broken");
    std::fs::create_dir_all(&folder).unwrap();
    let script = "title: t\nrequirements: HIA-MUST-1\nmutant: m\ntarget: plain\n+0 listen\n+0 < S 0:1(0)\n";
    std::fs::write(folder.join("broken.pkt"), script).unwrap();
    let output = conform(&["run", "--cases", &folder.display().to_string(), "--out", &out("broken-out")]);
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("broken.pkt:6:8"), "{told}");
    assert!(told.contains(&folder.join("broken.pkt").display().to_string()), "{told}");
}

/// What `conform run` says of a case with these header lines, and that it could not run it.
fn refused(name: &str, requirement: &str, mutant: &str) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let script =
        format!("title: t\nrequirements: {requirement}\nmutant: {mutant}\ntarget: plain\n+0 listen\n");
    std::fs::write(folder.join("odd.pkt"), script).unwrap();
    let folder = folder.display().to_string();
    let output = conform(&["run", "--cases", &folder, "--out", &out(&format!("{name}-out"))]);
    assert_eq!(output.status.code(), Some(2));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_label_that_the_draft_does_not_have_is_refused() {
    // In two parts, for `cargo xtask spec` looks for labels that the draft does not have.
    let label = format!("HIA-MUST-{}", 9999);
    let told = refused("unknown-label", &label, "wrong-mac");
    assert!(told.contains(&label), "{told}");
}

#[test]
fn a_mutant_that_does_not_exist_is_refused() {
    let told = refused("unknown-mutant", "HIA-MUST-48", "nonsense");
    assert!(told.contains("no mutant is called nonsense"), "{told}");
}

#[test]
fn a_filter_that_selects_nothing_is_named() {
    let output = conform(&["list", "suspend/", "no-such-case"]);
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("no-such-case"), "{told}");
}

#[test]
fn a_label_is_taken_as_reports_print_it() {
    let listed = stdout(&conform(&["list", "HIA-MUST-48"]));
    assert!(listed.contains("suspend/holder-answers-again"), "{listed}");
    for written in ["MUST 48", "must-48"] {
        assert_eq!(stdout(&conform(&["list", written])), listed);
        assert!(stdout(&conform(&["explain", written])).starts_with("HIA-MUST-48"), "{written}");
    }
}

#[test]
fn requirements_are_listed_with_their_cases() {
    let all = stdout(&conform(&["list", "--requirements"]));
    assert!(all.lines().all(|line| line.starts_with("HIA-")), "{all}");
    let line = |label: &str| all.lines().find(|line| line.starts_with(&format!("{label} "))).expect("listed");
    assert!(line("HIA-MUST-48").ends_with("  A host MUST answer every valid SUSPEND with a SUSPEND-ACK."));
    // No packet can show it.
    assert!(line("HIA-MUST-16").contains("  0 cases  "));
    let some = stdout(&conform(&["list", "--requirements", "abort/repeated-for-a-minute"]));
    assert_eq!(some.lines().count(), 1);
    assert!(some.starts_with("HIA-MUST-81"), "{some}");
    assert_eq!(conform(&["list", "--requirements", "--mutants"]).status.code(), Some(2));
}

#[test]
fn junit_of_captures_has_a_suite_a_file_and_a_test_a_requirement() {
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/../pcaps");
    let good = format!("{here}/cases/suspend-hold-lasts.pcapng");
    let plain = format!("{here}/rollback/r5-silent-divergence.pcap");
    let output = conform(&["check", "--format", "junit", &good, &plain, "no-such-file"]);
    assert_eq!(output.status.code(), Some(2));
    let text = stdout(&output);
    assert_eq!(text.matches("<testsuite ").count(), 3);
    let json = conform(&["check", "--format", "json", &good, &plain]);
    let document: Value = serde_json::from_str(&stdout(&json)).unwrap();
    let count = |verdict: &str| {
        let files = document["files"].as_array().expect("files").iter();
        let verdicts = files.flat_map(|file| file["verdicts"].as_array().expect("verdicts"));
        verdicts.filter(|found| found["verdict"] == verdict).count()
    };
    assert!(count("pass") > 0 && count("fail") == 0);
    assert_eq!(text.matches("<skipped").count(), count("not exercised"));
    // The file that is not there.
    assert_eq!((text.matches("<failure").count(), text.matches("<error").count()), (0, 1));
    assert_eq!(text.matches("<testcase ").count(), count("pass") + count("not exercised") + 1);
    // What happened to the connections, in words.
    assert!(text.contains("<system-out>"), "{text}");
}

#[test]
fn junit_of_a_capture_that_breaks_a_rule_names_the_frames() {
    let folder = out("junit-broken");
    let case = "suspend/holder-answers-again";
    conform(&["run", case, "--mutant", "grants-too-much", "--out", &folder]);
    let capture = format!("{folder}/suspend-holder-answers-again.pcapng");
    let output = conform(&["check", "--format", "junit", &capture]);
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    assert_eq!(text.matches("<failure").count(), 1, "{text}");
    let (_, broken) = text.split_once("<testcase name=\"HIA-MUST-49\"").expect("a test a requirement");
    let (_, frames) = broken.split_once("frames  ").expect("the frames");
    assert!(frames.starts_with(|c: char| c.is_ascii_digit()), "{text}");
}

#[test]
fn junit_has_a_suite_a_target_and_a_test_a_case() {
    let output = conform(&["run", "abort/", "fallback/", "--format", "junit", "--out", &out("junit")]);
    let text = stdout(&output);
    let listed = stdout(&conform(&["run", "--list", "abort/", "fallback/"]));
    assert_eq!(text.matches("<testsuite ").count(), 1);
    assert!(text.contains("<testsuite name=\"reference\""), "{text}");
    assert_eq!(text.matches("<testcase ").count(), listed.lines().count());
}

#[test]
fn explain_names_the_sentence_its_cases_and_its_mutants() {
    let told = stdout(&conform(&["explain", "must-48"]));
    assert!(told.contains("A host MUST answer every valid SUSPEND with a SUSPEND-ACK."), "{told}");
    assert!(told.contains("suspend/holder-answers-again"), "{told}");
    assert!(told.contains("answers-one-suspend"), "{told}");
    let told = stdout(&conform(&["explain", "RFC 9293 3.5"]));
    assert!(told.starts_with("RFC 9293 3.5 ") && told.contains("\n  plain/active-open  "), "{told}");
    assert_eq!(conform(&["explain", "RFC 9293 99"]).status.code(), Some(2));
}

#[test]
fn every_label_of_a_case_stands_in_the_draft() {
    let index = hiatus_conformance::requirement::index().expect("the index can be read");
    for case in hiatus_conformance::case::built_in().expect("every script can be read") {
        let labels = case.script.header.requirements.iter();
        for label in labels.filter(|label| hiatus_conformance::requirement::is_of_draft(label)) {
            assert!(index.iter().any(|requirement| requirement.label == *label), "{}: {label}", case.id);
        }
    }
}
