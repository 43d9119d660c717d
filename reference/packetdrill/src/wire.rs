//! IP packets around TCP segments and in ICMP errors: read and written as octets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nom::Parser;
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16, be_u32};

/// Protocol number of TCP.
pub const PROTOCOL_TCP: u8 = 6;
/// Protocol number of ICMP.
pub const PROTOCOL_ICMP: u8 = 1;
/// Next header of `ICMPv6`.
pub const PROTOCOL_ICMPV6: u8 = 58;
/// Where the checksum lies in a TCP header.
const TCP_CHECKSUM_AT: usize = 16;
const IPV4_HEADER_OCTETS: u16 = 20;
const HOP_LIMIT: u8 = 64;
/// Don't Fragment (RFC 791).
const DONT_FRAGMENT: u16 = 0x4000;

type Read<'a, T> = nom::IResult<&'a [u8], T, nom::error::Error<&'a [u8]>>;

/// An IP packet, taken apart as far as its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Where it comes from.
    pub source: IpAddr,
    /// Where it goes.
    pub destination: IpAddr,
    /// Type of service or traffic class, the codepoint of RFC 3168 included.
    pub traffic_class: u8,
    /// Time to live or hop limit.
    pub hop_limit: u8,
    /// Protocol of the payload.
    pub protocol: u8,
    /// What it carries.
    pub payload: &'a [u8],
}

/// Why octets are no IP packet that this stack takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PacketError {
    /// Fewer octets than the header or its length field promise.
    #[error("IP packet of {found_octets} octets: shorter than it says")]
    Truncated {
        /// Octets there are.
        found_octets: usize,
    },
    /// Neither version 4 nor version 6.
    #[error("IP version {found}: expected 4 or 6")]
    Version {
        /// The version field.
        found: u8,
    },
    /// The header's or the segment's checksum is wrong.
    #[error("wrong checksum in {layer}")]
    Checksum {
        /// `IP` or `TCP`.
        layer: &'static str,
    },
    /// A fragment: nothing here puts them together.
    #[error("IP fragment")]
    Fragment,
}

impl<'a> Packet<'a> {
    /// Reads a packet and verifies the checksums of IPv4 and TCP.
    ///
    /// # Errors
    ///
    /// A [`PacketError`].
    pub fn parse(octets: &'a [u8]) -> Result<Self, PacketError> {
        let truncated = PacketError::Truncated { found_octets: octets.len() };
        let packet = match octets.first().map(|first| first >> 4) {
            Some(4) => Self::parse_v4(octets, truncated)?,
            Some(6) => v6(octets).map(|(_, packet)| packet).map_err(|_| truncated)?,
            Some(found) => return Err(PacketError::Version { found }),
            None => return Err(truncated),
        };
        if packet.protocol == PROTOCOL_TCP && sum(packet.pseudo_sum(), packet.payload) != 0xffff {
            return Err(PacketError::Checksum { layer: "TCP" });
        }
        Ok(packet)
    }

    fn parse_v4(octets: &'a [u8], truncated: PacketError) -> Result<Self, PacketError> {
        let (_, (packet, header, fragment)) = v4(octets).map_err(|_| truncated)?;
        if sum(0, header) != 0xffff {
            return Err(PacketError::Checksum { layer: "IP" });
        }
        // More fragments, or an offset.
        if fragment & 0x3fff != 0 {
            return Err(PacketError::Fragment);
        }
        Ok(packet)
    }

    fn pseudo_sum(&self) -> u32 {
        pseudo_sum(self.source, self.destination, self.protocol, self.payload.len())
    }
}

