//! Two proxies between a client and a server, against the same chain of two proxies that do nothing but splice(2).
//!
//! `cargo xtask bench proxy` reads what this prints: a line for each figure, `GROUP [UNIT]`, contender, figure and round, with
//! tabs between. `ours` has no store, `memory` one on a tmpfs, `disk` one where temporary files are. Each contender has
//! networks of its own; all are there all the time, and have their turns in each round.
#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a bench may panic, and prints what it measures"
)]

#[allow(dead_code, reason = "the tests need more of it")]
#[path = "../../tests/proxy/bed.rs"]
mod bed;
mod splicing;

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use bed::{Bed, Keeping, Place};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const SERVER: &str = "10.9.0.2:9000";
/// One read or write of a program.
const CHUNK_OCTETS: usize = 1 << 18;
/// Moved before anything is measured, so that windows are open.
const WARM_UP: Duration = Duration::from_millis(500);
const MEASURED: Duration = Duration::from_millis(2000);
/// Fewer where this process may not have both ends of so many.
const IDLE_CONNECTIONS: usize = 10_000;
/// Descriptors for everything else.
const OTHER_DESCRIPTORS: u64 = 500;
/// After so long a connection at rest is packed.
const REST: Duration = Duration::from_secs(3);
const ROUNDS: u32 = 3;

struct Contender {
    name: &'static str,
    bed: Bed,
    listener: TcpListener,
}

fn main() {
    // What cargo adds is of no meaning here.
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    let rounds = std::env::var("HIATUS_BENCH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    let entrants = [
        ("splice", None),
        ("ours", Some(Keeping::Nothing)),
        ("memory", Some(Keeping::Memory)),
        ("disk", Some(Keeping::Store)),
    ];
    let Some(contenders) = entrants.into_iter().map(contender).collect::<Option<Vec<_>>>() else { return };
    for round in 0..rounds.unwrap_or(ROUNDS) {
        for contender in &contenders {
            throughput(contender, round);
        }
        for contender in contenders.iter().filter(|contender| ["memory", "disk"].contains(&contender.name)) {
            restart(contender, round);
        }
    }
    for contender in contenders.iter().filter(|contender| contender.name != "splice") {
        idle(contender);
    }
}

fn contender((name, keeping): (&'static str, Option<Keeping>)) -> Option<Contender> {
    let mut bed = Bed::build("bench proxy", &[], keeping.unwrap_or(Keeping::Nothing))?;
    match keeping {
        None => splicing::start(&bed),
        Some(_) => {
            bed.start(Place::There);
            bed.start(Place::Here);
        }
    }
    let listener = bed.site(Place::There).run(|| TcpListener::bind(SERVER).unwrap());
    Some(Contender { name, bed, listener })
}

fn print(group: &str, contender: &Contender, figure: f64, round: u32) {
    println!("{group}\t{}\t{figure:.1}\t{round}", contender.name);
}

/// Both ends of a new connection through the chain.
fn connected(contender: &Contender) -> (TcpStream, TcpStream) {
    let client = contender.bed.site(Place::Here).run(|| TcpStream::connect(SERVER).unwrap());
    let (server, _) = contender.listener.accept().unwrap();
    (client, server)
}

fn throughput(contender: &Contender, round: u32) {
    let (client, mut server) = connected(contender);
    let before = committed(contender);
    let began = Instant::now();
    let sender = thread::spawn(move || {
        let octets = vec![0x5a; CHUNK_OCTETS];
        let mut client = client;
        while client.write_all(&octets).is_ok() {}
    });
    let mut room = vec![0; CHUNK_OCTETS];
    let mut count = |patience: Duration| {
        let (started, mut octets) = (Instant::now(), 0);
        while started.elapsed() < patience {
            octets += server.read(&mut room).unwrap();
        }
        octets as f64 / started.elapsed().as_secs_f64()
    };
    count(WARM_UP);
    let rate = count(MEASURED);
    print("proxy throughput [MiB/s]", contender, rate / f64::from(1 << 20), round);
    if let (Some((commits, octets)), Some((before, octets_before))) = (committed(contender), before) {
        let commits = (commits - before).max(1.0);
        print("proxy commits [1/s]", contender, commits / began.elapsed().as_secs_f64(), round);
        print(
            "proxy octets of a commit [KiB]",
            contender,
            (octets - octets_before) / commits / 1024.0,
            round,
        );
    }
    server.shutdown(Shutdown::Both).unwrap();
    drop(server);
    sender.join().unwrap();
}

/// Commits of the proxy here, and their octets.
fn committed(contender: &Contender) -> Option<(f64, f64)> {
    if contender.name == "splice" {
        return None;
    }
    let control = contender.bed.folder().join("control-202");
    let mut client = hiatus_host::control::ControlClient::connect(&control).unwrap();
    match client.ask(&hiatus_host::control::Request::Status).unwrap() {
        hiatus_host::control::Answer::Status(status) if status.store != "absent" => {
            Some((status.commits as f64, status.committed_octets as f64))
        }
        _ => None,
    }
}

/// From SIGKILL to the first octet that the next process brings.
fn restart(contender: &Contender, round: u32) {
    let (mut client, mut server) = connected(contender);
    client.set_nodelay(true).unwrap();
    let mut octet = [0];
    // Both proxies have it in a durable epoch.
    for _ in 0..20 {
        client.write_all(&octet).unwrap();
        server.read_exact(&mut octet).unwrap();
        thread::sleep(Duration::from_millis(20));
    }
    contender.bed.kill_proxy(Place::Here);
    let killed = Instant::now();
    client.write_all(&octet).unwrap();
    server.read_exact(&mut octet).unwrap();
    let millis = killed.elapsed().as_secs_f64() * 1e3;
    print("proxy from SIGKILL to the first octet [ms]", contender, millis, round);
}

fn idle(contender: &Contender) {
    thread::sleep(REST);
    let before = resident(contender);
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let pairs = descriptors.saturating_sub(OTHER_DESCRIPTORS) / 2;
    let connections = usize::try_from(pairs).unwrap_or(usize::MAX).min(IDLE_CONNECTIONS);
    let mut ends = Vec::with_capacity(connections);
    for _ in 0..connections {
        let (mut client, mut server) = connected(contender);
        // An octet has passed: nothing is left to be negotiated.
        client.write_all(&[1]).unwrap();
        server.read_exact(&mut [0]).unwrap();
        ends.push((client, server));
    }
    thread::sleep(REST);
    let octets = (resident(contender) - before) / connections as f64;
    print("proxy memory of an idle connection [octets]", contender, octets, 0);
}

/// Octets of memory of the proxy here.
fn resident(contender: &Contender) -> f64 {
    let pid = contender.bed.proxy(Place::Here).unwrap().as_raw_nonzero();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1024.0
}
