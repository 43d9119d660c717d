//! What the wire can fill has a bound.

use core::time::Duration;

use hiatus_codec::{Flags, KnownOptions, SequenceNumber};
use hiatus_engine::{
    Backlog, ChecksumStatus, Command, Config, EndpointLimits, Event, HiatusState, TcpState, Timestamping,
};

use crate::net::{Net, Side, V4, V6, forged, has, hiatus_config, only, segment_of};

fn half_open(half_open_max: u32) -> Backlog {
    Backlog { half_open_max, ..Backlog::default() }
}

/// A SYN from a port that nobody will answer from.
fn flood(net: &mut Net, count: u16) {
    net.connect();
    let syn = only(net.leaving(Side::A));
    for port in 0..count {
        let syn = forged(&syn, |segment| {
            segment.source_port = 2000 + port;
            segment.seq = SequenceNumber(u32::from(port) * 7919);
        });
        net.b.handle_packet(net.now, &syn, ChecksumStatus::ToVerify);
    }
}

#[test]
fn a_flood_of_syns_keeps_no_more_than_the_bound_and_cookies_let_others_in() {
    for addresses in [V4, V6] {
        let plain = Config { timestamps: Timestamping::Off, ..Config::default() };
        for config in [Config::default(), plain, hiatus_config()] {
            let mut net = Net::bounded(addresses, config, half_open(100), EndpointLimits::default());
            flood(&mut net, 1000);
            assert_eq!(net.b.connections(), 100);
            // A host that means it comes through, and what it offered holds.
            let answers = net.leaving(Side::B);
            assert_eq!(answers.len(), 1000);
            assert!(answers.iter().all(|packet| has(packet, Flags::SYN.union(Flags::ACK))));
            let ids = net.connected();
            assert_eq!(net.b.connections(), 101);
            let data: Vec<u8> = (0..200_000_u32).map(|n| (n % 251).to_le_bytes()[0]).collect();
            net.carry(Side::A, ids, &data);
            net.carry(Side::B, ids, &data);
            if config.hiatus != hiatus_engine::HiatusPolicy::Off {
                assert_eq!(net.a.hiatus_state(ids.0), HiatusState::On);
                assert_eq!(net.b.hiatus_state(ids.1), HiatusState::On);
            }
        }
    }
}

#[test]
fn a_cookie_negotiates_only_what_it_can_keep() {
    for (timestamps, scales) in [(Timestamping::On, true), (Timestamping::Off, false)] {
        let config = Config { timestamps, ..Config::default() };
        let mut net = Net::bounded(V4, config, half_open(0), EndpointLimits::default());
        net.connect();
        let syn = net.leaving(Side::A);
        net.give(Side::B, &syn);
        assert_eq!(net.b.connections(), 0, "nothing is kept");
        let syn_ack = only(net.leaving(Side::B));
        let options = KnownOptions::parse(&segment_of(&syn_ack));
        assert_eq!(options.window_scale.is_some(), scales);
        assert_eq!(options.timestamps.is_some(), scales);
        if !scales {
            assert!(!options.sack_permitted);
        }
    }
}

#[test]
fn a_forged_cookie_makes_no_connection() {
    let mut net = Net::bounded(V4, Config::default(), half_open(0), EndpointLimits::default());
    net.connect();
    let syn = net.leaving(Side::A);
    net.give(Side::B, &syn);
    let syn_ack = net.leaving(Side::B);
    net.give(Side::A, &syn_ack);
    let ack = only(net.leaving(Side::A));
    let wrong = forged(&ack, |segment| segment.ack = segment.ack.advanced_by(1 << 13));
    net.give(Side::B, &[wrong]);
    assert_eq!(net.b.connections(), 0);
    assert!(has(&only(net.leaving(Side::B)), Flags::RST));
    net.give(Side::B, &[ack]);
    assert_eq!(net.b.connections(), 1);
}

