//! Events.

use core::ffi::CStr;
use core::time::Duration;

use hiatus_engine::{CloseReason, ConnectionId, Event, FallbackReason, IcmpErrorKind};

use crate::ConnectionNumber;
use crate::handle::named;

/// What happened to a connection.
#[repr(u32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(non_camel_case_types, reason = "the names that a C program reads, written once")]
pub enum EventKind {
    /// Not one that this header knows.
    HIATUS_EVENT_UNKNOWN = 0,
    /// The handshake is over: octets flow. One of a listener waits for hiatus_accept().
    HIATUS_EVENT_CONNECTED = 1,
    /// Both ends speak Hiatus.
    HIATUS_EVENT_HIATUS_ON = 2,
    /// The connection is plain TCP for good: reason is a hiatus_fallback_reason.
    HIATUS_EVENT_FELL_BACK = 3,
    /// The peer announced its absence; the connection is held for duration_us from now.
    HIATUS_EVENT_PEER_SUSPENDED = 4,
    /// The peer fell silent and may be away; the connection is held for duration_us from now.
    HIATUS_EVENT_PEER_PRESUMED_SUSPENDED = 5,
    /// The peer is there again.
    HIATUS_EVENT_PEER_RESUMED = 6,
    /// The peer knows that this end goes away, and holds the connection for duration_us; 0 if it refused.
    HIATUS_EVENT_SUSPEND_ACKNOWLEDGED = 7,
    /// This end is back and in step with its peer.
    HIATUS_EVENT_RESUMED = 8,
    /// Octets that the peer acknowledged were given up: it cannot come back older than them.
    HIATUS_EVENT_SHED = 9,
    /// Both directions are closed and acknowledged. The connection is kept for duration_us at most, because one end may
    /// still come back older.
    HIATUS_EVENT_LINGERING = 10,
    /// Octets or the end of the stream can be read.
    HIATUS_EVENT_READABLE = 11,
    /// There is room in the send buffer after it was full.
    HIATUS_EVENT_WRITABLE = 12,
    /// The peer will send no more: its FIN arrived.
    HIATUS_EVENT_PEER_CLOSED = 13,
    /// What was sent stays unanswered, and is sent again. Once until the peer answers.
    HIATUS_EVENT_UNANSWERED = 14,
    /// The network reports an error that may pass: reason is a hiatus_network_error, detail an MTU in octets or 0.
    HIATUS_EVENT_NETWORK_ERROR = 15,
    /// The connection is over, and no event follows: reason is a hiatus_close_reason.
    HIATUS_EVENT_CLOSED = 16,
}

/// Why a connection is over. Never mistaken for the end of a stream: that is HIATUS_EVENT_PEER_CLOSED.
#[repr(u32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(non_camel_case_types, reason = "the names that a C program reads, written once")]
pub enum CloseCode {
    /// Not one that this header knows.
    HIATUS_CLOSE_REASON_UNKNOWN = 0,
    /// Both directions were closed and acknowledged.
    HIATUS_CLOSE_REASON_FINISHED = 1,
    /// The owner aborted.
    HIATUS_CLOSE_REASON_ABORTED = 2,
    /// A bare RST arrived.
    HIATUS_CLOSE_REASON_RESET = 3,
    /// The peer answered the SYN by a reset.
    HIATUS_CLOSE_REASON_REFUSED = 4,
    /// The peer sent ABORT: detail is its reason, 1 FENCED, 2 GONE, 3 DIVERGED, 4 LOST, 5 SHED, 6 APPLICATION.
    HIATUS_CLOSE_REASON_ABORTED_BY_PEER = 5,
    /// This end sent ABORT for a reason of the protocol: detail is the reason.
    HIATUS_CLOSE_REASON_ABORTED_HERE = 6,
    /// RESUMEs met bare RSTs: the peer has no state of the connection.
    HIATUS_CLOSE_REASON_PEER_HAS_NO_STATE = 7,
    /// What was sent went unanswered for too long.
    HIATUS_CLOSE_REASON_NO_ANSWER = 8,
    /// The network refused the attempt to connect: detail is a hiatus_network_error.
    HIATUS_CLOSE_REASON_UNREACHABLE = 9,
    /// This end was restored, but its peer answers as plain TCP.
    HIATUS_CLOSE_REASON_PEER_IS_PLAIN = 10,
    /// The peer stayed away for longer than the connection is held.
    HIATUS_CLOSE_REASON_HOLD_OVER = 11,
}

/// Why a connection is plain TCP.
#[repr(u32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(non_camel_case_types, reason = "the names that a C program reads, written once")]
pub enum FallbackCode {
    /// Not one that this header knows.
    HIATUS_FALLBACK_UNKNOWN = 0,
    /// The peer's SYN or SYN/ACK carried no usable CAPABLE.
    HIATUS_FALLBACK_NOT_OFFERED = 1,
    /// Both ends sent a SYN.
    HIATUS_FALLBACK_SIMULTANEOUS_OPEN = 2,
    /// The first segment after the SYN carried no long CAPABLE.
    HIATUS_FALLBACK_CAPABLE_STRIPPED = 3,
    /// No valid EPOCH came although CAPABLE was sent often enough.
    HIATUS_FALLBACK_NO_EPOCH = 4,
    /// EPOCH was not echoed although it was sent often enough.
    HIATUS_FALLBACK_NO_ECHO = 5,
    /// Six RESUMEs met only plain segments.
    HIATUS_FALLBACK_RESUME_MET_PLAIN = 6,
}

