//! A run against three targets: the reference, one that grants too much, and an old one that knows no Hiatus.

use std::collections::BTreeMap;
use std::path::PathBuf;

use hiatus_conformance::case::{Case, built_in};
use hiatus_conformance::report::{CaseResult, Report, Run};
use hiatus_conformance::target::{TargetChoice, mutant};
use hiatus_conformance::verdict::{Failure, Outcome, Verdict};
use hiatus_conformance::{requirement, runner};

/// Its name has what HTML, XML and Markdown need to escape.
pub(crate) const OLD: &str = "old & <plain> | \"tcp\"";
pub(crate) const MUTANT: &str = "reference, mutant grants-too-much";
/// The case that the old target fails, one that the bench left out, and one that it could not judge.
pub(crate) const UNSOUND: &str = "plain/data-in";
pub(crate) const SKIPPED: &str = "suspend/hold-lasts";
pub(crate) const INCONCLUSIVE: &str = "suspend/holder-is-silent";
/// A failure of the mutant that is known.
pub(crate) const KNOWN: &str = "suspend/no-hold-was-offered";
pub(crate) const REASON: &str = "no host of ours is without a hold";

fn result(case: &Case, outcome: Outcome, folder: &str) -> CaseResult {
    let capture = PathBuf::from(format!("out/{folder}/{}.pcapng", case.capture_name()));
    let capture = (!outcome.frames.is_empty()).then_some(capture);
    CaseResult { outcome, capture, known: None }
}

fn of_old(case: &Case) -> CaseResult {
    let sound = runner::run(case, &|setup| TargetChoice::Reference.build(setup));
    let verdict = match case.id.as_str() {
        UNSOUND => {
            let expected = "+0.020  > . 1:1(0) ack 101".to_owned();
            let got = "+0.620  nothing".to_owned();
            let because = "the target sent nothing that was asked for".to_owned();
            let line = case.script.steps.last().unwrap().line;
            Verdict::Fail(Box::new(Failure { line, expected, got, because, frames: (3, 4) }))
        }
        SKIPPED => Verdict::Skipped("it takes 300 s of wall time".to_owned()),
        INCONCLUSIVE => Verdict::Inconclusive("the process could not be started".to_owned()),
        id if id.starts_with("plain/") => Verdict::Pass,
        _ => Verdict::Unsupported("hiatus".to_owned()),
    };
    let frames = match verdict {
        Verdict::Fail(_) | Verdict::Pass => sound.frames,
        _ => Vec::new(),
    };
    result(case, Outcome { verdict, frames }, "old")
}

/// The report: everything in `suspend/` and `plain/`.
pub(crate) fn report() -> Report {
    let all = built_in().unwrap();
    let mut cases_of: BTreeMap<String, usize> = BTreeMap::new();
    for label in all.iter().flat_map(|case| &case.script.header.requirements) {
        *cases_of.entry(label.clone()).or_default() += 1;
    }
    let is_wanted = |case: &Case| case.id.starts_with("suspend/") || case.id.starts_with("plain/");
    let cases: Vec<Case> = all.into_iter().filter(is_wanted).collect();
    let broken = mutant::named("grants-too-much").unwrap();
    let reference = |case: &Case| {
        result(case, runner::run(case, &|setup| TargetChoice::Reference.build(setup)), "reference")
    };
    let with_mutant = |case: &Case| {
        let build = |setup: &_| TargetChoice::Reference.build(setup).map(|inner| broken.of(inner, setup));
        let mut result = result(case, runner::run(case, &build), "mutant");
        result.known = (case.id == KNOWN).then(|| REASON.to_owned());
        result
    };
    let runs = vec![
        Run { target: "reference".to_owned(), results: cases.iter().map(reference).collect() },
        Run { target: MUTANT.to_owned(), results: cases.iter().map(with_mutant).collect() },
        Run { target: OLD.to_owned(), results: cases.iter().map(of_old).collect() },
    ];
    let index = requirement::index().unwrap();
    Report { cases, requirements: index.clone(), index, cases_of, seed: 0, runs, stale: Vec::new() }
}
