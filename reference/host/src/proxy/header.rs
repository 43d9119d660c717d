//! The header of the PROXY protocol, version 2, with which a far leg to a peer proxy begins.

use std::net::SocketAddr;

use ppp::v2::{Addresses, Builder, Command, Header, IPv4, IPv6, ParseError, Protocol, Version};

/// Octets of the header that say how long it is.
const FIXED_OCTETS: usize = 16;
/// Octets of a header at most: ours have 52 and no extension; haproxy's are rarely above.
const HEADER_OCTETS_MAX: usize = 4096;

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    /// Octets that the header has.
    pub(crate) len_octets: usize,
}

/// What has come so far.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Too little to tell.
    Part,
    /// A header.
    Whole(Asked),
    /// Something else.
    Mistake(String),
}

/// The octets of a header. Addresses of two families are both told as IPv6.
pub(crate) fn written(source: SocketAddr, destination: SocketAddr) -> Vec<u8> {
    let addresses: Addresses = match (source, destination) {
        (SocketAddr::V4(from), SocketAddr::V4(to)) => {
            IPv4::new(*from.ip(), *to.ip(), from.port(), to.port()).into()
        }
        _ => IPv6::new(mapped(source), mapped(destination), source.port(), destination.port()).into(),
    };
    let builder = Builder::with_addresses(Version::Two | Command::Proxy, Protocol::Stream, addresses);
    // It fails for lengths above 65,535 only.
    builder.build().unwrap_or_default()
}

fn mapped(address: SocketAddr) -> std::net::Ipv6Addr {
    match address {
        SocketAddr::V4(v4) => v4.ip().to_ipv6_mapped(),
        SocketAddr::V6(v6) => *v6.ip(),
    }
}

/// Reads the header at the start of `octets`.
pub(crate) fn parse(octets: &[u8]) -> Found {
    let header = match Header::try_from(octets) {
        Ok(header) => header,
        Err(ParseError::Incomplete(_) | ParseError::Partial(..)) if octets.len() < HEADER_OCTETS_MAX => {
            return Found::Part;
        }
        Err(error) => return Found::Mistake(error.to_string()),
    };
    if header.command != Command::Proxy || header.protocol != Protocol::Stream {
        return Found::Mistake("it names no connection of TCP".to_owned());
    }
    let (source, destination) = match header.addresses {
        Addresses::IPv4(IPv4 { source_address, source_port, destination_address, destination_port }) => {
            ((source_address, source_port).into(), (destination_address, destination_port).into())
        }
        Addresses::IPv6(IPv6 { source_address, source_port, destination_address, destination_port }) => (
            (source_address.to_canonical(), source_port).into(),
            (destination_address.to_canonical(), destination_port).into(),
        ),
        _ => return Found::Mistake("its addresses are not of IP".to_owned()),
    };
    Found::Whole(Asked { source, destination, len_octets: FIXED_OCTETS + header.length() })
}

#[cfg(test)]
mod tests {
    use super::{Asked, Found, parse, written};

    /// haproxy's proxy-protocol.txt, section 2.2: the signature; 0x21 is version 2 and PROXY; 0x11 is TCP over IPv4; then 12
    /// octets of addresses and ports in network order.
    const V4: &[u8] = b"\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a\x21\x11\x00\x0c\
        \x0a\x09\x00\x01\x0a\x09\x00\x02\xc3\x50\x00\x50";

    #[test]
    fn a_header_is_as_the_specification_lays_it_out() {
        let (source, destination) = ("10.9.0.1:50000".parse().unwrap(), "10.9.0.2:80".parse().unwrap());
        assert_eq!(written(source, destination), V4);
        let followed: Vec<u8> = [V4, b"GET /"].concat();
        assert_eq!(parse(&followed), Found::Whole(Asked { source, destination, len_octets: 28 }));
        for len in 0..V4.len() {
            assert_eq!(parse(&V4[..len]), Found::Part, "{len} octets");
        }
    }

    #[test]
    fn ipv6_and_what_comes_after_the_addresses() {
        // 0x21: TCP over IPv6, 36 octets of addresses; then a TLV of type 0x04 (PP2_TYPE_NOOP) with one octet.
        let mut octets = V4[..13].to_vec();
        octets.extend([0x21, 0x00, 40]);
        octets.extend([0xfd, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        octets.extend([0xfd, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
        octets.extend([0xc3, 0x50, 0x01, 0xbb, 0x04, 0x00, 0x01, 0x00]);
        let expected = Asked {
            source: "[fd09::1]:50000".parse().unwrap(),
            destination: "[fd09::2]:443".parse().unwrap(),
            len_octets: 16 + 40,
        };
        assert_eq!(parse(&octets), Found::Whole(expected));
    }

    #[test]
    fn what_is_no_header_is_told_at_once() {
        assert!(matches!(parse(b"GET / HTTP/1.1\r\n"), Found::Mistake(_)));
        // LOCAL: a health check of a balancer, not a connection.
        let mut local = V4.to_vec();
        local[12] = 0x20;
        assert!(matches!(parse(&local), Found::Mistake(_)));
    }
}
