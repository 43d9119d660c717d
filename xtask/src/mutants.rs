//! `cargo xtask mutants`: cargo-mutants on the engine's Hiatus modules, with the conformance suite as judge.
//!
//! The mutants are made in a copy of the checkout, one after the other, so that each is a small step for the compiler.

mod survivors;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Args;

use crate::shell::{Failure, Shell};
use survivors::{Explained, Scope};

const CARGO_MUTANTS_VERSION: &str = "27.1.0";
/// What is about Hiatus alone. `connection/proof.rs` is for the model checker: no target has it.
const MODULES: &[&str] = &[
    "reference/engine/src/hiatus.rs",
    "reference/engine/src/hiatus/*.rs",
    "reference/engine/src/retention.rs",
    "reference/engine/src/state/linger.rs",
    "reference/engine/src/stray.rs",
];
/// The suite takes less than a second; a mutant that never comes to rest is given up after this.
const TEST_SECONDS_MAX: &str = "20";
const BUILD_SECONDS_MAX: &str = "600";

/// What `mutants` accepts.
#[derive(Args)]
pub(crate) struct MutantsArgs {
    /// Show the mutants and run nothing
    #[arg(long)]
    list: bool,
    /// Run only this part: 0/4 is the first of four
    #[arg(long, value_name = "K/N")]
    shard: Option<String>,
    /// Run only mutants of lines that this diff touches
    #[arg(long, value_name = "FILE")]
    in_diff: Option<PathBuf>,
    /// Run only mutants whose names, as `--list` shows them, fit this regular expression
    #[arg(long, value_name = "REGEX")]
    re: Vec<String>,
    /// Run only those that no earlier run has seen caught
    #[arg(long)]
    iterate: bool,
}

impl MutantsArgs {
    fn scope(&self) -> Scope {
        let all = self.shard.is_none() && self.in_diff.is_none() && self.re.is_empty() && !self.iterate;
        if all { Scope::Whole } else { Scope::Part }
    }
}

/// How the mutants fared, by their names without line and column.
#[derive(Default)]
struct Outcomes {
    caught: Vec<String>,
    /// What made the suite hang is caught too.
    timed_out: Vec<String>,
    missed: Vec<String>,
    unviable: Vec<String>,
}

/// Runs the mutants and prints the score. Exit status: 0 every survivor is explained, 1 one is not, or none any more.
pub(crate) fn run(shell: &Shell, args: &MutantsArgs) -> Result<ExitCode, Failure> {
    install(shell)?;
    let tree = shell.root.join("target/mutants-tree");
    copy(shell, &tree)?;
    let out = shell.root.join("target/mutants-out");
    std::fs::create_dir_all(&out).map_err(Failure::file(&out))?;
    let explained = survivors::read(shell)?;
    let mut command = cargo_mutants(shell, &tree);
    for module in MODULES {
        command.args(["--file", module]);
    }
    for re in &args.re {
        command.args(["--re", re]);
    }
    if let Some(diff) = &args.in_diff {
        let path = std::path::absolute(diff).map_err(Failure::file(diff))?;
        command.arg("--in-diff").arg(path);
    }
    if let Some(shard) = &args.shard {
        command.args(["--shard", shard]);
    }
    if args.list {
        return shell.run(command.arg("--list")).map(|_skipped| ExitCode::SUCCESS);
    }
    judge(shell, &tree)?;
    // cargo-mutants cannot run the unchanged suite itself: it looks for the judge in the package that it changes.
    command.args(["--in-place", "--baseline", "skip", "--profile", "mutants"]);
    command.args(["--test-package", "hiatus-conformance", "--cargo-arg=--test=judge"]);
    command.args(["--timeout", TEST_SECONDS_MAX, "--build-timeout", BUILD_SECONDS_MAX]);
    if args.iterate {
        command.arg("--iterate");
    }
    // It fails when a mutant is missed, which is for us to judge.
    match shell.run(command.arg("--output").arg(&out)) {
        Ok(_) => {}
        Err(Failure::Ended { status, .. }) if matches!(status.code(), Some(2 | 3)) => {}
        Err(failure) => return Err(failure),
    }
    let outcomes = outcomes(&out.join("mutants.out"))?;
    Ok(report(&outcomes, &explained, args.scope()))
}

/// `cargo mutants` in the copy; dependencies are built once, in the target folder of the checkout.
fn cargo_mutants(shell: &Shell, tree: &Path) -> Command {
    let mut command = shell.program(cargo());
    command.current_dir(tree).env("CARGO_TARGET_DIR", shell.root.join("target"));
    command.args(["mutants", "--no-config", "--package", "hiatus-engine"]);
    command
}

