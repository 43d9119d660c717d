//! Where the repository cites the draft: cases by label, Rust code by label or by quoted sentence.
//!
//! Only cases and tests count as proof of a requirement; code that quotes what it obeys does not prove it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::SpecError;
use super::draft::{Draft, normalise};
use super::finding::Finding;
use super::label::Label;

/// Folders whose Rust code may cite the draft.
const CODE: [&str; 3] = ["codec", "reference", "conformance"];
/// Folder of the cases.
const CASES: &str = "conformance/cases";
/// Names of folders that hold no source of ours.
const SKIPPED: [&str; 4] = ["target", "corpus", "artifacts", "snapshots"];

/// Which cases and Rust tests cite a label.
#[derive(Debug, Default)]
pub(super) struct Citations {
    cases: BTreeMap<Label, BTreeSet<String>>,
    tests: BTreeMap<Label, BTreeSet<String>>,
}

impl Citations {
    /// Reads every case and every Rust file; what is wrong goes to `findings`.
    pub(super) fn collect(
        root: &Path,
        draft: &Draft,
        findings: &mut Vec<Finding>,
    ) -> Result<Self, SpecError> {
        let mut citations = Self::default();
        for path in files(&root.join(CASES), "pkt")? {
            citations.case(draft, &relative(root, &path), &super::read(&path)?, findings);
        }
        for folder in CODE {
            for path in files(&root.join(folder), "rs")? {
                citations.source(draft, &relative(root, &path), &super::read(&path)?, findings);
            }
        }
        Ok(citations)
    }

    /// Ids of the cases that cite a label, in alphabetical order.
    pub(super) fn cases(&self, label: Label) -> Vec<&str> {
        self.cases.get(&label).into_iter().flatten().map(String::as_str).collect()
    }

    /// Rust files with tests that cite a label, in alphabetical order.
    pub(super) fn tests(&self, label: Label) -> Vec<&str> {
        self.tests.get(&label).into_iter().flatten().map(String::as_str).collect()
    }

    /// Whether a case or a test cites a label.
    pub(super) fn has(&self, label: Label) -> bool {
        self.cases.contains_key(&label) || self.tests.contains_key(&label)
    }

    fn case(&mut self, draft: &Draft, path: &str, text: &str, findings: &mut Vec<Finding>) {
        let id = path.strip_prefix(CASES).unwrap_or(path).trim_start_matches('/').trim_end_matches(".pkt");
        let mut any = false;
        for (index, line) in text.lines().enumerate() {
            let Some(list) = line.trim_start_matches(['#', '/', ' ']).strip_prefix("requirements:") else {
                continue;
            };
            // A case of plain TCP names a section of an RFC, which the index of the draft does not list.
            any |= list.contains("RFC ");
            for (_, _, label) in Label::find_all(list) {
                any = true;
                known(draft, label, path, index, findings);
                self.cases.entry(label).or_default().insert(id.to_owned());
            }
        }
        if !any {
            findings.push(Finding::NoRequirements { place: path.to_owned() });
        }
    }

    fn source(&mut self, draft: &Draft, path: &str, text: &str, findings: &mut Vec<Finding>) {
        let first_test_line = first_test_line(path, text);
        for (index, line) in text.lines().enumerate() {
            for (_, _, label) in Label::find_all(line) {
                known(draft, label, path, index, findings);
                if index >= first_test_line {
                    self.tests.entry(label).or_default().insert(path.to_owned());
                }
            }
        }
        for quote in quotes(path, text, findings) {
            let labels = quote.check(draft, findings);
            for label in labels.into_iter().filter(|_| quote.index >= first_test_line) {
                self.tests.entry(label).or_default().insert(path.to_owned());
            }
        }
    }
}

/// Index of the line from which on a Rust file is test code: its first, if it lies among tests.
fn first_test_line(path: &str, text: &str) -> usize {
    let among_tests = path.split('/').any(|part| part == "tests" || part == "tests.rs");
    if among_tests {
        return 0;
    }
    text.lines().position(|line| line.trim() == "#[cfg(test)]").unwrap_or(usize::MAX)
}

