//! The judge of `cargo xtask mutants`: the suite against the reference, stopped by the first case that does not pass.
//!
//! `tests/cases.rs` says everything that failed; here one is enough, for it is asked hundreds of times.

use hiatus_conformance::case::built_in;
use hiatus_conformance::runner;
use hiatus_conformance::target::TargetChoice;
use hiatus_conformance::verdict::Verdict;

#[test]
fn the_suite_passes() {
    for case in built_in().expect("every script can be read") {
        let outcome = runner::run(&case, &|setup| TargetChoice::Reference.build(setup));
        assert!(outcome.verdict == Verdict::Pass, "{}: {}", case.id, outcome.verdict.name());
    }
}
