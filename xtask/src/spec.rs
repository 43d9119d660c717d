//! `cargo xtask spec`: builds the Internet-Draft and checks everything that hangs on its sentences.

mod citations;
mod draft;
mod excuse;
mod finding;
mod generate;
mod idnits;
mod label;
mod references;
mod source;
mod spelling;
mod toolchain;
mod vectors;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use citations::Citations;
use draft::Draft;
use excuse::Excuses;
use finding::Finding;
use references::References;
use source::Source;
use spelling::Words;
use vectors::Vectors;

/// The frame of the draft's source, relative to the root.
const SOURCE: &str = "spec/draft-hiatus-tcp.md";
/// The requirements as data, for `conform explain`.
const REQUIREMENTS: &str = "spec/requirements.json";
/// Labels that no packet can show, with the reason.
const NOT_OBSERVABLE: &str = "spec/not-observable.toml";
/// Labels that wait for their case, with what it waits for.
const PENDING: &str = "spec/pending.toml";
/// Test vectors.
const VECTORS: &str = "spec/vectors.toml";
/// Bibliography entries of the RFCs cited.
const REFCACHE: &str = "spec/refcache";
/// Words that the dictionary lacks.
const WORDS: &str = "spec/words.txt";
/// What is built: file extension of the committed copy.
const BUILT: [&str; 2] = ["txt", "html"];
/// Widest line of the built text, as RFC 7994 has it.
const TEXT_COLUMNS_MAX: usize = 72;

/// Build the Internet-Draft, or check that what is committed is whole and fresh.
#[derive(Debug, clap::Args)]
pub(crate) struct SpecArgs {
    /// Change nothing; fail if a generated part is not what it would become.
    #[arg(long)]
    pub(crate) check: bool,
    /// Check only what needs no tool beside cargo: labels, quotes, citations, generated parts.
    #[arg(long)]
    pub(crate) lint: bool,
    /// Accept labels that nothing cites yet.
    #[arg(long)]
    pub(crate) allow_uncited: bool,
    /// Make a PDF too, and say where it is; installs weasyprint below spec/.tools.
    #[arg(long, conflicts_with = "lint")]
    pub(crate) pdf: bool,
    /// Have idnits read what would be submitted; installs it below spec/.tools, by npm.
    #[arg(long, conflicts_with = "lint")]
    pub(crate) idnits: bool,
}

/// Why `cargo xtask spec` could not run to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum SpecError {
    /// A file or folder could not be read or written.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A data file is not what it should be.
    #[error("{path}: {reason}", path = .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// A program is missing and could not be installed.
    #[error("`{program}` is missing: {remedy}")]
    Missing {
        /// Name of the program.
        program: &'static str,
        /// How to get it.
        remedy: &'static str,
    },
    /// A program failed.
    #[error("`{program}` failed with {status}\n{output}")]
    Failed {
        /// Name of the program.
        program: String,
        /// Its exit status, or why it did not start.
        status: String,
        /// What it wrote to standard error.
        output: String,
    },
}

/// What to do with a generated part that differs from the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Write,
    Compare,
}

/// Runs the command from the root of the checkout.
///
/// The exit code is 0 if everything holds and 1 if something was found.
///
/// # Errors
///
/// A [`SpecError`] if the checks themselves could not run.
pub(crate) fn run(args: &SpecArgs) -> Result<ExitCode, SpecError> {
    let root = root();
    let mode = if args.check || args.lint { Mode::Compare } else { Mode::Write };
    let mut findings = Vec::new();

    let source = Source::load(&root)?;
    let draft = Draft::parse(&source, &mut findings);
    let citations = Citations::collect(&root, &draft, &mut findings)?;
    let excuses = Excuses::read(&root, &draft, &citations, &mut findings)?;
    let references = References::read(&root, &source, &mut findings)?;
    let words = Words::read(&root, &mut findings)?;
    let vectors = Vectors::parse(&root.join(VECTORS), &read(&root.join(VECTORS))?)?;
    vectors.check(&draft, &mut findings);
    if !args.allow_uncited {
        let uncited = draft.requirements.iter().map(|r| r.label);
        let uncited = uncited.filter(|label| !citations.has(*label) && !excuses.has(*label));
        findings.extend(uncited.map(|label| Finding::Uncited { label }));
    }

    let index = generate::index(&draft, &citations, &excuses);
    for (name, text) in std::iter::once(("requirement-index", index)).chain(vectors.appendix()) {
        settle(&root, &format!("spec/generated/{name}.md"), &text, mode, &mut findings)?;
    }
    settle(&root, REQUIREMENTS, &generate::requirements_json(&draft), mode, &mut findings)?;
    toolchain::check_vectors(&root, &mut findings)?;

    if !args.lint {
        toolchain::install(&root)?;
        // Once more, since the generated parts may be new.
        let source = Source::load(&root)?;
        for (extension, text) in toolchain::build(&root, &source.text(), &mut findings)? {
            if extension == "txt" {
                check_text(&draft, &text, &mut findings);
                spelling::check(&words, &source, &text, &references, &mut findings)?;
            }
            let path = format!("spec/draft-hiatus-tcp.{extension}");
            settle(&root, &path, &text, mode, &mut findings)?;
        }
        if args.pdf {
            println!("wrote {}", toolchain::pdf(&root)?.display());
        }
        if args.idnits {
            idnits::check(&root, &toolchain::submission(&root)?, &mut findings)?;
        }
    }
    Ok(report(&draft, &findings))
}

