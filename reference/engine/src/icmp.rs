//! Errors of the network about a connection (RFC 9293, section 3.9.2.2; RFC 5927).

use core::fmt;

use hiatus_codec::SequenceNumber;
use serde::{Deserialize, Serialize};

/// An ICMP or ICMPv6 error about a segment of this end.
///
/// Who reads it from a packet has matched the quoted addresses and ports with the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IcmpError {
    /// What it says.
    pub kind: IcmpErrorKind,
    /// SEG.SEQ of the segment that it quotes.
    pub quoted_seq: SequenceNumber,
}

/// What an ICMP error says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum IcmpErrorKind {
    /// No route to the network, or to the host.
    NoRoute,
    /// The host, or its address, is not reached.
    HostUnreachable,
    /// A source route failed.
    SourceRouteFailed,
    /// The hop limit or the time for reassembly ran out.
    TimeExceeded,
    /// A field of the IP header is not understood.
    ParameterProblem,
    /// A policy forbids it.
    Prohibited,
    /// The host knows no TCP.
    ProtocolUnreachable,
    /// Nobody listens there.
    PortUnreachable,
    /// The packet is larger than the next hop takes.
    PacketTooBig {
        /// Its MTU in octets; 0 where an old router does not say (RFC 1191, section 5).
        mtu_octets: u16,
    },
    /// Source Quench, which nobody heeds any more (RFC 6633).
    SourceQuench,
}

/// How grave an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    /// It may pass.
    Soft,
    /// It will not.
    Hard,
}

impl IcmpErrorKind {
    /// What an ICMP message of that type and code says; `mtu_octets` is its next-hop MTU. `None` if it is no error.
    #[must_use]
    pub const fn of_v4(message_type: u8, code: u8, mtu_octets: u16) -> Option<Self> {
        Some(match (message_type, code) {
            (3, 1) => Self::HostUnreachable,
            (3, 2) => Self::ProtocolUnreachable,
            (3, 3) => Self::PortUnreachable,
            (3, 4) => Self::PacketTooBig { mtu_octets },
            (3, 5) => Self::SourceRouteFailed,
            (3, 9 | 10 | 13) => Self::Prohibited,
            (3, _) => Self::NoRoute,
            (4, _) => Self::SourceQuench,
            (11, _) => Self::TimeExceeded,
            (12, _) => Self::ParameterProblem,
            _ => return None,
        })
    }

    /// What an ICMPv6 message of that type and code says; `mtu_octets` is its MTU field. `None` if it is no error.
    #[must_use]
    pub fn of_v6(message_type: u8, code: u8, mtu_octets: u32) -> Option<Self> {
        Some(match (message_type, code) {
            (1, 1 | 5 | 6) => Self::Prohibited,
            (1, 3) => Self::HostUnreachable,
            (1, 4) => Self::PortUnreachable,
            (1, _) => Self::NoRoute,
            (2, _) => Self::PacketTooBig { mtu_octets: u16::try_from(mtu_octets).unwrap_or(u16::MAX) },
            (3, _) => Self::TimeExceeded,
            (4, _) => Self::ParameterProblem,
            _ => return None,
        })
    }

    /// Whether it is one of the "hard errors" of RFC 9293, section 3.9.2.2, or of RFC 5927, section 5.1, for ICMPv6.
    pub(crate) const fn severity(self) -> Severity {
        match self {
            Self::ProtocolUnreachable | Self::PortUnreachable | Self::Prohibited => Severity::Hard,
            _ => Severity::Soft,
        }
    }
}

impl fmt::Display for IcmpErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRoute => "no route",
            Self::HostUnreachable => "host unreachable",
            Self::SourceRouteFailed => "source route failed",
            Self::TimeExceeded => "time exceeded",
            Self::ParameterProblem => "parameter problem",
            Self::Prohibited => "prohibited",
            Self::ProtocolUnreachable => "protocol unreachable",
            Self::PortUnreachable => "port unreachable",
            Self::PacketTooBig { mtu_octets } => return write!(f, "packet too big, MTU {mtu_octets}"),
            Self::SourceQuench => "source quench",
        })
    }
}
