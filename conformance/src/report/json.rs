//! One JSON document; `conformance/schema/run.schema.json` is its contract.

use serde::Serialize;

use super::coverage::Row;
use super::{CaseResult, Report, Run, Status, Summary};
use crate::case::Case;
use crate::verdict::Verdict;

/// Version of the document. It grows when a field changes its meaning or goes away.
pub const SCHEMA_VERSION: u32 = 2;

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    seed: u64,
    runs: Vec<RunEntry<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stale: Vec<StaleEntry<'a>>,
}

#[derive(Serialize)]
struct RunEntry<'a> {
    target: &'a str,
    summary: Summary,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unsound: Vec<&'a str>,
    requirements: Vec<RequirementEntry<'a>>,
    cases: Vec<CaseEntry<'a>>,
}

#[derive(Serialize)]
struct RequirementEntry<'a> {
    label: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    section: &'a str,
    anchor: &'a str,
    verdict: Status,
    cases: Vec<&'a str>,
    cases_in_all: usize,
}

#[derive(Serialize)]
struct CaseEntry<'a> {
    id: &'a str,
    title: &'a str,
    requirements: &'a [String],
    verdict: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    capture: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    known: Option<&'a str>,
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

#[derive(Serialize)]
struct StaleEntry<'a> {
    file: String,
    line: usize,
    case: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a str>,
    problem: &'a str,
}

/// The document of a run, with a line feed at its end.
///
/// # Errors
///
/// A [`serde_json::Error`]; none is known to happen.
pub fn json(report: &Report) -> Result<String, serde_json::Error> {
    let stale = report.stale.iter().map(|stale| StaleEntry {
        file: stale.path.display().to_string(),
        line: stale.line,
        case: &stale.case,
        target: stale.target.as_deref(),
        problem: &stale.problem,
    });
    let document = Document {
        schema: SCHEMA_VERSION,
        seed: report.seed,
        runs: report.runs.iter().map(|run| run_entry(report, run)).collect(),
        stale: stale.collect(),
    };
    serde_json::to_string_pretty(&document).map(|text| text + "\n")
}

fn run_entry<'a>(report: &'a Report, run: &'a Run) -> RunEntry<'a> {
    let mut requirements = Vec::new();
    for group in report.groups() {
        let rows = group.rows.iter();
        requirements
            .extend(rows.filter_map(|row| requirement_entry(report, run, group.number, group.anchor, row)));
    }
    RunEntry {
        target: &run.target,
        summary: report.summary(run),
        unsound: report.unsound(run).into_iter().map(|case| case.id.as_str()).collect(),
        requirements,
        cases: report.results(run).map(|(case, result)| case_entry(case, result)).collect(),
    }
}

/// `None` if the run was stopped before its first case.
fn requirement_entry<'a>(
    report: &'a Report,
    run: &Run,
    section: &'a str,
    anchor: &'a str,
    row: &Row<'a>,
) -> Option<RequirementEntry<'a>> {
    let ids = row.cases.iter().filter_map(|case| report.cases.get(*case)).map(|case| case.id.as_str());
    Some(RequirementEntry {
        label: row.label,
        section,
        anchor,
        verdict: row.status(run)?,
        cases: ids.collect(),
        cases_in_all: row.cases_in_all,
    })
}

fn case_entry<'a>(case: &'a Case, result: &'a CaseResult) -> CaseEntry<'a> {
    let header = &case.script.header;
    let verdict = &result.outcome.verdict;
    CaseEntry {
        id: &case.id,
        title: &header.title,
        requirements: &header.requirements,
        verdict: result.status(),
        capture: result.capture.as_ref().map(|path| path.display().to_string()),
        reason: verdict.reason(),
        known: result.known.as_deref(),
        failure: match verdict {
            Verdict::Fail(failure) => Some(FailureEntry {
                line: failure.line,
                expected: &failure.expected,
                got: &failure.got,
                frames: [failure.frames.0, failure.frames.1],
            }),
            _ => None,
        },
    }
}
