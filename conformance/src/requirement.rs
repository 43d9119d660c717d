//! The requirements of the draft, from its generated index.

use serde::Deserialize;

/// The index as committed beside the draft; built in, so that `conform explain` needs no files.
const INDEX: &str = include_str!("../../spec/requirements.json");

/// One requirement: one sentence of the draft.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Requirement {
    /// Its label, such as `HIA-MUST-7`.
    pub label: String,
    /// The BCP 14 keyword of its sentence.
    pub level: String,
    /// Number of its section.
    pub section: String,
    /// Anchor of its section.
    pub anchor: String,
    /// Title of its section.
    pub title: String,
    /// The sentence.
    pub sentence: String,
}

/// True if `label` is one of the draft, and not a section of an RFC that every TCP keeps to.
#[must_use]
pub fn is_of_draft(label: &str) -> bool {
    label.starts_with("HIA-")
}

/// The label that `written` means: `must-48`, `MUST 48` (as reports print it) and `HIA-MUST-48` are one.
#[must_use]
pub fn label(written: &str) -> String {
    if let Some(section) = written.trim().strip_prefix("RFC ") {
        return format!("RFC {section}");
    }
    let upper = written.trim().to_uppercase().replace(' ', "-");
    if upper.starts_with("HIA-") { upper } else { format!("HIA-{upper}") }
}

/// All requirements, in the order of the draft.
///
/// # Errors
///
/// A [`serde_json::Error`] if the index is damaged; it is built in, so a test would have seen it.
pub fn index() -> Result<Vec<Requirement>, serde_json::Error> {
    serde_json::from_str(INDEX)
}
