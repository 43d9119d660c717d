//! What is counted and not timed: segments of a transfer, octets of an idle connection. The same on every run.
//!
//! Prints one line a figure, as xtask reads it: group with its unit, contender, figure.

#[allow(dead_code, reason = "the bench that measures time uses the rest")]
mod ours;
mod ring;
#[allow(dead_code, reason = "the bench that measures time uses the rest")]
mod smol;
#[allow(dead_code, reason = "the bench that measures time uses the rest")]
mod work;

use std::alloc::System;

use cap::Cap;

use crate::work::{Answers, Bulk, Hiatus};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// What is carried before segments are counted, and while they are.
const TRANSFER_OCTETS: usize = 64 << 20;
/// Connections among which memory is divided.
const IDLE_COUNT: usize = 100_000;
/// The peer's: its sets are searched one by one.
const PEER_IDLE_COUNT: usize = 2000;
const OURS: &str = "ours";

fn main() {
    for (name, bulk) in [
        ("MTU 1500", Bulk::at_mtu(1500)),
        ("MTU 1500, one ACK a burst", Bulk { answers: Answers::AllPackets, ..Bulk::at_mtu(1500) }),
        ("MTU 9000", Bulk::at_mtu(9000)),
        ("MTU 65535", Bulk::at_mtu(65_535)),
    ] {
        segments(name, bulk);
    }
    let group = "engine connect + close [packets]";
    let (mut ours, mut peer) = (ours::ChurnPair::new(0), smol::ChurnPair::new(0));
    print(
        group,
        OURS,
        packets(|| {
            ours.connect_and_close();
            ours.packets()
        }),
    );
    print(
        group,
        "smoltcp",
        packets(|| {
            peer.connect_and_close();
            peer.packets()
        }),
    );
    let of_peer = peer_idle();
    for (name, hiatus, presence) in [
        ("engine idle connection", Hiatus::Off, Presence::There),
        ("engine idle connection, Hiatus on", Hiatus::On, Presence::There),
        ("engine idle connection, held", Hiatus::On, Presence::Held),
    ] {
        print(&format!("{name} [octets]"), OURS, idle(hiatus, presence));
        print(&format!("{name} [octets]"), "smoltcp, 512 + 512", of_peer);
    }
}

fn print(group: &str, contender: &str, figure: f64) {
    println!("{group}\t{contender}\t{figure:.3}");
}

/// ACKs for a hundred segments with data, after the connection has run for a while.
fn segments(name: &str, bulk: Bulk) {
    let group = format!("engine bulk, {name} [ACKs per 100 data segments]");
    let mut ours = ours::BulkPair::new(bulk);
    let mut peer = smol::BulkPair::new(bulk);
    print(
        &group,
        OURS,
        acks_per_100(|octets| {
            ours.transfer(octets);
            ours.counts()
        }),
    );
    print(
        &group,
        "smoltcp",
        acks_per_100(|octets| {
            peer.transfer(octets);
            peer.counts()
        }),
    );
}

/// `transfer` carries octets and gives the segments with and without data so far.
fn acks_per_100(mut transfer: impl FnMut(usize) -> (u64, u64)) -> f64 {
    let (data_before, acks_before) = transfer(TRANSFER_OCTETS);
    let (data, acks) = transfer(TRANSFER_OCTETS);
    per(usize_of(acks - acks_before) * 100, usize_of(data - data_before))
}

/// Packets of one connection; `connect_and_close` gives those of all so far.
fn packets(mut connect_and_close: impl FnMut() -> u64) -> f64 {
    let before = connect_and_close();
    per(usize_of(connect_and_close() - before), 1)
}

fn usize_of(count: u64) -> usize {
    usize::try_from(count).expect("a small count")
}

fn per(octets: usize, count: usize) -> f64 {
    let as_f64 = |number: usize| f64::from(u32::try_from(number).expect("below 4 billion"));
    as_f64(octets) / as_f64(count)
}

/// Whether the peer of an idle connection is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    There,
    Held,
}

/// Everything that a server has allocated for one connection that was used and then left alone, its share of tables
/// included.
fn idle(hiatus: Hiatus, presence: Presence) -> f64 {
    let before = ALLOCATOR.allocated();
    let mut pair = ours::Pair::ordinary(ours::idle_config(hiatus));
    let clients = pair.add_idle(IDLE_COUNT);
    if presence == Presence::Held {
        pair.suspend(&clients);
    }
    drop(clients);
    pair.rest();
    // The clients and the link go; what stays is the server's.
    let server = pair.into_server();
    assert_eq!(server.connections(), IDLE_COUNT);
    per(ALLOCATOR.allocated() - before, IDLE_COUNT)
}

/// One socket with the smallest useful buffers, and its place in a set.
fn peer_idle() -> f64 {
    let before = ALLOCATOR.allocated();
    let crowd = smol::Crowd::new(PEER_IDLE_COUNT);
    let octets = ALLOCATOR.allocated() - before;
    drop(crowd);
    per(octets, 2 * PEER_IDLE_COUNT)
}
