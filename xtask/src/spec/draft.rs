//! The draft's source as sections and requirements.

use std::collections::BTreeSet;

use super::finding::Finding;
use super::label::{Label, Level};
use super::source::{Line, Source};

/// Words of BCP 14, longer ones before the words they contain.
const KEYWORDS: [&str; 11] = [
    "MUST NOT",
    "MUST",
    "REQUIRED",
    "SHALL NOT",
    "SHALL",
    "SHOULD NOT",
    "SHOULD",
    "NOT RECOMMENDED",
    "RECOMMENDED",
    "MAY",
    "OPTIONAL",
];

/// Sections and requirements in the order of the text.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) sections: Vec<Section>,
    pub(super) requirements: Vec<Requirement>,
}

/// One section.
#[derive(Debug)]
pub(super) struct Section {
    /// As the text prints it, without the last dot: `4.2`, `B.1`; empty if unnumbered.
    pub(super) number: String,
    pub(super) anchor: String,
    pub(super) title: String,
    /// Paragraphs without figures and tables, white space normalised, labels left out.
    pub(super) prose: String,
}

impl Section {
    pub(super) fn is_appendix(&self) -> bool {
        self.number.starts_with(|c: char| c.is_ascii_uppercase())
    }
}

/// One labelled sentence.
#[derive(Debug)]
pub(super) struct Requirement {
    pub(super) label: Label,
    /// `MUST NOT`, `MUST`, `SHOULD NOT`, `SHOULD` or `MAY`.
    pub(super) keyword: &'static str,
    /// Index into the sections.
    pub(super) section: usize,
    /// Without the label, white space normalised.
    pub(super) sentence: String,
}

impl Draft {
    /// Reads the source; what is wrong goes to `findings`.
    pub(super) fn parse(source: &Source, findings: &mut Vec<Finding>) -> Self {
        let mut reader = Reader { draft: Self::default(), counters: [0; 4], in_back: false, findings };
        reader.read(source);
        let draft = reader.draft;
        let mut labels = BTreeSet::new();
        let mut anchors = BTreeSet::new();
        for requirement in draft.requirements.iter().filter(|r| !labels.insert(r.label)) {
            let place = source.place_of(&format!("({})", requirement.label));
            findings.push(Finding::DuplicateLabel { place, label: requirement.label });
        }
        for section in draft.sections.iter().filter(|s| !anchors.insert(&s.anchor)) {
            let place = source.place_of(&format!("{{#{}}}", section.anchor));
            findings.push(Finding::DuplicateAnchor { place, anchor: section.anchor.clone() });
        }
        draft
    }

    pub(super) fn requirement(&self, label: Label) -> Option<&Requirement> {
        self.requirements.iter().find(|requirement| requirement.label == label)
    }

    pub(super) fn section(&self, anchor: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.anchor == anchor)
    }

    pub(super) fn section_of(&self, requirement: &Requirement) -> Option<&Section> {
        self.sections.get(requirement.section)
    }
}

/// White space between words as one blank.
pub(super) fn normalise(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

struct Reader<'a> {
    draft: Draft,
    counters: [u8; 4],
    in_back: bool,
    findings: &'a mut Vec<Finding>,
}

