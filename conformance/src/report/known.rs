//! The file of known failures: each with the reason why it is known, and each of them still a failure.
//!
//! ```toml
//! [[known]]
//! case = "suspend/hold-lasts"
//! target = "lwip"             # left out: every target
//! reason = "it forgets the hold when the clock is set; to be mended with the new timer"
//! ```

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::Error as _;
use toml::Spanned;

use super::{Report, Status};

/// A file of known failures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownFailures {
    path: PathBuf,
    entries: Vec<Known>,
}

/// One known failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Where it begins in the file, from 1.
    pub line: usize,
    /// Id of the case.
    pub case: String,
    /// Name of the target; `None` for every target.
    pub target: Option<String>,
    /// Why it is known.
    pub reason: String,
}

/// Why a file of known failures cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KnownError {
    /// It cannot be read.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is not what such a file is.
    #[error("{path}: {error}", error = .error.to_string().trim_end())]
    Form {
        /// Which.
        path: PathBuf,
        /// Where, and what was expected.
        error: Box<toml::de::Error>,
    },
}

/// A line of the file that says what is not so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    /// The file.
    pub path: PathBuf,
    /// Where the entry begins, from 1.
    pub line: usize,
    /// Its case.
    pub case: String,
    /// Its target, if it names one.
    pub target: Option<String>,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {} {}", self.path.display(), self.line, self.case, self.problem)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    known: Vec<Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(deserialize_with = "words")]
    case: String,
    #[serde(default, deserialize_with = "some_words")]
    target: Option<String>,
    #[serde(deserialize_with = "words")]
    reason: String,
}

fn words<'de, D: serde::Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    if text.trim().is_empty() { Err(D::Error::custom("expected words, found nothing")) } else { Ok(text) }
}

fn some_words<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    words(from).map(Some)
}

impl KnownFailures {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// A [`KnownError`].
    pub fn read(path: &Path) -> Result<Self, KnownError> {
        let text =
            fs::read_to_string(path).map_err(|error| KnownError::File { path: path.to_owned(), error })?;
        Self::parse(path, &text)
    }

    /// Reads `text`, which stands in the file `path`.
    ///
    /// # Errors
    ///
    /// [`KnownError::Form`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, KnownError> {
        let file: File = toml::from_str(text)
            .map_err(|error| KnownError::Form { path: path.to_owned(), error: Box::new(error) })?;
        let entries = file.known.into_iter().map(|entry| {
            let before = text.get(..entry.span().start).unwrap_or(text);
            let line = before.matches('\n').count() + 1;
            let Entry { case, target, reason } = entry.into_inner();
            Known { line, case, target, reason }
        });
        Ok(Self { path: path.to_owned(), entries: entries.collect() })
    }

    /// Whether an entry names this case of this target.
    #[must_use]
    pub fn names(&self, target: &str, case: &str) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.case == case && entry.target.as_deref().is_none_or(|name| name == target))
    }

    /// Marks the failures of `report` that are known, and notes the lines that are wrong. `ids` are all cases that there
    /// are, in this run or not.
    pub fn apply(&self, report: &mut Report, ids: &[String]) {
        for (index, entry) in self.entries.iter().enumerate() {
            let same = |other: &&Known| other.case == entry.case && other.target == entry.target;
            let before = self.entries.iter().take(index).find(same);
            let problem = match before {
                Some(first) => Some(format!("is listed already, in line {}", first.line)),
                None if !ids.contains(&entry.case) => {
                    Some("is no case; `conform list` shows them all".to_owned())
                }
                None => mark(entry, report),
            };
            if let Some(problem) = problem {
                let (case, target) = (entry.case.clone(), entry.target.clone());
                report.stale.push(Stale { path: self.path.clone(), line: entry.line, case, target, problem });
            }
        }
    }
}

/// Marks what `entry` names; gives what is wrong with it if nothing of it fails any more.
fn mark(entry: &Known, report: &mut Report) -> Option<String> {
    let index = report.cases.iter().position(|case| case.id == entry.case)?;
    let mut better = Vec::new();
    let mut is_open = false;
    for run in &mut report.runs {
        if entry.target.as_ref().is_some_and(|target| *target != run.target) {
            continue;
        }
        let Some(result) = run.results.get_mut(index) else { continue };
        match result.status() {
            Status::Fail => {
                result.known = Some(entry.reason.clone());
                is_open = true;
            }
            Status::Pass | Status::Unsupported => better.push(run.target.clone()),
            // Known by another line, or nothing is known of it in this run.
            Status::Known | Status::Inconclusive | Status::Skipped => is_open = true,
        }
    }
    (!is_open && !better.is_empty())
        .then(|| format!("no longer fails against {}: take the entry out", better.join(", ")))
}
