//! Epochs, and restores, beside what else happens to an endpoint: disks that are slow, strange peers, old SYNs.

use core::time::Duration;
use std::collections::BTreeMap;

use hiatus_codec::{CapableBits, HoldTime};
use hiatus_engine::{
    Backlog, Config, ConnectionId, Endpoint, EndpointLimits, HiatusPolicy, Offer, Placed, Restoration, Saved,
    SelfState, Sending, TcpState, Time,
};

use crate::net::{B_SECRETS, Net, Side, V4, forged};

fn older_config() -> Config {
    let bits = CapableBits::new(1).with_older().with_retention();
    let offer = Offer { bits, hold: HoldTime::from_seconds(7200) };
    Config { hiatus: HiatusPolicy::On(offer), sending: Sending::HoldSend, ..Config::default() }
}

fn taken(endpoint: &mut Endpoint, now: Time, epoch: u32, records: &mut BTreeMap<ConnectionId, Vec<u8>>) {
    endpoint.snapshot_taken(now, epoch, |saved| match saved {
        Saved::Connection { id, record } => {
            records.insert(id, record.to_vec());
        }
        Saved::Gone { id } => {
            records.remove(&id);
        }
    });
}

#[test]
fn epochs_that_become_durable_late_let_octets_out_all_the_same() {
    let mut net = Net::new(V4, older_config());
    let (a, b) = net.connected();
    net.a.snapshot_taken(net.now, 1, |_| {});
    net.a.snapshot_durable(net.now, 1);
    net.exchange();
    // Each epoch is DURABLE when the twelfth after it is TAKEN.
    let mut read = 0;
    for epoch in 1..200_u32 {
        net.b.write(net.now, b, b"octet by octet").unwrap();
        net.b.snapshot_taken(net.now, epoch, |_| {});
        if let Some(durable) = epoch.checked_sub(12).filter(|epoch| *epoch > 0) {
            net.b.snapshot_durable(net.now, durable);
        }
        net.pass(Duration::from_millis(20));
        read += net.a.read(net.now, a, &mut [0; 4096]);
    }
    assert!(read > 150 * 14, "{read} octets");
}

/// B's connections after the restore.
fn restored(net: &mut Net, records: &BTreeMap<ConnectionId, Vec<u8>>, backlog: Backlog) -> Vec<ConnectionId> {
    let config = net.config;
    let life = Restoration { incarnation: 1, instance: [9; 16], tsval_ceiling: 1 << 30, taken: net.now };
    let mut b = Endpoint::restoring(B_SECRETS, EndpointLimits::default());
    net.listener = b.listen(net.addresses.b(), config, backlog).unwrap();
    let mut ids = Vec::new();
    let each = records.values().map(|record| (&config, record.as_slice()));
    b.restore(net.now, &life, each, |placed| {
        if let Placed::Kept(id) = placed {
            ids.push(id);
        }
    })
    .unwrap();
    net.b = b;
    ids
}

#[test]
fn whoever_comes_from_port_0_keeps_no_host_from_being_restored() {
    let mut net = Net::new(V4, older_config());
    let (_, b) = net.connected();
    // Another one, from a port that nobody has; its packets are those of an ordinary peer but for that.
    net.connect();
    let is_from = |packet: &[u8]| packet[20..22].try_into().map(u16::from_be_bytes).unwrap();
    let port = std::cell::Cell::new(0);
    for _ in 0..4 {
        let packets = net.leaving(Side::A);
        for packet in &packets {
            port.set(is_from(packet));
            net.give(Side::B, &[forged(packet, |segment| segment.source_port = 0)]);
        }
        for packet in net.leaving(Side::B) {
            net.give(Side::A, &[forged(&packet, |segment| segment.destination_port = port.get())]);
        }
    }
    let mut records = BTreeMap::new();
    taken(&mut net.b, net.now, 1, &mut records);
    assert!(records.contains_key(&b));
    assert_eq!(restored(&mut net, &records, Backlog::default()).len(), 1);
}

/// Both have closed, B last: it is in LINGER and is restored to that. Gives A's SYN as well.
fn restored_in_linger(backlog: Backlog) -> (Net, ConnectionId, Vec<u8>) {
    let mut net = Net::new(V4, older_config());
    let a = net.connect();
    let syn = net.leaving(Side::A).remove(0);
    net.give(Side::B, std::slice::from_ref(&syn));
    net.exchange();
    let b = net.b.accept(net.listener).unwrap();
    for (id, side) in [(a, Side::A), (b, Side::B)] {
        net.close(side, id);
        let now = net.now;
        let endpoint = net.side(side);
        endpoint.snapshot_taken(now, 1, |_| {});
        endpoint.snapshot_durable(now, 1);
        net.exchange();
    }
    // A has no epoch yet that has B's FIN.
    assert_eq!(net.b.state(b), TcpState::Linger);
    let mut records = BTreeMap::new();
    taken(&mut net.b, net.now, 2, &mut records);
    let ids = restored(&mut net, &records, backlog);
    assert_eq!(ids.len(), 1);
    (net, ids[0], syn)
}

#[test]
fn a_restored_host_gives_no_connection_up_for_an_old_syn() {
    let (mut net, b, syn) = restored_in_linger(Backlog::default());
    assert_eq!((net.b.state(b), net.b.self_state(b)), (TcpState::Linger, SelfState::Resuming));
    for tsval in [1, 1 << 30, (1 << 31) - 1, 1 << 31, u32::MAX] {
        // The same SYN by another clock: A's may stand anywhere.
        let mut old = syn.clone();
        let at = old.windows(2).rposition(|pair| pair == [8, 10]).unwrap();
        old[at + 2..at + 6].copy_from_slice(&u32::to_be_bytes(tsval));
        let old = forged(&old, |_| {});
        net.give(Side::B, &[old]);
        assert_eq!(net.b.state(b), TcpState::Linger, "{tsval}");
    }
}

#[test]
fn a_syn_that_is_refused_costs_no_restored_connection_its_turn() {
    let (mut net, b, syn) = restored_in_linger(Backlog { accept_max: 0, ..Backlog::default() });
    let later = forged(&syn, |segment| segment.seq = segment.seq.advanced_by(1 << 20));
    net.give(Side::B, &[later]);
    net.pass(Duration::from_secs(10));
    assert_eq!((net.b.state(b), net.b.self_state(b)), (TcpState::Linger, SelfState::Up));
}
