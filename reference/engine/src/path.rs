//! How large packets may be: the path MTU (RFC 1191, RFC 8201), with probes and black holes (RFC 4821).
//!
//! Sizes are octets of whole IP packets, without IP options and extension headers.

mod record;

use core::time::Duration;

use hiatus_codec::Position;
use serde::{Deserialize, Serialize};

use crate::config::{Config, IpVersion, PathMtuDiscovery};
use crate::time::Time;

/// No IPv4 path is smaller (RFC 1191, section 3).
const MTU_V4_MIN: u16 = 68;
/// No IPv6 path is smaller (RFC 8201, section 4).
const MTU_V6_MIN: u16 = 1280;
/// No MSS option counts for less: every host takes more (RFC 9293, section 3.7.1), and one who asks for an octet at a time
/// asks for a packet and the work of one for each.
pub(crate) const PEER_MSS_MIN: u16 = 64;
/// Works nearly everywhere (RFC 4821, section 7.2).
const BASE_V4: u16 = 1024;
/// What every IPv4 host takes whole: a black hole lowers no further, a router's word may.
const BLACK_HOLE_V4_MIN: u16 = 576;
/// An estimate is not raised sooner after it was lowered, nor probed again after the search ended (RFC 1191, section
/// 6.3; RFC 4821, section 7.3: at least 5 minutes).
const AGE: Duration = Duration::from_secs(600);
/// Nothing larger is probed for if it would be gained by less (RFC 4821, section 7.3: the search has converged).
const GAIN_MIN: u16 = 32;
/// Sizes that are tried first: Ethernet, less 8, 20 or 80 octets of a tunnel; Ethernet jumbo.
const COMMON: [u16; 5] = [1420, 1480, 1492, 1500, 9000];
/// Retransmissions of one segment after which its size is blamed (RFC 4821, section 7.7: R1).
pub(crate) const BLACK_HOLE_TIMEOUTS: u32 = 3;
/// Lost probes of one size before it counts as too large.
const PROBES_OF_ONE_SIZE_MAX: u8 = 3;

/// What is known of the path.
///
/// Invariant: no estimate is below the least MTU of the version or above that of the link, see [`Path::check`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Path {
    version: IpVersion,
    mode: PathMtuDiscovery,
    /// SendMSS: the peer's MSS option, or the default.
    peer_mss: u16,
    /// What the own link takes.
    link: u16,
    /// eff_pmtu (RFC 4821, section 7.1): no packet but a probe is larger.
    mtu: u16,
    /// search_high: larger packets are not expected to arrive.
    search_high: u16,
    /// The largest packet that is known to have arrived: search_low, and maxsizeacked of RFC 5927, section 7.2.
    delivered: u16,
    /// Lost probes of the size that is tried now.
    probes_lost: u8,
    /// True once a black hole was met: only a probe raises the estimate then.
    is_black_hole: bool,
    /// From then on larger packets may be tried.
    raise_at: Option<Time>,
    /// Not before that a probe leaves.
    probe_at: Time,
    /// A packet larger than any delivered so far that is under way.
    sample: Option<Sample>,
    /// A Packet Too Big that waits for a timeout (RFC 5927, section 7.2).
    pending: Option<Pending>,
}

/// A packet whose acknowledgment says something about the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Sample {
    from: Position,
    end: Position,
    packet_octets: u16,
    purpose: Purpose,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Purpose {
    /// No larger than the estimate.
    Ordinary,
    /// Larger, to learn whether it arrives.
    Probe,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Pending {
    /// The quoted sequence number.
    seq: Position,
    mtu: u16,
}

/// What became of a Packet Too Big.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TooBig {
    /// Nothing.
    Ignored,
    /// A segment is lost, and what is missing fits if it is sent again.
    Lost,
}

impl Path {
    pub(crate) fn new(version: IpVersion, config: &Config) -> Self {
        let headers = version.fixed_headers_octets();
        let link = config.link_mtu_octets.unwrap_or_else(|| config.mss_octets.saturating_add(headers));
        let mut path = Self {
            version,
            mode: config.path_mtu_discovery,
            peer_mss: version.default_send_mss_octets(),
            link: link.max(floor(version)),
            mtu: 0,
            search_high: 0,
            delivered: floor(version),
            probes_lost: 0,
            is_black_hole: false,
            raise_at: None,
            probe_at: Time::ZERO,
            sample: None,
            pending: None,
        };
        path.start();
        path
    }

    /// Everything learnt is void: the path may be another one.
    pub(crate) fn start(&mut self) {
        self.search_high = self.link;
        self.mtu = if self.mode == PathMtuDiscovery::Probing { self.base() } else { self.link };
        self.delivered = floor(self.version);
        self.probes_lost = 0;
        self.is_black_hole = false;
        self.raise_at = None;
        self.probe_at = Time::ZERO;
        self.sample = None;
        self.pending = None;
    }