fn v4(input: &[u8]) -> Read<'_, (Packet<'_>, &[u8], u16)> {
    let whole = input;
    let (input, (first, traffic_class, total, _id, fragment)) =
        (be_u8, be_u8, be_u16, be_u16, be_u16).parse(input)?;
    let (input, (hop_limit, protocol, _checksum, source, destination)) =
        (be_u8, be_u8, be_u16, be_u32, be_u32).parse(input)?;
    let header_octets = usize::from(first & 0xf) * 4;
    let (input, _options) = take(header_octets.saturating_sub(usize::from(IPV4_HEADER_OCTETS)))(input)?;
    let (rest, payload) = take(usize::from(total).saturating_sub(header_octets))(input)?;
    let packet = Packet {
        source: Ipv4Addr::from_bits(source).into(),
        destination: Ipv4Addr::from_bits(destination).into(),
        traffic_class,
        hop_limit,
        protocol,
        payload,
    };
    Ok((rest, (packet, &whole[..header_octets.max(usize::from(IPV4_HEADER_OCTETS))], fragment)))
}

fn v6(input: &[u8]) -> Read<'_, Packet<'_>> {
    let (input, (first, payload_octets, protocol, hop_limit)) =
        (be_u32, be_u16, be_u8, be_u8).parse(input)?;
    let (input, (source, destination)) =
        (nom::number::complete::be_u128, nom::number::complete::be_u128).parse(input)?;
    let (rest, payload) = take(payload_octets)(input)?;
    let traffic_class = u8::try_from((first >> 20) & 0xff).unwrap_or(0);
    Ok((
        rest,
        Packet {
            source: Ipv6Addr::from_bits(source).into(),
            destination: Ipv6Addr::from_bits(destination).into(),
            traffic_class,
            hop_limit,
            protocol,
            payload,
        },
    ))
}

/// The sum of RFC 1071 of `octets`, begun with `initial`, folded.
fn sum(initial: u32, octets: &[u8]) -> u16 {
    let mut total = u64::from(initial);
    let mut words = octets.chunks_exact(2);
    for word in &mut words {
        total += u64::from(u16::from_be_bytes([word[0], word[1]]));
    }
    if let [last] = words.remainder() {
        total += u64::from(u16::from_be_bytes([*last, 0]));
    }
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    u16::try_from(total).unwrap_or(u16::MAX)
}

fn pseudo_sum(source: IpAddr, destination: IpAddr, protocol: u8, len_octets: usize) -> u32 {
    let addresses = match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            u32::from(sum(0, &source.octets())) + u32::from(sum(0, &destination.octets()))
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            u32::from(sum(0, &source.octets())) + u32::from(sum(0, &destination.octets()))
        }
        _ => 0,
    };
    addresses + u32::from(protocol) + u32::try_from(len_octets).unwrap_or(0)
}

/// Wraps `payload` for its way from `source` to `destination`, both of one family; a TCP checksum is written into it.
#[must_use]
pub fn emit(source: IpAddr, destination: IpAddr, traffic_class: u8, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut payload = payload.to_vec();
    if protocol == PROTOCOL_TCP && payload.len() >= TCP_CHECKSUM_AT + 2 {
        payload[TCP_CHECKSUM_AT..TCP_CHECKSUM_AT + 2].fill(0);
        let checksum = !sum(pseudo_sum(source, destination, protocol, payload.len()), &payload);
        payload[TCP_CHECKSUM_AT..TCP_CHECKSUM_AT + 2].copy_from_slice(&checksum.to_be_bytes());
    }
    let len_octets = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    let mut octets = match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let mut header = vec![0x45, traffic_class];
            header.extend((IPV4_HEADER_OCTETS.saturating_add(len_octets)).to_be_bytes());
            header.extend([0, 0]);
            header.extend(DONT_FRAGMENT.to_be_bytes());
            header.extend([HOP_LIMIT, protocol, 0, 0]);
            header.extend(source.octets());
            header.extend(destination.octets());
            let checksum = !sum(0, &header);
            header[10..12].copy_from_slice(&checksum.to_be_bytes());
            header
        }
        (source, destination) => {
            let (source, destination) = (to_v6(source), to_v6(destination));
            let first = 0x6000_0000 | u32::from(traffic_class) << 20;
            let mut header = first.to_be_bytes().to_vec();
            header.extend(len_octets.to_be_bytes());
            header.extend([protocol, HOP_LIMIT]);
            header.extend(source.octets());
            header.extend(destination.octets());
            header
        }
    };
    octets.append(&mut payload);
    octets
}

