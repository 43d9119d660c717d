#![allow(clippy::unwrap_used, reason = "a test may panic")]

use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};

use etherparse::{IpNumber, IpSlice, TcpHeaderSlice};
use hiatus_codec::{Flags, Segment, SequenceNumber};
use quickcheck::quickcheck;

use super::{ChecksumStatus, ChecksumWriter, Envelope, Inbound, Unusable, header_octets, parse, seal};
use crate::ecn::Ecn;
use crate::endpoint::checksum::Sum;
use crate::endpoint::tuple::Tuple;
use crate::icmp::IcmpErrorKind;

fn v4() -> Tuple {
    Tuple::v4(Ipv4Addr::new(192, 0, 2, 1), 80, Ipv4Addr::new(192, 0, 2, 2), 4000)
}

fn v6() -> Tuple {
    Tuple::v6("2001:db8::1".parse().unwrap(), 80, "2001:db8::2".parse().unwrap(), 4000)
}

/// The same 4-tuple as the other end sees it.
fn reversed(tuple: &Tuple) -> Tuple {
    Tuple::new(tuple.remote(), tuple.local()).unwrap()
}

/// A packet from `tuple`'s local end, with `ecn` and `payload`.
fn packet(tuple: &Tuple, ecn: Ecn, payload: &[u8], writer: ChecksumWriter) -> Vec<u8> {
    let mut octets = alloc::vec![0xaa; header_octets(tuple) + 20 + payload.len()];
    let segment = Segment {
        source_port: tuple.local().port(),
        destination_port: tuple.remote().port(),
        seq: SequenceNumber(7),
        ack: SequenceNumber(9),
        flags: Flags::ACK,
        window: 11,
        checksum: 0,
        urgent: 0,
        options: &[],
        payload,
    };
    segment.emit(&mut octets[header_octets(tuple)..]).unwrap();
    let envelope = Envelope { mark: ecn, identification: None, writer };
    let len = seal(&mut octets, tuple, 20 + payload.len(), &envelope).unwrap();
    assert_eq!(len, octets.len());
    octets
}

quickcheck! {
    /// What is written is what another implementation reads, its checksums right.
    fn another_implementation_reads_what_is_written(payload: Vec<u8>) -> bool {
        for tuple in [v4(), v6()] {
            let octets = packet(&tuple, Ecn::Ect0, &payload, ChecksumWriter::Endpoint);
            let ip = IpSlice::from_slice(&octets).unwrap();
            assert_eq!(ip.source_addr(), tuple.local().ip());
            assert_eq!(ip.destination_addr(), tuple.remote().ip());
            assert_eq!(ip.payload_ip_number(), IpNumber::TCP);
            let tcp = TcpHeaderSlice::from_slice(ip.payload().payload).unwrap();
            let expected = match &ip {
                IpSlice::Ipv4(ip) => {
                    let header = ip.header().to_header();
                    assert_eq!(header.header_checksum, header.calc_header_checksum());
                    assert_eq!(header.ecn.value(), 2);
                    assert!(header.dont_fragment);
                    tcp.calc_checksum_ipv4_raw(header.source, header.destination, &payload).unwrap()
                }
                IpSlice::Ipv6(ip) => {
                    let header = ip.header().to_header();
                    assert_eq!(header.traffic_class, 2);
                    tcp.calc_checksum_ipv6_raw(header.source, header.destination, &payload).unwrap()
                }
            };
            assert_eq!(tcp.checksum(), expected);
        }
        true
    }

    /// What was written is read, and one bit flipped anywhere is noticed.
    fn a_flipped_bit_is_noticed(payload: Vec<u8>, at: usize, bit: u8) -> bool {
        for tuple in [v4(), v6()] {
            let mut octets = packet(&tuple, Ecn::Ect1, &payload, ChecksumWriter::Endpoint);
            match parse(&octets, ChecksumStatus::ToVerify).unwrap() {
                Inbound::Tcp { tuple: found, mark, segment } => {
                    assert_eq!(found, reversed(&tuple));
                    assert_eq!((mark, segment.seq.0, segment.payload), (Ecn::Ect1, 7, &payload[..]));
                }
                Inbound::Icmp { error, .. } => panic!("{error:?}"),
            }
            // The IPv6 header has no checksum, but the pseudo header covers addresses, length and protocol.
            let from = if tuple.is_v4() { 0 } else { 4 };
            let at = from + at % (octets.len() - from);
            if !tuple.is_v4() && at == 7 {
                continue;
            }
            octets[at] ^= 1 << (bit % 8);
            assert!(parse(&octets, ChecksumStatus::ToVerify).is_err(), "octet {at}");
        }
        true
    }

    /// No octets make it panic.
    fn nothing_panics(octets: Vec<u8>, version: bool) -> bool {
        let mut octets = octets;
        if let Some(first) = octets.first_mut() {
            *first = if version { 0x45 } else { 0x60 };
        }
        let _ = parse(&octets, ChecksumStatus::ToVerify);
        let _ = parse(&octets, ChecksumStatus::Verified);
        true
    }
}

