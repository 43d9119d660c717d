//! Cases: scripts with their ids, built in or read from a folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

use crate::script::{Script, ScriptError};

/// The cases of this repository, so that `conform` needs no files.
static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/cases");
const EXTENSION: &str = "pkt";

/// A script with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Words with dashes, its folder first: `suspend/holder-is-silent`.
    pub id: String,
    /// What it does.
    pub script: Script,
    /// The script as written.
    pub text: String,
}

/// Why cases cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaseError {
    /// A script cannot be read.
    #[error("{path}: {error}")]
    Script {
        /// Which.
        path: String,
        /// Where in it, and why.
        error: ScriptError,
    },
    /// A file or folder cannot be read.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A name is not made of words.
    #[error("{path}: expected a name of small letters, digits and dashes, in UTF-8, ending in .pkt")]
    Name {
        /// Which.
        path: PathBuf,
    },
}

impl Case {
    /// Reads the script `text`; `id` is its path without the extension.
    ///
    /// # Errors
    ///
    /// [`CaseError::Script`] if it is none.
    pub fn parse(id: &str, text: &str) -> Result<Self, CaseError> {
        let script = Script::parse(text)
            .map_err(|error| CaseError::Script { path: format!("{id}.{EXTENSION}"), error })?;
        Ok(Self { id: id.to_owned(), script, text: text.to_owned() })
    }

    /// The part of the id before the first slash.
    #[must_use]
    pub fn folder(&self) -> &str {
        self.id.split_once('/').map_or("", |(folder, _)| folder)
    }

    /// Name of its capture without extension: the id with dashes for slashes.
    #[must_use]
    pub fn capture_name(&self) -> String {
        self.id.replace('/', "-")
    }
}

/// The cases that are built in, by id.
///
/// # Errors
///
/// [`CaseError::Script`] for the first that cannot be read.
pub fn built_in() -> Result<Vec<Case>, CaseError> {
    let mut files = Vec::new();
    collect(&BUILT_IN, &mut files);
    files.sort();
    files.into_iter().map(|(id, text)| Case::parse(&id, text)).collect()
}

fn collect<'d>(dir: &'d Dir<'_>, files: &mut Vec<(String, &'d str)>) {
    for file in dir.files() {
        if let (Some(id), Some(text)) = (id_of(file.path()), file.contents_utf8()) {
            files.push((id, text));
        }
    }
    for dir in dir.dirs() {
        collect(dir, files);
    }
}

fn id_of(path: &Path) -> Option<String> {
    let stem = path.to_str()?.strip_suffix(".pkt")?.replace('\\', "/");
    let wordy = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '/';
    stem.chars().all(wordy).then_some(stem)
}

/// The cases below `folder`, by id.
///
/// # Errors
///
/// A [`CaseError`] for the first that cannot be read.
pub fn of_folder(folder: &Path) -> Result<Vec<Case>, CaseError> {
    let mut paths = Vec::new();
    walk(folder, &mut paths)?;
    paths.sort();
    let mut cases = Vec::new();
    for path in paths {
        let relative = path.strip_prefix(folder).unwrap_or(&path);
        let id = id_of(relative).ok_or_else(|| CaseError::Name { path: path.clone() })?;
        let text =
            fs::read_to_string(&path).map_err(|error| CaseError::File { path: path.clone(), error })?;
        let script = Script::parse(&text)
            .map_err(|error| CaseError::Script { path: path.display().to_string(), error })?;
        cases.push(Case { id, script, text });
    }
    Ok(cases)
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), CaseError> {
    let here = |error| CaseError::File { path: folder.to_owned(), error };
    for entry in fs::read_dir(folder).map_err(here)? {
        let entry = entry.map_err(here)?;
        let path = entry.path();
        if entry.file_type().map_err(here)?.is_dir() {
            walk(&path, paths)?;
        } else if path.extension().is_some_and(|extension| extension == EXTENSION) {
            paths.push(path);
        }
    }
    Ok(())
}
