//! One run: who, against whom, over what; and the list of all of them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hiatus_interop::stack::{Opening, Role, Timestamps};
use serde::{Deserialize, Serialize};

/// Octets sent each way unless told otherwise: 16 MiB.
pub(crate) const DEFAULT_OCTETS: u64 = 16 << 20;
/// The port of whoever accepts.
const LISTEN_PORT: u16 = 7777;
/// The port of whoever connects, where the stack lets it be chosen.
const CONNECT_PORT: u16 = 47_777;
/// Above the 40 ms for which Linux and the engine delay acknowledgments.
const LOSSY_RTO_MIN: Duration = Duration::from_millis(60);

/// The other stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Peer {
    /// Of the running kernel, in a network of its own.
    Kernel,
    /// lwIP 2.2.1.
    Lwip,
    /// smoltcp 0.14.
    Smoltcp,
}

/// One of the two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Side {
    /// The engine.
    Us,
    /// The other stack.
    Them,
}

impl Side {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Us => Self::Them,
            Self::Them => Self::Us,
        }
    }
}

/// Whether packets are lost on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Loss {
    /// None but what a queue has no room for.
    None,
    /// 5 of 100 in each direction, at random.
    FivePercent,
}

/// Whether an option of TCP is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Use {
    /// Both ends offer it.
    On,
    /// One end does not, so neither may use it.
    Off,
}

/// Length of the longest packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mtu {
    /// Ethernet's 1500.
    Large,
    /// IPv4's 576; over IPv6 its minimum, 1280.
    Small,
}

/// Version of IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ip {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Who sends when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Flow {
    /// Both at once.
    Together,
    /// First whoever connected, which then closes its direction; then the other.
    InTurn,
}

/// Everything that tells one run from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Case {
    pub(crate) peer: Peer,
    pub(crate) loss: Loss,
    pub(crate) sack: Use,
    pub(crate) flow: Flow,
    /// Who connects; the other accepts.
    pub(crate) opener: Side,
    pub(crate) timestamps: Use,
    pub(crate) mtu: Mtu,
    pub(crate) ip: Ip,
    /// Octets each way.
    pub(crate) octets: u64,
    /// What the streams are made from.
    pub(crate) base_seed: u64,
}

/// Levels of seven factors in eight runs, so that every pair of factors takes every pair of values: the first three go
/// through all eight combinations, the others are their sums modulo 2 (an orthogonal array, L8).
const ROWS: [[usize; 7]; 8] = [
    [0, 0, 0, 0, 0, 0, 0],
    [1, 0, 0, 1, 1, 0, 1],
    [0, 1, 0, 1, 0, 1, 1],
    [1, 1, 0, 0, 1, 1, 0],
    [0, 0, 1, 0, 1, 1, 1],
    [1, 0, 1, 1, 0, 1, 0],
    [0, 1, 1, 1, 1, 0, 0],
    [1, 1, 1, 0, 0, 0, 1],
];

/// All runs, those with loss first: they take longest, and mostly wait.
pub(crate) fn all(octets: u64, base_seed: u64) -> Vec<Case> {
    let mut cases = Vec::new();
    for (shift, peer) in [Peer::Kernel, Peer::Lwip, Peer::Smoltcp].into_iter().enumerate() {
        for row in ROWS {
            // For each peer, three other factors go through all eight combinations; loss is always among them.
            let level = |factor: usize| row[if factor == 0 { 0 } else { 1 + (factor - 1 + 2 * shift) % 6 }];
            let on_off = |factor| [Use::On, Use::Off][level(factor)];
            cases.push(Case {
                peer,
                loss: [Loss::None, Loss::FivePercent][level(0)],
                sack: on_off(1),
                flow: [Flow::Together, Flow::InTurn][level(2)],
                opener: [Side::Us, Side::Them][level(3)],
                timestamps: on_off(4),
                mtu: [Mtu::Large, Mtu::Small][level(5)],
                ip: [Ip::V4, Ip::V6][level(6)],
                octets,
                base_seed,
            });
        }
    }
    cases.sort_by_key(|case| case.loss == Loss::None);
    cases
}

impl Case {
    /// Longest packet in octets.
    pub(crate) fn mtu_octets(&self) -> u16 {
        match (self.mtu, self.ip) {
            (Mtu::Large, _) => 1500,
            (Mtu::Small, Ip::V4) => 576,
            (Mtu::Small, Ip::V6) => 1280,
        }
    }

    /// The MSS option of either end: the MTU less the fixed headers of IP and TCP (RFC 9293, section 3.7.1).
    pub(crate) fn mss_octets(&self) -> u16 {
        let headers = match self.ip {
            Ip::V4 => 40,
            Ip::V6 => 60,
        };
        self.mtu_octets() - headers
    }

    /// The end that refuses an option that is off.
    ///
    /// Whoever accepts, so that an offer is declined; but lwIP has no switches, and smoltcp one for timestamps only.
    pub(crate) fn refuser_of_sack(&self) -> Side {
        match self.peer {
            Peer::Kernel => self.opener.other(),
            Peer::Lwip | Peer::Smoltcp => Side::Us,
        }
    }

    /// See [`refuser_of_sack`](Self::refuser_of_sack).
    pub(crate) fn refuser_of_timestamps(&self) -> Side {
        match self.peer {
            Peer::Kernel | Peer::Smoltcp => self.opener.other(),
            Peer::Lwip => Side::Us,
        }
    }

    /// Whether `side` offers SACK.
    pub(crate) fn sack_of(&self, side: Side) -> Use {
        if self.sack == Use::Off && self.refuser_of_sack() == side { Use::Off } else { Use::On }
    }

