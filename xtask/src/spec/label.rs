//! Labels of requirements, such as `HIA-MUST-7`.

use std::fmt;

/// Level of a label. MUST NOT counts as MUST.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Must,
    Should,
    May,
}

impl Level {
    const ALL: [Self; 3] = [Self::Must, Self::Should, Self::May];

    fn word(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::May => "MAY",
        }
    }
}

/// A label: level, then number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Label {
    pub(super) level: Level,
    pub(super) number: u16,
}

const PREFIX: &str = "HIA-";

impl Label {
    /// Reads a text that is a label and nothing else.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(PREFIX)?;
        let (word, number) = rest.split_once('-')?;
        let level = Level::ALL.into_iter().find(|level| level.word() == word)?;
        let all_digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        let number = if all_digits { number.parse().ok()? } else { return None };
        Some(Self { level, number })
    }

    /// Every label in a text, with the offset in octets of its first and behind its last octet.
    pub(super) fn find_all(text: &str) -> Vec<(usize, usize, Self)> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let starts = text.match_indices(PREFIX).map(|(start, _)| start);
        starts
            .filter_map(|start| {
                let rest = text.get(start..)?;
                let word = rest.split(|c: char| !is_part(c)).next()?;
                // A hyphen that ends a clause is no part of the label.
                let word = word.trim_end_matches('-');
                Some((start, start + word.len(), Self::parse(word)?))
            })
            .collect()
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}-{}", self.level.word(), self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_whole_labels_only() {
        assert_eq!(Label::parse("HIA-MUST-7"), Some(Label { level: Level::Must, number: 7 }));
        assert_eq!(Label::parse("HIA-SHOULD-12").map(|l| l.to_string()).as_deref(), Some("HIA-SHOULD-12"));
        for text in ["HIA-MUST-", "HIA-MUST-n", "HIA-MUST-+7", "HIA-SHALL-1", "MUST-7", "HIA-MUST-7x"] {
            assert_eq!(Label::parse(text), None, "{text}");
        }
    }

    #[test]
    fn finds_labels_in_prose() {
        let found = Label::find_all("requirements: HIA-MUST-3,HIA-MAY-1; not HIA-MUST-n, (HIA-MUST-40)");
        let labels: Vec<_> = found.iter().map(|(_, _, label)| label.to_string()).collect();
        assert_eq!(labels, ["HIA-MUST-3", "HIA-MAY-1", "HIA-MUST-40"]);
        assert_eq!((found[1].0, found[1].1), (25, 34));
    }
}
