//! What is known of a connection.

use hiatus_engine::{ConnectionId, Endpoint, HiatusState, PeerState, SelfState, TcpState};

use crate::address::Address;
use crate::event::micros;

/// The state of RFC 9293.
#[repr(u32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(non_camel_case_types, reason = "the names that a C program reads, written once")]
pub enum TcpStateCode {
    /// CLOSED.
    HIATUS_TCP_CLOSED = 0,
    /// LISTEN.
    HIATUS_TCP_LISTEN = 1,
    /// SYN-SENT.
    HIATUS_TCP_SYN_SENT = 2,
    /// SYN-RECEIVED.
    HIATUS_TCP_SYN_RECEIVED = 3,
    /// ESTABLISHED.
    HIATUS_TCP_ESTABLISHED = 4,
    /// FIN-WAIT-1.
    HIATUS_TCP_FIN_WAIT_1 = 5,
    /// FIN-WAIT-2.
    HIATUS_TCP_FIN_WAIT_2 = 6,
    /// CLOSE-WAIT.
    HIATUS_TCP_CLOSE_WAIT = 7,
    /// CLOSING.
    HIATUS_TCP_CLOSING = 8,
    /// LAST-ACK.
    HIATUS_TCP_LAST_ACK = 9,
    /// TIME-WAIT.
    HIATUS_TCP_TIME_WAIT = 10,
    /// LINGER, in place of CLOSED: both directions are over, and the connection is kept.
    HIATUS_TCP_LINGER = 11,
}

/// How far the negotiation of Hiatus is.
#[repr(u32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(non_camel_case_types, reason = "the names that a C program reads, written once")]
pub enum HiatusStateCode {
    /// Plain TCP, for good.
    HIATUS_NEGOTIATION_OFF = 0,
    /// Not decided yet.
    HIATUS_NEGOTIATION_NEGOTIATING = 1,
    /// On.
    HIATUS_NEGOTIATION_ON = 2,
}

/// Whether this end is there (SELF in the draft).
#[repr(u32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(non_camel_case_types, reason = "the names that a C program reads, written once")]
pub enum SelfStateCode {
    /// It is.
    HIATUS_SELF_UP = 0,
    /// It is about to go away, or away.
    HIATUS_SELF_LEAVING = 1,
    /// It is back, and not yet in step with its peer.
    HIATUS_SELF_RESUMING = 2,
}

/// Whether the other end is there (PEER in the draft).
#[repr(u32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(non_camel_case_types, reason = "the names that a C program reads, written once")]
pub enum PeerStateCode {
    /// It is.
    HIATUS_PEER_UP = 0,
    /// It announced its absence.
    HIATUS_PEER_HELD = 1,
    /// It fell silent.
    HIATUS_PEER_PRESUMED = 2,
}

/// What is known of a connection.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Report {
    /// This end.
    pub local: Address,
    /// The other end.
    pub remote: Address,
    /// Octets that hiatus_read() would give.
    pub readable_octets: u64,
    /// Octets that hiatus_write() would take.
    pub writable_octets: u64,
    /// Octets written and not acknowledged, sent or not.
    pub unacknowledged_octets: u64,
    /// Octets written that wait for a durable epoch before they may leave (hold_send).
    pub held_octets: u64,
    /// Octets that the peer has acknowledged and that are kept for it.
    pub retained_octets: u64,
    /// How far the peer's octets have come: a position in its stream, its SYN and its FIN counting one each. What a host
    /// that keeps a journal writes before hiatus_journaled() may say so.
    pub received: u64,
    /// How far they are acknowledged.
    pub acknowledged: u64,
    /// The peer never asks again for what this end sent before this position.
    pub peer_stable: u64,
    /// This end never asks again for what it received before this position; 0 before its first durable epoch.
    pub own_stable: u64,
    /// The smoothed round-trip time in microseconds; 0 before the first measurement.
    pub smoothed_rtt_us: u64,
    /// The retransmission timeout in microseconds.
    pub rto_us: u64,
    /// The congestion window.
    pub cwnd_octets: u32,
    /// Octets in flight.
    pub flight_octets: u32,
    /// The state of RFC 9293.
    pub tcp: TcpStateCode,
    /// Whether Hiatus is on.
    pub hiatus: HiatusStateCode,
    /// Whether this end is there.
    pub self_state: SelfStateCode,
    /// Whether the other end is there.
    pub peer_state: PeerStateCode,
}

