//! IP packets: what of them is TCP, or an ICMP error about TCP, and the header before a segment that leaves.

pub(crate) mod icmp;

use core::net::IpAddr;

use etherparse::{IpNumber, IpSlice, Ipv6ExtensionSlice, Ipv6ExtensionsSlice};
use hiatus_codec::Segment;
use serde::{Deserialize, Serialize};

use crate::ecn::Ecn;
use crate::endpoint::checksum::{Sum, add_addresses, tcp_pseudo_header};
use crate::endpoint::tuple::Tuple;
use crate::icmp::IcmpError;

/// The protocol number of TCP.
pub(crate) const PROTOCOL_TCP: u8 = IpNumber::TCP.0;
/// Octets of an IPv4 header without options.
const V4_HEADER_OCTETS: usize = 20;
/// Octets of an IPv6 header.
pub(crate) const V6_HEADER_OCTETS: usize = 40;
/// Time to live, hop limit (RFC 9293, MUST-49: configurable by who sends the packet on; this is the usual one).
const HOPS: u8 = 64;
/// Don't Fragment.
const DONT_FRAGMENT: u8 = 0x40;
/// Where the checksum stands in a TCP header.
const CHECKSUM_AT: usize = 16;
/// In an IPv6 option's type: what to do with an unknown one; 0 skips it (RFC 8200, section 4.2).
const OPTION_ACTION: u8 = 0xc0;

/// Whether somebody has checked the TCP checksum already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ChecksumStatus {
    /// Nobody has.
    ToVerify,
    /// The driver has, or the segment never left the machine: several segments may have been put together.
    Verified,
}

/// Who writes the TCP checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ChecksumWriter {
    /// The endpoint.
    Endpoint,
    /// The driver: the field holds the sum of the pseudo header.
    Driver,
}

/// A packet for this host.
#[derive(Debug)]
pub(crate) enum Inbound<'a> {
    /// A segment.
    Tcp { tuple: Tuple, mark: Ecn, segment: Segment<'a> },
    /// An error about a segment that was sent before.
    Icmp { tuple: Tuple, error: IcmpError },
}

/// Why a packet is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// IP or TCP header damaged or cut off.
    Malformed,
    /// A fragment: this endpoint puts none together.
    Fragment,
    /// A checksum is wrong.
    Checksum,
    /// Neither TCP nor an ICMP error about TCP.
    NotForTcp,
    /// From or to an address that is not that of one host (RFC 9293, MUST-63).
    NotUnicast,
    /// From port 0, which nobody can have (RFC 6335, section 6): no record could name the peer.
    NoPort,
    /// Its extension headers ask for what is not done here.
    Extension,
}

/// Takes a packet apart.
pub(crate) fn parse(octets: &[u8], checksum: ChecksumStatus) -> Result<Inbound<'_>, Unusable> {
    let packet = IpSlice::from_slice(octets).map_err(|_| Unusable::Malformed)?;
    let (source, destination) = (packet.source_addr(), packet.destination_addr());
    let payload = packet.payload();
    if payload.fragmented {
        return Err(Unusable::Fragment);
    }
    let mark = match &packet {
        IpSlice::Ipv4(packet) => {
            let header = packet.header();
            if checksum == ChecksumStatus::ToVerify && !Sum::default().add(header.slice()).is_right() {
                return Err(Unusable::Checksum);
            }
            Ecn::of_traffic_class(header.ecn().value())
        }
        IpSlice::Ipv6(packet) => {
            // A jumbogram (RFC 2675), for which no link here is large enough, or a lie: it holds no segment.
            if packet.header().payload_length() == 0 {
                return Err(Unusable::Malformed);
            }
            check_extensions(packet.extensions())?;
            Ecn::of_traffic_class(packet.header().traffic_class())
        }
    };
    if !is_unicast(source) || !is_unicast(destination) {
        return Err(Unusable::NotUnicast);
    }
    let sum = || add_addresses(Sum::default(), source, destination);
    match payload.ip_number {
        IpNumber::TCP => {
            let whole = || sum().add_pseudo_header(&[], PROTOCOL_TCP, payload.payload.len());
            if checksum == ChecksumStatus::ToVerify && !whole().add(payload.payload).is_right() {
                return Err(Unusable::Checksum);
            }
            let segment = Segment::parse(payload.payload).map_err(|_| Unusable::Malformed)?;
            if segment.source_port == 0 {
                return Err(Unusable::NoPort);
            }
            let tuple = match (source, destination) {
                (IpAddr::V4(there), IpAddr::V4(here)) => {
                    Tuple::v4(here, segment.destination_port, there, segment.source_port)
                }
                (IpAddr::V6(there), IpAddr::V6(here)) => {
                    Tuple::v6(here, segment.destination_port, there, segment.source_port)
                }
                _ => return Err(Unusable::Malformed),
            };
            Ok(Inbound::Tcp { tuple, mark, segment })
        }
        IpNumber::ICMP => icmp::parse_v4(payload.payload),
        IpNumber::IPV6_ICMP => icmp::parse_v6(payload.payload, sum()),
        _ => Err(Unusable::NotForTcp),
    }
}

