//! Ids and 4-tuples that are used again.

use core::time::Duration;

use hiatus_codec::{Flags, KnownOptions};
use hiatus_engine::{
    Backlog, Command, CommandError, Config, ConnectionId, EndpointLimits, Event, TcpState, Timestamping,
    WriteError,
};

use crate::net::{Net, Side, V4, forged, has, only, segment_of};

#[test]
fn the_id_of_a_connection_that_is_gone_names_no_later_one() {
    let mut net = Net::new(V4, Config::default());
    let old = net.connect();
    net.a.command(net.now, old, Command::Abort).unwrap();
    net.events(Side::A);
    net.exchange();
    assert_eq!(net.a.connections(), 0);
    let (new, _) = net.connected();
    assert_ne!(old, new);
    assert_eq!(net.a.state(old), TcpState::Closed);
    assert_eq!(net.a.local(old), None);
    let closed = TcpState::Closed;
    assert_eq!(net.a.write(net.now, old, b"x"), Err(WriteError::NoConnection { found: closed }));
    assert_eq!(
        net.a.command(net.now, old, Command::Abort),
        Err(CommandError::NoConnection { found: closed })
    );
    assert_eq!(net.a.read(net.now, old, &mut [0; 10]), 0);
    assert_eq!(net.a.state(new), TcpState::Established);
}

/// A connection that B closed first, so that B is in TIME-WAIT; and the SYN that had opened it.
fn in_time_wait(config: Config) -> (Net, ConnectionId, Vec<u8>) {
    in_time_wait_of(config, Backlog::default())
}

/// The same with a listener of that backlog.
fn in_time_wait_of(config: Config, backlog: Backlog) -> (Net, ConnectionId, Vec<u8>) {
    let mut net = Net::bounded(V4, config, backlog, EndpointLimits::default());
    let a = net.connect();
    let syn = only(net.leaving(Side::A));
    net.give(Side::B, core::slice::from_ref(&syn));
    net.exchange();
    let b = net.b.accept(net.listener).unwrap();
    net.close(Side::B, b);
    net.close(Side::A, a);
    net.events(Side::A);
    net.events(Side::B);
    assert_eq!(net.b.state(b), TcpState::TimeWait);
    assert_eq!(net.a.connections(), 0);
    (net, b, syn)
}

#[test]
fn a_newer_syn_ends_time_wait_and_an_old_one_does_not() {
    for timestamps in [Timestamping::On, Timestamping::Off] {
        let (mut net, b, syn) = in_time_wait(Config { timestamps, ..Config::default() });
        // The old SYN again: an ACK, as any segment out of the window draws (RFC 9293, section 3.10.7.4).
        net.give(Side::B, core::slice::from_ref(&syn));
        assert_eq!(net.b.state(b), TcpState::TimeWait);
        assert!(net.leaving(Side::B).iter().all(|packet| !has(packet, Flags::SYN)));
        // A opens the same 4-tuple anew: its clocks went on.
        net.now = net.now + Duration::from_secs(1);
        let from = (V4.a().ip(), segment_of(&syn).source_port).into();
        let a = net.a.connect(net.now, from, V4.b(), net.config).unwrap();
        net.exchange();
        assert_eq!(net.a.state(a), TcpState::Established);
        let again = net.b.accept(net.listener).unwrap();
        assert_eq!(net.b.state(b), TcpState::Closed);
        assert!(
            net.events(Side::B).iter().any(|(id, event)| *id == b && matches!(event, Event::Closed { .. }))
        );
        net.carry(Side::A, (a, again), b"anew");
    }
}

#[test]
fn time_wait_gives_way_only_to_a_connection_that_is_made() {
    let backlog = Backlog { half_open_max: 1, accept_max: 1 };
    let (mut net, b, syn) = in_time_wait_of(Config::default(), backlog);
    // Somebody else fills the place of half-open connections.
    let other = forged(&syn, |segment| segment.source_port = 7);
    net.give(Side::B, &[other]);
    net.leaving(Side::B);
    net.now = net.now + Duration::from_secs(1);
    let from = (V4.a().ip(), segment_of(&syn).source_port).into();
    let a = net.a.connect(net.now, from, V4.b(), net.config).unwrap();
    let newer = net.leaving(Side::A);
    net.give(Side::B, &newer);
    // A cookie keeps nothing, so its number would not lie beyond those that the last connection used (RFC 9293, section
    // 3.6.1, MAY-2).
    assert_eq!(net.b.state(b), TcpState::TimeWait);
    assert!(net.leaving(Side::B).iter().all(|packet| !has(packet, Flags::SYN)));
    // With room again the SYN that is repeated is taken.
    let reset = forged(&syn, |segment| {
        segment.source_port = 7;
        segment.flags = Flags::RST;
        segment.seq = segment.seq.advanced_by(1);
    });
    net.give(Side::B, &[reset]);
    net.pass(Duration::from_secs(4));
    assert_eq!((net.a.state(a), net.b.state(b)), (TcpState::Established, TcpState::Closed));
}

