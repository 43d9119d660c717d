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

/// How binding a requirement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Level {
    /// MUST, MUST NOT.
    Must,
    /// SHOULD, SHOULD NOT, RECOMMENDED.
    Should,
    /// MAY, OPTIONAL.
    May,
}

impl Level {
    /// All of them, the strictest first.
    pub const ALL: [Self; 3] = [Self::Must, Self::Should, Self::May];

    /// That of a label of the draft; `None` for what is none, such as a reference to an RFC.
    #[must_use]
    pub fn of_label(label: &str) -> Option<Self> {
        let rest = label.strip_prefix("HIA-")?;
        Self::ALL.into_iter().find(|level| rest.split_once('-').is_some_and(|(word, _)| word == level.name()))
    }

    /// Its word in BCP 14.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::May => "MAY",
        }
    }
}

impl Requirement {
    /// Whether it stands in the section that `wanted` names or in one below it: `7.3`, `7`, or the beginning of an anchor
    /// such as `holding` or `neg-`.
    #[must_use]
    pub fn stands_in(&self, wanted: &str) -> bool {
        let wanted = wanted.trim().trim_end_matches('.');
        if wanted.starts_with(|c: char| c.is_ascii_digit()) {
            self.section.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        } else {
            !wanted.is_empty() && self.anchor.starts_with(wanted)
        }
    }
}

/// `MUST 48` for `HIA-MUST-48`; anything else stays as it is.
#[must_use]
pub fn short_label(label: &str) -> String {
    label.strip_prefix("HIA-").map_or_else(|| label.to_owned(), |rest| rest.replace('-', " "))
}
