#![allow(clippy::unwrap_used, reason = "a test may panic")]

use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};

use super::{Demux, Ports};
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
    ports.insert("0.0.0.0:80".parse().unwrap(), 1);
    ports.insert("192.0.2.1:80".parse().unwrap(), 2);
    ports.insert("[::]:80".parse().unwrap(), 3);
    assert!(ports.has("192.0.2.1:80".parse().unwrap()));
    assert!(!ports.has("192.0.2.9:80".parse().unwrap()));
    let find = |text: &str| ports.find(text.parse().unwrap());
    assert_eq!(find("192.0.2.1:80"), Some(2));
    assert_eq!(find("192.0.2.9:80"), Some(1));
    assert_eq!(find("[2001:db8::1]:80"), Some(3));
    assert_eq!(find("192.0.2.1:81"), None);
}
