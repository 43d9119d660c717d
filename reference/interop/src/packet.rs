//! IP packets with a TCP segment inside.

use std::net::{IpAddr, SocketAddr};

use etherparse::checksum::Sum16BitWords;
use etherparse::{IpNumber, IpSlice, Ipv4Header, Ipv6FlowLabel, Ipv6Header};

/// Hop limit of what is sent.
const HOPS: u8 = 64;
/// Where the checksum lies in a TCP header (RFC 9293, section 3.1).
const CHECKSUM_AT: std::ops::Range<usize> = 16..18;

/// A TCP segment as it was found in a packet.
pub(crate) struct Found<'a> {
    pub(crate) from: IpAddr,
    pub(crate) to: IpAddr,
    /// Header, options and data.
    pub(crate) segment: &'a [u8],
    /// Whether the checksum is right.
    pub(crate) is_sound: bool,
}

/// Takes a packet apart; `None` unless it holds TCP, whole.
pub(crate) fn read(packet: &[u8]) -> Option<Found<'_>> {
    let ip = IpSlice::from_slice(packet).ok()?;
    let payload = ip.payload();
    if payload.ip_number != IpNumber::TCP || payload.fragmented {
        return None;
    }
    let (from, to) = (ip.source_addr(), ip.destination_addr());
    let segment = payload.payload;
    // Over a right checksum the sum gives 0 (RFC 1071, section 1).
    let is_sound = checksum(from, to, segment) == Some(0);
    Some(Found { from, to, segment, is_sound })
}

/// Octets of the IP header between two addresses.
pub(crate) fn header_octets(to: IpAddr) -> usize {
    if to.is_ipv4() { Ipv4Header::MIN_LEN } else { Ipv6Header::LEN }
}

/// Writes the IP header at the start of `packet`, before a segment of `segment_octets`, and the segment's checksum.
/// Gives the octets of the packet; `None` if the addresses do not belong together or there is no room.
pub(crate) fn finish(
    from: SocketAddr,
    to: SocketAddr,
    packet: &mut [u8],
    segment_octets: usize,
) -> Option<usize> {
    let at = header_octets(to.ip());
    let (header, rest) = packet.split_at_mut_checked(at)?;
    let segment = rest.get_mut(..segment_octets)?;
    let length = u16::try_from(segment_octets).ok()?;
    match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let ip = Ipv4Header::new(length, HOPS, IpNumber::TCP, from.octets(), to.octets()).ok()?;
            let mut ip = Ipv4Header { dont_fragment: true, ..ip };
            ip.header_checksum = ip.calc_header_checksum();
            header.copy_from_slice(&ip.to_bytes());
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let ip = Ipv6Header {
                traffic_class: 0,
                flow_label: Ipv6FlowLabel::ZERO,
                payload_length: length,
                next_header: IpNumber::TCP,
                hop_limit: HOPS,
                source: from.octets(),
                destination: to.octets(),
            };
            header.copy_from_slice(&ip.to_bytes());
        }
        _ => return None,
    }
    segment.get_mut(CHECKSUM_AT)?.fill(0);
    let sum = checksum(from.ip(), to.ip(), segment)?;
    segment.get_mut(CHECKSUM_AT)?.copy_from_slice(&sum.to_be_bytes());
    Some(at + segment_octets)
}

/// The checksum over the pseudo-header and the segment as it stands (RFC 9293, section 3.1).
fn checksum(from: IpAddr, to: IpAddr, segment: &[u8]) -> Option<u16> {
    let length = u16::try_from(segment.len()).ok()?;
    let sum = Sum16BitWords::new();
    let mut sum = match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => sum.add_slice(&from.octets()).add_slice(&to.octets()),
        (IpAddr::V6(from), IpAddr::V6(to)) => sum.add_slice(&from.octets()).add_slice(&to.octets()),
        _ => return None,
    };
    sum = sum.add_2bytes([0, IpNumber::TCP.0]).add_2bytes(length.to_be_bytes());
    Some(sum.add_slice(segment).ones_complement().to_be())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::net::SocketAddr;

    use super::{finish, read};

    /// A SYN of the Linux kernel as tcpdump printed it, IPv4, with its checksums.
    const SYN: [u8; 60] = [
        0x45, 0x00, 0x00, 0x3c, 0x1c, 0x46, 0x40, 0x00, 0x40, 0x06, 0x20, 0x74, 0x7f, 0x00, 0x00, 0x01, 0x7f,
        0x00, 0x00, 0x01, 0xb0, 0x1e, 0x04, 0xd2, 0x5c, 0x0f, 0x3f, 0x5d, 0x00, 0x00, 0x00, 0x00, 0xa0, 0x02,
        0xff, 0xd7, 0xfe, 0x30, 0x00, 0x00, 0x02, 0x04, 0xff, 0xd7, 0x04, 0x02, 0x08, 0x0a, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x03, 0x03, 0x07,
    ];

    #[test]
    fn a_changed_octet_breaks_the_checksum() {
        let addresses: [(SocketAddr, SocketAddr); 2] = [
            ("10.77.1.2:1000".parse().unwrap(), "10.77.2.2:2000".parse().unwrap()),
            ("[fd77:1::2]:1000".parse().unwrap(), "[fd77:2::2]:2000".parse().unwrap()),
        ];
        for (from, to) in addresses {
            let at = super::header_octets(to.ip());
            let mut packet = vec![0; at];
            packet.extend_from_slice(&SYN[20..]);
            packet.extend_from_slice(&[1, 2, 3]);
            let len = finish(from, to, &mut packet, 43).unwrap();
            let found = read(&packet[..len]).unwrap();
            assert_eq!((found.from, found.to, found.is_sound), (from.ip(), to.ip(), true));
            packet[len - 1] ^= 4;
            assert!(!read(&packet[..len]).unwrap().is_sound);
        }
    }
}
