//! What a connection is told once, at its beginning.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use hiatus_codec::{CapableBits, ConnectionKey, HoldTime, Nonce, SequenceNumber};
use serde::{Deserialize, Serialize};

/// Send MSS over IPv4 if the peer's SYN names none (RFC 9293, section 3.7.1).
pub const DEFAULT_SEND_MSS_OCTETS: u16 = 536;
/// The same over IPv6.
pub const DEFAULT_SEND_MSS_V6_OCTETS: u16 = 1220;
/// What this end announces unless told otherwise: Ethernet's 1500 octets less IPv4 and TCP headers.
pub const DEFAULT_MSS_OCTETS: u16 = 1460;
/// Default size of either buffer.
pub const DEFAULT_BUFFER_OCTETS: u32 = 64 * 1024;
/// R2 for data: at least 100 s (RFC 9293, section 3.8.3).
pub const DEFAULT_R2: Duration = Duration::from_secs(100);
/// R2 for SYN segments: at least 3 minutes (RFC 9293, section 3.8.3).
pub const DEFAULT_R2_SYN: Duration = Duration::from_secs(180);
/// Idle time before the first keep-alive: at least two hours (RFC 9293, section 3.8.4, MUST-28).
pub const DEFAULT_KEEP_ALIVE_IDLE: Duration = Duration::from_secs(2 * 3600);
/// How long FIN-WAIT-2 lasts if nobody is left to read.
pub const DEFAULT_FIN_WAIT_2: Duration = Duration::from_secs(60);
/// RTO before the first measurement (RFC 6298, section 2.1).
pub const INITIAL_RTO: Duration = Duration::from_secs(1);
/// Smallest RTO (RFC 6298, section 2.4).
pub const DEFAULT_RTO_MIN: Duration = Duration::from_secs(1);
/// Largest RTO (RFC 6298, section 2.5: at least 60 s).
pub const DEFAULT_RTO_MAX: Duration = Duration::from_secs(60);
/// Acknowledged octets that are kept for a peer that may come back older, unless told otherwise.
pub const DEFAULT_RETAINED_OCTETS: u32 = 16 << 20;
/// The most that counts: what 100 Mbit/s carry in two minutes.
pub const RETAINED_OCTETS_LIMIT: u32 = 1_500_000_000;
/// How long an ACK waits: short against the smallest RTO of any sender.
pub const DEFAULT_DELAYED_ACK: Duration = Duration::from_millis(40);
/// Maximum segment lifetime (RFC 9293, section 3.4.2); TIME-WAIT lasts two of them.
pub const DEFAULT_MSL: Duration = Duration::from_secs(120);
/// Largest window scale (RFC 7323, section 2.3).
pub const WINDOW_SCALE_MAX: u8 = 14;

