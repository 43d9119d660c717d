//! The lines between the bench and a target that is a process of its own; `conformance/docs/adapter.md` is their contract.
//!
//! Plain data, used by both ends: the bench writes [`Request`]s and reads [`Line`]s, a target the other way round.

mod lines;
mod serve;

use std::net::SocketAddr;

use hiatus_codec::{CapableBits, HoldTime};
use serde::{Deserialize, Serialize};

pub use lines::{BadLine, LineReader, shown};
pub use serve::{Host, Maker, Segments, serve};

use crate::script::{self, IpVersion, Sending, Timestamping};
use crate::target;

/// The version of this protocol.
pub const PROTOCOL: u32 = 1;
/// Longest line, in octets without its line feed.
pub const LINE_OCTETS_MAX: usize = 1 << 20;
/// Most lines of a target before a reply.
pub const LINES_MAX: usize = 10_000;

/// What the bench asks of a target: one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Grows by one; the reply has it.
    pub id: u64,
    /// Microseconds since the case began.
    pub now_us: u64,
    /// What to do.
    #[serde(flatten)]
    pub call: Call,
}

/// A call to a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Call {
    /// Make the host.
    Setup(Setup),
    /// Wait for a SYN.
    Listen,
    /// Send a SYN.
    Connect,
    /// The application writes.
    Write {
        /// What.
        octets: Hex,
    },
    /// The application reads.
    Read {
        /// Most octets.
        room: usize,
    },
    /// The application writes no more.
    Close,
    /// The application ends the connection.
    Abort,
    /// A packet arrives.
    Packet {
        /// The IP packet.
        octets: Hex,
    },
    /// Time has passed.
    Time,
    /// Which states is it in?
    States,
    /// The host announces that it goes away.
    Suspend {
        /// Seconds that it expects to be away; `None` if it does not know.
        absence_s: Option<u32>,
    },
    /// The host stands still.
    Stop,
    /// It is back, its memory intact.
    Resume,
    /// The host copies its state.
    SnapshotTaken {
        /// The copy's number.
        epoch: u32,
    },
    /// The copy is durable.
    SnapshotDurable {
        /// The copy's number.
        epoch: u32,
    },
    /// The host loses its memory.
    Crash,
    /// The host starts from a copy.
    Restore {
        /// The copy's number.
        epoch: u32,
        /// Microseconds until its connections are there.
        lasts_us: u64,
    },
    /// The state of a copy comes back unawares.
    Rewind {
        /// The copy's number.
        epoch: u32,
    },
    /// Octets wait for a durable epoch, or no longer.
    HoldSend {
        /// Whether they wait.
        on: bool,
    },
    /// The case is over.
    End,
}

impl Call {
    /// Its name in a line.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Setup(_) => "setup",
            Self::Listen => "listen",
            Self::Connect => "connect",
            Self::Write { .. } => "write",
            Self::Read { .. } => "read",
            Self::Close => "close",
            Self::Abort => "abort",
            Self::Packet { .. } => "packet",
            Self::Time => "time",
            Self::States => "states",
            Self::Suspend { .. } => "suspend",
            Self::Stop => "stop",
            Self::Resume => "resume",
            Self::SnapshotTaken { .. } => "snapshot-taken",
            Self::SnapshotDurable { .. } => "snapshot-durable",
            Self::Crash => "crash",
            Self::Restore { .. } => "restore",
            Self::Rewind { .. } => "rewind",
            Self::HoldSend { .. } => "hold-send",
            Self::End => "end",
        }
    }
}

/// What a host is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// How packets are exchanged.
    pub packets: Packets,
    /// Whose time it is.
    pub clock: Clock,
    /// The TUN device; empty if there is none.
    pub device: String,
    /// Address and port of the target.
    pub local: SocketAddr,
    /// Address and port of the bench.
    pub remote: SocketAddr,
    /// Where all randomness comes from.
    pub seed: u64,
    /// Whether RFC 7323 timestamps are used.
    pub timestamps: bool,
    /// What it offers; `None` for plain TCP.
    pub hiatus: Option<Offer>,
    /// Whether octets wait for a durable epoch from the start.
    pub hold_send: bool,
    /// Most octets that it keeps, acknowledged and not stable; `None` leaves that to the target.
    pub retains_octets: Option<u32>,
}

impl Setup {
    /// What a script asks for, as a [`target::Setup`] has it; ports are those of `local` and `remote`.
    #[must_use]
    pub fn for_target(&self) -> target::Setup {
        let hiatus = self.hiatus.as_ref().map(|offer| (offer.bits(), HoldTime::from_seconds(offer.hold_s)));
        target::Setup {
            options: script::TargetOptions {
                hiatus,
                ip: if self.local.is_ipv4() { IpVersion::V4 } else { IpVersion::V6 },
                timestamps: if self.timestamps { Timestamping::On } else { Timestamping::Off },
                sending: if self.hold_send { Sending::HoldSend } else { Sending::Unheld },
                retained_octets_max: self.retains_octets,
            },
            seed: self.seed,
            target_port: self.local.port(),
            bench_port: self.remote.port(),
        }
    }
}

/// What a host offers in CAPABLE (draft, {#capable}).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Letters of S, N and K.
    pub services: String,
    /// The offered hold, in seconds.
    pub hold_s: u32,
}

