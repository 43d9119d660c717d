//! Packets as long as the buffer that they are written into, and what the owner of a listener is told first.

use hiatus_engine::{Config, Event, FallbackReason, Timestamping};

use crate::net::{MTU_OCTETS, Net, Side, V4, V6, forged, hiatus_config, only, segment_of};

#[test]
fn a_buffer_of_the_links_mtu_takes_full_segments() {
    // 1500 octets less the headers of IP and TCP, and less 12 for timestamps (RFC 7323, section 3.2).
    for (addresses, timestamps, expected) in [
        (V4, Timestamping::Off, 1460),
        (V4, Timestamping::On, 1448),
        (V6, Timestamping::Off, 1440),
        (V6, Timestamping::On, 1428),
    ] {
        let mss_octets = if addresses.b().is_ipv4() { 1460 } else { 1440 };
        let mut net = Net::new(addresses, Config { mss_octets, timestamps, ..Config::default() });
        let (a, _) = net.connected();
        net.a.write(net.now, a, &[7; 5000]).unwrap();
        let packets = net.leaving(Side::A);
        assert_eq!(packets[0].len(), MTU_OCTETS, "{timestamps:?}");
        assert_eq!(segment_of(&packets[0]).payload.len(), expected, "{timestamps:?}");
    }
}

#[test]
fn who_accepts_is_told_why_there_is_no_hiatus() {
    // Without timestamps, or a segment that lacks them would not be accepted (RFC 7323, section 3.2).
    let mut net = Net::new(V4, Config { timestamps: Timestamping::Off, ..hiatus_config() });
    net.connect();
    let syn = only(net.leaving(Side::A));
    net.give(Side::B, &[syn]);
    let answer = only(net.leaving(Side::B));
    net.give(Side::A, &[answer]);
    let third = &net.leaving(Side::A)[0];
    //= draft#neg-confirm
    //# A responder that sent CAPABLE MUST treat the connection as plain TCP
    //# when the first acceptable segment without SYN carries no long CAPABLE.
    net.give(Side::B, &[forged(third, |segment| segment.options = &[])]);
    let told: Vec<Event> = net.events(Side::B).into_iter().map(|(_, event)| event).collect();
    let fell_back = Event::FellBack { reason: FallbackReason::CapableStripped };
    assert_eq!(told, [fell_back, Event::Connected]);
}
