//! Byte-exact transfers over a bad network, with and without absences.

use core::time::Duration;

use hiatus_codec::HoldTime;
use hiatus_engine::{CloseReason, Command, Config, Event, HiatusState, TcpState, Time};
use hiatus_sim::{Happening, Scenario, Side, Sim};

const TRANSFER_OCTETS: usize = 64 * 1024;
const RUNS: u64 = 2000;

/// Loss, duplication and reordering that vary with the seed.
fn bad_network(seed: u64) -> Scenario {
    let loss_per_mille = u16::try_from(seed % 6 * 15).expect("small");
    let duplicates_per_mille = u16::try_from(seed % 5 * 10).expect("small");
    Scenario::new(seed)
        .loss(loss_per_mille)
        .duplicates(duplicates_per_mille)
        .delay(Duration::from_millis(10), Duration::from_millis(seed % 7 * 5))
        .writes(Side::A, TRANSFER_OCTETS)
        .writes(Side::B, TRANSFER_OCTETS)
        .closes(Side::A)
        .closes(Side::B)
}

/// Every octet arrived, once, in order, both ways, and both ends finished.
fn assert_exact(seed: u64, sim: &Sim) {
    for side in [Side::A, Side::B] {
        let (host, peer) = (sim.host(side), sim.host(side.peer()));
        assert_eq!(
            host.received.len(),
            peer.outgoing().len(),
            "seed {seed}: octets read at {side:?}: {:?}",
            host.events
        );
        assert!(host.received == peer.outgoing(), "seed {seed}: octets read at {side:?} differ");
        // An end that was away when the last ACK came may find that its peer is through TIME-WAIT and gone.
        let ends = [CloseReason::Finished, CloseReason::PeerHasNoState];
        assert!(
            ends.iter().any(|reason| host.has_seen(Event::Closed { reason: *reason })),
            "seed {seed}: {side:?} did not finish: {:?}",
            host.events
        );
    }
}

fn is_over(sim: &Sim) -> bool {
    [Side::A, Side::B].iter().all(|side| sim.host(*side).connection.state() == TcpState::Closed)
}

#[test]
fn transfers_are_exact_on_a_bad_network() {
    for seed in 0..RUNS / 2 {
        let mut sim = bad_network(seed).start();
        sim.run_while(Time::from_secs(4 * 3600), |sim| !is_over(sim));
        assert_exact(seed, &sim);
    }
}

/// So that there is a middle of the transfer: a long way, and little in flight.
fn slow(scenario: Scenario) -> Scenario {
    let small = |config: &mut Config| config.receive_buffer_octets = 8 * 1024;
    scenario
        .config(Side::A, small)
        .config(Side::B, small)
        .path(Side::A, |path| path.delay = Duration::from_millis(100))
        .path(Side::B, |path| path.delay = Duration::from_millis(100))
}

/// Both ends are on, and neither has read everything.
fn is_under_way(sim: &Sim) -> bool {
    [Side::A, Side::B].iter().all(|side| {
        let host = sim.host(*side);
        host.connection.hiatus_state() == HiatusState::On && host.received.len() < TRANSFER_OCTETS
    })
}

#[test]
fn transfers_are_exact_across_an_absence() {
    let mut in_the_middle_count = 0;
    for seed in RUNS / 2..RUNS {
        let side = if seed % 2 == 0 { Side::A } else { Side::B };
        let absence = Duration::from_secs(5 + seed * 131 % 7200);
        let mut sim = slow(bad_network(seed)).start();
        sim.run_while(Time::from_secs(600), |sim| !is_under_way(sim));
        let at = sim.now() + Duration::from_millis(seed * 37 % 200);
        let first = if seed % 3 == 0 {
            Happening::PowerOff(side)
        } else {
            Happening::Command(side, Command::Suspend { expected_absence: HoldTime::NONE })
        };
        sim.plan(at, first);
        sim.plan(at + absence, Happening::PowerOff(side));
        sim.plan(at + absence, Happening::PowerOn(side));
        sim.run_until(at);
        in_the_middle_count += u64::from(is_under_way(&sim));
        sim.run_while(Time::from_secs(8 * 3600), |sim| !is_over(sim));
        assert_exact(seed, &sim);
    }
    // Otherwise the test above would not have tested what it says.
    assert!(
        in_the_middle_count >= RUNS / 2 * 3 / 4,
        "absences in the middle of the transfer: {in_the_middle_count}"
    );
}

#[test]
fn transfers_are_exact_when_both_ends_are_absent() {
    for seed in 0..RUNS / 4 {
        let mut sim = slow(bad_network(seed)).start();
        sim.run_while(Time::from_secs(600), |sim| !is_under_way(sim));
        // The absences overlap, or one follows the other; each end goes away three times.
        for round in 0..3 {
            for (side, shift) in [(Side::A, 0), (Side::B, seed % 11)] {
                let at = sim.now()
                    + Duration::from_millis(seed * 37 % 200)
                    + Duration::from_secs(shift + round * 40);
                let first = if (seed + round) % 3 == 0 {
                    Happening::PowerOff(side)
                } else {
                    Happening::Command(side, Command::Suspend { expected_absence: HoldTime::NONE })
                };
                let back = at + Duration::from_secs(5 + seed * 7 % 30);
                sim.plan(at, first);
                sim.plan(back, Happening::PowerOff(side));
                sim.plan(back, Happening::PowerOn(side));
            }
        }
        sim.run_while(Time::from_secs(8 * 3600), |sim| !is_over(sim));
        assert_exact(seed, &sim);
    }
}
