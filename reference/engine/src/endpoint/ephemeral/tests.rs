#![allow(clippy::unwrap_used, reason = "a test may panic")]

use alloc::collections::BTreeSet;
use core::cell::RefCell;
use core::net::Ipv4Addr;

use super::Ephemeral;
use crate::endpoint::secrets::EndpointSecrets;
use crate::endpoint::tuple::Tuple;

const SECRETS: EndpointSecrets = EndpointSecrets { host: [1; 16], instance: [2; 16] };

fn to(last_octet: u8) -> Tuple {
    Tuple::v4(Ipv4Addr::new(192, 0, 2, 1), 0, Ipv4Addr::new(192, 0, 2, last_octet), 80)
}

#[test]
fn every_port_is_found_at_the_first_try_until_all_are_taken() {
    let mut ephemeral = Ephemeral::new();
    let (taken, tries) = (RefCell::new(BTreeSet::new()), RefCell::new(0));
    for _ in 1024..=65_535 {
        let tuple = ephemeral.choose(&SECRETS, &to(2), |tuple| {
            *tries.borrow_mut() += 1;
            taken.borrow_mut().insert(tuple.local().port())
        });
        assert!(tuple.unwrap().local().port() >= 1024);
    }
    assert_eq!(*tries.borrow(), 65_536 - 1024);
    assert_eq!(
        ephemeral.choose(&SECRETS, &to(2), |tuple| !taken.borrow().contains(&tuple.local().port())),
        None
    );
}

#[test]
fn peers_see_different_sequences() {
    let mut ephemeral = Ephemeral::new();
    let mut first = |last| ephemeral.choose(&SECRETS, &to(last), |_| true).unwrap().local().port();
    let starts: BTreeSet<u16> = (2..100).map(&mut first).collect();
    assert!(starts.len() > 90, "98 offsets among 64,512 ports rarely meet");
}
