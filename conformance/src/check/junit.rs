//! JUnit XML of `conform check`: one suite a capture, one test a requirement.

use quick_junit::{NonSuccessKind, Report as Xml, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::report::{FileReport, Outcome, Report, Verdict};

/// A capture that could not be read, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unreadable {
    pub(super) path: String,
    pub(super) because: String,
}

/// The document: a requirement that no segment exercised, or the capture cannot decide, is skipped, a capture that cannot be read is an error.
pub(super) fn junit(report: &Report, unreadable: &[Unreadable]) -> Result<String, SerializeError> {
    let mut xml = Xml::new("conform check");
    for file in &report.files {
        xml.add_test_suite(suite(file));
    }
    for Unreadable { path, because } in unreadable {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message(because.clone());
        let mut suite = TestSuite::new(path.clone());
        suite.add_test_case(TestCase::new("readable", status));
        xml.add_test_suite(suite);
    }
    xml.to_string()
}

fn suite(file: &FileReport) -> TestSuite {
    let mut suite = TestSuite::new(file.path.clone());
    for verdict in &file.verdicts {
        let mut test = TestCase::new(verdict.requirement, status(verdict));
        test.set_classname(file.path.clone());
        suite.add_test_case(test);
    }
    let lines = |texts: Vec<&str>| texts.join("\n");
    suite.set_system_out(lines(file.diagnoses.iter().map(|diagnosis| diagnosis.text.as_str()).collect()));
    suite.set_system_err(lines(file.problems.iter().map(|problem| problem.text.as_str()).collect()));
    suite
}

fn status(verdict: &Verdict) -> TestCaseStatus {
    match verdict.verdict {
        Outcome::Pass => TestCaseStatus::success(),
        Outcome::Fail => {
            let frames: Vec<String> = verdict.frames.iter().map(u64::to_string).collect();
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(verdict.text.clone());
            status.set_description(format!("frames  {}", frames.join(", ")));
            status
        }
        // JUnit has no word for it; who waits for a green run is not to wait for ever.
        Outcome::Inconclusive => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(format!("inconclusive: {}", verdict.text));
            status
        }
        Outcome::NotExercised => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(format!("not exercised: {}", verdict.text));
            status
        }
    }
}
