//! Failures that are known, each with a reason.

use std::path::Path;
use std::process::Output;

use super::{conform, out, stderr, stdout, validated};

const FAILING: &str = "suspend/holder-answers";
const PASSING: &str = "abort/application-aborts";

/// Runs a case that fails and one that passes, with `text` as the file of known failures.
fn run(name: &str, text: &str, more: &[&str]) -> Output {
    let folder = out(&format!("known-{name}"));
    std::fs::create_dir_all(&folder).unwrap();
    let file = Path::new(&folder).join("known.toml");
    std::fs::write(&file, text).unwrap();
    let arguments = ["run", "HIA-MUST-49", PASSING, "--mutant", "grants-too-much", "--out", &folder];
    let known = file.display().to_string();
    conform(&[&arguments[..], &["--known-failures", &known], more].concat())
}

fn failing() -> Vec<String> {
    let arguments =
        ["run", "HIA-MUST-49", "--mutant", "grants-too-much", "--format", "json", "--out", &out("known-all")];
    let document = validated(&conform(&arguments));
    let cases = document["runs"][0]["cases"].as_array().unwrap().clone();
    let failed = cases.iter().filter(|case| case["verdict"] == "fail");
    failed.map(|case| case["id"].as_str().unwrap().to_owned()).collect()
}

fn entries(reason: &str) -> String {
    let failing = failing();
    assert!(failing.iter().any(|id| id == FAILING), "{failing:?}");
    failing.iter().map(|id| format!("[[known]]\ncase = \"{id}\"\nreason = \"{reason}\"\n")).collect()
}

#[test]
fn a_known_failure_does_not_fail_the_run_and_its_reason_is_told() {
    let known = entries("the hold is rounded up");
    let output = run("good", &known, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    let text = stdout(&output);
    assert!(text.contains("known     the hold is rounded up"), "{text}");
    assert!(text.contains(&format!("0 fail, {} known", failing().len())), "{text}");
    let document = validated(&run("good-json", &known, &["--format", "json"]));
    let cases = document["runs"][0]["cases"].as_array().unwrap();
    let case = cases.iter().find(|case| case["id"] == FAILING).unwrap();
    assert_eq!((&case["verdict"], &case["known"]), (&"known".into(), &"the hold is rounded up".into()));
    assert_eq!(document["runs"][0]["summary"]["fail"], 0);
}

#[test]
fn a_failure_that_is_known_does_not_stop_a_run() {
    let output = run("bail", &entries("why"), &["--bail"]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
}

#[test]
fn one_that_is_known_of_another_target_only_still_fails() {
    let known = entries("why").replace("reason", "target = \"another\"\nreason");
    assert_eq!(run("other", &known, &[]).status.code(), Some(1));
    let known = entries("why").replace("reason", "target = \"reference, mutant grants-too-much\"\nreason");
    assert_eq!(run("same", &known, &[]).status.code(), Some(0));
}

#[test]
fn a_line_that_no_longer_fails_is_an_error_with_its_place() {
    let stale = format!("\n# A remark.\n[[known]]\ncase = \"{PASSING}\"\nreason = \"it was broken once\"\n");
    let output = run("stale", &(entries("why") + &stale), &[]);
    assert_eq!(output.status.code(), Some(1));
    let line = entries("why").lines().count() + 3;
    // Lines are broken at 80 columns.
    let told = stdout(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    let place =
        format!("known.toml:{line}: {PASSING} no longer fails against reference, mutant grants-too-much");
    assert!(told.contains(&place), "{told}");
    let document = validated(&run("stale-json", &(entries("why") + &stale), &["--format", "json"]));
    assert_eq!(document["stale"][0]["line"], line);
    let text = stdout(&run("stale-junit", &(entries("why") + &stale), &["--format", "junit"]));
    assert!(
        text.contains(
            "<testsuite name=\"known failures\" tests=\"1\" skipped=\"0\" errors=\"0\" failures=\"1\""
        ),
        "{text}"
    );
}

#[test]
fn a_line_that_names_no_case_or_one_twice_is_an_error() {
    let odd = "[[known]]\ncase = \"suspend/no-such-case\"\nreason = \"why\"\n";
    let output = run("no-case", &(entries("why") + odd), &["--format", "markdown"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("suspend/no-such-case is no case"), "{}", stderr(&output));
    let output = run("twice", &(entries("why") + &entries("why")), &["--format", "markdown"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("is listed already, in line 1"), "{}", stderr(&output));
    // It is a case, only not one of this run.
    let elsewhere = "[[known]]\ncase = \"linger/no-such\"\nreason = \"why\"\n"
        .replace("linger/no-such", "resume/holder-rewinds");
    assert_eq!(run("elsewhere", &(entries("why") + &elsewhere), &[]).status.code(), Some(0));
}

#[test]
fn a_file_that_is_none_is_refused_with_line_and_caret() {
    let refused = |name: &str, text: &str, words: &[&str]| {
        let output = run(name, text, &[]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        let told = stderr(&output);
        for word in words.iter().chain(&["known.toml", "^"]) {
            assert!(told.contains(word), "{name}: {word}: {told}");
        }
    };
    let case = format!("[[known]]\ncase = \"{FAILING}\"\n");
    refused("no-reason", &case, &["line 1", "missing field `reason`"]);
    refused("empty-reason", &format!("{case}reason = \" \"\n"), &["line 3", "expected words, found nothing"]);
    refused("odd-field", &format!("{case}reason = \"why\"\nbecause = \"why\"\n"), &["line 4", "because"]);
    refused("no-toml", "known = [\n", &["line 1"]);
    let output = conform(&["run", "abort/", "--known-failures", "no-such-file", "--out", &out("known-none")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("no-such-file: No such file"), "{}", stderr(&output));
}