/// Passes over the extension headers that may be passed over (RFC 8200, section 4). There are as many as the packet has
/// room for; each is looked at once.
fn check_extensions(extensions: &Ipv6ExtensionsSlice<'_>) -> Result<(), Unusable> {
    if extensions.is_empty() {
        return Ok(());
    }
    for extension in extensions.clone() {
        let may_pass = match extension {
            Ipv6ExtensionSlice::HopByHop(header) | Ipv6ExtensionSlice::DestinationOptions(header) => {
                options_may_be_skipped(header.payload())
            }
            // Segments Left: this host is not the last one (RFC 8200, section 4.4).
            Ipv6ExtensionSlice::Routing(header) => header.payload().get(1) == Some(&0),
            // A fragment that is a whole packet (RFC 8200, section 4.5).
            Ipv6ExtensionSlice::Fragment(_) => true,
            // What is not understood is not passed over.
            _ => false,
        };
        if !may_pass {
            return Err(Unusable::Extension);
        }
    }
    Ok(())
}

/// Whether every option says of itself that who does not know it skips it.
fn options_may_be_skipped(mut options: &[u8]) -> bool {
    loop {
        options = match options {
            [] => return true,
            // Pad1 has no length.
            [0, rest @ ..] => rest,
            [kind, length, rest @ ..] if kind & OPTION_ACTION == 0 => {
                match rest.get(usize::from(*length)..) {
                    Some(rest) => rest,
                    None => return false,
                }
            }
            _ => return false,
        };
    }
}

/// True for an address that one host may have.
pub(crate) fn is_unicast(address: IpAddr) -> bool {
    let is_broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    !address.is_multicast() && !address.is_unspecified() && !is_broadcast
}

/// Octets of the IP header before a segment of `tuple`.
pub(crate) fn header_octets(tuple: &Tuple) -> usize {
    if tuple.is_v4() { V4_HEADER_OCTETS } else { V6_HEADER_OCTETS }
}

/// What an IP header says beside addresses and length.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Envelope {
    pub(crate) mark: Ecn,
    /// Identification of an IPv4 packet that may be fragmented; `None` if it may not.
    pub(crate) identification: Option<u16>,
    pub(crate) writer: ChecksumWriter,
}

/// Writes the IP header of `tuple` before the `segment_octets` of TCP that follow it in `buffer`, and their checksum.
/// Gives the octets of the whole packet.
pub(crate) fn seal(
    buffer: &mut [u8],
    tuple: &Tuple,
    segment_octets: usize,
    envelope: &Envelope,
) -> Option<usize> {
    let Envelope { mark, identification, writer } = *envelope;
    let header_octets = header_octets(tuple);
    let (header, rest) = buffer.split_at_mut_checked(header_octets)?;
    let segment = rest.get_mut(..segment_octets)?;
    let addresses = tuple.addresses();
    if tuple.is_v4() {
        let total = u16::try_from(header_octets + segment_octets).ok()?.to_be_bytes();
        header[..4].copy_from_slice(&[0x45, mark.bits(), total[0], total[1]]);
        // Of a packet that is never fragmented it says nothing (RFC 6864, section 4.1).
        header[4..6].copy_from_slice(&identification.unwrap_or(0).to_be_bytes());
        header[6..8].copy_from_slice(&[if identification.is_none() { DONT_FRAGMENT } else { 0 }, 0]);
        header[8..12].copy_from_slice(&[HOPS, PROTOCOL_TCP, 0, 0]);
        header[12..].copy_from_slice(addresses);
        let sum = Sum::default().add(header);
        header[10..12].copy_from_slice(&sum.field());
    } else {
        let payload = u16::try_from(segment_octets).ok()?.to_be_bytes();
        header[..4].copy_from_slice(&[0x60, mark.bits() << 4, 0, 0]);
        header[4..8].copy_from_slice(&[payload[0], payload[1], PROTOCOL_TCP, HOPS]);
        header[8..].copy_from_slice(addresses);
    }
    let pseudo_header = tcp_pseudo_header(tuple, segment_octets);
    let field = match writer {
        ChecksumWriter::Driver => pseudo_header.partial_field(),
        ChecksumWriter::Endpoint => {
            segment.get_mut(CHECKSUM_AT..CHECKSUM_AT + 2)?.fill(0);
            pseudo_header.add(segment).field()
        }
    };
    segment.get_mut(CHECKSUM_AT..CHECKSUM_AT + 2)?.copy_from_slice(&field);
    Some(header_octets + segment_octets)
}

#[cfg(test)]
mod tests;
