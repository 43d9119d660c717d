//! The configuration of a host and its proxy: one TOML file.

mod mistake;
mod value;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use hiatus_codec::{CapableBits, HoldTime};
use hiatus_engine::{EndpointLimits, HiatusPolicy, Offer, PlainTcp, Prefix, Sending};
use ipnet::IpNet;
use serde::Deserialize;
use toml::Spanned;

use crate::epochs::{EpochPolicy, Keeping};
use crate::link::{TunLifetime, TunOffload, TunSettings};
use crate::machine::Settings;
pub use mistake::{ConfigError, Mistake};
pub use value::{Address, Period, Ports, Size, Target};

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The device, and who Hiatus is on it.
    pub host: Host,
    /// What survives the process. Without it connections survive the absence of their peers only.
    pub state: Option<State>,
    /// How connections of Hiatus behave.
    #[serde(default)]
    pub connections: Connections,
    /// How local programs' connections come in.
    pub proxy: Option<Front>,
    /// Which of them go where. The first that fits counts.
    #[serde(default)]
    pub carry: Vec<Carry>,
    /// What comes in from peers.
    #[serde(default)]
    pub serve: Vec<Serve>,
    /// Where `hiatus status` asks.
    pub control: Option<Control>,
    /// Where Prometheus asks.
    pub metrics: Option<Metrics>,
}

/// `[host]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// The TUN device, 1 to 15 octets. One that exists is attached to; otherwise it is made.
    #[serde(default = "default_device")]
    pub device: String,
    /// The addresses of Hiatus itself: peers connect to them and see them.
    pub addresses: Vec<Spanned<IpAddr>>,
    /// The addresses of this machine on the device, with the prefix that lies behind it.
    #[serde(default)]
    pub device_addresses: Vec<IpNet>,
    /// Octets of the largest IP packet on the device.
    pub mtu: Option<u16>,
    /// Whether the kernel cuts and joins segments: `if-possible`, `required`, `off`.
    #[serde(default)]
    pub offload: TunOffload,
    /// Whether the device outlives the process. Left out: with `[state]` it does.
    pub lifetime: Option<TunLifetime>,
    /// The user that the process becomes once everything is open.
    pub user: Option<String>,
}

fn default_device() -> String {
    "hiatus0".to_owned()
}

/// `[state]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// The folder of the store.
    pub folder: PathBuf,
    /// The folder of what must never roll back with it; left out: `outside` in `folder`, which is right where nobody
    /// restores snapshots of the volume.
    pub outside: Option<PathBuf>,
    /// From one epoch to the next.
    #[serde(default = "default_interval")]
    pub interval: Period,
    /// Octets after which nobody waits for the interval.
    #[serde(default = "default_octets")]
    pub octets: Size,
}

const fn default_interval() -> Period {
    Period(std::time::Duration::from_millis(5))
}

const fn default_octets() -> Size {
    Size(1 << 20)
}

/// `[connections]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Connections {
    /// How long a peer that is away is waited for.
    pub hold: Period,
    /// Room for octets in each direction.
    pub buffer: Size,
    /// Octets that are kept for a peer that may come back older.
    pub retained: Size,
    /// Connections at most.
    pub max: u32,
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            hold: Period(std::time::Duration::from_secs(24 * 3600)),
            buffer: Size(4 << 20),
            retained: Size(16 << 20),
            max: 20_000,
        }
    }
}

/// `[proxy]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Front {
    /// How the kernel gives the proxy what is not for it.
    #[serde(default)]
    pub mode: Mode,
    /// Where it listens for that.
    #[serde(default = "default_listen")]
    pub listen: Vec<Spanned<Address>>,
    /// Prefixes that are routed to the device: Hiatus itself ends the connections of local programs to every address of
    /// them. No rules and no keeper are needed for those.
    #[serde(default)]
    pub any: Vec<Spanned<IpNet>>,
    /// How long a peer may take to answer.
    #[serde(default = "default_patience")]
    pub connect_timeout: Period,
    /// The mark of the proxy's own packets (SO_MARK), which the rules let through.
    #[serde(default = "default_mark")]
    pub mark: u32,
}

fn default_listen() -> Vec<Spanned<Address>> {
    vec![Spanned::new(0..0, Address(SocketAddr::from(([127, 0, 0, 1], 15001))))]
}

const fn default_patience() -> Period {
    Period(std::time::Duration::from_secs(5))
}

/// "hi" in ASCII.
const fn default_mark() -> u32 {
    0x6869
}

