//! What a recovery is to be, and a broker between a host that is rolled back and a peer that knows nothing of it.

use hiatus_engine::Time;

use super::{Mishap, Return, bring_back, cut_off, recover};
use crate::application::Application;
use crate::end::States;
use crate::placement::{Conditions, Keeping, Losses, Placement, Roles, Sends, world};

#[test]
fn recovery_takes_a_round_trip_and_what_the_octets_take() {
    for rtt_ms in [20, 200] {
        for mishap in Mishap::ALL {
            let found = recover(mishap, rtt_ms, 0);
            assert_eq!(found.failed, 0, "{mishap:?}");
            // RESUME and RESUME-ACK, and the octets on the link.
            let rtt_us = rtt_ms * 1000;
            assert!(found.in_step_us <= rtt_us + 1000, "{mishap:?}: {found:?}");
            // What the host sends needs half a round trip more, and so does what both sent when RESUMEs crossed.
            if matches!(mishap, Mishap::PowerCut | Mishap::ReceiverRollback) {
                assert!(found.new_octet_us <= rtt_us * 3 / 2 + 2000, "{mishap:?}: {found:?}");
            }
        }
    }
}

#[test]
fn broker_outlives_a_rollback_of_its_host_for_a_peer_that_is_plain() {
    let conditions = Conditions { interval_ms: 1000, rate_mbit_s: 1, rtt_ms: 20 };
    for sends in [Sends::Unheld, Sends::HoldSend] {
        let placement = Placement { keeping: Keeping::Broker, sends };
        let roles = Roles { host: Application::Reads, peer: Application::Bulk };
        let mut world = world(placement, &conditions, &roles, Losses::default());
        world.ends[0].states = States::Kept;
        world.run(Time::from_millis(9_700), |_| false);
        cut_off(&mut world, &[0]);
        let read_before = world.ends[0].read_max;
        world.run(Time::from_secs(20), |_| false);
        // While the host is away the broker goes on acknowledging until its log is full.
        bring_back(&mut world, &[0], Return::Older);
        assert!(world.ends[0].state.read < read_before, "nothing was rolled back");
        world.run(Time::from_secs(25), |_| false);
        assert_eq!(world.closed, None);
        // Every octet was compared on the way.
        assert!(world.ends[0].state.read > read_before + 100_000, "{}", world.ends[0].state.read);
        // What the host has in a DURABLE epoch is cut off the log.
        let log_octets = world.ends[2].journal.as_ref().expect("a journal").octets_max;
        assert!(log_octets < 2_500_000, "{log_octets} octets in the log");
    }
}
