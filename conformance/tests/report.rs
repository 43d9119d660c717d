//! What a report on several targets says, in each of its forms.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/run.rs"]
mod run;

use std::path::Path;

use hiatus_conformance::report::{self, Detail, Report, SEGMENTS_OCTETS_MAX};
use run::{INCONCLUSIVE, KNOWN, MUTANT, OLD, REASON, SKIPPED, UNSOUND};
use serde_json::Value;

const SCHEMA: &str = include_str!("../schema/run.schema.json");

fn is_valid(document: &Value) -> Result<(), String> {
    let mut compiler = boon::Compiler::new();
    let mut schemas = boon::Schemas::new();
    compiler.add_resource("run.json", serde_json::from_str(SCHEMA).unwrap()).unwrap();
    let schema = compiler.compile("run.json", &mut schemas).unwrap();
    schemas.validate(document, schema).map_err(|error| error.to_string())
}

fn document(report: &Report) -> Value {
    let document = serde_json::from_str(&report::json(report).unwrap()).unwrap();
    is_valid(&document).unwrap();
    document
}

fn human(report: &Report, detail: Detail) -> String {
    let mut out = anstream::StripStream::new(Vec::new());
    report::human(report, detail, &mut out).unwrap();
    String::from_utf8(out.into_inner()).unwrap()
}

fn verdict(run: &Value, list: &str, key: &str, name: &str) -> String {
    let found = run[list].as_array().unwrap().iter().find(|one| one[key] == name).unwrap();
    found["verdict"].as_str().unwrap().to_owned()
}

#[test]
fn json_has_every_target_and_every_verdict() {
    let document = document(&run::report());
    let runs = document["runs"].as_array().unwrap();
    let targets: Vec<&Value> = runs.iter().map(|run| &run["target"]).collect();
    assert_eq!(targets, ["reference", MUTANT, OLD]);
    let old = &runs[2];
    assert_eq!(verdict(old, "cases", "id", UNSOUND), "fail");
    assert_eq!(verdict(old, "cases", "id", SKIPPED), "skipped");
    assert_eq!(verdict(old, "cases", "id", INCONCLUSIVE), "inconclusive");
    assert_eq!(verdict(old, "cases", "id", KNOWN), "unsupported");
    assert_eq!(verdict(&runs[1], "cases", "id", KNOWN), "known");
    assert_eq!(old["unsound"], serde_json::json!([UNSOUND]));
    assert_eq!((old["summary"]["skipped"].as_u64(), old["summary"]["fail"].as_u64()), (Some(1), Some(1)));
    assert!(runs[0].get("unsound").is_none());
}

#[test]
fn a_requirement_is_as_good_as_the_worst_of_its_cases() {
    let document = document(&run::report());
    let runs = document["runs"].as_array().unwrap();
    let order = ["fail", "inconclusive", "known", "skipped", "unsupported", "pass"];
    let mut seen = std::collections::BTreeSet::new();
    for run in runs {
        for one in run["requirements"].as_array().unwrap() {
            let cases = one["cases"].as_array().unwrap().iter();
            let of_cases = cases.map(|id| verdict(run, "cases", "id", id.as_str().unwrap()));
            let worst = of_cases.min_by_key(|verdict| order.iter().position(|name| name == verdict)).unwrap();
            assert_eq!(one["verdict"], worst, "{one}");
            seen.insert(worst);
        }
    }
    assert!(seen.len() >= 4, "{seen:?}");
}

#[test]
fn the_schema_refuses_what_a_reader_could_not_rely_on() {
    let good = document(&run::report());
    let mut broken = Vec::new();
    for (path, value) in [
        ("/schema", 1.into()),
        ("/runs", Value::Array(vec![])),
        ("/runs/0/cases/0/verdict", "perhaps".into()),
        ("/runs/0/cases/0/verdict", "fail".into()),
        ("/runs/0/cases/0/id", "Not Words".into()),
        ("/runs/0/requirements/0/cases", Value::Array(vec![])),
        ("/runs/0/summary/skipped", Value::Null),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(path).unwrap() = value;
        broken.push((path, bad));
    }
    for (path, bad) in broken {
        assert!(is_valid(&bad).is_err(), "{path}");
    }
}