fn to_v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// An ICMP error that quotes a TCP segment (RFC 792; RFC 4443).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IcmpError {
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// The second word: of Fragmentation Needed the MTU in its low half, of Packet Too Big the MTU.
    pub word: u32,
    /// Source of the quoted packet: an address of this end.
    pub source: IpAddr,
    /// Destination of the quoted packet.
    pub destination: IpAddr,
    /// Source port of the quoted segment.
    pub source_port: u16,
    /// Destination port of the quoted segment.
    pub destination_port: u16,
    /// Sequence number of the quoted segment.
    pub seq: u32,
}

impl IcmpError {
    /// Reads an ICMP message; `None` unless it quotes at least 8 octets of a TCP segment.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let read: Read<'_, (u8, u8, u16, u32)> = (be_u8, be_u8, be_u16, be_u32).parse(payload);
        let (quoted, (kind, code, _checksum, word)) = read.ok()?;
        // The quoted packet is cut, so its length field and its checksum do not count.
        let version = quoted.first()? >> 4;
        let (source, destination, protocol, segment): (IpAddr, IpAddr, u8, &[u8]) = match version {
            4 => {
                let header_octets = usize::from(quoted.first()? & 0xf) * 4;
                let source: [u8; 4] = quoted.get(12..16)?.try_into().ok()?;
                let destination: [u8; 4] = quoted.get(16..20)?.try_into().ok()?;
                (source.into(), destination.into(), *quoted.get(9)?, quoted.get(header_octets..)?)
            }
            6 => {
                let source: [u8; 16] = quoted.get(8..24)?.try_into().ok()?;
                let destination: [u8; 16] = quoted.get(24..40)?.try_into().ok()?;
                (source.into(), destination.into(), *quoted.get(6)?, quoted.get(40..)?)
            }
            _ => return None,
        };
        let read: Read<'_, (u16, u16, u32)> = (be_u16, be_u16, be_u32).parse(segment);
        let (_, (source_port, destination_port, seq)) = read.ok()?;
        (protocol == PROTOCOL_TCP).then_some(Self {
            kind,
            code,
            word,
            source,
            destination,
            source_port,
            destination_port,
            seq,
        })
    }

    /// Writes an ICMP error that quotes `packet` so far as the first 8 octets of its payload.
    #[must_use]
    pub fn emit(kind: u8, code: u8, word: u32, packet: &[u8]) -> Vec<u8> {
        let header_octets = if packet.first().is_some_and(|first| first >> 4 == 6) { 40 } else { 20 };
        let mut message = vec![kind, code, 0, 0];
        message.extend(word.to_be_bytes());
        message.extend(packet.iter().take(header_octets + 8));
        let checksum = !sum(0, &message);
        message[2..4].copy_from_slice(&checksum.to_be_bytes());
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sum_of_rfc_1071() {
        // RFC 1071, section 3: 00 01 f2 03 f4 f5 f6 f7 sums to ddf2.
        assert_eq!(sum(0, &[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), 0xddf2);
    }

    #[test]
    fn emit_and_parse_mirror_each_other() {
        let segment = [0u8; 20];
        let addresses: [(IpAddr, IpAddr); 2] = [
            (Ipv4Addr::new(192, 0, 2, 1).into(), Ipv4Addr::new(192, 0, 2, 2).into()),
            (Ipv6Addr::LOCALHOST.into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into()),
        ];
        for (source, destination) in addresses {
            let octets = emit(source, destination, 0xa3, PROTOCOL_TCP, &segment);
            let packet = Packet::parse(&octets).unwrap();
            assert_eq!((packet.source, packet.destination), (source, destination));
            assert_eq!((packet.traffic_class, packet.payload.len()), (0xa3, 20));
            let mut broken = octets.clone();
            *broken.last_mut().unwrap() ^= 1;
            assert_eq!(Packet::parse(&broken), Err(PacketError::Checksum { layer: "TCP" }));
            for cut in 0..octets.len() {
                assert!(Packet::parse(&octets[..cut]).is_err());
            }
        }
    }
}
