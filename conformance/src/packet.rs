//! IP packets around a segment, and ICMP errors about one, as octets: what goes between the bench and a target that is a
//! process of its own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use etherparse::icmpv4::DestUnreachableHeader;
use etherparse::icmpv6::DestUnreachableCode;
use etherparse::{
    Icmpv4Header, Icmpv4Slice, Icmpv4Type, Icmpv6Header, Icmpv6Slice, Icmpv6Type, IpNumber, IpSlice,
    Ipv4Header, Ipv6FlowLabel, Ipv6Header, LaxIpSlice, TcpSlice,
};
use hiatus_codec::{EmitError, Flags, SegmentError, SequenceNumber};

use crate::script::NetworkError;
use crate::wire::OwnedSegment;

/// TTL and Hop Limit of what the bench sends.
const HOPS_MAX: u8 = 64;
/// Where the checksum stands in a TCP header.
const TCP_CHECKSUM_AT: usize = 16;
/// Octets of the packet in question that an ICMP error quotes at most: the longest packet that everybody takes, without
/// the headers of the error (RFC 1812, section 4.3.2.3).
const QUOTED_OCTETS_MAX: usize = 576 - 28;
/// Octets of a TCP header that an ICMP error quotes at least: the ports and SEG.SEQ (RFC 792).
const QUOTED_HEADER_OCTETS_MIN: usize = 8;

/// What a packet carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carried {
    /// A TCP segment.
    Segment(OwnedSegment),
    /// An ICMP error about a segment, of which only ports and SEG.SEQ may be known.
    NetworkError(NetworkError, OwnedSegment),
    /// Something else, which is none of TCP's business.
    Other,
}

/// A packet that was taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Who sent it.
    pub source: IpAddr,
    /// Who is to have it.
    pub destination: IpAddr,
    /// What it carries.
    pub carried: Carried,
}

/// Why octets are no packet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PacketError {
    /// They are no IP packet.
    #[error("no IP packet: {0}")]
    NotIp(String),
    /// The checksum of the IPv4 header is wrong.
    #[error("the checksum of the IPv4 header is {found:#06x}, expected {expected:#06x}")]
    HeaderChecksum {
        /// In the packet.
        found: u16,
        /// What it should be.
        expected: u16,
    },
    /// A piece of a packet: a target is never made to send one.
    #[error("a fragment of an IP packet")]
    Fragment,
    /// The payload is no TCP segment.
    #[error("no TCP segment: {0}")]
    NotTcp(SegmentError),
    /// The checksum of the TCP header is wrong.
    #[error("the checksum of the TCP header is {found:#06x}, expected {expected:#06x}")]
    Checksum {
        /// In the packet.
        found: u16,
        /// What it should be.
        expected: u16,
    },
}

/// Why there is no packet for a segment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MakeError {
    /// One address is IPv4, the other IPv6.
    #[error("{0} and {1} are not of the same IP version")]
    Mixed(IpAddr, IpAddr),
    /// The segment itself cannot be written.
    #[error("the segment cannot be written: {0}")]
    Segment(EmitError),
    /// It is longer than a packet may be.
    #[error("{0} octets do not fit into an IP packet")]
    TooLong(usize),
}

/// Takes a packet apart.
///
/// # Errors
///
/// A [`PacketError`]: a packet that its receiver would drop.
pub fn read(octets: &[u8]) -> Result<Packet, PacketError> {
    let ip = IpSlice::from_slice(octets).map_err(|error| PacketError::NotIp(error.to_string()))?;
    if let IpSlice::Ipv4(ip) = &ip {
        let header = ip.header().to_header();
        let (found, expected) = (header.header_checksum, header.calc_header_checksum());
        if found != expected {
            return Err(PacketError::HeaderChecksum { found, expected });
        }
    }
    if ip.is_fragmenting_payload() {
        return Err(PacketError::Fragment);
    }
    let (source, destination) = (ip.source_addr(), ip.destination_addr());
    let payload = ip.payload().payload;
    let carried = match ip.payload_ip_number() {
        IpNumber::TCP => {
            let segment = OwnedSegment::parse(payload).map_err(PacketError::NotTcp)?;
            let expected = checksum(source, destination, payload)?;
            let found = u16_at(payload, TCP_CHECKSUM_AT);
            if found != expected {
                return Err(PacketError::Checksum { found, expected });
            }
            Carried::Segment(segment)
        }
        IpNumber::ICMP => icmpv4(payload),
        IpNumber::IPV6_ICMP => icmpv6(payload),
        _ => Carried::Other,
    };
    Ok(Packet { source, destination, carried })
}

