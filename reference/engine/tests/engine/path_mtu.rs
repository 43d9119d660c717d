//! The size of segments follows the path (RFC 9293, sections 3.7.1 and 3.7.2; RFC 1191, RFC 8201, RFC 4821, RFC 5927).

use core::net::SocketAddr;
use core::time::Duration;

use hiatus_codec::{ConnectionKey, KnownOptions, Nonce, SequenceNumber};
use hiatus_engine::{
    Config, CongestionAlgorithm, Connection, Endpoints, Entropy, IcmpError, IcmpErrorKind, KeySource,
    PathMtuDiscovery, Sacking, TcpState, Time,
};

use crate::pair::{A_ISN, Frame, Made, Pair, Side, plain_config, seconds};

/// Octets of the fixed IPv4 and TCP headers.
const HEADERS: usize = 40;
/// Octets of timestamps with their padding.
const TIMESTAMPS: usize = 12;

fn connected_with(config: Config) -> Pair {
    let mut pair = Pair::new(config, config);
    pair.exchange();
    pair.events(Side::A);
    pair
}

fn connected() -> Pair {
    connected_with(plain_config())
}

/// Octets of the IPv4 packets that carry `frames`.
fn packets(frames: &[Frame]) -> Vec<usize> {
    frames.iter().map(|frame| HEADERS + TIMESTAMPS + frame.segment().payload.len()).collect()
}

/// Packet Too Big for the segment of A at `seq`, counted from the ISN.
fn too_big(pair: &mut Pair, seq: u32, mtu_octets: u16) {
    let quoted_seq = SequenceNumber(A_ISN.wrapping_add(seq));
    let now = pair.now;
    pair.a.handle_icmp(now, &IcmpError { kind: IcmpErrorKind::PacketTooBig { mtu_octets }, quoted_seq });
    pair.a.check_invariants().expect("invariants");
}

#[test]
fn packet_too_big_makes_segments_smaller_at_once() {
    let mut pair = connected();
    pair.write(Side::A, &[7; 14_480]);
    let first = pair.take(Side::A);
    assert_eq!(packets(&first), [1500; 10]);
    too_big(&mut pair, 1, 1400);
    let again = pair.take(Side::A);
    assert_eq!(again[0].segment().seq.0, A_ISN + 1);
    assert!(packets(&again).iter().all(|size| *size <= 1400));
    // No sign of congestion (RFC 1191, section 6.4): as much is in flight as before.
    assert_eq!(again.iter().map(|frame| frame.segment().payload.len()).sum::<usize>(), 14_480);
    // The others of that flight say nothing new, and nothing is sent a third time.
    too_big(&mut pair, 1 + 1448, 1400);
    assert_eq!(pair.take(Side::A).len(), 0);
    for frame in &again {
        pair.deliver(frame);
    }
    assert_eq!(pair.b.readable_octets(), 14_480);
}

#[test]
fn packet_too_big_that_quotes_nothing_in_flight_is_ignored() {
    // RFC 5927, section 4.1: SND.UNA =< SEG.SEQ < SND.NXT.
    let mut pair = connected();
    pair.write(Side::A, &[7; 1448]);
    pair.take(Side::A);
    for seq in [0, 1449, 100_000, 0x8000_0000] {
        too_big(&mut pair, seq, 600);
        assert_eq!(pair.take(Side::A).len(), 0);
    }
    pair.write(Side::A, &[7; 1448]);
    assert_eq!(packets(&pair.take(Side::A)), [1500]);
}

#[test]
fn packet_too_big_neither_raises_nor_falls_below_the_least() {
    // RFC 1191, section 3: never above the estimate, never below 68.
    for mtu_octets in [1500, 9000, 67, 1] {
        let mut pair = connected();
        pair.write(Side::A, &[7; 1448]);
        pair.take(Side::A);
        too_big(&mut pair, 1, mtu_octets);
        assert_eq!(pair.take(Side::A).len(), 0, "{mtu_octets}");
    }
    let mut pair = connected();
    pair.write(Side::A, &[7; 100]);
    pair.take(Side::A);
    too_big(&mut pair, 1, 68);
    assert!(packets(&pair.take(Side::A)).iter().all(|size| *size <= 68));
}

#[test]
fn old_router_that_names_no_mtu_means_576() {
    // RFC 1191, section 5.
    let mut pair = connected();
    pair.write(Side::A, &[7; 1448]);
    pair.take(Side::A);
    too_big(&mut pair, 1, 0);
    assert_eq!(packets(&pair.take(Side::A))[..2], [576, 576]);
}