#[test]
fn data_takes_the_place_of_a_lost_third_segment() {
    let mut net = Net::bounded(V4, hiatus_config(), half_open(0), EndpointLimits::default());
    let a = net.connect();
    let syn = net.leaving(Side::A);
    net.give(Side::B, &syn);
    let syn_ack = net.leaving(Side::B);
    net.give(Side::A, &syn_ack);
    let _lost = only(net.leaving(Side::A));
    net.a.write(net.now, a, b"hello").unwrap();
    net.exchange();
    let b = net.b.accept(net.listener).unwrap();
    let mut buffer = [0; 10];
    assert_eq!(net.b.read(net.now, b, &mut buffer), 5);
    assert_eq!(net.b.hiatus_state(b), HiatusState::On);
}

#[test]
fn a_full_accept_queue_lets_the_peer_wait() {
    for half_open_max in [1000, 0] {
        let backlog = Backlog { half_open_max, accept_max: 3 };
        let mut net = Net::bounded(V4, Config::default(), backlog, EndpointLimits::default());
        for _ in 0..3 {
            net.connect();
            net.exchange();
        }
        // The queue is full: a SYN is not even answered.
        let late = net.connect();
        net.exchange();
        assert_eq!(net.a.state(late), TcpState::SynSent);
        assert_eq!(net.b.connections(), 3);
        // With room again, the SYN that is repeated gets its answer.
        net.b.accept(net.listener).unwrap();
        net.pass(Duration::from_secs(4));
        assert_eq!(net.a.state(late), TcpState::Established);
    }
}

#[test]
fn the_third_segment_finds_the_accept_queue_full_and_comes_again() {
    let backlog = Backlog { half_open_max: 10, accept_max: 1 };
    let mut net = Net::bounded(V4, Config::default(), backlog, EndpointLimits::default());
    let ids = [net.connect(), net.connect()];
    net.exchange();
    // Both handshakes began while there was room. Both initiators think that they are over.
    assert!(ids.iter().all(|id| net.a.state(*id) == TcpState::Established));
    let first = net.b.accept(net.listener).unwrap();
    assert_eq!(net.b.accept(net.listener), None);
    assert_eq!(net.b.remote(first), net.a.local(ids[0]));
    // The SYN/ACK comes again, and its acknowledgment finds room.
    net.pass(Duration::from_secs(4));
    let second = net.b.accept(net.listener).unwrap();
    assert_eq!(net.b.remote(second), net.a.local(ids[1]));
}

#[test]
fn who_opens_and_resets_takes_one_place_in_the_queue_at_most() {
    let mut net = Net::new(V4, Config::default());
    net.connect();
    let syn = only(net.leaving(Side::A));
    let reset = forged(&syn, |segment| {
        segment.flags = Flags::RST;
        segment.seq = segment.seq.advanced_by(1);
    });
    // The driver cannot send for a while.
    for _ in 0..1000 {
        net.give(Side::B, &[syn.clone(), reset.clone()]);
        net.b.check_invariants().unwrap();
    }
    assert!(net.leaving(Side::B).is_empty());
    assert_eq!(net.b.connections(), 0);
}

#[test]
fn connections_beyond_the_bound_are_neither_opened_nor_accepted() {
    let limits = EndpointLimits { connections_max: 2, ..EndpointLimits::default() };
    let mut net = Net::bounded(V4, Config::default(), Backlog::default(), limits);
    for _ in 0..3 {
        net.connect();
    }
    net.exchange();
    assert_eq!(net.b.connections(), 2);
    let refused = net.b.connect(net.now, V4.b(), V4.a(), net.config);
    assert!(refused.is_err());
}

#[test]
fn a_peer_that_asks_for_an_octet_at_a_time_gets_more() {
    for half_open_max in [10, 0] {
        let limits = EndpointLimits::default();
        let mut net = Net::bounded(V4, Config::default(), half_open(half_open_max), limits);
        net.config.mss_octets = 1;
        let (_, b) = net.connected();
        net.b.write(net.now, b, &[7; 600]).unwrap();
        let packets = net.leaving(Side::B);
        // 64 octets, 12 of them options.
        assert_eq!(segment_of(&packets[0]).payload.len(), 52);
        assert!(packets.len() <= 12);
    }
}

