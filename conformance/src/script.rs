//! The script of a case: what the bench sends to a target, what it expects back, and what it has the target do.
//!
//! The language is a subset of packetdrill's, `conformance/cases/README.md` is its guide. [`Script::parse`] reads
//! it; the runner carries it out.

mod bounds;
mod call;
mod error;
mod event;
mod header;
mod lexeme;
mod option;
mod segment;
mod told;

use std::time::Duration;

use hiatus_codec::mac::Role;
use hiatus_codec::{CapableBits, ConnectionKey, Flags, HoldTime, Life, Nonce};

pub use error::ScriptError;
pub(crate) use error::did_you_mean;
pub use header::{Header, IpVersion, Sending, TargetOptions, Timestamping};

/// A whole script: the header lines, then the steps in the order they are carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// What the case is about, and what target it asks for.
    pub header: Header,
    /// The steps, at least one.
    pub steps: Vec<Step>,
}

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    ///
    /// A [`ScriptError`] for each line that cannot be read or is missing: line, column, what was expected and found.
    pub fn parse(text: &str) -> Result<Self, Vec<ScriptError>> {
        let mut errors = Vec::new();
        let mut header = header::Builder::default();
        let mut steps = Vec::new();
        let mut remark = Vec::new();
        let mut before_steps = true;
        // Some editors put a byte order mark in front.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            let trimmed = line.trim();
            if let Some(comment) = trimmed.strip_prefix('#') {
                remark.push(comment.trim().to_owned());
            } else if trimmed.is_empty() {
                header.story(&mut remark);
            } else if trimmed.starts_with(['+', '*']) {
                before_steps = false;
                let remark = std::mem::take(&mut remark);
                match event::parse(line) {
                    Ok((when, action)) => {
                        steps.push(Step { line: number, text: trimmed.to_owned(), remark, when, action });
                    }
                    Err(miss) => errors.push(miss.at_line(number, line)),
                }
            } else if before_steps {
                header.story(&mut remark);
                errors.extend(header.line(line).err().map(|miss| miss.at_line(number, line)));
            } else {
                errors.push(no_step(trimmed).at_line(number, line));
            }
        }
        errors.extend(bounds::exceeded(&steps));
        match header.finish() {
            Ok(header) if errors.is_empty() && !steps.is_empty() => Ok(Self { header, steps }),
            _ if text.trim().is_empty() => Err(vec![empty()]),
            outcome => {
                let mut missing = outcome.err().unwrap_or_default();
                // A misspelt line is not missing.
                missing
                    .retain(|key| !errors.iter().any(|error| error.help == Some(error::did_you_mean(key))));
                errors.extend(lacking(text, &missing));
                if before_steps {
                    errors.push(without_steps(text));
                }
                errors.sort_by_key(|error| (error.line, error.column));
                Err(errors)
            }
        }
    }
}

/// A line among the steps that is none.
fn no_step(line: &str) -> error::Miss<'_> {
    let key = line.split(':').next().unwrap_or("");
    if header::KEYS.contains(&key) {
        return error::Miss::new(line, format!("a step: the line `{key}:` belongs before the first one"));
    }
    error::Miss::new(line, "a time such as +0.010, +0.5~+1.5 or *")
}

/// The script has no lines that begin with `keys`.
fn lacking(text: &str, keys: &[&str]) -> Option<ScriptError> {
    let keys: Vec<String> = keys.iter().map(|key| format!("`{key}:`")).collect();
    let wanted = match keys.as_slice() {
        [] => return None,
        [key] => format!("a line {key} before the first step"),
        keys => format!("lines {} before the first step", keys.join(", ")),
    };
    let first = text.lines().next().unwrap_or("").trim_end();
    Some(ScriptError::at(1, first, 0..first.len(), wanted).found("none"))
}

/// There is nothing at all.
fn empty() -> ScriptError {
    let expected =
        "a script: lines `title:`, `requirements:`, `mutant:`, `target:`, and steps such as `+0 listen`";
    ScriptError::at(1, "", 0..0, expected).found("an empty file")
}

/// The script ends before there is a step.
fn without_steps(text: &str) -> ScriptError {
    let (index, last) = text.lines().enumerate().last().unwrap_or((0, ""));
    let end = last.trim_end().len();
    let error =
        ScriptError::at(index + 1, last.trim_end(), end..end, "at least one step such as `+0 listen`");
    error.found("the end of the script")
}

