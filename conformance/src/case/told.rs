//! Mistakes in scripts for people: the line, a caret below the place, and what to do about it.

use std::fmt::Write as _;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::{CaseError, CaseErrors};
use crate::script::ScriptError;

/// Mistakes of one file that are shown; the others are counted.
const SHOWN_MAX: usize = 20;

/// Width of a note below a line.
const NOTE_COLUMNS: usize = 84;

/// Whether what is told has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// As on a terminal.
    Always,
    /// As in a file.
    Never,
}

impl Colour {
    /// What standard error is for: colours on a terminal, unless its user does not want them.
    #[must_use]
    pub fn of_stderr() -> Self {
        Self::of(anstream::AutoStream::choice(&std::io::stderr()))
    }

    /// What standard output is for.
    #[must_use]
    pub fn of_stdout() -> Self {
        Self::of(anstream::AutoStream::choice(&std::io::stdout()))
    }

    const fn of(choice: anstream::ColorChoice) -> Self {
        match choice {
            anstream::ColorChoice::Never => Self::Never,
            _ => Self::Always,
        }
    }

    const fn renderer(self) -> Renderer {
        match self {
            Self::Always => Renderer::styled(),
            Self::Never => Renderer::plain(),
        }
    }
}

/// What is wrong with one file.
#[must_use]
pub fn told(error: &CaseError, colour: Colour) -> String {
    match error {
        CaseError::Script { path, errors } => faults(path, errors, &Level::ERROR, colour),
        other => {
            let title = Level::ERROR.primary_title(other.to_string());
            colour.renderer().render(&[Group::with_title(title)])
        }
    }
}

/// What `level` calls the faults of the script at `path`.
pub(crate) fn faults(path: &str, faults: &[ScriptError], level: &Level<'_>, colour: Colour) -> String {
    let mut text = String::new();
    for (index, fault) in faults.iter().take(SHOWN_MAX).enumerate() {
        let between = if index == 0 { "" } else { "\n\n" };
        let _ = write!(text, "{between}{}", one(path, fault, level.clone(), colour));
    }
    if let Some(more) = faults.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
        let _ = write!(text, "\n\n{path}: {more} more");
    }
    text
}

/// A name with dashes is one word.
fn wrapping() -> textwrap::Options<'static> {
    textwrap::Options::new(NOTE_COLUMNS).word_splitter(textwrap::WordSplitter::NoHyphenation)
}

fn one(path: &str, fault: &ScriptError, level: Level<'_>, colour: Colour) -> String {
    let title = level.primary_title(format!("expected {}, found {}", fault.expected, fault.found));
    let place = AnnotationKind::Primary.span(fault.span.clone()).label(fault.help.as_deref());
    let source = Snippet::source(fault.text.as_str()).line_start(fault.line).path(path).annotation(place);
    let group = title.element(source);
    let group = match &fault.note {
        Some(note) => group.element(Level::NOTE.message(textwrap::fill(note, wrapping()))),
        None => group,
    };
    colour.renderer().render(&[group])
}

/// Everything that is wrong, and how much it is.
pub(super) fn all(errors: &CaseErrors, colour: Colour) -> String {
    let mut text = String::new();
    let mut count = 0;
    for error in &errors.errors {
        count += if let CaseError::Script { errors, .. } = error { errors.len() } else { 1 };
        let _ = write!(text, "{}\n\n", told(error, colour));
    }
    let (wrong, files) = (errors.errors.len(), errors.files);
    let mistakes = if count == 1 { "mistake" } else { "mistakes" };
    let _ = write!(text, "{count} {mistakes} in {wrong} of {files} files");
    text
}
