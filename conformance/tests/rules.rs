//! A rule of rollback broken inside the engine fails a case, as one broken on the wire does (`tests/mutants.rs`).
//!
//! `cargo test -p hiatus-conformance --features mutants --test rules`
#![cfg(feature = "mutants")]

use hiatus_conformance::case::built_in;
use hiatus_conformance::runner;
use hiatus_conformance::target::reference::Reference;
use hiatus_conformance::verdict::Verdict;
use hiatus_engine::Rule;

/// What it drops is dropped once more by who synchronises, and nothing is read or sent in between: no packet shows it.
const UNSEEN: [Rule; 1] = [Rule::DropOutOfOrderAtRestore];

#[test]
fn every_rule_of_the_engine_is_missed_by_a_case() {
    let cases = built_in().expect("every script can be read");
    let fails = |rule: Rule| {
        let failed = |case| {
            let outcome = runner::run(case, &|setup| Ok(Box::new(Reference::broken(setup, rule))));
            matches!(outcome.verdict, Verdict::Fail(_))
        };
        cases.iter().any(failed)
    };
    let unseen: Vec<Rule> = Rule::ALL.into_iter().filter(|rule| !fails(*rule)).collect();
    assert_eq!(unseen, UNSEEN);
}
