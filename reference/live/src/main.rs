//! # hiatus-live
//!
//! Live tests of real hosts: programs on TUN devices, in networks that this program makes and that go with it. They are killed
//! at random instants, restored to older epochs, suspended for longer than their peers wait, and put behind address
//! translation; every octet has to arrive once, in its place. What passes the router is captured, and the checker judges it.

mod bed;
mod report;
mod runner;
mod scenario;
mod side;
mod transfer;
mod trouble;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::runner::Order;
use crate::scenario::{SCENARIOS, Scale, Scenario};
use crate::trouble::Trouble;

/// Live tests of hosts whose connections outlive them.
///
/// Needs root, /dev/net/tun, and the programs `ip` (iproute2), `nft` (nftables), `setpriv` (util-linux) and `tcpdump`. Nothing
/// of the machine's own network is touched. Exit status: 0 every scenario passed, 1 one failed, 2 could not run.
#[derive(Parser)]
#[command(name = "hiatus-live", max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show the scenarios, each with its story
    List(ListArgs),
    /// Run all scenarios, or those named
    Run(RunArgs),
    /// Say whether scenarios can be run here, and what is missing
    Check,
    /// One end of a transfer: the program that is killed
    Transfer(transfer::Args),
    /// One end of a transfer over a socket of the kernel, to compare with
    #[command(hide = true)]
    Kernel(transfer::kernel::Args),
}

#[derive(Args)]
struct ListArgs {
    /// How to say it
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Args)]
struct RunArgs {
    /// Names of scenarios, or how they begin: `kill`, `store/full-disk`
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// How to say it
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// What octets and instants are made from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Scenarios at once; most of them wait
    #[arg(long, value_name = "N", default_value_t = 6)]
    jobs: usize,
    /// Folder for logs, stores and captures
    #[arg(long, value_name = "FOLDER", default_value = "target/live")]
    out: PathBuf,
    /// Small transfers, and their captures written to this folder with a table of them
    #[arg(long, value_name = "FOLDER")]
    captures: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table
    Human,
    /// One JSON value
    Json,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::List(args) => {
            list(&args);
            Ok(ExitCode::SUCCESS)
        }
        Command::Run(args) => run(&args),
        Command::Check => runner::check().map(|()| {
            println!("scenarios can be run here");
            ExitCode::SUCCESS
        }),
        Command::Transfer(args) => transfer::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Kernel(args) => transfer::kernel::run(&args).map(|()| ExitCode::SUCCESS),
    };
    result.unwrap_or_else(|trouble| {
        eprintln!("hiatus-live: {trouble}");
        ExitCode::from(2)
    })
}

fn list(args: &ListArgs) {
    match args.format {
        Format::Human => print!("{}", report::list_as_table(SCENARIOS)),
        Format::Json => println!("{}", report::list_as_json(SCENARIOS)),
    }
}

fn run(args: &RunArgs) -> Result<ExitCode, Trouble> {
    for name in &args.names {
        if !SCENARIOS.iter().any(|scenario| scenario.name.starts_with(name.as_str())) {
            let found = format!("{name:?}; `hiatus-live list` has them all");
            return Err(Trouble::unexpected("scenario", "the name of one, or its beginning", found));
        }
    }
    let is_chosen = |scenario: &&Scenario| {
        args.names.is_empty() || args.names.iter().any(|name| scenario.name.starts_with(name.as_str()))
    };
    let chosen: Vec<&'static Scenario> = SCENARIOS.iter().filter(is_chosen).collect();
    runner::check()?;
    let order = Order {
        folder: args.out.clone(),
        seed: args.seed,
        jobs: args.jobs,
        scale: if args.captures.is_some() { Scale::Small } else { Scale::Full },
        captures: args.captures.clone(),
    };
    let mut ended = 0;
    let outcomes = runner::run_all(&order, &chosen, |outcome| {
        ended += 1;
        eprintln!("{}", report::progress(ended, chosen.len(), outcome));
    })?;
    if let Some(folder) = &args.captures {
        report::write_table(folder, &outcomes)?;
    }
    match args.format {
        Format::Human => println!("\n{}", report::as_table(&outcomes)),
        Format::Json => println!("{}", report::as_json(&outcomes, args.seed)),
    }
    Ok(ExitCode::from(u8::from(outcomes.iter().any(|outcome| outcome.has_failed()))))
}
