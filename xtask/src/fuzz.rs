//! `cargo xtask fuzz`: cargo-fuzz with a stable compiler, for a bounded time; and the corpus.

mod reseed;

use clap::{Args, ValueEnum};

use crate::shell::{Failure, Shell};

const CARGO_FUZZ_VERSION: &str = "0.13.2";
/// What `fuzz` accepts.
#[derive(Args)]
pub(crate) struct FuzzArgs {
    /// Run only this target
    target: Option<Target>,
    /// How long each target runs
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Write the corpus files that come from spec/vectors.toml anew, and run nothing
    #[arg(long)]
    reseed: bool,
}

/// A fuzz target.
#[derive(Clone, Copy, ValueEnum)]
enum Target {
    /// Any octets as the option area of a header
    Options,
    /// Any octets as a TCP segment
    Segment,
    /// Any octets as a capture that `conform check` and `conform show` read
    Capture,
    /// Any octets as what a target that is a process says
    Adapter,
    /// Any octets as a script, run against the reference
    Script,
}

/// Where a target lies and how it is run.
struct Recipe {
    name: &'static str,
    /// Folder of its workspace.
    folder: &'static str,
    /// Longest input, in octets.
    input_len_octets_max: u32,
    /// Folders of inputs to begin with, beside its corpus.
    seeds: &'static [&'static str],
    /// What else libFuzzer is told.
    arguments: &'static [&'static str],
}

impl Target {
    const fn recipe(self) -> Recipe {
        const CODEC: &str = "codec/fuzz";
        const CONFORMANCE: &str = "conformance/fuzz";
        match self {
            // An option area with some to spare, a header with some data.
            Self::Options => Recipe {
                name: "options",
                folder: CODEC,
                input_len_octets_max: 96,
                seeds: &[],
                arguments: &[],
            },
            Self::Segment => Recipe {
                name: "segment",
                folder: CODEC,
                input_len_octets_max: 96,
                seeds: &[],
                arguments: &[],
            },
            // Some dozen packets.
            Self::Capture => Recipe {
                name: "capture",
                folder: CONFORMANCE,
                input_len_octets_max: 8_192,
                seeds: &["pcaps/cases"],
                arguments: &["-timeout=10"],
            },
            // A packet takes two digits an octet.
            Self::Adapter => Recipe {
                name: "adapter",
                folder: CONFORMANCE,
                input_len_octets_max: 4_096,
                seeds: &[],
                arguments: &["-timeout=10"],
            },
            Self::Script => Recipe {
                name: "script",
                folder: CONFORMANCE,
                input_len_octets_max: 4_096,
                seeds: &["conformance/cases"],
                arguments: &["-timeout=20", "-dict=conformance/fuzz/script.dict"],
            },
        }
    }
}

/// Fuzzes for the time asked for, or makes the corpus.
pub(crate) fn run(shell: &Shell, args: &FuzzArgs) -> Result<(), Failure> {
    if args.reseed {
        let files = reseed::write(shell)?;
        println!("{files} corpus files written from spec/vectors.toml");
        return Ok(());
    }
    install_cargo_fuzz(shell)?;
    let targets = args.target.map_or_else(|| Target::value_variants().to_vec(), |target| vec![target]);
    for target in targets {
        let Recipe { name, folder, input_len_octets_max, seeds, arguments } = target.recipe();
        // New inputs go into a folder that is not committed; the committed corpus comes after it and is only read.
        let found = shell.root.join(folder).join("target/found").join(name);
        std::fs::create_dir_all(&found).map_err(Failure::file(&found))?;
        let committed = shell.root.join(folder).join("corpus").join(name);
        // Sanitizers are for nightly compilers; the variable lets a stable one use them. Only fuzzing needs it.
        let mut command = shell.program(cargo());
        command.env("RUSTC_BOOTSTRAP", "1").args(["fuzz", "run", "--fuzz-dir", folder, name]);
        command.arg(found).arg(committed).args(seeds.iter().map(|seeds| shell.root.join(seeds))).arg("--");
        command
            .arg(format!("-max_total_time={}", args.seconds))
            .arg(format!("-max_len={input_len_octets_max}"))
            .args(arguments);
        shell.run(command.args(["-print_final_stats=1", "-verbosity=1"]))?;
    }
    println!("nothing found");
    Ok(())
}

/// The test step: targets type-checked without C++, corpus up to date and replayed by the ordinary tests.
pub(crate) fn check(shell: &Shell) -> Result<Vec<String>, Failure> {
    for folder in ["codec/fuzz", "conformance/fuzz"] {
        let manifest = format!("{folder}/Cargo.toml");
        let mut clippy = shell.cargo("clippy");
        // Where the step `clippy` has left what the two workspaces have in common.
        clippy.args(["--target-dir", "target", "--manifest-path", &manifest, "--no-default-features"]);
        shell.run(clippy.args(["--", "-D", "warnings"]))?;
    }
    reseed::check(shell)?;
    // The whole workspace, as in the step `test`: apart, dependencies had other features and were built again.
    shell.run(shell.cargo("test").args(["--workspace", "--test", "corpus"]))
}

fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn install_cargo_fuzz(shell: &Shell) -> Result<(), Failure> {
    let installed = shell.ask(shell.program(cargo()).args(["fuzz", "--version"]));
    if installed.is_some_and(|version| version.trim().ends_with(CARGO_FUZZ_VERSION)) {
        return Ok(());
    }
    println!("installing cargo-fuzz {CARGO_FUZZ_VERSION}: this takes some minutes, once");
    let mut command = shell.program(cargo());
    command.args(["install", "cargo-fuzz", "--version", CARGO_FUZZ_VERSION, "--locked"]);
    shell.run(&mut command).map(|_skipped| ())
}