fn known(draft: &Draft, label: Label, path: &str, index: usize, findings: &mut Vec<Finding>) {
    if draft.requirement(label).is_none() {
        findings.push(Finding::UnknownLabel { label, place: format!("{path}:{}", index + 1) });
    }
}

/// A `//= draft#anchor` line and the `//#` lines behind it.
struct Quote {
    place: String,
    index: usize,
    anchor: String,
    text: String,
}

impl Quote {
    /// The labels of the sentences quoted in full.
    fn check(&self, draft: &Draft, findings: &mut Vec<Finding>) -> Vec<Label> {
        let (place, anchor) = (self.place.clone(), self.anchor.clone());
        let Some(section) = draft.section(&self.anchor) else {
            findings.push(Finding::UnknownAnchor { place, anchor });
            return Vec::new();
        };
        let quote = normalise(&without_labels(&self.text));
        if quote.is_empty() || !section.prose.contains(&quote) {
            findings.push(Finding::Misquoted { place, anchor, quote });
            return Vec::new();
        }
        let quoted = draft.requirements.iter().filter(|r| quote.contains(&r.sentence));
        quoted.map(|r| r.label).collect()
    }
}

/// A quote may end with the label in parentheses, as the draft does.
fn without_labels(text: &str) -> String {
    let mut out = text.to_owned();
    for (start, end, _) in Label::find_all(text).into_iter().rev() {
        if text[..start].ends_with('(') && text[end..].starts_with(')') {
            out.replace_range(start - 1..=end, "");
        }
    }
    out
}

fn quotes(path: &str, text: &str, findings: &mut Vec<Finding>) -> Vec<Quote> {
    let mut found: Vec<Quote> = Vec::new();
    // Whether the last quote still takes lines.
    let mut open = false;
    for (index, line) in text.lines().enumerate() {
        let place = format!("{path}:{}", index + 1);
        let line = line.trim();
        if let Some(target) = line.strip_prefix("//=") {
            if open && found.last().is_some_and(|quote| quote.text.is_empty()) {
                findings.push(Finding::LooseQuote { place: place.clone() });
            }
            open = target.trim().strip_prefix("draft#").is_some_and(|anchor| {
                found.push(Quote { place, index, anchor: anchor.to_owned(), text: String::new() });
                true
            });
        } else if let Some(words) = line.strip_prefix("//#") {
            match found.last_mut().filter(|_| open) {
                Some(quote) => quote.text = format!("{} {}", quote.text, words.trim()),
                None => findings.push(Finding::LooseQuote { place }),
            }
        } else {
            if open && found.last().is_some_and(|quote| quote.text.is_empty()) {
                findings.push(Finding::LooseQuote { place });
            }
            open = false;
        }
    }
    found.retain(|quote| !quote.text.is_empty());
    found
}

