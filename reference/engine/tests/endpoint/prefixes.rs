//! Listeners for every port of a prefix of addresses.

use core::net::SocketAddr;

use hiatus_codec::Flags;
use hiatus_engine::{Config, ListenError, PlainTcp, Prefix, Restoration, Saved, TcpState};

use crate::net::{B_SECRETS, Net, Side, V4, V6, has, only};

fn prefix(text: &str, len_bits: u8) -> Prefix {
    Prefix::new(text.parse().unwrap(), len_bits).unwrap()
}

fn connect(net: &mut Net, remote: SocketAddr) -> hiatus_engine::ConnectionId {
    let id = net.a.connect(net.now, net.addresses.a(), remote, net.config).unwrap();
    net.exchange();
    id
}

#[test]
fn every_port_of_the_prefix_is_accepted_as_what_was_meant() {
    let cases = [
        (V4, prefix("198.51.100.0", 24), ["198.51.100.0:1", "198.51.100.9:443", "198.51.100.255:65535"]),
        (
            V6,
            prefix("2001:db8:9::", 64),
            ["[2001:db8:9::1]:1", "[2001:db8:9::2]:443", "[2001:db8:9::ff]:8080"],
        ),
    ];
    for (addresses, prefix, meant) in cases {
        let mut net = Net::new(addresses, Config::default());
        let listener = net.b.listen_prefix(prefix, Config::default(), Default::default()).unwrap();
        let taken = net.b.listen_prefix(prefix, Config::default(), Default::default());
        assert_eq!(taken, Err(ListenError::PrefixTaken { prefix }));
        for remote in meant.map(|text| text.parse().unwrap()) {
            let a = connect(&mut net, remote);
            let b = net.b.accept(listener).expect("a connection");
            assert_eq!((net.a.state(a), net.b.state(b)), (TcpState::Established, TcpState::Established));
            assert_eq!((net.b.local(b), net.b.remote(b)), (Some(remote), net.a.local(a)));
            net.carry(Side::A, (a, b), b"to whom it may concern");
            net.carry(Side::B, (a, b), b"it does");
        }
        net.b.check_invariants().unwrap();
        net.b.unlisten(net.now, listener);
        let a = connect(&mut net, meant[0].parse().unwrap());
        assert_eq!(net.a.state(a), TcpState::Closed);
    }
}

/// RFC 9293, section 3.10.7.1: a SYN that nobody listens for is answered by an RST.
#[test]
fn another_address_is_refused_and_one_address_comes_before() {
    let mut net = Net::new(V4, Config::default());
    let exact: SocketAddr = "198.51.100.9:443".parse().unwrap();
    let listener =
        net.b.listen_prefix(prefix("198.51.100.0", 24), Config::default(), Default::default()).unwrap();
    let one = net.b.listen(exact, Config::default(), Default::default()).unwrap();
    // Its own address has a listener on port 80 alone.
    for remote in ["192.0.2.2:81", "198.51.101.0:80"] {
        net.a.connect(net.now, net.addresses.a(), remote.parse().unwrap(), net.config).unwrap();
        let syn = only(net.leaving(Side::A));
        net.give(Side::B, &[syn]);
        assert!(has(&only(net.leaving(Side::B)), Flags::RST), "{remote}");
    }
    connect(&mut net, exact);
    assert!(net.b.accept(one).is_some() && net.b.accept(listener).is_none());
    net.connected();
    assert!(net.b.accept(listener).is_none());
}

/// What it opens itself goes on as before: an address of the prefix has ports to give away too.
#[test]
fn connections_of_its_own_get_ports_and_no_stranger_does() {
    let mut net = Net::new(V4, Config::default());
    let all = prefix("0.0.0.0", 0);
    let listener = net.a.listen_prefix(all, Config::default(), Default::default()).unwrap();
    net.connected();
    assert!(net.a.accept(listener).is_none());
}

#[test]
fn a_connection_of_a_prefix_survives_a_crash() {
    let durable = Config { plain: PlainTcp::Durable, ..Config::default() };
    let mut net = Net::new(V4, Config::default());
    let listener = net.b.listen_prefix(prefix("198.51.100.0", 24), durable, Default::default()).unwrap();
    let remote: SocketAddr = "198.51.100.9:443".parse().unwrap();
    let a = connect(&mut net, remote);
    net.b.accept(listener).expect("a connection");
    let mut records: Vec<Vec<u8>> = Vec::new();
    let now = net.now;
    net.b.snapshot_taken(now, 1, |saved| {
        if let Saved::Connection { record, .. } = saved {
            records.push(record.to_vec());
        }
    });
    net.b.snapshot_durable(now, 1);
    let record = only(records);
    let ends = hiatus_engine::ends_of_record(&record).unwrap();
    assert_eq!((Some(ends.local), Some(ends.remote)), (net.a.remote(a), net.a.local(a)));
    net.b = hiatus_engine::Endpoint::restoring(B_SECRETS, Default::default());
    let life = Restoration { incarnation: 1, instance: [3; 16], tsval_ceiling: 1 << 20, taken: now };
    let mut kept = Vec::new();
    net.b.restore_latest(now, &life, [(&durable, record.as_slice())], |placed| kept.push(placed)).unwrap();
    let [hiatus_engine::Placed::Kept(b)] = kept[..] else { panic!("it is lost") };
    net.exchange();
    assert_eq!((net.b.local(b), net.a.state(a)), (Some(remote), TcpState::Established));
    net.a.write(net.now, a, b"still there?").unwrap();
    net.exchange();
    assert_eq!(net.b.readable_octets(b), 12);
}