#[test]
fn size_that_has_arrived_is_not_lowered_until_a_timeout() {
    // RFC 5927, section 7.2: on a connection that makes progress such a message is false.
    let mut pair = connected();
    pair.write(Side::A, &[7; 1448]);
    pair.take(Side::A);
    Made::ack(Side::B, 1, 1449).give(&mut pair);
    pair.write(Side::A, &[7; 2896]);
    pair.take(Side::A);
    let mut lost = pair.clone();
    for pair in [&mut pair, &mut lost] {
        too_big(pair, 1449, 1000);
        assert_eq!(pair.take(Side::A).len(), 0);
    }
    Made::ack(Side::B, 1, 1 + 3 * 1448).give(&mut pair);
    pair.write(Side::A, &[7; 1448]);
    assert_eq!(packets(&pair.alone(Side::A, seconds(2)))[..1], [1500]);
    // Where the quoted segment does not arrive, it was true.
    assert_eq!(packets(&lost.alone(Side::A, seconds(1)))[..1], [1000]);
}

#[test]
fn black_hole_is_found_by_timeouts() {
    // RFC 4821, section 7.7: nothing is said, and full segments do not arrive. At R1, three timeouts, smaller ones are
    // tried: 1024 octets, then 576.
    let mut pair = connected();
    pair.write(Side::A, &[7; 1448]);
    let frames = pair.alone(Side::A, seconds(16));
    let sizes: Vec<usize> =
        frames.iter().map(|frame| HEADERS + TIMESTAMPS + frame.segment().payload.len()).collect();
    assert_eq!(sizes[..4], [1500, 1500, 1500, 1024]);
    assert!(sizes[4..].iter().all(|size| *size <= 1024));
    assert!(sizes.contains(&576));
}

#[test]
fn small_segments_that_get_lost_are_no_black_hole() {
    let mut pair = connected();
    pair.write(Side::A, &[7; 500]);
    pair.alone(Side::A, seconds(30));
    Made::ack(Side::B, 1, 501).give(&mut pair);
    pair.write(Side::A, &[7; 1448]);
    assert_eq!(packets(&pair.take(Side::A)), [1500]);
}

#[test]
fn after_a_black_hole_probes_of_data_raise_the_size() {
    let mut pair = connected();
    pair.write(Side::A, &[7; 1448]);
    pair.alone(Side::A, seconds(8));
    // The path is whole again: what is written now arrives.
    pair.pass(seconds(60));
    pair.read(Side::B);
    for _ in 0..10 {
        pair.write(Side::A, &[7; 10_000]);
        pair.exchange();
        pair.read(Side::B);
    }
    pair.write(Side::A, &[7; 14_480]);
    assert!(packets(&pair.take(Side::A)).contains(&1500));
}

/// Runs a bulk transfer over a path that silently drops packets above `mtu`; gives the sizes A sent and how many of
/// them were too large.
fn over_a_path_of(mtu: usize, config: Config) -> (Vec<usize>, usize) {
    let mut pair = connected_with(config);
    let mut sizes = Vec::new();
    let mut dropped = 0;
    for _ in 0..200 {
        if pair.a.writable_octets() >= 20_000 {
            pair.write(Side::A, &[7; 20_000]);
        }
        let frames = pair.take(Side::A);
        for frame in &frames {
            let size = packets(core::slice::from_ref(frame))[0];
            if size > mtu {
                dropped += 1;
            } else {
                sizes.push(size);
                pair.deliver(frame);
            }
        }
        pair.read(Side::B);
        for frame in pair.take(Side::B) {
            pair.deliver(&frame);
        }
        let due = pair.a.poll_timeout().filter(|_| frames.is_empty());
        pair.now = due.map_or(pair.now + Duration::from_millis(10), |due| due.max(pair.now));
        let now = pair.now;
        pair.a.handle_timeout(now);
        assert_eq!(pair.a.state(), TcpState::Established);
    }
    (sizes, dropped)
}

#[test]
fn probing_searches_from_below() {
    // RFC 4821, section 7.3: it begins with 1024 octets and ends close to what the path takes.
    let config = Config { path_mtu_discovery: PathMtuDiscovery::Probing, ..plain_config() };
    let (sizes, dropped) = over_a_path_of(1500, config);
    // The first probe goes ahead; what follows keeps to the base.
    assert_eq!((sizes[0], sizes[1], dropped), (1420, 1024, 0));
    assert_eq!(sizes.iter().max(), Some(&1500));
    let (sizes, dropped) = over_a_path_of(1300, config);
    assert!(sizes.iter().max() > Some(&1260), "{:?}", sizes.iter().max());
    // Three losses of a size end the trial of it.
    assert!((3..=20).contains(&dropped), "{dropped}");
}

#[test]
fn lowered_size_is_given_up_after_ten_minutes() {
    // RFC 1191, section 6.3.
    let mut pair = connected();
    pair.write(Side::A, &[7; 1448]);
    pair.take(Side::A);
    too_big(&mut pair, 1, 1200);
    pair.exchange();
    pair.now = pair.now + seconds(599);
    pair.write(Side::A, &[7; 1448]);
    assert_eq!(packets(&pair.exchange())[0], 1200);
    pair.now = pair.now + seconds(2);
    pair.write(Side::A, &[7; 1448]);
    assert_eq!(packets(&pair.take(Side::A)), [1500]);
}

