//! The segments around a recovery, as `conform show` writes them.

use std::collections::VecDeque;
use std::fmt;

use hiatus_codec::{Flags, Segment, SequenceNumber, TcpOption, options};
use hiatus_engine::Time;
use serde::Serialize;

use crate::demo::application::Side;

/// Lines before the power cut, while the power is gone, and after it is back.
const BEFORE: usize = 3;
const DURING: usize = 3;
const AFTER: usize = 10;
/// Widths of the columns: flags; octets and acknowledgment.
const FLAGS_WIDTH: usize = 3;
const OCTETS_WIDTH: usize = 36;

/// When a segment was sent, as seen from the power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// Before it.
    Before,
    /// While host B had no power: whatever was sent to it is lost.
    During,
    /// Since it is back.
    After,
}

/// One segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LadderLine {
    /// Microseconds from the power cut; below 0 before it.
    pub at_us: i64,
    /// When that is.
    pub moment: Moment,
    /// `A` or `B`.
    pub from: char,
    /// `A` or `B`.
    pub to: char,
    /// As tcpdump writes them.
    pub flags: String,
    /// First octet of data, the one after the last, and the acknowledgment, from the start of each stream.
    pub octets: String,
    /// The options but padding and timestamps, without their MACs.
    pub options: Vec<String>,
}

impl fmt::Display for LadderLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at_us, from, to, flags, octets, options, .. } = self;
        let sign = if *at_us < 0 { '-' } else { '+' };
        let micros = at_us.unsigned_abs();
        write!(f, "{sign}{}.{:06}  {from} > {to}", micros / 1_000_000, micros % 1_000_000)?;
        write!(f, "  {flags:<FLAGS_WIDTH$} {octets:<OCTETS_WIDTH$}")?;
        if !options.is_empty() {
            write!(f, "  <{}>", options.join(", "))?;
        }
        Ok(())
    }
}

/// What was sent around the first power cut.
#[derive(Debug, Default)]
pub(crate) struct Ladder {
    /// The first number of each stream, which its SYN had.
    first_a: SequenceNumber,
    first_b: SequenceNumber,
    before: VecDeque<(Time, LadderLine)>,
    during: Vec<(Time, LadderLine)>,
    after: Vec<(Time, LadderLine)>,
    cut_at: Option<Time>,
    is_back: bool,
}

impl Ladder {
    pub(crate) fn power_cut(&mut self, now: Time) {
        self.cut_at.get_or_insert(now);
    }

    pub(crate) fn power_back(&mut self) {
        self.is_back = true;
    }

    pub(crate) fn note(&mut self, now: Time, from: Side, segment: &[u8]) {
        if self.after.len() >= AFTER {
            return;
        }
        let Ok(segment) = Segment::parse(segment) else { return };
        if segment.flags.contains(Flags::SYN) {
            match from {
                Side::A => self.first_a = segment.seq,
                Side::B => self.first_b = segment.seq,
            }
        }
        let moment = match (self.cut_at, self.is_back) {
            (None, _) => Moment::Before,
            (Some(_), false) => Moment::During,
            (Some(_), true) => Moment::After,
        };
        let line = self.line(from, moment, &segment);
        match moment {
            Moment::Before => {
                if self.before.len() == BEFORE {
                    self.before.pop_front();
                }
                self.before.push_back((now, line));
            }
            Moment::During if self.during.len() < DURING => self.during.push((now, line)),
            Moment::During => {}
            Moment::After => self.after.push((now, line)),
        }
    }

    fn line(&self, from: Side, moment: Moment, segment: &Segment<'_>) -> LadderLine {
        let (own, peer) = match from {
            Side::A => (self.first_a, self.first_b),
            Side::B => (self.first_b, self.first_a),
        };
        let start = segment.seq.0.wrapping_sub(own.0);
        let len_octets = segment.payload.len();
        let end = u64::from(start) + u64::try_from(len_octets).unwrap_or(u64::MAX);
        let mut octets = format!("{start}:{end}({len_octets})");
        if segment.flags.contains(Flags::ACK) {
            octets = format!("{octets} ack {}", segment.ack.0.wrapping_sub(peer.0));
        }
        let (from, to) = if from == Side::A { ('A', 'B') } else { ('B', 'A') };
        let flags = segment.flags.to_string();
        LadderLine { at_us: 0, moment, from, to, flags, octets, options: shown(segment.options, peer) }
    }

    /// The lines, with their times from the power cut.
    pub(crate) fn lines(self) -> Vec<LadderLine> {
        let Some(cut_at) = self.cut_at else { return Vec::new() };
        let signed = |micros: std::time::Duration| i64::try_from(micros.as_micros()).unwrap_or(i64::MAX);
        let all = self.before.into_iter().chain(self.during).chain(self.after);
        all.map(|(at, line)| LadderLine {
            at_us: signed(at.since(cut_at)) - signed(cut_at.since(at)),
            ..line
        })
        .collect()
    }
}

fn shown(area: &[u8], peer: SequenceNumber) -> Vec<String> {
    let text = |option| match option {
        Ok(TcpOption::NoOperation | TcpOption::EndOfList | TcpOption::Timestamps(_)) => None,
        Ok(TcpOption::Sack(blocks)) => {
            let relative = |number: SequenceNumber| number.0.wrapping_sub(peer.0);
            let blocks = blocks.iter().map(|block| (relative(block.left), relative(block.right)));
            Some(blocks.fold(String::from("sack"), |text, (left, right)| format!("{text} {left}:{right}")))
        }
        // What the MAC is tells nobody anything here.
        Ok(option) => {
            let text = option.to_string();
            Some(text.split_once(" mac ").map_or(text.clone(), |(before, _)| before.to_owned()))
        }
        Err(error) => Some(format!("bad: {error}")),
    };
    options(area).filter_map(text).collect()
}
