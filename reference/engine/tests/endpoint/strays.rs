//! Segments that meet no connection.

use core::time::Duration;

use hiatus_codec::{AbortReason, Flags, KnownOptions, Message};
use hiatus_engine::{CloseReason, Command, Config, Endpoint, EndpointLimits, Event, Strays, TcpState};

use crate::net::{B_SECRETS, Net, Side, V4, V6, forged, has, hiatus_config, only, segment_of};

#[test]
fn a_syn_to_no_listener_is_refused() {
    for addresses in [V4, V6] {
        let mut net = Net::new(addresses, Config::default());
        net.b.unlisten(net.now, net.listener);
        let a = net.connect();
        let syn = only(net.leaving(Side::A));
        net.give(Side::B, core::slice::from_ref(&syn));
        let reset = only(net.leaving(Side::B));
        // RFC 9293, section 3.10.7.1: <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>.
        let (syn, answer) = (segment_of(&syn), segment_of(&reset));
        assert_eq!(
            (answer.seq.0, answer.ack, answer.flags),
            (0, syn.seq.advanced_by(1), Flags::RST.union(Flags::ACK))
        );
        net.give(Side::A, core::slice::from_ref(&reset));
        net.exchange();
        assert_eq!(net.a.state(a), TcpState::Closed);
        assert_eq!(net.events(Side::A), [(a, Event::Closed { reason: CloseReason::Refused })]);
        assert_eq!(net.a.connections(), 0);
    }
}

#[test]
fn resets_have_a_bound_in_a_second() {
    let limits = EndpointLimits { resets_per_second: 5, ..EndpointLimits::default() };
    let mut net = Net::new(V4, Config::default());
    net.b = Endpoint::new(B_SECRETS, limits);
    net.connect();
    let syn = only(net.leaving(Side::A));
    net.give(Side::B, &vec![syn.clone(); 20]);
    assert_eq!(net.leaving(Side::B).len(), 5);
    net.now = net.now + Duration::from_secs(1);
    net.give(Side::B, &vec![syn; 20]);
    assert_eq!(net.leaving(Side::B).len(), 5);
}

#[test]
fn an_rst_is_never_answered() {
    let mut net = Net::new(V4, Config::default());
    let (a, _) = net.connected();
    net.a.command(net.now, a, Command::Abort).unwrap();
    let reset = net.leaving(Side::A);
    assert!(has(&reset[0], Flags::RST));
    net.b = Endpoint::new(B_SECRETS, EndpointLimits::default());
    net.give(Side::B, &reset);
    assert!(net.leaving(Side::B).is_empty());
}

#[test]
fn a_host_that_restores_its_connections_answers_no_stray() {
    let mut net = Net::new(V4, Config::default());
    let (a, b) = net.connected();
    let saved = net.b.clone();
    net.b = Endpoint::new(B_SECRETS, EndpointLimits::default());
    net.b.set_strays(Strays::Silenced);
    net.a.write(net.now, a, b"are you there").unwrap();
    net.exchange();
    assert_eq!(net.a.state(a), TcpState::Established);
    net.b = saved;
    net.b.set_strays(Strays::Answered);
    net.pass(Duration::from_secs(2));
    assert_eq!(net.b.readable_octets(b), 13);
}

#[test]
fn a_host_that_lost_its_state_proves_it_by_the_key_it_derives_again() {
    let mut net = Net::new(V4, hiatus_config());
    let (a, _) = net.connected();
    // B boots: the same host secret, a new instance, no connection. It listens again.
    net.b = Endpoint::new(
        hiatus_engine::EndpointSecrets { instance: [9; 16], ..B_SECRETS },
        EndpointLimits::default(),
    );
    net.b.listen(V4.b(), hiatus_config(), Default::default()).unwrap();
    net.events(Side::A);
    net.a.command(net.now, a, Command::Resume).unwrap();
    let resume = net.leaving(Side::A);
    net.give(Side::B, &resume);
    let answer = only(net.leaving(Side::B));
    let segment = segment_of(&answer);
    assert!(segment.flags.contains(Flags::RST));
    let message = KnownOptions::parse(&segment).hiatus.unwrap().message();
    assert!(matches!(message, Message::Abort(abort) if abort.reason == AbortReason::LOST));
    net.give(Side::A, core::slice::from_ref(&answer));
    let reason = CloseReason::AbortedByPeer(AbortReason::LOST);
    assert_eq!(net.events(Side::A), [(a, Event::Closed { reason })]);
}

#[test]
fn damaged_packets_change_nothing() {
    let mut net = Net::new(V4, Config::default());
    let (a, b) = net.connected();
    net.a.write(net.now, a, b"hello").unwrap();
    let mut packet = only(net.leaving(Side::A));
    *packet.last_mut().unwrap() ^= 1;
    net.give(Side::B, &[packet]);
    assert!(net.leaving(Side::B).is_empty());
    assert_eq!(net.b.readable_octets(b), 0);
}

#[test]
fn a_syn_for_a_connection_that_was_aborted_is_refused_where_nobody_listens() {
    // RFC 9293, section 3.10.7.1. For a minute other segments are answered by ABORT (draft, {#ending}).
    let mut net = Net::new(V4, hiatus_config());
    let (a, b) = net.connected();
    net.a.write(net.now, a, b"x").unwrap();
    let data = only(net.leaving(Side::A));
    net.b.unlisten(net.now, net.listener);
    net.b.command(net.now, b, Command::Abort).unwrap();
    net.leaving(Side::B);
    net.events(Side::B);
    let syn = forged(&data, |segment| segment.flags = Flags::SYN);
    for (packet, seq) in [(&syn, 0), (&data, segment_of(&data).ack.0), (&syn, 0)] {
        net.give(Side::B, core::slice::from_ref(packet));
        let answer = only(net.leaving(Side::B));
        assert!(has(&answer, Flags::RST));
        assert_eq!(segment_of(&answer).seq.0, seq);
    }
}