    /// The peer's MSS option; without it the default counts (RFC 9293, section 3.7.1, MUST-15).
    pub(crate) fn set_peer_mss(&mut self, announced: Option<u16>) {
        self.peer_mss = announced.unwrap_or(self.version.default_send_mss_octets()).max(PEER_MSS_MIN);
    }

    /// Data and options of one segment at most: the smaller of what the peer and the path take (RFC 9293, section 3.7.1,
    /// MUST-16). Options are taken off per segment.
    pub(crate) fn send_mss(&self) -> u16 {
        self.mss_of(self.mtu)
    }

    fn mss_of(&self, packet_octets: u16) -> u16 {
        self.peer_mss.min(packet_octets.saturating_sub(self.version.fixed_headers_octets())).max(1)
    }

    /// The largest packet that the peer and the own link take.
    fn ceiling(&self) -> u16 {
        self.link.min(self.peer_mss.saturating_add(self.version.fixed_headers_octets()))
    }

    /// The search begins here.
    fn base(&self) -> u16 {
        match self.version {
            IpVersion::V4 => BASE_V4.min(self.link),
            IpVersion::V6 => MTU_V6_MIN.min(self.link),
        }
    }

    /// A piece of the stream of `mss_octets` data and options left for the first time.
    pub(crate) fn sent(&mut self, from: Position, end: Position, mss_octets: u16) {
        let packet_octets = mss_octets.saturating_add(self.version.fixed_headers_octets());
        if self.sample.is_none() && packet_octets > self.delivered {
            self.sample = Some(Sample { from, end, packet_octets, purpose: Purpose::Ordinary });
        }
    }

    /// A piece that [`probe_mss`](Self::probe_mss) asked for left.
    pub(crate) fn probe_sent(&mut self, from: Position, end: Position, mss_octets: u16) {
        let packet_octets = mss_octets.saturating_add(self.version.fixed_headers_octets());
        self.sample = Some(Sample { from, end, packet_octets, purpose: Purpose::Probe });
    }

    /// Octets from `from` on are sent again: what is acknowledged now may have come in smaller pieces.
    pub(crate) fn sent_again(&mut self, from: Position) {
        self.sample = self.sample.filter(|sample| sample.end <= from);
    }

    /// Everything up to `una` was acknowledged. True if the estimate grew.
    pub(crate) fn acknowledged(&mut self, una: Position, now: Time) -> bool {
        // Progress: what claims that the path is too small is false (RFC 5927, section 7.2).
        self.pending = self.pending.filter(|pending| pending.seq >= una);
        let Some(sample) = self.sample.filter(|sample| sample.end <= una) else { return false };
        self.sample = None;
        self.delivered = self.delivered.max(sample.packet_octets);
        if sample.purpose == Purpose::Ordinary {
            return false;
        }
        self.probes_lost = 0;
        let grows = sample.packet_octets > self.mtu;
        self.mtu = self.mtu.max(sample.packet_octets);
        self.is_black_hole &= self.mtu < self.ceiling();
        self.rest_if_converged(now);
        grows
    }

    /// True if the segment that begins at `from` is a probe that is under way: its loss is no sign of congestion (RFC
    /// 4821, section 7.6.2), and it is to be sent again in pieces.
    pub(crate) fn is_probe(&self, from: Position) -> bool {
        self.sample.is_some_and(|sample| sample.purpose == Purpose::Probe && sample.from == from)
    }

    /// The probe under way is lost; no other leaves for a `pause`.
    pub(crate) fn probe_lost(&mut self, now: Time, pause: Duration) {
        let Some(sample) = self.sample.take_if(|sample| sample.purpose == Purpose::Probe) else { return };
        self.probe_at = now + pause;
        self.probes_lost = self.probes_lost.saturating_add(1);
        if self.probes_lost >= PROBES_OF_ONE_SIZE_MAX {
            self.probes_lost = 0;
            self.search_high = sample.packet_octets - 1;
            self.rest_if_converged(now);
        }
    }

    /// Data and options of the next probe, if one may be sent.
    pub(crate) fn probe_mss(&self, now: Time) -> Option<u16> {
        let searches = match self.mode {
            PathMtuDiscovery::Off => false,
            PathMtuDiscovery::On => self.is_black_hole,
            PathMtuDiscovery::Probing => true,
        };
        if !searches
            || self.sample.is_some()
            || now < self.probe_at
            || self.raise_at.is_some_and(|at| now < at)
        {
            return None;
        }
        self.probe_size().map(|packet_octets| self.mss_of(packet_octets))
    }

    /// The size to try next: the smallest common one, else half-way (RFC 4821, section 7.3).
    fn probe_size(&self) -> Option<u16> {
        let high = self.search_high.min(self.ceiling());
        let common = COMMON.into_iter().find(|size| self.mtu < *size && *size <= high);
        let gap = high.saturating_sub(self.mtu);
        common.or_else(|| (gap >= GAIN_MIN).then_some(high - gap / 2))
    }

