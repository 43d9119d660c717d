//! `rfc9293.toml` and `companions.toml`: every row that there has to be is there, and what it names exists.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "rfc9293/appendix_b.rs"]
mod appendix_b;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use appendix_b::{APPENDIX_B, Column, SENTENCE_SAYS_MAY, SENTENCE_SAYS_SHOULD};
use serde::Deserialize;

/// What the engine follows beside RFC 9293. More may have rows.
const COMPANIONS: [u16; 18] = [
    1191, 2018, 2883, 3042, 3168, 5482, 5681, 5961, 6093, 6298, 6528, 6582, 6675, 6691, 6928, 7323, 8201,
    9438,
];
const LEVELS: [&str; 6] = ["MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY", "RECOMMENDED"];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Requirements {
    requirement: Vec<Requirement>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Companions {
    companion: Vec<Companion>,
}

// What both kinds of rows have stands in both: `flatten` and `deny_unknown_fields` do not go together.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Requirement {
    label: String,
    section: String,
    level: String,
    gist: String,
    status: Status,
    r#where: Option<Vec<String>>,
    test: Option<Vec<String>>,
    reason: Option<String>,
    todo: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Companion {
    rfc: u16,
    section: String,
    level: String,
    gist: String,
    status: Status,
    r#where: Option<Vec<String>>,
    test: Option<Vec<String>>,
    reason: Option<String>,
    todo: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Status {
    #[serde(rename = "implemented")]
    Implemented,
    #[serde(rename = "deviates")]
    Deviates,
    #[serde(rename = "caller")]
    Caller,
    #[serde(rename = "not applicable")]
    NotApplicable,
}

/// A row of either table.
#[derive(Debug)]
struct Row {
    name: String,
    level: String,
    gist: String,
    status: Status,
    places: Option<Vec<String>>,
    tests: Option<Vec<String>>,
    reason: Option<String>,
    todo: Option<String>,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(file: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn requirements() -> Vec<Requirement> {
    toml::from_str::<Requirements>(&read("rfc9293.toml")).unwrap().requirement
}

fn companions() -> Vec<Companion> {
    toml::from_str::<Companions>(&read("companions.toml")).unwrap().companion
}

fn rows() -> Vec<Row> {
    let listed = requirements().into_iter().map(|row| Row {
        name: row.label,
        level: row.level,
        gist: row.gist,
        status: row.status,
        places: row.r#where,
        tests: row.test,
        reason: row.reason,
        todo: row.todo,
    });
    let beside = companions().into_iter().map(|row| Row {
        name: format!("RFC {}, section {}", row.rfc, row.section),
        level: row.level,
        gist: row.gist,
        status: row.status,
        places: row.r#where,
        tests: row.test,
        reason: row.reason,
        todo: row.todo,
    });
    listed.chain(beside).collect()
}

/// Fails with all that is wrong, not with the first of it.
fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_labels_of_the_rfc_have_no_gaps() {
    for (kind, count) in [("MUST", 69), ("SHLD", 31), ("MAY", 18), ("REC", 1)] {
        let numbers: BTreeSet<u32> = APPENDIX_B
            .iter()
            .filter_map(|(label, ..)| label.strip_prefix(kind)?.strip_prefix('-')?.parse().ok())
            .collect();
        assert_eq!(numbers, (1..=count).collect(), "{kind}");
    }
    // Six labels stand in more than one row, MUST-56 in three.
    assert_eq!(APPENDIX_B.len(), 69 + 31 + 18 + 1 + 7);
}

#[test]
fn the_rows_are_those_of_the_appendix_in_its_order() {
    let rows = requirements();
    let wrong: Vec<String> = APPENDIX_B
        .iter()
        .zip(&rows)
        .filter(|((label, section, column), row)| {
            let level = match column {
                _ if label.starts_with("REC") => "RECOMMENDED",
                _ if SENTENCE_SAYS_MAY.contains(label) => "MAY",
                _ if SENTENCE_SAYS_SHOULD.contains(label) => "SHOULD",
                Column::Must => "MUST",
                Column::Should => "SHOULD",
                Column::May => "MAY",
                Column::ShouldNot => "SHOULD NOT",
                Column::MustNot => "MUST NOT",
            };
            (row.label.as_str(), row.section.as_str(), row.level.as_str()) != (*label, *section, level)
        })
        .map(|(expected, row)| format!("{} {} {}, expected {expected:?}", row.label, row.section, row.level))
        .collect();
    assert_none(&wrong);
    assert_eq!(rows.len(), APPENDIX_B.len());
}

#[test]
fn every_companion_has_a_row() {
    let found: BTreeSet<u16> = companions().iter().map(|row| row.rfc).collect();
    let missing: Vec<u16> = COMPANIONS.into_iter().filter(|rfc| !found.contains(rfc)).collect();
    assert_eq!(missing, Vec::<u16>::new());
}

#[test]
fn every_row_has_what_its_status_asks_for_and_nothing_else() {
    let mut wrong = Vec::new();
    for row in rows() {
        let (has_places, has_tests) = (row.places.is_some(), row.tests.is_some());
        let expected = match row.status {
            Status::Implemented => (true, true, false),
            Status::Deviates => (true, false, true),
            Status::Caller | Status::NotApplicable => (false, false, true),
        };
        if (has_places, has_tests, row.reason.is_some()) != expected {
            wrong.push(format!("{}: {:?} has other fields", row.name, row.status));
        }
        let is_empty = |list: &Option<Vec<String>>| list.as_ref().is_some_and(Vec::is_empty);
        let is_blank = row.reason.as_ref().is_some_and(|reason| reason.trim().is_empty());
        if row.gist.is_empty() || is_blank || is_empty(&row.places) || is_empty(&row.tests) {
            wrong.push(format!("{}: an empty field", row.name));
        }
        if !LEVELS.contains(&row.level.as_str()) {
            wrong.push(format!("{}: {} is no level", row.name, row.level));
        }
    }
    assert_none(&wrong);
}

#[test]
fn every_place_that_is_named_exists() {
    let mut wrong = Vec::new();
    for row in rows() {
        for place in row.places.into_iter().flatten() {
            if let Err(reason) = find_item(&place) {
                wrong.push(format!("{}: {place}: {reason}", row.name));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn every_test_that_is_named_exists_and_is_run() {
    let mut wrong = Vec::new();
    for row in rows() {
        for test in row.tests.into_iter().flatten() {
            let found = if test.ends_with(".pkt") { find_script(&test) } else { find_test(&test) };
            if let Err(reason) = found {
                wrong.push(format!("{}: {test}: {reason}", row.name));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn nothing_is_left_to_do() {
    let left: Vec<String> =
        rows().iter().filter_map(|row| Some(format!("{}: {}", row.name, row.todo.as_ref()?))).collect();
    assert_none(&left);
}

/// The lines of the file in FILE::NAME, and the name.
fn open(place: &str) -> Result<(Vec<String>, &str), String> {
    let (file, name) = place.split_once("::").ok_or("expected FILE::NAME")?;
    let text = fs::read_to_string(root().join(file)).map_err(|error| error.to_string())?;
    Ok((text.lines().map(|line| line.trim().to_owned()).collect(), name))
}

/// True if `line` begins with the definition of `name`: a function, a constant, a type or a public field.
fn defines(line: &str, name: &str) -> bool {
    let visible = ["pub(crate) ", "pub(super) ", "pub "];
    let bare = visible.iter().find_map(|word| line.strip_prefix(word)).unwrap_or(line);
    let bare = bare.strip_prefix("const fn ").map_or_else(|| bare.to_owned(), |rest| format!("fn {rest}"));
    let follows = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    ["fn ", "const ", "struct ", "enum "]
        .iter()
        .any(|kind| bare.strip_prefix(kind).and_then(|rest| rest.strip_prefix(name)).is_some_and(follows))
        || (line != bare && bare.strip_prefix(name).is_some_and(|rest| rest.starts_with(':')))
}

fn find_item(place: &str) -> Result<(), String> {
    let (lines, name) = open(place)?;
    if lines.iter().any(|line| defines(line, name)) { Ok(()) } else { Err("nothing of that name".to_owned()) }
}

fn find_test(place: &str) -> Result<(), String> {
    let (lines, name) = open(place)?;
    let at =
        lines.iter().position(|line| line.starts_with(&format!("fn {name}("))).ok_or("no such function")?;
    let attributes: Vec<&String> = lines[..at]
        .iter()
        .rev()
        .take_while(|line| line.starts_with("#[") || line.starts_with("//"))
        .collect();
    if !attributes.iter().any(|line| *line == "#[test]") {
        return Err("no test".to_owned());
    }
    if attributes.iter().any(|line| line.starts_with("#[ignore")) {
        return Err("not run".to_owned());
    }
    Ok(())
}

/// A script of packetdrill: there, and none of those that the engine does not pass yet.
fn find_script(place: &str) -> Result<(), String> {
    const CASES: &str = "reference/packetdrill/cases";
    let path =
        place.strip_prefix(CASES).and_then(|path| path.strip_prefix('/')).ok_or("in no folder of scripts")?;
    if !root().join(place).is_file() {
        return Err("no such script".to_owned());
    }
    let pending = fs::read_to_string(root().join(CASES).join("pending.txt")).unwrap_or_default();
    if pending.lines().any(|line| line.starts_with(&format!("{path}:"))) {
        return Err("not passed yet".to_owned());
    }
    Ok(())
}