fn checksum(source: IpAddr, destination: IpAddr, segment: &[u8]) -> Result<u16, PacketError> {
    let not_tcp = |error: &dyn std::fmt::Display| PacketError::NotIp(error.to_string());
    let tcp = TcpSlice::from_slice(segment).map_err(|error| not_tcp(&error))?;
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            tcp.calc_checksum_ipv4(source.octets(), destination.octets()).map_err(|error| not_tcp(&error))
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            tcp.calc_checksum_ipv6(source.octets(), destination.octets()).map_err(|error| not_tcp(&error))
        }
        _ => Err(not_tcp(&"mixed addresses")),
    }
}

fn u16_at(octets: &[u8], at: usize) -> u16 {
    octets.get(at..at + 2).and_then(|pair| pair.try_into().ok()).map_or(0, u16::from_be_bytes)
}

fn icmpv4(octets: &[u8]) -> Carried {
    let Ok(icmp) = Icmpv4Slice::from_slice(octets) else { return Carried::Other };
    let error = match icmp.icmp_type() {
        Icmpv4Type::DestinationUnreachable(DestUnreachableHeader::Host) => NetworkError::HostUnreachable,
        Icmpv4Type::DestinationUnreachable(DestUnreachableHeader::Protocol) => {
            NetworkError::ProtocolUnreachable
        }
        Icmpv4Type::DestinationUnreachable(DestUnreachableHeader::Port) => NetworkError::PortUnreachable,
        _ => return Carried::Other,
    };
    quoted(error, icmp.payload())
}

fn icmpv6(octets: &[u8]) -> Carried {
    let Ok(icmp) = Icmpv6Slice::from_slice(octets) else { return Carried::Other };
    let error = match icmp.icmp_type() {
        Icmpv6Type::DestinationUnreachable(DestUnreachableCode::Address) => NetworkError::HostUnreachable,
        Icmpv6Type::DestinationUnreachable(DestUnreachableCode::Port) => NetworkError::PortUnreachable,
        Icmpv6Type::ParameterProblem(_) => NetworkError::ProtocolUnreachable,
        _ => return Carried::Other,
    };
    quoted(error, icmp.payload())
}

fn quoted(error: NetworkError, octets: &[u8]) -> Carried {
    // The quoted packet is cut short as a rule.
    let Ok((ip, _)) = LaxIpSlice::from_slice(octets) else { return Carried::Other };
    let payload = ip.payload();
    if payload.ip_number != IpNumber::TCP || payload.payload.len() < QUOTED_HEADER_OCTETS_MIN {
        return Carried::Other;
    }
    let octets = payload.payload;
    let segment = OwnedSegment::parse(octets).unwrap_or_else(|_| OwnedSegment {
        source_port: u16_at(octets, 0),
        destination_port: u16_at(octets, 2),
        seq: SequenceNumber(u32::from(u16_at(octets, 4)) << 16 | u32::from(u16_at(octets, 6))),
        ack: SequenceNumber::default(),
        flags: Flags::default(),
        window: 0,
        options: Vec::new(),
        payload: Vec::new(),
    });
    Carried::NetworkError(error, segment)
}

/// The packet that carries `segment`, checksums filled in.
///
/// # Errors
///
/// A [`MakeError`].
pub fn of_segment(source: IpAddr, destination: IpAddr, segment: &OwnedSegment) -> Result<Vec<u8>, MakeError> {
    let mut tcp = segment.octets().map_err(MakeError::Segment)?;
    let too_long = MakeError::TooLong(tcp.len());
    let sum = checksum(source, destination, &tcp).map_err(|_| MakeError::Mixed(source, destination))?;
    if let Some(room) = tcp.get_mut(TCP_CHECKSUM_AT..TCP_CHECKSUM_AT + 2) {
        room.copy_from_slice(&sum.to_be_bytes());
    }
    around(source, destination, IpNumber::TCP, &tcp).ok_or(too_long)
}

