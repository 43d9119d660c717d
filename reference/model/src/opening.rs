//! The connection that every search begins with: open, Hiatus on, one epoch DURABLE at each end.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use hiatus_codec::{CapableBits, HoldTime, Segment, SequenceNumber};
use hiatus_engine::{
    Alarm, Config, CongestionAlgorithm, Connection, Endpoints, Entropy, HiatusPolicy, HiatusState, KeySource,
    Nagle, Offer, PathMtuDiscovery, Sacking,
};

use crate::app::App;
use crate::bounds::Bounds;
use crate::end::{End, Host, Input, NOW, Saved, connection_key, first_tsval, nonce};

/// Initial sequence numbers of A and of B, whose direction passes 2^32 at once.
pub(crate) const ISN: [SequenceNumber; 2] = [SequenceNumber(1_000_000), SequenceNumber(u32::MAX - 1)];
const ADDRESSES: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 40_000),
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), 80),
];
/// How long both hold for the other: it never runs out here.
const HOLD_SECONDS: u32 = 3_600;
/// Rounds of the handshake before something must be wrong with it.
const ROUNDS_MAX: usize = 16;

/// As small as the engine can be: no delayed ACK, no Nagle, no SACK, no search for the path MTU.
fn config(bounds: &Bounds, side: usize) -> Config {
    let offer = Offer {
        bits: CapableBits::new(CapableBits::VERSION).with_older().with_retention(),
        hold: HoldTime::from_seconds(HOLD_SECONDS),
    };
    Config {
        sack: Sacking::Off,
        delayed_ack: None,
        nagle: Nagle::Off,
        path_mtu_discovery: PathMtuDiscovery::Off,
        congestion: CongestionAlgorithm::NewReno,
        // So coarse that the window on the wire stays the same.
        window_scale: Some(14),
        hiatus: HiatusPolicy::On(offer),
        sending: bounds.sending[side],
        broken: bounds.broken_rule(),
        ..Config::default()
    }
}

fn connection(bounds: &Bounds, side: u8) -> Connection {
    let index = usize::from(side);
    let entropy = Entropy {
        isn: ISN[index],
        connection_key: connection_key(side),
        key_source: if side == 0 { KeySource::Drawn } else { KeySource::Derived },
        nonce: nonce(side, 0),
        timestamp_offset: 0,
    };
    let (local, remote) = (ADDRESSES[index], ADDRESSES[1 - index]);
    if side == 0 {
        Connection::connect(NOW, config(bounds, index), Endpoints { local, remote }, entropy)
    } else {
        Connection::listen(config(bounds, index), local, entropy)
    }
}

/// Both ends at the start, and the epoch that each of them begins with.
///
/// # Panics
///
/// If the handshake does not end: then nothing can be searched.
pub(crate) fn open(bounds: &Bounds) -> [(End, Saved); 2] {
    let mut ends = [0, 1].map(|side| {
        let index = usize::from(side);
        End {
            side,
            connection: connection(bounds, side),
            app: App::default(),
            ended: None,
            host: Host {
                tsval_ceiling: first_tsval(),
                snapshots_left: bounds.snapshots[index],
                crashes_left: bounds.crashes[index],
                ..Host::default()
            },
        }
    });
    exchange(bounds, &mut ends);
    for end in &ends {
        assert_eq!(end.connection.hiatus_state(), HiatusState::On, "Hiatus is on");
    }
    let saved = ends.each_mut().map(|end| {
        let mut sent = Vec::new();
        let epoch = end.first_epoch(bounds, &mut sent);
        (epoch, sent)
    });
    let [(a_epoch, a_sent), (b_epoch, b_sent)] = saved;
    deliver_all(bounds, &mut ends, a_sent, b_sent);
    exchange(bounds, &mut ends);
    // An EPOCH that waited for the echo of the handshake.
    for from in [0, 1] {
        let sent = ends[from].handle(bounds, Input::Alarm(Alarm::Epoch), &[], None).sent;
        let both = if from == 0 { [sent, Vec::new()] } else { [Vec::new(), sent] };
        let [a_sent, b_sent] = both;
        let [a_sent, b_sent] = deliver_all(bounds, &mut ends, a_sent, b_sent);
        deliver_all(bounds, &mut ends, a_sent, b_sent);
    }
    let [a, b] = ends;
    [(a, a_epoch), (b, b_epoch)]
}

/// Delivers until nothing is sent any more.
fn exchange(bounds: &Bounds, ends: &mut [End; 2]) {
    let mut sent = ends.each_mut().map(|end| {
        let mut sent = Vec::new();
        end.settle(bounds, &mut sent);
        sent
    });
    for _ in 0..ROUNDS_MAX {
        let [a_sent, b_sent] = sent;
        sent = deliver_all(bounds, ends, a_sent, b_sent);
        if sent.iter().all(Vec::is_empty) {
            return;
        }
    }
    panic!("a handshake that does not end");
}

fn deliver_all(
    bounds: &Bounds,
    ends: &mut [End; 2],
    a_sent: Vec<Vec<u8>>,
    b_sent: Vec<Vec<u8>>,
) -> [Vec<Vec<u8>>; 2] {
    let mut answers = [Vec::new(), Vec::new()];
    for (from, sent) in [(0, a_sent), (1, b_sent)] {
        for octets in sent {
            debug_assert!(Segment::parse(&octets).is_ok(), "an engine writes segments");
            let outcome = ends[1 - from].handle(bounds, Input::Deliver(0), &octets, None);
            answers[1 - from].extend(outcome.sent);
        }
    }
    answers
}
