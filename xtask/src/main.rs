//! The project's own commands, called as `cargo xtask COMMAND`.
//!
//! `test` and `ci` run every check there is, `spec` builds and checks the Internet-Draft, `bench` measures against
//! peers, `sim` tells histories, `model` visits
//! every state, `mutants` asks what the suite would miss, `fuzz` hunts for inputs that break the codec or the suite. Everything works offline once its tools are installed.

mod bare;
mod bench;
mod fuzz;
mod golden;
mod hygiene;
mod live;
mod model;
mod mutants;
mod shell;
mod sim;
mod spec;
mod steps;
mod targets;
mod tools;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::shell::{Failure, Lockfile, Shell};

/// Hiatus: the project's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run every test of the project, or only the named steps (`--list` shows them).
    ///
    /// As root on Debian, missing packages are installed first, without a prompt. Anyone else gets every step that needs
    /// no package; what was skipped is named in the table at the end and counted in the last line,
    /// `N passed, N failed, N skipped`. Exit status: 0 nothing failed, 1 a step failed, 2 could not run.
    Test(steps::TestArgs),
    /// `test` as the continuous integration runs it: Cargo.lock and snapshots must be up to date.
    Ci(steps::TestArgs),
    /// Build the Internet-Draft, or check that what is committed is whole and fresh.
    ///
    /// Fails on a broken reference, a BCP 14 keyword without a label, a label that is listed twice or cited nowhere, a
    /// vector that its own checker refutes, and a generated file that is not up to date.
    Spec(spec::SpecArgs),
    /// Measure against peers in one run and print ratios.
    ///
    /// Each round runs ours and the peers one after the other; the figures are medians over the rounds, and the ratio is
    /// the median of the rounds' ratios, which neighbours on the machine disturb less than the times.
    Bench(bench::BenchArgs),
    /// Simulate histories of two hosts that crash, are restored, cloned and cut off, and judge each.
    ///
    /// A release build runs them on all cores; what follows is for it, and `cargo xtask sim --help` says what there is. The
    /// first violation is made as small as it gets and printed as a timeline, with the command that replays it. Exit status:
    /// 0 no violation, 1 a violation, 2 could not run.
    #[command(disable_help_flag = true)]
    Sim(sim::SimArgs),
    /// Visit every state of two real connections within bounds, and print a counterexample as a ladder.
    ///
    /// A release build searches; what follows is for it, and `cargo xtask model --help` says what there is. Without bounds it
    /// runs the searches of the continuous integration. Exit status: 0 all holds, 1 a counterexample, 2 not every state was
    /// seen, or could not run.
    #[command(disable_help_flag = true)]
    Model(model::ModelArgs),
    /// Change the engine's Hiatus modules in hundreds of ways, and count what the conformance suite catches.
    ///
    /// By cargo-mutants, in a copy of the checkout. A mutant that survives has its reason in conformance/survivors.toml; one
    /// without a reason, and a reason without a survivor, is an error. It takes an hour on one core: not part of `ci`.
    /// Exit status: 0 every survivor is explained, 1 one is not, 2 could not run.
    Mutants(mutants::MutantsArgs),
    /// Run a fuzz target of the codec or of the suite for a bounded time, or remake the seed corpus of the codec's.
    ///
    /// Inputs that break an invariant are left in codec/fuzz/artifacts and conformance/fuzz/artifacts; copy one into the
    /// corpus beside, and the ordinary tests replay it from then on.
    Fuzz(fuzz::FuzzArgs),
}

fn main() -> ExitCode {
    match run(&Cli::parse().command) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("cargo xtask: {failure}");
            ExitCode::from(2)
        }
    }
}

fn run(command: &Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Test(args) => steps::run(&Shell::new(Lockfile::MayChange)?, args),
        Command::Ci(args) => steps::run(&Shell::new(Lockfile::MustBeCurrent)?, args),
        Command::Spec(args) => spec::run(args).map_err(|error| Failure::Found(error.to_string())),
        Command::Bench(args) => {
            bench::run(&Shell::new(Lockfile::MayChange)?, args).map(|()| ExitCode::SUCCESS)
        }
        Command::Model(args) => model::run(&Shell::new(Lockfile::MayChange)?, args),
        Command::Sim(args) => sim::run(&Shell::new(Lockfile::MayChange)?, args),
        Command::Mutants(args) => mutants::run(&Shell::new(Lockfile::MayChange)?, args),
        Command::Fuzz(args) => fuzz::run(&Shell::new(Lockfile::MayChange)?, args).map(|()| ExitCode::SUCCESS),
    }
}
