//! Why a script cannot be read, with the place.

use std::fmt;
use std::ops::Range;

use nom::error::{ErrorKind, ParseError};

/// How alike two words have to be, from 0 to 1, that one is taken for the other misspelt (Jaro-Winkler).
const LIKENESS_MIN: f64 = 0.8;
/// Characters of the script that are quoted as what was found.
const FOUND_CHARS_MAX: usize = 40;

/// Why a script cannot be read. [`Display`](fmt::Display) shows the line and points at the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptError {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1, in characters.
    pub column: usize,
    /// The line as it stands.
    pub text: String,
    /// What is meant, in octets of that line.
    pub span: Range<usize>,
    /// What could have stood there.
    pub expected: String,
    /// What stands there.
    pub found: String,
    /// What to do about it, if that can be guessed: `did you mean ...`.
    pub help: Option<String>,
    /// More that helps: what words there are.
    pub note: Option<String>,
}

impl ScriptError {
    /// What is wrong in line `line`, from 1, whose text is `text`: the octets `span` of it, which lie on character bounds.
    pub(crate) fn at(line: usize, text: &str, span: Range<usize>, expected: impl Into<String>) -> Self {
        let column = text.get(..span.start).map_or(0, |before| before.chars().count()) + 1;
        let word: String = text.get(span.clone()).unwrap_or("").chars().take(FOUND_CHARS_MAX).collect();
        let found = if word.is_empty() { "the end of the line".to_owned() } else { format!("`{word}`") };
        Self {
            line,
            column,
            text: text.to_owned(),
            span,
            expected: expected.into(),
            found,
            help: None,
            note: None,
        }
    }

    /// With `found` for what stands there.
    pub(crate) fn found(self, found: impl Into<String>) -> Self {
        Self { found: found.into(), ..self }
    }

    /// With advice.
    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// With the word of `known` that `word` was meant to be, if there is one.
    pub(crate) fn guess<'k>(self, word: &str, known: impl IntoIterator<Item = &'k str>) -> Self {
        match closest(word, known) {
            Some(meant) => self.help(did_you_mean(meant)),
            None => self,
        }
    }
}

/// Advice to write `meant`.
pub(crate) fn did_you_mean(meant: &str) -> String {
    format!("did you mean `{meant}`?")
}

/// The word of `known` that is most like `word`, if one is like it at all.
pub(crate) fn closest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    known
        .into_iter()
        .map(|known| (strsim::jaro_winkler(&word.to_lowercase(), &known.to_lowercase()), known))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, known)| known)
}

impl std::error::Error for ScriptError {}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, text, expected, found, help, note, .. } = self;
        let margin = line.to_string().len();
        writeln!(f, "line {line}, column {column}: expected {expected}, found {found}")?;
        writeln!(f, " {line} | {text}")?;
        write!(f, " {:margin$} | {:>column$}", "", "^")?;
        if let Some(help) = help {
            write!(f, " {help}")?;
        }
        match note {
            Some(note) => write!(f, "\n {:margin$} = {note}", ""),
            None => Ok(()),
        }
    }
}

/// Words of one kind that a script may have at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Words {
    /// What they are: `calls`.
    pub(super) kind: &'static str,
    /// All of them.
    pub(super) known: &'static [&'static str],
}

/// A parser's refusal: the rest of the line at the place, and what was expected there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Miss<'a> {
    at: &'a str,
    expected: String,
    found: Option<&'static str>,
    help: Option<String>,
    words: Option<Words>,
}

impl<'a> Miss<'a> {
    pub(super) fn new(at: &'a str, expected: impl Into<String>) -> Self {
        Self { at, expected: expected.into(), found: None, help: None, words: None }
    }

    /// One of `words` was expected.
    pub(super) fn word(at: &'a str, expected: impl Into<String>, words: Words) -> Self {
        Self { words: Some(words), ..Self::new(at, expected) }
    }

    /// With `found` for what stands there.
    pub(super) fn found(self, found: &'static str) -> Self {
        Self { found: Some(found), ..self }
    }

    /// With advice.
    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// The error of the parser that `line` was given to: `at` is the end of that line.
    pub(super) fn at_line(&self, number: usize, line: &str) -> ScriptError {
        let line = line.trim_end();
        let rest = self.at.trim_end();
        let before = line.len().saturating_sub(rest.len());
        let word = rest.split(char::is_whitespace).next().unwrap_or("");
        // What ends an option in a list is not part of it.
        let word = Some(word.trim_end_matches([',', '>'])).filter(|bare| !bare.is_empty()).unwrap_or(word);
        let mut error = ScriptError::at(number, line, before..before + word.len(), &self.expected);
        error.help.clone_from(&self.help);
        if let Some(found) = self.found {
            error = error.found(found);
        }
        let Some(Words { kind, known }) = self.words else { return error };
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        let note = format!("{kind}: {}", known.join(", "));
        ScriptError { note: Some(note), ..error.guess(bare, known.iter().copied()) }
    }
}

impl<'a> ParseError<&'a str> for Miss<'a> {
    fn from_error_kind(input: &'a str, kind: ErrorKind) -> Self {
        Self::new(input, if kind == ErrorKind::Space { "white space" } else { "something else" })
    }

    fn from_char(input: &'a str, wanted: char) -> Self {
        Self::new(input, format!("`{wanted}`"))
    }

    fn append(_input: &'a str, _kind: ErrorKind, other: Self) -> Self {
        other
    }

    /// Of two refusals the one that came further counts: it is the one the author meant.
    fn or(self, other: Self) -> Self {
        if self.at.len() < other.at.len() { self } else { other }
    }
}
