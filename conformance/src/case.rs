//! Cases: scripts with their ids, built in or read from a folder.

mod told;

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

use crate::lint;
use crate::script::{Script, ScriptError};

pub(crate) use told::faults as told_faults;
pub use told::{Colour, told};

/// The cases of this repository, so that `conform` needs no files.
static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/cases");
const EXTENSION: &str = "pkt";
/// Longest script that is read; those of this repository have less than 3 KiB.
const SCRIPT_LEN_OCTETS_MAX: usize = 1 << 20;

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

/// Why cases cannot be had. Its [`Display`](std::fmt::Display) is what [`told`] says without colour.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaseError {
    /// A script has mistakes.
    #[error("{}", told(self, Colour::Never))]
    Script {
        /// Which.
        path: String,
        /// Where in it, and why; at least one, in the order of the lines.
        errors: Vec<ScriptError>,
    },
    /// A file or folder cannot be read.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A script is longer than any script needs to be.
    #[error("{path}: expected a script of at most {SCRIPT_LEN_OCTETS_MAX} octets")]
    Long {
        /// Which.
        path: PathBuf,
    },
    /// A name is not made of words.
    #[error("{path}: expected a name of small letters, digits and dashes, in UTF-8, ending in .pkt")]
    Name {
        /// Which.
        path: PathBuf,
    },
}

/// What is wrong with the cases of a folder: every mistake in every file.
#[derive(Debug, thiserror::Error)]
#[error("{}", told::all(self, Colour::Never))]
pub struct CaseErrors {
    /// An error a file, by path; at least one.
    pub errors: Vec<CaseError>,
    /// How many files were read.
    pub files: usize,
}

impl CaseErrors {
    /// All of it for people, with a line at the end that counts.
    #[must_use]
    pub fn told(&self, colour: Colour) -> String {
        told::all(self, colour)
    }
}

impl Case {
    /// Reads the script `text`; `id` is its path without the extension.
    ///
    /// # Errors
    ///
    /// [`CaseError::Script`] if it is none.
    pub fn parse(id: &str, text: &str) -> Result<Self, CaseError> {
        let script = Script::parse(text)
            .map_err(|errors| CaseError::Script { path: format!("{id}.{EXTENSION}"), errors })?;
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

/// The cases below `folder`, by id; what they name exists.
///
/// # Errors
///
/// Every mistake in every file.
pub fn of_folder(folder: &Path) -> Result<Vec<Case>, CaseErrors> {
    let (cases, errors) = each_of_folder(folder);
    let files = cases.len() + errors.len();
    if errors.is_empty() { Ok(cases) } else { Err(CaseErrors { errors, files }) }
}

/// The cases below `folder`, and what is wrong with the files that are none.
pub(crate) fn each_of_folder(folder: &Path) -> (Vec<Case>, Vec<CaseError>) {
    let mut paths = Vec::new();
    let mut errors: Vec<CaseError> = walk(folder, &mut paths).err().into_iter().collect();
    paths.sort();
    let mut cases = Vec::new();
    for path in &paths {
        match of_file(path, path.strip_prefix(folder).unwrap_or(path)) {
            Ok(case) => cases.push(case),
            Err(error) => errors.push(error),
        }
    }
    (cases, errors)
}

/// The case in the file `path`, called `name`; what it names exists.
///
/// # Errors
///
/// A [`CaseError`] with every mistake in it.
pub fn of_file(path: &Path, name: &Path) -> Result<Case, CaseError> {
    let id = id_of(name).ok_or_else(|| CaseError::Name { path: path.to_owned() })?;
    let text = read(path)?;
    let wrong = |errors| CaseError::Script { path: path.display().to_string(), errors };
    let mut mistakes = lint::names(&text);
    match Script::parse(&text) {
        Ok(script) => {
            mistakes.extend(lint::copies(&script));
            if mistakes.is_empty() { Ok(Case { id, script, text }) } else { Err(wrong(mistakes)) }
        }
        Err(errors) => {
            mistakes.extend(errors);
            mistakes.sort_by_key(|error| (error.line, error.column));
            Err(wrong(mistakes))
        }
    }
}

/// The text of a script. It may be on a device that never ends.
fn read(path: &Path) -> Result<String, CaseError> {
    let here = |error| CaseError::File { path: path.to_owned(), error };
    let bound = u64::try_from(SCRIPT_LEN_OCTETS_MAX).unwrap_or(u64::MAX);
    let mut octets = Vec::new();
    File::open(path).map_err(here)?.take(bound + 1).read_to_end(&mut octets).map_err(here)?;
    if octets.len() > SCRIPT_LEN_OCTETS_MAX {
        return Err(CaseError::Long { path: path.to_owned() });
    }
    String::from_utf8(octets).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let errors = vec![no_text(error.as_bytes(), valid)];
        CaseError::Script { path: path.display().to_string(), errors }
    })
}

/// The first octet that is no text, at `at`.
fn no_text(octets: &[u8], at: usize) -> ScriptError {
    let before = String::from_utf8_lossy(octets.get(..at).unwrap_or(&[])).into_owned();
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    let tail = String::from_utf8_lossy(octets.get(line_start..).unwrap_or(&[])).into_owned();
    let line = tail.lines().next().unwrap_or("");
    let column = at - line_start;
    let wrong = column..line.len().min(column + char::REPLACEMENT_CHARACTER.len_utf8());
    let found = octets.get(at).map_or_else(String::new, |octet| format!("the octet 0x{octet:02x}"));
    ScriptError::at(before.lines().count().max(1), line, wrong, "text in UTF-8").found(found)
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), CaseError> {
    let here = |error| CaseError::File { path: folder.to_owned(), error };
    for entry in fs::read_dir(folder).map_err(here)? {
        let entry = entry.map_err(here)?;
        let path = entry.path();
        if entry.file_type().map_err(here)?.is_dir() {
            walk(&path, paths)?;
        } else if path.extension().is_some_and(|extension| extension == EXTENSION) && path.is_file() {
            paths.push(path);
        }
    }
    Ok(())
}
