//! The table of attacks names every attack of the draft, and only cases that are there.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use hiatus_conformance::case::built_in;

/// Attacks in the list that the draft answers.
const ATTACKS: usize = 23;

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The ids that each row of the table names, by the number of the attack.
fn table() -> BTreeMap<usize, BTreeSet<String>> {
    let page = fs::read_to_string(repository().join("conformance/cases/attack/README.md")).unwrap();
    let mut rows = BTreeMap::new();
    for line in page.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, number, _, cases, ..] = cells.as_slice() else { continue };
        let Ok(number) = number.parse::<usize>() else { continue };
        let ids = cases.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        assert!(rows.insert(number, ids).is_none(), "attack {number} has two rows");
    }
    rows
}

/// The number in `Attack 4: ...`.
fn number(story: &str) -> Option<usize> {
    let digits = story.strip_prefix("Attack ")?;
    let end = digits.find(|c: char| !c.is_ascii_digit())?;
    digits.get(..end)?.parse().ok()
}

#[test]
fn every_attack_of_the_draft_has_a_row_with_cases_that_exist() {
    let rows = table();
    assert_eq!(rows.keys().copied().collect::<Vec<_>>(), (1..=ATTACKS).collect::<Vec<_>>());
    let cases = built_in().expect("every script can be read");
    let known: BTreeSet<&str> = cases.iter().map(|case| case.id.as_str()).collect();
    for (number, ids) in &rows {
        assert!(!ids.is_empty(), "attack {number} has no case");
        for id in ids {
            assert!(known.contains(id.as_str()), "attack {number}: there is no case {id}");
        }
    }
    let draft = fs::read_to_string(repository().join("spec/draft/security.md")).unwrap();
    let answered = (1..=ATTACKS).filter(|number| draft.contains(&format!("\nCase {number}, "))).count();
    assert_eq!(answered, ATTACKS, "the draft answers as many");
}

#[test]
fn a_case_that_names_an_attack_stands_in_its_row() {
    let rows = table();
    for case in built_in().expect("every script can be read") {
        for attack in case.script.header.story.iter().filter_map(|paragraph| number(paragraph)) {
            assert!(rows[&attack].contains(&case.id), "attack {attack}: {} is not in the table", case.id);
        }
    }
}
