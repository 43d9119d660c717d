//! The targets as processes, in virtual time: every case, over the adapter protocol.

use hiatus_conformance::adapter::{Clock, Packets};
use hiatus_conformance::target::child::Exchange;
use hiatus_conformance::verdict::Verdict;

use crate::runs::{assert_verdicts, cases, is_known, is_plain, run_all};

fn in_virtual_time() -> Exchange {
    Exchange { packets: Some(Packets::Stdio), clock: Some(Clock::Virtual), ..Exchange::default() }
}

#[test]
fn the_reference_as_a_process_passes_every_case() {
    let done = run_all("reference-process", in_virtual_time(), cases(|_| true));
    assert!(done.len() > 250, "{} cases", done.len());
    assert_verdicts(&done, |_, verdict| *verdict == Verdict::Pass);
}

/// What is not plain TCP they refuse by themselves; nothing fails but what is known.
#[test]
fn the_stacks_of_others_pass_what_is_plain_and_say_of_the_rest_that_they_cannot() {
    for name in ["lwip", "smoltcp"] {
        let done = run_all(name, in_virtual_time(), cases(|_| true));
        assert!(done.iter().filter(|(case, _)| is_plain(case)).count() > 40);
        assert_verdicts(&done, |case, verdict| match verdict {
            Verdict::Pass => is_plain(case) && !is_known(name, case),
            Verdict::Fail(_) => is_known(name, case),
            Verdict::Unsupported(what) => !is_plain(case) && what.contains("hiatus"),
            _ => false,
        });
    }
}
