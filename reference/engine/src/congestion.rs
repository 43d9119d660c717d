//! Congestion control: slow start, congestion avoidance, fast retransmit (RFC 5681, RFC 6582, RFC 6928).

use hiatus_codec::Position;
use serde::{Deserialize, Serialize};

/// Initial window in segments (RFC 6928).
const INITIAL_WINDOW_SEGMENTS: u32 = 10;
/// Duplicate ACKs that start fast retransmit (RFC 5681, section 3.2).
const DUPLICATE_ACKS: u8 = 3;

/// The congestion window and what belongs to it. Octets throughout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Congestion {
    /// cwnd.
    pub(crate) cwnd: u32,
    ssthresh: u32,
    duplicate_acks: u8,
    /// In fast recovery: the highest position sent when it began (RFC 6582, "recover").
    recover: Option<Position>,
}

/// What an acknowledgment asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing.
    Continue,
    /// The segment at SND.UNA is lost: send it again now.
    ResendFirst,
}

impl Congestion {
    pub(crate) fn new(mss_octets: u16) -> Self {
        Self { cwnd: initial_window(mss_octets), ssthresh: u32::MAX, duplicate_acks: 0, recover: None }
    }

    /// SND.UNA moved forward by `count_octets` to `una`.
    pub(crate) fn acknowledged(&mut self, count_octets: u32, una: Position, mss_octets: u16) -> Verdict {
        let mss = u32::from(mss_octets);
        self.duplicate_acks = 0;
        match self.recover {
            // A partial acknowledgment: the next hole is lost too (RFC 6582, section 3.2, step 3).
            Some(recover) if una < recover => {
                self.cwnd = self.cwnd.saturating_sub(count_octets).saturating_add(mss).max(mss);
                return Verdict::ResendFirst;
            }
            Some(_) => {
                self.recover = None;
                self.cwnd = self.ssthresh;
            }
            None if self.cwnd < self.ssthresh => {
                self.cwnd = self.cwnd.saturating_add(count_octets.min(mss));
            }
            None => {
                let step = u64::from(mss) * u64::from(mss) / u64::from(self.cwnd.max(1));
                self.cwnd = self.cwnd.saturating_add(u32::try_from(step).unwrap_or(mss).max(1));
            }
        }
        Verdict::Continue
    }

    /// A duplicate ACK (RFC 5681, section 2) with `flight` octets outstanding up to `max`.
    pub(crate) fn duplicate_ack(&mut self, flight: u32, max: Position, mss_octets: u16) -> Verdict {
        let mss = u32::from(mss_octets);
        self.duplicate_acks = self.duplicate_acks.saturating_add(1);
        if self.recover.is_some() {
            self.cwnd = self.cwnd.saturating_add(mss);
        } else if self.duplicate_acks == DUPLICATE_ACKS {
            self.ssthresh = (flight / 2).max(2 * mss);
            self.cwnd = self.ssthresh.saturating_add(u32::from(DUPLICATE_ACKS) * mss);
            self.recover = Some(max);
            return Verdict::ResendFirst;
        }
        Verdict::Continue
    }

    /// The retransmission timer ran out with `flight` octets outstanding (RFC 5681, section 3.1).
    pub(crate) fn timed_out(&mut self, flight: u32, mss_octets: u16) {
        let mss = u32::from(mss_octets);
        self.ssthresh = (flight / 2).max(2 * mss);
        self.cwnd = mss;
        self.duplicate_acks = 0;
        self.recover = None;
    }

    /// The peer echoes a mark (RFC 3168, section 6.1.2): as a loss, without one.
    pub(crate) fn ecn_echo(&mut self, flight: u32, mss_octets: u16) {
        self.ssthresh = (flight / 2).max(2 * u32::from(mss_octets));
        self.cwnd = self.cwnd.min(self.ssthresh);
    }

    /// What was learnt in flight is void: no duplicate ACK counts on (draft, {#sync}).
    pub(crate) fn forget_losses(&mut self) {
        self.duplicate_acks = 0;
        self.recover = None;
    }

    /// One segment: nothing came of what was sent (draft, {#sync}).
    pub(crate) fn restart_with_one(&mut self, mss_octets: u16) {
        self.forget_losses();
        self.cwnd = u32::from(mss_octets);
    }

    /// After an absence: at most the initial window (draft, {#sync}).
    pub(crate) fn restart(&mut self, mss_octets: u16) {
        self.forget_losses();
        self.cwnd = self.cwnd.min(initial_window(mss_octets));
    }
}

fn initial_window(mss_octets: u16) -> u32 {
    INITIAL_WINDOW_SEGMENTS * u32::from(mss_octets)
}
