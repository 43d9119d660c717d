//! What is kept for peers that are away has a bound, for each peer and in all (draft, {#bounds}).

use core::time::Duration;

use hiatus_codec::{AbortReason, CapableBits, HoldTime, KnownOptions, Message};
use hiatus_engine::{
    Backlog, CloseReason, Command, Config, ConnectionId, EndpointLimits, Event, HiatusPolicy, Offer,
    PeerState, TcpState,
};

use crate::net::{Net, Side, V4, V6, hiatus_config, segment_of};

fn bounded(limits: EndpointLimits) -> Net {
    Net::bounded(V4, hiatus_config(), Backlog::default(), limits)
}

fn suspend(net: &mut Net, id: ConnectionId) {
    net.a.command(net.now, id, Command::Suspend { expected_absence: HoldTime::NONE }).unwrap();
    net.exchange();
}

/// What A was granted.
fn granted(net: &mut Net) -> Option<Duration> {
    let hold = |(_, event): &(ConnectionId, Event)| match event {
        Event::SuspendAcknowledged { hold } => Some(*hold),
        _ => None,
    };
    net.events(Side::A).iter().find_map(hold)
}

#[test]
fn a_suspend_beyond_the_bound_is_granted_nothing() {
    for limits in [
        EndpointLimits { held_max: 2, ..EndpointLimits::default() },
        EndpointLimits { held_per_peer_max: 2, ..EndpointLimits::default() },
    ] {
        let mut net = bounded(limits);
        let ids: Vec<_> = (0..3).map(|_| net.connected()).collect();
        net.events(Side::A);
        net.events(Side::B);
        for (nth, (a, b)) in ids.iter().enumerate() {
            suspend(&mut net, *a);
            let is_held = nth < 2;
            assert_eq!(granted(&mut net), Some(Duration::from_secs(if is_held { 7200 } else { 0 })));
            let expected = if is_held { PeerState::Held } else { PeerState::Up };
            assert_eq!(net.b.peer_state(*b), expected);
            assert_eq!(
                net.events(Side::B).len(),
                usize::from(is_held),
                "nobody is told of what was not granted"
            );
            net.b.check_invariants().unwrap();
        }
        assert_eq!(net.b.held(), 2);
        // Who is back makes room.
        net.a.command(net.now, ids[0].0, Command::Resume).unwrap();
        net.exchange();
        assert_eq!(net.b.held(), 1);
        net.a.command(net.now, ids[2].0, Command::Resume).unwrap();
        net.exchange();
        net.carry(Side::B, ids[2], b"it goes on all the same");
        net.events(Side::A);
        suspend(&mut net, ids[2].0);
        assert_eq!(granted(&mut net), Some(Duration::from_secs(7200)));
        net.b.check_invariants().unwrap();
    }
}

#[test]
fn peers_are_counted_by_address_and_by_prefix() {
    let limits = EndpointLimits { held_per_peer_max: 1, ..EndpointLimits::default() };
    let cases = [("192.0.2.9:0", true), ("192.0.2.1:0", false)].map(|case| (V4, case));
    let of_v6 = [("[2001:db8::1:9]:0", false), ("[2001:db8:0:1::1]:0", true)].map(|case| (V6, case));
    for (addresses, (second, fits)) in cases.into_iter().chain(of_v6) {
        let mut net = Net::bounded(addresses, hiatus_config(), Backlog::default(), limits);
        let (a, _) = net.connected();
        suspend(&mut net, a);
        let local = second.parse().unwrap();
        let a = net.a.connect(net.now, local, addresses.b(), net.config).unwrap();
        net.exchange();
        let b = net.b.accept(net.listener).unwrap();
        suspend(&mut net, a);
        assert_eq!(net.b.peer_state(b) == PeerState::Held, fits, "{second}");
    }
}

#[test]
fn a_silent_peer_beyond_the_bound_is_not_presumed_away() {
    let mut net = bounded(EndpointLimits { held_max: 1, ..EndpointLimits::default() });
    let ids: Vec<_> = (0..2).map(|_| net.connected()).collect();
    net.events(Side::B);
    // A's host loses its power: what B writes is not acknowledged.
    net.a.set_strays(hiatus_engine::Strays::Silenced);
    for (_, b) in &ids {
        net.b.write(net.now, *b, b"anybody there").unwrap();
    }
    let mut told = Vec::new();
    while let Some(due) = net.b.poll_timeout().filter(|due| *due < net.now + Duration::from_secs(400)) {
        net.now = net.now.max(due);
        net.b.handle_timeout(net.now);
        net.leaving(Side::B);
        told.extend(net.events(Side::B));
        net.b.check_invariants().unwrap();
        if net.b.held() == 1 && told.iter().any(|(_, event)| matches!(event, Event::Closed { .. })) {
            break;
        }
    }
    let presumed = told.iter().filter(|(_, event)| matches!(event, Event::PeerPresumedSuspended { .. }));
    assert_eq!(presumed.count(), 1);
    let closed: Vec<_> = told.iter().filter(|(_, event)| matches!(event, Event::Closed { .. })).collect();
    assert!(matches!(closed[..], [(_, Event::Closed { reason: CloseReason::NoAnswer })]), "{closed:?}");
}