/// What an ICMP error says.
#[repr(u32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(non_camel_case_types, reason = "the names that a C program reads, written once")]
pub enum NetworkError {
    /// Not one that this header knows.
    HIATUS_NETWORK_UNKNOWN = 0,
    /// No route to the network, or to the host.
    HIATUS_NETWORK_NO_ROUTE = 1,
    /// The host, or its address, is not reached.
    HIATUS_NETWORK_HOST_UNREACHABLE = 2,
    /// A source route failed.
    HIATUS_NETWORK_SOURCE_ROUTE_FAILED = 3,
    /// The hop limit or the time for reassembly ran out.
    HIATUS_NETWORK_TIME_EXCEEDED = 4,
    /// A field of the IP header is not understood.
    HIATUS_NETWORK_PARAMETER_PROBLEM = 5,
    /// A policy forbids it.
    HIATUS_NETWORK_PROHIBITED = 6,
    /// The host knows no TCP.
    HIATUS_NETWORK_PROTOCOL_UNREACHABLE = 7,
    /// Nobody listens there.
    HIATUS_NETWORK_PORT_UNREACHABLE = 8,
    /// The packet is larger than the next hop takes.
    HIATUS_NETWORK_PACKET_TOO_BIG = 9,
    /// Source Quench, which nobody heeds any more.
    HIATUS_NETWORK_SOURCE_QUENCH = 10,
}

/// Something the owner of a connection should know.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Happening {
    /// The connection. After HIATUS_EVENT_CLOSED it names none, once all that was received is read.
    pub connection: ConnectionNumber,
    /// A duration in microseconds where the kind says so, else 0.
    pub duration_us: u64,
    /// What happened.
    pub kind: EventKind,
    /// Why, where the kind says so, else 0.
    pub reason: u32,
    /// More of why, else 0.
    pub detail: u32,
    /// 0.
    pub reserved: u32,
}

impl EventKind {
    /// Its name, for logs.
    pub(crate) fn name_of(code: u32) -> &'static CStr {
        const NAMES: [&CStr; 17] = [
            c"unknown",
            c"connected",
            c"hiatus on",
            c"fell back",
            c"peer suspended",
            c"peer presumed suspended",
            c"peer resumed",
            c"suspend acknowledged",
            c"resumed",
            c"shed",
            c"lingering",
            c"readable",
            c"writable",
            c"peer closed",
            c"unanswered",
            c"network error",
            c"closed",
        ];
        usize::try_from(code).ok().and_then(|at| NAMES.get(at).copied()).unwrap_or(c"unknown")
    }
}

impl CloseCode {
    /// Its name, for logs.
    pub(crate) fn name_of(code: u32) -> &'static CStr {
        const NAMES: [&CStr; 12] = [
            c"unknown",
            c"finished",
            c"aborted",
            c"reset",
            c"refused",
            c"aborted by peer",
            c"aborted here",
            c"peer has no state",
            c"no answer",
            c"unreachable",
            c"peer is plain",
            c"hold over",
        ];
        usize::try_from(code).ok().and_then(|at| NAMES.get(at).copied()).unwrap_or(c"unknown")
    }
}

/// `duration` in microseconds; the longest that C can be told, if it is longer.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl Happening {
    pub(crate) fn of(id: ConnectionId, event: &Event) -> Self {
        let plain =
            |kind| Self { connection: named(id), duration_us: 0, kind, reason: 0, detail: 0, reserved: 0 };
        let lasting = |kind, duration| Self { duration_us: micros(duration), ..plain(kind) };
        match *event {
            Event::Connected => plain(EventKind::HIATUS_EVENT_CONNECTED),
            Event::HiatusOn => plain(EventKind::HIATUS_EVENT_HIATUS_ON),
            Event::FellBack { reason } => {
                Self { reason: fallback(reason) as u32, ..plain(EventKind::HIATUS_EVENT_FELL_BACK) }
            }
            Event::PeerSuspended { hold } => lasting(EventKind::HIATUS_EVENT_PEER_SUSPENDED, hold),
            Event::PeerPresumedSuspended { hold } => {
                lasting(EventKind::HIATUS_EVENT_PEER_PRESUMED_SUSPENDED, hold)
            }
            Event::PeerResumed => plain(EventKind::HIATUS_EVENT_PEER_RESUMED),
            Event::SuspendAcknowledged { hold } => {
                lasting(EventKind::HIATUS_EVENT_SUSPEND_ACKNOWLEDGED, hold)
            }
            Event::Resumed => plain(EventKind::HIATUS_EVENT_RESUMED),
            Event::Shed => plain(EventKind::HIATUS_EVENT_SHED),
            Event::Lingering { limit } => lasting(EventKind::HIATUS_EVENT_LINGERING, limit),
            Event::Readable => plain(EventKind::HIATUS_EVENT_READABLE),
            Event::Writable => plain(EventKind::HIATUS_EVENT_WRITABLE),
            Event::PeerClosed => plain(EventKind::HIATUS_EVENT_PEER_CLOSED),
            Event::Unanswered => plain(EventKind::HIATUS_EVENT_UNANSWERED),
            Event::NetworkError { kind } => {
                let (error, detail) = network(kind);
                Self { reason: error as u32, detail, ..plain(EventKind::HIATUS_EVENT_NETWORK_ERROR) }
            }
            Event::Closed { reason } => {
                let (reason, detail) = close(reason);
                Self { reason: reason as u32, detail, ..plain(EventKind::HIATUS_EVENT_CLOSED) }
            }
            _ => plain(EventKind::HIATUS_EVENT_UNKNOWN),
        }
    }
}

