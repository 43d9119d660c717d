//! The test vectors as the draft's appendix shows them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;

use super::SpecError;
use super::draft::Draft;
use super::finding::Finding;

/// Widest line of a figure: xml2rfc indents it by three columns.
const FIGURE_COLUMNS_MAX: usize = super::TEXT_COLUMNS_MAX - 3;

/// The whole file. Unknown fields are errors, so a slip in a name shows.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Vectors {
    vector: Vec<Reading>,
    mac: Vec<Mac>,
    position: Vec<Position>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reading {
    id: String,
    section: String,
    octets: String,
    verdict: String,
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mac {
    id: String,
    section: String,
    initiator_key: String,
    responder_key: String,
    key: String,
    role: String,
    message: String,
    life: String,
    nonce: String,
    p1: String,
    p2: String,
    input: String,
    hmac: String,
    tag: String,
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Position {
    id: String,
    section: String,
    wire: String,
    near: String,
    position: String,
    why: String,
}

impl Vectors {
    /// Reads the file.
    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, SpecError> {
        toml::from_str(text)
            .map_err(|e| SpecError::Malformed { path: path.to_owned(), reason: e.to_string() })
    }

    /// Every id once, every section in the draft. What the values say is for vectors.py and the codec's tests.
    pub(super) fn check(&self, draft: &Draft, findings: &mut Vec<Finding>) {
        let mut seen = BTreeSet::new();
        let readings = self.vector.iter().map(|v| (&v.id, &v.section));
        let macs = self.mac.iter().map(|v| (&v.id, &v.section));
        let positions = self.position.iter().map(|v| (&v.id, &v.section));
        for (id, section) in readings.chain(macs).chain(positions) {
            if !seen.insert(id) {
                findings.push(Finding::VectorId { id: id.clone() });
            }
            if draft.section(section).is_none() {
                findings.push(Finding::VectorSection { id: id.clone(), section: section.clone() });
            }
        }
    }

    /// Generated parts of the appendix: name and text.
    pub(super) fn appendix(&self) -> [(&'static str, String); 3] {
        let mut readings = String::new();
        for vector in &self.vector {
            entry(&mut readings, &vector.id, &vector.why);
            let octets = if vector.octets.is_empty() { "(none)" } else { &vector.octets };
            wrapped(&mut readings, "  octets   ", octets);
            let verdict = if vector.verdict.is_empty() { "(no option)" } else { &vector.verdict };
            wrapped(&mut readings, "  verdict  ", verdict);
        }
        let mut macs = String::new();
        for (index, mac) in self.mac.iter().enumerate() {
            if index == 0 {
                let keys = format!("{} {}", mac.initiator_key, mac.responder_key);
                wrapped(&mut macs, "HMAC key  ", &keys);
                wrapped(&mut macs, "K         ", &mac.key);
            }
            entry(&mut macs, &mac.id, &mac.why);
            for (name, value) in [
                ("role", &mac.role),
                ("message", &mac.message),
                ("life", &mac.life),
                ("nonce", &mac.nonce),
                ("p1", &mac.p1),
                ("p2", &mac.p2),
                ("input", &mac.input),
                ("HMAC", &mac.hmac),
                ("MAC", &mac.tag),
            ] {
                wrapped(&mut macs, &format!("  {name:<9}"), value);
            }
        }
        let mut positions = String::new();
        for position in &self.position {
            entry(&mut positions, &position.id, &position.why);
            let (wire, near) = (&position.wire, &position.near);
            let _ = writeln!(positions, "  {wire} near {near} is {}", position.position);
        }
        [("vectors", figure(&readings)), ("macs", figure(&macs)), ("positions", figure(&positions))]
    }
}

fn figure(text: &str) -> String {
    format!("~~~\n{}\n~~~\n", text.trim())
}

/// A blank line, then id and reason.
fn entry(out: &mut String, id: &str, why: &str) {
    out.push('\n');
    broken(out, &format!("{id}: "), 2, why);
}

/// Words behind a prefix, broken at blanks; later lines are indented like a field.
fn wrapped(out: &mut String, prefix: &str, text: &str) {
    broken(out, prefix, 11, text);
}

fn broken(out: &mut String, prefix: &str, indent_columns: usize, text: &str) {
    let mut line = prefix.to_owned();
    let mut is_first = true;
    for word in text.split(' ') {
        if !is_first && line.chars().count() + 1 + word.chars().count() > FIGURE_COLUMNS_MAX {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{}", line.trim_end());
            line = " ".repeat(indent_columns);
            is_first = true;
        }
        if !is_first {
            line.push(' ');
        }
        line.push_str(word);
        is_first = false;
    }
    let _ = writeln!(out, "{}", line.trim_end());
}

#[cfg(test)]
mod tests {
    use super::super::source::Source;
    use super::*;

    const FILE: &str = r#"
position = []
mac = []
[[vector]]
id = "a"
section = "one"
octets = "01 01"
verdict = "nop, nop"
why = "two"
[[vector]]
id = "a"
section = "two"
octets = ""
verdict = ""
why = "none"
"#;

    #[test]
    fn repeated_id_and_unknown_section_are_found() {
        let draft = Draft::parse(&Source::from_text("--- middle\n\n# One {#one}\n"), &mut Vec::new());
        let vectors = Vectors::parse(Path::new("v"), FILE).expect("parses");
        let mut findings = Vec::new();
        vectors.check(&draft, &mut findings);
        let expected = [
            Finding::VectorId { id: "a".into() },
            Finding::VectorSection { id: "a".into(), section: "two".into() },
        ];
        assert_eq!(findings, expected);
    }

    #[test]
    fn appendix_shows_octets_and_verdict() {
        let vectors = Vectors::parse(Path::new("v"), FILE).expect("parses");
        let [(_, readings), _, _] = vectors.appendix();
        let expected = "~~~\na: two\n  octets   01 01\n  verdict  nop, nop\n\na: none\n  octets   (none)\n  verdict  (no option)\n~~~\n";
        assert_eq!(readings, expected);
    }

    #[test]
    fn long_lines_are_broken() {
        let mut out = String::new();
        wrapped(&mut out, "  octets   ", &["ff"; 40].join(" "));
        let widths: Vec<_> = out.lines().map(str::len).collect();
        assert_eq!(widths, [67, 67, 16]);
    }

    #[test]
    fn misspelt_field_is_an_error() {
        let text = FILE.replace("why = \"two\"", "wy = \"two\"");
        assert!(Vectors::parse(Path::new("v"), &text).is_err());
    }
}