/// How a connection behaves. Plain data; nothing of it changes after the connection is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Config {
    /// The largest segment this end wants to get: data octets, announced in the MSS option.
    pub mss_octets: u16,
    /// Room for octets received and not yet read.
    pub receive_buffer_octets: u32,
    /// Room for octets written and not yet acknowledged.
    pub send_buffer_octets: u32,
    /// Octets acknowledged and not yet stable that are kept for a peer that may come back older, beside the send buffer
    /// (draft, {#back-pressure}); 1 to [`RETAINED_OCTETS_LIMIT`]. Counts where K is offered.
    pub retained_octets_max: u32,
    /// Whether octets wait until they are in a durable epoch before they are sent.
    pub sending: Sending,
    /// Whether timestamps are offered (RFC 7323).
    pub timestamps: Timestamping,
    /// The shift that is offered (RFC 7323); `None` offers no scaling. At most [`WINDOW_SCALE_MAX`], and less where the
    /// receive buffer is smaller than one unit of it.
    pub window_scale: Option<u8>,
    /// Whether selective acknowledgments are offered (RFC 2018).
    pub sack: Sacking,
    /// How long an ACK waits for a second segment, or for data to ride on (RFC 9293, section 3.8.6.3). Below 500 ms:
    /// what is longer is cut. `None` acknowledges every segment at once.
    pub delayed_ack: Option<Duration>,
    /// Smallest RTO.
    pub rto_min: Duration,
    /// Largest RTO; at least a millisecond counts.
    pub rto_max: Duration,
    /// How long data may stay unanswered before the connection is given up (RFC 9293, section 3.8.3).
    pub r2: Duration,
    /// The same for a SYN. At least [`DEFAULT_R2_SYN`] counts (RFC 9293, section 3.8.3, MUST-23).
    pub r2_syn: Duration,
    /// Whether small segments wait for the acknowledgment of what is in flight.
    pub nagle: Nagle,
    /// Probes of an idle connection; `None` sends none.
    pub keep_alive: Option<KeepAlive>,
    /// Whether ECN is offered (RFC 3168).
    pub ecn: EcnPolicy,
    /// How the size of packets follows the path.
    pub path_mtu_discovery: PathMtuDiscovery,
    /// The largest IP packet that the own link takes, in octets. `None`: as large as what this end announces,
    /// `mss_octets` and the fixed headers.
    pub link_mtu_octets: Option<u16>,
    /// How long FIN-WAIT-2 lasts after [`Command::CloseBoth`](crate::Command::CloseBoth).
    pub fin_wait_2: Duration,
    /// Maximum segment lifetime: TIME-WAIT lasts two.
    pub msl: Duration,
    /// How the congestion window grows and shrinks.
    pub congestion: CongestionAlgorithm,
    /// Whether received octets are acknowledged before they are stable.
    pub acknowledging: Acknowledging,
    /// What a crash leaves of the connection where Hiatus is not on.
    pub plain: PlainTcp,
    /// Whether and how Hiatus is offered.
    pub hiatus: HiatusPolicy,
    /// The rule that is broken, if one is: for proofs that something notices.
    #[cfg(feature = "mutants")]
    pub broken: Option<crate::rule::Rule>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mss_octets: DEFAULT_MSS_OCTETS,
            receive_buffer_octets: DEFAULT_BUFFER_OCTETS,
            send_buffer_octets: DEFAULT_BUFFER_OCTETS,
            retained_octets_max: DEFAULT_RETAINED_OCTETS,
            sending: Sending::Unheld,
            timestamps: Timestamping::On,
            window_scale: Some(2),
            sack: Sacking::On,
            delayed_ack: Some(DEFAULT_DELAYED_ACK),
            rto_min: DEFAULT_RTO_MIN,
            rto_max: DEFAULT_RTO_MAX,
            r2: DEFAULT_R2,
            r2_syn: DEFAULT_R2_SYN,
            nagle: Nagle::On,
            keep_alive: None,
            ecn: EcnPolicy::Off,
            path_mtu_discovery: PathMtuDiscovery::On,
            link_mtu_octets: None,
            fin_wait_2: DEFAULT_FIN_WAIT_2,
            msl: DEFAULT_MSL,
            congestion: CongestionAlgorithm::Cubic,
            acknowledging: Acknowledging::OnReceipt,
            plain: PlainTcp::Lost,
            hiatus: HiatusPolicy::Off,
            #[cfg(feature = "mutants")]
            broken: None,
        }
    }
}

impl Config {
    /// R2 for a SYN: never below what RFC 9293, section 3.8.3, asks for (MUST-23).
    pub(crate) fn r2_syn(&self) -> Duration {
        self.r2_syn.max(DEFAULT_R2_SYN)
    }

    /// How long TIME-WAIT lasts: two MSL (RFC 9293, section 3.6.1, MUST-13).
    pub(crate) fn time_wait(&self) -> Duration {
        self.msl.saturating_mul(2)
    }

    /// The shift that is offered: never so large that the window field could only say 0.
    pub(crate) fn shift(&self) -> Option<u8> {
        let room = self.receive_buffer_octets.max(1).ilog2();
        let shift_max = u8::try_from(room).unwrap_or(u8::MAX).min(WINDOW_SCALE_MAX);
        self.window_scale.map(|shift| shift.min(shift_max))
    }
}

/// The Nagle algorithm (RFC 9293, section 3.7.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Nagle {
    /// A segment that is not full waits until nothing is in flight.
    On,
    /// It does not (RFC 9293, MUST-17).
    Off,
}

/// When an octet may leave for the first time, where Hiatus is on (draft, {#hold-send}).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Sending {
    /// At once. A rollback below what the peer has received ends the connection with reason DIVERGED.
    Unheld,
    /// When an epoch is durable in whose send buffer it was.
    HoldSend,
}

/// Keep-alive probes (RFC 9293, section 3.8.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KeepAlive {
    /// How long nothing must have arrived before the first probe.
    pub idle: Duration,
    /// From one unanswered probe to the next; at least a second counts.
    pub interval: Duration,
    /// Unanswered probes after which the peer counts as gone. At least 2 counts: one may be lost (RFC 9293, MUST-29).
    pub probes: u8,
}

impl Default for KeepAlive {
    /// Two hours, and then nine probes, 75 s apart.
    fn default() -> Self {
        Self { idle: DEFAULT_KEEP_ALIVE_IDLE, interval: Duration::from_secs(75), probes: 9 }
    }
}

