//! Why a script cannot be read, with the place.

use std::fmt;

use nom::error::{ErrorKind, ParseError};

/// Why a script cannot be read. [`Display`](fmt::Display) shows the line and points at the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptError {
    /// Line, from 1.
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

impl std::error::Error for ScriptError {}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, text, expected, found } = self;
        let margin = line.to_string().len();
        writeln!(f, "line {line}, column {column}: expected {expected}, found {found}")?;
        writeln!(f, " {line} | {text}")?;
        write!(f, " {:margin$} | {:>column$}", "", "^")
    }
}

/// A parser's refusal: the rest of the script at the place, and what was expected there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Miss<'a> {
    at: &'a str,
    expected: String,
}

impl<'a> Miss<'a> {
    pub(super) fn new(at: &'a str, expected: impl Into<String>) -> Self {
        Self { at, expected: expected.into() }
    }

    /// The error, shown in `text`; `bare` is the same without comments, which the parsers were given.
    pub(super) fn within(&self, text: &str, bare: &str) -> ScriptError {
        let at = self.at.trim_start();
        let offset = bare.len().saturating_sub(at.len());
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line_text = text.get(line_start..).unwrap_or("").lines().next().unwrap_or("");
        let column = text.get(line_start..offset).map_or(0, |text| text.chars().count()) + 1;
        let word: String = at.chars().take_while(|c| !c.is_whitespace()).take(24).collect();
        let found = if word.is_empty() { "the end of the script".to_owned() } else { format!("`{word}`") };
        ScriptError {
            line: before.matches('\n').count() + 1,
            column,
            text: line_text.to_owned(),
            expected: self.expected.clone(),
            found,
        }
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