    /// Nothing is left to try: larger sizes are tried again later.
    fn rest_if_converged(&mut self, now: Time) {
        if self.probe_size().is_none() {
            self.raise_at = Some(now + AGE);
        }
    }

    /// Before a segment is made: an old estimate is given up (RFC 1191, section 6.3). True if it grew.
    pub(crate) fn refresh(&mut self, now: Time) -> bool {
        if self.raise_at.is_none_or(|at| now < at) {
            return false;
        }
        self.raise_at = None;
        self.search_high = self.link;
        // Behind a black hole nobody would say that it is too much: a probe raises it.
        if self.is_black_hole || self.mode != PathMtuDiscovery::On || self.mtu >= self.link {
            return false;
        }
        self.mtu = self.link;
        true
    }

    /// A Packet Too Big that quotes a segment in flight at `seq`; `claimed` is the MTU of the next hop, 0 if the router
    /// does not say.
    pub(crate) fn packet_too_big(&mut self, seq: Position, claimed: u16, now: Time) -> TooBig {
        if self.mode == PathMtuDiscovery::Off {
            return TooBig::Ignored;
        }
        // An old router names none (RFC 1191, section 5). Over IPv6 it always does.
        let claimed = match (claimed, self.version) {
            (0, IpVersion::V4) => BLACK_HOLE_V4_MIN,
            (claimed, _) => claimed,
        };
        if claimed < floor(self.version) {
            return TooBig::Ignored;
        }
        if let Some(probe) =
            self.sample.filter(|sample| sample.purpose == Purpose::Probe && sample.from == seq)
            && claimed >= self.mtu
            && claimed < probe.packet_octets
        {
            self.sample = None;
            self.probes_lost = 0;
            self.search_high = claimed;
            self.rest_if_converged(now);
            return TooBig::Lost;
        }
        // It never raises the estimate, and one that would not lower it was drawn by the same flight as another before
        // (RFC 1191, sections 3 and 6.4).
        if claimed >= self.mtu.min(self.ceiling()) {
            return TooBig::Ignored;
        }
        // Packets of that size arrived: believed only if what it quotes does not (RFC 5927, section 7.2).
        if claimed < self.delivered {
            self.pending = Some(Pending { seq, mtu: claimed });
            return TooBig::Ignored;
        }
        self.lower(claimed, now);
        TooBig::Lost
    }

    /// The retransmission timer ran out `count` times in a row for the segment at `una`, of `packet_mss` octets data and
    /// options; a probe that is lost with it is followed by none for a `pause`. True if the estimate fell.
    pub(crate) fn timed_out(
        &mut self,
        una: Position,
        packet_mss: u16,
        count: u32,
        pause: Duration,
        now: Time,
    ) -> bool {
        if self.is_probe(una) {
            self.probe_lost(now, pause);
        }
        self.sample = None;
        if let Some(pending) = self.pending.take_if(|pending| pending.seq >= una) {
            self.delivered = pending.mtu;
            self.lower(pending.mtu, now);
            return true;
        }
        let packet_octets = packet_mss.saturating_add(self.version.fixed_headers_octets());
        let smaller = self.black_hole_size(count);
        if self.mode == PathMtuDiscovery::Off || count < BLACK_HOLE_TIMEOUTS || packet_octets <= smaller {
            return false;
        }
        self.is_black_hole = true;
        self.delivered = self.delivered.min(smaller);
        self.lower(smaller, now);
        // Nobody said that the size was to blame: probes find out at once.
        self.search_high = self.link;
        self.raise_at = None;
        true
    }

    /// The size to fall back to: the base first, then half of it each time (RFC 4821, section 7.7).
    fn black_hole_size(&self, count: u32) -> u16 {
        let smallest = match self.version {
            IpVersion::V4 => BLACK_HOLE_V4_MIN,
            IpVersion::V6 => MTU_V6_MIN,
        };
        let base = self.base();
        let size = if count <= BLACK_HOLE_TIMEOUTS || self.mtu > base { base } else { self.mtu / 2 };
        size.max(smallest).min(self.mtu)
    }

    /// The invariant that every call leaves standing, or what of it is broken.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if self.mtu < floor(self.version) || self.mtu > self.link {
            return Err("least MTU of the version <= estimate <= MTU of the link");
        }
        if self.delivered < floor(self.version) {
            return Err("least MTU of the version <= size that arrived");
        }
        Ok(())
    }

    fn lower(&mut self, mtu: u16, now: Time) {
        self.mtu = mtu;
        self.search_high = mtu;
        self.probes_lost = 0;
        self.sample = None;
        self.raise_at = Some(now + AGE);
    }
}

/// The smallest MTU that a path of that version may have.
fn floor(version: IpVersion) -> u16 {
    match version {
        IpVersion::V4 => MTU_V4_MIN,
        IpVersion::V6 => MTU_V6_MIN,
    }
}