/// One line of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its line, from 1.
    pub line: usize,
    /// The line as written, without white space around it.
    pub text: String,
    /// The comment lines right above it.
    pub remark: Vec<String>,
    /// When it happens.
    pub when: When,
    /// What happens.
    pub action: Action,
}

/// When a step happens, counted from the step before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// `+0.010`: that much later; an expectation has the tolerance of the script around it.
    After(Duration),
    /// `+0.5~+1.5`: not before the first, not after the second; only for expectations.
    Between(Duration, Duration),
    /// `*`: at any time; only for expectations.
    Any,
}

/// What happens in a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// `<`: the bench sends this segment to the target.
    Inject(SegmentPattern),
    /// `>`: the target sends a segment that fits.
    Expect(SegmentPattern),
    /// `> nothing for 5s`: the target sends nothing of the kind for so long.
    Silence(Silence, Duration),
    /// A call to the target, or a look at it.
    Call(Call),
}

/// What a target is not to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// `nothing`: no segment at all.
    Everything,
    /// `no hiatus`: no segment with a Hiatus option.
    Hiatus,
    /// `no data`: no segment with data.
    Data,
    /// `no rst`: no segment with RST.
    Reset,
}

/// A field of a segment: written down, or left open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field<T> {
    /// `*`, or not mentioned: every value fits; the bench fills in its own.
    Any,
    /// This value only.
    Is(T),
}

impl<T: Copy + PartialEq> Field<T> {
    /// True if `found` fits.
    #[must_use]
    pub fn fits(&self, found: T) -> bool {
        match self {
            Self::Any => true,
            Self::Is(value) => *value == found,
        }
    }

    /// The value, or `other` where it is left open.
    #[must_use]
    pub fn or(&self, other: T) -> T {
        match self {
            Self::Any => other,
            Self::Is(value) => *value,
        }
    }
}

/// A segment as a script has it; sequence numbers count from the initial one of their direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentPattern {
    /// Control bits. PSH counts only where it is written.
    pub flags: Field<Flags>,
    /// SEG.SEQ.
    pub seq: Field<u32>,
    /// Octets of data.
    pub len_octets: Field<u32>,
    /// SEG.ACK.
    pub ack: Field<u32>,
    /// SEG.WND as on the wire.
    pub window: WindowPattern,
    /// The options.
    pub options: OptionList,
}

/// What a script says about a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowPattern {
    /// Not mentioned, or `win *`.
    Any,
    /// `win 65535`.
    Is(u16),
    /// `win open`: any but 0; only in expectations.
    Open,
}

/// The options of a segment as a script has them, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionList {
    /// Those that are written down.
    pub named: Vec<OptionPattern>,
    /// What else may be there.
    pub others: Others,
}

/// What an expectation says about options that it does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// No `<...>` at all: any but a Hiatus option.
    NoHiatus,
    /// A list without `...`: none but padding.
    None,
    /// A list with `...`: any.
    Any,
}

/// One option as a script has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OptionPattern {
    /// `mss 1460`.
    MaximumSegmentSize(Field<u16>),
    /// `wscale 7`.
    WindowScale(Field<u8>),
    /// `sackOK`.
    SackPermitted,
    /// `sack 1-101 201-301`, relative.
    Sack(Vec<(u32, u32)>),
    /// `TS val 100 ecr 1`, or `TS` alone.
    Timestamps(Field<u32>, Field<u32>),
    /// `TS stepped`: a TSval at least 2^22 ticks above all that the target sent in earlier incarnations.
    TimestampsStepped,
    /// `nop`.
    NoOperation,
    /// `eol`.
    EndOfList,
    /// A Hiatus message.
    Hiatus(MessagePattern),
    /// `gen-253 HEX`: any kind by its number; Length is right by itself.
    Generic(u8, Vec<u8>),
    /// `raw HEX`: octets as they are, right or wrong.
    Raw(Vec<u8>),
}

/// A Hiatus message as a script has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessagePattern {
    /// Its fields.
    pub body: MessageBody,
    /// Its MAC; means nothing where the message has none.
    pub mac: MacPattern,
    /// `flags 15`: the low half of octet 4.
    pub flags: u8,
    /// `plus HEX`: octets after its known length.
    pub plus: Vec<u8>,
    /// `flip 6`: after the MAC was computed, the lowest bit of this octet of the option was turned over.
    pub flip: Option<u8>,
}

