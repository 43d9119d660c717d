//! Connections that nothing happened to for a while: nobody outside can tell.

use core::time::Duration;

use hiatus_codec::HoldTime;
use hiatus_engine::{
    CloseReason, Command, Config, Event, HiatusState, PeerState, SelfState, TcpState, Timestamping,
};

use crate::net::{Net, Side, V4, V6, hiatus_config};

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn octets_flow_after_any_rest() {
    for addresses in [V4, V6] {
        let plain = Config { timestamps: Timestamping::Off, ..Config::default() };
        for config in [Config::default(), plain, hiatus_config()] {
            let mut net = Net::new(addresses, config);
            let ids @ (a, b) = net.connected();
            for _ in 0..4 {
                net.pass(HOUR);
                assert_eq!((net.a.state(a), net.b.state(b)), (TcpState::Established, TcpState::Established));
                net.carry(Side::A, ids, &[1; 50_000]);
                net.pass(Duration::from_secs(2));
                net.carry(Side::B, ids, &[2; 50_000]);
            }
            assert_eq!(
                net.a.hiatus_state(a) == HiatusState::On,
                config != plain && config != Config::default()
            );
        }
    }
}

#[test]
fn a_resting_endpoint_waits_for_nothing() {
    let mut net = Net::new(V4, Config::default());
    let (a, _) = net.connected();
    net.pass(Duration::from_secs(10));
    assert_eq!((net.a.poll_timeout(), net.b.poll_timeout()), (None, None));
    assert_eq!((net.a.readable_octets(a), net.a.writable_octets(a)), (0, 65_536));
    let saved = net.clone();
    drop(net);
    let mut net = saved;
    net.close(Side::A, a);
    assert_eq!(net.a.state(a), TcpState::FinWait2);
}

#[test]
fn a_hold_that_runs_out_is_noticed_to_the_second() {
    let mut net = Net::new(V4, hiatus_config());
    let (a, b) = net.connected();
    net.a.command(net.now, a, Command::Suspend { expected_absence: HoldTime::NONE }).unwrap();
    net.exchange();
    let told = net.events(Side::B);
    let hold = told.iter().find_map(|(_, event)| match event {
        Event::PeerSuspended { hold } => Some(*hold),
        _ => None,
    });
    let hold = hold.expect("B holds the connection");
    assert!(hold <= Duration::from_secs(7200));
    // A's host is off.
    net.a = hiatus_engine::Endpoint::new(crate::net::A_SECRETS, Default::default());
    net.a.set_strays(hiatus_engine::Strays::Silenced);
    net.pass(hold - Duration::from_secs(1));
    assert_eq!((net.b.state(b), net.b.peer_state(b)), (TcpState::Established, PeerState::Held));
    net.pass(Duration::from_secs(2));
    assert_eq!(net.events(Side::B), [(b, Event::Closed { reason: CloseReason::HoldOver })]);
    assert_eq!(net.b.connections(), 0);
}

#[test]
fn a_host_comes_back_to_connections_that_rest_at_both_ends() {
    let mut net = Net::new(V6, hiatus_config());
    let ids @ (a, b) = net.connected();
    net.pass(Duration::from_secs(10));
    net.a.command(net.now, a, Command::Suspend { expected_absence: HoldTime::NONE }).unwrap();
    net.exchange();
    net.pass(Duration::from_secs(10));
    assert_eq!((net.a.self_state(a), net.b.peer_state(b)), (SelfState::Leaving, PeerState::Held));
    net.now = net.now + HOUR;
    net.a.command(net.now, a, Command::Resume).unwrap();
    net.exchange();
    assert_eq!((net.a.self_state(a), net.b.peer_state(b)), (SelfState::Up, PeerState::Up));
    net.carry(Side::B, ids, b"welcome");
}

#[test]
fn a_resting_end_hears_an_abort() {
    let mut net = Net::new(V4, Config::default());
    let (a, b) = net.connected();
    net.pass(HOUR);
    net.b.command(net.now, b, Command::Abort).unwrap();
    net.exchange();
    assert_eq!(net.a.state(a), TcpState::Closed);
    net.events(Side::A);
    net.events(Side::B);
    assert_eq!((net.a.connections(), net.b.connections()), (0, 0));
}