impl Offer {
    /// What a script's `hiatus SNK hold 300s` asks for.
    #[must_use]
    pub fn new(bits: CapableBits, hold: HoldTime) -> Self {
        let told = bits.to_string();
        let services = told.chars().filter(|letter| "SNK".contains(*letter)).collect();
        Self { services, hold_s: hold.seconds() }
    }

    /// Version and services, as CAPABLE has them; letters that it does not know count for nothing.
    #[must_use]
    pub fn bits(&self) -> CapableBits {
        const LETTERS: [(char, u8); 3] = [('S', 0b1000), ('N', 0b0100), ('K', 0b0010)];
        let known = LETTERS.iter().filter(|(letter, _)| self.services.contains(*letter));
        let version = CapableBits::new(CapableBits::VERSION).octet();
        CapableBits::from_octet(known.fold(version, |octet, (_, bit)| octet | bit))
    }
}

/// What a target writes: one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Line {
    /// The first line.
    Hello(Hello),
    /// The answer to a call.
    Reply(Reply),
    /// A packet that it sends.
    Packet(Hex),
    /// What the application is told.
    Event(String),
}

/// How a target introduces itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Version of the protocol: [`PROTOCOL`].
    pub protocol: u32,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// How it can exchange packets, what it likes best first.
    pub packets: Vec<Packets>,
    /// Whose time it can live in, likewise.
    pub clocks: Vec<Clock>,
    /// Whether it says events.
    #[serde(default = "yes")]
    pub events: bool,
    /// Whether it knows its states.
    #[serde(default = "yes")]
    pub states: bool,
}

const fn yes() -> bool {
    true
}

/// The answer to a call.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reply {
    /// Of which call.
    pub id: u64,
    /// It cannot do that, ever; what it cannot do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsupported: Option<String>,
    /// It can, but not now; why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Octets that a write found room for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<usize>,
    /// Octets that were read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub octets: Option<Hex>,
    /// Whether the peer has closed and these are the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<bool>,
    /// Names of states.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub states: Option<Vec<String>>,
    /// When it wants to be called, microseconds since the case began; virtual clock only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wake_us: Option<u64>,
}

/// How packets are exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Packets {
    /// As lines.
    Stdio,
    /// Over a TUN device that the target opens.
    Tun,
    /// Through sockets of the kernel.
    Kernel,
}

/// Whose time a target lives in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Clock {
    /// The bench's: it jumps.
    Virtual,
    /// Everybody's.
    Wall,
}

/// Octets as hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hex(pub Vec<u8>);

/// A text that is not made of pairs of hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected pairs of hexadecimal digits, found something else at character {at}")]
pub struct NotHex {
    /// Where, from 0.
    pub at: usize,
}

impl TryFrom<String> for Hex {
    type Error = NotHex;

    fn try_from(text: String) -> Result<Self, NotHex> {
        let digit = |octet: u8| char::from(octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let pairs = text.as_bytes().chunks(2).enumerate();
        let octet = |(index, pair): (usize, &[u8])| {
            match *pair {
                [high, low] => digit(high).zip(digit(low)).map(|(high, low)| high << 4 | low),
                _ => None,
            }
            .ok_or(NotHex { at: index * 2 })
        };
        pairs.map(octet).collect::<Result<_, _>>().map(Self)
    }
}

impl From<Hex> for String {
    fn from(hex: Hex) -> Self {
        use std::fmt::Write as _;
        hex.0.iter().fold(Self::with_capacity(hex.0.len() * 2), |mut text, octet| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{octet:02x}");
            text
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    /// Every line of the document that is JSON is one of these types, and comes out again as it went in.
    #[test]
    fn the_document_speaks_these_types() {
        let (mut requests, mut lines) = (0, 0);
        for text in include_str!("../docs/adapter.md").lines() {
            let text = text.trim_start_matches(['<', '>']).trim();
            if !text.starts_with('{') || text.contains("...") {
                continue;
            }
            let value: serde_json::Value = serde_json::from_str(text).unwrap();
            if value.get("call").is_some() {
                let request: Request = serde_json::from_str(text).unwrap();
                assert_eq!(serde_json::to_value(request).unwrap(), value);
                requests += 1;
            } else {
                let line: Line = serde_json::from_str(text).unwrap();
                let again: Line = serde_json::from_str(&serde_json::to_string(&line).unwrap()).unwrap();
                assert_eq!(line, again);
                lines += 1;
            }
        }
        assert!(requests >= 3 && lines >= 5, "{requests} requests and {lines} lines: is the document read?");
    }

    #[test]
    fn hexadecimal_digits() {
        let hex = |text: &str| Hex::try_from(text.to_owned());
        assert_eq!(hex("00fF7f"), Ok(Hex(vec![0, 255, 127])));
        assert_eq!(hex(""), Ok(Hex::default()));
        assert_eq!(hex("00f"), Err(NotHex { at: 2 }));
        assert_eq!(hex("00xf"), Err(NotHex { at: 2 }));
        assert_eq!(hex("0é"), Err(NotHex { at: 0 }));
        assert_eq!(String::from(Hex(vec![0, 255, 127])), "00ff7f");
    }
}