/// The ICMP error that `source` sends to `destination` about `quoted`, a segment that `destination` had sent it.
///
/// # Errors
///
/// A [`MakeError`].
pub fn of_network_error(
    source: IpAddr,
    destination: IpAddr,
    error: NetworkError,
    quoted: &OwnedSegment,
) -> Result<Vec<u8>, MakeError> {
    let mut packet = of_segment(destination, source, quoted)?;
    packet.truncate(QUOTED_OCTETS_MAX);
    let too_long = MakeError::TooLong(packet.len());
    let (mut icmp, number) = match (source, destination) {
        (IpAddr::V4(_), IpAddr::V4(_)) => {
            let code = match error {
                NetworkError::HostUnreachable => DestUnreachableHeader::Host,
                NetworkError::ProtocolUnreachable => DestUnreachableHeader::Protocol,
                NetworkError::PortUnreachable => DestUnreachableHeader::Port,
            };
            let kind = Icmpv4Type::DestinationUnreachable(code);
            (Icmpv4Header::with_checksum(kind, &packet).to_bytes().to_vec(), IpNumber::ICMP)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let kind = icmpv6_type(error);
            let (from, to) = (source.octets(), destination.octets());
            let header = Icmpv6Header::with_checksum(kind, from, to, &packet);
            let Ok(header) = header else { return Err(too_long) };
            (header.to_bytes().to_vec(), IpNumber::IPV6_ICMP)
        }
        _ => return Err(MakeError::Mixed(source, destination)),
    };
    icmp.extend_from_slice(&packet);
    around(source, destination, number, &icmp).ok_or(too_long)
}

/// IPv6 has no "protocol unreachable": a next header that nobody knows is a parameter problem (RFC 4443, section 3.4).
fn icmpv6_type(error: NetworkError) -> Icmpv6Type {
    use etherparse::icmpv6::{ParameterProblemCode, ParameterProblemHeader};
    /// Where Next Header stands in an IPv6 header.
    const NEXT_HEADER_AT: u32 = 6;
    match error {
        NetworkError::HostUnreachable => Icmpv6Type::DestinationUnreachable(DestUnreachableCode::Address),
        NetworkError::PortUnreachable => Icmpv6Type::DestinationUnreachable(DestUnreachableCode::Port),
        NetworkError::ProtocolUnreachable => Icmpv6Type::ParameterProblem(ParameterProblemHeader {
            code: ParameterProblemCode::UnrecognizedNextHeader,
            pointer: NEXT_HEADER_AT,
        }),
    }
}

/// An IP header and `payload`; `None` if that is too long.
fn around(source: IpAddr, destination: IpAddr, number: IpNumber, payload: &[u8]) -> Option<Vec<u8>> {
    let len_octets = u16::try_from(payload.len()).ok()?;
    let mut packet = match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => ipv4(source, destination, number, len_octets)?,
        (IpAddr::V6(source), IpAddr::V6(destination)) => ipv6(source, destination, number, len_octets),
        _ => return None,
    };
    packet.extend_from_slice(payload);
    Some(packet)
}

fn ipv4(source: Ipv4Addr, destination: Ipv4Addr, number: IpNumber, len_octets: u16) -> Option<Vec<u8>> {
    let (source, destination) = (source.octets(), destination.octets());
    let mut header = Ipv4Header::new(len_octets, HOPS_MAX, number, source, destination).ok()?;
    header.header_checksum = header.calc_header_checksum();
    Some(header.to_bytes().to_vec())
}

fn ipv6(source: Ipv6Addr, destination: Ipv6Addr, number: IpNumber, len_octets: u16) -> Vec<u8> {
    let header = Ipv6Header {
        traffic_class: 0,
        flow_label: Ipv6FlowLabel::ZERO,
        payload_length: len_octets,
        next_header: number,
        hop_limit: HOPS_MAX,
        source: source.octets(),
        destination: destination.octets(),
    };
    header.to_bytes().to_vec()
}
