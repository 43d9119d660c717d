//! Durations on the wire: a granularity bit and 15 bits, as RFC 5482.

use core::fmt;

/// How long a connection is held, or an absence is expected to last (draft, {#durations}; the form of RFC 5482).
///
/// The top bit is the granularity, 0 for seconds and 1 for minutes; the other 15 are the count. 0 means none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct HoldTime(pub u16);

const MINUTES: u16 = 0x8000;
const COUNT_MAX: u16 = 0x7fff;
const SECONDS_IN_MINUTE: u32 = 60;

impl HoldTime {
    /// None: not offered, refused, or not known.
    pub const NONE: Self = Self(0);

    /// The longest duration that the wire can say and that is at most `seconds`.
    ///
    /// A hold is rounded down: nobody is promised more than there is (draft, {#durations}).
    #[must_use]
    pub fn from_seconds(seconds: u32) -> Self {
        match u16::try_from(seconds) {
            Ok(count) if count <= COUNT_MAX => Self(count),
            _ => {
                let minutes = (seconds / SECONDS_IN_MINUTE).min(u32::from(COUNT_MAX));
                Self(MINUTES | u16::try_from(minutes).unwrap_or(COUNT_MAX))
            }
        }
    }

    /// The duration in seconds, 0 to 1,966,020.
    #[must_use]
    pub const fn seconds(self) -> u32 {
        let count = (self.0 & COUNT_MAX) as u32;
        if self.0 & MINUTES == 0 { count } else { count * SECONDS_IN_MINUTE }
    }

    /// True if it says none; with either granularity.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 & COUNT_MAX == 0
    }
}

impl fmt::Display for HoldTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0 & COUNT_MAX;
        match (count, self.0 & MINUTES) {
            (0, _) => f.write_str("none"),
            (_, 0) => write!(f, "{count}s"),
            _ => write!(f, "{count}min"),
        }
    }
}
