//! JUnit XML, for whatever shows test results: one suite a folder.

use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::Run;
use crate::verdict::Verdict;

/// The report of a run.
///
/// # Errors
///
/// A [`SerializeError`] if it cannot be written as XML.
pub fn junit(run: &Run) -> Result<String, SerializeError> {
    let mut report = Report::new(format!("conform run --target {}", run.target));
    for (folder, cases) in run.folders() {
        let mut suite = TestSuite::new(folder);
        for case in cases {
            let status = match &case.outcome.verdict {
                Verdict::Pass => TestCaseStatus::success(),
                Verdict::Fail(failure) => {
                    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                    status.set_message(failure.because.clone()).set_description(format!(
                        "line {}\nexpected  {}\ngot       {}\ncapture   {}",
                        failure.line,
                        failure.expected,
                        failure.got,
                        case.capture.display()
                    ));
                    status
                }
                Verdict::Inconclusive(reason) => {
                    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
                    status.set_message(reason.clone());
                    status
                }
                Verdict::Unsupported(reason) | Verdict::Skipped(reason) => {
                    let mut status = TestCaseStatus::skipped();
                    status.set_message(reason.clone());
                    status
                }
            };
            let mut test = TestCase::new(case.case.id.clone(), status);
            test.set_classname(folder);
            suite.add_test_case(test);
        }
        report.add_test_suite(suite);
    }
    report.to_string()
}
