//! Mistakes in a configuration, with their lines.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// Words that differ by more are not meant to be the same.
const SIMILAR_MIN: f64 = 0.7;

/// Why a configuration cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file.
    File {
        /// Where.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// What stands in it.
    Mistakes {
        /// Where.
        path: PathBuf,
        /// All of it.
        text: String,
        /// What is wrong, in no particular order.
        mistakes: Vec<Mistake>,
    },
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// What was expected, and what was found.
    pub what: String,
    /// What was perhaps meant.
    pub help: Option<String>,
    /// Where, in octets; `None` is about the whole file.
    pub place: Option<Range<usize>>,
}

impl Mistake {
    pub(super) fn at(place: Range<usize>, what: &str) -> Self {
        Self { what: what.to_owned(), help: None, place: Some(place) }
    }

    pub(super) fn everywhere(what: &str) -> Self {
        Self { what: what.to_owned(), help: None, place: None }
    }

    pub(super) fn of_toml(error: &toml::de::Error) -> Self {
        let what = error.message().to_owned();
        let help = meant(&what).map(|word| format!("did you mean `{word}`?"));
        Self { what, help, place: error.span() }
    }
}

/// The word that was meant by one that is not known. serde says ``unknown field `x`, expected one of `y`, `z` ``.
fn meant(message: &str) -> Option<&str> {
    if !message.starts_with("unknown ") {
        return None;
    }
    let mut words = message.split('`').skip(1).step_by(2);
    let found = words.next()?;
    let likeness = |word: &&str| strsim::jaro_winkler(found, word);
    let best = words.max_by(|one, other| likeness(one).total_cmp(&likeness(other)))?;
    (likeness(&best) >= SIMILAR_MIN).then_some(best)
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, error } => write!(f, "{}: {error}", path.display()),
            Self::Mistakes { path, text, mistakes } => {
                let path = path.display().to_string();
                for (index, mistake) in mistakes.iter().enumerate() {
                    if index > 0 {
                        f.write_str("\n")?;
                    }
                    f.write_str(&shown(&path, text, mistake))?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for ConfigError {}

fn shown(path: &str, text: &str, mistake: &Mistake) -> String {
    let title = Level::ERROR.primary_title(mistake.what.as_str());
    let mut report = Vec::new();
    match &mistake.place {
        Some(place) => {
            let annotation = AnnotationKind::Primary.span(place.clone());
            report.push(title.element(Snippet::source(text).path(path).annotation(annotation)));
        }
        None => report.push(title.element(annotate_snippets::Origin::path(path))),
    }
    if let Some(help) = &mistake.help {
        report.push(
            Level::HELP.secondary_title(help.as_str()).elements(Vec::<annotate_snippets::Padding>::new()),
        );
    }
    Renderer::plain().render(&report)
}