/// Every file with this extension below a folder, in alphabetical order; none if there is no such folder.
fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, SpecError> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let io = |source| SpecError::Io { path: folder.to_owned(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && !SKIPPED.contains(&name) && !name.starts_with('.') {
            found.extend(files(&path, extension)?);
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use super::super::source::Source;
    use super::*;

    const DRAFT: &str = "--- middle\n\n# Opt {#opt}\n\nProse.  A host MUST send\n253. (HIA-MUST-1)\nIt MAY wait.\n(HIA-MAY-1)\n\n# Two {#two}\n";

    fn draft() -> Draft {
        let mut findings = Vec::new();
        let draft = Draft::parse(&Source::from_text(DRAFT), &mut findings);
        assert_eq!(findings, []);
        draft
    }

    fn source(text: &str) -> (Vec<String>, Vec<Finding>) {
        let (mut citations, mut findings) = (Citations::default(), Vec::new());
        citations.source(&draft(), "tests/a.rs", text, &mut findings);
        (citations.tests.keys().map(ToString::to_string).collect(), findings)
    }

    #[test]
    fn quote_to_the_letter_cites() {
        for text in [
            "//= draft#opt\n//# A host MUST send 253.\nfn f() {}",
            "    //= draft#opt\n    //# A host MUST\n    //# send 253. (HIA-MUST-1)\n",
        ] {
            assert_eq!(source(text), (vec!["HIA-MUST-1".to_owned()], vec![]), "{text}");
        }
    }

    #[test]
    fn one_digit_off_is_found() {
        let (labels, findings) = source("//= draft#opt\n//# A host MUST send 254.\n");
        assert!(labels.is_empty());
        assert!(matches!(findings.as_slice(), [Finding::Misquoted { .. }]), "{findings:?}");
    }

    #[test]
    fn quote_from_another_section_is_found() {
        let (_, findings) = source("//= draft#two\n//# A host MUST send 253.\n");
        assert!(matches!(findings.as_slice(), [Finding::Misquoted { .. }]), "{findings:?}");
        let (_, findings) = source("//= draft#three\n//# A host MUST send 253.\n");
        assert!(matches!(findings.as_slice(), [Finding::UnknownAnchor { .. }]), "{findings:?}");
    }

    #[test]
    fn loose_halves_are_found() {
        for text in ["//# A host MUST send 253.\n", "//= draft#opt\nfn f() {}\n"] {
            let (_, findings) = source(text);
            assert!(matches!(findings.as_slice(), [Finding::LooseQuote { .. }]), "{text}: {findings:?}");
        }
    }

    #[test]
    fn quotes_of_other_documents_are_left_alone() {
        let (labels, findings) = source("//= rfc9293#section-3.10\nfn f() {}\n");
        assert_eq!((labels, findings), (vec![], vec![]));
    }

    #[test]
    fn part_of_a_sentence_is_a_quote_but_no_citation() {
        assert_eq!(source("//= draft#opt\n//# host MUST send\n"), (vec![], vec![]));
    }

    #[test]
    fn label_in_a_comment_cites_and_must_exist() {
        let (labels, findings) = source("/// Proves HIA-MAY-1.\n// and HIA-MUST-2\n");
        assert_eq!(labels, ["HIA-MUST-2", "HIA-MAY-1"]);
        assert!(
            matches!(findings.as_slice(), [Finding::UnknownLabel { place, .. }] if place == "tests/a.rs:2"),
            "{findings:?}"
        );
    }

    #[test]
    fn code_is_no_proof_but_its_tests_are() {
        let quote = "//= draft#opt\n//# A host MUST send 253.\nfn f() {}\n";
        for (text, proved) in [
            (quote.to_owned(), false),
            (format!("#[cfg(test)]\nmod tests {{}}\n{quote}"), true),
            (format!("{quote}#[cfg(test)]\nmod tests {{ /* HIA-MAY-1 */ }}\n"), false),
        ] {
            let (mut citations, mut findings) = (Citations::default(), Vec::new());
            citations.source(&draft(), "src/a.rs", &text, &mut findings);
            assert_eq!(findings, []);
            assert_eq!(citations.has(Label::parse("HIA-MUST-1").expect("a label")), proved, "{text}");
        }
    }

    #[test]
    fn case_cites_by_its_header() {
        let (mut citations, mut findings) = (Citations::default(), Vec::new());
        let text = "title: x\nrequirements: HIA-MUST-1, HIA-MAY-1\n# prose HIA-MUST-9\n";
        citations.case(&draft(), "conformance/cases/neg/syn.pkt", text, &mut findings);
        assert_eq!(findings, []);
        let label = |text| Label::parse(text).expect("a label");
        assert_eq!(citations.cases(label("HIA-MUST-1")), ["neg/syn"]);
        assert!(citations.has(label("HIA-MAY-1")) && !citations.has(label("HIA-MUST-9")));
        citations.case(&draft(), "conformance/cases/x.pkt", "title: x\n", &mut findings);
        assert!(matches!(findings.as_slice(), [Finding::NoRequirements { .. }]), "{findings:?}");
    }
}