#[test]
fn discovery_can_be_off() {
    let config = Config { path_mtu_discovery: PathMtuDiscovery::Off, ..plain_config() };
    let mut pair = connected_with(config);
    pair.write(Side::A, &[7; 1448]);
    pair.take(Side::A);
    too_big(&mut pair, 1, 1200);
    assert_eq!(packets(&pair.alone(Side::A, seconds(20))), [1500; 4]);
}

#[test]
fn own_link_bounds_what_is_sent() {
    // MUST-16: the smaller of what the peer takes and what the own link does.
    let config = Config { link_mtu_octets: Some(1006), ..plain_config() };
    let mut pair = connected_with(config);
    pair.write(Side::A, &[7; 3000]);
    assert_eq!(packets(&pair.take(Side::A))[..2], [1006, 1006]);
}

const A_V6: SocketAddr = SocketAddr::new(core::net::IpAddr::V6(core::net::Ipv6Addr::LOCALHOST), 40_000);

fn connect_v6(config: Config) -> Connection {
    let entropy = Entropy {
        isn: SequenceNumber(A_ISN),
        connection_key: ConnectionKey([1; 8]),
        key_source: KeySource::Drawn,
        nonce: Nonce(1),
        timestamp_offset: 0,
    };
    let remote = SocketAddr::new(A_V6.ip(), 80);
    Connection::connect(Time::ZERO, config, Endpoints { local: A_V6, remote }, entropy)
}

#[test]
fn default_mss_depends_on_the_version_of_ip() {
    // MUST-15: 536 over IPv4, 1220 over IPv6. A SYN/ACK by hand has no MSS option.
    let mut pair = Pair::new(plain_config(), plain_config());
    pair.take(Side::A);
    let syn_ack = hiatus_codec::Flags::SYN.union(hiatus_codec::Flags::ACK);
    let made = Made::ack(Side::B, 0, 1).flags(syn_ack);
    made.give(&mut pair);
    pair.write(Side::A, &[7; 3000]);
    assert_eq!(packets(&pair.take(Side::A))[0], 576);

    let mut v6 = connect_v6(plain_config());
    let now = Time::from_secs(1);
    let mut buffer = [0; 2048];
    v6.poll_transmit(now, &mut buffer).expect("SYN");
    let frame = made.frame(now);
    v6.handle_segment(now, &frame.segment());
    v6.write(now, &[7; 3000]).expect("room");
    let data = v6.poll_transmit(now, &mut buffer).expect("data");
    assert_eq!(data.payload.len(), 1220 - TIMESTAMPS);
    // RFC 8201, section 4: less than 1280 is discarded.
    let kind = IcmpErrorKind::PacketTooBig { mtu_octets: 1279 };
    let error = IcmpError { kind, quoted_seq: SequenceNumber(A_ISN + 1) };
    while v6.poll_transmit(now, &mut buffer).is_some() {}
    v6.handle_icmp(now, &error);
    assert_eq!(v6.poll_transmit(now, &mut buffer), None);
}

#[test]
fn announced_mss_does_not_depend_on_options() {
    // RFC 6691: the MTU less the fixed headers, whatever options segments carry.
    let mut pair = Pair::new(plain_config(), plain_config());
    let syn = pair.take(Side::A);
    assert_eq!(KnownOptions::parse(&syn[0].segment()).mss, Some(1460));
}

#[test]
fn probe_that_gets_lost_is_no_sign_of_congestion() {
    // RFC 4821, section 7.6.2: what it carried is sent again in pieces, with the window as it was.
    for sack in [Sacking::Off, Sacking::On] {
        let mut pair = connected_with(Config {
            path_mtu_discovery: PathMtuDiscovery::Probing,
            congestion: CongestionAlgorithm::NewReno,
            sack,
            ..plain_config()
        });
        pair.write(Side::A, &[7; 20_000]);
        let first = pair.take(Side::A);
        assert_eq!(first[0].segment().payload.len() + HEADERS + TIMESTAMPS, 1420);
        let in_flight: usize = first.iter().map(|frame| frame.segment().payload.len()).sum();
        let mut acks = Vec::new();
        for frame in &first[1..] {
            pair.deliver(frame);
            acks.extend(pair.take(Side::B));
        }
        for ack in &acks {
            pair.deliver(ack);
        }
        let again = pair.take(Side::A);
        assert_eq!(again[0].segment().seq.0, A_ISN + 1);
        assert!(again.iter().all(|frame| frame.segment().payload.len() + HEADERS + TIMESTAMPS <= 1024));
        for frame in &again {
            pair.deliver(frame);
        }
        pair.exchange();
        pair.read(Side::B);
        pair.write(Side::A, &[7; 40_000]);
        let next: usize = pair.take(Side::A).iter().map(|frame| frame.segment().payload.len()).sum();
        assert!(next >= in_flight - 1024, "{next} after {in_flight}");
    }
}
