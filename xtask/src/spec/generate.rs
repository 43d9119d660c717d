//! What is generated from the draft's own text: the requirement index and requirements.json.

use std::fmt::Write as _;

use serde::Serialize;

use super::citations::Citations;
use super::draft::Draft;
use super::excuse::Excuses;

/// The table of the requirement index.
pub(super) fn index(draft: &Draft, citations: &Citations, excuses: &Excuses) -> String {
    let mut table = String::from("| Label | Level | Section | Proved by |\n|---|---|---|---|\n");
    for requirement in &draft.requirements {
        let label = requirement.label;
        let section = draft.section_of(requirement).map_or("", |section| section.number.as_str());
        let cases = citations.cases(label);
        let tests = citations.tests(label);
        let proof = match excuses.of(label) {
            _ if !cases.is_empty() => cases.join(", "),
            Some(excuse) => excuse,
            None if !tests.is_empty() => crates(&tests),
            None => "nothing yet".to_owned(),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(table, "| {label} | {} | {section} | {proof} |", requirement.keyword);
    }
    table.push_str("{: #tab-requirements title=\"Requirements and their cases\"}\n");
    table
}

/// `tests of codec, reference/engine`: the crates of some source files.
fn crates(files: &[&str]) -> String {
    let mut names: Vec<_> =
        files.iter().filter_map(|f| f.split_once("/src").or(f.split_once("/tests"))).collect();
    names.dedup_by_key(|(name, _)| *name);
    let names: Vec<_> = names.into_iter().map(|(name, _)| name).collect();
    format!("tests of {}", names.join(", "))
}

/// One entry of requirements.json.
#[derive(Serialize)]
struct Entry<'a> {
    label: String,
    level: &'a str,
    section: &'a str,
    anchor: &'a str,
    title: &'a str,
    sentence: &'a str,
}

/// All requirements as a JSON array, in the order of the text.
pub(super) fn requirements_json(draft: &Draft) -> String {
    let entries: Vec<_> = draft
        .requirements
        .iter()
        .filter_map(|requirement| {
            let section = draft.section_of(requirement)?;
            Some(Entry {
                label: requirement.label.to_string(),
                level: requirement.keyword,
                section: &section.number,
                anchor: &section.anchor,
                title: &section.title,
                sentence: &requirement.sentence,
            })
        })
        .collect();
    // Strings in a struct always serialise.
    serde_json::to_string_pretty(&entries).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::super::source::Source;
    use super::*;

    #[test]
    fn requirement_as_json() {
        let source = Source::from_text("--- middle\n\n# One {#one}\n\nIt MUST NOT. (HIA-MUST-1)\n");
        let draft = Draft::parse(&source, &mut Vec::new());
        let json: serde_json::Value = serde_json::from_str(&requirements_json(&draft)).expect("JSON");
        let expected = serde_json::json!([{
            "label": "HIA-MUST-1", "level": "MUST NOT", "section": "1", "anchor": "one", "title": "One",
            "sentence": "It MUST NOT.",
        }]);
        assert_eq!(json, expected);
    }
}
