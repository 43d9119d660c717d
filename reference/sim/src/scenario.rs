//! What is to be simulated, told as a story.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;

use hiatus_codec::{CapableBits, ConnectionKey, HoldTime, Nonce, SequenceNumber};
use hiatus_engine::{Command, Config, Connection, Endpoints, Entropy, HiatusPolicy, KeySource, Offer, Time};
use oorandom::Rand64;

use crate::application::Habits;
use crate::checksum::Addresses;
use crate::host::Host;
use crate::path::{Path, Strip};
use crate::sim::{Happening, Side, Sim};
use crate::wire::Wire;

/// Of what the initiator sends.
const ADDRESSES: Addresses =
    Addresses { source: Ipv4Addr::new(192, 0, 2, 1), destination: Ipv4Addr::new(192, 0, 2, 2) };
/// The initiator's address and port.
const A: SocketAddr = SocketAddr::new(IpAddr::V4(ADDRESSES.source), 40_000);
/// The responder's.
const B: SocketAddr = SocketAddr::new(IpAddr::V4(ADDRESSES.destination), 80);
/// Offered by both ends unless told otherwise.
const HOLD_SECONDS: u32 = 24 * 3600;

/// A scenario under construction. Everything random in it comes from the seed.
#[derive(Debug, Clone)]
pub struct Scenario {
    seed: u64,
    configs: [Config; 2],
    paths: [Path; 2],
    plans: Vec<(Time, Happening)>,
    octets: [usize; 2],
    closes: [bool; 2],
    habits: [Habits; 2],
    doomed: [Vec<u32>; 2],
    opening: Opening,
    derives_key: bool,
    isns: [Option<SequenceNumber>; 2],
}

/// Who sends a SYN of its own accord.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opening {
    /// The initiator.
    Active,
    /// Both ends (RFC 9293, section 3.5, figure 7).
    Simultaneous,
}

