//! What a connection has found out about its path, for those who watch it (RFC 9293, section 3.10.6).

use core::time::Duration;

use hiatus_codec::Position;

use crate::config::Config;
use crate::tcb::Tcb;

/// STATUS of a connection that has sent or seen a SYN (RFC 9293, section 3.10.6). Nothing depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// Eff.snd.MSS less what varies: data octets of a segment without options.
    pub send_mss_octets: u16,
    /// cwnd.
    pub cwnd_octets: u32,
    /// ssthresh; `None` before the first loss.
    pub ssthresh_octets: Option<u32>,
    /// SRTT; `None` before the first measurement.
    pub smoothed_rtt: Option<Duration>,
    /// RTO, doubled as often as it ran out.
    pub rto: Duration,
    /// Times in a row that it ran out.
    pub timeouts: u32,
    /// SND.NXT - SND.UNA.
    pub flight_octets: u32,
    /// SND.WND.
    pub send_window_octets: u32,
    /// Octets written and not acknowledged, sent or not.
    pub unacknowledged_octets: u64,
    /// Octets written that may not leave yet: they wait for a durable epoch (draft, {#hold-send}).
    pub held_octets: u64,
    /// Octets that the peer has acknowledged and that are kept for it (draft, {#retention}).
    pub retained_octets: u64,
    /// RCV.NXT: how far the peer's octets have come, its FIN counting one. What a host that keeps a journal has to write
    /// before [`Command::Journaled`](crate::Command::Journaled) may say so.
    pub received: Position,
    /// SEG.ACK: RCV.NXT, or less with [`Acknowledging::WhenStable`](crate::Acknowledging).
    pub acknowledged: Position,
    /// Stable points of both directions.
    pub stable: StablePoints,
}

/// What of a connection is known to be in durable state (draft, {#epochs}).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StablePoints {
    /// SND.STB: the peer never asks again for what lies before it.
    pub peer: Position,
    /// The own stable point: RCV.NXT of the latest durable epoch; `None` before the first.
    pub own: Option<Position>,
    /// RCV.STB: the own stable point as far as the peer has echoed it.
    pub echoed: Position,
}

impl Tcb {
    pub(crate) fn info(&self, config: &Config) -> ConnectionInfo {
        let ssthresh = self.congestion.ssthresh();
        ConnectionInfo {
            send_mss_octets: self.snd.mss_octets,
            cwnd_octets: self.congestion.cwnd(),
            ssthresh_octets: (ssthresh < u32::MAX).then_some(ssthresh),
            smoothed_rtt: self.rtt.smoothed(),
            rto: self.rtt.rto(config),
            timeouts: self.rtt.timeouts(),
            flight_octets: self.snd.flight_octets(),
            send_window_octets: self.snd.wnd,
            received: self.rcv.nxt,
            acknowledged: self.rcv.acknowledged(),
            unacknowledged_octets: self.snd.una.distance_to(self.snd.data_end()),
            held_octets: self.snd.lim.distance_to(self.snd.data_end()),
            retained_octets: self.snd.retained_octets(),
            stable: StablePoints { peer: self.snd.stb, own: self.own_stable_point(), echoed: self.rcv.stb },
        }
    }
}
