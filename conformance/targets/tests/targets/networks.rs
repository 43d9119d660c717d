//! The targets in wall time: over TUN devices, and the kernel's own TCP. Where no networks can be made, nothing is tested.

use std::io::Write as _;

use hiatus_conformance::adapter::{Clock, Packets};
use hiatus_conformance::target::child::Exchange;
use hiatus_conformance::verdict::Verdict;

use crate::runs::{assert_verdicts, cases, is_known, is_plain, run_all};

/// Every case of plain TCP passes, but what is known to fail.
fn plain_cases_pass(name: &str, packets: Packets) {
    let exchange = Exchange { packets: Some(packets), clock: Some(Clock::Wall), ..Exchange::default() };
    let done = run_all(name, exchange, cases(is_plain));
    assert!(done.len() > 40, "{} cases", done.len());
    if let Some(reason) = done.iter().find_map(|(_, outcome)| cannot_run(&outcome.verdict)) {
        assert!(std::env::var_os("HIATUS_REQUIRE_TOOLS").is_none(), "required here: {reason}");
        // Where libtest does not capture it.
        let mut stderr = std::io::stderr();
        writeln!(stderr, "SKIPPED: {name}: {reason}").unwrap();
        return;
    }
    assert_verdicts(&done, |case, verdict| match verdict {
        Verdict::Pass => !is_known(name, case),
        Verdict::Fail(_) => is_known(name, case),
        _ => false,
    });
}

fn cannot_run(verdict: &Verdict) -> Option<&str> {
    match verdict {
        Verdict::Inconclusive(reason) if reason.contains("cannot be run here") => Some(reason),
        _ => None,
    }
}

#[test]
fn the_kernel_passes_what_is_plain() {
    plain_cases_pass("linux", Packets::Kernel);
}

#[test]
fn lwip_passes_what_is_plain_over_a_device() {
    plain_cases_pass("lwip", Packets::Tun);
}

#[test]
fn smoltcp_passes_what_is_plain_over_a_device() {
    plain_cases_pass("smoltcp", Packets::Tun);
}

#[test]
fn the_reference_passes_what_is_plain_over_a_device() {
    plain_cases_pass("reference-process", Packets::Tun);
}