/// Both ends may come back older, and keep octets for each other.
fn older_config() -> Config {
    let bits = CapableBits::new(1).with_older().with_retention();
    let offer = Offer { bits, hold: HoldTime::from_seconds(7200) };
    Config { hiatus: HiatusPolicy::On(offer), ..Config::default() }
}

#[test]
fn nobody_lingers_beyond_the_bound() {
    let limits = EndpointLimits { held_max: 1, ..EndpointLimits::default() };
    let mut net = Net::bounded(V4, older_config(), Backlog::default(), limits);
    let ids: Vec<_> = (0..2).map(|_| net.connected()).collect();
    for (a, b) in &ids {
        net.close(Side::A, *a);
        net.close(Side::B, *b);
    }
    assert_eq!([net.b.state(ids[0].1), net.b.state(ids[1].1)], [TcpState::Linger, TcpState::Closed]);
    net.b.check_invariants().unwrap();
    let told = net.events(Side::B);
    assert_eq!(told.iter().filter(|(_, event)| matches!(event, Event::Lingering { .. })).count(), 1);
    assert!(told.contains(&(ids[1].1, Event::Closed { reason: CloseReason::Finished })));
}

#[test]
fn octets_beyond_the_bound_are_given_up_and_the_connection_goes_on() {
    for limits in [
        EndpointLimits { retained_octets_max: 40_000, ..EndpointLimits::default() },
        EndpointLimits { retained_octets_per_peer_max: 40_000, ..EndpointLimits::default() },
    ] {
        let mut net = Net::bounded(V4, older_config(), Backlog::default(), limits);
        let ids @ (a, b) = net.connected();
        net.events(Side::B);
        net.carry(Side::B, ids, &[1; 30_000]);
        assert_eq!(net.b.info(b).unwrap().retained_octets, 30_000);
        net.carry(Side::B, ids, &[2; 30_000]);
        assert!(net.b.info(b).unwrap().retained_octets <= 40_000);
        assert!(net.events(Side::B).contains(&(b, Event::Shed)));
        net.carry(Side::B, ids, &[3; 100_000]);
        net.carry(Side::A, ids, &[4; 1000]);
        net.b.check_invariants().unwrap();
        assert_eq!(net.a.state(a), TcpState::Established);
    }
}

#[test]
fn for_lack_of_memory_who_lingers_goes_first_then_who_is_closed_then_the_newest_of_the_largest_peer() {
    let mut net = Net::bounded(V4, older_config(), Backlog::default(), EndpointLimits::default());
    // From 192.0.2.1: one that lingers, one that B closed, three that are held. From 192.0.2.9: two that are held.
    let mut ids: Vec<_> = (0..5).map(|_| net.connected()).collect();
    for _ in 0..2 {
        let a = net.a.connect(net.now, "192.0.2.9:0".parse().unwrap(), V4.b(), net.config).unwrap();
        net.exchange();
        ids.push((a, net.b.accept(net.listener).unwrap()));
    }
    net.close(Side::A, ids[0].0);
    net.close(Side::B, ids[0].1);
    assert_eq!(net.b.state(ids[0].1), TcpState::Linger);
    // In the order 1, 5, 6, 2, 3, 4.
    for nth in [1, 5, 6, 2, 3, 4] {
        suspend(&mut net, ids[nth].0);
    }
    net.close(Side::B, ids[1].1);
    net.pass(Duration::from_secs(5));
    net.events(Side::A);
    net.events(Side::B);
    assert_eq!(net.b.held(), 7);
    // Of two peers with as many connections either may be the next.
    let mut order = Vec::new();
    for _ in 0..4 {
        assert_eq!(net.b.shed(net.now, 1), 1);
        let packets = net.leaving(Side::B);
        let is_shed = |packet: &Vec<u8>| {
            let option = KnownOptions::parse(&segment_of(packet)).hiatus;
            option.is_some_and(|option| matches!(option.message(), Message::Abort(abort) if abort.reason == AbortReason::SHED))
        };
        assert!(packets.iter().any(is_shed), "the peer is told");
        let closed = Event::Closed { reason: CloseReason::AbortedHere(AbortReason::SHED) };
        let told = net.events(Side::B);
        let (id, _) = told.iter().find(|(_, event)| *event == closed).expect("one is over");
        order.push(ids.iter().position(|(_, b)| b == id).unwrap());
        net.b.check_invariants().unwrap();
    }
    assert_eq!(order[..3], [0, 1, 4]);
    assert!([3, 6].contains(&order[3]), "{order:?}");
    assert_eq!(net.b.shed(net.now, 100), 3);
    assert_eq!((net.b.held(), net.b.shed(net.now, 1)), (0, 0));
    // Who comes back hears of it.
    let (a, _) = ids[2];
    net.a.command(net.now, a, Command::Resume).unwrap();
    net.exchange();
    assert_eq!(net.a.state(a), TcpState::Closed);
    let aborted = Event::Closed { reason: CloseReason::AbortedByPeer(AbortReason::SHED) };
    assert!(net.events(Side::A).contains(&(a, aborted)));
}
