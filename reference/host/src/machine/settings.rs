//! How hosts behave, and what most want.

use std::net::IpAddr;
use std::time::Duration;

use hiatus_codec::{CapableBits, HoldTime};
use hiatus_engine::{Config, EndpointLimits, HiatusPolicy, Offer, Prefix, Sending};

use crate::epochs::EpochPolicy;

/// How long peers are waited for if nothing else is said: an hour.
pub const DEFAULT_HOLD_SECONDS: u32 = 3_600;
/// From one epoch to the next, where a store makes them durable.
pub const DEFAULT_EPOCH_INTERVAL: Duration = Duration::from_millis(5);
/// Octets after which an epoch does not wait for that.
pub const DEFAULT_EPOCH_OCTETS: u64 = 1 << 20;
/// Room for octets in each direction of a connection.
pub const DEFAULT_BUFFER_OCTETS: u32 = 1 << 20;
/// The shift that lets the window say so.
const WINDOW_SCALE: u8 = 7;

/// How a host behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The bounds of its endpoint. What the link does itself is set from the link.
    pub limits: EndpointLimits,
    /// How connections behave that do not say otherwise, and those that come back.
    pub connection: Config,
    /// Prefixes of addresses that are not the host's own, and how connections behave whose local address is in one of them:
    /// those of a [listener](crate::Machine::listen_prefix), and those that come back. The first that fits counts.
    pub prefixes: Vec<(Prefix, Config)>,
    /// When epochs are TAKEN.
    pub epochs: EpochPolicy,
}

impl Settings {
    /// A host with a store: it may come back older (N), so it sends what is in durable epochs only, and takes one after
    /// the other.
    #[must_use]
    pub fn durable() -> Self {
        let bits = CapableBits::new(CapableBits::VERSION).with_silent().with_older().with_retention();
        let epochs = EpochPolicy::Batches { interval: DEFAULT_EPOCH_INTERVAL, octets: DEFAULT_EPOCH_OCTETS };
        Self::new(bits, Sending::HoldSend, epochs)
    }

    /// A host without one: it may fall silent (S), and keeps octets for peers that come back older (K).
    #[must_use]
    pub fn in_memory() -> Self {
        let bits = CapableBits::new(CapableBits::VERSION).with_silent().with_retention();
        Self::new(bits, Sending::Unheld, EpochPolicy::OnCommand)
    }

    fn new(bits: CapableBits, sending: Sending, epochs: EpochPolicy) -> Self {
        let hold = HoldTime::from_seconds(DEFAULT_HOLD_SECONDS);
        let connection = Config {
            receive_buffer_octets: DEFAULT_BUFFER_OCTETS,
            send_buffer_octets: DEFAULT_BUFFER_OCTETS,
            window_scale: Some(WINDOW_SCALE),
            sending,
            hiatus: HiatusPolicy::On(Offer { bits, hold }),
            ..Config::default()
        };
        Self { limits: EndpointLimits::default(), connection, prefixes: Vec::new(), epochs }
    }
}

impl Settings {
    /// How a connection behaves whose address at this end is `local`.
    pub(crate) fn of(&self, local: IpAddr) -> &Config {
        let found = self.prefixes.iter().find(|(prefix, _)| prefix.has(local));
        found.map_or(&self.connection, |(_, config)| config)
    }
}
