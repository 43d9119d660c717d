//! Congestion control: how much may be under way (RFC 5681, RFC 6928; RFC 6582 or RFC 9438).

mod cubic;
mod new_reno;
#[cfg(test)]
mod tests;

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::CongestionAlgorithm;
use crate::time::Time;
use cubic::Cubic;
use new_reno::NewReno;

/// Initial window in segments (RFC 6928, section 2).
const INITIAL_WINDOW_SEGMENTS: u32 = 10;
/// Initial window in octets where segments are larger than Ethernet's, but two of them at least (RFC 6928, section 2).
const INITIAL_WINDOW_OCTETS: u32 = 14_600;

/// The congestion window and what it grows by. Octets throughout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Congestion {
    /// cwnd. Never 0.
    cwnd: u32,
    /// ssthresh; `u32::MAX` before the first loss.
    ssthresh: u32,
    growth: Growth,
}

/// The part in which the algorithms differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Growth {
    NewReno(NewReno),
    Cubic(Cubic),
}

/// New data was acknowledged while the window was in full use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Progress {
    pub(crate) octets: u32,
    pub(crate) now: Time,
    /// SRTT.
    pub(crate) round_trip: Duration,
    pub(crate) mss_octets: u16,
}

/// Which timeout of the same octets it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timeout {
    First,
    Repeated,
}

impl Congestion {
    pub(crate) fn new(algorithm: CongestionAlgorithm, mss_octets: u16) -> Self {
        let growth = match algorithm {
            CongestionAlgorithm::NewReno => Growth::NewReno(NewReno::default()),
            CongestionAlgorithm::Cubic => Growth::Cubic(Cubic::default()),
        };
        Self { cwnd: initial_window(mss_octets), ssthresh: u32::MAX, growth }
    }

    /// cwnd.
    pub(crate) fn cwnd(&self) -> u32 {
        self.cwnd
    }

    /// ssthresh.
    pub(crate) fn ssthresh(&self) -> u32 {
        self.ssthresh
    }

    /// Outside of recovery, new data was acknowledged: the window grows (RFC 5681, section 3.1).
    pub(crate) fn acknowledged(&mut self, progress: &Progress) {
        let mss = u32::from(progress.mss_octets);
        if self.cwnd < self.ssthresh {
            // After a loss an ACK may cover what had arrived long before, which frees no room (RFC 9406, section 4.3:
            // only the first slow start is quicker).
            let per_ack_max = match self.growth {
                Growth::Cubic(_) if self.ssthresh == u32::MAX => cubic::SLOW_START_SEGMENTS_MAX,
                Growth::NewReno(_) | Growth::Cubic(_) => new_reno::SLOW_START_SEGMENTS_MAX,
            };
            self.cwnd = self.cwnd.saturating_add(progress.octets.min(per_ack_max * mss));
            return;
        }
        match &mut self.growth {
            Growth::NewReno(reno) => self.cwnd = reno.grown(self.cwnd, progress),
            Growth::Cubic(cubic) => self.cwnd = cubic.grown(self.cwnd, progress),
        }
    }

    /// For that long the application left the window unused: it does not grow, and the time does not count
    /// (RFC 9438, section 4.2).
    pub(crate) fn unused(&mut self, duration: Duration) {
        if let Growth::Cubic(cubic) = &mut self.growth {
            cubic.pause(duration);
        }
    }

    /// A segment was lost, with `flight` octets outstanding (RFC 5681, section 3.2): once for each window. cwnd falls to
    /// ssthresh.
    pub(crate) fn lost(&mut self, flight: u32, mss_octets: u16) {
        self.ssthresh = self.target(flight).max(2 * u32::from(mss_octets));
        self.cwnd = self.ssthresh;
    }

    /// The peer echoes a mark (RFC 3168, section 6.1.2): as a loss, but cwnd may fall to one segment. Once for each
    /// window.
    pub(crate) fn ecn_echo(&mut self, flight: u32, mss_octets: u16) {
        let mss = u32::from(mss_octets);
        let target = self.target(flight);
        self.ssthresh = target.max(2 * mss);
        self.cwnd = self.cwnd.min(target.max(mss));
    }

    /// The retransmission timer ran out with `flight` octets outstanding: one segment, then slow start
    /// (RFC 5681, section 3.1; RFC 9438, section 4.8).
    pub(crate) fn timed_out(&mut self, timeout: Timeout, flight: u32, mss_octets: u16) {
        let mss = u32::from(mss_octets);
        // What was sent again and lost again says nothing new of the path.
        if timeout == Timeout::First {
            self.ssthresh = self.target(flight).max(2 * mss);
        }
        if let Growth::Cubic(cubic) = &mut self.growth {
            cubic.timed_out();
        }
        self.cwnd = mss;
    }

    /// What the window is to fall to.
    fn target(&mut self, flight: u32) -> u32 {
        match &mut self.growth {
            Growth::NewReno(reno) => reno.reduced(flight),
            Growth::Cubic(cubic) => cubic.reduced(self.cwnd, flight),
        }
    }

    /// During recovery the window follows what leaves the network (RFC 9937 or RFC 6582).
    pub(crate) fn hold_at(&mut self, cwnd: u32, mss_octets: u16) {
        self.cwnd = cwnd.max(u32::from(mss_octets));
    }

    /// Recovery is over (RFC 6675, section 5; RFC 6582, section 3.2, step 3).
    pub(crate) fn recovered(&mut self) {
        self.cwnd = self.ssthresh;
    }

    /// One segment: nothing came of what was sent (draft, {#sync}).
    pub(crate) fn restart_with_one(&mut self, mss_octets: u16) {
        self.restart(mss_octets);
        self.cwnd = u32::from(mss_octets);
    }

    /// After idling or an absence: at most the initial window (RFC 5681, section 4.1; draft, {#sync}).
    pub(crate) fn restart(&mut self, mss_octets: u16) {
        self.cwnd = self.cwnd.min(initial_window(mss_octets));
        match &mut self.growth {
            Growth::NewReno(reno) => *reno = NewReno::default(),
            Growth::Cubic(cubic) => cubic.end_stage(),
        }
    }

    /// The invariant that every call leaves standing, or what of it is broken.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if self.cwnd == 0 { Err("cwnd is at least one octet") } else { Ok(()) }
    }
}

/// IW (RFC 6928, section 2).
fn initial_window(mss_octets: u16) -> u32 {
    let mss = u32::from(mss_octets.max(1));
    (INITIAL_WINDOW_SEGMENTS * mss).min(INITIAL_WINDOW_OCTETS.max(2 * mss))
}
