//! `cargo xtask bench`: Criterion benches run in rounds, and the ratios to the peers that run beside ours.

mod checker;
mod instructions;
mod results;

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use crate::bench::results::{Sample, print_table, rows};
use crate::shell::{Failure, Shell};

/// What `bench` accepts.
#[derive(Args)]
pub(crate) struct BenchArgs {
    /// Run only this bench
    #[arg(value_name = "NAME", value_parser = bench_names())]
    name: Option<String>,
    /// How often everything is measured; figures are medians over the rounds
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Count instructions under valgrind instead of measuring time: exact where the machine is noisy
    #[arg(long)]
    instructions: bool,
    /// Also write the rows to this file: name, unit, ours, peer_name, peer, ratio
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// One bench target of a crate.
struct Bench {
    name: &'static str,
    about: &'static str,
    package: &'static str,
    how: How,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// By Criterion, whose groups are called `NAME [UNIT]` and hold one function `ours` and one per peer. A unit that
    /// ends in `/s` is a rate of the group's elements, any other is nanoseconds per element. The bench also answers to
    /// `--count-list` and `--count`, so that its instructions can be counted.
    Criterion,
    /// It prints what it counts, the same on every run, or what it measured itself: a group with its unit, a function and a
    /// figure on each line, with tabs between; behind them the round, if it was not the only one.
    Counts,
    /// As a process of its own, beside tshark.
    Process,
    /// It writes tables and plots of the draft, the same on every machine. Only when it is named: they are committed.
    Tables,
}

const BENCHES: &[Bench] = &[
    Bench {
        name: "parse",
        about: "codec against a hand-written loop, etherparse, smoltcp",
        package: "hiatus-codec",
        how: How::Criterion,
    },
    Bench {
        name: "engine",
        about: "the endpoint against smoltcp: bulk, connect and close, one connection among a million (minutes)",
        package: "hiatus-engine",
        how: How::Criterion,
    },
    Bench {
        name: "engine-counts",
        about: "the endpoint against smoltcp: octets of an idle connection, ACKs of a transfer",
        package: "hiatus-engine",
        how: How::Counts,
    },
    Bench {
        name: "engine-snapshots",
        about: "a million held connections saved and restored in memory, beside quoted figures of TCP_REPAIR (minutes)",
        package: "hiatus-engine",
        how: How::Counts,
    },
    Bench {
        name: "store",
        about: "a million connections saved and restored, against the disk itself (minutes)",
        package: "hiatus-store",
        how: How::Criterion,
    },
    Bench {
        name: "tun",
        about: "the host over a TUN device, with and without offload, against smoltcp; the kernel is the peer (a minute)",
        package: "hiatus-host",
        how: How::Counts,
    },
    Bench {
        name: "proxy",
        about: "client, two proxies and a server, against the same chain of two that splice(2); idle connections, restart (minutes)",
        package: "hiatus-host",
        how: How::Counts,
    },
    Bench {
        name: "check",
        about: "`conform check` against tshark on a capture of 2 million packets (minutes)",
        package: "hiatus-conformance",
        how: How::Process,
    },
    Bench {
        name: "placements",
        about: "what placements of received octets cost, in virtual time: tables and plots of the draft (minutes)",
        package: "hiatus-placements",
        how: How::Tables,
    },
    Bench {
        name: "recovery",
        about: "from RESUME to the first new octet, in virtual time: table and plot of the draft",
        package: "hiatus-placements",
        how: How::Tables,
    },
];

fn bench_names() -> clap::builder::PossibleValuesParser {
    BENCHES
        .iter()
        .map(|bench| clap::builder::PossibleValue::new(bench.name).help(bench.about))
        .collect::<Vec<_>>()
        .into()
}

/// Measures, prints the table, writes the rows.
pub(crate) fn run(shell: &Shell, args: &BenchArgs) -> Result<(), Failure> {
    let mut samples = Vec::new();
    for bench in BENCHES.iter().filter(|bench| args.name.as_deref().is_none_or(|name| name == bench.name)) {
        if bench.how == How::Tables {
            if args.name.is_some() {
                return write_tables(shell, bench);
            }
            println!("{}: only when it is named, since it writes what is committed", bench.name);
            continue;
        }
        if args.instructions && bench.how != How::Criterion {
            println!("{}: instructions are counted for Criterion benches only", bench.name);
            continue;
        }
        let program = build(shell, bench)?;
        samples.extend(match bench.how {
            How::Criterion if args.instructions => instructions::count(shell, &program)?,
            How::Criterion => measure(shell, bench, &program, args.rounds)?,
            How::Counts => counted(shell, &program, args.rounds)?,
            How::Process => checker::measure(shell, &program, args.rounds)?,
            // Done above.
            How::Tables => Vec::new(),
        });
    }
    let rows = rows(&samples);
    print_table(&rows);
    if let Some(file) = &args.json {
        let rows: Vec<Value> = rows.iter().map(results::Row::to_json).collect();
        let text = format!("{:#}\n", Value::Array(rows));
        std::fs::write(file, text).map_err(Failure::file(file))?;
    }
    Ok(())
}

/// Measures what the draft shows, and writes it where it is committed.
fn write_tables(shell: &Shell, bench: &Bench) -> Result<(), Failure> {
    let mut command = shell.cargo("run");
    command.args(["--release", "--package", bench.package, "--", bench.name]);
    print!("{}", shell.output(&mut command)?);
    Ok(())
}

/// Builds the bench with the settings of `cargo bench` and returns the program.
fn build(shell: &Shell, bench: &Bench) -> Result<PathBuf, Failure> {
    let mut command = shell.cargo("bench");
    command.args(["--package", bench.package, "--bench", bench.name, "--no-run", "--message-format", "json"]);
    let messages = shell.output(&mut command)?;
    let mut executables = messages.lines().filter_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let is_bench = message["target"]["name"] == bench.name && message["target"]["kind"][0] == "bench";
        message["executable"].as_str().filter(|_| is_bench).map(PathBuf::from)
    });
    executables.next_back().ok_or_else(|| Failure::Found(format!("cargo built no bench `{}`", bench.name)))
}