impl Default for Front {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            listen: default_listen(),
            any: Vec::new(),
            connect_timeout: default_patience(),
            mark: default_mark(),
        }
    }
}

impl Front {
    /// The prefixes of `any`.
    pub(crate) fn prefixes(&self) -> Vec<Prefix> {
        let prefix = |net: &Spanned<IpNet>| {
            let net = net.get_ref().trunc();
            Prefix::new(net.addr(), net.prefix_len())
        };
        self.any.iter().filter_map(prefix).collect()
    }
}

/// How the kernel gives the proxy what is not for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// nftables `redirect`: for connections of this machine's programs, and of machines behind it.
    #[default]
    Redirect,
    /// nftables `tproxy`: for connections of machines behind it. Needs CAP_NET_ADMIN for as long as it runs.
    Tproxy,
}

/// `[[carry]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Carry {
    /// The destinations.
    pub to: Vec<Target>,
    /// The proxy of the peer; left out: the destination itself.
    pub via: Option<Address>,
    /// What becomes of a connection when the peer does not answer.
    #[serde(default)]
    pub fallback: Fallback,
}

/// What becomes of a connection when the peer does not answer, or refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fallback {
    /// It goes there as plain TCP of the kernel.
    #[default]
    Direct,
    /// It is refused.
    Refuse,
}

/// `[[serve]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Serve {
    /// Where Hiatus listens.
    pub listen: Spanned<Address>,
    /// The destinations that a peer proxy may ask for, by a header of the PROXY protocol.
    #[serde(default)]
    pub allow: Vec<Target>,
    /// Where everything goes: peers are programs, and send no header.
    pub to: Option<Address>,
}

/// `[control]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// The socket.
    pub socket: PathBuf,
}