#[test]
fn time_wait_has_a_bound() {
    let mut net = Net::new(V4, Config::default());
    let limits = EndpointLimits { time_wait_max: 5, ..EndpointLimits::default() };
    net.a = hiatus_engine::Endpoint::new(crate::net::A_SECRETS, limits);
    for n in 0..10 {
        let (a, b) = net.connected();
        net.close(Side::A, a);
        net.close(Side::B, b);
        net.events(Side::A);
        assert_eq!(net.a.connections(), (n + 1).min(5));
    }
    net.pass(Duration::from_secs(300));
    net.events(Side::A);
    assert_eq!(net.a.connections(), 0);
}

#[test]
fn no_event_is_lost_where_nobody_polls() {
    let limits = EndpointLimits { events_max: 3, ..EndpointLimits::default() };
    let mut net = Net::bounded(V4, Config::default(), Backlog::default(), limits);
    for _ in 0..5 {
        net.connect();
        net.exchange();
    }
    let mut connected = 0;
    for _ in 0..20 {
        connected += net.events(Side::B).iter().filter(|(_, event)| *event == Event::Connected).count();
        net.pass(Duration::from_secs(1));
    }
    assert_eq!(connected, 5, "a SYN or ACK that was dropped came again");
}

#[test]
fn a_connection_with_much_to_send_does_not_keep_others_waiting() {
    let limits = EndpointLimits { packets_per_turn: 2, ..EndpointLimits::default() };
    let mut net = Net::bounded(V4, Config::default(), Backlog::default(), limits);
    let ids = [net.connected(), net.connected()];
    for (_, b) in ids {
        net.b.write(net.now, b, &[7; 10_000]).unwrap();
    }
    let order: Vec<u16> =
        net.leaving(Side::B).iter().map(|packet| segment_of(packet).destination_port).collect();
    let [first, second] = ids.map(|(a, _)| net.a.local(a).unwrap().port());
    assert_eq!(order[..8], [first, first, second, second, first, first, second, second]);
}

#[test]
fn who_draws_many_answers_does_not_keep_a_connection_waiting() {
    let limits = EndpointLimits { packets_per_turn: 2, ..EndpointLimits::default() };
    let mut net = Net::bounded(V4, Config::default(), half_open(0), limits);
    let (a, b) = net.connected();
    let port = net.a.local(a).unwrap().port();
    flood(&mut net, 20);
    net.b.write(net.now, b, &[7; 10_000]).unwrap();
    let answers: Vec<bool> =
        net.leaving(Side::B).iter().map(|packet| segment_of(packet).destination_port != port).collect();
    // Two packets a turn.
    assert!(answers[..12].windows(3).all(|turns| turns.contains(&true) && turns.contains(&false)));
    assert_eq!(answers.iter().filter(|is_answer| **is_answer).count(), 20);
}

#[test]
fn a_listener_that_is_closed_resets_who_was_not_accepted() {
    let mut net = Net::new(V4, Config::default());
    let a = net.connect();
    net.exchange();
    net.b.unlisten(net.now, net.listener);
    net.exchange();
    assert_eq!(net.a.state(a), TcpState::Closed);
    net.events(Side::B);
    assert_eq!(net.b.connections(), 0);
    // Half-open ones end when they would be over.
    let mut net = Net::new(V4, Config::default());
    let a = net.connect();
    let syn = net.leaving(Side::A);
    net.give(Side::B, &syn);
    net.b.unlisten(net.now, net.listener);
    net.exchange();
    assert_eq!(net.a.state(a), TcpState::Closed);
    assert_eq!(net.b.connections(), 0);
    let _ = Command::Close;
}
