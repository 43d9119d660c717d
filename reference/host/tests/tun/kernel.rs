//! Octets to the kernel's TCP and back, with and without offload.

use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use hiatus_host::link::{TunOffload, TunSettings};
use oorandom::Rand64;

use crate::host::{Host, config};
use crate::network::{in_a_network, ip, tcp_counter};

/// Each way: many windows.
const OCTETS: usize = 8 << 20;
const MTU_OCTETS: u16 = 1500;
const PATIENCE: Duration = Duration::from_secs(60);

/// Who sends the SYN.
#[derive(Clone, Copy)]
enum Opener {
    Kernel,
    Us,
}

pub(crate) fn octets(seed: u128, count: usize) -> Vec<u8> {
    let mut random = Rand64::new(seed);
    std::iter::repeat_with(|| random.rand_u64().to_le_bytes()).flatten().take(count).collect()
}

/// Addresses of the kernel and of ours.
fn addresses(prefix: &str) -> (IpAddr, IpAddr) {
    let here = |last: u8| format!("{prefix}{last}").parse().unwrap();
    (here(1), here(2))
}

/// The kernel's end: everything out and in at the same time.
fn talk(mut stream: TcpStream, out: Vec<u8>) -> Vec<u8> {
    let mut writer = stream.try_clone().unwrap();
    let writing = thread::spawn(move || {
        writer.write_all(&out).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut received = Vec::new();
    stream.read_to_end(&mut received).unwrap();
    writing.join().unwrap();
    received
}

fn transfer(prefix: &str, prefix_bits: u8, headers_octets: u16, offload: TunOffload, opener: Opener) {
    let (theirs, ours) = addresses(prefix);
    let settings = TunSettings {
        addresses: vec![format!("{theirs}/{prefix_bits}").parse().unwrap()],
        mtu_octets: Some(MTU_OCTETS),
        offload,
        ..TunSettings::new("hiatus0")
    };
    let mut host = Host::on(&settings, 7);
    let (us, them) = (SocketAddr::new(ours, 80), SocketAddr::new(theirs, 81));
    let config = config(MTU_OCTETS, headers_octets);
    let (out, back) = (octets(1, OCTETS), octets(2, OCTETS));
    let kernel = match opener {
        Opener::Kernel => {
            host.listen(us, config);
            let back = back.clone();
            thread::spawn(move || talk(TcpStream::connect(us).unwrap(), back))
        }
        Opener::Us => {
            let listener = TcpListener::bind(them).unwrap();
            host.connect(SocketAddr::new(ours, 0), them, config);
            let back = back.clone();
            thread::spawn(move || talk(listener.accept().unwrap().0, back))
        }
    };
    let (mut sent, mut received) = (0, Vec::new());
    let deadline = Instant::now() + PATIENCE;
    while !host.step(&out, &mut sent, &mut received) || !kernel.is_finished() {
        assert!(Instant::now() < deadline, "{sent} octets sent, {} received", received.len());
        host.rest();
    }
    assert!(kernel.join().unwrap() == out, "what the kernel received differs");
    assert!(received == back, "what came back differs");
    assert_eq!(tcp_counter("InCsumErrors"), 0);
    assert_eq!(tcp_counter("InErrs"), 0);
    let mtu_octets = usize::from(MTU_OCTETS);
    for seen in [host.received, host.sent] {
        if offload == TunOffload::Off {
            assert!(seen.longest_octets <= mtu_octets, "{seen:?}");
            assert_eq!(seen.checksum_left, 0, "{seen:?}");
        } else {
            assert!(seen.longest_octets > 8 * mtu_octets, "{seen:?}");
            // What the kernel sends without a socket, as in TIME-WAIT, has its checksum.
            assert!(seen.packets - seen.checksum_left <= 4, "{seen:?}");
        }
    }
}

#[test]
fn v4_plain() {
    in_a_network("v4_plain", || transfer("10.7.0.", 24, 40, TunOffload::Off, Opener::Kernel));
}

#[test]
fn v4_with_offload() {
    in_a_network("v4_with_offload", || transfer("10.7.0.", 24, 40, TunOffload::Required, Opener::Us));
}

#[test]
fn v6_plain() {
    in_a_network("v6_plain", || transfer("fd07::", 64, 60, TunOffload::Off, Opener::Us));
}

#[test]
fn v6_with_offload() {
    in_a_network("v6_with_offload", || transfer("fd07::", 64, 60, TunOffload::Required, Opener::Kernel));
}

#[test]
fn a_device_is_made_what_the_settings_say() {
    in_a_network("a_device_is_made_what_the_settings_say", || {
        let settings = TunSettings {
            addresses: ["10.7.0.1/24", "fd07::1/64", "fd08::1/48"].map(|text| text.parse().unwrap()).to_vec(),
            mtu_octets: Some(1400),
            queue_packets: Some(777),
            owner: Some(12345),
            ..TunSettings::new("hiatus0")
        };
        let host = Host::on(&settings, 7);
        let said = ip("-details address show dev hiatus0");
        for expected in [
            "inet 10.7.0.1/24",
            "inet6 fd07::1/64",
            "inet6 fd08::1/48",
            "mtu 1400",
            "qlen 777",
            "user 12345",
            ",UP",
        ] {
            assert!(said.contains(expected), "{expected}: {said}");
        }
        assert!(!said.contains("tentative"), "an address that cannot be used yet: {said}");
        assert_eq!(host.link.mtu_octets(), 1400);
        drop(host);
        assert!(!ip("link show").contains("hiatus0"));
    });
}
