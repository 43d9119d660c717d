//! Every case of the repository passes against the reference.

use hiatus_conformance::case::built_in;
use hiatus_conformance::runner;
use hiatus_conformance::target::TargetChoice;
use hiatus_conformance::verdict::Verdict;

#[test]
fn every_case_passes_against_the_reference() {
    let mut failed = Vec::new();
    for case in built_in().expect("every script can be read") {
        let outcome = runner::run(&case, &|setup| TargetChoice::Reference.build(setup));
        match outcome.verdict {
            Verdict::Pass => {}
            Verdict::Fail(failure) => failed.push(format!(
                "{}:{}\n  expected  {}\n  got       {}\n  because   {}",
                case.id, failure.line, failure.expected, failure.got, failure.because
            )),
            other => failed.push(format!("{}: {} {}", case.id, other.name(), other.reason())),
        }
    }
    assert!(failed.is_empty(), "{} cases do not pass:\n{}", failed.len(), failed.join("\n"));
}
