//! What the checks can find.

use std::fmt;

use super::label::Label;

/// The built text.
const TEXT: &str = "spec/draft-hiatus-tcp.txt";

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub(super) enum Finding {
    /// A BCP 14 keyword in a sentence without a label.
    Unlabelled { place: String, sentence: String },
    /// A label at the end of a sentence without exactly one keyword of its level.
    Mismatch { place: String, label: Label, sentence: String },
    /// A labelled sentence with markup, which a comment in code cannot quote to the letter.
    Markup { place: String, label: Label },
    /// A label on two sentences.
    DuplicateLabel { place: String, label: Label },
    /// A heading without anchor.
    NoAnchor { place: String, title: String },
    /// An anchor used twice.
    DuplicateAnchor { place: String, anchor: String },
    /// A label that is not in the draft.
    UnknownLabel { label: Label, place: String },
    /// A quote whose anchor is not in the draft.
    UnknownAnchor { place: String, anchor: String },
    /// A quote that does not stand in its section to the letter.
    Misquoted { place: String, anchor: String, quote: String },
    /// `//#` without `//=` before it, or the other way round.
    LooseQuote { place: String },
    /// A case without a `requirements:` line.
    NoRequirements { place: String },
    /// A label that nothing cites.
    Uncited { label: Label },
    /// A label with an excuse for having no case, and a case.
    NeedsNoExcuse { label: Label, place: String },
    /// A vector whose section is not in the draft.
    VectorSection { id: String, section: String },
    /// An id of a vector used twice.
    VectorId { id: String },
    /// Something vectors.py found.
    Vectors { output: String },
    /// A generated file that is not what it would become.
    Stale { path: String },
    /// A bibliography entry that is wrong, missing or not cited.
    Reference { path: String, reason: String },
    /// A word that neither the dictionary nor the project's list has, at its first place in the text.
    Misspelled { word: String, line: usize, text: String },
    /// A word of the list that the text does not have.
    UnusedWord { word: String },
    /// A word of the list that does not stand behind the one before it.
    WordOrder { word: String },
    /// Something idnits found.
    Nit { code: String, reason: String },
    /// A reference that did not resolve.
    BrokenReference { line: String },
    /// A line of the built text that is too wide.
    Wide { line: usize, columns: usize },
    /// A section whose number in the text is not the one computed here.
    SectionNumber { anchor: String, heading: String },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = super::SOURCE;
        match self {
            Self::Unlabelled { place, sentence } => {
                write!(f, "{place}: keyword without label: {sentence}")
            }
            Self::Mismatch { place, label, sentence } => {
                write!(f, "{place}: {label} needs exactly one keyword of its level: {sentence}")
            }
            Self::Markup { place, label } => write!(f, "{place}: markup in the sentence of {label}"),
            Self::DuplicateLabel { place, label } => write!(f, "{place}: {label} is used twice"),
            Self::NoAnchor { place, title } => write!(f, "{place}: section `{title}` has no anchor"),
            Self::DuplicateAnchor { place, anchor } => {
                write!(f, "{place}: anchor {anchor} is used twice")
            }
            Self::UnknownLabel { label, place } => write!(f, "{place}: {label} is not in the draft"),
            Self::UnknownAnchor { place, anchor } => {
                write!(f, "{place}: the draft has no section #{anchor}")
            }
            Self::Misquoted { place, anchor, quote } => {
                write!(f, "{place}: not in the draft's section #{anchor} to the letter: {quote}")
            }
            Self::LooseQuote { place } => {
                write!(f, "{place}: `//= draft#anchor` and `//# sentence` must follow each other")
            }
            Self::NoRequirements { place } => write!(f, "{place}: no `requirements:` line with a label"),
            Self::Uncited { label } => write!(f, "{label}: no case or test cites it"),
            Self::NeedsNoExcuse { label, place } => {
                write!(f, "{place}: {label} is listed, but a case cites it")
            }
            Self::VectorSection { id, section } => {
                write!(f, "{}: {id}: the draft has no section #{section}", super::VECTORS)
            }
            Self::VectorId { id } => write!(f, "{}: id {id} is used twice", super::VECTORS),
            Self::Vectors { output } => write!(f, "{}: {output}", super::VECTORS),
            Self::Stale { path } => write!(f, "{path}: stale; run `cargo xtask spec` and commit"),
            Self::Reference { path, reason } => write!(f, "{path}: {reason}"),
            Self::Misspelled { word, line, text } => {
                write!(f, "{TEXT}:{line}: {word} is no word, nor in {}: {text}", super::WORDS)
            }
            Self::UnusedWord { word } => {
                write!(f, "{}: {word} is not in the text; take it out", super::WORDS)
            }
            Self::WordOrder { word } => write!(f, "{}: {word} is out of order", super::WORDS),
            Self::Nit { code, reason } => write!(f, "idnits: {code}: {reason}"),
            Self::BrokenReference { line } => write!(f, "{source}: broken reference: {line}"),
            Self::Wide { line, columns } => {
                write!(f, "{TEXT}:{line}: {columns} columns, at most 72 are allowed")
            }
            Self::SectionNumber { anchor, heading } => {
                write!(f, "{source}: #{anchor} should be `{heading}` in the text, and is not")
            }
        }
    }
}
