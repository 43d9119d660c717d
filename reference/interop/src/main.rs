//! # hiatus-interop
//!
//! The engine against TCP stacks that we did not write: the Linux kernel, lwIP 2.2.1 and smoltcp 0.14. Each run has a
//! network of its own, the engine on a TUN device at one end, the other stack at the other, the kernel forwarding in
//! between and, in runs with loss, dropping. Both ends send pseudo-random octets, compare what they get, and close.
//!
//! Neither a network nor a process outlives this program, however it ends: networks have no names, and a process ends
//! when its standard input does.

mod case;
mod drive;
mod host;
mod net;
mod octets;
mod packet;
mod peer;
mod report;
mod runner;
mod transfer;
mod tun;

use std::fs::{self, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::process::{Command as Program, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::case::{Case, DEFAULT_OCTETS, Peer};
use crate::runner::{Keep, Plan};
use hiatus_interop::trouble::Trouble;

/// The engine against the TCPs of the Linux kernel, lwIP and smoltcp, over TUN devices.
///
/// Needs root, /dev/net/tun, and the programs `ip` (iproute2) and `nft` (nftables). Nothing of the machine's own
/// network is touched. Exit status: 0 every run passed, 1 one failed, 2 could not run.
#[derive(Parser)]
#[command(name = "hiatus-interop", max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make all runs, or those whose name contains one of the filters
    Run(RunArgs),
    /// Say whether runs can be made here, and what is missing
    Check,
    /// The process with the engine in it
    #[command(hide = true)]
    Host {
        /// The run, as JSON
        case: String,
        /// Where the capture goes
        capture: PathBuf,
    },
    /// The process with the other stack in it
    #[command(hide = true)]
    Peer {
        /// The run, as JSON
        case: String,
    },
}

#[derive(Args)]
struct RunArgs {
    /// Parts of names, such as `lwip`, `/lossy/` or `kernel/connect`; every one of a word's parts separated by `,` must
    /// occur
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
    /// Show the runs and make none
    #[arg(long)]
    list: bool,
    /// Runs at once; most of them wait
    #[arg(long, value_name = "N", default_value_t = 12)]
    jobs: usize,
    /// Form of the summary on standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// MiB to send each way
    #[arg(long, value_name = "N", default_value_t = DEFAULT_OCTETS >> 20, value_parser = clap::value_parser!(u64).range(1..=1024))]
    mib: u64,
    /// What octets and sequence numbers are made from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Seconds that one run may take
    #[arg(long, value_name = "N", default_value_t = 300)]
    deadline: u64,
    /// Keep the captures of runs that pass, too
    #[arg(long)]
    keep: bool,
    /// Folder for logs and captures
    #[arg(long, value_name = "FOLDER", default_value = "target/interop")]
    out: PathBuf,
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
        Command::Run(args) => run(&args),
        Command::Check => check().map(|()| ExitCode::SUCCESS),
        Command::Host { case, capture } => {
            read_case(&case).and_then(|case| host::run(&case, &capture)).map(|()| ExitCode::SUCCESS)
        }
        Command::Peer { case } => {
            read_case(&case).and_then(|case| peer::run(&case)).map(|()| ExitCode::SUCCESS)
        }
    };
    result.unwrap_or_else(|trouble| {
        eprintln!("hiatus-interop: {trouble}");
        ExitCode::from(2)
    })
}

fn read_case(text: &str) -> Result<Case, Trouble> {
    serde_json::from_str(text).map_err(io::Error::from).map_err(Trouble::system("run"))
}

fn run(args: &RunArgs) -> Result<ExitCode, Trouble> {
    let is_chosen = |name: &str| {
        args.filters.is_empty()
            || args.filters.iter().any(|filter| filter.split(',').all(|part| name.contains(part)))
    };
    let mut cases = case::all(args.mib << 20, args.seed);
    cases.retain(|case| is_chosen(&case.to_string()));
    if args.list {
        for case in &cases {
            println!("{case}");
        }
        return Ok(ExitCode::SUCCESS);
    }
    check()?;
    fs::create_dir_all(&args.out).map_err(Trouble::system(format!("folder {}", args.out.display())))?;
    let plan = Plan {
        program: std::env::current_exe().map_err(Trouble::system("path of this program"))?,
        folder: args.out.clone(),
        jobs: args.jobs,
        deadline: Duration::from_secs(args.deadline),
        keep: if args.keep { Keep::All } else { Keep::Failed },
    };
    let mut ended = 0;
    let (outcomes, elapsed) = runner::run_all(&plan, &cases, |outcome| {
        ended += 1;
        eprintln!("{}", runner::progress(ended, cases.len(), outcome));
    });
    match args.format {
        Format::Human => println!("\n{}", runner::summary_as_table(&outcomes, elapsed)),
        Format::Json => println!("{}", runner::summary_as_json(&outcomes, elapsed)),
    }
    Ok(ExitCode::from(u8::from(outcomes.iter().any(|outcome| !outcome.has_passed()))))
}

/// Tries what every run needs, up to a network with its rules.
fn check() -> Result<(), Trouble> {
    let tun = "/dev/net/tun";
    OpenOptions::new().read(true).write(true).open(tun).map_err(Trouble::system(tun))?;
    for program in ["ip", "nft"] {
        let mut command = Program::new(program);
        command.arg("-V").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().map_err(Trouble::system(format!("program `{program}`")))?;
    }
    // In a thread of its own, which takes the network with it.
    let tried = thread::spawn(|| {
        let needs = "a network of its own (needs root, or the capability CAP_SYS_ADMIN)";
        hiatus_netns::enter_new_network().map_err(Trouble::system(needs))?;
        let first = case::all(0, 0).into_iter().find(|case| case.peer != Peer::Kernel);
        first.map_or(Ok(()), |case| net::build(&case, 0).and_then(|()| net::dropped()).map(drop))
    });
    let panicked = |_| Trouble::Broken { stack: "network", found: "the thread panicked".to_owned() };
    tried.join().map_err(panicked)?
}
