//! The checker on what the suite makes: the target of a golden capture breaks no rule, whatever becomes of the capture on
//! the way, and a mutant breaks the ones that it is for.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "checker/golden.rs"]
mod golden;
#[path = "checker/unseen.rs"]
mod unseen;

use std::collections::BTreeSet;
use std::net::IpAddr;

use golden::{capture, cases, failures, frames, report};
use hiatus_conformance::case::Case;
use hiatus_conformance::check::{CheckOptions, Verdict};
use hiatus_conformance::record::{TARGET_ADDRESS, TARGET_ADDRESS_V6};
use hiatus_conformance::target::mutant;

fn at_target() -> CheckOptions {
    CheckOptions { taken_at: vec![IpAddr::V4(TARGET_ADDRESS), IpAddr::V6(TARGET_ADDRESS_V6)] }
}

fn tell(case: &Case, how: &str, failures: &[&Verdict]) -> Vec<String> {
    failures.iter().map(|one| format!("{} {how}: {}: {}", case.id, one.requirement, one.text)).collect()
}

#[test]
fn the_target_of_a_golden_capture_fails_nothing() {
    let mut wrong = Vec::new();
    for case in cases() {
        let octets = capture(&frames(&case, None));
        wrong.extend(tell(&case, "from anywhere", &failures(&report(&octets, &CheckOptions::default()))));
        wrong.extend(tell(&case, "at the target", &failures(&report(&octets, &at_target()))));
    }
    assert!(wrong.is_empty(), "{} false verdicts:\n{}", wrong.len(), wrong.join("\n"));
}

/// Which of the requirements that a mutant breaks the checker finds broken by it, in any capture of a case that names it.
#[test]
fn mutants_are_caught() {
    let (mut at_host, mut anywhere, mut pairs) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let judged: BTreeSet<&str> =
        report(&capture(&[]), &at_target()).verdicts.iter().map(|one| one.requirement).collect();
    for case in cases() {
        for name in &case.script.header.mutants {
            let mutant = mutant::named(name).unwrap();
            let octets = capture(&frames(&case, Some(mutant)));
            pairs.extend(
                mutant
                    .breaks
                    .iter()
                    .filter(|label| judged.contains(*label))
                    .map(|label| (mutant.name, *label)),
            );
            for (options, caught) in [(at_target(), &mut at_host), (CheckOptions::default(), &mut anywhere)] {
                let report = report(&octets, &options);
                for label in mutant.breaks {
                    if failures(&report).iter().any(|one| one.requirement == *label) {
                        caught.insert((mutant.name, *label));
                    }
                }
            }
        }
    }
    let missed: BTreeSet<_> = pairs.difference(&at_host).copied().collect();
    eprintln!("{} pairs, {} caught at the target, {} anywhere", pairs.len(), at_host.len(), anywhere.len());
    assert!(anywhere.is_subset(&at_host), "more is known at the host");
    let listed: BTreeSet<_> = unseen::UNSEEN.iter().map(|(name, label, _)| (*name, *label)).collect();
    let silent: Vec<_> = missed.difference(&listed).collect();
    assert!(silent.is_empty(), "{} missed without a reason:\n{silent:#?}", silent.len());
    let seen: Vec<_> = listed.difference(&missed).collect();
    assert!(seen.is_empty(), "listed as unseen, and seen:\n{seen:#?}");
}
