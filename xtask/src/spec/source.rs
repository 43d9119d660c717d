//! The draft's source: one frame and the parts that it includes, as one text whose lines know where they stand.

use std::path::Path;

use super::{SOURCE, SpecError};

/// Folder of the parts that programs write; nothing in them is a requirement.
const GENERATED: &str = "generated/";
/// Deepest chain of includes: the frame, a part, a generated part.
const DEPTH_MAX: usize = 3;

/// The joined text.
#[derive(Debug, Default)]
pub(super) struct Source {
    pub(super) lines: Vec<Line>,
}

/// One line of the joined text.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) text: String,
    /// `spec/draft/terms.md:7`, the line counted from 1.
    pub(super) place: String,
    /// Whether a program wrote it.
    pub(super) is_generated: bool,
}

impl Source {
    /// Reads the frame and all it includes. A generated part that does not exist yet is empty.
    pub(super) fn load(root: &Path) -> Result<Self, SpecError> {
        let mut source = Self::default();
        source.include(root, SOURCE, 1)?;
        Ok(source)
    }

    /// A text that includes nothing, for tests.
    #[cfg(test)]
    pub(super) fn from_text(text: &str) -> Self {
        let lines = text.lines().enumerate().map(|(index, line)| Line {
            text: line.to_owned(),
            place: format!("draft.md:{}", index + 1),
            is_generated: false,
        });
        Self { lines: lines.collect() }
    }

    /// The whole, as kramdown-rfc gets it.
    pub(super) fn text(&self) -> String {
        self.lines.iter().map(|line| format!("{}\n", line.text)).collect()
    }

    /// Where the last line with this text stands.
    pub(super) fn place_of(&self, text: &str) -> String {
        let line = self.lines.iter().rev().find(|line| line.text.contains(text));
        line.map_or_else(|| SOURCE.to_owned(), |line| line.place.clone())
    }

    fn include(&mut self, root: &Path, path: &str, depth: usize) -> Result<(), SpecError> {
        let is_generated = path.strip_prefix("spec/").is_some_and(|path| path.starts_with(GENERATED));
        let full = root.join(path);
        if is_generated && !full.exists() {
            return Ok(());
        }
        for (index, line) in super::read(&full)?.lines().enumerate() {
            let place = format!("{path}:{}", index + 1);
            let Some(part) = line.strip_prefix("{::include ").and_then(|rest| rest.strip_suffix('}')) else {
                self.lines.push(Line { text: line.to_owned(), place, is_generated });
                continue;
            };
            if depth == DEPTH_MAX {
                let reason = format!("{place}: include below {DEPTH_MAX} levels");
                return Err(SpecError::Malformed { path: full, reason });
            }
            self.include(root, &format!("spec/{part}"), depth + 1)?;
        }
        Ok(())
    }
}
