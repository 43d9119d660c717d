//! Epochs, and restores, beside what else happens to an endpoint: disks that are slow, strange peers, old SYNs.

use core::time::Duration;

use hiatus_codec::{CapableBits, HoldTime};
use hiatus_engine::{Config, HiatusPolicy, Offer, Sending};

use crate::net::{Net, V4};

fn older_config() -> Config {
    let bits = CapableBits::new(1).with_older().with_retention();
    let offer = Offer { bits, hold: HoldTime::from_seconds(7200) };
    Config { hiatus: HiatusPolicy::On(offer), sending: Sending::HoldSend, ..Config::default() }
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
