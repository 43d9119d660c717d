//! Spelling of the built text, by hunspell with the American dictionary of the distribution.
//!
//! What the dictionary lacks and the draft needs stands in spec/words.txt. Figures and hexadecimal octets are not read.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::finding::Finding;
use super::references::References;
use super::source::Source;
use super::{SpecError, WORDS, toolchain};

/// Words of the project, one a line.
#[derive(Debug, Default)]
pub(super) struct Words {
    list: Vec<String>,
}

impl Words {
    /// Reads the list; a line that is out of order goes to `findings`.
    pub(super) fn read(root: &Path, findings: &mut Vec<Finding>) -> Result<Self, SpecError> {
        let words = Self::parse(&super::read(&root.join(WORDS))?);
        findings.extend(words.out_of_order().map(|word| Finding::WordOrder { word: word.to_owned() }));
        Ok(words)
    }

    fn parse(text: &str) -> Self {
        Self { list: text.lines().map(str::to_owned).collect() }
    }

    /// Words that do not stand behind the one before them, case not counted.
    fn out_of_order(&self) -> impl Iterator<Item = &str> {
        let key = |word: &String| (word.to_lowercase(), word.clone());
        let pairs = self.list.windows(2).filter(move |pair| key(&pair[0]) >= key(&pair[1]));
        pairs.map(|pair| pair[1].as_str())
    }

    /// The word of the list that a word of the text is, perhaps with a capital.
    fn find(&self, word: &str) -> Option<&str> {
        let same = |listed: &&String| **listed == word || capitalised(listed) == word;
        self.list.iter().find(same).map(String::as_str)
    }

    /// Notes every word of the text that `unknown` holds and the list does not, and every word that only the list has.
    fn compare(
        &self,
        text: &BTreeMap<&str, Occurrence<'_>>,
        unknown: &BTreeSet<String>,
        references: &References,
        findings: &mut Vec<Finding>,
    ) {
        let mut used = BTreeSet::new();
        for (word, occurrence) in text {
            match self.find(word) {
                Some(listed) => {
                    used.insert(listed);
                }
                None if !unknown.contains(*word) || is_hexadecimal(word) => {}
                None if references.surnames.contains(*word) => {}
                None => findings.push(Finding::Misspelled {
                    word: (*word).to_owned(),
                    line: occurrence.line,
                    text: occurrence.text.trim().to_owned(),
                }),
            }
        }
        let unused = self.list.iter().filter(|word| !used.contains(word.as_str()));
        findings.extend(unused.map(|word| Finding::UnusedWord { word: word.clone() }));
    }
}

/// Where a word stands first in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Occurrence<'a> {
    /// Counted from 1.
    line: usize,
    text: &'a str,
}

/// Checks the built text. Where hunspell is missing, this says so and checks nothing.
pub(super) fn check(
    words: &Words,
    source: &Source,
    text: &str,
    references: &References,
    findings: &mut Vec<Finding>,
) -> Result<(), SpecError> {
    if !toolchain::has_speller() {
        eprintln!("SKIPPED: spelling needs hunspell and its dictionary en_US");
        return Ok(());
    }
    let found = words_of(text, &source.figures());
    let unknown = unknown(&found)?;
    words.compare(&found, &unknown, references, findings);
    Ok(())
}

/// Words of two letters or more by their first occurrence. A piece of text with a digit is no word, nor is one with a
/// slash (the id of a case, a path, a unit), nor an address, which goes on in the next line if its angle bracket is not
/// closed.
fn words_of<'a>(text: &'a str, figures: &BTreeSet<&str>) -> BTreeMap<&'a str, Occurrence<'a>> {
    let mut words = BTreeMap::new();
    let mut in_address = false;
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !figures.contains(line.trim())) {
        for piece in line.split_whitespace() {
            if in_address || piece.contains("://") {
                in_address = (in_address || piece.contains('<')) && !piece.contains('>');
                continue;
            }
            if piece.contains('/') {
                continue;
            }
            for word in piece.split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '_') {
                let word = word.trim_matches('\'');
                let word = word.strip_suffix("'s").unwrap_or(word);
                if word.len() > 1 && word.chars().all(|c| c.is_alphabetic() || c == '\'') {
                    words.entry(word).or_insert(Occurrence { line: index + 1, text: line });
                }
            }
        }
    }
    words
}

/// Asks hunspell which words it does not know.
fn unknown(words: &BTreeMap<&str, Occurrence<'_>>) -> Result<BTreeSet<String>, SpecError> {
    let mut command = Command::new("hunspell");
    command.args(["-l", "-d", "en_US", "-i", "utf-8"]);
    let failed =
        |status: String| SpecError::Failed { program: "hunspell".to_owned(), status, output: String::new() };
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let question: String = words.keys().map(|word| format!("{word}\n")).collect();
    let pipe = child.stdin.take();
    // In a thread of its own, since hunspell answers before it has read all.
    let writer =
        std::thread::spawn(move || pipe.map_or(Ok(()), |mut pipe| pipe.write_all(question.as_bytes())));
    let output = child.wait_with_output().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() || !matches!(writer.join(), Ok(Ok(()))) {
        return Err(failed(output.status.to_string()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}

/// With a capital, as at the start of a sentence.
fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn is_hexadecimal(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(list: &str, text: &str, unknown: &[&str]) -> Vec<String> {
        let references = References { surnames: BTreeSet::from(["Eddy".to_owned()]) };
        let unknown = unknown.iter().map(|word| (*word).to_owned()).collect();
        let mut findings = Vec::new();
        let words = words_of(text, &BTreeSet::new());
        Words::parse(list).compare(&words, &unknown, &references, &mut findings);
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn words_are_letters_outside_figures_and_addresses() {
        let text = "1.  The peer's RCV.NXT\n   A frame ---> B\n<https://exampel.org/> (https://exampel.org/) <https://exa-\n  mpel.org/a.htm>. 0x4849 v1 fe80 'so' don't resume/rsts-apart 5 kB/s,\n";
        let figures = BTreeSet::from(["A frame ---> B"]);
        let words = words_of(text, &figures);
        let found: Vec<_> = words.keys().copied().collect();
        assert_eq!(found, ["NXT", "RCV", "The", "don't", "peer", "so"]);
        assert_eq!(words["so"].line, 4);
    }

    #[test]
    fn misspelled_word_is_found_with_its_line() {
        let found = findings("SYN\n", "A SYN\nwith an optoin\n", &["SYN", "optoin"]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("draft-hiatus-tcp.txt:2: optoin is no word"), "{found:?}");
        assert!(found[0].ends_with(": with an optoin"), "{found:?}");
    }

    #[test]
    fn capitals_names_and_octets_are_no_errors() {
        let text = "Conntrack by Eddy, W., is octet fe af\n";
        assert_eq!(findings("conntrack\n", text, &["Conntrack", "Eddy", "af"]), [""; 0]);
    }

    #[test]
    fn unused_word_is_found() {
        let found = findings("conntrack\nnonce\n", "A nonce\n", &["nonce"]);
        assert_eq!(found, ["spec/words.txt: conntrack is not in the text; take it out"]);
    }

    #[test]
    fn order_is_that_of_the_alphabet() {
        let disorder: Vec<_> =
            Words::parse("ACK\nba\nACKs\nnonce\nnonce\n").out_of_order().map(str::to_owned).collect();
        assert_eq!(disorder, ["ACKs", "nonce"]);
    }
}