#[test]
fn an_ipv6_packet_without_payload_has_none() {
    // RFC 8200, section 3: Payload Length. The segment behind it is not covered by the header.
    let mut octets = packet(&v6(), Ecn::NotEct, &[0; 12], ChecksumWriter::Endpoint);
    octets[4..6].fill(0);
    for status in [ChecksumStatus::ToVerify, ChecksumStatus::Verified] {
        assert!(matches!(parse(&octets, status), Err(Unusable::Malformed)));
    }
}

#[test]
fn a_packet_that_may_be_fragmented_has_an_identification() {
    let mut octets = packet(&v4(), Ecn::NotEct, b"x", ChecksumWriter::Endpoint);
    let envelope =
        Envelope { mark: Ecn::NotEct, identification: Some(0x1234), writer: ChecksumWriter::Endpoint };
    seal(&mut octets, &v4(), 21, &envelope).unwrap();
    let header = etherparse::Ipv4HeaderSlice::from_slice(&octets).unwrap().to_header();
    assert_eq!((header.identification, header.dont_fragment), (0x1234, false));
    assert!(parse(&octets, ChecksumStatus::ToVerify).is_ok());
}

#[test]
fn a_driver_finishes_the_checksum() {
    for tuple in [v4(), v6()] {
        let offloaded = packet(&tuple, Ecn::NotEct, b"hello", ChecksumWriter::Driver);
        let whole = packet(&tuple, Ecn::NotEct, b"hello", ChecksumWriter::Endpoint);
        // What a device does: it sums from the TCP header on, the field as it is, and writes the complement.
        let sum = Sum::default().add(&offloaded[header_octets(&tuple)..]);
        let at = header_octets(&tuple) + 16;
        assert_eq!(sum.field(), whole[at..at + 2]);
        assert!(parse(&offloaded, ChecksumStatus::ToVerify).is_err());
        assert!(parse(&offloaded, ChecksumStatus::Verified).is_ok());
    }
}

fn refusal(octets: &[u8]) -> Unusable {
    parse(octets, ChecksumStatus::Verified).unwrap_err()
}

#[test]
fn fragments_and_addresses_of_many_are_dropped() {
    let octets = packet(&v4(), Ecn::NotEct, b"x", ChecksumWriter::Endpoint);
    let mut more_fragments = octets.clone();
    more_fragments[6] = 0x20;
    assert_eq!(refusal(&more_fragments), Unusable::Fragment);
    let mut multicast = octets.clone();
    multicast[16] = 224;
    assert_eq!(refusal(&multicast), Unusable::NotUnicast);
    let mut broadcast = octets.clone();
    broadcast[12..16].fill(255);
    assert_eq!(refusal(&broadcast), Unusable::NotUnicast);
    let mut udp = octets.clone();
    udp[9] = 17;
    assert_eq!(refusal(&udp), Unusable::NotForTcp);
    assert_eq!(refusal(&octets[..39]), Unusable::Malformed);
}

/// An IPv6 packet with one extension header of kind `next` and these eight octets, the first of them overwritten.
fn extended(next: u8, extension: [u8; 8]) -> Vec<u8> {
    let plain = packet(&v6(), Ecn::NotEct, b"x", ChecksumWriter::Endpoint);
    let mut octets = plain[..40].to_vec();
    octets[5] += 8;
    octets[6] = next;
    octets.extend([6]);
    octets.extend(&extension[1..]);
    octets.extend(&plain[40..]);
    octets
}

#[test]
fn extension_headers_that_ask_for_nothing_are_skipped() {
    let is_read = |octets: &[u8]| parse(octets, ChecksumStatus::ToVerify).is_ok();
    // Hop-by-hop and destination options with PadN; an option of type 0x1e, to be skipped by who does not know it.
    assert!(is_read(&extended(0, [0, 0, 1, 4, 0, 0, 0, 0])));
    assert!(is_read(&extended(60, [0, 0, 0x1e, 4, 1, 2, 3, 4])));
    // 0x5e: to be discarded by who does not know it. 0x1e, longer than the header.
    assert_eq!(refusal(&extended(60, [0, 0, 0x5e, 4, 1, 2, 3, 4])), Unusable::Extension);
    assert_eq!(refusal(&extended(60, [0, 0, 0x1e, 5, 1, 2, 3, 4])), Unusable::Extension);
    // Routing: done, and not done. A fragment header of a whole packet, and of a part.
    assert!(is_read(&extended(43, [0, 0, 4, 0, 0, 0, 0, 0])));
    assert_eq!(refusal(&extended(43, [0, 0, 4, 1, 0, 0, 0, 0])), Unusable::Extension);
    assert!(is_read(&extended(44, [0, 0, 0, 0, 0, 0, 0, 1])));
    assert_eq!(refusal(&extended(44, [0, 0, 0, 1, 0, 0, 0, 1])), Unusable::Fragment);
}

