//! Runs of the suite against `hiatus-target`, on several threads: processes mostly wait.

use std::path::Path;
use std::sync::{Mutex, OnceLock};
use std::thread;

use hiatus_conformance::case::{self, Case};
use hiatus_conformance::report::KnownFailures;
use hiatus_conformance::runner;
use hiatus_conformance::target::TargetChoice;
use hiatus_conformance::target::child::Exchange;
use hiatus_conformance::verdict::{Outcome, Verdict};

const JOBS: usize = 8;

/// The target that `hiatus-target` is as `name`.
pub(crate) fn target(name: &str) -> TargetChoice {
    let command = vec![env!("CARGO_BIN_EXE_hiatus-target").to_owned(), name.to_owned()];
    TargetChoice::Child { name: name.to_owned(), command }
}

pub(crate) fn cases(is_meant: impl Fn(&Case) -> bool) -> Vec<Case> {
    case::built_in().unwrap().into_iter().filter(is_meant).collect()
}

pub(crate) fn is_plain(case: &Case) -> bool {
    case.script.header.target.hiatus.is_none()
}

/// What came of each case, in any order.
pub(crate) fn run_all(name: &str, exchange: Exchange, cases: Vec<Case>) -> Vec<(Case, Outcome)> {
    let (left, done) = (Mutex::new(cases), Mutex::new(Vec::new()));
    let target = target(name);
    thread::scope(|scope| {
        for _ in 0..JOBS {
            scope.spawn(|| {
                loop {
                    let Some(case) = left.lock().unwrap().pop() else { return };
                    let outcome = runner::run(&case, &|setup| target.build_over(setup, &exchange));
                    done.lock().unwrap().push((case, outcome));
                }
            });
        }
    });
    done.into_inner().unwrap()
}

/// Whether `name` is known to fail `case`, with a reason.
pub(crate) fn is_known(name: &str, case: &Case) -> bool {
    static KNOWN: OnceLock<KnownFailures> = OnceLock::new();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("known-failures.toml");
    KNOWN.get_or_init(|| KnownFailures::read(&path).unwrap()).names(name, &case.id)
}

/// Fails with every case that did not get the verdict that it should.
pub(crate) fn assert_verdicts(done: &[(Case, Outcome)], is_right: impl Fn(&Case, &Verdict) -> bool) {
    let wrong: Vec<String> = done
        .iter()
        .filter(|(case, outcome)| !is_right(case, &outcome.verdict))
        .map(|(case, outcome)| format!("{}: {:?}", case.id, outcome.verdict))
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), done.len(), wrong.join("\n"));
}
