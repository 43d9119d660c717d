//! Errors of the network (RFC 9293, section 3.9.2.2; RFC 5927).

use hiatus_engine::{CloseReason, Config, Event, IcmpErrorKind, TcpState};

use crate::net::{Net, Side, V4, V6, segment_of};

/// The ICMP message of `message_type` and `code` that a router sends about `packet`, quoting its headers.
pub(crate) fn about(packet: &[u8], message_type: u8, code: u8, rest: [u8; 4]) -> Vec<u8> {
    let is_v4 = packet[0] >> 4 == 4;
    let header_octets = if is_v4 { 20 } else { 40 };
    let mut message = vec![message_type, code, 0, 0];
    message.extend(rest);
    message.extend(&packet[..header_octets + 20]);
    let to = if is_v4 { &packet[12..16] } else { &packet[8..24] };
    // Any router: an address of the family that differs from both ends.
    let mut from = to.to_vec();
    *from.last_mut().unwrap() = 99;
    let mut covered = Vec::new();
    if !is_v4 {
        covered.extend(&from);
        covered.extend(to);
        covered.extend([0, 0, 0, u8::try_from(message.len()).unwrap(), 0, 0, 0, 58]);
    }
    covered.extend(&message);
    let checksum = rfc_1071(&covered);
    message[2..4].copy_from_slice(&checksum);
    let mut octets = if is_v4 {
        let total = u16::try_from(20 + message.len()).unwrap().to_be_bytes();
        vec![0x45, 0, total[0], total[1], 0, 0, 0, 0, 64, 1, 0, 0]
    } else {
        vec![0x60, 0, 0, 0, 0, u8::try_from(message.len()).unwrap(), 58, 64]
    };
    octets.extend(&from);
    octets.extend(to);
    if is_v4 {
        let checksum = rfc_1071(&octets);
        octets[10..12].copy_from_slice(&checksum);
    }
    octets.extend(message);
    octets
}

/// RFC 1071, section 1, word by word.
fn rfc_1071(octets: &[u8]) -> [u8; 2] {
    let words =
        octets.chunks(2).map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low)));
    let sum = words.fold(0_u32, |sum, word| {
        let sum = sum + word;
        (sum & 0xffff) + (sum >> 16)
    });
    (!u16::try_from(sum).unwrap()).to_be_bytes()
}

#[test]
fn an_unreachable_port_ends_an_attempt() {
    for (addresses, message_type, code) in [(V4, 3, 3), (V6, 1, 4)] {
        let mut net = Net::new(addresses, Config::default());
        let a = net.connect();
        let syn = net.leaving(Side::A);
        net.give(Side::A, &[about(&syn[0], message_type, code, [0; 4])]);
        net.exchange();
        let reason = CloseReason::Unreachable(IcmpErrorKind::PortUnreachable);
        assert!(net.events(Side::A).contains(&(a, Event::Closed { reason })));
        assert_eq!(net.a.connections(), 0);
    }
}

#[test]
fn a_connection_that_stands_survives_every_error_and_its_owner_is_told() {
    let mut net = Net::new(V4, Config::default());
    let ids @ (a, _) = net.connected();
    net.events(Side::A);
    net.a.write(net.now, a, b"hello").unwrap();
    let sent = net.leaving(Side::A);
    for (code, kind) in [(1, IcmpErrorKind::HostUnreachable), (3, IcmpErrorKind::PortUnreachable)] {
        net.give(Side::A, &[about(&sent[0], 3, code, [0; 4])]);
        assert_eq!(net.events(Side::A), [(a, Event::NetworkError { kind })]);
        assert_eq!(net.a.state(a), TcpState::Established);
    }
    net.give(Side::B, &sent);
    net.exchange();
    net.b.read(net.now, ids.1, &mut [0; 100]);
    net.carry(Side::B, ids, b"and back");
}

#[test]
fn an_owner_is_told_once_what_a_router_says_again_and_again() {
    // RFC 9293, SHLD-25.
    let mut net = Net::new(V4, Config::default());
    let (a, _) = net.connected();
    net.events(Side::A);
    net.a.write(net.now, a, b"hello").unwrap();
    let sent = net.leaving(Side::A);
    let error = about(&sent[0], 3, 1, [0; 4]);
    net.give(Side::A, &vec![error; 100]);
    let kind = IcmpErrorKind::HostUnreachable;
    assert_eq!(net.events(Side::A), [(a, Event::NetworkError { kind })]);
}

#[test]
fn segments_fit_the_path_after_a_router_said_how_large_they_may_be() {
    for (addresses, message_type, code, headers) in [(V4, 3, 4, 40), (V6, 2, 0, 60)] {
        let mut net = Net::new(addresses, Config::default());
        let (a, _) = net.connected();
        net.a.write(net.now, a, &[7; 20_000]).unwrap();
        let sent = net.leaving(Side::A);
        let before = segment_of(&sent[0]).payload.len();
        // MTU 1400.
        net.give(Side::A, &[about(&sent[0], message_type, code, [0, 0, 0x05, 0x78])]);
        let again = net.leaving(Side::A);
        // 12 octets of timestamps are on every segment.
        assert!(before > 1400 - headers - 12);
        assert!(again.iter().all(|packet| packet.len() <= 1400), "no packet is larger than the path takes");
        assert_eq!(segment_of(&again[0]).payload.len(), 1400 - headers - 12);
    }
}

#[test]
fn an_error_about_no_connection_or_about_what_is_not_in_flight_is_ignored() {
    let mut net = Net::new(V4, Config::default());
    let (a, _) = net.connected();
    net.a.write(net.now, a, b"hello").unwrap();
    let sent = net.leaving(Side::A);
    net.give(Side::B, &sent);
    net.exchange();
    net.events(Side::A);
    net.give(Side::A, &[about(&sent[0], 3, 1, [0; 4])]);
    assert_eq!(net.events(Side::A), []);
    net.give(Side::B, &[about(&sent[0], 3, 1, [0; 4])]);
    assert!(net.leaving(Side::B).is_empty());
}
