//! What is compared, under which conditions, and the ends that it makes.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;

use hiatus_codec::{CapableBits, ConnectionKey, HoldTime, Nonce, SequenceNumber};
use hiatus_engine::{
    Acknowledging, Config, Connection, Endpoints, Entropy, HiatusPolicy, KeySource, Nagle, Offer, Time,
};
use serde::{Deserialize, Serialize};

use crate::application::Application;
use crate::end::End;
use crate::keeping::{Journal, Rhythm, Snapshots};
use crate::link::{Link, LinkConfig};
use crate::world::World;

/// What one flush of a journal takes.
pub const FLUSH: Duration = Duration::from_millis(1);
/// From TAKEN to DURABLE, as a share of the interval.
const DURABLE_SHARE: u32 = 10;
/// Octets of a window at least, whatever rate and delay are.
const WINDOW_OCTETS_MIN: u64 = 128 * 1024;
/// No end retains, or holds back, more than this.
pub const LIMIT_OCTETS_MAX: u64 = 192 * 1024 * 1024;
/// Retained and held octets may be so many quarters of what rate and interval ask for.
const LIMIT_QUARTERS: u64 = 5;
const HOLD_SECONDS: u32 = 24 * 3600;
/// Of all hosts: their ends differ in ports.
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// Who keeps received octets for a host that may be rolled back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keeping {
    /// Nobody: plain TCP.
    Plain,
    /// The peer retains them.
    Peer,
    /// The host's journal.
    Journal,
    /// Nobody, and they are not acknowledged before the epoch is DURABLE.
    Withhold,
    /// The journal of a broker half way to a peer that is plain TCP; the broker retains them.
    Broker,
}

/// When the host sends what its application writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sends {
    /// At once.
    Unheld,
    /// Once it is in a DURABLE epoch.
    HoldSend,
}

/// A placement of received octets and a way to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Placement {
    /// Of what the host receives.
    pub keeping: Keeping,
    /// What the host sends.
    pub sends: Sends,
}

impl Placement {
    /// Plain TCP, which everything is compared with.
    pub const PLAIN: Self = Self { keeping: Keeping::Plain, sends: Sends::Unheld };

    /// All that are compared.
    pub const ALL: [Self; 8] = [
        Self::PLAIN,
        Self { keeping: Keeping::Peer, sends: Sends::Unheld },
        Self { keeping: Keeping::Peer, sends: Sends::HoldSend },
        Self { keeping: Keeping::Journal, sends: Sends::Unheld },
        Self { keeping: Keeping::Journal, sends: Sends::HoldSend },
        Self { keeping: Keeping::Broker, sends: Sends::Unheld },
        Self { keeping: Keeping::Broker, sends: Sends::HoldSend },
        Self { keeping: Keeping::Withhold, sends: Sends::Unheld },
    ];
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.keeping {
            Keeping::Plain => "plain TCP",
            Keeping::Peer => "peer retains",
            Keeping::Journal => "journal",
            Keeping::Withhold => "withhold",
            Keeping::Broker => "broker",
        })?;
        if self.sends == Sends::HoldSend { f.write_str(", hold-send") } else { Ok(()) }
    }
}

/// The host's snapshots and the path to its peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Conditions {
    /// From one TAKEN to the next.
    pub interval_ms: u64,
    /// Megabits of IP packets in a second, both ways.
    pub rate_mbit_s: u64,
    /// There and back without queues.
    pub rtt_ms: u64,
}

impl Conditions {
    /// From one TAKEN to the next, and from TAKEN to DURABLE.
    #[must_use]
    pub fn rhythm(&self) -> Rhythm {
        let interval = Duration::from_millis(self.interval_ms);
        Rhythm { interval, durable_after: interval / DURABLE_SHARE }
    }

    /// There and back without queues.
    #[must_use]
    pub fn rtt(&self) -> Duration {
        Duration::from_millis(self.rtt_ms)
    }

    fn octets_in(&self, ms: u64) -> u64 {
        // Megabits in a second are kilobits in a millisecond.
        self.rate_mbit_s * 1000 / 8 * ms
    }

    /// Octets that both buffers of a transfer have room for: more than rate times round trip.
    fn window_octets(&self) -> u64 {
        (self.octets_in(self.rtt_ms) * LIMIT_QUARTERS / 4).max(WINDOW_OCTETS_MIN)
    }

    /// How much a peer retains, or a host holds back, at most: a quarter more than rate * (S + L + RTT), and a second of it
    /// more, since one EPOCH a second is enough.
    #[must_use]
    pub fn limit_octets(&self) -> u64 {
        let durable_ms = self.interval_ms / u64::from(DURABLE_SHARE);
        let needed = self.octets_in(self.interval_ms + durable_ms + self.rtt_ms + 1000);
        (needed * LIMIT_QUARTERS / 4 + self.window_octets()).min(LIMIT_OCTETS_MAX)
    }
}

/// What the two applications do.
#[derive(Debug, Clone)]
pub(crate) struct Roles {
    pub(crate) host: Application,
    pub(crate) peer: Application,
}

/// Losses of both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Losses {
    pub(crate) per_mille: u32,
    pub(crate) seed: u64,
}

/// Which part an end plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Host,
    BrokerTowardsHost,
    BrokerTowardsPeer,
    Peer,
}

