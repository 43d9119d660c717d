//! `cargo xtask sim`: histories in numbers.
//!
//! `hiatus-sim` knows no clock and no thread; this program lends it both. Exit status: 0 no violation, 1 a violation, 2 could
//! not run.

mod crew;
mod report;

use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use hiatus_sim::histories::{Broken, Outcome, Story, Telling, shrink, tell};

/// Simulate histories of two hosts that crash, are restored, cloned and cut off, and judge each.
///
/// Exit status: 0 no violation, 1 a violation, 2 could not run.
#[derive(Parser)]
#[command(name = "cargo xtask sim", bin_name = "cargo xtask sim", max_term_width = 110)]
struct Cli {
    /// Histories to run
    #[arg(long, default_value_t = 100_000)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Only this seed
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// Print the timeline of that seed
    #[arg(long, requires = "seed")]
    show: bool,
    /// Break this rule, to see it caught; `list` lists them
    #[arg(long, value_name = "NAME")]
    rule: Option<String>,
    /// Do not stop at the first violation: count them
    #[arg(long)]
    keep_going: bool,
    /// Threads; all cores by default
    #[arg(long)]
    jobs: Option<usize>,
    /// How to report
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// How a run is reported on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Human,
    /// One JSON object
    Json,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(code) => code,
        Err(what) => {
            eprintln!("cargo xtask sim: {what}");
            ExitCode::from(2)
        }
    }
}

fn run(cli: &Cli) -> Result<ExitCode, String> {
    if cli.rule.as_deref() == Some("list") {
        for rule in Broken::all() {
            println!("{:<26} {}", rule.name(), rule.requirement());
        }
        return Ok(ExitCode::SUCCESS);
    }
    let broken = match &cli.rule {
        None => Broken::Nothing,
        Some(name) => {
            Broken::find(name).ok_or_else(|| format!("no rule {name}: `--rule list` lists them"))?
        }
    };
    if let Some(seed) = cli.seed {
        return Ok(one(cli, seed, broken));
    }
    let patience = if cli.keep_going { crew::Patience::GoesOn } else { crew::Patience::Stops };
    let began = Instant::now();
    let run = crew::run(cli.from..cli.from.saturating_add(cli.seeds), broken, cli.jobs, patience);
    let took = began.elapsed();
    let failure = run.failure.as_ref().map(|(seed, violation)| {
        let story = shrink(&Story::draw(*seed), broken, violation);
        let outcome = tell(&story, broken, Telling::Timeline);
        report::Failure { seed: *seed, violation: violation.clone(), story, outcome }
    });
    match cli.format {
        Format::Human => report::human(&run, took, failure.as_ref(), broken),
        Format::Json => report::json(&run, took, failure.as_ref(), broken),
    }
    Ok(if failure.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// One seed: what it is, what came of it, and with `--show` how.
fn one(cli: &Cli, seed: u64, broken: Broken) -> ExitCode {
    let story = Story::draw(seed);
    let telling = if cli.show { Telling::Timeline } else { Telling::Nothing };
    let outcome: Outcome = tell(&story, broken, telling);
    match cli.format {
        Format::Human => report::human_one(seed, &story, &outcome),
        Format::Json => report::json_one(seed, &story, &outcome),
    }
    if outcome.violation.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
