//! One direction of the network.

use core::time::Duration;

use hiatus_codec::{ExperimentId, Flags, OptionKind, Segment};
use hiatus_engine::Time;

/// Header octets before the options.
const FIXED_HEADER_OCTETS: usize = 20;

/// How segments travel in one direction. Corruption is loss: a checksum finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    /// What every segment takes.
    pub delay: Duration,
    /// What a segment takes beyond that, at most; evenly distributed, so segments overtake each other.
    pub jitter: Duration,
    /// Segments lost, in a thousand.
    pub loss_per_mille: u16,
    /// Segments that arrive twice, in a thousand.
    pub duplicates_per_mille: u16,
    /// What a middlebox does to Hiatus options.
    pub strip: Strip,
}

impl Default for Path {
    fn default() -> Self {
        Self {
            delay: Duration::from_millis(10),
            jitter: Duration::ZERO,
            loss_per_mille: 0,
            duplicates_per_mille: 0,
            strip: Strip::Nothing,
        }
    }
}

/// Which segments lose their Hiatus options: NOPs stand in their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strip {
    /// None.
    Nothing,
    /// Those with SYN.
    Syns,
    /// Those without SYN.
    NonSyns,
    /// Every one.
    Everything,
    /// Every one from that time on, as after a change of route.
    From(Time),
    /// None; but a SYN with a Hiatus option is dropped.
    DropsSyns,
}

/// What a middlebox makes of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passage {
    Through,
    Dropped,
}

impl Strip {
    /// Applies to the octets of one segment.
    pub(crate) fn apply(self, now: Time, octets: &mut [u8]) -> Passage {
        let Ok(segment) = Segment::parse(octets) else { return Passage::Through };
        let is_syn = segment.flags.contains(Flags::SYN);
        let end = FIXED_HEADER_OCTETS + segment.options.len();
        let strips = match self {
            Self::Nothing => false,
            Self::Syns | Self::DropsSyns => is_syn,
            Self::NonSyns => !is_syn,
            Self::Everything => true,
            Self::From(from) => now >= from,
        };
        let Some(area) = octets.get_mut(FIXED_HEADER_OCTETS..end).filter(|_| strips) else {
            return Passage::Through;
        };
        let found = strip_hiatus(area);
        if found && self == Self::DropsSyns { Passage::Dropped } else { Passage::Through }
    }
}

/// Overwrites Hiatus options with NOPs; says whether there were any.
fn strip_hiatus(area: &mut [u8]) -> bool {
    let mut found = false;
    let mut at = 0;
    while let Some(&kind) = area.get(at) {
        if kind == OptionKind::END_OF_LIST.0 {
            break;
        }
        if kind == OptionKind::NO_OPERATION.0 {
            at += 1;
            continue;
        }
        let len = area.get(at + 1).copied().map_or(0, usize::from);
        let Some(option) = area.get_mut(at..at + len).filter(|option| option.len() >= 2) else { break };
        if kind == OptionKind::HIATUS.0 && option.get(2..4) == Some(&ExperimentId::HIATUS.0.to_be_bytes()) {
            option.fill(OptionKind::NO_OPERATION.0);
            found = true;
        }
        at += len;
    }
    found
}
