//! `cargo xtask test`: the steps, their order, and the table at the end.

use std::process::ExitCode;
use std::time::Instant;

use clap::Args;

use crate::shell::{Failure, Shell};
use crate::tools::{self, Installed, Tool};
use crate::{bare, fuzz, golden, hygiene, live, targets};

/// What `test` and `ci` accept.
#[derive(Args)]
pub(crate) struct TestArgs {
    /// Run only these steps
    #[arg(value_name = "STEP", value_parser = step_names())]
    steps: Vec<String>,
    /// Show the steps and run nothing
    #[arg(long)]
    list: bool,
    /// Stop after the first step that fails
    #[arg(long)]
    bail: bool,
}

/// One step: it fails, passes, or says why it cannot run here.
struct Step {
    name: &'static str,
    about: &'static str,
    /// What must be installed for it, beyond a Rust toolchain.
    tools: &'static [&'static Tool],
    run: fn(&Shell) -> Result<Outcome, Failure>,
}

/// How a step ended, if it did not fail.
enum Outcome {
    Passed {
        /// What the reader should know about how.
        note: String,
        /// Tests inside the step that could not run here, each with its reason.
        skipped: Vec<String>,
    },
    Skipped(String),
}

impl From<Vec<String>> for Outcome {
    fn from(skipped: Vec<String>) -> Self {
        Self::Passed { note: String::new(), skipped }
    }
}

impl From<String> for Outcome {
    fn from(note: String) -> Self {
        Self::Passed { note, skipped: Vec::new() }
    }
}

