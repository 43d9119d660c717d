//! A target that does not behave at all is stopped, and judged.

use std::time::Duration;

use hiatus_conformance::case::Case;
use hiatus_conformance::runner;
use hiatus_conformance::target::{CallError, Received, Target};
use hiatus_conformance::verdict::Verdict;
use hiatus_conformance::wire::OwnedSegment;

const SCRIPT: &str = "title: t\nrequirements: HIA-MUST-1\nmutant: m\ntarget: plain\n\n\
                      +0 listen\n+1 < S 0:0(0) win 1000\n+0 > S. 0:0(0) ack 1\n";

#[derive(Clone, Copy, PartialEq)]
enum Vice {
    Floods,
    NeverRests,
    Deaf,
    CannotListen,
}

struct Bad(Vice, Option<OwnedSegment>);

impl Target for Bad {
    fn listen(&mut self, _: Duration) -> Result<(), CallError> {
        if self.0 == Vice::CannotListen { Err(CallError::Unsupported("listen")) } else { Ok(()) }
    }
    fn connect(&mut self, _: Duration) -> Result<(), CallError> {
        Ok(())
    }
    fn write(&mut self, _: Duration, octets: &[u8]) -> Result<usize, CallError> {
        Ok(octets.len())
    }
    fn read(&mut self, _: Duration, _: usize) -> Result<Received, CallError> {
        Ok(Received::default())
    }
    fn close(&mut self, _: Duration) -> Result<(), CallError> {
        Ok(())
    }
    fn abort(&mut self, _: Duration) -> Result<(), CallError> {
        Ok(())
    }
    fn deliver(&mut self, _: Duration, segment: &OwnedSegment) {
        self.1 = Some(segment.clone());
    }
    fn transmit(&mut self, _: Duration) -> Option<OwnedSegment> {
        self.1.clone().filter(|_| self.0 == Vice::Floods)
    }
    fn next_timeout(&self) -> Option<Duration> {
        (self.0 == Vice::NeverRests).then_some(Duration::ZERO)
    }
    fn timeout(&mut self, _: Duration) {}
}

fn verdict(vice: Vice) -> Verdict {
    let case = Case::parse("bench/bounds", SCRIPT).expect("a script");
    runner::run(&case, &|_| Ok(Box::new(Bad(vice, None)))).verdict
}

fn because(vice: Vice) -> String {
    match verdict(vice) {
        Verdict::Fail(failure) => failure.because,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_flood_is_stopped() {
    assert_eq!(because(Vice::Floods), "the target floods the path");
}

#[test]
fn a_timer_that_never_rests_is_stopped() {
    assert_eq!(because(Vice::NeverRests), "the target never comes to rest");
}

#[test]
fn silence_is_a_failure() {
    assert_eq!(because(Vice::Deaf), "the target sent nothing that was asked for");
}

#[test]
fn what_a_target_cannot_do_is_unsupported() {
    assert_eq!(verdict(Vice::CannotListen), Verdict::Unsupported("listen".to_owned()));
}

#[test]
fn a_script_that_cannot_be_carried_out_is_inconclusive() {
    let script = SCRIPT.replace("win 1000", "win 1000 <suspend 60s mac ok>");
    let case = Case::parse("bench/no-key", &script).expect("a script");
    let verdict = runner::run(&case, &|_| Ok(Box::new(Bad(Vice::Deaf, None)))).verdict;
    assert!(matches!(verdict, Verdict::Inconclusive(_)), "{verdict:?}");
}
