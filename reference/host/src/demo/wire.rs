//! The link between the hosts: a delay, a rate, and a queue that has an end.

use std::collections::VecDeque;
use std::time::Duration;

use hiatus_engine::Time;

use crate::demo::application::Side;

/// Octets of the longest packet.
pub(crate) const MTU_OCTETS: u16 = 1_500;
/// A packet that would wait longer for the link is lost.
const QUEUE_MAX: Duration = Duration::from_millis(250);

/// One direction.
#[derive(Debug, Default)]
struct Way {
    packets: VecDeque<(Time, Vec<u8>)>,
    /// When the link has sent what waits.
    free_at: Time,
}

/// Both directions.
#[derive(Debug)]
pub(crate) struct Wire {
    to_a: Way,
    to_b: Way,
    delay: Duration,
    octets_per_second: u64,
}

impl Wire {
    pub(crate) fn new(delay: Duration, octets_per_second: u64) -> Self {
        Self {
            to_a: Way::default(),
            to_b: Way::default(),
            delay,
            octets_per_second: octets_per_second.max(1),
        }
    }

    fn way(&mut self, to: Side) -> &mut Way {
        match to {
            Side::A => &mut self.to_a,
            Side::B => &mut self.to_b,
        }
    }

    /// A packet for `to`.
    pub(crate) fn send(&mut self, now: Time, to: Side, packet: &[u8]) {
        let (delay, rate) = (self.delay, self.octets_per_second);
        let way = self.way(to);
        let begins = way.free_at.max(now);
        if begins.since(now) > QUEUE_MAX {
            return;
        }
        let octets = u64::try_from(packet.len()).unwrap_or(u64::MAX);
        way.free_at = begins + Duration::from_micros(octets.saturating_mul(1_000_000) / rate);
        let due = way.free_at + delay;
        way.packets.push_back((due, packet.to_vec()));
    }

    /// The next packet that has arrived at `to`.
    pub(crate) fn receive(&mut self, now: Time, to: Side) -> Option<Vec<u8>> {
        let way = self.way(to);
        if way.packets.front().is_none_or(|(due, _)| *due > now) {
            return None;
        }
        way.packets.pop_front().map(|(_, packet)| packet)
    }
}