/// Quick ones first, so that a slip shows early.
const STEPS: &[Step] = &[
    Step {
        name: "hygiene",
        about: "file sizes, machine paths, module files, licences",
        tools: &[],
        run: |shell| hygiene::check(shell).map(Outcome::from),
    },
    Step {
        name: "fmt",
        about: "cargo fmt --check",
        tools: &[],
        run: |shell| shell.run(shell.cargo("fmt").args(["--all", "--check"])).map(Outcome::from),
    },
    Step {
        name: "clippy",
        about: "lints of every target, warnings are errors",
        tools: &[],
        run: |shell| {
            let all = ["--workspace", "--all-targets", "--", "-D", "warnings"];
            shell.run(shell.cargo("clippy").args(all)).map(Outcome::from)
        },
    },
    Step {
        name: "docs",
        about: "documentation, warnings are errors",
        tools: &[],
        run: |shell| {
            let mut command = shell.cargo("doc");
            command.args(["--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
            shell.run(&mut command).map(Outcome::from)
        },
    },
    Step {
        name: "test",
        about: "cargo test of the whole workspace",
        tools: &[&tools::NETWORK_TOOLS, &tools::LIVE_PROGRAMS, &tools::HOST_TOOLS],
        run: |shell| {
            let mut command = shell.cargo("test");
            // What needs tshark or a browser has a step of its own.
            command.args(["--workspace", "--no-fail-fast"]).env("HIATUS_TOOLS_APART", "1");
            shell.run(&mut command).map(Outcome::from)
        },
    },
    Step {
        name: "features",
        about: "the codec's tests without any feature",
        tools: &[],
        run: codec_features,
    },
    Step {
        name: "rules",
        about: "each rule of rollback broken in turn: the oracle of the histories notices",
        tools: &[],
        run: |shell| {
            let test = ["--package", "hiatus-sim", "--features", "mutants", "--test", "histories", "mutants"];
            shell.run(shell.cargo("test").args(test)).map(Outcome::from)
        },
    },
    Step {
        name: "bare",
        about: "codec, engine and C interface checked without std",
        tools: &[&tools::RUST_SOURCES],
        run: |shell| bare::build(shell).map(Outcome::from),
    },
    Step {
        name: "fuzz",
        about: "fuzz targets compile; corpus and crash files replayed",
        tools: &[],
        run: |shell| fuzz::check(shell).map(Outcome::from),
    },
    Step {
        name: "spec",
        about: "the draft builds, every requirement is labelled and cited",
        tools: &[&tools::SPEC_TOOLS],
        run: spec_check,
    },
    Step {
        name: "tshark",
        about: "tshark's decoder agrees with the codec on every capture in pcaps/",
        tools: &[&tools::TSHARK],
        run: |shell| test_with(shell, &tools::TSHARK, "tshark"),
    },
    Step {
        name: "dissector",
        about: "the Wireshark dissector agrees with the codec on every capture in pcaps/",
        tools: &[&tools::TSHARK],
        run: |shell| test_with(shell, &tools::TSHARK, "dissector"),
    },
    Step {
        name: "report",
        about: "the page of a run in a browser: opens, filters, as narrow as a phone, light and dark",
        tools: &[&tools::CHROMIUM],
        run: |shell| test_with(shell, &tools::CHROMIUM, "page"),
    },
    Step {
        name: "interop",
        about: "the engine against the TCPs of Linux, lwIP and smoltcp over TUN, with and without loss",
        tools: &[&tools::NETWORK_TOOLS],
        run: interop,
    },
    Step {
        name: "targets",
        about: "the cases against Linux, lwIP, smoltcp, the reference as a process and the Python example",
        tools: &[&tools::NETWORK_TOOLS],
        run: |shell| {
            let (note, skipped) = targets::check(shell)?;
            Ok(Outcome::Passed { note, skipped })
        },
    },
    Step {
        name: "live",
        about: "real hosts in networks of their own: killed, restored, suspended, behind address translation",
        tools: &[&tools::NETWORK_TOOLS, &tools::LIVE_PROGRAMS, &tools::QEMU, &tools::QEMU_IMAGES],
        run: |shell| {
            Ok(match live::check(shell)? {
                live::Live::Ran(skipped) => Outcome::from(skipped),
                live::Live::Impossible(why) => Outcome::Skipped(why),
            })
        },
    },
    Step {
        name: "golden",
        about: "two runs of the cases write the captures of pcaps/, octet for octet",
        tools: &[],
        run: |shell| {
            if !shell.root.join("conformance/cases").is_dir() {
                return Ok(Outcome::Skipped("there are no cases yet".to_owned()));
            }
            golden::check(shell).map(Outcome::from)
        },
    },
];

fn step_names() -> clap::builder::PossibleValuesParser {
    STEPS
        .iter()
        .map(|step| clap::builder::PossibleValue::new(step.name).help(step.about))
        .collect::<Vec<_>>()
        .into()
}

fn codec_features(shell: &Shell) -> Result<Outcome, Failure> {
    // With serde the step `test` runs them: the engine asks for it.
    let without = ["--package", "hiatus-codec", "--no-default-features"];
    shell.run(shell.cargo("test").args(without)).map(Outcome::from)
}

/// Live peers need a machine that lets this process make networks: root, TUN, and two programs.
fn interop(shell: &Shell) -> Result<Outcome, Failure> {
    // Alone, so that what keeps it from running is not taken for a failure of its build.
    let package = ["--quiet", "--package", "hiatus-interop"];
    shell.run(shell.cargo("build").args(package))?;
    let check = shell.cargo("run").args(package).args(["--", "check"]).output();
    let check = check.map_err(|source| Failure::Start { program: "cargo".to_owned(), source })?;
    if check.status.code() == Some(2) {
        let said = String::from_utf8_lossy(&check.stderr).trim().to_owned();
        return Ok(Outcome::Skipped(said));
    }
    let run = ["--", "run", "--mib", INTEROP_MIB];
    shell.run(shell.cargo("run").args(package).args(run)).map(Outcome::from)
}

/// One test target that has to find `tool`.
fn test_with(shell: &Shell, tool: &Tool, target: &str) -> Result<Outcome, Failure> {
    if !tool.is_present(shell) {
        return Ok(Outcome::Skipped(format!("{} is not installed", tool.name)));
    }
    let mut command = shell.cargo("test");
    // The whole workspace, so that dependencies keep the features that the step `test` built them with.
    command.args(["--workspace", "--test", target]);
    shell.run(command.env("HIATUS_REQUIRE_TOOLS", "1")).map(Outcome::from)
}

fn spec_check(shell: &Shell) -> Result<Outcome, Failure> {
    // As a process, because its findings go to standard error and come through there.
    let this =
        std::env::current_exe().map_err(|source| Failure::Start { program: "xtask".to_owned(), source })?;
    let check = |how: &str| shell.run(shell.program(&this).args(["spec", how]));
    if tools::SPEC_TOOLS.is_present(shell) {
        return check("--check").map(Outcome::from);
    }
    let mut skipped = check("--lint")?;
    skipped.push("text and HTML not built: no kramdown-rfc, aasvg or Python".to_owned());
    Ok(skipped.into())
}

/// One row of the table at the end.
struct Row {
    name: String,
    result: &'static str,
    seconds: Option<f64>,
    note: String,
}

/// Each way in a run of interop. By itself it sends more; what a network with loss does to a stack shows in some thousands of
/// segments.
const INTEROP_MIB: &str = "4";
/// Widest note in the table.
const NOTE_COLUMNS_MAX: usize = 100;
const PASSED: &str = "passed";
const FAILED: &str = "FAILED";
const SKIPPED: &str = "SKIPPED";

/// Runs the chosen steps, or lists them.
pub(crate) fn run(shell: &Shell, args: &TestArgs) -> Result<ExitCode, Failure> {
    let chosen: Vec<&Step> = STEPS
        .iter()
        .filter(|step| args.steps.is_empty() || args.steps.iter().any(|name| name == step.name))
        .collect();
    if args.list {
        for step in chosen {
            println!("{:10} {}", step.name, step.about);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let started = Instant::now();
    let mut rows = install(shell, &chosen);
    for (index, step) in chosen.iter().enumerate() {
        if args.bail && rows.iter().any(|row| row.result == FAILED) {
            let note = "an earlier step failed (--bail)".to_owned();
            rows.push(Row { name: step.name.to_owned(), result: SKIPPED, seconds: None, note });
            continue;
        }
        println!("\n==> {} ({}/{}): {}", step.name, index + 1, chosen.len(), step.about);
        take(&mut rows, step.name, || (step.run)(shell));
    }
    print_table(&rows, started.elapsed().as_secs_f64());
    let failed = rows.iter().any(|row| row.result == FAILED);
    Ok(ExitCode::from(u8::from(failed)))
}

fn install(shell: &Shell, chosen: &[&Step]) -> Vec<Row> {
    let tools: Vec<&Tool> = chosen.iter().flat_map(|step| step.tools).copied().collect();
    let mut rows = Vec::new();
    if !tools.is_empty() {
        println!("==> tools: install what is missing");
        take(&mut rows, "tools", || {
            tools::install(shell, &tools).map(|installed| match installed {
                Installed::All(note) => Outcome::from(note),
                Installed::Impossible(why) => Outcome::Skipped(why),
            })
        });
    }
    rows
}

fn take(rows: &mut Vec<Row>, name: &str, run: impl FnOnce() -> Result<Outcome, Failure>) {
    let started = Instant::now();
    let outcome = run();
    let seconds = Some(started.elapsed().as_secs_f64());
    let name = name.to_owned();
    match outcome {
        Ok(Outcome::Passed { note, skipped }) => {
            rows.push(Row { name: name.clone(), result: PASSED, seconds, note });
            for note in skipped {
                rows.push(Row { name: format!("{name}, inside"), result: SKIPPED, seconds: None, note });
            }
        }
        Ok(Outcome::Skipped(note)) => {
            println!("    SKIPPED: {note}");
            rows.push(Row { name, result: SKIPPED, seconds, note });
        }
        Err(failure) => {
            println!("    FAILED: {failure}");
            rows.push(Row { name, result: FAILED, seconds, note: failure.to_string() });
        }
    }
}

fn print_table(rows: &[Row], seconds: f64) {
    let count = |result| rows.iter().filter(|row| row.result == result).count();
    println!("\n{:18} {:8} {:>8}  note", "step", "result", "seconds");
    for row in rows {
        let seconds = row.seconds.map_or_else(String::new, |seconds| format!("{seconds:.1}"));
        // The whole of a long note has been printed with its step.
        let note: String =
            row.note.lines().next().unwrap_or_default().chars().take(NOTE_COLUMNS_MAX).collect();
        println!("{}", format!("{:18} {:8} {seconds:>8}  {note}", row.name, row.result).trim_end());
    }
    println!("{:18} {:8} {seconds:>8.1}", "total", "");
    if count(SKIPPED) > 0 {
        println!("\nNOT EVERYTHING RAN: the lines marked {SKIPPED} say what did not, and why.");
    }
    println!("\n{} passed, {} failed, {} skipped", count(PASSED), count(FAILED), count(SKIPPED));
}
