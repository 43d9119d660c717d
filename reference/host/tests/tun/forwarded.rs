//! What the driver makes of our packets, seen on a device that does nothing for its reader: the kernel forwards from a
//! device with offload to one without, so it has to cut every burst and finish every checksum.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use etherparse::{IpSlice, TcpSlice};
use hiatus_host::link::{TunOffload, TunSettings};

use crate::host::{Host, config, with_hiatus};
use crate::kernel::octets;
use crate::network::{in_a_network, set_sysctl};

const OCTETS: usize = 2 << 20;
const MTU_OCTETS: u16 = 1500;
const PATIENCE: Duration = Duration::from_secs(60);

/// Reckoned by etherparse: one segment with its checksum.
fn judge(packet: &[u8]) {
    assert!(packet.len() <= usize::from(MTU_OCTETS), "{} octets", packet.len());
    let ip = IpSlice::from_slice(packet).unwrap();
    let payload = ip.payload();
    let tcp = TcpSlice::from_slice(payload.payload).unwrap();
    let expected = match &ip {
        IpSlice::Ipv4(ip) => {
            let header = ip.header().to_header();
            assert_eq!(header.header_checksum, header.calc_header_checksum());
            tcp.calc_checksum_ipv4(ip.header().source(), ip.header().destination())
        }
        IpSlice::Ipv6(ip) => tcp.calc_checksum_ipv6(ip.header().source(), ip.header().destination()),
    };
    assert_eq!(tcp.checksum(), expected.unwrap());
}

fn forward(ours: &str, theirs: &str, prefix_bits: u8, headers_octets: u16) {
    set_sysctl("ipv4/ip_forward", "1");
    set_sysctl("ipv6/conf/all/forwarding", "1");
    let settings = |name: &str, prefix: &str, offload| TunSettings {
        addresses: vec![format!("{prefix}1/{prefix_bits}").parse().unwrap()],
        mtu_octets: Some(MTU_OCTETS),
        queue_packets: Some(10_000),
        offload,
        ..TunSettings::new(name)
    };
    let mut here = Host::on(&settings("cut0", ours, TunOffload::Required), 7);
    let mut there = Host::on(&settings("plain0", theirs, TunOffload::Off), 9);
    let at = |prefix: &str, port| SocketAddr::new(format!("{prefix}2").parse().unwrap(), port);
    let config = with_hiatus(config(MTU_OCTETS, headers_octets));
    there.listen(at(theirs, 80), config);
    there.judge = Some(judge);
    here.connect(at(ours, 0), at(theirs, 80), config);
    let (out, back) = (octets(3, OCTETS), octets(4, OCTETS));
    let (mut sent, mut sent_back) = (0, 0);
    let (mut arrived, mut arrived_back) = (Vec::new(), Vec::new());
    let deadline = Instant::now() + PATIENCE;
    loop {
        let is_done = here.step(&out, &mut sent, &mut arrived_back);
        if there.step(&back, &mut sent_back, &mut arrived) && is_done {
            break;
        }
        assert!(Instant::now() < deadline, "{} and {} octets arrived", arrived.len(), arrived_back.len());
        hiatus_netns::wait([here.descriptor(), there.descriptor()], Duration::from_millis(10)).unwrap();
    }
    assert!(here.has_hiatus() && there.has_hiatus(), "they talked plain TCP");
    assert!(arrived == out && arrived_back == back, "what arrived differs");
    // What came over another device, nobody has verified.
    assert_eq!(here.received.checksum_left, 0, "{:?}", here.received);
    assert!(here.sent.longest_octets > 8 * usize::from(MTU_OCTETS), "{:?}", here.sent);
    assert!(usize::try_from(there.received.packets).unwrap() > OCTETS / usize::from(MTU_OCTETS));
}

#[test]
fn v4_bursts_are_cut_with_right_checksums() {
    in_a_network("v4_bursts_are_cut_with_right_checksums", || forward("10.7.0.", "10.8.0.", 24, 40));
}

#[test]
fn v6_bursts_are_cut_with_right_checksums() {
    in_a_network("v6_bursts_are_cut_with_right_checksums", || forward("fd07::", "fd08::", 64, 60));
}