    /// Whether `side` offers timestamps.
    pub(crate) fn timestamps_of(&self, side: Side) -> Use {
        if self.timestamps == Use::Off && self.refuser_of_timestamps() == side { Use::Off } else { Use::On }
    }

    /// Address and port of an end. The last octet 1 is the kernel that forwards between them.
    pub(crate) fn address(&self, side: Side) -> SocketAddr {
        let net: u8 = match side {
            Side::Us => 1,
            Side::Them => 2,
        };
        let ip = match self.ip {
            Ip::V4 => IpAddr::V4(Ipv4Addr::new(10, 77, net, 2)),
            Ip::V6 => IpAddr::V6(Ipv6Addr::new(0xfd77, u16::from(net), 0, 0, 0, 0, 0, 2)),
        };
        SocketAddr::new(ip, if self.opener == side { CONNECT_PORT } else { LISTEN_PORT })
    }

    /// How many times faster than ours the clocks of lwIP and smoltcp run.
    ///
    /// Their smallest RTOs are constants of a second and of two ticks. Of 16 MiB, 5 of 100 packets lost make more than
    /// a thousand RTOs, which would be waited for. A stack that is told the time cannot tell the difference.
    pub(crate) fn haste(&self) -> u32 {
        match self.loss {
            Loss::None => 1,
            Loss::FivePercent => 10,
        }
    }

    /// The smallest RTO of the engine and of the kernel, for the same reason; `None` leaves it to them.
    pub(crate) fn rto_min(&self) -> Option<Duration> {
        match self.loss {
            Loss::None => None,
            Loss::FivePercent => Some(LOSSY_RTO_MIN),
        }
    }

    /// Seed of the stream that `side` sends.
    pub(crate) fn seed(&self, side: Side) -> u64 {
        self.base_seed.wrapping_mul(2).wrapping_add(u64::from(side == Side::Us))
    }

    /// What the other stack is made of, if it lives in a process of ours.
    pub(crate) fn opening(&self) -> Opening {
        Opening {
            local: self.address(Side::Them),
            remote: self.address(Side::Us),
            mtu_octets: self.mtu_octets(),
            seed: self.seed(Side::Them),
            timestamps: match self.timestamps_of(Side::Them) {
                Use::On => Timestamps::Offered,
                Use::Off => Timestamps::Off,
            },
            haste: self.haste(),
        }
    }

    /// What the other stack does first.
    pub(crate) fn role(&self) -> Role {
        match self.opener {
            Side::Us => Role::Listen,
            Side::Them => Role::Connect,
        }
    }

    /// The name of the run as part of a file name.
    pub(crate) fn file_stem(&self) -> String {
        self.to_string().replace('/', "-")
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kernel => "kernel",
            Self::Lwip => "lwip",
            Self::Smoltcp => "smoltcp",
        })
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let opener = match self.opener {
            Side::Us => "connect",
            Side::Them => "accept",
        };
        let loss = match self.loss {
            Loss::None => "clean",
            Loss::FivePercent => "lossy",
        };
        let sack = match self.sack {
            Use::On => "sack",
            Use::Off => "no-sack",
        };
        let timestamps = match self.timestamps {
            Use::On => "ts",
            Use::Off => "no-ts",
        };
        let ip = match self.ip {
            Ip::V4 => "v4",
            Ip::V6 => "v6",
        };
        let flow = match self.flow {
            Flow::Together => "together",
            Flow::InTurn => "in-turn",
        };
        let mtu = self.mtu_octets();
        write!(f, "{}/{opener}/{loss}/{sack}/{timestamps}/{ip}-{mtu}/{flow}", self.peer)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Case, DEFAULT_OCTETS, Peer, all};

    /// The values of all factors of a run, by hand: what the list promises is counted on these.
    fn factors(case: &Case) -> [String; 7] {
        [
            format!("{:?}", case.loss),
            format!("sack {:?}", case.sack),
            format!("{:?}", case.flow),
            format!("{:?}", case.opener),
            format!("timestamps {:?}", case.timestamps),
            format!("{:?}", case.mtu),
            format!("{:?}", case.ip),
        ]
    }

    #[test]
    fn every_pair_of_values_meets_every_peer() {
        let cases = all(DEFAULT_OCTETS, 0);
        for peer in [Peer::Kernel, Peer::Lwip, Peer::Smoltcp] {
            let mut pairs = BTreeSet::new();
            for case in cases.iter().filter(|case| case.peer == peer) {
                let values = factors(case);
                for (index, one) in values.iter().enumerate() {
                    for other in &values[index + 1..] {
                        pairs.insert((one.clone(), other.clone()));
                    }
                }
            }
            // 21 pairs of factors with two values each.
            assert_eq!(pairs.len(), 21 * 4, "{peer}");
        }
    }

    #[test]
    fn names_are_all_different() {
        let cases = all(DEFAULT_OCTETS, 0);
        let names: BTreeSet<String> = cases.iter().map(ToString::to_string).collect();
        assert_eq!((cases.len(), names.len()), (24, 24));
    }

    #[test]
    fn sizes_are_those_of_the_standards() {
        for case in all(DEFAULT_OCTETS, 0) {
            let expected = match (case.ip, case.mtu) {
                (super::Ip::V4, super::Mtu::Large) => (1500, 1460),
                (super::Ip::V4, super::Mtu::Small) => (576, 536),
                (super::Ip::V6, super::Mtu::Large) => (1500, 1440),
                (super::Ip::V6, super::Mtu::Small) => (1280, 1220),
            };
            assert_eq!((case.mtu_octets(), case.mss_octets()), expected, "{case}");
        }
    }
}
