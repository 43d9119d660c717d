//! How cases are run and what is printed.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{conform, out, stderr, stdout, validated};

/// Every file of a folder.
fn files(folder: &str) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
        .collect()
}

#[test]
fn however_many_run_at_a_time_the_report_is_the_same() {
    let told = |jobs: &str| {
        let folder = out(&format!("jobs-{jobs}"));
        let _ = std::fs::remove_dir_all(&folder);
        let output =
            conform(&["run", "--jobs", jobs, "--mutant", "grants-too-much", "--out", &folder, "--verbose"]);
        assert_eq!(output.status.code(), Some(1));
        (stdout(&output).replace(&folder, "out"), files(&folder))
    };
    let (one, five) = (told("1"), told("5"));
    assert!(one.0 == five.0, "what is printed differs");
    assert!(one.1 == five.1, "a capture or the page differs");
    assert!(one.1.len() > 100);
}

#[test]
fn a_seed_changes_what_looks_random_and_nothing_else() {
    let capture = |seed: &str| {
        let folder = out(&format!("seed-{seed}"));
        let output = conform(&["run", "suspend/hold-lasts", "--seed", seed, "--out", &folder]);
        assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
        std::fs::read(Path::new(&folder).join("suspend-hold-lasts.pcapng")).unwrap()
    };
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pcaps/cases/suspend-hold-lasts.pcapng");
    assert!(capture("0") == std::fs::read(golden).unwrap());
    let (seven, eight) = (capture("7"), capture("8"));
    assert!(seven == capture("7"));
    assert!(seven != eight && seven != capture("0"));
}

