//! What a connection tells its owner, and the names of its states.

use core::fmt;
use core::time::Duration;

use hiatus_codec::AbortReason;
use serde::{Deserialize, Serialize};

use crate::icmp::IcmpErrorKind;

/// Something the owner of a connection should know, in the order in which it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Event {
    /// The handshake is over: octets flow (RFC 9293, ESTABLISHED).
    Connected,
    /// Both ends speak Hiatus: the negotiation succeeded (draft, {#negotiation}).
    HiatusOn,
    /// The connection is plain TCP for good.
    FellBack {
        /// Why.
        reason: FallbackReason,
    },
    /// The peer announced its absence; the connection is held (PEER = HELD).
    PeerSuspended {
        /// How long it is held from now.
        hold: Duration,
    },
    /// The peer fell silent or lost its path and may be away (PEER = PRESUMED).
    PeerPresumedSuspended {
        /// How long it is held from now.
        hold: Duration,
    },
    /// The peer is there again (PEER = UP).
    PeerResumed,
    /// The peer knows that this end goes away; the host may stop.
    SuspendAcknowledged {
        /// How long the peer holds the connection; zero if it refused.
        hold: Duration,
    },
    /// This end is back and in step with its peer (SELF = UP).
    Resumed,
    /// Octets that the peer acknowledged were given up: a rollback of the peer below them ends in GONE (draft,
    /// {#back-pressure}). Once until the stable point rises.
    Shed,
    /// Both directions are closed and acknowledged: the application is done. The connection is kept because one end may
    /// still come back older (draft, {#linger}).
    Lingering {
        /// For so long at most.
        limit: Duration,
    },
    /// Octets or the end of the stream can be read.
    Readable,
    /// Room in the send buffer after it was full.
    Writable,
    /// The peer will send no more: its FIN arrived.
    PeerClosed,
    /// R1: what was sent stays unanswered, and is sent again until R2 (RFC 9293, section 3.8.3). Once until the peer
    /// answers. An owner that routes may look for another gateway.
    Unanswered,
    /// The network reports an error that may pass (RFC 9293, section 3.9.2.2): the connection goes on.
    NetworkError {
        /// What it says.
        kind: IcmpErrorKind,
    },
    /// The connection is over; no event follows.
    Closed {
        /// Why.
        reason: CloseReason,
    },
}

/// Why a connection is over. Never mistaken for the end of a stream: that is [`Event::PeerClosed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum CloseReason {
    /// Both directions were closed and acknowledged.
    Finished,
    /// The owner aborted.
    Aborted,
    /// A bare RST arrived.
    Reset,
    /// The peer's SYN was answered by a reset before the connection stood.
    Refused,
    /// The peer sent a valid ABORT (draft, {#abort}).
    AbortedByPeer(AbortReason),
    /// This end sent ABORT for a reason of the protocol (draft, {#sync}).
    AbortedHere(AbortReason),
    /// Three RESUMEs each met a bare RST: the peer has no state of the connection.
    PeerHasNoState,
    /// RESUMEs, or before Hiatus data, SYN or keep-alives, went unanswered for too long.
    NoAnswer,
    /// The network refused the attempt to connect (RFC 9293, section 3.9.2.2, "hard errors").
    Unreachable(IcmpErrorKind),
    /// This end was restored, but its peer answers as plain TCP.
    PeerIsPlain,
    /// The peer stayed away for longer than the connection is held.
    HoldOver,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Finished => "finished",
            Self::Aborted => "aborted by the owner",
            Self::Reset => "reset by the peer",
            Self::Refused => "refused",
            Self::AbortedByPeer(reason) => return write!(f, "aborted by the peer: {reason}"),
            Self::AbortedHere(reason) => return write!(f, "aborted by this end: {reason}"),
            Self::PeerHasNoState => "peer has no state",
            Self::NoAnswer => "no answer",
            Self::Unreachable(kind) => return write!(f, "unreachable: {kind}"),
            Self::PeerIsPlain => "restored, but the peer is plain TCP",
            Self::HoldOver => "hold over",
        })
    }
}

/// Why a connection is plain TCP although this end offered Hiatus or was offered it (draft, {#negotiation}).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum FallbackReason {
    /// The peer's SYN or SYN/ACK carried no usable CAPABLE.
    NotOffered,
    /// Both ends sent a SYN: there is no initiator.
    SimultaneousOpen,
    /// The first segment after the SYN carried no long CAPABLE.
    CapableStripped,
    /// No valid EPOCH came although CAPABLE was sent often enough.
    NoEpoch,
    /// EPOCH was not echoed although it was sent often enough.
    NoEcho,
    /// Six RESUMEs met only plain segments.
    ResumeMetPlain,
}

/// The state of RFC 9293, section 3.3.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TcpState {
    /// CLOSED.
    Closed,
    /// LISTEN.
    Listen,
    /// SYN-SENT.
    SynSent,
    /// SYN-RECEIVED.
    SynReceived,
    /// ESTABLISHED.
    Established,
    /// FIN-WAIT-1.
    FinWait1,
    /// FIN-WAIT-2.
    FinWait2,
    /// CLOSE-WAIT.
    CloseWait,
    /// CLOSING.
    Closing,
    /// LAST-ACK.
    LastAck,
    /// TIME-WAIT.
    TimeWait,
    /// LINGER, in place of CLOSED (draft, {#linger}).
    Linger,
}

impl TcpState {
    /// True in TIME-WAIT and LINGER: both directions are over, and the connection is kept.
    pub(crate) const fn is_kept_over(self) -> bool {
        matches!(self, Self::TimeWait | Self::Linger)
    }
}

impl fmt::Display for TcpState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "CLOSED",
            Self::Listen => "LISTEN",
            Self::SynSent => "SYN-SENT",
            Self::SynReceived => "SYN-RECEIVED",
            Self::Established => "ESTABLISHED",
            Self::FinWait1 => "FIN-WAIT-1",
            Self::FinWait2 => "FIN-WAIT-2",
            Self::CloseWait => "CLOSE-WAIT",
            Self::Closing => "CLOSING",
            Self::LastAck => "LAST-ACK",
            Self::TimeWait => "TIME-WAIT",
            Self::Linger => "LINGER",
        })
    }
}

/// How far the negotiation is (draft, {#negotiation}).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum HiatusState {
    /// Plain TCP, for good.
    Off,
    /// Not decided yet; nothing of Hiatus is believed.
    Negotiating,
    /// On.
    On,
}

/// SELF of the draft's state table ({#states}): whether this end is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SelfState {
    /// UP.
    Up,
    /// LEAVING: about to go away, or away.
    Leaving,
    /// RESUMING: back, and not yet in step with the peer.
    Resuming,
}

impl fmt::Display for SelfState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Up => "UP",
            Self::Leaving => "LEAVING",
            Self::Resuming => "RESUMING",
        })
    }
}

/// PEER of the draft's state table ({#states}): whether the other end is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PeerState {
    /// UP.
    Up,
    /// HELD: it announced its absence.
    Held,
    /// PRESUMED: it fell silent.
    Presumed,
}

impl fmt::Display for PeerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Up => "UP",
            Self::Held => "HELD",
            Self::Presumed => "PRESUMED",
        })
    }
}
