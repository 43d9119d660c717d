//! From the IP header to the TCP segment.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use etherparse::{IpNumber, LaxIpSlice, ip_number};
use hiatus_codec::{Segment as TcpSegment, SegmentError};

use super::fields::as_u64;
use super::link::{Behind, behind_link};

/// IP headers inside IP passed over, at most.
const TUNNELS_MAX: usize = 4;
const TCP_FIXED_OCTETS: usize = 20;
const IPV6_HEADER_OCTETS: u64 = 40;

/// An end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// IPv6, or IPv4 mapped into it (RFC 4291, section 2.5.5.2): one width for both.
    octets: [u8; 16],
    /// TCP port.
    pub port: u16,
}

impl Endpoint {
    /// From address and port.
    #[must_use]
    pub fn new(address: IpAddr, port: u16) -> Self {
        let octets = match address {
            IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
            IpAddr::V6(address) => address.octets(),
        };
        Self { octets, port }
    }

    /// The address as 16 octets, IPv4 mapped into IPv6.
    pub(super) fn octets(&self) -> [u8; 16] {
        self.octets
    }

    /// The address, IPv4 where it is a mapped one.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        Ipv6Addr::from(self.octets).to_canonical()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address() {
            IpAddr::V4(address) => write!(f, "{address}:{}", self.port),
            IpAddr::V6(address) => write!(f, "[{address}]:{}", self.port),
        }
    }
}

/// A TCP segment as captured.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Who sent it.
    pub source: Endpoint,
    /// To whom.
    pub destination: Endpoint,
    /// Header, option octets and data. Options and data may be cut short: see the two fields below.
    pub tcp: TcpSegment<'a>,
    /// Octets of the TCP header, 20 to 60, by its Data Offset.
    pub header_octets: u8,
    /// Octets of data it had on the wire, by the lengths in its headers.
    pub data_octets: u32,
}

impl Segment<'_> {
    /// True if the capture cut its options short.
    #[must_use]
    pub fn has_cut_options(&self) -> bool {
        usize::from(self.header_octets) > TCP_FIXED_OCTETS + self.tcp.options.len()
    }

    /// True if all its data was captured.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        u64::from(self.data_octets) == as_u64(self.tcp.payload.len())
    }
}

/// Why a packet holds no TCP segment to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotTcp {
    /// The link type is not known here.
    UnknownLinkType,
    /// No IP packet behind the link header.
    NotIp,
    /// Another protocol over IP.
    OtherProtocol,
    /// A fragment other than the first.
    LaterFragment,
    /// The capture was cut before the end of the IP or the fixed TCP header.
    Cut,
    /// A header that every receiver discards: IP Total Length below the IP header's own (0 is what a capture before
    /// segmentation offload shows), Data Offset below five or beyond the end of the packet.
    BadHeader,
}

/// What a captured packet holds.
#[derive(Clone, Copy, Debug)]
pub enum Found<'a> {
    /// A TCP segment.
    Segment(Segment<'a>),
    /// Something else.
    Other(NotTcp),
}

/// Finds the TCP segment in the packet `octets` of link type `link_type`.
#[must_use]
pub fn find_segment(link_type: u16, octets: &[u8]) -> Found<'_> {
    let mut packet = match behind_link(link_type, octets) {
        Behind::Ip(packet) => packet,
        Behind::Other => return Found::Other(NotTcp::NotIp),
        Behind::UnknownLinkType => return Found::Other(NotTcp::UnknownLinkType),
    };
    for _ in 0..TUNNELS_MAX {
        match behind_ip(packet) {
            Ok(Inside::Tcp(tcp)) => return tcp.segment().map_or_else(Found::Other, Found::Segment),
            Ok(Inside::Ip(inner)) => packet = inner,
            Err(reason) => return Found::Other(reason),
        }
    }
    Found::Other(NotTcp::OtherProtocol)
}

enum Inside<'a> {
    Ip(&'a [u8]),
    Tcp(TcpOctets<'a>),
}

struct TcpOctets<'a> {
    source: IpAddr,
    destination: IpAddr,
    octets: &'a [u8],
    /// Octets of header and data on the wire.
    wire_octets: u64,
    cut: bool,
}

fn behind_ip(packet: &[u8]) -> Result<Inside<'_>, NotTcp> {
    let (ip, _) = LaxIpSlice::from_slice(packet).map_err(|_| match packet.first() {
        Some(first) if !matches!(first >> 4, 4 | 6) => NotTcp::NotIp,
        _ => NotTcp::Cut,
    })?;
    if let LaxIpSlice::Ipv4(slice) = &ip
        && (1..slice.header().slice().len()).contains(&usize::from(slice.header().total_len()))
    {
        return Err(NotTcp::BadHeader);
    }
    // `LaxIpSlice` gives what its parts borrow the lifetime of `ip`; the payload itself keeps that of the packet.
    let payload = ip.payload().clone();
    if payload.fragmented && !is_first_fragment(&ip) {
        return Err(NotTcp::LaterFragment);
    }
    match payload.ip_number {
        ip_number::IPV4 | ip_number::IPV6 => Ok(Inside::Ip(payload.payload)),
        ip_number::TCP => Ok(Inside::Tcp(TcpOctets {
            source: ip.source_addr(),
            destination: ip.destination_addr(),
            octets: payload.payload,
            wire_octets: wire_octets(&ip, packet, &payload),
            cut: payload.incomplete || payload.fragmented,
        })),
        IpNumber(_) => Err(NotTcp::OtherProtocol),
    }
}

