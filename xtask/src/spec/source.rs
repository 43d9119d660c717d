//! The draft's source: one frame and the parts that it includes, as one text whose lines know where they stand.

use std::collections::BTreeSet;
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

    /// The lines of all figures, without the blanks around them.
    pub(super) fn figures(&self) -> BTreeSet<&str> {
        let mut in_figure = false;
        let lines = self.lines.iter().filter(move |line| {
            in_figure ^= line.text.starts_with("~~~");
            in_figure
        });
        lines.map(|line| line.text.trim()).collect()
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::fs;
    use std::path::PathBuf;

    use super::*;

    /// A root with some files below `spec/`, which goes when the test ends.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let root = std::env::temp_dir().join(format!("hiatus-source-{name}-{}", std::process::id()));
            for (path, text) in files {
                let path = root.join("spec").join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            Self(root)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            // What is left behind lies in the system's folder for temporary files.
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    const FRAME: &str = "draft-hiatus-tcp.md";

    #[test]
    fn lines_know_where_they_stand() {
        let folder = Folder::new(
            "places",
            &[
                (FRAME, "head\n{::include draft/one.md}\ntail\n"),
                ("draft/one.md", "# One {#one}\n\n{::include generated/table.md}\nlast\n"),
                ("generated/table.md", "| a |\n"),
            ],
        );
        let source = Source::load(&folder.0).unwrap();
        assert_eq!(source.text(), "head\n# One {#one}\n\n| a |\nlast\ntail\n");
        let places: Vec<_> = source.lines.iter().map(|line| line.place.as_str()).collect();
        assert_eq!(
            places,
            [
                "spec/draft-hiatus-tcp.md:1",
                "spec/draft/one.md:1",
                "spec/draft/one.md:2",
                "spec/generated/table.md:1",
                "spec/draft/one.md:4",
                "spec/draft-hiatus-tcp.md:3",
            ]
        );
        let generated: Vec<_> = source.lines.iter().map(|line| line.is_generated).collect();
        assert_eq!(generated, [false, false, false, true, false, false]);
        assert_eq!(source.place_of("{#one}"), "spec/draft/one.md:1");
        assert_eq!(source.place_of("{#two}"), SOURCE);
    }

    #[test]
    fn part_that_is_missing_is_an_error_unless_generated() {
        let folder = Folder::new("generated", &[(FRAME, "{::include generated/none.md}\nrest\n")]);
        assert_eq!(Source::load(&folder.0).unwrap().text(), "rest\n");
        let folder = Folder::new("missing", &[(FRAME, "{::include draft/none.md}\n")]);
        match Source::load(&folder.0) {
            Err(SpecError::Io { path, .. }) => assert_eq!(path, folder.0.join("spec/draft/none.md")),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn includes_end_at_the_third_level() {
        let files = [
            (FRAME, "{::include draft/one.md}\n"),
            ("draft/one.md", "{::include draft/two.md}\n"),
            ("draft/two.md", "{::include draft/three.md}\n"),
            ("draft/three.md", "too deep\n"),
        ];
        let folder = Folder::new("depth", &files);
        let error = Source::load(&folder.0).expect_err("four levels").to_string();
        assert!(error.ends_with("spec/draft/two.md:1: include below 3 levels"), "{error}");
        let folder = Folder::new("self", &[(FRAME, "{::include draft-hiatus-tcp.md}\n")]);
        assert!(matches!(Source::load(&folder.0), Err(SpecError::Malformed { .. })));
        let folder = Folder::new("deep-enough", &[files[0], files[1], ("draft/two.md", "deep\n")]);
        assert_eq!(Source::load(&folder.0).unwrap().text(), "deep\n");
    }

    #[test]
    fn figures_are_what_stands_between_fences() {
        let source = Source::from_text("prose\n~~~ aasvg\n  A --> B\n~~~\nmore\n~~~\nK = 1\n~~~\n");
        assert_eq!(source.figures(), BTreeSet::from(["~~~", "~~~ aasvg", "A --> B", "K = 1"]));
    }
}
