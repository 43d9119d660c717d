//! A segment that left, in the script's numbers.

use std::fmt;

use hiatus_codec::{Flags, Segment, TcpOption, options};
use hiatus_engine::Time;

use crate::script::OptionPattern;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Observed {
    pub(super) at: Time,
    pub(super) ecn: u8,
    pub(super) flags: Flags,
    pub(super) seq: u32,
    pub(super) ack: u32,
    pub(super) window: u16,
    pub(super) urgent: u16,
    pub(super) options: Vec<OptionPattern>,
    pub(super) payload: Vec<u8>,
}

impl Observed {
    pub(super) fn new(at: Time, ecn: u8, segment: &Segment<'_>, local: u32, remote: u32) -> Self {
        let has_ack = segment.flags.contains(Flags::ACK);
        Self {
            at,
            ecn,
            flags: segment.flags,
            seq: segment.seq.0.wrapping_sub(local),
            ack: if has_ack { segment.ack.0.wrapping_sub(remote) } else { segment.ack.0 },
            window: segment.window,
            urgent: segment.urgent,
            options: options(segment.options).flatten().map(|option| pattern_of(option, remote)).collect(),
            payload: segment.payload.to_vec(),
        }
    }

    pub(super) fn len_octets(&self) -> usize {
        self.payload.len()
    }

    /// Puts the data of `next`, the segment right after, behind this; everything else is that of the later one.
    pub(super) fn join(&mut self, next: Self) -> Result<(), ()> {
        let end = self.seq.wrapping_add(u32::try_from(self.payload.len()).unwrap_or(0));
        let may_differ = Flags::PSH.union(Flags::FIN).union(Flags::CWR).0;
        let is_alike = next.seq == end
            && next.ack == self.ack
            && next.flags.0 & !may_differ == self.flags.0 & !may_differ
            && !self.payload.is_empty()
            && !next.payload.is_empty();
        if !is_alike {
            return Err(());
        }
        self.payload.extend(&next.payload);
        let payload = std::mem::take(&mut self.payload);
        *self = Self { seq: self.seq, payload, ..next };
        Ok(())
    }
}

fn pattern_of(option: TcpOption<'_>, remote: u32) -> OptionPattern {
    match option {
        TcpOption::EndOfList => OptionPattern::EndOfList,
        TcpOption::NoOperation => OptionPattern::NoOperation,
        TcpOption::MaximumSegmentSize(size) => OptionPattern::MaximumSegmentSize(size),
        TcpOption::WindowScale(shift) => OptionPattern::WindowScale(shift),
        TcpOption::SackPermitted => OptionPattern::SackPermitted,
        TcpOption::Sack(blocks) => OptionPattern::Sack(
            blocks
                .iter()
                .map(|block| (block.left.0.wrapping_sub(remote), block.right.0.wrapping_sub(remote)))
                .collect(),
        ),
        TcpOption::Timestamps(timestamps) => {
            OptionPattern::Timestamps { value: timestamps.value, echo_reply: timestamps.echo_reply }
        }
        TcpOption::Hiatus(option) => OptionPattern::Generic {
            kind: hiatus_codec::OptionKind::HIATUS.0,
            body: [&hiatus_codec::ExperimentId::HIATUS.0.to_be_bytes(), option.octets_from_subtype()]
                .concat(),
        },
        TcpOption::Experiment { kind, experiment, body } => {
            OptionPattern::Generic { kind: kind.0, body: [&experiment.0.to_be_bytes(), body].concat() }
        }
        TcpOption::Unknown(raw) => OptionPattern::Generic { kind: raw.kind.0, body: raw.body.to_vec() },
        // A kind that this crate does not know yet.
        other => OptionPattern::Generic { kind: 255, body: other.to_string().into_bytes() },
    }
}

impl fmt::Display for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.seq.wrapping_add(u32::try_from(self.payload.len()).unwrap_or(0));
        if self.ecn != 0 {
            write!(f, "{}", ["", "[ect1] ", "[ect0] ", "[ce] "][usize::from(self.ecn & 3)])?;
        }
        write!(f, "{} {}:{end}({})", Letters(self.flags), self.seq, self.payload.len())?;
        if self.flags.contains(Flags::ACK) {
            write!(f, " ack {}", self.ack)?;
        }
        write!(f, " win {}", self.window)?;
        if self.flags.contains(Flags::URG) {
            write!(f, " urg {}", self.urgent)?;
        }
        if !self.options.is_empty() {
            write!(f, " {}", Options(&self.options))?;
        }
        Ok(())
    }
}

/// Control bits as scripts spell them.
pub(super) struct Letters(pub(super) Flags);

impl fmt::Display for Letters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LETTERS: [(Flags, &str); 9] = [
            (Flags::SYN, "S"),
            (Flags::FIN, "F"),
            (Flags::RST, "R"),
            (Flags::PSH, "P"),
            (Flags::URG, "U"),
            (Flags::ECE, "E"),
            (Flags::CWR, "W"),
            (Flags::AE, "A"),
            (Flags::ACK, "."),
        ];
        if self.0 == Flags::default() {
            return f.write_str("-");
        }
        LETTERS
            .iter()
            .filter(|(flag, _)| self.0.contains(*flag))
            .try_for_each(|(_, letter)| f.write_str(letter))
    }
}

/// Options as scripts spell them.
pub(super) struct Options<'a>(pub(super) &'a [OptionPattern]);

impl fmt::Display for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<")?;
        for (index, option) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            match option {
                OptionPattern::EndOfList => f.write_str("eol")?,
                OptionPattern::NoOperation => f.write_str("nop")?,
                OptionPattern::MaximumSegmentSize(size) => write!(f, "mss {size}")?,
                OptionPattern::WindowScale(shift) => write!(f, "wscale {shift}")?,
                OptionPattern::SackPermitted => f.write_str("sackOK")?,
                OptionPattern::Sack(blocks) => {
                    f.write_str("sack")?;
                    blocks.iter().try_for_each(|(left, right)| write!(f, " {left}:{right}"))?;
                }
                OptionPattern::Timestamps { value, echo_reply } => {
                    write!(f, "TS val {value} ecr {echo_reply}")?;
                }
                OptionPattern::Generic { kind, body } => {
                    write!(f, "gen-{kind} ")?;
                    body.iter().try_for_each(|octet| write!(f, "{octet:02x}"))?;
                }
            }
        }
        f.write_str(">")
    }
}
