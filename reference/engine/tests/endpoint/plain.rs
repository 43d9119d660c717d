//! Plain TCP that survives a crash of one end at any instant: the other is an ordinary TCP (draft, {#durable-plain}).
//!
//! The packets of the end that crashes are judged as they leave: nothing is sent or acknowledged that is not in a durable
//! epoch. Both applications get every octet, once and in order, and nobody is reset.

mod world;

use core::time::Duration;

use hiatus_engine::{Config, HiatusState, PlainTcp, Sacking, Timestamping};

use crate::net::{V4, V6, hiatus_config};
use world::{Away, Opens, Told, World};

/// Short segments make many instants. Absences may last longer than the patience of an ordinary host.
fn ordinary() -> Config {
    Config { mss_octets: 300, r2: Duration::from_secs(3600), ..Config::default() }
}

/// What the end that crashes is told.
fn durable() -> Config {
    Config { plain: PlainTcp::Durable, ..ordinary() }
}

/// Octets each way: several windows of the small buffers below.
const OCTETS: usize = 12_000;

fn small(config: Config) -> Config {
    Config { receive_buffer_octets: 4000, send_buffer_octets: 4000, ..config }
}

/// Crashes at every event of a transfer, once and once more soon after; gives how many crashes there were.
fn at_every_instant(make: impl Fn() -> World) -> usize {
    let mut crashes = 0;
    for first in 0.. {
        let mut world = make();
        world.crash_at = vec![first, first + 17];
        if let Err(what) = world.run() {
            panic!("crash at event {first}: {what}");
        }
        crashes += world.crashes;
        if world.crashes == 0 {
            return crashes;
        }
    }
    crashes
}

#[test]
fn nothing_is_lost_whenever_it_crashes() {
    for opens in [Opens::Peer, Opens::Own] {
        let crashes = at_every_instant(|| World::new(V4, opens, ordinary(), durable(), OCTETS));
        assert!(crashes > 150, "{opens:?}: {crashes}");
    }
}

#[test]
fn nothing_is_lost_with_small_buffers_and_slow_readers() {
    let crashes = at_every_instant(|| {
        let mut world = World::new(V6, Opens::Peer, small(ordinary()), small(durable()), OCTETS);
        world.read_octets_max = 300;
        world
    });
    assert!(crashes > 150, "{crashes}");
}

#[test]
fn nothing_is_lost_without_timestamps_and_sack() {
    let without = |config| Config { timestamps: Timestamping::Off, sack: Sacking::Off, ..config };
    let crashes =
        at_every_instant(|| World::new(V4, Opens::Peer, without(ordinary()), without(durable()), OCTETS));
    assert!(crashes > 150, "{crashes}");
}

#[test]
fn nothing_is_lost_on_a_network_that_loses() {
    for seed in 0..2 {
        let crashes = at_every_instant(|| {
            let mut world = World::new(V4, Opens::Peer, ordinary(), durable(), OCTETS);
            (world.seed, world.lost_of_100) = (seed, 8);
            world.away = if seed % 2 == 0 { Away::Shortly } else { Away::Long };
            world
        });
        assert!(crashes > 150, "{crashes}");
    }
}

#[test]
fn a_connection_that_fell_back_is_as_durable() {
    let own = Config { plain: PlainTcp::Durable, mss_octets: 300, r2: ordinary().r2, ..hiatus_config() };
    let mut world = World::new(V4, Opens::Own, ordinary(), own, OCTETS);
    world.run().unwrap();
    assert_eq!(world.hiatus, Some(HiatusState::Off), "the peer is plain TCP");
    let crashes = at_every_instant(|| World::new(V4, Opens::Own, ordinary(), own, OCTETS));
    assert!(crashes > 150, "{crashes}");
}

#[test]
fn a_promise_that_is_not_kept_is_noticed() {
    // What is told to be durable is in the store only later: the same as to send and to acknowledge too early.
    let mut world = World::new(V4, Opens::Peer, ordinary(), durable(), OCTETS);
    world.told = Told::WhenTaken;
    let what = world.run().unwrap_err();
    assert!(what.contains("durable"), "{what}");
}

#[test]
fn a_promise_that_is_not_kept_loses_octets() {
    let went_wrong = (0..60).filter(|first| {
        let mut world = World::new(V4, Opens::Peer, ordinary(), durable(), OCTETS);
        (world.told, world.judges_packets, world.crash_at) = (Told::WhenTaken, false, vec![*first]);
        world.run().is_err()
    });
    assert!(went_wrong.count() > 0, "this is why it is judged");
}

#[test]
fn without_the_policy_it_is_lost() {
    let mut world = World::new(V4, Opens::Peer, ordinary(), ordinary(), OCTETS);
    world.judges_packets = false;
    world.crash_at = vec![60];
    let what = world.run().unwrap_err();
    assert!(what.contains("is lost"), "{what}");
}

#[test]
fn of_an_older_epoch_it_is_lost() {
    let mut world = World::new(V4, Opens::Peer, ordinary(), durable(), OCTETS);
    world.restores = world::Restores::Older;
    world.crash_at = vec![60];
    let what = world.run().unwrap_err();
    assert!(what.contains("is lost"), "{what}");
}

/// RTOs of 1, 2, 4, 8 and 16 seconds (RFC 6298): in an absence of 20 seconds, the next retransmission comes 31 seconds after
/// the first transmission.
#[test]
fn a_peer_goes_on_with_its_next_retransmission() {
    let mut undisturbed = World::new(V4, Opens::Peer, ordinary(), durable(), OCTETS);
    undisturbed.run().unwrap();
    for first in (0..100).step_by(5) {
        let mut world = World::new(V4, Opens::Peer, ordinary(), durable(), OCTETS);
        (world.crash_at, world.away) = (vec![first], Away::Long);
        world.run().unwrap();
        let later = world.read_at.since(undisturbed.read_at);
        assert!(later < Duration::from_secs(32), "event {first}: {later:?}");
    }
}
