//! The matrix of cases and mutants: a case counts only if the mutants it names fail it, and a mutant only if a case
//! catches it.

use std::collections::BTreeSet;

use hiatus_conformance::case::{Case, built_in};
use hiatus_conformance::runner;
use hiatus_conformance::target::TargetChoice;
use hiatus_conformance::target::mutant::{self, Mutant};
use hiatus_conformance::verdict::Verdict;

/// SHOULDs on how fast a host sends and how it spreads its RESUMEs: a wrapper cannot make the target send what it did not,
/// so these are broken inside the engine (`cargo xtask mutants`) and tested there.
const WITHOUT: [&str; 2] = ["HIA-SHOULD-6", "HIA-SHOULD-8"];

/// Requirements that are broken only together with another one: two sentences on one segment, or two words for one rule.
const SHARED: [&str; 20] = [
    "HIA-MUST-12",
    "HIA-MUST-119",
    "HIA-MUST-122",
    "HIA-MUST-19",
    "HIA-MUST-20",
    "HIA-MUST-22",
    "HIA-MUST-25",
    "HIA-MUST-28",
    "HIA-MUST-40",
    "HIA-MUST-43",
    "HIA-MUST-52",
    "HIA-MUST-57",
    "HIA-MUST-62",
    "HIA-MUST-72",
    "HIA-MUST-74",
    "HIA-MUST-75",
    "HIA-MUST-76",
    "HIA-MUST-79",
    "HIA-SHOULD-4",
    "HIA-SHOULD-9",
];

fn cases() -> Vec<Case> {
    built_in().expect("every script can be read")
}

fn verdict(case: &Case, mutant: &Mutant) -> Verdict {
    runner::run(case, &|setup| TargetChoice::Reference.build(setup).map(|inner| mutant.of(inner, setup)))
        .verdict
}

#[test]
fn every_case_is_failed_by_each_mutant_it_names() {
    let mut wrong = Vec::new();
    for case in cases() {
        for name in &case.script.header.mutants {
            match mutant::named(name).map(|mutant| verdict(&case, mutant)) {
                Some(Verdict::Fail(_)) => {}
                Some(other) => {
                    wrong.push(format!("{}: {name}: {} {}", case.id, other.name(), other.reason()));
                }
                None => wrong.push(format!("{}: no mutant is called {name}", case.id)),
            }
        }
    }
    assert!(wrong.is_empty(), "{} pairs do not fail:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_requirement_of_a_case_is_broken_by_one_of_its_mutants() {
    let mut wrong = Vec::new();
    for case in cases() {
        let header = &case.script.header;
        let broken: BTreeSet<&str> = header
            .mutants
            .iter()
            .filter_map(|name| mutant::named(name))
            .flat_map(|mutant| mutant.breaks.iter().copied())
            .collect();
        let unproven = header.requirements.iter().filter(|label| !broken.contains(label.as_str()));
        wrong.extend(unproven.map(|label| format!("{}: {label}", case.id)));
    }
    assert!(wrong.is_empty(), "requirements without a mutant:\n{}", wrong.join("\n"));
}

#[test]
fn every_mutant_is_named_by_a_case_for_each_rule_it_breaks() {
    let cases = cases();
    let mut wrong = Vec::new();
    for mutant in mutant::all() {
        for label in mutant.breaks {
            let caught = cases.iter().map(|case| &case.script.header).any(|header| {
                header.mutants.iter().any(|name| name == mutant.name)
                    && header.requirements.iter().any(|named| named == label)
            });
            if !caught {
                wrong.push(format!("{}: {label}", mutant.name));
            }
        }
    }
    assert!(wrong.is_empty(), "mutants that no case is for:\n{}", wrong.join("\n"));
}

#[test]
fn no_two_mutants_have_one_name() {
    let names: BTreeSet<&str> = mutant::all().map(|mutant| mutant.name).collect();
    assert_eq!(names.len(), mutant::all().count());
}

#[test]
fn every_requirement_has_a_mutant_or_cannot_be_observed() {
    let text = include_str!("../../spec/not-observable.toml");
    let excused: BTreeSet<&str> = text.lines().filter_map(|line| Some(line.split_once(" = ")?.0)).collect();
    let broken: BTreeSet<&str> = mutant::all().flat_map(|mutant| mutant.breaks.iter().copied()).collect();
    let index = hiatus_conformance::requirement::index().expect("the index can be read");
    let wrong: Vec<&str> = index
        .iter()
        .map(|requirement| requirement.label.as_str())
        .filter(|label| broken.contains(label) == excused.contains(label))
        .collect();
    assert_eq!(wrong, WITHOUT, "neither or both of a mutant and a reason why there is none");
}

#[test]
fn most_requirements_have_a_mutant_that_breaks_nothing_else() {
    let own: BTreeSet<&str> = mutant::all()
        .filter_map(|mutant| match mutant.breaks {
            [label] => Some(*label),
            _ => None,
        })
        .collect();
    let shared: BTreeSet<&str> = mutant::all()
        .flat_map(|mutant| mutant.breaks.iter().copied())
        .filter(|label| label.starts_with("HIA-") && !own.contains(label))
        .collect();
    let more: Vec<_> = shared.difference(&BTreeSet::from(SHARED)).copied().collect();
    assert!(more.is_empty(), "requirements whose every mutant breaks another one too: {more:?}");
}
