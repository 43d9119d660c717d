#![allow(clippy::unwrap_used, reason = "a test may panic")]

use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};

use super::{Demux, Ports};
use crate::endpoint::listener::{Place, Prefix};
use crate::endpoint::tuple::{PackedTuple, Tuple};

fn tuples() -> Vec<Tuple> {
    let v4 = (0..500)
        .map(|port| Tuple::v4(Ipv4Addr::new(192, 0, 2, 1), 80, Ipv4Addr::new(192, 0, 2, 2), 1000 + port));
    let v6 = (0..500).map(|port| {
        let (here, there): (Ipv6Addr, Ipv6Addr) =
            ("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap());
        Tuple::v6(here, 80, there, 1000 + port)
    });
    v4.chain(v6).collect()
}

#[test]
fn every_tuple_finds_its_slot_and_no_other() {
    let tuples = tuples();
    let slots: Vec<PackedTuple> = tuples.iter().map(PackedTuple::new).collect();
    let at = |index: u32| &slots[usize::try_from(index).unwrap()];
    let mut demux = Demux::new([7; 16]);
    for (index, tuple) in (0..).zip(&tuples) {
        assert_eq!(demux.find(tuple, |slot| at(slot).octets() == tuple.octets()), None);
        demux.insert(tuple, index, |slot| at(slot).unpacked());
    }
    for (index, tuple) in (0..).zip(&tuples) {
        assert_eq!(demux.find(tuple, |slot| at(slot).octets() == tuple.octets()), Some(index));
        assert_eq!(at(index).unpacked(), *tuple);
        let (local, remote) = (tuple.local(), tuple.remote());
        assert_eq!(Tuple::new(local, remote), Some(*tuple));
    }
    demux.remove(&tuples[3], 3);
    assert_eq!(demux.find(&tuples[3], |slot| at(slot).octets() == tuples[3].octets()), None);
}

#[test]
fn a_listener_of_an_address_goes_before_one_of_any() {
    let mut ports = Ports::default();
    let at = |text: &str| Place::At(text.parse().unwrap());
    ports.insert(at("0.0.0.0:80"), 1);
    ports.insert(at("192.0.2.1:80"), 2);
    ports.insert(at("[::]:80"), 3);
    assert!(ports.has(at("192.0.2.1:80")));
    assert!(!ports.has(at("192.0.2.9:80")));
    let find = |text: &str| ports.find(text.parse().unwrap());
    assert_eq!(find("192.0.2.1:80"), Some(2));
    assert_eq!(find("192.0.2.9:80"), Some(1));
    assert_eq!(find("[2001:db8::1]:80"), Some(3));
    assert_eq!(find("192.0.2.1:81"), None);
}

fn prefix(address: &str, len_bits: u8) -> Option<Prefix> {
    Prefix::new(address.parse().unwrap(), len_bits)
}

#[test]
fn a_prefix_has_the_addresses_that_begin_like_it() {
    // RFC 4632, section 3.1; RFC 4291, section 2.3.
    let has = |address, len_bits, other: &str| prefix(address, len_bits).unwrap().has(other.parse().unwrap());
    assert!(has("192.0.2.128", 25, "192.0.2.255"));
    assert!(!has("192.0.2.128", 25, "192.0.2.127"));
    assert!(has("192.0.2.7", 32, "192.0.2.7") && !has("192.0.2.7", 32, "192.0.2.6"));
    assert!(has("0.0.0.0", 0, "255.255.255.255") && !has("0.0.0.0", 0, "::1"));
    assert!(
        has("2001:db8:0:60::", 60, "2001:db8:0:6f::1") && !has("2001:db8:0:60::", 60, "2001:db8:0:70::1")
    );
    assert!(has("::", 0, "2001:db8::1") && !has("::", 0, "192.0.2.1"));
    assert_eq!(prefix("192.0.2.1", 31), None);
    assert_eq!(prefix("192.0.2.0", 33), None);
    assert_eq!(prefix("2001:db8::", 129), None);
}

#[test]
fn one_address_goes_before_a_prefix_the_longest_first_and_that_before_any() {
    let mut ports = Ports::default();
    ports.insert(Place::Prefix(prefix("192.0.2.0", 24).unwrap()), 1);
    ports.insert(Place::Prefix(prefix("192.0.2.128", 25).unwrap()), 2);
    ports.insert(Place::At("192.0.2.1:80".parse().unwrap()), 3);
    ports.insert(Place::At("0.0.0.0:80".parse().unwrap()), 4);
    let find = |ports: &Ports, text: &str| ports.find(text.parse().unwrap());
    assert_eq!(find(&ports, "192.0.2.1:80"), Some(3));
    assert_eq!(find(&ports, "192.0.2.1:81"), Some(1));
    assert_eq!(find(&ports, "192.0.2.2:80"), Some(1));
    assert_eq!(find(&ports, "192.0.2.200:1"), Some(2));
    assert_eq!(find(&ports, "198.51.100.1:80"), Some(4));
    assert_eq!(find(&ports, "198.51.100.1:81"), None);
    assert!(
        ports.has_port("192.0.2.2:80".parse().unwrap()) && !ports.has_port("192.0.2.2:81".parse().unwrap())
    );
    ports.remove(Place::Prefix(prefix("192.0.2.0", 24).unwrap()));
    assert_eq!((find(&ports, "192.0.2.1:81"), find(&ports, "192.0.2.200:1")), (None, Some(2)));
}
