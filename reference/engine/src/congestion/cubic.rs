//! CUBIC's growth and reduction (RFC 9438), in integers: octets, milliseconds and 1/65536 octets.

use core::num::NonZeroU64;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::congestion::Progress;
use crate::time::Time;

/// One acknowledgment opens the window in slow start by so many segments at most: what RFC 9406, section 4.3, allows
/// a sender that does not pace. A receiver that puts segments together acknowledges many at once.
pub(super) const SLOW_START_SEGMENTS_MAX: u32 = 8;
/// beta_cubic, 0.7, in tenths (RFC 9438, section 4.6).
const BETA_TENTHS: u64 = 7;
/// (1 + beta_cubic) / 2, 0.85, in hundredths (RFC 9438, section 4.7).
const FAST_CONVERGENCE_HUNDREDTHS: u64 = 85;
/// alpha_cubic, 3 (1 - beta) / (1 + beta) = 9/17 (RFC 9438, section 4.3).
const ALPHA: (u64, u64) = (9, 17);
/// 10^9 / C, with C = 0.4: segments become cubic milliseconds (RFC 9438, section 5.1).
const CUBIC_MILLIS_PER_SEGMENT: u64 = 2_500_000_000;
/// The square root of 10^10 / 4: cubic milliseconds divided by it, times SMSS, divided by it again, are octets.
const CUBIC_MILLIS_DIVISOR: u64 = 50_000;
/// The curve is not followed further from its plateau: it is beyond every window there.
const DISTANCE_MILLIS_MAX: u64 = 1 << 20;
/// Octets that one acknowledgment counts for at most: no product overflows.
const PROGRESS_OCTETS_MAX: u32 = 1 << 24;
/// Bits behind the point of an estimate.
const FRACTION_BITS: u32 = 16;

/// What CUBIC remembers of the last congestion and of the present stage of congestion avoidance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cubic {
    /// epoch_start + K in microseconds: when the curve reaches W_max. `None` before the stage has begun.
    plateau_at: Option<NonZeroU64>,
    /// W_est in octets.
    w_est: u32,
    /// W_max in octets. 0: the window with which the stage begins.
    w_max: u32,
    /// cwnd_prior in octets.
    cwnd_prior: u32,
    /// What W_est has beyond whole octets, in 1/65536.
    w_est_fraction: u16,
    /// What cwnd has beyond whole octets, in 1/65536.
    fraction: u16,
}

impl Cubic {
    /// cwnd after an acknowledgment in congestion avoidance (RFC 9438, sections 4.2 to 4.5).
    pub(super) fn grown(&mut self, cwnd: u32, progress: &Progress) -> u32 {
        let mss = u64::from(progress.mss_octets);
        let window = u64::from(cwnd.max(1));
        let octets = u64::from(progress.octets.min(PROGRESS_OCTETS_MAX));
        let plateau = self.plateau_at.map_or_else(|| self.begin_stage(cwnd, progress), NonZeroU64::get);

        // Figure 4. Once W_est is where the window was before, it grows as Reno's.
        let (numerator, denominator) = if self.w_est < self.cwnd_prior { ALPHA } else { (1, 1) };
        let step = ((octets * mss) << FRACTION_BITS) / window * numerator / denominator;
        (self.w_est, self.w_est_fraction) = grown_by(self.w_est, self.w_est_fraction, step);

        let w_max = u64::from(self.w_max);
        if curve(w_max, mss, plateau, progress.now) < u64::from(self.w_est) {
            // The Reno-friendly region.
            self.fraction = 0;
            return cwnd.max(self.w_est);
        }
        let target = curve(w_max, mss, plateau, progress.now + progress.round_trip);
        let target = target.clamp(window, window + window / 2);
        // At most half an octet for each that was acknowledged: 31 + 24 bits, and a byte behind the point.
        let step = ((((target - window) * octets) << 8) / window) << (FRACTION_BITS - 8);
        let (grown, fraction) = grown_by(cwnd, self.fraction, step);
        self.fraction = fraction;
        grown
    }