#[test]
fn the_next_isn_lies_beyond_all_that_the_last_connection_used() {
    let mut net = Net::new(V4, Config::default());
    let a = net.connect();
    let syn = only(net.leaving(Side::A));
    net.give(Side::B, core::slice::from_ref(&syn));
    net.exchange();
    let b = net.b.accept(net.listener).unwrap();
    // Faster than the clock of sequence numbers, which counts 250,000 a second.
    let mut last = segment_of(&syn).seq;
    net.b.write(net.now, b, &[7; 60_000]).unwrap();
    for _ in 0..30 {
        for packet in net.leaving(Side::B) {
            last = segment_of(&packet).seq;
            net.give(Side::A, &[packet]);
        }
        net.a.read(net.now, a, &mut [0; 65_536]);
        net.exchange();
        net.b.write(net.now, b, &[7; 60_000]).unwrap();
    }
    net.b.command(net.now, b, Command::Close).unwrap();
    while net.b.state(b) != TcpState::FinWait2 {
        net.exchange();
        net.a.read(net.now, a, &mut [0; 65_536]);
    }
    net.close(Side::A, a);
    assert_eq!(net.b.state(b), TcpState::TimeWait);
    net.now = net.now + Duration::from_millis(10);
    let newer = KnownOptions::parse(&segment_of(&syn)).timestamps.unwrap().value + 1_000_000;
    let options = {
        let mut writer = hiatus_codec::OptionWriter::new();
        let stamps = hiatus_codec::Timestamps { value: newer, echo_reply: 0 };
        writer.push(&hiatus_codec::TcpOption::Timestamps(stamps)).unwrap();
        let _padded = writer.finish();
        writer
    };
    let octets = options.as_slice().to_vec();
    let again = rebuilt(&syn, &octets);
    net.give(Side::B, &[again]);
    let answers = net.leaving(Side::B);
    let syn_ack = answers.iter().find(|packet| has(packet, Flags::SYN)).expect("TIME-WAIT gave way");
    assert!(segment_of(syn_ack).seq.after(last.advanced_by(1460)));
}

#[test]
fn time_wait_does_not_end_for_a_connection_that_is_not_made() {
    // Half-open connections are as many as may be, or nobody accepts: the new one cannot be made now, and numbers of a
    // cookie would not lie beyond those of the last connection (RFC 9293, section 3.6.1, condition 1).
    for backlog in [Backlog { half_open_max: 0, accept_max: 9 }, Backlog { half_open_max: 9, accept_max: 0 }]
    {
        let (mut net, b, syn) = in_time_wait(Config::default());
        net.b.unlisten(net.now, net.listener);
        net.listener = net.b.listen(V4.b(), net.config, backlog).unwrap();
        net.now = net.now + Duration::from_secs(1);
        let from = (V4.a().ip(), segment_of(&syn).source_port).into();
        net.a.connect(net.now, from, V4.b(), net.config).unwrap();
        let again = net.leaving(Side::A);
        net.give(Side::B, &again);
        assert_eq!((net.b.state(b), net.leaving(Side::B).len()), (TcpState::TimeWait, 0), "{backlog:?}");
        // It still acknowledges what the last connection sends again.
        let fin = forged(&only(again), |segment| {
            segment.seq = segment_of(&syn).seq.advanced_by(1);
            segment.flags = Flags::ACK.union(Flags::FIN);
        });
        net.give(Side::B, &[fin]);
        assert_eq!(net.leaving(Side::B).len(), 1);
    }
}

#[test]
fn what_the_listener_would_do_with_timestamps_counts_and_not_what_the_last_connection_did() {
    // RFC 6191, section 2: without timestamps in the last connection, a SYN that has them is taken if the new connection
    // would use them. Otherwise its number has to lie beyond the last one.
    let without = Config { timestamps: Timestamping::Off, ..Config::default() };
    let mut net = Net::new(V4, without);
    let at_a = "192.0.2.1:4000".parse().unwrap();
    let listener = net.a.listen(at_a, without, Backlog::default()).unwrap();
    let b = net.b.connect(net.now, V4.b(), at_a, Config::default()).unwrap();
    net.exchange();
    let a = net.a.accept(listener).unwrap();
    net.close(Side::B, b);
    net.a.command(net.now, a, Command::Close).unwrap();
    let fin = only(net.leaving(Side::A));
    net.give(Side::B, core::slice::from_ref(&fin));
    assert_eq!(net.b.state(b), TcpState::TimeWait);
    let syn = rebuilt(&fin, &[1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0]);
    for (ahead, expected) in [(u32::MAX, TcpState::TimeWait), (1, TcpState::Closed)] {
        let syn = forged(&syn, |segment| {
            segment.seq = segment.seq.advanced_by(ahead);
            segment.flags = Flags::SYN;
        });
        net.give(Side::B, &[syn]);
        assert_eq!(net.b.state(b), expected);
    }
}

/// A SYN with other options.
fn rebuilt(syn: &[u8], options: &[u8]) -> Vec<u8> {
    let segment = hiatus_codec::Segment { options, payload: &[], ..segment_of(syn) };
    let mut packet = syn[..20].to_vec();
    packet.resize(20 + segment.wire_len_octets(), 0);
    segment.emit(&mut packet[20..]).unwrap();
    let total = u16::try_from(packet.len()).unwrap();
    packet[2..4].copy_from_slice(&total.to_be_bytes());
    let mut header = etherparse::Ipv4HeaderSlice::from_slice(&packet[..20]).unwrap().to_header();
    header.header_checksum = header.calc_header_checksum();
    packet[10..12].copy_from_slice(&header.header_checksum.to_be_bytes());
    forged(&packet, |_| {})
}
