//! Connections from the first packet to the last.

use core::time::Duration;
use std::collections::BTreeSet;

use hiatus_engine::{
    CloseReason, Command, Config, ConnectError, Event, HiatusState, ListenError, PeerState, TcpState,
    Timestamping,
};

use crate::net::{Net, Side, V4, V6, hiatus_config};

/// Octets that do not repeat soon.
fn octets(count: u32) -> Vec<u8> {
    (0..count).map(|n| (n.wrapping_mul(2_654_435_761) >> 24).to_le_bytes()[0]).collect()
}

#[test]
fn octets_flow_both_ways_over_ipv4_and_ipv6() {
    for addresses in [V4, V6] {
        for config in [Config::default(), Config { timestamps: Timestamping::Off, ..Config::default() }] {
            let mut net = Net::new(addresses, config);
            let ids = net.connected();
            assert_eq!(net.b.remote(ids.1), net.a.local(ids.0));
            assert_eq!(net.a.remote(ids.0), Some(addresses.b()));
            net.carry(Side::A, ids, &octets(300_000));
            net.carry(Side::B, ids, &octets(200_000));
            net.carry(Side::A, ids, b"and again");
        }
    }
}

#[test]
fn what_a_buffer_is_too_small_for_is_sent_with_the_next() {
    for addresses in [V4, V6] {
        let mut net = Net::new(addresses, Config::default());
        let (a, _) = net.connected();
        net.a.write(net.now, a, b"hello").unwrap();
        for len_octets in [0, 20, 99] {
            assert_eq!(net.a.poll_packet(net.now, &mut vec![0; len_octets]), None);
        }
        assert!(net.a.poll_packet(net.now, &mut [0; 105]).is_some());
    }
}

#[test]
fn a_close_in_order_leaves_nothing_behind() {
    let mut net = Net::new(V4, Config::default());
    let (a, b) = net.connected();
    net.close(Side::A, a);
    assert_eq!((net.a.state(a), net.b.state(b)), (TcpState::FinWait2, TcpState::CloseWait));
    net.close(Side::B, b);
    assert_eq!(net.a.state(a), TcpState::TimeWait);
    assert!(net.events(Side::B).contains(&(b, Event::Closed { reason: CloseReason::Finished })));
    assert_eq!(net.b.connections(), 0);
    // RFC 9293, section 3.6.1: two MSL, of 120 s here.
    net.pass(Duration::from_secs(239));
    assert_eq!(net.a.state(a), TcpState::TimeWait);
    net.pass(Duration::from_secs(2));
    assert!(net.events(Side::A).contains(&(a, Event::Closed { reason: CloseReason::Finished })));
    assert_eq!(net.a.connections(), 0);
    assert_eq!(net.a.poll_timeout(), None);
    assert_eq!(net.b.poll_timeout(), None);
}

#[test]
fn what_was_received_can_be_read_after_the_end() {
    let mut net = Net::new(V4, Config::default());
    let (a, b) = net.connected();
    net.close(Side::B, b);
    net.a.write(net.now, a, b"last words").unwrap();
    net.close(Side::A, a);
    let told = net.events(Side::A);
    assert!(told.contains(&(a, Event::Closed { reason: CloseReason::Finished })), "{told:?}");
    net.pass(Duration::from_secs(300));
    assert!(net.events(Side::B).contains(&(b, Event::Closed { reason: CloseReason::Finished })));
    let mut buffer = [0; 100];
    assert_eq!(net.b.read(net.now, b, &mut buffer), 10);
    assert_eq!(&buffer[..10], b"last words");
    assert_eq!(net.b.connections(), 0, "and then it is gone");
}

#[test]
fn an_abort_reaches_the_peer_and_frees_both_ends() {
    for config in [Config::default(), hiatus_config()] {
        let mut net = Net::new(V4, config);
        let (a, b) = net.connected();
        net.a.command(net.now, a, Command::Abort).unwrap();
        net.exchange();
        assert_eq!(net.b.state(b), TcpState::Closed);
        let told = net.events(Side::B);
        assert!(matches!(told.last(), Some((id, Event::Closed { .. })) if *id == b), "{told:?}");
        net.events(Side::A);
        assert_eq!(net.b.connections(), 0);
        // An ABORT is repeated for 60 s to who has not heard it (draft, {#ending}).
        net.pass(Duration::from_secs(61));
        assert_eq!(net.a.connections(), 0);
    }
}

