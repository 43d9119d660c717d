//! packetdrill's language, as much of it as scripts that fit every stack need.
//!
//! A script is a list of events, each with a time: a segment that arrives (`<`), one that is expected (`>`), a call of
//! the application with its result. Comments are `//` and `/* */`. What is refused: shell commands in backticks, code
//! in `%{ }%`, UDP, tunnels.

mod call;
mod error;
mod lexeme;
mod option;
mod packet;
mod symbol;

use std::time::Duration;

use hiatus_codec::Flags;
use hiatus_engine::IpVersion;

use crate::errno::Errno;
pub use error::ScriptError;

/// A whole script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Its settings: the lines `--name=value` at its head.
    pub settings: Vec<Setting>,
    /// Its events, in the order they are carried out.
    pub steps: Vec<Step>,
}

/// `--name=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Name.
    pub name: String,
    /// Value, as written.
    pub value: String,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its line, from 1.
    pub line: usize,
    /// It, as written.
    pub text: String,
    /// When it happens.
    pub when: When,
    /// What happens.
    pub action: Action,
}

/// When an event happens; durations count from the start or from the event before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// `0.5`: that long after the start.
    At(Duration),
    /// `+.5`: that long after the event before.
    After(Duration),
    /// `0.5~1`: only for what is expected.
    AtBetween(Duration, Duration),
    /// `+.5~+1`: only for what is expected.
    AfterBetween(Duration, Duration),
    /// `*`: only for what is expected.
    Any,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// `<`: a segment arrives.
    Inject(Packet),
    /// `>`: a segment is sent.
    Expect(Packet),
    /// `< icmp`: an ICMP error arrives.
    InjectIcmp(Icmp),
    /// The application calls.
    Call(Call),
}

/// A segment. Numbers are relative: the octet after a SYN is 1, whatever the SYN's own number is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// The ECN field of its IP header.
    pub ecn: EcnPattern,
    /// Control bits.
    pub flags: Flags,
    /// SEG.SEQ.
    pub seq: u32,
    /// Octets of data.
    pub len_octets: u16,
    /// SEG.ACK; 0 if it is not written.
    pub ack: u32,
    /// SEG.WND, not scaled; `None` leaves it open.
    pub window: Option<u16>,
    /// SEG.UP.
    pub urgent: u16,
    /// Options; `None` for `<...>`, which leaves them open.
    pub options: Option<Vec<OptionPattern>>,
    /// Source and destination port, where it is not those of the connection.
    pub ports: Option<(u16, u16)>,
}

/// What the ECN field of an IP header is to be (RFC 3168).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EcnPattern {
    /// Not said: 0 on arrival, open where it is expected.
    Open,
    /// `[noecn]`, `[ect0]`, `[ect1]`, `[ce]`: this codepoint.
    Is(u8),
    /// `[ect01]`: either ECT.
    Capable,
}

/// An option, on the way in or expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OptionPattern {
    /// `eol`.
    EndOfList,
    /// `nop`.
    NoOperation,
    /// `mss 1460`.
    MaximumSegmentSize(u16),
    /// `wscale 7`.
    WindowScale(u8),
    /// `sackOK`.
    SackPermitted,
    /// `sack 1:2 5:6`.
    Sack(Vec<(u32, u32)>),
    /// `TS val 100 ecr 0`.
    Timestamps {
        /// TSval.
        value: u32,
        /// TSecr.
        echo_reply: u32,
    },
    /// `gen-253 505300`: any kind, and its octets after the length.
    Generic {
        /// Kind.
        kind: u8,
        /// Body.
        body: Vec<u8>,
    },
}

/// An ICMP error about a segment of this end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Icmp {
    /// Type of ICMP for IPv4.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// MTU of Fragmentation Needed.
    pub mtu_octets: Option<u16>,
    /// Sequence number of the quoted segment, relative.
    pub seq: u32,
    /// Octets of data of the quoted segment.
    pub len_octets: u16,
}

/// A call, and what comes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its name.
    pub name: String,
    /// Its arguments.
    pub arguments: Vec<Value>,
    /// Where it waits: until when, counted as the event's own time is.
    pub ends: Option<Duration>,
    /// Its result.
    pub result: Value,
    /// `errno`, if the result is an error and it is told.
    pub errno: Option<Errno>,
}

/// An argument or a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `...`: the interpreter fills it in.
    Ellipsis,
    /// A number, or names of numbers joined by `|`.
    Int(i64),
    /// `"text"`.
    Text(String),
    /// `[a, b]`.
    List(Vec<Self>),
    /// `{name=value, ...}`; a value without a name has an empty one.
    Record(Vec<(String, Self)>),
}

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    ///
    /// A [`ScriptError`] that names line, column, what was expected and what was found.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        let bare = lexeme::without_comments(text);
        lexeme::script(&bare).map_err(|miss| miss.within(text, &bare))
    }

    /// False if `--ip_version` says another one.
    #[must_use]
    pub fn is_for(&self, version: IpVersion) -> bool {
        let other = match version {
            IpVersion::V4 => "ipv6",
            IpVersion::V6 => "ipv4",
        };
        self.settings.iter().all(|setting| setting.name != "ip_version" || setting.value != other)
    }
}

#[cfg(test)]
mod tests;
