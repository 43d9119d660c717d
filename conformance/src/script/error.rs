//! Why a script cannot be read, with the place.

use std::fmt;

use nom::error::{ErrorKind, ParseError};

/// Why a script cannot be read. [`Display`](fmt::Display) shows the line and points at the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptError {
    /// Line, from 1; 0 if the script as a whole is meant.
    pub line: usize,
    /// Column, from 1, in characters.
    pub column: usize,
    /// The line as it stands.
    pub text: String,
    /// What could have stood there.
    pub expected: String,
    /// What stands there.
    pub found: String,
}

impl ScriptError {
    /// The script as a whole lacks something.
    pub(super) fn without_line(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { line: 0, column: 0, text: String::new(), expected: expected.into(), found: found.into() }
    }
}

impl std::error::Error for ScriptError {}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, text, expected, found } = self;
        if *line == 0 {
            return write!(f, "expected {expected}, found {found}");
        }
        let margin = line.to_string().len();
        writeln!(f, "line {line}, column {column}: expected {expected}, found {found}")?;
        writeln!(f, " {line} | {text}")?;
        write!(f, " {:margin$} | {:>column$}", "", "^")
    }
}

/// A parser's refusal: the rest of the line at the place, and what was expected there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Miss<'a> {
    at: &'a str,
    expected: String,
}

impl<'a> Miss<'a> {
    pub(super) fn new(at: &'a str, expected: impl Into<String>) -> Self {
        Self { at, expected: expected.into() }
    }

    /// The error of the parser that `line` was given to: `at` is the end of that line.
    pub(super) fn at_line(&self, number: usize, line: &str) -> ScriptError {
        let line = line.trim_end();
        let before = line.len().saturating_sub(self.at.trim_end().len());
        let column = line.get(..before).map_or(0, |text| text.chars().count()) + 1;
        let word: String = self.at.trim_end().chars().take_while(|c| !c.is_whitespace()).take(24).collect();
        let found = if word.is_empty() { "the end of the line".to_owned() } else { format!("`{word}`") };
        ScriptError { line: number, column, text: line.to_owned(), expected: self.expected.clone(), found }
    }
}

impl<'a> ParseError<&'a str> for Miss<'a> {
    fn from_error_kind(input: &'a str, _kind: ErrorKind) -> Self {
        Self::new(input, "something else")
    }

    fn append(_input: &'a str, _kind: ErrorKind, other: Self) -> Self {
        other
    }

    /// Of two refusals the one that came further counts: it is the one the author meant.
    fn or(self, other: Self) -> Self {
        if self.at.len() < other.at.len() { self } else { other }
    }
}
