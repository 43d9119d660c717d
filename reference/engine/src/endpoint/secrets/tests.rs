#![allow(clippy::unwrap_used, reason = "a test may panic")]

use alloc::collections::BTreeSet;
use core::net::Ipv4Addr;

use super::EndpointSecrets;
use crate::endpoint::tuple::Tuple;
use crate::time::Time;

const SECRETS: EndpointSecrets = EndpointSecrets { host: [1; 16], instance: [2; 16] };

fn tuple(port: u16) -> Tuple {
    Tuple::v4(Ipv4Addr::new(192, 0, 2, 1), 80, Ipv4Addr::new(192, 0, 2, 2), port)
}

#[test]
fn the_isn_of_a_tuple_grows_by_one_every_four_microseconds() {
    let first = SECRETS.isn(Time(4_000), &tuple(1000));
    assert_eq!(SECRETS.isn(Time(4_003), &tuple(1000)), first);
    assert_eq!(SECRETS.isn(Time(4_004), &tuple(1000)), first.advanced_by(1));
    // RFC 9293, section 3.4.1: the clock comes round after 4.55 hours.
    assert_eq!(SECRETS.isn(Time(4_000 + (1 << 34)), &tuple(1000)), first);
}

#[test]
fn what_is_derived_differs_by_tuple_by_use_and_by_secret() {
    let other = EndpointSecrets { instance: [3; 16], ..SECRETS };
    let mut seen = BTreeSet::new();
    for secrets in [SECRETS, other] {
        for port in 1000..1100 {
            let entropy = secrets.responder(Time::ZERO, &tuple(port), 0);
            for value in [entropy.isn.0, entropy.nonce.0, entropy.timestamp_offset] {
                assert!(seen.insert(value), "two of 600 values of 32 bits are the same");
            }
        }
    }
    // The key of a responder survives its restart; everything else does not.
    assert_eq!(SECRETS.responder_key(&tuple(1)), other.responder_key(&tuple(1)));
    let initiator = |count| SECRETS.initiator(Time::ZERO, &tuple(1), count).connection_key;
    assert_ne!(initiator(0), initiator(1));
    assert_ne!(initiator(0), SECRETS.responder_key(&tuple(1)));
}
