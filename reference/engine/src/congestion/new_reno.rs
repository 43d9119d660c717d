//! Reno's growth and reduction (RFC 5681).

use serde::{Deserialize, Serialize};

use crate::congestion::Progress;

/// One acknowledgment opens the window in slow start by so many segments at most (RFC 5681, section 3.1).
pub(super) const SLOW_START_SEGMENTS_MAX: u32 = 1;

/// What Reno remembers in congestion avoidance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct NewReno {
    /// Octets acknowledged since the window last grew.
    acknowledged_octets: u32,
}

impl NewReno {
    /// cwnd after an acknowledgment: one segment more for each window (RFC 5681, section 3.1, by counting octets).
    pub(super) fn grown(&mut self, cwnd: u32, progress: &Progress) -> u32 {
        let counted = self.acknowledged_octets.saturating_add(progress.octets);
        if counted < cwnd {
            self.acknowledged_octets = counted;
            return cwnd;
        }
        // One segment for one acknowledgment, however much it covers.
        self.acknowledged_octets = (counted - cwnd).min(cwnd);
        cwnd.saturating_add(u32::from(progress.mss_octets))
    }

    /// Half of what is outstanding (RFC 5681, equation 4).
    pub(super) fn reduced(&mut self, flight: u32) -> u32 {
        self.acknowledged_octets = 0;
        flight / 2
    }
}
