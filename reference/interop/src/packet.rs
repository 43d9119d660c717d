//! IP packets with a TCP segment inside.

use std::net::IpAddr;

use etherparse::checksum::Sum16BitWords;
use etherparse::{IpNumber, IpSlice};

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

/// Packets for tests, made as [`read`] takes them apart.
#[cfg(test)]
pub(crate) mod made {
    use std::net::{IpAddr, SocketAddr};

    use etherparse::{IpNumber, Ipv4Header, Ipv6FlowLabel, Ipv6Header};

    use super::checksum;

    const HOPS: u8 = 64;
    /// Where the checksum lies in a TCP header (RFC 9293, section 3.1).
    const CHECKSUM_AT: std::ops::Range<usize> = 16..18;

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
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::net::{IpAddr, SocketAddr};

    use super::made::{finish, header_octets};
    use super::read;

    /// SYNs of Linux 6.18, as forwarded; tcpdump calls their checksums correct.
    #[rustfmt::skip]
    const SYN_V4: [u8; 60] = [
        0x45, 0x00, 0x00, 0x3c, 0xbd, 0x06, 0x40, 0x00, 0x3f, 0x06, 0x67, 0x18, 0x0a, 0x4d, 0x02, 0x02,
        0x0a, 0x4d, 0x01, 0x02, 0xa3, 0xfc, 0x1e, 0x61, 0x98, 0xec, 0x62, 0x9d, 0x00, 0x00, 0x00, 0x00,
        0xa0, 0x02, 0xfa, 0xf0, 0xdd, 0xae, 0x00, 0x00, 0x02, 0x04, 0x05, 0xb4, 0x04, 0x02, 0x08, 0x0a,
        0x54, 0xfb, 0x44, 0xdd, 0x00, 0x00, 0x00, 0x00, 0x01, 0x03, 0x03, 0x0a,
    ];
    #[rustfmt::skip]
    const SYN_V6: [u8; 80] = [
        0x60, 0x04, 0x79, 0x68, 0x00, 0x28, 0x06, 0x3f, 0xfd, 0x77, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xfd, 0x77, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xad, 0x1e, 0x1e, 0x61, 0xba, 0x66, 0xd2, 0x5b,
        0x00, 0x00, 0x00, 0x00, 0xa0, 0x02, 0xfc, 0x94, 0xc4, 0xef, 0x00, 0x00, 0x02, 0x04, 0x04, 0xc4,
        0x04, 0x02, 0x08, 0x0a, 0x7c, 0x18, 0xb8, 0x17, 0x00, 0x00, 0x00, 0x00, 0x01, 0x03, 0x03, 0x0a,
    ];

    #[test]
    fn a_changed_octet_breaks_the_checksum() {
        for syn in [&SYN_V4[..], &SYN_V6[..]] {
            let found = read(syn).unwrap();
            assert!(found.is_sound);
            assert_eq!(found.segment.len(), 40);
            let mut broken = syn.to_vec();
            broken[syn.len() - 1] ^= 4;
            assert!(!read(&broken).unwrap().is_sound);
        }
    }

    #[test]
    fn the_same_segment_gets_the_same_checksum() {
        let ports = |from: &str, to: &str| -> (SocketAddr, SocketAddr) {
            let [from, to]: [IpAddr; 2] = [from.parse().unwrap(), to.parse().unwrap()];
            (SocketAddr::new(from, 1), SocketAddr::new(to, 1))
        };
        for (syn, (from, to)) in
            [(&SYN_V4[..], ports("10.77.2.2", "10.77.1.2")), (&SYN_V6[..], ports("fd77:2::2", "fd77:1::2"))]
        {
            let at = header_octets(to.ip());
            let mut packet = syn.to_vec();
            packet[..at].fill(0);
            packet[at + 16..at + 18].fill(0xff);
            assert_eq!(finish(from, to, &mut packet, 40), Some(syn.len()));
            assert_eq!(packet[at..], syn[at..]);
            let found = read(&packet).unwrap();
            assert_eq!((found.from, found.to, found.is_sound), (from.ip(), to.ip(), true));
        }
    }
}
