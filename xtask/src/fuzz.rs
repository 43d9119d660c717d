//! `cargo xtask fuzz`: cargo-fuzz with a stable compiler, for a bounded time; and the corpus.

mod reseed;

use clap::{Args, ValueEnum};

use crate::shell::{Failure, Shell};

const CARGO_FUZZ_VERSION: &str = "0.13.2";
/// Longest input, in octets: an option area with some to spare, a header with some data.
const INPUT_LEN_OCTETS_MAX: u32 = 96;

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
}

impl Target {
    const fn name(self) -> &'static str {
        match self {
            Self::Options => "options",
            Self::Segment => "segment",
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
        let name = target.name();
        // New inputs go into a folder that is not committed; the committed corpus is the second, read-only one.
        let found = shell.root.join("codec/fuzz/target/found").join(name);
        std::fs::create_dir_all(&found).map_err(Failure::file(&found))?;
        let committed = shell.root.join("codec/fuzz/corpus").join(name);
        // Sanitizers are for nightly compilers; the variable lets a stable one use them. Only fuzzing needs it.
        let mut command = shell.program(cargo());
        command.env("RUSTC_BOOTSTRAP", "1").args(["fuzz", "run", "--fuzz-dir", "codec/fuzz", name]);
        command.arg(found).arg(committed).arg("--");
        command
            .arg(format!("-max_total_time={}", args.seconds))
            .arg(format!("-max_len={INPUT_LEN_OCTETS_MAX}"));
        shell.run(command.args(["-print_final_stats=1", "-verbosity=1"]))?;
    }
    println!("nothing found");
    Ok(())
}

/// The test step: targets type-checked without C++, corpus up to date and replayed by the ordinary tests.
pub(crate) fn check(shell: &Shell) -> Result<Vec<String>, Failure> {
    let mut clippy = shell.cargo("clippy");
    clippy.args([
        "--manifest-path",
        "codec/fuzz/Cargo.toml",
        "--no-default-features",
        "--",
        "-D",
        "warnings",
    ]);
    shell.run(&mut clippy)?;
    reseed::check(shell)?;
    shell.run(shell.cargo("test").args(["--package", "hiatus-codec", "--test", "corpus"]))
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