/// `[metrics]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Where it listens.
    pub listen: Address,
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] with every line that it is about.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::File { path: path.to_owned(), error })?;
        Self::parse(path, &text)
    }

    /// The same for a text; `path` is what mistakes are told of.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let mistakes = match toml::from_str::<Self>(text) {
            Ok(config) => match config.mistakes() {
                mistakes if mistakes.is_empty() => return Ok(config),
                mistakes => mistakes,
            },
            Err(error) => vec![Mistake::of_toml(&error)],
        };
        Err(ConfigError::Mistakes { path: path.to_owned(), text: text.to_owned(), mistakes })
    }

    /// What each value alone does not show.
    fn mistakes(&self) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        if self.host.addresses.is_empty() {
            mistakes.push(Mistake::everywhere("[host] addresses: expected one address or more, found none"));
        }
        for address in &self.host.addresses {
            let is_of_the_machine =
                self.host.device_addresses.iter().any(|net| net.addr() == *address.get_ref());
            let lies_behind = self.host.device_addresses.iter().any(|net| net.contains(address.get_ref()));
            if is_of_the_machine {
                let what = "expected an address that is not this machine's: it is one of `device_addresses`";
                mistakes.push(Mistake::at(address.span(), what));
            } else if !lies_behind && !self.host.device_addresses.is_empty() {
                let what = "expected an address in one of the prefixes of `device_addresses`";
                mistakes.push(Mistake::at(address.span(), what));
            }
        }
        for serve in &self.serve {
            let listen = serve.listen.get_ref().0;
            let is_ours = listen.ip().is_unspecified()
                || self.host.addresses.iter().any(|address| *address.get_ref() == listen.ip());
            if !is_ours {
                let what = "expected one of `addresses` of [host]: Hiatus has no other";
                mistakes.push(Mistake::at(serve.listen.span(), what));
            }
            if serve.to.is_some() != serve.allow.is_empty() {
                let what =
                    "expected either `allow` (peers are proxies) or `to` (peers are programs) beside it";
                mistakes.push(Mistake::at(serve.listen.span(), what));
            }
        }
        if !self.carry.is_empty() && self.proxy.is_none() {
            let what = "[[carry]] without [proxy]: expected a table [proxy], for connections to come in";
            mistakes.push(Mistake::everywhere(what));
        }
        self.mistakes_of_any(&mut mistakes);
        if self.metrics.is_some() && self.control.is_none() {
            let what =
                "[metrics] without [control]: expected a table [control], which metrics are asked from";
            mistakes.push(Mistake::everywhere(what));
        }
        for via in self.carry.iter().filter_map(|carry| carry.via) {
            let has_family = self.host.addresses.iter().any(|own| own.get_ref().is_ipv4() == via.0.is_ipv4());
            if !has_family {
                let what = format!("via = \"{via}\": [host] addresses has none of its family");
                mistakes.push(Mistake::everywhere(&what));
            }
        }
        mistakes
    }

    /// What is wrong about the prefixes of `any`.
    fn mistakes_of_any(&self, mistakes: &mut Vec<Mistake>) {
        for any in self.proxy.iter().flat_map(|front| &front.any) {
            let (net, at) = (any.get_ref(), any.span());
            let own = self.host.addresses.iter().map(|address| *address.get_ref());
            let machine = self.host.device_addresses.iter().map(IpNet::addr);
            if let Some(own) = own.chain(machine).find(|own| net.contains(own)) {
                let what = format!("expected a prefix without the addresses of [host], found {own} in it");
                mistakes.push(Mistake::at(at.clone(), &what));
            }
            let overlaps =
                |carry: &&Carry| carry.to.iter().any(|to| to.net.contains(net) || net.contains(&to.net));
            let mut routes = self.carry.iter().filter(overlaps).peekable();
            if routes.peek().is_none() {
                let what = format!("expected a [[carry]] whose `to` has addresses of {net}, found none");
                mistakes.push(Mistake::at(at.clone(), &what));
            }
            if routes.any(|carry| carry.via.is_none_or(|via| net.contains(&via.0.ip()))) {
                let what = format!("[[carry]] to {net}: expected `via`, a peer that is not itself in {net}");
                mistakes.push(Mistake::at(at, &what));
            }
        }
    }

    /// The device.
    #[must_use]
    pub fn tun(&self) -> TunSettings {
        let host = &self.host;
        let lifetime = host.lifetime.unwrap_or(match self.state {
            Some(_) => TunLifetime::Persistent,
            None => TunLifetime::UntilClosed,
        });
        TunSettings {
            addresses: host.device_addresses.clone(),
            mtu_octets: host.mtu,
            offload: host.offload,
            lifetime,
            ..TunSettings::new(&host.device)
        }
    }

    /// The folders, if anything is kept.
    #[must_use]
    pub fn keeping(&self) -> Option<Keeping> {
        let state = self.state.as_ref()?;
        let mut keeping = Keeping::in_folder(&state.folder);
        if let Some(outside) = &state.outside {
            keeping.outside.clone_from(outside);
        }
        Some(keeping)
    }

    /// How the host behaves.
    #[must_use]
    pub fn settings(&self) -> Settings {
        let buffer_octets = self.connections.buffer.as_u32();
        let mut bits = CapableBits::new(CapableBits::VERSION).with_silent().with_retention();
        let mut sending = Sending::Unheld;
        let mut epochs = EpochPolicy::OnCommand;
        if let Some(state) = &self.state {
            bits = bits.with_older();
            sending = Sending::HoldSend;
            epochs = EpochPolicy::Batches { interval: state.interval.0, octets: state.octets.0 };
        }
        let hold_seconds = u32::try_from(self.connections.hold.0.as_secs()).unwrap_or(u32::MAX);
        let hiatus = HiatusPolicy::On(Offer { bits, hold: HoldTime::from_seconds(hold_seconds) });
        let mss_octets = self.host.mtu.unwrap_or(1500).saturating_sub(40);
        let connection = hiatus_engine::Config {
            mss_octets,
            receive_buffer_octets: buffer_octets,
            send_buffer_octets: buffer_octets,
            retained_octets_max: self.connections.retained.as_u32(),
            sending,
            window_scale: Some(window_scale(buffer_octets)),
            hiatus,
            nagle: hiatus_engine::Nagle::Off,
            keep_alive: Some(hiatus_engine::KeepAlive::default()),
            ..hiatus_engine::Config::default()
        };
        let limits = EndpointLimits { connections_max: self.connections.max, ..EndpointLimits::default() };
        let prefixes = self.proxy.iter().flat_map(Front::prefixes);
        let of_programs = hiatus_engine::Config {
            hiatus: HiatusPolicy::Off,
            // Without a store nothing is ever durable.
            plain: if self.state.is_some() { PlainTcp::Durable } else { PlainTcp::Lost },
            ..connection
        };
        let prefixes = prefixes.map(|prefix| (prefix, of_programs)).collect();
        Settings { limits, connection, prefixes, epochs }
    }
}

/// The smallest shift with which a window can be as large as the buffer (RFC 7323, section 2.2).
fn window_scale(buffer_octets: u32) -> u8 {
    let shift =
        (0..hiatus_engine::WINDOW_SCALE_MAX).find(|shift| buffer_octets >> shift <= u32::from(u16::MAX));
    shift.unwrap_or(hiatus_engine::WINDOW_SCALE_MAX)
}

#[cfg(test)]
mod tests;
