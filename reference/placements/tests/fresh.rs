//! The committed figures are those that the code gives: some rows, measured again, octet for octet.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::PathBuf;

use hiatus_placements::{Keeping, Mishap, Recovery, Sends, draw, grid, recover, table};

fn committed(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../spec/generated/placements").join(name);
    std::fs::read_to_string(path).unwrap()
}

/// Every line of `found` stands in the committed file, and its head is the same.
fn assert_fresh(name: &str, found: &str, command: &str) {
    let committed = committed(name);
    assert_eq!(committed.lines().next(), found.lines().next(), "{name}: run `{command}`");
    for line in found.lines() {
        assert!(committed.lines().any(|old| old == line), "{name} has no `{line}`: run `{command}`");
    }
}

#[test]
fn placements_are_fresh() {
    let mut rows = grid::rows();
    let count = rows.len();
    // Those that take no time: every placement, every load, both ends of the range of round trips.
    rows.retain(|row| {
        let conditions = &row.conditions;
        conditions.rate_mbit_s == 1
            && conditions.rtt_ms != 20
            && [100, 1_000].contains(&conditions.interval_ms)
    });
    assert!(rows.len() < count / 8, "{} of {count} rows", rows.len());
    grid::measure(&mut rows, 2, || {});
    assert_fresh("placements.csv", &table::csv(&rows), "cargo xtask bench placements");
}

#[test]
fn recoveries_are_fresh() {
    let rows = [recover(Mishap::ReceiverRollback, 20, 0), recover(Mishap::BothRollback, 200, 20)];
    assert_fresh("recovery.csv", &table::recovery_csv(&rows), "cargo xtask bench recovery");
}

#[test]
fn tables_and_plots_are_those_of_the_figures() {
    let placements: Vec<grid::Row> = serde_json::from_str(&committed("placements.json")).unwrap();
    let recoveries: Vec<Recovery> = serde_json::from_str(&committed("recovery.json")).unwrap();
    let files =
        draw::placements(&placements).unwrap().into_iter().chain(draw::recoveries(&recoveries).unwrap());
    for (name, text) in files {
        assert!(
            committed(name) == text,
            "{name}: run `cargo run --release -p hiatus-placements -- --redraw`"
        );
    }
}

/// What the committed table says of one placement at 100 Mbit/s, epochs every 10 s.
fn goodput_in_kbit_s(keeping: &str, rtt_ms: &str) -> u64 {
    let text = committed("placements.csv");
    let names: Vec<_> = text.lines().next().unwrap().split(',').collect();
    let at = |name: &str| names.iter().position(|found| *found == name).unwrap();
    let row = text.lines().map(|line| line.split(',').collect::<Vec<_>>()).find(|cells| {
        let wanted = [("keeping", keeping), ("sends", "unheld"), ("interval_ms", "10000")];
        let path = [("rate_mbit_s", "100"), ("rtt_ms", rtt_ms)];
        wanted.iter().chain(&path).all(|(name, value)| cells[at(name)] == *value)
    });
    row.unwrap()[at("in_goodput_kbit_s")].parse().unwrap()
}

#[test]
fn peer_that_retains_keeps_99_percent_of_the_goodput_of_plain_tcp() {
    for rtt_ms in ["1", "20", "200"] {
        let (peer, plain) = (goodput_in_kbit_s("peer", rtt_ms), goodput_in_kbit_s("plain", rtt_ms));
        assert!(peer * 100 >= plain * 99, "{peer} of {plain} kbit/s at {rtt_ms} ms");
    }
}

#[test]
fn every_placement_is_in_the_table() {
    let rows = grid::rows();
    assert_eq!(committed("placements.csv").lines().count(), rows.len() + 1);
    for keeping in [Keeping::Plain, Keeping::Peer, Keeping::Journal, Keeping::Broker, Keeping::Withhold] {
        assert!(rows.iter().any(|row| row.placement.keeping == keeping));
    }
    assert!(rows.iter().any(|row| row.placement.sends == Sends::HoldSend));
}
