//! Child processes: started from the root of the checkout, without standard input, output passed on as it comes.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

/// A test that cannot run where it is writes a line that starts so to the real standard error (libtest does not
/// capture `std::io::stderr()`), and goes on to pass.
pub(crate) const SKIP_MARK: &str = "SKIPPED: ";

/// Why a command of ours stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Failure {
    /// The program could not be started at all.
    #[error("cannot start `{program}`: {source}")]
    Start {
        /// Name of the program.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The program ran and reported failure.
    #[error("`{line}` ended with {status}")]
    Ended {
        /// The command line.
        line: String,
        /// Its exit status.
        status: ExitStatus,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A check found something; the findings have been printed or are listed here.
    #[error("{0}")]
    Found(String),
}

impl Failure {
    /// For `map_err` on file operations.
    pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::File { path, source }
    }
}

/// Whether cargo may update Cargo.lock.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lockfile {
    /// On a developer's machine.
    MayChange,
    /// In the continuous integration: `--locked`.
    MustBeCurrent,
}

/// Where and how commands run.
pub(crate) struct Shell {
    /// Root of the checkout, absolute.
    pub(crate) root: PathBuf,
    lockfile: Lockfile,
}

impl Shell {
    /// A shell at the root of the checkout this program was built from.
    pub(crate) fn new(lockfile: Lockfile) -> Result<Self, Failure> {
        // Cargo sets the variable when it runs us, so a moved checkout is found too.
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let root = manifest.as_deref().and_then(Path::parent).map(Path::to_path_buf);
        root.map(|root| Self { root, lockfile }).ok_or_else(|| {
            Failure::Found("call me as `cargo xtask`: CARGO_MANIFEST_DIR is not set".to_owned())
        })
    }

    /// A program to be run at the root, with no standard input.
    pub(crate) fn program(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).stdin(Stdio::null());
        command
    }

    /// `cargo SUBCOMMAND`, with `--locked` where Cargo.lock must be current.
    pub(crate) fn cargo(&self, subcommand: &str) -> Command {
        let mut command = self.program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.arg(subcommand);
        if self.lockfile == Lockfile::MustBeCurrent {
            if subcommand != "fmt" {
                command.arg("--locked");
            }
            command.env("INSTA_UPDATE", "no");
        }
        if std::io::stderr().is_terminal() {
            command.env("CARGO_TERM_COLOR", "always");
        }
        command
    }

    /// Runs to the end, passing output on; returns the reasons the program's tests gave for skipping.
    pub(crate) fn run(&self, command: &mut Command) -> Result<Vec<String>, Failure> {
        let line = command_line(command);
        println!("    $ {line}");
        let start = |source| Failure::Start { program: command_program(&line), source };
        let mut child = command.stderr(Stdio::piped()).spawn().map_err(start)?;
        let mut skipped = Vec::new();
        if let Some(stderr) = child.stderr.take() {
            for text in BufReader::new(stderr).split(b'\n') {
                let Ok(text) = text else { break };
                let text = String::from_utf8_lossy(&text).into_owned();
                // Progress for people: a closed standard error is no reason to fail a test run.
                let _ = writeln!(std::io::stderr(), "{text}");
                if let Some(reason) = text.strip_prefix(SKIP_MARK) {
                    skipped.push(reason.to_owned());
                }
            }
        }
        let status =
            child.wait().map_err(|source| Failure::Start { program: command_program(&line), source })?;
        if status.success() { Ok(skipped) } else { Err(Failure::Ended { line, status }) }
    }

    /// Runs to the end and returns standard output; standard error is passed on.
    pub(crate) fn output(&self, command: &mut Command) -> Result<String, Failure> {
        let line = command_line(command);
        let out = command
            .stderr(Stdio::inherit())
            .output()
            .map_err(|source| Failure::Start { program: command_program(&line), source })?;
        if out.status.success() {
            Ok(String::from_utf8_lossy(&out.stdout).into_owned())
        } else {
            Err(Failure::Ended { line, status: out.status })
        }
    }

    /// Runs to the end and shows what it printed only if it failed.
    pub(crate) fn quietly(&self, command: &mut Command) -> Result<(), Failure> {
        let line = command_line(command);
        let out =
            command.output().map_err(|source| Failure::Start { program: command_program(&line), source })?;
        if out.status.success() {
            return Ok(());
        }
        eprint!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        Err(Failure::Ended { line, status: out.status })
    }

    /// Runs to the end and returns standard output if it succeeded: for asking a tool about itself.
    pub(crate) fn ask(&self, command: &mut Command) -> Option<String> {
        let out = command.stderr(Stdio::null()).output().ok()?;
        out.status.success().then(|| String::from_utf8_lossy(&out.stdout).into_owned())
    }
}

/// Reads a text file.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(Failure::file(path))
}

/// Whether a program of this name lies on PATH.
pub(crate) fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn command_line(command: &Command) -> String {
    let mut line = String::new();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            line.push_str(&format!("{}={} ", name.to_string_lossy(), value.to_string_lossy()));
        }
    }
    let program = Path::new(command.get_program());
    line.push_str(&program.file_name().unwrap_or(program.as_os_str()).to_string_lossy());
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

fn command_program(line: &str) -> String {
    line.split(' ').find(|word| !word.contains('=')).unwrap_or(line).to_owned()
}