#[test]
fn junit_has_a_suite_a_target() {
    let report = run::report();
    let text = report::junit(&report).unwrap();
    assert_eq!(text.matches("<testsuite ").count(), 3);
    assert!(text.contains("<testsuite name=\"old &amp; &lt;plain&gt; | &quot;tcp&quot;\""), "{text}");
    assert_eq!(text.matches("<testcase ").count(), 3 * report.cases.len());
    assert!(text.contains("<skipped message=\"skipped: it takes 300 s of wall time\""), "{text}");
    assert!(text.contains(&format!("<skipped message=\"known: {REASON}\"")), "{text}");
    assert!(text.contains("<error message=\"the process could not be started\""), "{text}");
}

#[test]
fn markdown_is_a_matrix_and_then_what_went_wrong() {
    let report = run::report();
    let text = report::markdown(&report, Detail::Usual);
    assert!(text.starts_with("| section | reference | reference, mutant grants-too-much | old & &lt;plain> \\| \"tcp\" |\n|---|---|---|---|\n"), "{text}");
    let row = text.lines().find(|line| line.starts_with("| Plain TCP, before anything else |")).unwrap();
    assert!(row.ends_with("pass, **1 fail** |"), "{row}");
    let columns = |line: &str| line.replace("\\|", "").matches('|').count();
    let (first, second) = text.split_once("\n\n").unwrap();
    assert!(first.lines().all(|line| columns(line) == 5), "{first}");
    assert!(second.lines().all(|line| columns(line) == 6), "{second}");
    assert!(second.contains("| HIA-MUST-49 | The Granted Hold MUST NOT be longer"), "{second}");
    // All of its cases passed, or were not tried.
    assert!(!second.contains("HIA-MUST-44 "), "{second}");
    assert!(report::markdown(&report, Detail::Verbose).contains("| HIA-MUST-44 |"));
}

#[test]
fn the_table_has_a_column_a_target_and_fits_80_columns() {
    let report = run::report();
    let text = human(&report, Detail::Usual);
    let head = format!("{OLD} is not a sound TCP yet: it failed 1 case of plain TCP.");
    assert!(text.starts_with(&head), "{text}");
    assert!(text.contains(&format!("[1] reference\n[2] {MUTANT}\n[3] {OLD}\n")), "{text}");
    let row = text.lines().find(|line| line.starts_with("  MUST 49 ")).unwrap();
    let words: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(words, ["MUST", "49", "pass", "FAIL", "unsupported"]);
    assert!(text.contains(&format!("      known  [2]  {KNOWN}\n")), "{text}");
    assert!(text.contains("SKIPPED  "), "{text}");
    let wide = text.lines().find(|line| line.chars().count() > 80 && !line.contains("capture"));
    assert_eq!(wide, None);
    // What explains the rest comes first.
    let unsound = text.find(&format!("FAIL  {UNSOUND}  MUST\n")).unwrap();
    assert!(unsound < text.find(&format!("INCONCLUSIVE  {INCONCLUSIVE}  MUST\n")).unwrap());
    assert!(text.contains(&format!("\n  target    {OLD}\n")), "{text}");
    let summary = text.lines().rev().find(|line| line.contains(&format!("against {OLD}: "))).unwrap();
    assert!(summary.contains("1 fail, 1 inconclusive, "), "{summary}");
}

#[test]
fn a_flood_does_not_fill_a_page() {
    let mut report = run::report();
    report.runs.truncate(1);
    let result = &mut report.runs[0].results[0];
    let frames = std::mem::take(&mut result.outcome.frames);
    result.outcome.frames = frames.into_iter().cycle().take(2_000).collect();
    let (case, result) = (report.cases[0].clone(), result.clone());
    let small = report::html(&report, Path::new("out")).len();
    report.cases = vec![case; 1_000];
    report.runs[0].results = vec![result; 1_000];
    let page = report::html(&report, Path::new("out"));
    let each = 20 * 1024;
    assert!(small < 4 << 20, "{small}");
    assert!(page.len() < SEGMENTS_OCTETS_MAX + 1_000 * each, "{}", page.len());
    assert!(page.contains("more in the capture") && page.contains("Not shown: this page is full."));
}

#[test]
fn a_page_escapes_what_others_wrote() {
    let page = report::html(&run::report(), Path::new("out"));
    assert!(!page.contains("<plain>"));
    assert!(page.contains("old &amp; &lt;plain&gt; | &quot;tcp&quot;"));
    assert!(page.contains("href=\"reference/suspend-hold-lasts.pcapng\""));
}
