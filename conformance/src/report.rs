//! What a run found, for people and for machines.

mod html;
mod human;
mod json;
mod junit;
mod ladder;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::case::Case;
use crate::verdict::{Outcome, Verdict};

pub use html::html;
pub use human::{failure, table};
pub use json::{SCHEMA_VERSION, json};
pub use junit::junit;
pub use ladder::picture;

/// A whole run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Name of the target.
    pub target: String,
    /// The cases, by id.
    pub cases: Vec<CaseRun>,
}

/// A case that was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseRun {
    /// The case.
    pub case: Case,
    /// How it ended.
    pub outcome: Outcome,
    /// Where its capture was written.
    pub capture: PathBuf,
}

/// How many cases ended how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Summary {
    /// The target did all that was expected.
    pub pass: usize,
    /// It did not.
    pub fail: usize,
    /// The bench is at fault.
    pub inconclusive: usize,
    /// The target cannot do it.
    pub unsupported: usize,
    /// The bench left it out.
    pub skipped: usize,
}

impl Run {
    /// Counts the verdicts.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        for case in &self.cases {
            *match case.outcome.verdict {
                Verdict::Pass => &mut summary.pass,
                Verdict::Fail(_) => &mut summary.fail,
                Verdict::Inconclusive(_) => &mut summary.inconclusive,
                Verdict::Unsupported(_) => &mut summary.unsupported,
                Verdict::Skipped(_) => &mut summary.skipped,
            } += 1;
        }
        summary
    }

    /// The cases by folder, both in order.
    fn folders(&self) -> BTreeMap<&str, Vec<&CaseRun>> {
        let mut folders: BTreeMap<&str, Vec<&CaseRun>> = BTreeMap::new();
        for case in &self.cases {
            folders.entry(case.case.folder()).or_default().push(case);
        }
        folders
    }
}
