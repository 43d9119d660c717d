//! `conform lint`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use annotate_snippets::Level;
use clap::Args;

use crate::case::{self, Case, CaseError, Colour};
use crate::lint;

/// `conform lint`: look for mistakes in scripts, and run nothing.
#[derive(Debug, Clone, Args)]
pub struct LintArgs {
    /// Scripts, and folders of scripts.
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
}

/// What was found.
#[derive(Default)]
struct Found {
    text: String,
    files: usize,
    mistakes: usize,
    warnings: usize,
    unread: usize,
}

/// Runs it. Exit codes: 0 no mistake, 1 there is one, 2 something cannot be read.
#[must_use]
pub fn run(args: &LintArgs) -> ExitCode {
    let colour = Colour::of_stdout();
    let mut found = Found::default();
    for path in &args.paths {
        found.path(path, colour);
    }
    let Found { text, files, mistakes, warnings, unread } = found;
    let counted = [
        count(files, "file", "files"),
        count(mistakes, "mistake", "mistakes"),
        count(warnings, "warning", "warnings"),
    ];
    let mut told = format!("{text}{}", counted.join(", "));
    if unread > 0 {
        let _ = write!(told, ", {unread} not read");
    }
    told.push('\n');
    match super::list::print(&told) {
        Ok(()) if unread > 0 => ExitCode::from(2),
        Ok(()) if mistakes > 0 => ExitCode::FAILURE,
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("conform lint: {reason}");
            ExitCode::from(2)
        }
    }
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

impl Found {
    fn path(&mut self, path: &Path, colour: Colour) {
        if !path.is_dir() {
            let name = path.file_name().map_or(path, Path::new);
            self.files += 1;
            match case::of_file(path, name) {
                Ok(case) => self.case(&case, &path.display().to_string(), colour),
                Err(error) => self.error(&error, colour),
            }
            return;
        }
        let (cases, errors) = case::each_of_folder(path);
        self.files += cases.len() + errors.iter().filter(|error| !is_unread(error)).count();
        if cases.is_empty() && errors.is_empty() {
            self.unread += 1;
            let said = format!("{}: expected cases, found no file that ends in .pkt", path.display());
            let _ = write!(self.text, "{said}\n\n");
        }
        for error in &errors {
            self.error(error, colour);
        }
        for case in &cases {
            self.case(case, &path.join(format!("{}.pkt", case.id)).display().to_string(), colour);
        }
    }

    fn error(&mut self, error: &CaseError, colour: Colour) {
        match error {
            CaseError::Script { errors, .. } => self.mistakes += errors.len(),
            error if is_unread(error) => self.unread += 1,
            _ => self.mistakes += 1,
        }
        let _ = write!(self.text, "{}\n\n", case::told(error, colour));
    }

    fn case(&mut self, case: &Case, path: &str, colour: Colour) {
        let weaknesses = lint::weaknesses(&case.script, &case.text);
        self.warnings += weaknesses.len();
        if !weaknesses.is_empty() {
            let _ =
                write!(self.text, "{}\n\n", case::told_faults(path, &weaknesses, &Level::WARNING, colour));
        }
    }
}

const fn is_unread(error: &CaseError) -> bool {
    matches!(error, CaseError::File { .. })
}
