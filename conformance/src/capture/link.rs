//! From the link header to the IP header.

use etherparse::{EtherType, ether_type};
use pcap_file::Endianness;

use super::fields::u16_at;

/// Tags (802.1Q, 802.1ad, PPPoE, SNAP) passed over between the link header and IP, at most.
const TAGS_MAX: usize = 8;
const PPPOE_SESSION: u16 = 0x8864;
const PPP_IPV4: u16 = 0x0021;
const PPP_IPV6: u16 = 0x0057;
/// Below this the field after the Ethernet addresses is a length (IEEE 802.3), not a type.
const ETHER_TYPE_MIN: u16 = 0x0600;
const SNAP_HEAD: [u8; 6] = [0xaa, 0xaa, 0x03, 0x00, 0x00, 0x00];

/// Link types by their numbers in tcpdump.org's list of LINKTYPE values.
mod link_type {
    pub(super) const NULL: u16 = 0;
    pub(super) const ETHERNET: u16 = 1;
    pub(super) const PPP: u16 = 9;
    pub(super) const RAW_BSD: u16 = 12;
    pub(super) const RAW_OPENBSD: u16 = 14;
    pub(super) const PPP_HDLC: u16 = 50;
    pub(super) const PPP_ETHER: u16 = 51;
    pub(super) const RAW: u16 = 101;
    pub(super) const LOOP: u16 = 108;
    pub(super) const LINUX_SLL: u16 = 113;
    pub(super) const IPV4: u16 = 228;
    pub(super) const IPV6: u16 = 229;
    pub(super) const LINUX_SLL2: u16 = 276;
}

/// What lies behind the link header.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Behind<'a> {
    /// An IP packet, of the version its first four bits say.
    Ip(&'a [u8]),
    /// Something else, or nothing.
    Other,
    /// A link type that is not known here.
    UnknownLinkType,
}

/// Finds the IP packet in a captured packet.
pub(super) fn behind_link(number: u16, octets: &[u8]) -> Behind<'_> {
    let found = match number {
        link_type::ETHERNET => octets.get(12..).and_then(behind_type_field),
        link_type::RAW | link_type::RAW_BSD | link_type::RAW_OPENBSD => Some(octets),
        link_type::IPV4 | link_type::IPV6 => Some(octets),
        link_type::NULL | link_type::LOOP => behind_family(octets),
        link_type::LINUX_SLL => {
            be16(octets, 14).zip(octets.get(16..)).and_then(|(kind, rest)| behind_type(kind, rest))
        }
        link_type::LINUX_SLL2 => {
            be16(octets, 0).zip(octets.get(20..)).and_then(|(kind, rest)| behind_type(kind, rest))
        }
        link_type::PPP | link_type::PPP_HDLC => behind_ppp(octets),
        link_type::PPP_ETHER => octets.get(6..).and_then(behind_ppp),
        _ => return Behind::UnknownLinkType,
    };
    found.map_or(Behind::Other, Behind::Ip)
}

/// The address family in front (2 for IPv4, 10, 24, 28 or 30 for IPv6), in either byte order: the header does not say
/// whose machine it was. LINKTYPE_LOOP is always in network order and falls under the same reading.
fn behind_family(octets: &[u8]) -> Option<&[u8]> {
    let (family, rest) = octets.split_first_chunk::<4>()?;
    let family = u32::from_be_bytes(*family).min(u32::from_le_bytes(*family));
    matches!(family, 2 | 10 | 24 | 28 | 30).then_some(rest)
}

/// `octets` begins with a type field.
fn behind_type_field(octets: &[u8]) -> Option<&[u8]> {
    behind_type(be16(octets, 0)?, octets.get(2..)?)
}

fn behind_type(mut kind: u16, mut rest: &[u8]) -> Option<&[u8]> {
    for _ in 0..TAGS_MAX {
        match EtherType(kind) {
            ether_type::IPV4 | ether_type::IPV6 => return Some(rest),
            ether_type::VLAN_TAGGED_FRAME
            | ether_type::PROVIDER_BRIDGING
            | ether_type::VLAN_DOUBLE_TAGGED_FRAME => {
                kind = be16(rest, 2)?;
                rest = rest.get(4..)?;
            }
            EtherType(PPPOE_SESSION) => return behind_ppp(rest.get(6..)?),
            EtherType(length) if length < ETHER_TYPE_MIN => {
                rest = rest.strip_prefix(&SNAP_HEAD)?;
                kind = be16(rest, 0)?;
                rest = rest.get(2..)?;
            }
            _ => return None,
        }
    }
    None
}

/// PPP, with or without address and control, with the protocol in two octets or compressed to one (RFC 1661, 6.5).
fn behind_ppp(octets: &[u8]) -> Option<&[u8]> {
    let octets = octets.strip_prefix(&[0xff, 0x03]).unwrap_or(octets);
    if let Some(PPP_IPV4 | PPP_IPV6) = be16(octets, 0) {
        return octets.get(2..);
    }
    let (first, rest) = octets.split_first()?;
    matches!(u16::from(*first), PPP_IPV4 | PPP_IPV6).then_some(rest)
}

fn be16(octets: &[u8], at: usize) -> Option<u16> {
    u16_at(octets, at, Endianness::Big)
}

#[cfg(test)]
mod tests {
    use super::{Behind, behind_link};

    const IP: [u8; 3] = [0x45, 0, 0];

    fn with_ip(head: &[u8]) -> Vec<u8> {
        [head, &IP].concat()
    }

    /// Headers by hand from tcpdump.org's descriptions of the link types, IEEE 802.1Q and RFC 2516.
    #[test]
    fn ip_is_found_behind_every_known_link_header() {
        let ethernet = [[0xee; 12].as_slice(), &[0x08, 0x00]].concat();
        let vlan = [[0xee; 12].as_slice(), &[0x81, 0x00, 0x00, 0x07, 0x08, 0x00]].concat();
        let qinq = [[0xee; 12].as_slice(), &[0x88, 0xa8, 0, 7, 0x81, 0, 0, 8, 0x86, 0xdd]].concat();
        let pppoe = [[0xee; 12].as_slice(), &[0x88, 0x64, 0x11, 0, 0, 1, 0, 5, 0x00, 0x21]].concat();
        let snap = [[0xee; 12].as_slice(), &[0, 11, 0xaa, 0xaa, 3, 0, 0, 0, 0x08, 0x00]].concat();
        let sll = [[0; 14].as_slice(), &[0x08, 0x00]].concat();
        let sll2 = [[0x86, 0xdd].as_slice(), &[0; 18]].concat();
        let heads: [(u16, &[u8]); 14] = [
            (1, &ethernet),
            (1, &vlan),
            (1, &qinq),
            (1, &pppoe),
            (1, &snap),
            (0, &[2, 0, 0, 0]),
            (0, &[0, 0, 0, 30]),
            (108, &[0, 0, 0, 2]),
            (113, &sll),
            (276, &sll2),
            (9, &[0xff, 0x03, 0x00, 0x21]),
            (50, &[0x57]),
            (101, &[]),
            (228, &[]),
        ];
        for (link_type, head) in heads {
            assert_eq!(
                behind_link(link_type, &with_ip(head)),
                Behind::Ip(&IP),
                "link type {link_type} {head:x?}"
            );
        }
        assert_eq!(behind_link(147, &IP), Behind::UnknownLinkType);
        assert_eq!(behind_link(1, &[0; 13]), Behind::Other);
    }
}