fn root() -> PathBuf {
    // Cargo sets the variable when it runs us, so a checkout that moved is found too.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    manifest.as_deref().and_then(Path::parent).map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

fn read(path: &Path) -> Result<String, SpecError> {
    fs::read_to_string(path).map_err(|source| SpecError::Io { path: path.to_owned(), source })
}

/// Writes a generated file, or notes that the committed one is stale.
fn settle(
    root: &Path,
    path: &str,
    text: &str,
    mode: Mode,
    findings: &mut Vec<Finding>,
) -> Result<(), SpecError> {
    let full = root.join(path);
    if fs::read_to_string(&full).is_ok_and(|old| old == text) {
        return Ok(());
    }
    if mode == Mode::Compare {
        findings.push(Finding::Stale { path: path.to_owned() });
        return Ok(());
    }
    println!("wrote {path}");
    fs::write(&full, text).map_err(|source| SpecError::Io { path: full, source })
}

/// Checks of the text that xml2rfc made: line width, and that our section numbers are its section numbers.
fn check_text(draft: &Draft, text: &str, findings: &mut Vec<Finding>) {
    for (index, line) in text.lines().enumerate() {
        let columns = line.chars().count();
        if columns > TEXT_COLUMNS_MAX {
            findings.push(Finding::Wide { line: index + 1, columns });
        }
    }
    for section in draft.sections.iter().filter(|section| !section.number.is_empty()) {
        let heading = if section.is_appendix() && !section.number.contains('.') {
            format!("Appendix {}.  {}", section.number, section.title)
        } else {
            format!("{}.  {}", section.number, section.title)
        };
        // A long heading is wrapped; its first words identify it.
        let start: String = heading.chars().take(TEXT_COLUMNS_MAX - 20).collect();
        if !text.lines().any(|line| line.starts_with(start.trim_end())) {
            findings.push(Finding::SectionNumber { anchor: section.anchor.clone(), heading });
        }
    }
}

fn report(draft: &Draft, findings: &[Finding]) -> ExitCode {
    for finding in findings {
        eprintln!("{finding}");
    }
    let count = draft.requirements.len();
    if findings.is_empty() {
        println!("spec: {count} requirements in {} sections hold together", draft.sections.len());
        return ExitCode::SUCCESS;
    }
    eprintln!("spec: {} findings, {count} requirements", findings.len());
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_line_is_found() {
        let mut findings = Vec::new();
        let draft = Draft::parse(&Source::default(), &mut Vec::new());
        check_text(&draft, &format!("{}\n{}\n", "a".repeat(72), "b".repeat(73)), &mut findings);
        assert_eq!(findings, [Finding::Wide { line: 2, columns: 73 }]);
    }

    #[test]
    fn section_number_that_differs_is_found() {
        let source =
            "--- middle\n\n# One {#one}\n\n# Two {#two}\n\n--- back\n\n# Index {#index}\n\n## Part {#part}\n";
        let draft = Draft::parse(&Source::from_text(source), &mut Vec::new());
        let mut findings = Vec::new();
        check_text(&draft, "1.  One\n2.  Two\nAppendix A.  Index\nA.1.  Part\n", &mut findings);
        assert_eq!(findings, []);
        check_text(&draft, "1.  One\n3.  Two\nAppendix A.  Index\nA.1.  Part\n", &mut findings);
        assert_eq!(findings, [Finding::SectionNumber { anchor: "two".into(), heading: "2.  Two".into() }]);
    }
}