impl Reader<'_> {
    fn read(&mut self, source: &Source) {
        let mut paragraph: Vec<&str> = Vec::new();
        let mut paragraph_place = "";
        let (mut in_body, mut in_figure) = (false, false);
        for Line { text: line, place, is_generated } in &source.lines {
            let marker = line.strip_prefix("--- ");
            in_body |= marker.is_some();
            if !in_body {
                continue;
            }
            let fence = line.starts_with("~~~");
            in_figure ^= fence;
            let skipped = fence || in_figure || line.starts_with('{') || marker.is_some();
            self.in_back |= marker == Some("back");
            if marker == Some("back") {
                self.counters = [0; 4];
            }
            let heading = line.starts_with('#') && !skipped;
            let skipped = skipped || (*is_generated && !heading);
            let row = line.starts_with('|') && !skipped;
            let item = line.starts_with("- ") || line.starts_with(": ");
            if skipped || heading || row || item || line.trim().is_empty() {
                self.paragraph(&paragraph.join("\n"), paragraph_place);
                paragraph.clear();
            }
            if line.starts_with("{:numbered=\"false\"}") {
                self.unnumber();
            }
            if heading {
                self.heading(line, place);
            } else if row {
                self.paragraph(line, place);
            } else if !skipped && !line.trim().is_empty() {
                if paragraph.is_empty() {
                    paragraph_place = place;
                }
                paragraph.push(if item { line.get(2..).unwrap_or_default() } else { line });
            }
        }
        self.paragraph(&paragraph.join("\n"), paragraph_place);
    }

    fn heading(&mut self, line: &str, place: &str) {
        let depth = line.bytes().take_while(|b| *b == b'#').count().min(self.counters.len());
        let text = line.trim_start_matches('#').trim();
        let (title, anchor) = match text.split_once(" {#") {
            Some((title, rest)) => (title, rest.trim_end_matches('}')),
            None => {
                self.findings.push(Finding::NoAnchor { place: place.to_owned(), title: text.to_owned() });
                (text, "")
            }
        };
        self.counters[depth - 1] += 1;
        self.counters[depth..].fill(0);
        let parts = self.counters[..depth].iter().enumerate().map(|(level, count)| {
            if self.in_back && level == 0 {
                char::from(b'A' + (count - 1) % 26).to_string()
            } else {
                count.to_string()
            }
        });
        self.draft.sections.push(Section {
            number: parts.collect::<Vec<_>>().join("."),
            anchor: anchor.to_owned(),
            title: title.to_owned(),
            prose: String::new(),
        });
    }

    fn unnumber(&mut self) {
        if let Some(section) = self.draft.sections.last_mut() {
            section.number.clear();
            self.counters[0] = self.counters[0].saturating_sub(1);
        }
    }

    /// Splits a paragraph into sentences, and takes those with a label.
    fn paragraph(&mut self, text: &str, place: &str) {
        let text = normalise(text);
        let mut rest = text.as_str();
        let mut prose = String::new();
        while !rest.is_empty() {
            let (body, label, next) = next_label(rest);
            let mut sentences = sentences(body);
            let last = if label.is_some() { sentences.pop() } else { None };
            for sentence in sentences.iter().filter(|s| !keywords(s).is_empty()) {
                let (place, sentence) = (place.to_owned(), (*sentence).to_owned());
                self.findings.push(Finding::Unlabelled { place, sentence });
            }
            if let Some(label) = label {
                self.requirement(label, last.unwrap_or_default(), place);
            }
            prose.push_str(body.trim_end());
            prose.push(' ');
            rest = next;
        }
        if let Some(section) = self.draft.sections.last_mut() {
            section.prose.push_str(&prose);
        }
    }

    fn requirement(&mut self, label: Label, sentence: &str, place: &str) {
        let keyword = match keywords(sentence).as_slice() {
            [keyword] if level_of(keyword) == Some(label.level) => *keyword,
            _ => {
                let (place, sentence) = (place.to_owned(), sentence.to_owned());
                self.findings.push(Finding::Mismatch { place, label, sentence });
                return;
            }
        };
        if sentence.contains(['{', '`', '*', '[', '\\', '<']) {
            self.findings.push(Finding::Markup { place: place.to_owned(), label });
        }
        self.draft.requirements.push(Requirement {
            label,
            keyword,
            section: self.draft.sections.len().saturating_sub(1),
            sentence: sentence.to_owned(),
        });
    }
}

/// The text before the next ` (LABEL)`, the label, and the text behind it.
fn next_label(text: &str) -> (&str, Option<Label>, &str) {
    let in_parentheses = |(start, end, _): &(usize, usize, Label)| {
        text[..*start].ends_with('(') && text[*end..].starts_with(')')
    };
    match Label::find_all(text).into_iter().find(in_parentheses) {
        Some((start, end, label)) => {
            (text[..start - 1].trim_end(), Some(label), text[end + 1..].trim_start())
        }
        None => (text, None, ""),
    }
}

/// Sentences: a full stop, a question mark or a colon, a blank, and a capital.
fn sentences(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    for (index, _) in text.match_indices(' ') {
        let ends = text[..index].ends_with(['.', '?', ':']);
        if ends && text[index + 1..].starts_with(|c: char| c.is_ascii_uppercase()) {
            found.push(&text[start..index]);
            start = index + 1;
        }
    }
    found.push(&text[start..]);
    found
}

/// The keywords of a sentence; those inside a label do not count.
fn keywords(sentence: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    let mut rest = sentence;
    let part_of_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
    while let Some((at, word)) =
        KEYWORDS.iter().filter_map(|word| rest.find(word).map(|at| (at, *word))).min_by_key(|(at, _)| *at)
    {
        let behind = &rest[at + word.len()..];
        if !rest[..at].ends_with(part_of_word) && !behind.starts_with(part_of_word) {
            found.push(word);
        }
        rest = behind;
    }
    found
}