/// The host, its peer, and a broker where there is one.
pub(crate) fn world(placement: Placement, conditions: &Conditions, roles: &Roles, losses: Losses) -> World {
    let parts: &[Part] = match placement.keeping {
        Keeping::Broker => &[Part::Host, Part::BrokerTowardsHost, Part::BrokerTowardsPeer, Part::Peer],
        _ => &[Part::Host, Part::Peer],
    };
    let hops = u32::try_from(parts.len()).unwrap_or(2);
    let mut ends = Vec::new();
    let mut links = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let config = config(placement, conditions, *part);
        let application = match part {
            Part::Host => roles.host.clone(),
            Part::BrokerTowardsHost => Application::Relays { to: 2 },
            Part::BrokerTowardsPeer => Application::Relays { to: 1 },
            Part::Peer => roles.peer.clone(),
        };
        let mut end = End::new(connection(config, index), isn(index), application);
        if config.acknowledging == Acknowledging::WhenStable && placement.keeping != Keeping::Withhold {
            end.journal = Some(Journal::new(FLUSH));
        }
        if *part == Part::Host && placement.keeping != Keeping::Plain {
            let rhythm = conditions.rhythm();
            end.snapshots = Some(Snapshots::new(rhythm, Time::ZERO + rhythm.interval));
        }
        ends.push(end);
        links.push(Link::new(LinkConfig {
            bits_per_second: conditions.rate_mbit_s * 1_000_000,
            delay: conditions.rtt() / hops,
            queue_octets_max: 4 * conditions.window_octets(),
            loss_per_mille: losses.per_mille,
            seed: losses.seed * 8 + u64::try_from(index).unwrap_or(0),
        }));
    }
    World::new(ends, links)
}

/// Two hosts that do the same: either may be rolled back, retains for the other and holds back what it sends.
pub(crate) fn twins(conditions: &Conditions, roles: &Roles, losses: Losses) -> World {
    let placement = Placement { keeping: Keeping::Peer, sends: Sends::HoldSend };
    let mut world = world(placement, conditions, roles, losses);
    let rhythm = conditions.rhythm();
    for (index, end) in world.ends.iter_mut().enumerate() {
        let bits = CapableBits::new(CapableBits::VERSION).with_older().with_retention();
        let offer = Offer { bits, hold: HoldTime::from_seconds(HOLD_SECONDS) };
        let config = Config { hiatus: HiatusPolicy::On(offer), ..config(placement, conditions, Part::Host) };
        end.state.connection = connection(config, index);
        // They need not keep step.
        let first = rhythm.interval / u32::try_from(index + 1).unwrap_or(1);
        end.snapshots = Some(Snapshots::new(rhythm, Time::ZERO + first));
    }
    world
}

fn config(placement: Placement, conditions: &Conditions, part: Part) -> Config {
    let window = u32::try_from(conditions.window_octets()).unwrap_or(u32::MAX);
    let limit = u32::try_from(conditions.limit_octets()).unwrap_or(u32::MAX);
    let bits = CapableBits::new(CapableBits::VERSION);
    let bits = match (placement.keeping, part) {
        (Keeping::Plain, _) | (Keeping::Broker, Part::BrokerTowardsPeer | Part::Peer) => None,
        (_, Part::Host) => Some(bits.with_older()),
        (Keeping::Peer, Part::Peer) | (Keeping::Broker, _) => Some(bits.with_silent().with_retention()),
        _ => Some(bits.with_silent()),
    };
    let hold = HoldTime::from_seconds(HOLD_SECONDS);
    let journals = match placement.keeping {
        Keeping::Plain | Keeping::Peer => false,
        Keeping::Journal | Keeping::Withhold => part == Part::Host,
        Keeping::Broker => matches!(part, Part::BrokerTowardsHost | Part::BrokerTowardsPeer),
    };
    let holds = placement.sends == Sends::HoldSend && part == Part::Host;
    let units = u32::BITS - (window >> 16).leading_zeros();
    let config = Config {
        receive_buffer_octets: window,
        send_buffer_octets: if holds { limit.max(2 * window) } else { 2 * window },
        window_scale: Some(u8::try_from(units).unwrap_or(0)),
        nagle: Nagle::Off,
        acknowledging: if journals { Acknowledging::WhenStable } else { Acknowledging::OnReceipt },
        hiatus: bits.map_or(HiatusPolicy::Off, |bits| HiatusPolicy::On(Offer { bits, hold })),
        ..Config::default()
    };
    crate::seam::config(config, limit, placement.sends, part == Part::Host)
}

fn isn(index: usize) -> u32 {
    (u32::try_from(index).unwrap_or(0) + 1).wrapping_mul(0x1357_9bdf)
}

/// Even ends open actively, to the next.
fn connection(config: Config, index: usize) -> Connection {
    let port = |index: usize| 40_000 + u16::try_from(index).unwrap_or(0);
    let local = SocketAddr::new(ADDRESS, port(index));
    let number = u32::try_from(index).unwrap_or(0) + 1;
    let entropy = Entropy {
        isn: SequenceNumber(isn(index)),
        connection_key: ConnectionKey([u8::try_from(number).unwrap_or(0); 8]),
        key_source: KeySource::Drawn,
        nonce: Nonce(number),
        timestamp_offset: 0,
    };
    if index.is_multiple_of(2) {
        let remote = SocketAddr::new(ADDRESS, port(index + 1));
        Connection::connect(Time::ZERO, config, Endpoints { local, remote }, entropy)
    } else {
        Connection::listen(config, local, entropy)
    }
}