    /// Congestion avoidance begins with this window; gives when the plateau is (RFC 9438, figure 2).
    fn begin_stage(&mut self, cwnd: u32, progress: &Progress) -> u64 {
        // A window that is above W_max already, or follows a timeout, stands on a plateau of its own: K is 0
        // (RFC 9438, sections 4.8 and 4.10).
        self.w_max = self.w_max.max(cwnd);
        (self.w_est, self.w_est_fraction) = (cwnd, 0);
        self.fraction = 0;
        let below = u64::from(self.w_max - cwnd);
        let mss = u64::from(progress.mss_octets.max(1));
        let k_millis = cube_root(below * CUBIC_MILLIS_PER_SEGMENT / mss);
        let plateau = progress.now + Duration::from_millis(k_millis);
        let at = NonZeroU64::MIN.max(NonZeroU64::new(plateau.micros()).unwrap_or(NonZeroU64::MIN));
        self.plateau_at = Some(at);
        at.get()
    }

    /// What the window falls to (RFC 9438, sections 4.6 and 4.7), with `flight` octets outstanding.
    pub(super) fn reduced(&mut self, cwnd: u32, flight: u32) -> u32 {
        self.cwnd_prior = cwnd;
        // A flow that did not come back to its last W_max leaves room for others.
        self.w_max = if cwnd < self.w_max { part(cwnd, FAST_CONVERGENCE_HUNDREDTHS, 100) } else { cwnd };
        self.end_stage();
        part(flight, BETA_TENTHS, 10)
    }

    /// The next stage begins with K = 0 and W_max = cwnd (RFC 9438, section 4.8).
    pub(super) fn timed_out(&mut self) {
        self.w_max = 0;
        self.end_stage();
    }

    /// The present stage is over.
    pub(super) fn end_stage(&mut self) {
        self.plateau_at = None;
        self.fraction = 0;
    }

    /// The curve stands still for that long.
    pub(super) fn pause(&mut self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.plateau_at = self.plateau_at.map(|at| at.saturating_add(micros));
    }
}

/// `octets` and `fraction`, and `step` more: both in 1/65536.
fn grown_by(octets: u32, fraction: u16, step: u64) -> (u32, u16) {
    let sum = (u64::from(octets) << FRACTION_BITS) + u64::from(fraction) + step;
    match u32::try_from(sum >> FRACTION_BITS) {
        Ok(octets) => (octets, u16::try_from(sum & u64::from(u16::MAX)).unwrap_or(0)),
        Err(_) => (u32::MAX, 0),
    }
}

/// W_cubic at `at`, in octets, at least 0 (RFC 9438, figure 1).
fn curve(w_max: u64, mss: u64, plateau_us: u64, at: Time) -> u64 {
    let distance_ms = (at.micros().abs_diff(plateau_us) / 1_000).min(DISTANCE_MILLIS_MAX);
    let cube = distance_ms * distance_ms * distance_ms;
    let rise = cube / CUBIC_MILLIS_DIVISOR * mss / CUBIC_MILLIS_DIVISOR;
    if at.micros() < plateau_us { w_max.saturating_sub(rise) } else { w_max.saturating_add(rise) }
}

/// `octets` * `numerator` / `denominator`.
fn part(octets: u32, numerator: u64, denominator: u64) -> u32 {
    u32::try_from(u64::from(octets) * numerator / denominator).unwrap_or(u32::MAX)
}

/// The greatest number whose cube is at most `of`, three bits of `of` for each of its own.
fn cube_root(of: u64) -> u64 {
    let mut rest = of;
    let mut root = 0;
    for index in (0..22).rev() {
        let shift = 3 * index;
        root *= 2;
        let step = 3 * root * (root + 1) + 1;
        if rest >> shift >= step {
            rest -= step << shift;
            root += 1;
        }
    }
    root
}