/// The fields of a Hiatus message as a script has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageBody {
    /// `capable v1 S hold 300s key 0011223344556677`.
    Capable {
        /// Version and capability bits; the reserved bit counts too.
        bits: Field<CapableBits>,
        /// The offer.
        hold: Field<HoldTime>,
        /// Long with a key, short without.
        key: Option<Field<ConnectionKey>>,
    },
    /// `epoch 7 stable 101`.
    Epoch {
        /// The number for people.
        number: Field<u32>,
        /// The stable point.
        stable: Field<u32>,
    },
    /// `epoch-echo 101`.
    EpochEcho(Field<u32>),
    /// `suspend 60s`.
    Suspend(Field<HoldTime>),
    /// `suspend-ack 300s`.
    SuspendAck(HoldPattern),
    /// `resume life 0.1 nonce 0badcafe end 101`.
    Resume {
        /// The sender's life.
        life: Field<Life>,
        /// The sender's nonce.
        nonce: Field<Nonce>,
        /// E.
        end: Field<u32>,
    },
    /// `resume-ack life 0.0 rcv 101 end 1`.
    ResumeAck {
        /// The sender's life.
        life: Field<Life>,
        /// R.
        received: Field<u32>,
        /// E.
        end: Field<u32>,
    },
    /// `abort fenced`.
    Abort(Field<u8>),
}

/// What a script says about a granted hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldPattern {
    /// `*`.
    Any,
    /// `300s`.
    Is(HoldTime),
    /// `<=300s`: some hold, but not more than that; only in expectations.
    AtMost(HoldTime),
}

/// What a script says about a MAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MacPattern {
    /// Not mentioned: any in an expectation, right in an injection.
    Open,
    /// `mac ok`, with the life and nonce that the bench has seen, or over what `over life L nonce N` names.
    Right {
        /// The life that the MAC covers beside the message.
        life: Option<Life>,
        /// The nonce that it covers.
        nonce: Option<Nonce>,
        /// `role initiator`, `role responder`: whose message it is.
        role: Option<Role>,
        /// `turn 1`: how often the positions that it covers have gone round 2^32.
        turn: Option<u32>,
    },
    /// `mac bad`: right but for one bit.
    Wrong,
    /// `mac HEX`, and `key HEX` in `abort lost`.
    Octets([u8; 8]),
}

/// A call to the target, or a look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// `listen`.
    Listen,
    /// `connect`.
    Connect,
    /// `write 100`, `write "text"`: the octets that the application hands over.
    Write(Written),
    /// `reads 100`: the application reads so many octets, and they are the right ones.
    Reads(u32),
    /// `reads nothing`.
    ReadsNothing,
    /// `reads end`: the peer's data is at its end.
    ReadsEnd,
    /// `close`.
    Close,
    /// `abort`.
    Abort,
    /// `suspend 60s`, `suspend unknown`: the host is going away.
    Suspend(HoldTime),
    /// `attempt suspend 60s`: the call may be refused.
    Attempt(Box<Call>),
    /// `stop`: the host does no more, neither hears nor speaks.
    Stop,
    /// `resume`: the host is back with its memory intact.
    Resume,
    /// `snapshot taken 7`.
    SnapshotTaken(u32),
    /// `snapshot durable 7`.
    SnapshotDurable(u32),
    /// `crash`: the host's memory is lost.
    Crash,
    /// `restore 7`, `restore 7 taking 5s`: the host starts from that snapshot.
    Restore {
        /// Its number.
        epoch: u32,
        /// How long it takes until all connections are restored.
        lasts: Duration,
    },
    /// The state of a copy comes back, and the host is not told.
    Rewind(u32),
    /// `hold-send on`, `hold-send off`.
    HoldSend(Sending),
    /// `icmp port-unreachable`: the network says so of the target's latest segment.
    Icmp(NetworkError),
    /// `event peer-suspended`: the target has said so since the last look.
    Event(String),
    /// `state established`.
    State(String),
}

/// What an application writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// So many octets of the pattern.
    Pattern(u32),
    /// These.
    Text(Vec<u8>),
}

/// What an ICMP error says (RFC 792).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkError {
    /// `host-unreachable`: a soft error (RFC 9293, section 3.9.2.2).
    HostUnreachable,
    /// `protocol-unreachable`: a hard one.
    ProtocolUnreachable,
    /// `port-unreachable`: a hard one.
    PortUnreachable,
}