#[test]
fn every_case_passes_with_another_seed() {
    let output = conform(&["run", "--seed", "20261123", "--quiet", "--out", &out("seeded")]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
}

#[test]
fn bail_stops_after_the_first_failure_and_says_what_was_not_run() {
    let run = |jobs: &str, more: &[&str]| {
        let folder = out("bail");
        let fixed =
            ["run", "suspend/", "--mutant", "grants-too-much", "--bail", "--jobs", jobs, "--out", &folder];
        conform(&[&fixed[..], more].concat())
    };
    let output = run("4", &["--format", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let document = validated(&output);
    assert_eq!(document, validated(&run("1", &["--format", "json"])));
    let run_of = &document["runs"][0];
    let cases = run_of["cases"].as_array().unwrap();
    let failed: Vec<&Value> = cases.iter().filter(|case| case["verdict"] == "fail").collect();
    assert_eq!(failed, [cases.last().unwrap()]);
    let listed = stdout(&conform(&["run", "--list", "suspend/"])).lines().count();
    assert_eq!(run_of["summary"]["not_run"], listed - cases.len());
    assert!(listed > cases.len());
    let told = stdout(&run("2", &[]));
    assert!(told.contains(&format!("1 fail, {} not run", listed - cases.len())), "{told}");
}

#[test]
fn quiet_prints_failures_and_the_summary_verbose_each_case() {
    let run = |more: &[&str]| {
        let folder = out("quiet");
        let fixed = ["run", "HIA-MUST-49", "HIA-MUST-50", "--mutant", "grants-too-much", "--out", &folder];
        stdout(&conform(&[&fixed[..], more].concat()))
    };
    let (quiet, usual, verbose) = (run(&["-q"]), run(&[]), run(&["-v"]));
    assert!(quiet.starts_with("FAIL  "), "{quiet}");
    assert!(!quiet.contains("7.3 Holding") && usual.contains("\n  FAIL          MUST 49 "), "{usual}");
    assert!(usual.contains("      FAIL  suspend/holder-answers\n"), "{usual}");
    let passing = "      pass  ";
    assert!(verbose.contains(passing) && !usual.contains(passing), "{verbose}");
    for text in [quiet, usual, verbose] {
        assert!(text.contains(" fail\n"), "{text}");
        let wide = text.lines().find(|line| line.chars().count() > 80 && !line.contains("capture"));
        assert_eq!(wide, None);
    }
    assert_eq!(conform(&["run", "-q", "-v"]).status.code(), Some(2));
}

#[test]
fn a_failure_shows_what_was_expected_beside_what_came() {
    let output = conform(&[
        "run",
        "suspend/no-hold-was-offered",
        "--mutant",
        "grants-too-much",
        "--out",
        &out("shown"),
    ]);
    let text = stdout(&output);
    for line in [
        "FAIL  suspend/no-hold-was-offered  MUST\n",
        "  HIA-MUST-48  draft, section 7.3 (holding)\n",
        "  expected  +0.040  > . 1:1(0) ack 1 <suspend-ack refused mac ok>  (line 15)\n",
        "  got       +0.040  > . 1:1(0) ack 1 win 65535 <suspend-ack 301s mac ok>\n",
        "  because   the granted hold is 301s, expected none\n",
        "suspend-no-hold-was-offered.pcapng, frames 6-7\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn a_failure_of_a_should_counts_only_if_it_is_asked_to() {
    let run = |more: &[&str]| {
        let folder = out("strict");
        let fixed =
            ["run", "suspend/icmp-error-while-holding", "--mutant", "grants-too-much", "--out", &folder];
        conform(&[&fixed[..], more].concat())
    };
    let output = run(&[]);
    assert!(
        stdout(&output).contains("FAIL  suspend/icmp-error-while-holding  SHOULD"),
        "{}",
        stdout(&output)
    );
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(run(&["--strict"]).status.code(), Some(1));
}

#[test]
fn colour_is_for_terminals_and_for_who_asks() {
    let run = |name: &str, value: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_conform"))
            .args(["run", "abort/", "--out", &out("colour")])
            .env(name, value)
            .output()
            .unwrap();
        stdout(&output)
    };
    assert!(!run("HIATUS_NOTHING", "1").contains('\x1b'));
    assert!(
        run("CLICOLOR_FORCE", "1").contains("\x1b[1m\x1b[32mpass\x1b[0m"),
        "{:?}",
        run("CLICOLOR_FORCE", "1")
    );
    assert!(!run("NO_COLOR", "1").contains('\x1b'));
}

#[test]
fn what_cannot_be_written_or_started_is_said_once() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("a-file");
    std::fs::write(&file, "").unwrap();
    let below = file.join("out").display().to_string();
    let output = conform(&["run", "abort/", "--out", &below]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("cannot make this folder"), "{}", stderr(&output));

    let refused = |arguments: &[&str], words: &str| {
        let folder = out("targets");
        let output = conform(&[&["run", "abort/", "--out", &folder], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    };
    refused(&["--target", "reference", "--target", "reference"], "--target reference: given twice");
    refused(&["--target", "windows"], "found `windows`");
    refused(&["--target", "child:no-such-program-at-all"], "target no-such-program-at-all: ");
    refused(&["--jobs", "0"], "--jobs");
    refused(&["--seed", "seven"], "--seed");
}

#[test]
fn a_matrix_in_markdown_is_a_table_without_times_and_paths() {
    let folder = out("markdown");
    let output = conform(&["run", "--section", "7.3", "--format", "markdown", "--out", &folder]);
    let text = stdout(&output);
    let count = text.lines().find(|line| line.starts_with("| 7.3 Holding |")).expect("a row");
    assert!(text.starts_with("| section | reference |\n|---|---|\n"), "{text}");
    assert!(count.ends_with(" pass |") && !text.contains(&folder), "{text}");
    let verbose = stdout(&conform(&["run", "must-48", "--format", "markdown", "-v", "--out", &folder]));
    let row = "| HIA-MUST-48 | A host MUST answer every valid SUSPEND with a SUSPEND-ACK. | pass |\n";
    assert!(verbose.ends_with(row), "{verbose}");
}

#[test]
fn the_page_links_captures_that_are_there() {
    let folder = out("links");
    conform(&["run", "abort/", "--out", &folder]);
    let page = std::fs::read_to_string(Path::new(&folder).join("report.html")).unwrap();
    let links: Vec<&str> = page
        .split("<a class=\"capture\" href=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    assert!(links.len() > 5);
    for link in links {
        assert!(Path::new(&folder).join(link).is_file(), "{link}");
    }
}