fn close(reason: CloseReason) -> (CloseCode, u32) {
    match reason {
        CloseReason::Finished => (CloseCode::HIATUS_CLOSE_REASON_FINISHED, 0),
        CloseReason::Aborted => (CloseCode::HIATUS_CLOSE_REASON_ABORTED, 0),
        CloseReason::Reset => (CloseCode::HIATUS_CLOSE_REASON_RESET, 0),
        CloseReason::Refused => (CloseCode::HIATUS_CLOSE_REASON_REFUSED, 0),
        CloseReason::AbortedByPeer(why) => (CloseCode::HIATUS_CLOSE_REASON_ABORTED_BY_PEER, u32::from(why.0)),
        CloseReason::AbortedHere(why) => (CloseCode::HIATUS_CLOSE_REASON_ABORTED_HERE, u32::from(why.0)),
        CloseReason::PeerHasNoState => (CloseCode::HIATUS_CLOSE_REASON_PEER_HAS_NO_STATE, 0),
        CloseReason::NoAnswer => (CloseCode::HIATUS_CLOSE_REASON_NO_ANSWER, 0),
        CloseReason::Unreachable(kind) => {
            (CloseCode::HIATUS_CLOSE_REASON_UNREACHABLE, network(kind).0 as u32)
        }
        CloseReason::PeerIsPlain => (CloseCode::HIATUS_CLOSE_REASON_PEER_IS_PLAIN, 0),
        CloseReason::HoldOver => (CloseCode::HIATUS_CLOSE_REASON_HOLD_OVER, 0),
        _ => (CloseCode::HIATUS_CLOSE_REASON_UNKNOWN, 0),
    }
}

fn fallback(reason: FallbackReason) -> FallbackCode {
    match reason {
        FallbackReason::NotOffered => FallbackCode::HIATUS_FALLBACK_NOT_OFFERED,
        FallbackReason::SimultaneousOpen => FallbackCode::HIATUS_FALLBACK_SIMULTANEOUS_OPEN,
        FallbackReason::CapableStripped => FallbackCode::HIATUS_FALLBACK_CAPABLE_STRIPPED,
        FallbackReason::NoEpoch => FallbackCode::HIATUS_FALLBACK_NO_EPOCH,
        FallbackReason::NoEcho => FallbackCode::HIATUS_FALLBACK_NO_ECHO,
        FallbackReason::ResumeMetPlain => FallbackCode::HIATUS_FALLBACK_RESUME_MET_PLAIN,
        _ => FallbackCode::HIATUS_FALLBACK_UNKNOWN,
    }
}

fn network(kind: IcmpErrorKind) -> (NetworkError, u32) {
    let error = match kind {
        IcmpErrorKind::PacketTooBig { mtu_octets } => {
            return (NetworkError::HIATUS_NETWORK_PACKET_TOO_BIG, u32::from(mtu_octets));
        }
        IcmpErrorKind::NoRoute => NetworkError::HIATUS_NETWORK_NO_ROUTE,
        IcmpErrorKind::HostUnreachable => NetworkError::HIATUS_NETWORK_HOST_UNREACHABLE,
        IcmpErrorKind::SourceRouteFailed => NetworkError::HIATUS_NETWORK_SOURCE_ROUTE_FAILED,
        IcmpErrorKind::TimeExceeded => NetworkError::HIATUS_NETWORK_TIME_EXCEEDED,
        IcmpErrorKind::ParameterProblem => NetworkError::HIATUS_NETWORK_PARAMETER_PROBLEM,
        IcmpErrorKind::Prohibited => NetworkError::HIATUS_NETWORK_PROHIBITED,
        IcmpErrorKind::ProtocolUnreachable => NetworkError::HIATUS_NETWORK_PROTOCOL_UNREACHABLE,
        IcmpErrorKind::PortUnreachable => NetworkError::HIATUS_NETWORK_PORT_UNREACHABLE,
        IcmpErrorKind::SourceQuench => NetworkError::HIATUS_NETWORK_SOURCE_QUENCH,
        _ => NetworkError::HIATUS_NETWORK_UNKNOWN,
    };
    (error, 0)
}