#[test]
fn hiatus_is_negotiated_and_a_suspended_peer_is_held() {
    for addresses in [V4, V6] {
        let mut net = Net::new(addresses, hiatus_config());
        let ids @ (a, b) = net.connected();
        assert_eq!((net.a.hiatus_state(a), net.b.hiatus_state(b)), (HiatusState::On, HiatusState::On));
        let suspend = Command::Suspend { expected_absence: hiatus_codec::HoldTime::NONE };
        net.a.command(net.now, a, suspend).unwrap();
        net.pass(Duration::from_secs(5));
        assert_eq!(net.b.peer_state(b), PeerState::Held);
        // The endpoint that went away knows of nothing meanwhile.
        let packets = net.packets;
        let asleep = net.a.clone();
        net.b.write(net.now, b, b"waiting").unwrap();
        net.pass(Duration::from_secs(3600));
        net.a = asleep;
        assert_eq!(net.packets, packets, "a holder originates nothing");
        net.a.command(net.now, a, Command::Resume).unwrap();
        net.exchange();
        assert_eq!(net.b.peer_state(b), PeerState::Up);
        let mut buffer = [0; 100];
        assert_eq!(net.a.read(net.now, a, &mut buffer), 7);
        net.carry(Side::A, ids, b"back");
    }
}

#[test]
fn ten_thousand_connections_keep_apart() {
    let mut net = Net::new(V4, Config::default());
    let mut ids = Vec::new();
    for round in 0..10 {
        let opened: Vec<_> = (0..1000).map(|_| net.connect()).collect();
        net.exchange();
        let mut accepted: Vec<_> = core::iter::from_fn(|| net.b.accept(net.listener)).collect();
        assert_eq!(accepted.len(), 1000, "round {round}");
        // They are accepted in the order of the handshakes, which is that of the SYNs.
        ids.extend(opened.into_iter().zip(accepted.drain(..)));
    }
    let locals: BTreeSet<_> = ids.iter().map(|(a, _)| net.a.local(*a).unwrap()).collect();
    assert_eq!(locals.len(), 10_000);
    for (n, (a, b)) in ids.iter().enumerate() {
        assert_eq!(net.a.local(*a), net.b.remote(*b));
        net.a.write(net.now, *a, format!("request {n}").as_bytes()).unwrap();
    }
    net.exchange();
    let mut buffer = [0; 100];
    for (n, (a, b)) in ids.iter().enumerate() {
        let count = net.b.read(net.now, *b, &mut buffer);
        assert_eq!(&buffer[..count], format!("request {n}").as_bytes());
        net.a.command(net.now, *a, Command::Close).unwrap();
        net.b.command(net.now, *b, Command::Close).unwrap();
    }
    net.pass(Duration::from_secs(1));
    net.pass(Duration::from_secs(300));
    net.events(Side::A);
    net.events(Side::B);
    assert_eq!((net.a.connections(), net.b.connections()), (0, 0));
}

#[test]
fn a_clone_goes_on_after_the_original_is_gone() {
    let mut net = Net::new(V6, hiatus_config());
    let ids = net.connected();
    net.a.write(net.now, ids.0, &octets(100_000)).unwrap();
    let saved = net.clone();
    net.exchange();
    drop(net);
    let mut net = saved;
    let mut buffer = vec![0; 200_000];
    let mut read: Vec<u8> = Vec::new();
    while read.len() < 65_536 {
        net.pass(Duration::from_millis(500));
        let count = net.b.read(net.now, ids.1, &mut buffer);
        read.extend(&buffer[..count]);
    }
    assert!(read == octets(100_000)[..65_536], "what had been written is the same");
    net.carry(Side::B, ids, b"the other way");
}

#[test]
fn what_cannot_be_opened_is_refused() {
    let mut net = Net::new(V4, Config::default());
    let (now, config) = (net.now, net.config);
    let (a, b) = (V4.a(), V4.b());
    let mut connect = |local: &str, remote: &str| {
        net.a.connect(now, local.parse().unwrap(), remote.parse().unwrap(), config)
    };
    assert!(matches!(connect("192.0.2.1:0", "[2001:db8::2]:80"), Err(ConnectError::Families { .. })));
    assert!(matches!(connect("192.0.2.1:0", "224.0.0.1:80"), Err(ConnectError::NotUnicast { .. })));
    assert!(matches!(connect("192.0.2.1:0", "255.255.255.255:80"), Err(ConnectError::NotUnicast { .. })));
    assert!(matches!(connect("192.0.2.1:0", "192.0.2.2:0"), Err(ConnectError::NotUnicast { .. })));
    assert!(connect("192.0.2.1:5000", "192.0.2.2:80").is_ok());
    assert!(matches!(connect("192.0.2.1:5000", "192.0.2.2:80"), Err(ConnectError::InUse { .. })));
    assert_eq!(net.b.listen(b, config, Default::default()), Err(ListenError::Taken { local: b }));
    assert_eq!(net.b.listen(a, config, Default::default()), Err(ListenError::NoPort));
}
