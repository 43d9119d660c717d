//! ICMP errors about a connection (RFC 9293, section 3.9.2.2; RFC 5927).

use hiatus_codec::SequenceNumber;
use hiatus_engine::{CloseReason, Event, IcmpError, IcmpErrorKind, PeerState, TcpState};

use crate::pair::{A_ISN, B_ISN, Pair, SUSPEND, Side, plain_config, seconds};

const HARD: [IcmpErrorKind; 3] =
    [IcmpErrorKind::PortUnreachable, IcmpErrorKind::ProtocolUnreachable, IcmpErrorKind::Prohibited];
const SOFT: [IcmpErrorKind; 5] = [
    IcmpErrorKind::NoRoute,
    IcmpErrorKind::HostUnreachable,
    IcmpErrorKind::SourceRouteFailed,
    IcmpErrorKind::TimeExceeded,
    IcmpErrorKind::ParameterProblem,
];

/// An error about the segment of `side` at `seq`, counted from its ISN.
fn report(pair: &mut Pair, side: Side, seq: u32, kind: IcmpErrorKind) {
    let isn = if side == Side::A { A_ISN } else { B_ISN };
    let error = IcmpError { kind, quoted_seq: SequenceNumber(isn.wrapping_add(seq)) };
    let now = pair.now;
    pair.end(side).handle_icmp(now, &error);
    pair.end(side).check_invariants().expect("invariants");
}

#[test]
fn codes_are_those_of_the_rfcs() {
    // RFC 792, RFC 1812, RFC 4443: types and codes.
    let v4 = |message_type, code| IcmpErrorKind::of_v4(message_type, code, 1400);
    assert_eq!(v4(3, 0), Some(IcmpErrorKind::NoRoute));
    assert_eq!(v4(3, 1), Some(IcmpErrorKind::HostUnreachable));
    assert_eq!(v4(3, 2), Some(IcmpErrorKind::ProtocolUnreachable));
    assert_eq!(v4(3, 3), Some(IcmpErrorKind::PortUnreachable));
    assert_eq!(v4(3, 4), Some(IcmpErrorKind::PacketTooBig { mtu_octets: 1400 }));
    assert_eq!(v4(3, 5), Some(IcmpErrorKind::SourceRouteFailed));
    assert_eq!(v4(4, 0), Some(IcmpErrorKind::SourceQuench));
    assert_eq!(v4(11, 0), Some(IcmpErrorKind::TimeExceeded));
    assert_eq!(v4(12, 0), Some(IcmpErrorKind::ParameterProblem));
    assert_eq!((v4(0, 0), v4(8, 0), v4(5, 1)), (None, None, None));
    let v6 = |message_type, code| IcmpErrorKind::of_v6(message_type, code, 70_000);
    assert_eq!(v6(1, 0), Some(IcmpErrorKind::NoRoute));
    assert_eq!(v6(1, 1), Some(IcmpErrorKind::Prohibited));
    assert_eq!(v6(1, 3), Some(IcmpErrorKind::HostUnreachable));
    assert_eq!(v6(1, 4), Some(IcmpErrorKind::PortUnreachable));
    assert_eq!(v6(2, 0), Some(IcmpErrorKind::PacketTooBig { mtu_octets: 65_535 }));
    assert_eq!(v6(3, 0), Some(IcmpErrorKind::TimeExceeded));
    assert_eq!(v6(4, 1), Some(IcmpErrorKind::ParameterProblem));
    assert_eq!((v6(128, 0), v6(129, 0)), (None, None));
}

#[test]
fn hard_error_ends_an_attempt_to_connect() {
    for kind in HARD {
        let mut pair = Pair::new(plain_config(), plain_config());
        pair.take(Side::A);
        report(&mut pair, Side::A, 0, kind);
        assert_eq!(pair.events(Side::A), [Event::Closed { reason: CloseReason::Unreachable(kind) }]);
    }
}

#[test]
fn soft_error_is_told_and_ends_nothing() {
    // MUST-56, SHLD-25.
    for kind in SOFT {
        let mut pair = Pair::new(plain_config(), plain_config());
        pair.take(Side::A);
        report(&mut pair, Side::A, 0, kind);
        report(&mut pair, Side::A, 0, kind);
        assert_eq!(pair.a.state(), TcpState::SynSent);
        assert_eq!(pair.events(Side::A), [Event::NetworkError { kind }]);
        pair.pass(seconds(2));
        assert_eq!(pair.a.state(), TcpState::Established);
    }
}

#[test]
fn connection_that_stands_outlives_every_error() {
    // RFC 5927, section 5.2: hard errors count as soft ones.
    for kind in HARD.into_iter().chain(SOFT) {
        let mut pair = Pair::new(plain_config(), plain_config());
        pair.exchange();
        pair.events(Side::A);
        pair.write(Side::A, b"in flight");
        let frames = pair.take(Side::A);
        report(&mut pair, Side::A, 1, kind);
        assert_eq!(pair.a.state(), TcpState::Established);
        assert_eq!(pair.events(Side::A), [Event::NetworkError { kind }]);
        pair.deliver(&frames[0]);
        assert_eq!(pair.read(Side::B), b"in flight");
    }
}

#[test]
fn error_that_quotes_nothing_in_flight_is_ignored() {
    // RFC 5927, section 4.1.
    let mut pair = Pair::new(plain_config(), plain_config());
    pair.take(Side::A);
    for seq in [1, 2, 1000, u32::MAX, 0x8000_0000] {
        report(&mut pair, Side::A, seq, IcmpErrorKind::PortUnreachable);
    }
    assert_eq!((pair.a.state(), pair.events(Side::A)), (TcpState::SynSent, vec![]));
    pair.pass(seconds(2));
    assert_eq!(pair.a.state(), TcpState::Established);
    pair.events(Side::A);
    // Nothing is in flight now.
    for seq in [0, 1, 2] {
        report(&mut pair, Side::A, seq, IcmpErrorKind::NoRoute);
    }
    assert_eq!(pair.events(Side::A), []);
}

#[test]
fn source_quench_is_discarded_in_silence() {
    // MUST-55.
    let mut pair = Pair::new(plain_config(), plain_config());
    pair.exchange();
    pair.events(Side::A);
    pair.write(Side::A, b"in flight");
    pair.take(Side::A);
    let before = pair.a.clone();
    report(&mut pair, Side::A, 1, IcmpErrorKind::SourceQuench);
    assert_eq!(pair.a, before);
}

#[test]
fn hard_error_sends_a_listener_back_to_listen() {
    let mut pair = Pair::new(plain_config(), plain_config());
    let syn = pair.take(Side::A);
    pair.deliver(&syn[0]);
    pair.take(Side::B);
    report(&mut pair, Side::B, 0, IcmpErrorKind::Prohibited);
    assert_eq!((pair.b.state(), pair.events(Side::B)), (TcpState::Listen, vec![]));
    pair.pass(seconds(2));
    assert_eq!(pair.b.state(), TcpState::Established);
}

#[test]
fn error_about_a_held_connection_ends_nothing() {
    //= draft#timeouts
    //# A host SHOULD NOT close a connection in HELD, PRESUMED or RESUMING
    //# because of an ICMP error.
    let mut pair = Pair::on();
    pair.write(Side::B, b"in flight");
    pair.take(Side::B);
    pair.command(Side::A, SUSPEND);
    let suspend = pair.take(Side::A);
    pair.deliver(&suspend[0]);
    for kind in HARD {
        report(&mut pair, Side::B, 1, kind);
    }
    assert_eq!((pair.b.state(), pair.b.peer_state()), (TcpState::Established, PeerState::Held));
}