/// Reads what a bench of counts prints.
fn counted(shell: &Shell, program: &Path, rounds: u32) -> Result<Vec<Sample>, Failure> {
    let mut command = shell.program(program);
    command.arg("--bench").env("HIATUS_BENCH_ROUNDS", rounds.to_string());
    let lines = shell.output(&mut command)?;
    let unreadable = |line: &str| Failure::Found(format!("{}: printed `{line}`", program.display()));
    let sample = |line: &str| {
        let mut columns = line.split('\t');
        let (group, function) = (columns.next()?, columns.next()?.to_owned());
        let figure = columns.next()?.parse().ok()?;
        let round = columns.next().map_or(Some(1), |round| round.parse().ok())?;
        let (name, unit) = results::name_and_unit(group);
        Some(Sample { round, name, unit, function, figure })
    };
    lines.lines().map(|line| sample(line).ok_or_else(|| unreadable(line))).collect()
}

fn measure(shell: &Shell, bench: &Bench, program: &Path, rounds: u32) -> Result<Vec<Sample>, Failure> {
    let mut samples = Vec::new();
    for round in 1..=rounds {
        println!("{}: round {round} of {rounds}", bench.name);
        let folder = shell.root.join("target/bench").join(bench.name);
        if folder.exists() {
            // Every figure read below is then one of this round.
            std::fs::remove_dir_all(&folder).map_err(Failure::file(&folder))?;
        }
        let mut command = shell.program(program);
        shell.quietly(command.args(["--bench", "--noplot"]).env("CRITERION_HOME", &folder))?;
        samples.extend(results::read(&folder, round)?);
    }
    Ok(samples)
}