fn is_first_fragment(ip: &LaxIpSlice<'_>) -> bool {
    match ip {
        LaxIpSlice::Ipv4(slice) => slice.header().fragments_offset().value() == 0,
        LaxIpSlice::Ipv6(slice) => slice.extensions().clone().into_iter().all(|extension| match extension {
            etherparse::Ipv6ExtensionSlice::Fragment(fragment) => fragment.fragment_offset().value() == 0,
            _ => true,
        }),
    }
}

/// Octets behind the IP headers on the wire: all of them where the capture kept all, else by the IP length field.
fn wire_octets(ip: &LaxIpSlice<'_>, packet: &[u8], payload: &etherparse::LaxIpPayloadSlice<'_>) -> u64 {
    let captured = as_u64(payload.payload.len());
    if !payload.incomplete {
        return captured;
    }
    let declared = match ip {
        LaxIpSlice::Ipv4(slice) => u64::from(slice.header().total_len()),
        LaxIpSlice::Ipv6(slice) => IPV6_HEADER_OCTETS + u64::from(slice.header().payload_length()),
    };
    let headers = as_u64(packet.len()).saturating_sub(captured);
    declared.saturating_sub(headers).max(captured)
}

impl<'a> TcpOctets<'a> {
    fn segment(&self) -> Result<Segment<'a>, NotTcp> {
        let (tcp, header_octets) = match TcpSegment::parse(self.octets) {
            Ok(tcp) => (tcp, TCP_FIXED_OCTETS + tcp.options.len()),
            Err(SegmentError::OptionsTruncated { expected_octets, .. })
                if self.cut && as_u64(expected_octets) <= self.wire_octets =>
            {
                (self.cut_in_options()?, expected_octets)
            }
            Err(SegmentError::HeaderTruncated { .. }) if self.cut => return Err(NotTcp::Cut),
            Err(_) => return Err(NotTcp::BadHeader),
        };
        let data_octets = self.wire_octets.saturating_sub(as_u64(header_octets));
        Ok(Segment {
            source: Endpoint::new(self.source, tcp.source_port),
            destination: Endpoint::new(self.destination, tcp.destination_port),
            tcp,
            header_octets: u8::try_from(header_octets).unwrap_or(u8::MAX),
            data_octets: u32::try_from(data_octets).unwrap_or(u32::MAX),
        })
    }

    /// The fixed header, and as many option octets as the capture kept.
    fn cut_in_options(&self) -> Result<TcpSegment<'a>, NotTcp> {
        const DATA_OFFSET_AT: usize = 12;
        const FIVE_WORDS: u8 = 5 << 4;
        let (fixed, options) = self.octets.split_first_chunk::<TCP_FIXED_OCTETS>().ok_or(NotTcp::Cut)?;
        let mut fixed = *fixed;
        fixed[DATA_OFFSET_AT] = FIVE_WORDS | (fixed[DATA_OFFSET_AT] & 0x0f);
        let header = TcpSegment::parse(&fixed).map_err(|_| NotTcp::BadHeader)?;
        Ok(TcpSegment { options, payload: &[], ..header })
    }
}

#[cfg(test)]
mod tests {
    use super::{Found, NotTcp, find_segment};

    /// 10.0.0.1:80 > 10.0.0.2:1234, seq 5, ack 9, ACK, window 7, NOP NOP Timestamps, 3 octets of data, by hand.
    const PACKET: [u8; 55] = [
        0x45, 0, 0, 55, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, //
        0, 80, 4, 210, 0, 0, 0, 5, 0, 0, 0, 9, 0x80, 0x10, 0, 7, 0, 0, 0, 0, //
        1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, b'a', b'b', b'c',
    ];

    fn reason(octets: &[u8]) -> Option<NotTcp> {
        match find_segment(101, octets) {
            Found::Segment(_) => None,
            Found::Other(reason) => Some(reason),
        }
    }

    #[test]
    fn a_whole_packet_and_one_cut_anywhere() {
        let Found::Segment(segment) = find_segment(101, &PACKET) else { panic!("no segment") };
        assert_eq!(segment.source.to_string(), "10.0.0.1:80");
        assert_eq!((segment.data_octets, segment.is_whole(), segment.header_octets), (3, true, 32));
        for length in 40..55 {
            let Found::Segment(cut) = find_segment(101, &PACKET[..length]) else {
                panic!("no segment at {length}")
            };
            assert_eq!((cut.data_octets, cut.is_whole(), cut.header_octets), (3, false, 32));
            assert_eq!(cut.tcp.options, &PACKET[40..length.min(52)]);
            assert_eq!(cut.tcp.seq.0, 5);
        }
        for length in 0..40 {
            let expected =
                if length == 0 { NotTcp::Cut } else { reason(&PACKET[..length]).expect("no segment") };
            assert!(matches!(expected, NotTcp::Cut), "{length}: {expected:?}");
        }
    }

    #[test]
    fn fragments_and_broken_headers_have_names() {
        let mut later = PACKET;
        later[7] = 1;
        assert_eq!(reason(&later), Some(NotTcp::LaterFragment));
        let mut first = PACKET;
        first[6] = 0x20;
        assert_eq!(reason(&first), None);
        let mut low = PACKET;
        low[32] = 0x40;
        assert_eq!(reason(&low), Some(NotTcp::BadHeader));
        let mut beyond = PACKET;
        beyond[32] = 0xf0;
        assert_eq!(reason(&beyond), Some(NotTcp::BadHeader));
        let mut short = PACKET;
        short[3] = 19;
        assert_eq!(reason(&short), Some(NotTcp::BadHeader));
        let mut offloaded = PACKET;
        offloaded[3] = 0;
        assert_eq!(reason(&offloaded), None);
        let mut udp = PACKET;
        udp[9] = 17;
        assert_eq!(reason(&udp), Some(NotTcp::OtherProtocol));
        assert_eq!(reason(&[0x15; 30]), Some(NotTcp::NotIp));
    }
}
