//! One direction between two hosts: a rate, a delay, a queue, and losses that a seed chooses.

use core::time::Duration;
use std::collections::VecDeque;

use hiatus_engine::Time;
use oorandom::Rand32;

/// Octets of an IPv4 header, which the link carries too.
const IP_HEADER_OCTETS: u64 = 20;
const NANOS_PER_SECOND: u64 = 1_000_000_000;
const NANOS_PER_MICRO: u64 = 1_000;

/// What a link is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LinkConfig {
    /// Bits of IP packets in a second; at least 1.
    pub(crate) bits_per_second: u64,
    /// What every packet takes beside its own length.
    pub(crate) delay: Duration,
    /// Octets that may wait before the link; what finds more is dropped.
    pub(crate) queue_octets_max: u64,
    /// Packets lost, in a thousand.
    pub(crate) loss_per_mille: u32,
    /// Chooses which.
    pub(crate) seed: u64,
}

/// A link: packets stay in order.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    config: LinkConfig,
    /// When all that waits has been sent.
    busy_until_ns: u64,
    under_way: VecDeque<(Time, Vec<u8>)>,
    /// Buffers that are used again.
    spare: Vec<Vec<u8>>,
    random: Rand32,
    /// Packets that the queue had no room for.
    pub(crate) dropped: u64,
}

impl Link {
    pub(crate) fn new(config: LinkConfig) -> Self {
        Self {
            config,
            busy_until_ns: 0,
            under_way: VecDeque::new(),
            spare: Vec::new(),
            random: Rand32::new(config.seed),
            dropped: 0,
        }
    }

    /// A segment of TCP leaves.
    pub(crate) fn send(&mut self, now: Time, octets: &[u8]) {
        let rate = self.config.bits_per_second.max(1);
        let own_octets = u64::try_from(octets.len()).unwrap_or(u64::MAX) + IP_HEADER_OCTETS;
        let now_ns = now.micros() * NANOS_PER_MICRO;
        let waiting_ns = self.busy_until_ns.saturating_sub(now_ns);
        // Microseconds first: a second's octets at the rates in use do not overflow.
        let waiting_octets = waiting_ns / NANOS_PER_MICRO * rate / 8 / 1_000_000;
        if waiting_octets + own_octets > self.config.queue_octets_max {
            self.dropped += 1;
            return;
        }
        let takes_ns = (own_octets * 8 * NANOS_PER_SECOND).div_ceil(rate);
        self.busy_until_ns = self.busy_until_ns.max(now_ns) + takes_ns;
        // A packet that is lost has taken its time on the link.
        if self.random.rand_range(0..1000) < self.config.loss_per_mille {
            return;
        }
        let arrives_at = Time(self.busy_until_ns.div_ceil(NANOS_PER_MICRO)) + self.config.delay;
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.clear();
        buffer.extend_from_slice(octets);
        self.under_way.push_back((arrives_at, buffer));
    }

    /// When the next packet arrives.
    pub(crate) fn next_arrival(&self) -> Option<Time> {
        self.under_way.front().map(|(at, _)| *at)
    }

    /// The next packet that has arrived by `now`.
    pub(crate) fn arrived(&mut self, now: Time) -> Option<Vec<u8>> {
        if self.next_arrival()? > now {
            return None;
        }
        self.under_way.pop_front().map(|(_, octets)| octets)
    }

    /// Takes a buffer back that [`arrived`](Self::arrived) gave.
    pub(crate) fn give_back(&mut self, buffer: Vec<u8>) {
        self.spare.push(buffer);
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use hiatus_engine::Time;

    use super::{Link, LinkConfig};

    #[test]
    fn link_takes_its_time_for_every_octet_and_drops_what_has_no_room() {
        let config = LinkConfig {
            bits_per_second: 8_000_000,
            delay: Duration::from_millis(10),
            queue_octets_max: 2500,
            loss_per_mille: 0,
            seed: 1,
        };
        let mut link = Link::new(config);
        for _ in 0..3 {
            // 1000 octets of IP packet take a millisecond.
            link.send(Time::ZERO, &[0; 980]);
        }
        assert_eq!(link.next_arrival(), Some(Time::from_millis(11)));
        assert!(link.arrived(Time::from_millis(10)).is_none());
        assert!(link.arrived(Time::from_millis(11)).is_some());
        assert_eq!((link.next_arrival(), link.dropped), (Some(Time::from_millis(12)), 1));
        // A millisecond later there is room again.
        link.send(Time::from_millis(1), &[0; 980]);
        assert_eq!(link.under_way.len(), 2);
    }

    #[test]
    fn link_loses_the_share_that_it_is_told_to() {
        let config = LinkConfig {
            bits_per_second: 1_000_000_000_000,
            delay: Duration::ZERO,
            queue_octets_max: u64::MAX / 2,
            loss_per_mille: 100,
            seed: 7,
        };
        let mut link = Link::new(config);
        for _ in 0..10_000 {
            link.send(Time::ZERO, &[0; 100]);
        }
        assert!((8_800..9_200).contains(&link.under_way.len()), "{}", link.under_way.len());
    }
}
