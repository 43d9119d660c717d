//! `hiatus ctl`: what an operator, or whatever saves and restores this host, tells it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use hiatus_host::control::{Answer, ControlClient, ControlError, Request};

use crate::command::COULD_NOT_RUN;
use crate::command::status::DEFAULT_CONTROL;

/// Arguments of `hiatus ctl`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The control socket of the host.
    #[arg(long, value_name = "PATH", default_value = DEFAULT_CONTROL, global = true)]
    control: PathBuf,
    #[command(subcommand)]
    order: Order,
}

/// What is to be done.
#[derive(Subcommand)]
enum Order {
    /// Take an epoch now; prints its number. What SIGUSR1 does.
    ///
    /// With a store the epoch is made durable by it, and `--wait` waits for that. Without one, save the memory of the host
    /// now (VM snapshot, CRIU dump) and then say `hiatus ctl durable EPOCH`.
    Snapshot {
        /// Wait until the epoch is durable.
        #[arg(long)]
        wait: bool,
    },
    /// The memory that was saved after `snapshot` is kept for good. What SIGUSR2 does.
    Durable {
        /// The number that `snapshot` printed.
        epoch: u32,
    },
    /// This memory was saved, and came back: every connection begins a new incarnation and finds its peer.
    ///
    /// A host whose outside does not roll back with it takes the incarnation from there. Otherwise it is told one here, which
    /// must be higher than every one before: count them where the snapshots are kept.
    Restored {
        /// Higher than every incarnation of this host before.
        #[arg(long, requires = "tsval_ceiling")]
        incarnation: Option<u32>,
        /// Milliseconds: the timestamp clock of this host was never above it.
        #[arg(long, requires = "incarnation")]
        tsval_ceiling: Option<u32>,
    },
    /// The host is about to stop: tell its peers, who then wait for it in silence.
    Suspend {
        /// How long it expects to be away; peers wait at most as long as they offered.
        #[arg(long, value_name = "SECONDS", default_value_t = 0)]
        seconds: u32,
    },
    /// The host is back, and its memory is as it was.
    Resume,
    /// Print the metrics as Prometheus wants them.
    Metrics,
}

pub(crate) fn run(args: &Args) -> ExitCode {
    match carry_out(args) {
        Ok(text) => {
            anstream::println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error @ ControlError::Refused { .. }) => {
            anstream::eprintln!("hiatus ctl: refused: {error}");
            ExitCode::FAILURE
        }
        Err(error) => {
            anstream::eprintln!("hiatus ctl: {error}");
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

fn carry_out(args: &Args) -> Result<String, ControlError> {
    let request = match args.order {
        Order::Snapshot { wait } => Request::Snapshot { wait },
        Order::Durable { epoch } => Request::Durable { epoch },
        Order::Restored { incarnation, tsval_ceiling } => Request::Restored { incarnation, tsval_ceiling },
        Order::Suspend { seconds } => Request::Suspend { seconds },
        Order::Resume => Request::Resume,
        Order::Metrics => Request::Metrics,
    };
    let answer = ControlClient::connect(&args.control)?.ask(&request)?;
    Ok(match answer {
        Answer::Epoch { epoch, .. } => epoch.to_string(),
        Answer::Connections { count } => format!("{count} connections"),
        Answer::Metrics { text } => text.trim_end().to_owned(),
        Answer::Status(status) => serde_json::to_string(&status).unwrap_or_default(),
    })
}