/// An ICMP packet to `tuple`'s local end, from a router, quoting `quote`.
fn icmp(tuple: &Tuple, kind: u8, code: u8, rest: [u8; 4], quote: &[u8]) -> Vec<u8> {
    let mut message = alloc::vec![kind, code, 0, 0];
    message.extend(rest);
    message.extend(quote);
    let router_v6: Ipv6Addr = "2001:db8::99".parse().unwrap();
    let sum = if tuple.is_v4() {
        etherparse::checksum::u32_16bit_word::add_slice(0, &message)
    } else {
        let sum = etherparse::checksum::u32_16bit_word::add_slice(0, &tuple.addresses()[..16]);
        let sum = etherparse::checksum::u32_16bit_word::add_slice(sum, &router_v6.octets());
        let length = u8::try_from(message.len()).unwrap();
        let sum = etherparse::checksum::u32_16bit_word::add_slice(sum, &[0, 0, 0, length, 0, 0, 0, 58]);
        etherparse::checksum::u32_16bit_word::add_slice(sum, &message)
    };
    let field = etherparse::checksum::u32_16bit_word::ones_complement(sum);
    message[2..4].copy_from_slice(&field.to_ne_bytes());
    let mut octets = if tuple.is_v4() {
        let total = u16::try_from(20 + message.len()).unwrap().to_be_bytes();
        let mut header =
            alloc::vec![0x45, 0, total[0], total[1], 0, 0, 0, 0, 64, 1, 0, 0, 192, 0, 2, 99, 192, 0, 2, 1];
        let field = Sum::default().add(&header).field();
        header[10..12].copy_from_slice(&field);
        header
    } else {
        let mut header = alloc::vec![0x60, 0, 0, 0, 0, u8::try_from(message.len()).unwrap(), 58, 64];
        header.extend(router_v6.octets());
        header.extend(&tuple.addresses()[..16]);
        header
    };
    octets.extend(message);
    octets
}

#[test]
fn icmp_errors_name_the_connection_the_segment_and_what_happened() {
    // RFC 792 and RFC 4443: type, code, and the octets after the checksum. RFC 1191: the next hop's MTU in the last two.
    let too_big = IcmpErrorKind::PacketTooBig { mtu_octets: 1400 };
    let cases_v4 = [
        (3, 0, [0; 4], Some(IcmpErrorKind::NoRoute)),
        (3, 2, [0; 4], Some(IcmpErrorKind::ProtocolUnreachable)),
        (3, 3, [0; 4], Some(IcmpErrorKind::PortUnreachable)),
        (3, 4, [0, 0, 5, 0x78], Some(too_big)),
        (11, 0, [0; 4], Some(IcmpErrorKind::TimeExceeded)),
        (4, 0, [0; 4], Some(IcmpErrorKind::SourceQuench)),
        (8, 0, [0; 4], None),
    ];
    let cases_v6 = [
        (1, 0, [0; 4], Some(IcmpErrorKind::NoRoute)),
        (1, 4, [0; 4], Some(IcmpErrorKind::PortUnreachable)),
        (2, 0, [0, 0, 5, 0x78], Some(too_big)),
        (3, 0, [0; 4], Some(IcmpErrorKind::TimeExceeded)),
        (128, 0, [0; 4], None),
    ];
    for (tuple, cases) in [(v4(), &cases_v4[..]), (v6(), &cases_v6[..])] {
        // RFC 792: the header and 64 bits of the packet are quoted.
        let quote =
            &packet(&tuple, Ecn::NotEct, b"hello", ChecksumWriter::Endpoint)[..header_octets(&tuple) + 8];
        for (kind, code, rest, expected) in cases {
            let octets = icmp(&tuple, *kind, *code, *rest, quote);
            let found = match parse(&octets, ChecksumStatus::ToVerify) {
                Ok(Inbound::Icmp { tuple: found, error }) => {
                    assert_eq!((found, error.quoted_seq), (tuple, SequenceNumber(7)));
                    Some(error.kind)
                }
                Ok(Inbound::Tcp { .. }) => panic!("ICMP read as TCP"),
                Err(reason) => {
                    assert_eq!(reason, Unusable::NotForTcp);
                    None
                }
            };
            assert_eq!(found, *expected, "type {kind}, code {code}");
        }
        let mut damaged = icmp(&tuple, cases[0].0, cases[0].1, [0; 4], quote);
        *damaged.last_mut().unwrap() ^= 1;
        assert_eq!(parse(&damaged, ChecksumStatus::ToVerify).unwrap_err(), Unusable::Checksum);
        let short = icmp(&tuple, cases[0].0, cases[0].1, [0; 4], &quote[..quote.len() - 1]);
        assert_eq!(parse(&short, ChecksumStatus::ToVerify).unwrap_err(), Unusable::Malformed);
    }
}