/// The suite has to pass before anything is changed; it is built on the way.
fn judge(shell: &Shell, tree: &Path) -> Result<(), Failure> {
    let mut command = shell.program(cargo());
    command.current_dir(tree).env("CARGO_TARGET_DIR", shell.root.join("target"));
    command.args(["test", "--profile", "mutants", "--package", "hiatus-conformance", "--test", "judge"]);
    shell.run(&mut command).map(|_skipped| ())
}

fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn install(shell: &Shell) -> Result<(), Failure> {
    let installed = shell.ask(shell.program(cargo()).args(["mutants", "--version"]));
    if installed.is_some_and(|version| version.trim().ends_with(CARGO_MUTANTS_VERSION)) {
        return Ok(());
    }
    println!("installing cargo-mutants {CARGO_MUTANTS_VERSION}: this takes some minutes, once");
    let mut command = shell.program(cargo());
    command.args(["install", "cargo-mutants", "--version", CARGO_MUTANTS_VERSION, "--locked"]);
    shell.run(&mut command).map(|_skipped| ())
}

/// Brings the copy up to date. Only what differs is written, so that little is built anew.
fn copy(shell: &Shell, tree: &Path) -> Result<(), Failure> {
    let mut git = shell.program("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    for name in shell.output(&mut git)?.split('\0').filter(|name| !name.is_empty()) {
        let (from, to) = (shell.root.join(name), tree.join(name));
        // A file that is deleted and not committed yet is still listed.
        let Ok(octets) = std::fs::read(&from) else { continue };
        if std::fs::read(&to).is_ok_and(|there| there == octets) {
            continue;
        }
        if let Some(folder) = to.parent() {
            std::fs::create_dir_all(folder).map_err(Failure::file(folder))?;
        }
        std::fs::write(&to, octets).map_err(Failure::file(&to))?;
    }
    // What the checkout no longer has must not be built: cases are found by their folder.
    for folder in ["conformance", "reference", "codec"] {
        remove_stale(&shell.root.join(folder), &tree.join(folder))?;
    }
    Ok(())
}

/// Removes files of `copy` that `original` does not have.
fn remove_stale(original: &Path, copy: &Path) -> Result<(), Failure> {
    for entry in std::fs::read_dir(copy).map_err(Failure::file(copy))? {
        let entry = entry.map_err(Failure::file(copy))?;
        let (path, there) = (entry.path(), original.join(entry.file_name()));
        let is_folder = entry.file_type().map_err(Failure::file(&path))?.is_dir();
        if is_folder && there.is_dir() {
            remove_stale(&there, &path)?;
        } else if is_folder {
            std::fs::remove_dir_all(&path).map_err(Failure::file(&path))?;
        } else if !there.is_file() {
            std::fs::remove_file(&path).map_err(Failure::file(&path))?;
        }
    }
    Ok(())
}

fn outcomes(folder: &Path) -> Result<Outcomes, Failure> {
    let names = |file: &str| -> Result<Vec<String>, Failure> {
        let path = folder.join(file);
        let text = std::fs::read_to_string(&path).map_err(Failure::file(&path))?;
        let mut names: Vec<String> = text.lines().map(without_place).collect();
        names.sort();
        Ok(names)
    };
    Ok(Outcomes {
        caught: names("caught.txt")?,
        timed_out: names("timeout.txt")?,
        missed: names("missed.txt")?,
        unviable: names("unviable.txt")?,
    })
}

/// `FILE:LINE:COLUMN: WHAT` without line and column, which change with every edit above.
fn without_place(line: &str) -> String {
    let Some((place, what)) = line.split_once(": ") else { return line.to_owned() };
    let file = place.split(':').next().unwrap_or(place);
    format!("{file}: {what}")
}

/// Prints the score, and what is not as the list of survivors says.
fn report(outcomes: &Outcomes, explained: &Explained, scope: Scope) -> ExitCode {
    let Outcomes { caught, timed_out, missed, unviable } = outcomes;
    let viable = caught.len() + timed_out.len() + missed.len();
    let stopped = caught.len() + timed_out.len();
    let share = (stopped * 1000).checked_div(viable).unwrap_or(1000);
    println!(
        "{viable} viable mutants, {} not viable; caught {stopped} ({} by time), missed {}: {}.{} %",
        unviable.len(),
        timed_out.len(),
        missed.len(),
        share / 10,
        share % 10,
    );
    let unexplained = survivors::beyond(missed, explained);
    for name in &unexplained {
        println!("missed, and nobody says why: {name}");
    }
    let run: Vec<String> = [caught.as_slice(), timed_out, missed, unviable].concat();
    let over = survivors::over(missed, &run, explained, scope);
    for name in &over {
        println!("{} explains what is not missed any more: {name}", survivors::FILE);
    }
    println!("{} explained", missed.len() - unexplained.len());
    ExitCode::from(u8::from(!unexplained.is_empty() || !over.is_empty()))
}
