//! JUnit XML, for whatever shows test results: one suite a target, a test a case.

use quick_junit::{
    NonSuccessKind, Report as JunitReport, SerializeError, TestCase, TestCaseStatus, TestSuite,
};

use super::{CaseResult, Report, Status};
use crate::verdict::Verdict;

/// Suite with a failed test for each line of the file of known failures that is wrong.
const KNOWN: &str = "known failures";

/// The report of a run.
///
/// # Errors
///
/// A [`SerializeError`] if it cannot be written as XML.
pub fn junit(report: &Report) -> Result<String, SerializeError> {
    let mut whole = JunitReport::new("conform run");
    for run in &report.runs {
        let mut suite = TestSuite::new(run.target.clone());
        for (case, result) in report.results(run) {
            let mut test = TestCase::new(case.id.clone(), status(result));
            test.set_classname(case.folder());
            suite.add_test_case(test);
        }
        whole.add_test_suite(suite);
    }
    if !report.stale.is_empty() {
        let mut suite = TestSuite::new(KNOWN);
        for stale in &report.stale {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(stale.to_string());
            suite.add_test_case(TestCase::new(format!("line {}: {}", stale.line, stale.case), status));
        }
        whole.add_test_suite(suite);
    }
    whole.to_string()
}

fn status(result: &CaseResult) -> TestCaseStatus {
    match (&result.outcome.verdict, &result.known) {
        (Verdict::Pass, _) => TestCaseStatus::success(),
        (Verdict::Fail(_), Some(reason)) => skipped(Status::Known, reason),
        (Verdict::Fail(failure), None) => {
            let capture =
                result.capture.as_ref().map_or_else(|| "none".to_owned(), |path| path.display().to_string());
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(failure.because.clone()).set_description(format!(
                "line {}\nexpected  {}\ngot       {}\ncapture   {capture}",
                failure.line, failure.expected, failure.got
            ));
            status
        }
        (Verdict::Inconclusive(reason), _) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(reason.clone());
            status
        }
        (Verdict::Unsupported(reason), _) => skipped(Status::Unsupported, reason),
        (Verdict::Skipped(reason), _) => skipped(Status::Skipped, reason),
    }
}

fn skipped(status: Status, reason: &str) -> TestCaseStatus {
    let mut skipped = TestCaseStatus::skipped();
    skipped.set_message(format!("{}: {reason}", status.name()));
    skipped
}
