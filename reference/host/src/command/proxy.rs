//! `hiatus proxy`: carries connections of programs that know nothing of Hiatus.

mod metrics;
mod rights;

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::ExitCode;

use hiatus_host::config::Config;
use hiatus_host::keep::Kept;
use hiatus_host::link::{Link, TunLink};
use hiatus_host::proxy::{Entrances, Left, Open, Proxy, rules};
use hiatus_host::{EventLoop, Machine};
use tracing::info;

use crate::command::{COULD_NOT_RUN, log};

/// Arguments of `hiatus proxy`.
#[derive(clap::Args)]
#[command(after_help = "Exit status: 0 ended by SIGTERM, 2 could not run.\n\n\
    Connections survive this process where something keeps their local legs: run it under systemd with \
    FileDescriptorStoreMax=, or as `hiatus keep -- hiatus proxy --config FILE`.")]
pub(crate) struct Args {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = "/etc/hiatus/hiatus.toml")]
    config: PathBuf,

    /// Only check the configuration.
    #[arg(long, conflicts_with = "print_nft")]
    check: bool,

    /// Print the rules of nftables that bring connections to this proxy: `hiatus proxy --print-nft | nft -f -`.
    #[arg(long)]
    print_nft: bool,
}

pub(crate) fn run(args: &Args) -> ExitCode {
    let config = match Config::read(&args.config) {
        Ok(config) => config,
        Err(error) => {
            anstream::eprintln!("{error}");
            return ExitCode::from(COULD_NOT_RUN);
        }
    };
    if args.print_nft {
        anstream::print!("{}", rules(&config));
        return ExitCode::SUCCESS;
    }
    if args.check {
        anstream::println!("{}: as it should be", args.config.display());
        return ExitCode::SUCCESS;
    }
    log::start();
    match serve(&config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("hiatus proxy: {error}");
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

fn serve(config: &Config) -> Result<(), Box<dyn std::error::Error>> {
    let (kept, mut descriptors) = Kept::find()?;
    rights::raise_limit_of_descriptors();
    let link = TunLink::open(&config.tun())?;
    let entrances = Entrances::open(config, &kept, &mut descriptors)?;
    let metrics = match &config.metrics {
        Some(metrics) => {
            let listen = metrics.listen;
            let listener = TcpListener::bind(listen.0);
            Some(listener.map_err(|error| format!("[metrics] listen {listen}: {error}"))?)
        }
        None => None,
    };
    if let Some(user) = &config.host.user {
        rights::become_user(user, config)?;
    }
    let mut event_loop = EventLoop::new()?;
    event_loop.catch_signals(None)?;
    if let Some(control) = &config.control {
        let opened = event_loop.open_control(&control.socket);
        opened.map_err(|error| format!("[control] socket {}: {error}", control.socket.display()))?;
        if let Some(listener) = metrics {
            metrics::answer(listener, control.socket.clone())?;
        }
    }
    let keeping = config.keeping();
    let started = Machine::start(Link::Tun(link), config.settings(), keeping.as_ref(), event_loop.wake())?;
    let mut machine = started.machine;
    let left = Left { returned: started.returned, states: started.states, descriptors };
    let front = config.proxy.clone().unwrap_or_default();
    let has_kernel_legs = !config.serve.is_empty() || !front.listen.is_empty();
    if keeping.is_some() && has_kernel_legs && !kept.is_there() {
        info!("nothing keeps local legs: connections survive the absence of peers, but not this process");
    }
    let open = Open { kept, entrances };
    let mut proxy = Proxy::start(config, event_loop.registry(), &mut machine, open, left)?;
    proxy.is_ready();
    info!("ready");
    event_loop.run(&mut machine, &mut proxy)?;
    Ok(())
}