fn count(octets: usize) -> u64 {
    u64::try_from(octets).unwrap_or(u64::MAX)
}

impl Report {
    /// `None` if there is no such connection.
    pub(crate) fn of(endpoint: &Endpoint, id: ConnectionId) -> Option<Self> {
        let local = Address::of(endpoint.local(id)?);
        let remote = Address::of(endpoint.remote(id)?);
        let info = endpoint.info(id);
        Some(Self {
            local,
            remote,
            readable_octets: count(endpoint.readable_octets(id)),
            writable_octets: count(endpoint.writable_octets(id)),
            unacknowledged_octets: info.map_or(0, |info| info.unacknowledged_octets),
            held_octets: info.map_or(0, |info| info.held_octets),
            retained_octets: info.map_or(0, |info| info.retained_octets),
            received: info.map_or(0, |info| info.received.0),
            acknowledged: info.map_or(0, |info| info.acknowledged.0),
            peer_stable: info.map_or(0, |info| info.stable.peer.0),
            own_stable: info.and_then(|info| info.stable.own).map_or(0, |position| position.0),
            smoothed_rtt_us: info.and_then(|info| info.smoothed_rtt).map_or(0, micros),
            rto_us: info.map_or(0, |info| micros(info.rto)),
            cwnd_octets: info.map_or(0, |info| info.cwnd_octets),
            flight_octets: info.map_or(0, |info| info.flight_octets),
            tcp: tcp(endpoint.state(id)),
            hiatus: match endpoint.hiatus_state(id) {
                HiatusState::Off => HiatusStateCode::HIATUS_NEGOTIATION_OFF,
                HiatusState::Negotiating => HiatusStateCode::HIATUS_NEGOTIATION_NEGOTIATING,
                HiatusState::On => HiatusStateCode::HIATUS_NEGOTIATION_ON,
            },
            self_state: match endpoint.self_state(id) {
                SelfState::Up => SelfStateCode::HIATUS_SELF_UP,
                SelfState::Leaving => SelfStateCode::HIATUS_SELF_LEAVING,
                SelfState::Resuming => SelfStateCode::HIATUS_SELF_RESUMING,
            },
            peer_state: match endpoint.peer_state(id) {
                PeerState::Up => PeerStateCode::HIATUS_PEER_UP,
                PeerState::Held => PeerStateCode::HIATUS_PEER_HELD,
                PeerState::Presumed => PeerStateCode::HIATUS_PEER_PRESUMED,
            },
        })
    }
}

fn tcp(state: TcpState) -> TcpStateCode {
    match state {
        TcpState::Closed => TcpStateCode::HIATUS_TCP_CLOSED,
        TcpState::Listen => TcpStateCode::HIATUS_TCP_LISTEN,
        TcpState::SynSent => TcpStateCode::HIATUS_TCP_SYN_SENT,
        TcpState::SynReceived => TcpStateCode::HIATUS_TCP_SYN_RECEIVED,
        TcpState::Established => TcpStateCode::HIATUS_TCP_ESTABLISHED,
        TcpState::FinWait1 => TcpStateCode::HIATUS_TCP_FIN_WAIT_1,
        TcpState::FinWait2 => TcpStateCode::HIATUS_TCP_FIN_WAIT_2,
        TcpState::CloseWait => TcpStateCode::HIATUS_TCP_CLOSE_WAIT,
        TcpState::Closing => TcpStateCode::HIATUS_TCP_CLOSING,
        TcpState::LastAck => TcpStateCode::HIATUS_TCP_LAST_ACK,
        TcpState::TimeWait => TcpStateCode::HIATUS_TCP_TIME_WAIT,
        TcpState::Linger => TcpStateCode::HIATUS_TCP_LINGER,
    }
}
