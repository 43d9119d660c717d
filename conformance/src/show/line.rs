//! One line of the transcript.

use std::fmt;

use hiatus_codec::{Flags, SackBlocks, TcpOption, options};
use serde::Serialize;

use crate::capture::flow::{Direction, Flow, Side};
use crate::capture::{Record, Segment, Timestamp};

/// Width of the columns: flags; octets and acknowledgment.
const FLAGS_WIDTH: usize = 3;
const OCTETS_WIDTH: usize = 24;

/// What an end is called: A and B in connection 0, A1 and B1 in connection 1.
pub(super) fn name(side: Side, connection: u64) -> String {
    let letter = match side {
        Side::A => 'A',
        Side::B => 'B',
    };
    if connection == 0 { letter.to_string() } else { format!("{letter}{connection}") }
}

/// A segment as it is shown.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    /// Number of the packet, from 1.
    frame: u64,
    /// Nanoseconds from the first packet of the file.
    time_ns: i64,
    /// Number of the connection, from 0.
    connection: u64,
    from: String,
    to: String,
    flags: String,
    /// Position of the first octet of data, and of the one after the last.
    start: i64,
    end: i64,
    ack: Option<i64>,
    window: u16,
    /// Octets of data that were captured, where they are fewer than on the wire.
    captured_octets: Option<usize>,
    /// The options but padding, then what was wrong with them.
    options: Vec<String>,
    comments: Vec<String>,
}

impl Line {
    pub(super) fn new(
        record: &Record<'_>,
        segment: &Segment<'_>,
        flow: &Flow<()>,
        sender: Side,
        begin: Timestamp,
    ) -> Self {
        let tcp = &segment.tcp;
        let own = &flow.directions[sender.index()];
        let peer = &flow.directions[sender.peer().index()];
        let start = own.position(tcp.seq);
        Self {
            frame: record.frame,
            time_ns: record.at.nanos_since(begin),
            connection: flow.number,
            from: name(sender, flow.number),
            to: name(sender.peer(), flow.number),
            flags: tcp.flags.to_string(),
            start,
            end: start + i64::from(segment.data_octets),
            ack: tcp.flags.contains(Flags::ACK).then(|| peer.position(tcp.ack)),
            window: tcp.window,
            captured_octets: (!segment.is_whole()).then_some(tcp.payload.len()),
            options: shown_options(tcp.options, peer),
            comments: record.comments.clone().map(|comment| comment.into_owned()).collect(),
        }
    }
}

fn shown_options(area: &[u8], peer: &Direction) -> Vec<String> {
    options(area)
        .filter(|item| !matches!(item, Ok(TcpOption::NoOperation | TcpOption::EndOfList)))
        .map(|item| match item {
            Ok(TcpOption::Sack(blocks)) => relative(&blocks, peer),
            Ok(option) => option.to_string(),
            Err(error) => format!("bad: {error}"),
        })
        .collect()
}

fn relative(blocks: &SackBlocks<'_>, peer: &Direction) -> String {
    let blocks = blocks.iter().map(|block| (peer.position(block.left), peer.position(block.right)));
    blocks.fold(String::from("sack"), |text, (left, right)| format!("{text} {left}:{right}"))
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.time_ns < 0 { '-' } else { '+' };
        let micros = self.time_ns.unsigned_abs() / 1000;
        let length = self.end - self.start;
        let mut octets = format!("{}:{}({length})", self.start, self.end);
        if let Some(ack) = self.ack {
            octets = format!("{octets} ack {ack}");
        }
        write!(f, "{sign}{}.{:06}  {} > {}", micros / 1_000_000, micros % 1_000_000, self.from, self.to)?;
        write!(f, "  {:<FLAGS_WIDTH$} {octets:<OCTETS_WIDTH$}  win {}", self.flags, self.window)?;
        if !self.options.is_empty() {
            write!(f, "  <{}>", self.options.join(", "))?;
        }
        if let Some(captured) = self.captured_octets {
            write!(f, "  [{captured} of {length} octets captured]")?;
        }
        Ok(())
    }
}