fn level_of(keyword: &str) -> Option<Level> {
    match keyword {
        "MUST" | "MUST NOT" => Some(Level::Must),
        "SHOULD" | "SHOULD NOT" => Some(Level::Should),
        "MAY" => Some(Level::May),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "---\ntitle: MUST\n--- middle\n\n";

    fn parse(body: &str) -> (Draft, Vec<Finding>) {
        let mut findings = Vec::new();
        let draft = Draft::parse(&Source::from_text(&format!("{HEAD}{body}")), &mut findings);
        (draft, findings)
    }

    #[test]
    fn takes_labelled_sentences() {
        let (draft, findings) = parse(
            "# One {#one}\n\nProse first.  A host MUST do\nthis. (HIA-MUST-1)\nIt MUST NOT do that.\n(HIA-MUST-2)\n",
        );
        assert_eq!(findings, []);
        let taken: Vec<_> = draft
            .requirements
            .iter()
            .map(|r| (r.label.to_string(), r.keyword, r.sentence.as_str()))
            .collect();
        assert_eq!(
            taken,
            [
                ("HIA-MUST-1".to_owned(), "MUST", "A host MUST do this."),
                ("HIA-MUST-2".to_owned(), "MUST NOT", "It MUST NOT do that."),
            ]
        );
        assert_eq!(draft.sections[0].prose, "Prose first. A host MUST do this. It MUST NOT do that. ");
    }

    #[test]
    fn finds_a_keyword_without_label_anywhere_but_in_figures() {
        let (_, findings) = parse(
            "# One {#one}\n\n~~~\nMUST\n~~~\n\nA host MAY.  See HIA-MUST-7.\n\n| a | SHOULD |\n\nterm:\n: It MUST.\n",
        );
        let sentences: Vec<_> = findings
            .iter()
            .map(|f| match f {
                Finding::Unlabelled { sentence, .. } => sentence.as_str(),
                other => panic!("{other}"),
            })
            .collect();
        assert_eq!(sentences, ["A host MAY.", "| a | SHOULD |", "It MUST."]);
    }

    #[test]
    fn label_must_fit_its_keyword() {
        for sentence in ["It SHOULD. (HIA-MUST-1)", "It does. (HIA-MUST-1)", "It MUST and MUST. (HIA-MUST-1)"]
        {
            let (draft, findings) = parse(&format!("# One {{#one}}\n\n{sentence}\n"));
            assert!(
                matches!(findings.as_slice(), [Finding::Mismatch { place, .. }] if place == "draft.md:7"),
                "{findings:?}"
            );
            assert_eq!(draft.requirements.len(), 0);
        }
    }

    #[test]
    fn label_and_anchor_are_unique() {
        let (_, findings) = parse(
            "# One {#one}\n\nIt MUST. (HIA-MUST-1)\n\n# Two {#one}\n\nIt MUST too. (HIA-MUST-1)\n\n# Three\n",
        );
        let kinds: Vec<_> = findings.iter().map(ToString::to_string).collect();
        assert_eq!(kinds.len(), 3, "{kinds:?}");
        assert!(kinds[0].contains("section `Three` has no anchor"));
        assert!(kinds[1].contains(":11: HIA-MUST-1 is used twice"));
        assert!(kinds[2].contains(":9: anchor one is used twice"));
    }

    #[test]
    fn numbers_sections_as_xml2rfc_does() {
        let (draft, _) = parse(
            "# A {#a}\n## B {#b}\n## C {#c}\n# D {#d}\n### E {#e}\n--- back\n# F {#f}\n## G {#g}\n# H {#h}\n{:numbered=\"false\"}\n",
        );
        let numbers: Vec<_> = draft.sections.iter().map(|s| s.number.as_str()).collect();
        assert_eq!(numbers, ["1", "1.1", "1.2", "2", "2.0.1", "A", "A.1", ""]);
    }

    #[test]
    fn markup_in_a_requirement_is_found() {
        let (_, findings) = parse("# One {#one}\n\nIt MUST do {{two}}. (HIA-MUST-1)\n");
        assert!(matches!(findings.as_slice(), [Finding::Markup { .. }]), "{findings:?}");
    }
}
