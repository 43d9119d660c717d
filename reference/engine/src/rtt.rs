//! Round trips and the retransmission timeout (RFC 6298).

use core::time::Duration;

use hiatus_codec::Position;
use serde::{Deserialize, Serialize};

use crate::config::{Config, INITIAL_RTO};
use crate::time::Time;

/// The clock granularity G of RFC 6298.
const GRANULARITY_US: u64 = 1_000;
/// Doublings beyond this change nothing: the result is capped.
const BACKOFF_MAX: u32 = 16;

/// What is known of the round trip.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RoundTrip {
    /// SRTT and RTTVAR in microseconds; `None` before the first measurement.
    smoothed_us: Option<(u64, u64)>,
    /// How often the timeout was doubled.
    backoff_count: u32,
    /// The position whose acknowledgment ends the measurement, and when it was sent. One at a time; a retransmission
    /// ends it without a result (Karn).
    timing: Option<(Position, Time)>,
    /// Since when everything sent has stayed unanswered; `None` while answers come.
    unanswered_since: Option<Time>,
}

impl RoundTrip {
    /// RTO, doubled as often as it ran out.
    pub(crate) fn rto(&self, config: &Config) -> Duration {
        let base = match self.smoothed_us {
            None => INITIAL_RTO.max(config.rto_min),
            Some((srtt_us, rttvar_us)) => {
                Duration::from_micros(srtt_us + (4 * rttvar_us).max(GRANULARITY_US)).max(config.rto_min)
            }
        };
        base.saturating_mul(1 << self.backoff_count).min(config.rto_max)
    }

    /// `end` is the position after what was just sent for the first time.
    pub(crate) fn sent(&mut self, end: Position, now: Time) {
        self.timing.get_or_insert((end, now));
    }

    /// Something was acknowledged: measures, and ends the doubling.
    pub(crate) fn acknowledged(&mut self, una: Position, now: Time) {
        self.answered();
        if let Some((end, sent_at)) = self.timing
            && una >= end
        {
            self.timing = None;
            let sample_us = u64::try_from(now.since(sent_at).as_micros()).unwrap_or(u64::MAX);
            self.smoothed_us = Some(match self.smoothed_us {
                None => (sample_us, sample_us / 2),
                Some((srtt_us, rttvar_us)) => {
                    let error_us = srtt_us.abs_diff(sample_us);
                    ((7 * srtt_us + sample_us) / 8, (3 * rttvar_us + error_us) / 4)
                }
            });
        }
    }

    /// The peer is there: the doubling ends and nothing counts as unanswered.
    pub(crate) fn answered(&mut self) {
        self.backoff_count = 0;
        self.unanswered_since = None;
    }

    /// The timeout ran out. Gives how long nothing was answered, counted from the first time.
    pub(crate) fn ran_out(&mut self, now: Time) -> Duration {
        self.timing = None;
        self.backoff_count = (self.backoff_count + 1).min(BACKOFF_MAX);
        now.since(*self.unanswered_since.get_or_insert(now))
    }

    /// How often the timeout ran out in a row.
    pub(crate) fn timeouts(&self) -> u32 {
        self.backoff_count
    }

    /// A retransmission makes the running measurement ambiguous (Karn).
    pub(crate) fn retransmitted(&mut self) {
        self.timing = None;
    }

    /// After an absence: the path may be another one. The initial RTO holds again.
    pub(crate) fn restart(&mut self) {
        *self = Self::default();
    }
}
