//! The host over a TUN device against smoltcp over one, the kernel at the other end: same MTU, same buffers, one run.
//!
//! `cargo xtask bench tun` reads what this prints: a line for each figure, `GROUP [UNIT]`, contender, figure and round, with
//! tabs between. What counts is the time that the contender's thread had the processor, the kernel's work inside its reads
//! and writes included; what the kernel does for its own end on other threads is not.
//!
//! `ours` is a [`Machine`](hiatus_host::Machine) in its own event loop, timestamps on, as it comes. smoltcp is 0.14 as it
//! comes: without congestion control and timestamps, Nagle's algorithm off, and it has no offload.

mod ours;
mod peer;
mod smol;

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::thread;
use std::time::{Duration, Instant};

use hiatus_host::link::{TunLink, TunOffload, TunSettings};
use hiatus_netns::enter_new_network;
use rustix::time::{ClockId, clock_gettime};

use crate::ours::Ours;
use crate::peer::Peer;
use crate::smol::Smol;

/// The contender's address.
pub(crate) const HOST: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(10, 7, 0, 2), 80));
/// The kernel's address on the device.
const KERNEL: &str = "10.7.0.1/24";
pub(crate) const MTU_OCTETS: u16 = 1500;
/// Either buffer of the contender.
pub(crate) const BUFFER_OCTETS: usize = 1 << 20;
/// One read or write of an application.
pub(crate) const CHUNK_OCTETS: usize = 1 << 16;
/// Moved before anything is measured, so that windows are open.
const WARM_UP_OCTETS: u64 = 32 << 20;
/// How long octets are counted.
const MEASURED: Duration = Duration::from_millis(1000);
/// The longest sleep of a contender.
const PATIENCE: Duration = Duration::from_millis(10);
/// How long a measurement may take.
const PATIENCE_MAX: Duration = Duration::from_secs(60);
/// How often everything is measured, unless HIATUS_BENCH_ROUNDS says otherwise.
const ROUNDS: u32 = 5;

/// What the contender does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// It reads what the kernel sends.
    Sink,
    /// It sends.
    Source,
    /// It sends back each octet.
    Echo,
}

/// A TCP over a TUN device, with a listener on [`HOST`].
pub(crate) trait Contender {
    /// Does what there is to do, and sleeps until there is more, but not for longer than `patience`.
    fn round(&mut self, patience: Duration);
    /// Octets that its application has read or written.
    fn moved_octets(&self) -> u64;
    /// Packets that passed the device in either direction.
    fn packets(&self) -> u64;
}

/// Who is measured.
#[derive(Debug, Clone, Copy)]
struct Entrant {
    name: &'static str,
    offload: TunOffload,
    open: fn(TunLink, Role) -> Box<dyn Contender>,
}

const OURS: Entrant = Entrant { name: "ours", offload: TunOffload::Required, open: Ours::boxed };
const OURS_PLAIN: Entrant = Entrant { name: "ours", offload: TunOffload::Off, open: Ours::boxed };
const SMOLTCP: Entrant = Entrant { name: "smoltcp", offload: TunOffload::Off, open: Smol::boxed };

/// What one measurement gives.
#[derive(Debug, Clone, Copy, Default)]
struct Figures {
    gbit_per_core_s: f64,
    gbit_per_s: f64,
    packets_per_core_s: f64,
}