/// When received octets are acknowledged (draft, {#placements}).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Acknowledging {
    /// As they come. What a rollback takes away the peer has to retain.
    OnReceipt,
    /// Octets and a FIN once they are stable: [`Command::Journaled`](crate::Command::Journaled) says so, or
    /// [`Command::SnapshotDurable`](crate::Command::SnapshotDurable). The peer need not retain anything.
    WhenStable,
}

/// What a crash leaves of a connection where Hiatus is not on: it never was, or the connection fell back (draft,
/// {#durable-plain}).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PlainTcp {
    /// Nothing: it is deleted when the host is restored.
    Lost,
    /// All of it. Whatever [`Config::sending`] and [`Config::acknowledging`] say, octets and a FIN are sent for the first time,
    /// and acknowledged, once they are in a DURABLE epoch, and [`Endpoint::restore_latest`] brings the connection back as a host
    /// that has lost nothing. Of an epoch that is not the latest nobody can: then it is lost.
    ///
    /// [`Endpoint::restore_latest`]: crate::Endpoint::restore_latest
    Durable,
}

/// Explicit Congestion Notification (RFC 3168).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EcnPolicy {
    /// It is offered on a SYN and accepted on a SYN/ACK.
    On,
    /// Neither.
    Off,
}

/// How the size of packets follows the path (RFC 9293, section 3.7.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PathMtuDiscovery {
    /// It does not: the peer's MSS and the own link alone bound them.
    Off,
    /// Packet Too Big lowers it (RFC 1191, RFC 8201). Where such messages get lost, timeouts do, and then probes of
    /// data raise it again (RFC 4821).
    On,
    /// It begins with what every path takes, and probes of data raise it (RFC 4821).
    Probing,
}

/// The version of IP below a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum IpVersion {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl IpVersion {
    /// That of `address`; an IPv4 address mapped into IPv6 is one of IPv4.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        if address.to_canonical().is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// Octets of the fixed headers of IP and TCP (RFC 6691, section 2).
    #[must_use]
    pub const fn fixed_headers_octets(self) -> u16 {
        match self {
            Self::V4 => 40,
            Self::V6 => 60,
        }
    }

    /// Send MSS if the peer's SYN names none (RFC 9293, section 3.7.1, MUST-15).
    #[must_use]
    pub const fn default_send_mss_octets(self) -> u16 {
        match self {
            Self::V4 => DEFAULT_SEND_MSS_OCTETS,
            Self::V6 => DEFAULT_SEND_MSS_V6_OCTETS,
        }
    }
}

/// Whether timestamps are offered (RFC 7323, section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Timestamping {
    /// They are offered, and accepted.
    On,
    /// Neither.
    Off,
}

/// Whether selective acknowledgments are offered (RFC 2018, section 2), duplicates included (RFC 2883).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Sacking {
    /// They are offered, and sent to a peer that offers them too.
    On,
    /// Neither.
    Off,
}

/// How the congestion window grows and shrinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CongestionAlgorithm {
    /// RFC 5681 and RFC 6582: a segment more for each window, half of it at a loss.
    NewReno,
    /// RFC 9438: back quickly to where the last loss was, and past it slowly.
    Cubic,
}

/// Whether and how Hiatus is offered (draft, {#capable}).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum HiatusPolicy {
    /// Plain TCP: CAPABLE is neither sent nor answered.
    Off,
    /// CAPABLE is sent on a SYN and answered on a SYN/ACK.
    On(Offer),
}

/// What CAPABLE says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Offer {
    /// S, N and K. The version is the engine's own.
    pub bits: CapableBits,
    /// How long this end holds a connection for its peer.
    pub hold: HoldTime,
}

/// Both ends of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Endpoints {
    /// Address and port of this end.
    pub local: SocketAddr,
    /// Address and port of the other.
    pub remote: SocketAddr,
}

/// Where a connection key comes from (draft, {#keys}).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KeySource {
    /// Drawn for this connection: nobody else knows it, nor can this host find it again.
    Drawn,
    /// Derived from a secret of this host; it was the same for an earlier connection between the same ports. In LISTEN
    /// a RESUME then draws ABORT with reason LOST.
    Derived,
}

/// Everything random a connection needs, drawn by the caller. Nothing else in the engine is random.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Entropy {
    /// ISS, chosen as RFC 9293, section 3.4.1 asks.
    pub isn: SequenceNumber,
    /// Own key material (draft, {#keys}): random for an initiator; for a responder it may be a keyed hash of the
    /// 4-tuple under a host secret.
    pub connection_key: ConnectionKey,
    /// Which of the two it is.
    pub key_source: KeySource,
    /// Own nonce of this incarnation, not 0 (draft, {#terminology}). It also spreads the repetitions of RESUME.
    pub nonce: Nonce,
    /// Added to the timestamp clock (RFC 7323, section 5.4).
    pub timestamp_offset: u32,
}
