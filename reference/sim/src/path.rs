//! One direction of the network.

use core::num::NonZeroU32;
use core::time::Duration;

use hiatus_codec::{ExperimentId, Flags, OptionKind, Segment};
use hiatus_engine::Time;

/// Header octets before the options.
const FIXED_HEADER_OCTETS: usize = 20;

/// How segments travel in one direction.
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
    /// Loss that comes in bursts, beside the even one.
    pub bursts: Option<Bursts>,
    /// Every so manieth segment is lost.
    pub loses_every: Option<NonZeroU32>,
    /// Segments that lose bits or their end on the way, in a thousand.
    pub corruption_per_mille: u16,
    /// Segments that others overtake, beside what the jitter does.
    pub reordering: Option<Reordering>,
    /// The narrowest place of the path; `None` if nothing queues.
    pub bottleneck: Option<Bottleneck>,
    /// Octets of the largest IP packet that passes; `None` if any passes.
    pub mtu_octets: Option<u16>,
    /// What becomes of larger ones.
    pub oversize: Oversize,
    /// What a middlebox does to Hiatus options.
    pub strip: Strip,
}

/// Loss as Gilbert and Elliott model it: a good state without loss and a bad one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bursts {
    /// Segments that turn good into bad, in a thousand.
    pub begin_per_mille: u16,
    /// Segments that turn bad into good, in a thousand; a burst takes a thousand divided by this on the average.
    pub end_per_mille: u16,
    /// Segments lost while it is bad, in a thousand.
    pub loss_per_mille: u16,
}

/// Some segments are held back until others have overtaken them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reordering {
    /// Segments held back, in a thousand.
    pub per_mille: u16,
    /// How many overtake a segment that is held back.
    pub distance: u32,
    /// If so many do not come, it goes on after this time.
    pub patience: Duration,
}

/// A link that takes its time for every octet, with a queue before it that drops what it has no room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bottleneck {
    /// Octets of IP packets that it carries in a second.
    pub octets_per_second: NonZeroU32,
    /// Octets that may wait, the packet on the link included.
    pub queue_octets_max: u32,
    /// A packet that finds more than so many waiting is marked, if its ends understand marks (RFC 3168). `None` marks
    /// nothing.
    pub marks_above_octets: Option<u32>,
}

/// What a path does with a packet that is larger than its MTU. It is lost in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oversize {
    /// Nobody is told.
    Silent,
    /// An ICMP error with the MTU goes back (RFC 1191).
    Reported,
}

impl Default for Path {
    fn default() -> Self {
        Self {
            delay: Duration::from_millis(10),
            jitter: Duration::ZERO,
            loss_per_mille: 0,
            duplicates_per_mille: 0,
            bursts: None,
            loses_every: None,
            corruption_per_mille: 0,
            reordering: None,
            bottleneck: None,
            mtu_octets: None,
            oversize: Oversize::Silent,
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
