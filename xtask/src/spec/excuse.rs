//! Requirements without a case, and why: those that no packet can show, and those whose case is still to come.

use std::path::Path;

use super::citations::Citations;
use super::draft::Draft;
use super::finding::Finding;
use super::label::Label;
use super::{NOT_OBSERVABLE, PENDING, SpecError};

/// The reasons by label, in the order of the files.
#[derive(Debug, Default)]
pub(super) struct Excuses {
    not_observable: Vec<(Label, String)>,
    pending: Vec<(Label, String)>,
}

impl Excuses {
    /// Reads both files; labels that do not exist or that need no excuse go to `findings`.
    pub(super) fn read(
        root: &Path,
        draft: &Draft,
        citations: &Citations,
        findings: &mut Vec<Finding>,
    ) -> Result<Self, SpecError> {
        let excuses = Self { not_observable: table(root, NOT_OBSERVABLE)?, pending: table(root, PENDING)? };
        let not_observable = excuses.not_observable.iter().map(|(label, _)| (*label, NOT_OBSERVABLE));
        let pending = excuses.pending.iter().map(|(label, _)| (*label, PENDING));
        for (label, path) in not_observable.chain(pending) {
            let place = path.to_owned();
            if draft.requirement(label).is_none() {
                findings.push(Finding::UnknownLabel { label, place });
            } else if !citations.cases(label).is_empty() {
                findings.push(Finding::NeedsNoExcuse { label, place });
            }
        }
        Ok(excuses)
    }

    /// Whether a label needs no case.
    pub(super) fn has(&self, label: Label) -> bool {
        self.of(label).is_some()
    }

    /// What the requirement index says in place of cases.
    pub(super) fn of(&self, label: Label) -> Option<String> {
        let reason = |list: &[(Label, String)]| {
            list.iter().find(|(found, _)| *found == label).map(|(_, reason)| reason.clone())
        };
        let pending = || reason(&self.pending).map(|reason| format!("no case yet: {reason}"));
        reason(&self.not_observable)
            .map(|reason| format!("not observable, because {reason}"))
            .or_else(pending)
    }
}

/// A TOML file of `label = "reason"`.
fn table(root: &Path, path: &str) -> Result<Vec<(Label, String)>, SpecError> {
    let full = root.join(path);
    let malformed = |reason: String| SpecError::Malformed { path: full.clone(), reason };
    let table: toml::Table = toml::from_str(&super::read(&full)?).map_err(|e| malformed(e.to_string()))?;
    let entry = |(key, value): (&String, &toml::Value)| {
        let label = Label::parse(key).ok_or_else(|| malformed(format!("{key} is not a label")))?;
        let reason = value.as_str().ok_or_else(|| malformed(format!("{key} is not a string")))?;
        Ok((label, reason.to_owned()))
    };
    table.iter().map(entry).collect()
}