fn main() {
    // `cargo test` only wants it built.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let rounds =
        std::env::var("HIATUS_BENCH_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
    for round in 1..=rounds {
        for (role, word) in [(Role::Sink, "sink"), (Role::Source, "source")] {
            let offloaded = transfer(OURS, role);
            let plain = transfer(OURS_PLAIN, role);
            let smoltcp = transfer(SMOLTCP, role);
            let row = |group: &str, contender: &str, figure: f64| {
                println!("tun {word}, {group}\t{contender}\t{figure:.4}\t{round}");
            };
            for (kind, ours) in [("offload", offloaded), ("plain", plain)] {
                row(&format!("{kind} [Gbit per core-s]"), OURS.name, ours.gbit_per_core_s);
                row(&format!("{kind} [Gbit per core-s]"), SMOLTCP.name, smoltcp.gbit_per_core_s);
                row(&format!("{kind}, wall [Gbit/s]"), OURS.name, ours.gbit_per_s);
                row(&format!("{kind}, wall [Gbit/s]"), SMOLTCP.name, smoltcp.gbit_per_s);
            }
            row("offload [Gbit per core-s]", "ours, plain", plain.gbit_per_core_s);
            row("plain [packets per core-s]", OURS.name, plain.packets_per_core_s);
            row("plain [packets per core-s]", SMOLTCP.name, smoltcp.packets_per_core_s);
        }
        let (ours, smoltcp, loopback) =
            (ping(OURS), ping(SMOLTCP), on_a_thread("loopback", peer::ping_loopback));
        for (name, figure) in [("ours", ours), ("smoltcp", smoltcp), ("kernel loopback", loopback)] {
            println!("tun ping-pong, 1 octet [us, median]\t{name}\t{figure:.2}\t{round}");
        }
    }
}

/// Runs `measured` in a network of its own, on a thread whose name a profiler shows.
fn on_a_thread<R: Send + 'static>(name: &str, measured: impl FnOnce() -> R + Send + 'static) -> R {
    let thread = thread::Builder::new().name(name.to_owned()).spawn(|| {
        enter_new_network().expect("the right to make a network");
        measured()
    });
    thread.expect("a thread").join().expect("a measurement that ends")
}

fn open(entrant: Entrant, role: Role) -> Box<dyn Contender> {
    let settings = TunSettings {
        addresses: vec![KERNEL.parse().expect("an address")],
        mtu_octets: Some(MTU_OCTETS),
        offload: entrant.offload,
        ..TunSettings::new("bench0")
    };
    (entrant.open)(TunLink::open(&settings).expect("a TUN device"), role)
}

fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).expect("not before the beginning")
}

fn transfer(entrant: Entrant, role: Role) -> Figures {
    on_a_thread(&format!("{} {role:?} {:?}", entrant.name, entrant.offload), move || {
        let mut contender = open(entrant, role);
        let peer = Peer::start(role);
        let begun = Instant::now();
        while contender.moved_octets() < WARM_UP_OCTETS {
            assert!(
                begun.elapsed() < PATIENCE_MAX,
                "{entrant:?} {role:?}: {} octets",
                contender.moved_octets()
            );
            contender.round(PATIENCE);
        }
        let (moved, packets) = (contender.moved_octets(), contender.packets());
        let (started, cpu) = (Instant::now(), cpu_time());
        while started.elapsed() < MEASURED {
            contender.round(PATIENCE);
        }
        let (wall_s, cpu_s) = (started.elapsed().as_secs_f64(), (cpu_time() - cpu).as_secs_f64());
        let gbit = as_f64(contender.moved_octets() - moved) * 8.0 / 1e9;
        let packets = as_f64(contender.packets() - packets);
        peer.tell_to_end();
        drop(contender);
        peer.join();
        Figures {
            gbit_per_core_s: gbit / cpu_s,
            gbit_per_s: gbit / wall_s,
            packets_per_core_s: packets / cpu_s,
        }
    })
}

/// The median time of a round trip, in microseconds.
fn ping(entrant: Entrant) -> f64 {
    on_a_thread(&format!("{} echo", entrant.name), move || {
        let mut contender = open(entrant, Role::Echo);
        let peer = thread::spawn(|| peer::ping(HOST));
        while !peer.is_finished() {
            contender.round(PATIENCE);
        }
        peer.join().expect("pings that are answered")
    })
}

fn as_f64(count: u64) -> f64 {
    // Less than 2^32 of whatever is counted here, in kibi.
    f64::from(u32::try_from(count >> 10).unwrap_or(u32::MAX)) * 1024.0
}
