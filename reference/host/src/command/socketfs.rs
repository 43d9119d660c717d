//! `hiatus socketfs MOUNTPOINT`: sockets as files.

use std::io::{self, IsTerminal};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ArgGroup;
use hiatus_host::epochs::{Keeping, StartError};
use hiatus_host::link::{Link, MemoryLink, TunError, TunLink, TunSettings};
use hiatus_host::socketfs::{DEFAULT_SOCKETS_MAX, MountError, MountSettings, Network, SocketFs};
use hiatus_host::{EventLoop, Machine, Settings};
use ipnet::IpNet;
use tracing_subscriber::EnvFilter;

use crate::command::COULD_NOT_RUN;

/// What the sockets of `--loopback` have if nothing else is said.
const LOOPBACK_ADDRESSES: [&str; 4] = ["127.0.0.1/8", "10.0.0.1/24", "10.0.0.2/24", "::1/128"];
/// The largest packet of `--loopback`, in octets: as on Linux's `lo`, what fits into a length field.
const LOOPBACK_MTU_OCTETS: u16 = 65_535;

/// Arguments of `hiatus socketfs`.
///
/// Try it, with no network at all:
///
///   hiatus socketfs --loopback /mnt
///
/// and in a shell:
///
///   exec 3</mnt/tcp/new_socket; read s <&3
///   echo 10.0.0.2:80 >/mnt/$s/connect
///   cat request >/mnt/$s/data; cat /mnt/$s/data
///   exec 3<&-
///
/// With --state the sockets come back under the same numbers after a kill or a power cut.
#[derive(clap::Args)]
#[command(verbatim_doc_comment, group(ArgGroup::new("link").required(true).args(["device", "loopback"])))]
pub(crate) struct Args {
    /// The folder to mount on.
    mountpoint: PathBuf,
    /// Sockets talk to the network over this TUN device, which is made unless it exists (that takes CAP_NET_ADMIN).
    #[arg(long, value_name = "NAME", requires = "address")]
    device: Option<String>,
    /// Sockets talk to each other only: nothing leaves this process.
    #[arg(long)]
    loopback: bool,
    /// An address of the sockets, with the length of its prefix; may be given again.
    #[arg(long, value_name = "ADDRESS/BITS")]
    address: Vec<IpNet>,
    /// What this machine has at its end of the device, in the prefix of an address; may be given again.
    #[arg(long, value_name = "ADDRESS", requires = "device")]
    gateway: Vec<IpAddr>,
    /// The folder from which the sockets come back after a kill or a power cut; made unless it exists.
    ///
    /// Without it nothing outlives the process, but peers may be suspended and come back.
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
    /// Where `hiatus status` and `hiatus ctl` find this process.
    #[arg(long, value_name = "PATH")]
    control: Option<PathBuf>,
    /// Sockets at a time.
    #[arg(long, value_name = "COUNT", default_value_t = DEFAULT_SOCKETS_MAX)]
    sockets: u32,
}

/// Why it does not run.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(
        "--gateway {gateway}: expected an address in the prefix of an --address, found none of {addresses}"
    )]
    Gateway { gateway: IpAddr, addresses: String },
    #[error(transparent)]
    Device(#[from] TunError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Mount(#[from] MountError),
    #[error("control socket {}: {error}", path.display())]
    Control { path: PathBuf, error: io::Error },
    #[error("the loop of the host: {0}")]
    Loop(#[from] io::Error),
}

pub(crate) fn run(args: &Args) -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // Somebody else may have begun to log.
    log.with_ansi(io::stderr().is_terminal()).try_init().ok();
    match mount_and_run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("hiatus socketfs: {error}");
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

fn mount_and_run(args: &Args) -> Result<(), Failure> {
    let (link, network) = network(args)?;
    let keeping = args.state.as_deref().map(Keeping::in_folder);
    let settings = if keeping.is_some() { Settings::durable() } else { Settings::in_memory() };
    let mut event_loop = EventLoop::new()?;
    event_loop.catch_signals(None)?;
    if let Some(path) = &args.control {
        let failed = |error| Failure::Control { path: path.clone(), error };
        event_loop.open_control(path).map_err(failed)?;
    }
    let started = Machine::start(link, settings, keeping.as_ref(), event_loop.wake())?;
    let mount = MountSettings { mountpoint: args.mountpoint.clone(), network, sockets_max: args.sockets };
    let (mut machine, mut sockets) = SocketFs::mount(&event_loop, started, &mount)?;
    event_loop.run(&mut machine, &mut sockets)?;
    Ok(())
}

fn network(args: &Args) -> Result<(Link, Network), Failure> {
    let mut addresses = args.address.clone();
    let Some(name) = &args.device else {
        if addresses.is_empty() {
            addresses = LOOPBACK_ADDRESSES.iter().filter_map(|text| text.parse().ok()).collect();
        }
        let link = Link::Memory(MemoryLink::looped(LOOPBACK_MTU_OCTETS));
        return Ok((link, Network { addresses, gateways: Vec::new() }));
    };
    let mut settings = TunSettings::new(name);
    for gateway in &args.gateway {
        let near = addresses.iter().find(|own| own.contains(gateway));
        let prefix = near.and_then(|own| IpNet::new(*gateway, own.prefix_len()).ok());
        let found = || addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let prefix = prefix.ok_or_else(|| Failure::Gateway { gateway: *gateway, addresses: found() })?;
        settings.addresses.push(prefix);
    }
    let link = Link::Tun(TunLink::open(&settings)?);
    Ok((link, Network { addresses, gateways: args.gateway.clone() }))
}
