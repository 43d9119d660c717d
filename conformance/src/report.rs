//! What a run found, for people and for machines.
//!
//! A stack's author asks about requirements, not cases: a requirement is as good as the worst of its cases. Nothing in
//! a report depends on the clock or on how many threads ran the cases.

mod coverage;
mod html;
mod human;
mod json;
mod junit;
mod known;
mod ladder;
mod markdown;
mod status;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::case::Case;
use crate::requirement::{Level, Requirement};
use crate::verdict::{Outcome, Verdict};

pub use html::{SEGMENTS_OCTETS_MAX, html};
pub use human::{Detail, human};
pub use json::{SCHEMA_VERSION, json};
pub use junit::junit;
pub use known::{Known, KnownError, KnownFailures, Stale};
pub use ladder::picture;
pub use markdown::markdown;
pub use status::{Status, Summary};

/// Cases in this folder show that a target is a sound TCP at all.
const PLAIN_FOLDER: &str = "plain";

/// Cases that are named where a target is said to be no sound TCP yet.
const UNSOUND_MAX: usize = 8;

/// A whole run: the same cases against one or more targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The cases, by id.
    pub cases: Vec<Case>,
    /// The requirements that the run is about, in the order of the draft.
    pub requirements: Vec<Requirement>,
    /// All requirements of the draft.
    pub index: Vec<Requirement>,
    /// How many cases cite each label, in this run or not.
    pub cases_of: BTreeMap<String, usize>,
    /// What the entropy of every case was mixed with; 0 for that of the golden captures.
    pub seed: u64,
    /// The targets, in the order of the command line.
    pub runs: Vec<Run>,
    /// Lines of the file of known failures that are wrong.
    pub stale: Vec<Stale>,
}

/// The cases against one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Name of the target.
    pub target: String,
    /// What came of each case, in the order of [`Report::cases`]; shorter if the run was stopped.
    pub results: Vec<CaseResult>,
}

/// A case that was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseResult {
    /// How it ended.
    pub outcome: Outcome,
    /// Where its capture was written; `None` if nothing went over the wire.
    pub capture: Option<PathBuf>,
    /// Why this failure is known, if it is.
    pub known: Option<String>,
}

impl CaseResult {
    /// How the case counts.
    #[must_use]
    pub fn status(&self) -> Status {
        match &self.outcome.verdict {
            Verdict::Pass => Status::Pass,
            Verdict::Fail(_) if self.known.is_some() => Status::Known,
            Verdict::Fail(_) => Status::Fail,
            Verdict::Inconclusive(_) => Status::Inconclusive,
            Verdict::Unsupported(_) => Status::Unsupported,
            Verdict::Skipped(_) => Status::Skipped,
        }
    }
}

/// True if the case is about plain TCP, which a target has to speak before Hiatus means anything.
fn is_plain(case: &Case) -> bool {
    case.folder() == PLAIN_FOLDER
}

/// How binding the strictest requirement of `case` is; plain TCP is binding.
#[must_use]
pub fn level(case: &Case) -> Level {
    let labels = &case.script.header.requirements;
    labels.iter().map(|label| Level::of_label(label).unwrap_or(Level::Must)).min().unwrap_or(Level::Must)
}

impl Report {
    /// The cases that were run against `run`'s target, each with what came of it.
    fn results<'a>(&'a self, run: &'a Run) -> impl Iterator<Item = (&'a Case, &'a CaseResult)> {
        self.cases.iter().zip(&run.results)
    }

    /// What the draft says under `label`.
    fn cited(&self, label: &str) -> Option<&Requirement> {
        self.index.iter().find(|requirement| requirement.label == label)
    }

    /// Counts the cases of one target by how they ended.
    #[must_use]
    pub fn summary(&self, run: &Run) -> Summary {
        let mut summary = Summary::default();
        for result in &run.results {
            summary.add(result.status());
        }
        summary.not_run = self.cases.len().saturating_sub(run.results.len());
        summary
    }

    /// The cases of plain TCP that a target failed: before they pass, the others say little.
    fn unsound<'a>(&'a self, run: &'a Run) -> Vec<&'a Case> {
        let failed =
            self.results(run).filter(|(case, result)| is_plain(case) && result.status() == Status::Fail);
        failed.map(|(case, _)| case).collect()
    }

    /// True if a case failed that binds: one of a MUST, or any case if `strictness` says so.
    #[must_use]
    pub fn has_failed(&self, strictness: Strictness) -> bool {
        self.runs.iter().any(|run| {
            self.results(run).any(|(case, result)| result.status() == Status::Fail && strictness.counts(case))
        })
    }

    /// True if the bench could not tell about some case.
    #[must_use]
    pub fn is_inconclusive(&self) -> bool {
        self.runs.iter().flat_map(|run| &run.results).any(|result| result.status() == Status::Inconclusive)
    }
}

/// Which failed cases make a run fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// Those of a MUST.
    Must,
    /// All of them.
    Everything,
}

impl Strictness {
    /// Whether a failure of `case` makes the run fail.
    #[must_use]
    pub fn counts(self, case: &Case) -> bool {
        self == Self::Everything || level(case) == Level::Must
    }
}
