//! One JSON document; `conformance/schema/run.schema.json` is its contract.

use serde::Serialize;

use super::{Run, Summary};
use crate::verdict::Verdict;

/// Version of the document. It grows when a field changes its meaning or goes away.
pub const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    target: &'a str,
    summary: Summary,
    cases: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    title: &'a str,
    requirements: &'a [String],
    verdict: &'static str,
    capture: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<FailureEntry<'a>>,
}

#[derive(Serialize)]
struct FailureEntry<'a> {
    line: usize,
    expected: &'a str,
    got: &'a str,
    frames: [usize; 2],
}

/// The document of a run, with a line feed at its end.
///
/// # Errors
///
/// A [`serde_json::Error`]; none is known to happen.
pub fn json(run: &Run) -> Result<String, serde_json::Error> {
    let cases = run
        .cases
        .iter()
        .map(|case| Entry {
            id: &case.case.id,
            title: &case.case.script.header.title,
            requirements: &case.case.script.header.requirements,
            verdict: case.outcome.verdict.name(),
            capture: case.capture.display().to_string(),
            reason: case.outcome.verdict.reason(),
            failure: match &case.outcome.verdict {
                Verdict::Fail(failure) => Some(FailureEntry {
                    line: failure.line,
                    expected: &failure.expected,
                    got: &failure.got,
                    frames: [failure.frames.0, failure.frames.1],
                }),
                _ => None,
            },
        })
        .collect();
    let document = Document { schema: SCHEMA_VERSION, target: &run.target, summary: run.summary(), cases };
    serde_json::to_string_pretty(&document).map(|text| text + "\n")
}
