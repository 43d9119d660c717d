//! Epochs, and restores, beside what else happens to an endpoint: disks that are slow, strange peers, old SYNs.

use core::time::Duration;
use std::collections::BTreeMap;

use hiatus_codec::{CapableBits, HoldTime};
use hiatus_engine::{
    Backlog, Config, ConnectionId, Endpoint, EndpointLimits, HiatusPolicy, Offer, Placed, Restoration, Saved,
    Sending, Time,
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
