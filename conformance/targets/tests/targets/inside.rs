//! Targets that have packets, run by the suite inside of this process: what fails here can be stepped through.

use std::net::SocketAddr;

use hiatus_conformance::adapter::{Clock, Offer, Packets, Setup};
use hiatus_conformance::case::Case;
use hiatus_conformance::script::{Sending, Timestamping};
use hiatus_conformance::target::{self, Target};
use hiatus_conformance::verdict::Verdict;
use hiatus_conformance::wire::Side;
use hiatus_conformance::{record, runner};
use hiatus_interop::smoltcp::Smoltcp;
use hiatus_targets::foreign::Peer;
use hiatus_targets::reference::Reference;

use crate::runs::{cases, is_known, is_plain};

fn asked(setup: &target::Setup) -> Setup {
    let options = &setup.options;
    let at = |side, port| SocketAddr::new(record::address(options.ip, side), port);
    Setup {
        packets: Packets::Stdio,
        clock: Clock::Virtual,
        device: String::new(),
        local: at(Side::Target, setup.target_port),
        remote: at(Side::Bench, setup.bench_port),
        seed: setup.seed,
        timestamps: options.timestamps == Timestamping::On,
        hiatus: options.hiatus.map(|(bits, hold)| Offer::new(bits, hold)),
        hold_send: options.sending == Sending::HoldSend,
        retains_octets: options.retained_octets_max,
    }
}

/// Every case that `is_meant` passes against the host that `make` makes.
fn all_pass(is_meant: impl Fn(&Case) -> bool, make: impl Fn(&Setup) -> Box<dyn Target>) {
    let cases = cases(is_meant);
    assert!(cases.len() > 40, "{} cases", cases.len());
    let mut failed = Vec::new();
    for case in &cases {
        let outcome = runner::run(case, &|setup| Ok(make(&asked(setup))));
        if outcome.verdict != Verdict::Pass {
            failed.push(format!("{}: {:#?}", case.id, outcome.verdict));
        }
    }
    assert!(failed.is_empty(), "{} of {}: {}", failed.len(), cases.len(), failed.join("\n"));
}

#[test]
fn the_reference_as_a_host_passes_every_case() {
    all_pass(|_| true, |setup| Box::new(Reference::new(setup).unwrap()));
}

#[test]
fn smoltcp_passes_what_is_plain() {
    let is_meant = |case: &Case| is_plain(case) && !is_known("smoltcp", case);
    all_pass(is_meant, |setup| Box::new(Peer::<Smoltcp>::new(setup).unwrap()));
}