impl Scenario {
    /// Two hosts that both may suspend (S) and both hold for a day, 10 ms apart, on a perfect network.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let offer = Offer {
            bits: CapableBits::new(CapableBits::VERSION).with_silent(),
            hold: HoldTime::from_seconds(HOLD_SECONDS),
        };
        let config = Config { hiatus: HiatusPolicy::On(offer), ..Config::default() };
        Self {
            seed,
            configs: [config; 2],
            paths: [Path::default(); 2],
            plans: Vec::new(),
            octets: [0; 2],
            closes: [false; 2],
            habits: [Habits::default(); 2],
            doomed: [Vec::new(), Vec::new()],
            opening: Opening::Active,
            derives_key: false,
            isns: [None; 2],
        }
    }

    /// Changes the configuration of one end.
    #[must_use]
    pub fn config(mut self, side: Side, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.configs[side.index()]);
        self
    }

    /// Makes one end plain TCP.
    #[must_use]
    pub fn plain(self, side: Side) -> Self {
        self.config(side, |config| config.hiatus = HiatusPolicy::Off)
    }

    /// Changes the path that begins at `from`.
    #[must_use]
    pub fn path(mut self, from: Side, change: impl FnOnce(&mut Path)) -> Self {
        change(&mut self.paths[from.index()]);
        self
    }

    /// Loses so many segments in a thousand, both ways.
    #[must_use]
    pub fn loss(self, per_mille: u16) -> Self {
        self.both_paths(|path| path.loss_per_mille = per_mille)
    }

    /// Loses the segments that `from` sends with these numbers, counted from 1.
    #[must_use]
    pub fn loses(mut self, from: Side, numbers: impl IntoIterator<Item = u32>) -> Self {
        self.doomed[from.index()].extend(numbers);
        self
    }

    /// Doubles so many segments in a thousand, both ways.
    #[must_use]
    pub fn duplicates(self, per_mille: u16) -> Self {
        self.both_paths(|path| path.duplicates_per_mille = per_mille)
    }

    /// Delays every segment by `delay` and up to `jitter` more, both ways.
    #[must_use]
    pub fn delay(self, delay: Duration, jitter: Duration) -> Self {
        self.both_paths(|path| (path.delay, path.jitter) = (delay, jitter))
    }

    /// Strips Hiatus options from what `from` sends.
    #[must_use]
    pub fn strip(self, from: Side, strip: Strip) -> Self {
        self.path(from, |path| path.strip = strip)
    }

    fn both_paths(mut self, change: impl Fn(&mut Path)) -> Self {
        self.paths.iter_mut().for_each(change);
        self
    }

    /// Lets the application at `side` write so many octets, drawn from the seed.
    #[must_use]
    pub fn writes(mut self, side: Side, count_octets: usize) -> Self {
        self.octets[side.index()] = count_octets;
        self
    }

    /// Closes `side` once everything is written.
    #[must_use]
    pub fn closes(mut self, side: Side) -> Self {
        self.closes[side.index()] = true;
        self
    }

    /// Changes how the application at `side` goes about it.
    #[must_use]
    pub fn habits(mut self, side: Side, change: impl FnOnce(&mut Habits)) -> Self {
        change(&mut self.habits[side.index()]);
        self
    }

    /// Lets both ends open actively at once.
    #[must_use]
    pub fn both_open(mut self) -> Self {
        self.opening = Opening::Simultaneous;
        self
    }

    /// Suspends `side` at `at` for `absence`: it says so, waits a little for the answer, and stops.
    #[must_use]
    pub fn suspends(mut self, side: Side, at: Time, absence: Duration) -> Self {
        let expected_absence = HoldTime::NONE;
        self.plans.push((at, Happening::Command(side, Command::Suspend { expected_absence })));
        self.plans.push((at + absence, Happening::PowerOff(side)));
        self.plans.push((at + absence, Happening::PowerOn(side)));
        self
    }

    /// Cuts the power of `side` at `at` for `absence`, without a word; its memory stays.
    #[must_use]
    pub fn loses_power(mut self, side: Side, at: Time, absence: Duration) -> Self {
        self.plans.push((at, Happening::PowerOff(side)));
        self.plans.push((at + absence, Happening::PowerOn(side)));
        self
    }

    /// Lets the responder derive its key again when it has no state of the connection (draft, {#keys}).
    #[must_use]
    pub fn responder_derives_its_key(mut self) -> Self {
        self.derives_key = true;
        self
    }

    /// Sets the initial sequence number of `side`, which otherwise comes from the seed.
    #[must_use]
    pub fn isn(mut self, side: Side, isn: SequenceNumber) -> Self {
        self.isns[side.index()] = Some(isn);
        self
    }

    /// Lets something happen at a time.
    #[must_use]
    pub fn plan(mut self, at: Time, happening: Happening) -> Self {
        self.plans.push((at, happening));
        self
    }

    /// The scenario at time 0, ready to run.
    #[must_use]
    pub fn start(self) -> Sim {
        let mut random = Rand64::new(u128::from(self.seed));
        let source_b = if self.derives_key { KeySource::Derived } else { KeySource::Drawn };
        let mut entropies = [KeySource::Drawn, source_b].map(|source| entropy(&mut random, source));
        for (entropy, isn) in entropies.iter_mut().zip(self.isns) {
            entropy.isn = isn.unwrap_or(entropy.isn);
        }
        let [config_a, config_b] = self.configs;
        let [entropy_a, entropy_b] = entropies;
        let a = Connection::connect(Time::ZERO, config_a, Endpoints { local: A, remote: B }, entropy_a);
        let b = match self.opening {
            Opening::Active => Connection::listen(config_b, B, entropy_b),
            Opening::Simultaneous => {
                Connection::connect(Time::ZERO, config_b, Endpoints { local: B, remote: A }, entropy_b)
            }
        };
        let mut hosts = [Host::new(a, ADDRESSES), Host::new(b, ADDRESSES.reversed())];
        for (index, host) in hosts.iter_mut().enumerate() {
            let octets: Vec<u8> = (0..self.octets[index]).map(|_| octet(&mut random)).collect();
            host.write_later(&octets);
            host.habits = self.habits[index];
            if self.closes[index] {
                host.close_later();
            }
        }
        if self.derives_key {
            hosts[Side::B.index()].derive_key(entropy_b.connection_key);
        }
        let [doomed_a, doomed_b] = self.doomed;
        let wires = [(Side::A, doomed_a), (Side::B, doomed_b)]
            .map(|(side, doomed)| Wire::new(self.seed, side.stream(), doomed));
        let mut sim = Sim::new(hosts, self.paths, wires, random);
        for (at, happening) in self.plans {
            sim.plan(at, happening);
        }
        sim
    }
}

fn entropy(random: &mut Rand64, key_source: KeySource) -> Entropy {
    let mut number = || u32::try_from(random.rand_u64() >> 32).unwrap_or(0);
    Entropy {
        isn: SequenceNumber(number()),
        connection_key: ConnectionKey((u64::from(number()) << 32 | u64::from(number())).to_be_bytes()),
        key_source,
        nonce: Nonce(number().max(1)),
        timestamp_offset: number(),
    }
}

fn octet(random: &mut Rand64) -> u8 {
    let [first, ..] = random.rand_u64().to_be_bytes();
    first
}
