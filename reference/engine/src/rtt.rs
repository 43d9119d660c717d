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
/// RTO when a SYN was sent again and nothing was measured (RFC 6298, section 5.7).
const RTO_AFTER_LOST_SYN: Duration = Duration::from_secs(3);

/// What is known of the round trip.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RoundTrip {
    /// `None` before the first measurement.
    smoothed: Option<Smoothed>,
    /// How often the timeout was doubled. It stays until something is measured anew (RFC 6298, section 5).
    backoff_count: u32,
    /// How often it ran out since something was answered.
    timeouts: u32,
    /// The position whose acknowledgment ends the measurement, and when it was sent. One at a time; a retransmission
    /// ends it without a result (Karn). Not used with timestamps.
    timing: Option<(Position, Time)>,
    /// When the first and the last segment with data was sent since this began; no sample is older than the first.
    sent: Option<(Time, Time)>,
    /// Since when everything sent has stayed unanswered; `None` while answers come.
    unanswered_since: Option<Time>,
    /// The own SYN was sent again.
    syn_was_lost: bool,
}

/// SRTT and RTTVAR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Smoothed {
    srtt_us: u64,
    rttvar_us: u64,
}

impl Smoothed {
    fn first(sample_us: u64) -> Self {
        Self { srtt_us: sample_us, rttvar_us: sample_us / 2 }
    }

    /// RFC 6298, section 2.3, with alpha = 1/8 and beta = 1/4 divided among `samples` of one round trip (RFC 7323,
    /// appendix G).
    fn with(self, sample_us: u64, samples: u32) -> Self {
        let Self { srtt_us, rttvar_us } = self;
        let (alpha, beta) = (8 * u64::from(samples.max(1)), 4 * u64::from(samples.max(1)));
        let error_us = srtt_us.abs_diff(sample_us);
        Self {
            srtt_us: (alpha - 1).saturating_mul(srtt_us).saturating_add(sample_us) / alpha,
            rttvar_us: (beta - 1).saturating_mul(rttvar_us).saturating_add(error_us) / beta,
        }
    }
}

/// The largest RTO. Below the granularity of the clock the timer would be due again as soon as it ran out.
pub(crate) fn rto_max(config: &Config) -> Duration {
    config.rto_max.max(Duration::from_micros(GRANULARITY_US))
}

impl RoundTrip {
    /// RTO, doubled as often as it ran out.
    pub(crate) fn rto(&self, config: &Config) -> Duration {
        let base = match self.smoothed {
            None if self.syn_was_lost => RTO_AFTER_LOST_SYN.max(config.rto_min),
            None => INITIAL_RTO.max(config.rto_min),
            Some(Smoothed { srtt_us, rttvar_us }) => {
                Duration::from_micros(srtt_us + (4 * rttvar_us).max(GRANULARITY_US)).max(config.rto_min)
            }
        };
        base.saturating_mul(1 << self.backoff_count).min(rto_max(config))
    }

    /// SRTT; `None` before the first measurement.
    pub(crate) fn smoothed(&self) -> Option<Duration> {
        self.smoothed.map(|smoothed| Duration::from_micros(smoothed.srtt_us))
    }

    /// `end` is the position after what was just sent for the first time.
    pub(crate) fn sent(&mut self, end: Position, now: Time) {
        self.timing.get_or_insert((end, now));
        self.note_sent(now);
    }

    /// A retransmission makes the running measurement ambiguous (Karn).
    pub(crate) fn retransmitted(&mut self, now: Time) {
        self.timing = None;
        self.note_sent(now);
    }

    fn note_sent(&mut self, now: Time) {
        let (first, _) = self.sent.unwrap_or((now, now));
        self.sent = Some((first, now));
    }

    /// Something was acknowledged, without timestamps: measures what was timed.
    pub(crate) fn acknowledged(&mut self, una: Position, now: Time) {
        self.heard();
        if let Some((end, sent_at)) = self.timing
            && una >= end
        {
            self.timing = None;
            self.measured(now.since(sent_at), 1);
        }
    }

    /// Something was acknowledged, and the echo of the own timestamp was `sample` old: one of `samples` in a round trip
    /// (RFC 7323, section 4.1). An echo of what this did not see leave is no measurement.
    pub(crate) fn echoed(&mut self, sample: Option<Duration>, samples: u32, now: Time) {
        self.heard();
        let Some((first, _)) = self.sent else { return };
        // The clock of the timestamps is the coarser one.
        let oldest = now.since(first) + Duration::from_micros(GRANULARITY_US);
        if let Some(sample) = sample.filter(|sample| *sample <= oldest) {
            self.measured(sample, samples);
        }
    }

    fn measured(&mut self, sample: Duration, samples: u32) {
        let sample_us = u64::try_from(sample.as_micros()).unwrap_or(u64::MAX);
        self.backoff_count = 0;
        self.smoothed = Some(match self.smoothed {
            None => Smoothed::first(sample_us),
            Some(smoothed) => smoothed.with(sample_us, samples),
        });
    }

    /// The peer is there: the doubling ends and nothing counts as unanswered.
    pub(crate) fn answered(&mut self) {
        self.backoff_count = 0;
        self.heard();
    }

    fn heard(&mut self) {
        self.timeouts = 0;
        self.unanswered_since = None;
    }

    /// How often the timeout ran out in a row.
    pub(crate) fn timeouts(&self) -> u32 {
        self.timeouts
    }

    /// True while the timeout has run out and nothing has been answered since.
    pub(crate) fn is_unanswered(&self) -> bool {
        self.unanswered_since.is_some()
    }

    /// The timeout ran out. Gives how long nothing was answered, counted from the first time.
    pub(crate) fn ran_out(&mut self, now: Time) -> Duration {
        self.timing = None;
        self.timeouts = self.timeouts.saturating_add(1);
        self.backoff_count = (self.backoff_count + 1).min(BACKOFF_MAX);
        now.since(*self.unanswered_since.get_or_insert(now))
    }

    /// The own SYN was lost: the doubling ends with the handshake, but not the doubt (RFC 6298, section 5.7).
    pub(crate) fn syn_was_lost(&mut self) {
        self.syn_was_lost = true;
        self.backoff_count = 0;
    }

    /// True if nothing was sent for longer than an RTO (RFC 5681, section 4.1).
    pub(crate) fn is_idle(&self, now: Time, config: &Config) -> bool {
        self.sent.is_some_and(|(_, last)| now.since(last) > self.rto(config))
    }

    /// After an absence: the path may be another one. The initial RTO holds again.
    pub(crate) fn restart(&mut self) {
        *self = Self::default();
    }
}
