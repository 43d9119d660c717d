//! When a packet was captured.

use std::fmt;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// When a packet was captured: nanoseconds since 1970-01-01 UTC, up to the year 2554, saturating beyond.
///
/// A record without a time (Simple Packet Block) has the time of the record before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    nanos: u64,
}

impl Timestamp {
    /// From seconds and the part below a second in nanoseconds (any value: carries over).
    #[must_use]
    pub fn new(seconds: u64, nanos: u64) -> Self {
        Self { nanos: seconds.saturating_mul(NANOS_PER_SECOND).saturating_add(nanos) }
    }

    /// From a count of ticks, `per_second` of them to a second (0 counts as 1), shifted by `offset_s` seconds.
    #[must_use]
    pub fn from_ticks(ticks: u64, per_second: u64, offset_s: i64) -> Self {
        if per_second == 1_000_000 && offset_s == 0 {
            return Self { nanos: ticks.saturating_mul(1000) };
        }
        let per_second = u128::from(per_second.max(1));
        let nanos = u128::from(ticks) * u128::from(NANOS_PER_SECOND) / per_second;
        let nanos = u64::try_from(nanos).unwrap_or(u64::MAX);
        let offset_nanos = offset_s.unsigned_abs().saturating_mul(NANOS_PER_SECOND);
        Self {
            nanos: if offset_s < 0 {
                nanos.saturating_sub(offset_nanos)
            } else {
                nanos.saturating_add(offset_nanos)
            },
        }
    }

    /// Nanoseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn nanos(self) -> u64 {
        self.nanos
    }

    /// Nanoseconds from `earlier` to `self`; negative where the capture's clock went back. Saturating.
    #[must_use]
    pub fn nanos_since(self, earlier: Self) -> i64 {
        i64::try_from(i128::from(self.nanos) - i128::from(earlier.nanos)).unwrap_or(i64::MAX)
    }
}

/// A span of `nanos` for people: `3.431 s`; whole milliseconds below a second.
pub(crate) fn span(nanos: i64) -> impl fmt::Display {
    Span(nanos)
}

struct Span(i64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0 / 1_000_000;
        if millis.abs() < 1000 {
            write!(f, "{millis} ms")
        } else {
            let sign = if millis < 0 { "-" } else { "" };
            write!(f, "{sign}{}.{:03} s", (millis / 1000).abs(), (millis % 1000).abs())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Span, Timestamp};

    #[test]
    fn ticks_of_any_resolution_become_nanoseconds() {
        // pcapng, if_tsresol 6 (the default), 9, and 0x80 | 10 (2^-10 s).
        assert_eq!(Timestamp::from_ticks(1_500_000, 1_000_000, 0).nanos(), 1_500_000_000);
        assert_eq!(Timestamp::from_ticks(1_500_000, 1_000_000_000, 0).nanos(), 1_500_000);
        assert_eq!(Timestamp::from_ticks(1536, 1024, 0).nanos(), 1_500_000_000);
        assert_eq!(Timestamp::from_ticks(0, 1_000_000, -5).nanos(), 0);
        assert_eq!(Timestamp::from_ticks(u64::MAX, 1, i64::MAX).nanos(), u64::MAX);
    }

    #[test]
    fn spans_read_like_times() {
        assert_eq!(Span(3_431_000_000).to_string(), "3.431 s");
        assert_eq!(Span(12_000_000).to_string(), "12 ms");
        assert_eq!(Span(-1_500_000_000).to_string(), "-1.500 s");
    }
}
