//! `hiatus-live transfer`: a program that sends pseudo-random octets over one connection and checks those that it gets.
//!
//! It runs the library of a Hiatus host in itself. How far it is goes into the same epochs as its connection, so that it can
//! be killed at any instant and goes on where its latest durable epoch stands. What it says is a JSON object a line.

mod control;
pub(crate) mod kernel;
mod octets;
mod service;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use hiatus_codec::{CapableBits, HoldTime};
use hiatus_engine::{Config, HiatusPolicy, IpVersion, Offer, Sending};
use hiatus_host::epochs::{EpochPolicy, Keeping};
use hiatus_host::link::{Link, TunLink, TunOffload, TunSettings};
use hiatus_host::machine::{Settings, Started};
use hiatus_host::{EventLoop, Machine};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::transfer::control::Control;
use crate::transfer::service::{Plan, Transfer};
use crate::trouble::Trouble;

/// Room in either buffer of the connection.
const BUFFER_OCTETS: u32 = 512 * 1024;
/// Octets after which an epoch does not wait for its interval.
const EPOCH_OCTETS: u64 = 256 * 1024;
/// Smallest RTO: these networks are short.
const RTO_MIN: Duration = Duration::from_millis(200);

/// Arguments of `hiatus-live transfer`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// TUN device; made if it is not there
    #[arg(long, value_name = "NAME", default_value = crate::bed::TUN)]
    tun: String,
    /// Address of this machine on a device that is made here, with the prefix behind it
    #[arg(long, value_name = "ADDRESS/BITS")]
    tun_address: Option<IpNet>,
    /// Address of this end
    #[arg(long, value_name = "ADDRESS")]
    local: IpAddr,
    /// Wait for the other end on this port
    #[arg(long, value_name = "PORT", conflicts_with = "connect", required_unless_present = "connect")]
    listen: Option<u16>,
    /// Connect to the other end
    #[arg(long, value_name = "ADDRESS:PORT")]
    connect: Option<SocketAddr>,
    /// Octets to send, in each direction
    #[arg(long, value_name = "N")]
    octets: u64,
    /// What octets are made from; the same at both ends
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Folder of the state that rolls back; without it, memory has to be saved by others
    #[arg(long, value_name = "FOLDER", requires = "outside")]
    store: Option<PathBuf>,
    /// Folder of what never rolls back
    #[arg(long, value_name = "FOLDER", requires = "store")]
    outside: Option<PathBuf>,
    /// Milliseconds from one epoch to the next
    #[arg(long, value_name = "N", default_value_t = 10)]
    interval: u64,
    /// Octets in a second that are written at most
    #[arg(long, value_name = "N")]
    rate: Option<u64>,
    /// Milliseconds that data may stay unanswered (R2)
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    r2: u64,
    /// Seconds for which a connection is held
    #[arg(long, value_name = "N", default_value_t = 3600)]
    hold: u32,
    /// No Hiatus: plain TCP
    #[arg(long)]
    plain: bool,
}

/// What a transfer says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub(crate) enum Line {
    /// The program runs; nothing was sent yet.
    Started {
        /// Its incarnation.
        incarnation: u32,
        /// Connections of its epoch that are back.
        returned: usize,
        /// Those that are not.
        lost: usize,
        /// Octets that its state says were sent.
        sent: u64,
        /// Octets that its state says were received.
        received: u64,
    },
    /// The connection stands, with Hiatus on, and an epoch that says so is durable.
    Ready,
    /// The connection is plain TCP.
    Plain,
    /// This end is back and in step with its peer.
    Resumed {
        /// Microseconds since the program began.
        micros: u64,
    },
    /// The peer is away.
    PeerAway,
    /// The peer is back.
    PeerBack,
    /// The peer knows that this end goes away.
    SuspendAcknowledged,
    /// This many octets were received and checked, and sent.
    Progress {
        /// Received and checked.
        received: u64,
        /// Given to the connection.
        sent: u64,
    },
    /// An epoch was TAKEN because somebody asked.
    Taken {
        /// Its number.
        epoch: u32,
    },
    /// Epochs do not become durable now.
    StoreFails,
    /// Everything was sent and acknowledged, everything was received and is right, and an epoch that says so is durable.
    Done {
        /// Received and checked.
        received: u64,
    },
    /// The connection is over too early.
    Over {
        /// Why.
        reason: String,
    },
    /// An octet is not what it should be.
    Wrong {
        /// Where it is.
        position: u64,
    },
}

/// Runs until the transfer is over and standard input is closed, or something is wrong.
pub(crate) fn run(args: &Args) -> Result<(), Trouble> {
    let begun = Instant::now();
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let mut settings = TunSettings::new(&args.tun);
    // What passes the router is captured with its checksums.
    settings.offload = TunOffload::Off;
    settings.addresses.extend(args.tun_address);
    let link = TunLink::open(&settings).map_err(|error| Trouble::Impossible(error.to_string()))?;
    let link = Link::Tun(link);
    let mut events = EventLoop::new().map_err(Trouble::system("epoll"))?;
    let keeping = args.store.clone().zip(args.outside.clone());
    let keeping = keeping.map(|(store, outside)| Keeping { store, outside });
    let mut settings = host_settings(args);
    settings.connection.mss_octets =
        link.mtu_octets().saturating_sub(IpVersion::of(args.local).fixed_headers_octets());
    let started = Machine::start(link, settings, keeping.as_ref(), events.wake());
    let started = started.map_err(|error| Trouble::Impossible(error.to_string()))?;
    let control = Control::start(events.waker());
    let Started { mut machine, returned, lost, states, .. } = started;
    let plan = Plan {
        local: args.local,
        listen: args.listen,
        connect: args.connect,
        octets: args.octets,
        seed: args.seed,
        rate: args.rate,
        piece: Duration::from_millis(args.interval),
        has_store: keeping.is_some(),
    };
    let mut transfer = Transfer::begin(plan, &states, &returned, control, begun)?;
    transfer.say_started(machine.epochs().incarnation, returned.len(), lost.len());
    transfer.open(&mut machine)?;
    events.run(&mut machine, &mut transfer).map_err(Trouble::system("the loop of the host"))?;
    transfer.outcome()
}

fn host_settings(args: &Args) -> Settings {
    let bits = CapableBits::new(CapableBits::VERSION).with_older().with_retention();
    let hiatus = match args.plain {
        true => HiatusPolicy::Off,
        false => HiatusPolicy::On(Offer { bits, hold: HoldTime::from_seconds(args.hold) }),
    };
    let connection = Config {
        hiatus,
        sending: Sending::HoldSend,
        rto_min: RTO_MIN,
        r2: Duration::from_millis(args.r2),
        send_buffer_octets: BUFFER_OCTETS,
        receive_buffer_octets: BUFFER_OCTETS,
        window_scale: Some(6),
        ..Config::default()
    };
    let interval = Duration::from_millis(args.interval);
    let epochs = match args.store {
        Some(_) => EpochPolicy::Batches { interval, octets: EPOCH_OCTETS },
        None => EpochPolicy::OnCommand,
    };
    Settings { limits: hiatus_engine::EndpointLimits::default(), connection, prefixes: Vec::new(), epochs }
}
