//! ICMP errors about segments that were sent (RFC 792, RFC 4443; RFC 9293, section 3.9.2.2).

use etherparse::{IpNumber, Ipv4HeaderSlice, Ipv6HeaderSlice};
use hiatus_codec::SequenceNumber;

use crate::endpoint::checksum::Sum;
use crate::endpoint::packet::{Inbound, Unusable};
use crate::endpoint::tuple::Tuple;
use crate::icmp::{IcmpError, IcmpErrorKind};

/// Octets before the quoted packet.
const HEADER_OCTETS: usize = 8;
/// Of the quoted segment these are always there: ports and sequence number.
const QUOTE_OCTETS: usize = 8;

/// Reads an ICMP message. The IP header is not covered by its checksum.
pub(crate) fn parse_v4(octets: &[u8]) -> Result<Inbound<'static>, Unusable> {
    let ([message_type, code], [_, _, high, low], quote) = split(octets, Sum::default())?;
    let mtu_octets = u16::from_be_bytes([high, low]);
    let kind = IcmpErrorKind::of_v4(message_type, code, mtu_octets).ok_or(Unusable::NotForTcp)?;
    let header = Ipv4HeaderSlice::from_slice(quote).map_err(|_| Unusable::Malformed)?;
    if header.protocol() != IpNumber::TCP || header.fragments_offset().value() != 0 {
        return Err(Unusable::NotForTcp);
    }
    let ([local, remote], quoted_seq) = quoted(quote.get(header.slice().len()..))?;
    let tuple = Tuple::v4(header.source_addr(), local, header.destination_addr(), remote);
    Ok(Inbound::Icmp { tuple, error: IcmpError { kind, quoted_seq } })
}

/// Reads an ICMPv6 message; `addresses` is the sum of the packet's addresses.
pub(crate) fn parse_v6(octets: &[u8], addresses: Sum) -> Result<Inbound<'static>, Unusable> {
    let sum = addresses.add_pseudo_header(&[], IpNumber::IPV6_ICMP.0, octets.len());
    let ([message_type, code], mtu, quote) = split(octets, sum)?;
    let mtu_octets = u32::from_be_bytes(mtu);
    let kind = IcmpErrorKind::of_v6(message_type, code, mtu_octets).ok_or(Unusable::NotForTcp)?;
    let header = Ipv6HeaderSlice::from_slice(quote).map_err(|_| Unusable::Malformed)?;
    // This endpoint sends no extension headers.
    if header.next_header() != IpNumber::TCP {
        return Err(Unusable::NotForTcp);
    }
    let ([local, remote], quoted_seq) = quoted(quote.get(header.slice().len()..))?;
    let tuple = Tuple::v6(header.source_addr(), local, header.destination_addr(), remote);
    Ok(Inbound::Icmp { tuple, error: IcmpError { kind, quoted_seq } })
}

/// Type and code, the four octets after the checksum, and the quoted packet, if the checksum is right.
type Parts<'a> = ([u8; 2], [u8; 4], &'a [u8]);

fn split(octets: &[u8], sum: Sum) -> Result<Parts<'_>, Unusable> {
    let (header, quote) = octets.split_first_chunk::<HEADER_OCTETS>().ok_or(Unusable::Malformed)?;
    if !sum.add(octets).is_right() {
        return Err(Unusable::Checksum);
    }
    let [kind, code, _, _, rest @ ..] = *header;
    Ok(([kind, code], rest, quote))
}

/// Source and destination port and the sequence number of the quoted segment.
fn quoted(segment: Option<&[u8]>) -> Result<([u16; 2], SequenceNumber), Unusable> {
    let octets =
        segment.and_then(|octets| octets.first_chunk::<QUOTE_OCTETS>()).ok_or(Unusable::Malformed)?;
    let [a, b, c, d, seq @ ..] = *octets;
    let ports = [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])];
    Ok((ports, SequenceNumber(u32::from_be_bytes(seq))))
}
