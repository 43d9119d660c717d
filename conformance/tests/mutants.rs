//! The matrix of cases and mutants: a case counts only if the mutants it names fail it, and a mutant only if a case
//! catches it.

use std::collections::BTreeSet;

use hiatus_conformance::case::{Case, built_in};
use hiatus_conformance::runner;
use hiatus_conformance::target::TargetChoice;
use hiatus_conformance::target::mutant::{self, Mutant};
use hiatus_conformance::verdict::Verdict;

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
