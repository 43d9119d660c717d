//! What becomes of octets that the peer has acknowledged (draft, {#retention}).

use core::time::Duration;

use hiatus_codec::Position;
use serde::{Deserialize, Serialize};

use crate::config::RETAINED_OCTETS_LIMIT;
use crate::send::FIRST_OCTET;

/// How long new octets wait for room at most.
pub(crate) const HOLD_BACK_MAX: Duration = Duration::from_secs(120);

/// Whether acknowledged octets are kept, and what happens when there are too many of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) enum Retention {
    /// They are dropped.
    #[default]
    Off,
    /// They are kept: with so many, new octets wait for room.
    Holding { octets_max: u32 },
    /// They are kept, so many at most: the oldest go. It lasts until the stable point rises.
    Shedding { octets_max: u32 },
}

impl Retention {
    pub(crate) fn on(octets_max: u32) -> Self {
        Self::Holding { octets_max: octets_max.clamp(1, RETAINED_OCTETS_LIMIT) }
    }

    pub(crate) fn is_on(self) -> bool {
        self != Self::Off
    }

    /// How far the stream may go now, all before `stable` being free.
    pub(crate) fn bound(self, stable: Position) -> Position {
        match self {
            Self::Holding { octets_max } => stable.max(FIRST_OCTET).advanced_by(u64::from(octets_max)),
            Self::Off | Self::Shedding { .. } => Position(u64::MAX),
        }
    }

    /// The lowest position that is kept: octets from `stable` to `una` may be asked for again.
    ///
    /// A peer that returns may acknowledge at one stroke what this history has not sent, up to `capacity_octets`: for
    /// so much there is room beyond the bound, and not for more.
    pub(crate) fn kept_from(self, stable: Position, una: Position, capacity_octets: u32) -> Position {
        let octets_max = match self {
            Self::Off => return una,
            Self::Holding { octets_max } => u64::from(octets_max) + u64::from(capacity_octets),
            Self::Shedding { octets_max } => u64::from(octets_max),
        };
        let first = stable.max(FIRST_OCTET);
        let beyond = first.distance_to(una).saturating_sub(octets_max);
        if beyond == 0 { stable } else { first.advanced_by(beyond) }
    }

    /// New octets have waited for long enough.
    pub(crate) fn sheds(self) -> Self {
        match self {
            Self::Holding { octets_max } => Self::Shedding { octets_max },
            other => other,
        }
    }

    //= draft#back-pressure
    //# After the 120 seconds it sheds, and does not hold back again before the
    //# stable point has risen.
    pub(crate) fn holds(self) -> Self {
        match self {
            Self::Shedding { octets_max } => Self::Holding { octets_max },
            other => other,
        }
    }
}
