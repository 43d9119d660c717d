//! The cases against every target that is a process: `cargo xtask test targets`.

mod matrix;

use std::path::{Path, PathBuf};

use crate::shell::{Failure, Shell};

/// Failures that are known, with their reasons.
const KNOWN: &str = "conformance/targets/known-failures.toml";
/// Where captures and reports go.
const OUT: &str = "target/targets";
/// What `conform` says of a target that the machine does not allow.
const NOT_HERE: &str = "cannot be run here";
/// Cases at a time in real time: they wait.
const JOBS: &str = "16";

/// One run of the suite.
struct Run {
    target: &'static str,
    arguments: &'static [&'static str],
}

/// Cases of plain TCP, which every target is to pass.
const PLAIN: [&str; 2] = ["plain/", "legacy/"];

/// In virtual time, all cases; in real time, those that take a few seconds at most.
const RUNS: [Run; 8] = [
    Run { target: "reference-process", arguments: &[] },
    Run { target: "lwip", arguments: &[] },
    Run { target: "smoltcp", arguments: &[] },
    Run { target: "child:python3 conformance/docs/example.py", arguments: &PLAIN },
    Run { target: "linux", arguments: &["--jobs", JOBS] },
    Run { target: "lwip", arguments: &["--packets", "tun", "--jobs", JOBS, PLAIN[0], PLAIN[1]] },
    Run { target: "smoltcp", arguments: &["--packets", "tun", "--jobs", JOBS, PLAIN[0], PLAIN[1]] },
    Run {
        target: "reference-process",
        arguments: &["--packets", "tun", "--jobs", JOBS, "--wall-limit", "3"],
    },
];

/// Runs all of them. Gives a line on each that passed, and the reasons of those that cannot run here.
pub(crate) fn check(shell: &Shell) -> Result<(String, Vec<String>), Failure> {
    // Programs of packages are built with their tests. As in the step `test`, or dependencies had other features and were
    // built again.
    let programs = ["--quiet", "--workspace", "--no-run", "--test", "command", "--test", "targets"];
    shell.run(shell.cargo("test").args(programs))?;
    let conform = beside_this_one()?;
    let (mut passed, mut skipped) = (0, Vec::new());
    for (nth, run) in RUNS.iter().enumerate() {
        match carry_out(shell, &conform, nth, run)? {
            None => passed += 1,
            Some(reason) => {
                println!("    SKIPPED: {reason}");
                skipped.push(reason);
            }
        }
    }
    if skipped.is_empty() {
        matrix::check(shell, &conform)?;
    }
    Ok((format!("{passed} of {} runs", RUNS.len()), skipped))
}

/// One run; if the machine does not allow it, gives the reason.
fn carry_out(shell: &Shell, conform: &Path, nth: usize, run: &Run) -> Result<Option<String>, Failure> {
    let mut command = shell.program(conform);
    command.args(["run", "--quiet", "--known-failures", KNOWN, "--target", run.target]);
    command.arg("--out").arg(Path::new(OUT).join(format!("{nth}"))).args(run.arguments);
    let line = format!("conform run --target '{}' {}", run.target, run.arguments.join(" "));
    println!("    $ {line}");
    let source = |source| Failure::Start { program: "conform".to_owned(), source };
    let output = command.output().map_err(source)?;
    let [said, complained] = [&output.stdout, &output.stderr].map(|octets| String::from_utf8_lossy(octets));
    if output.status.success() {
        // What it came to stands in the last lines.
        said.lines()
            .filter(|line| line.contains(" cases against "))
            .for_each(|line| println!("      {line}"));
        return Ok(None);
    }
    if output.status.code() == Some(2)
        && let Some(reason) = complained.lines().find(|line| line.contains(NOT_HERE))
    {
        return Ok(Some(reason.trim().to_owned()));
    }
    print!("{said}");
    eprint!("{complained}");
    Err(Failure::Ended { line, status: output.status })
}

/// `conform`, which lies in the folder of this program, as `hiatus-target` does.
fn beside_this_one() -> Result<PathBuf, Failure> {
    let own = std::env::current_exe().map_err(Failure::file(Path::new("xtask")))?;
    Ok(own.with_file_name("conform"))
}
