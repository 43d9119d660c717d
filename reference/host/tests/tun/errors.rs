//! What is said when there is no device, or none as it was asked for.

use std::io;

use hiatus_host::link::{Link, LinkTrouble, TunError, TunLifetime, TunLink, TunOffload, TunSettings};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

use crate::host::Host;
use crate::network::{in_a_network, ip};

fn open(settings: &TunSettings) -> Result<TunLink, TunError> {
    TunLink::open(settings)
}

/// Gives up CAP_NET_ADMIN on this thread.
fn give_up_the_right() {
    let mut sets = capabilities(None).unwrap();
    sets.effective.remove(CapabilitySet::NET_ADMIN);
    set_capabilities(None, sets).unwrap();
}

#[test]
fn a_name_or_addresses_that_cannot_be() {
    for name in ["", "a-name-of-more-than-15", "a/b", "a b", "hiatus%d"] {
        let error = open(&TunSettings::new(name)).unwrap_err();
        assert!(matches!(error, TunError::Name { .. }), "{error}");
    }
    let mut settings = TunSettings::new("hiatus0");
    settings.addresses = ["10.7.0.1/24", "10.8.0.1/24"].map(|text| text.parse().unwrap()).to_vec();
    let said = open(&settings).unwrap_err().to_string();
    assert_eq!(said, "TUN device `hiatus0`: expected one IPv4 address at most, found 2");
}

#[test]
fn a_device_that_is_another_s() {
    in_a_network("a_device_that_is_another_s", || {
        let settings = TunSettings::new("hiatus0");
        let _first = open(&settings).unwrap();
        let said = open(&settings).unwrap_err().to_string();
        assert_eq!(said, "TUN device `hiatus0`: expected nobody attached to it, found it busy");
        let error = open(&TunSettings::new("lo")).unwrap_err();
        assert!(matches!(error, TunError::OtherKind { .. }), "{error}");
    });
}

#[test]
fn what_the_kernel_refuses_is_named() {
    in_a_network("what_the_kernel_refuses_is_named", || {
        let settings = TunSettings { mtu_octets: Some(20), ..TunSettings::new("hiatus0") };
        let said = open(&settings).unwrap_err().to_string();
        assert!(said.starts_with("TUN device `hiatus0`: expected an MTU of 20 octets, found: "), "{said}");
        // IPv6 is not where the MTU is below 1280.
        let addresses = vec!["fd07::1/64".parse().unwrap()];
        let settings = TunSettings { mtu_octets: Some(1000), addresses, ..TunSettings::new("hiatus0") };
        let said = open(&settings).unwrap_err().to_string();
        assert!(said.starts_with("TUN device `hiatus0`: expected the address fd07::1/64, found: "), "{said}");
        assert!(!ip("link show").contains("hiatus0"), "it was made for nothing");
    });
}

#[test]
fn the_right_is_needed_once() {
    in_a_network("the_right_is_needed_once", || {
        let addresses = ["10.7.0.1/24", "fd07::1/64"].map(|text| text.parse().unwrap()).to_vec();
        let lifetime = TunLifetime::Persistent;
        let owner = Some(rustix::process::getuid().as_raw());
        let settings = TunSettings { addresses, lifetime, owner, ..TunSettings::new("hiatus0") };
        drop(open(&settings).unwrap());
        assert!(ip("address show dev hiatus0").contains("10.7.0.1/24"));
        give_up_the_right();
        let error = open(&TunSettings::new("hiatus1")).unwrap_err();
        assert!(matches!(error, TunError::NotAllowed { .. }), "{error}");
        assert!(error.to_string().contains("CAP_NET_ADMIN"), "{error}");
        // Its owner attaches to what is as it should be, but changes nothing.
        let link = open(&TunSettings { offload: TunOffload::Required, ..settings.clone() }).unwrap();
        assert_eq!(link.name(), "hiatus0");
        drop(link);
        for other in ["10.9.0.1/24", "fd09::1/64"] {
            let addresses = vec![other.parse().unwrap()];
            let said = open(&TunSettings { addresses, ..settings.clone() }).unwrap_err().to_string();
            let expected = format!("TUN device `hiatus0`: expected the address {other}, found: ");
            assert!(said.starts_with(&expected), "{said}");
        }
    });
}

#[test]
fn a_device_that_is_down_and_one_that_is_gone() {
    in_a_network("a_device_that_is_down_and_one_that_is_gone", || {
        let settings = TunSettings::new("hiatus0");
        let mut host = Host::on(&settings, 7);
        let connection = |host: &mut Host| {
            let (local, remote) = ("10.7.0.2:0".parse().unwrap(), "10.7.0.1:80".parse().unwrap());
            host.syn(local, remote)
        };
        let trouble = |error: &io::Error| LinkTrouble::of(error);
        ip("link set dev hiatus0 down");
        assert_eq!(trouble(&connection(&mut host).unwrap_err()), LinkTrouble::Down);
        ip("link set dev hiatus0 up");
        connection(&mut host).unwrap();
        ip("link delete dev hiatus0");
        assert_eq!(trouble(&connection(&mut host).unwrap_err()), LinkTrouble::Gone);
        let Link::Tun(link) = &host.link else { panic!("a TUN device") };
        assert_eq!(link.counters().sent_packets, 1);
    });
}
