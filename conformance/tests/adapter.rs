//! Targets that are processes: the reference through the protocol is the reference, and the example of the document joins
//! a run, in virtual and in wall time, with packets as lines and over TUN devices.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use hiatus_conformance::adapter::{Clock, Packets};
use hiatus_conformance::case::{self, Case};
use hiatus_conformance::runner::{self, Terms};
use hiatus_conformance::script::IpVersion;
use hiatus_conformance::target::TargetChoice;
use hiatus_conformance::target::child::Exchange;
use hiatus_conformance::verdict::{Outcome, Verdict};

/// The protocol has a hold in seconds, this case has it in minutes: the same duration in another form on the wire.
const IN_MINUTES: [&str; 1] = ["linger/offered-hold-is-longer"];
/// Cases at a time: they wait more than they work.
const JOBS: usize = 4;

fn served() -> TargetChoice {
    format!("child:{} serve", env!("CARGO_BIN_EXE_conform")).parse().unwrap()
}

fn example() -> TargetChoice {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/example.py");
    format!("child:python3 {}", script.display()).parse().unwrap()
}

fn cases(folders: &[&str]) -> Vec<Case> {
    let mut cases = case::built_in().unwrap();
    cases.retain(|case| folders.is_empty() || folders.iter().any(|folder| case.id.starts_with(folder)));
    assert!(!cases.is_empty(), "{folders:?}");
    cases
}

fn run(case: &Case, target: &TargetChoice, exchange: &Exchange) -> Outcome {
    let terms = Terms { wall_limit: exchange.wall_limit(), ..Terms::default() };
    runner::run_with(case, terms, &|setup| target.build_over(setup, exchange))
}

/// Runs the cases side by side, as `--jobs` does, and looks at each outcome.
fn each(cases: Vec<Case>, target: &TargetChoice, exchange: &Exchange, look: impl Fn(&Case, Outcome) + Sync) {
    let left = Mutex::new(cases.into_iter());
    std::thread::scope(|scope| {
        for _ in 0..JOBS {
            scope.spawn(|| {
                loop {
                    let next = left.lock().unwrap().next();
                    let Some(case) = next else { break };
                    look(&case, run(&case, target, exchange));
                }
            });
        }
    });
}

#[test]
fn the_reference_through_the_protocol_is_the_reference() {
    each(cases(&[]), &served(), &Exchange::default(), |case, outcome| {
        let direct = runner::run(case, &|setup| TargetChoice::Reference.build(setup));
        assert_eq!(outcome.verdict, direct.verdict, "{}", case.id);
        assert_eq!(outcome.verdict, Verdict::Pass, "{}", case.id);
        if !IN_MINUTES.contains(&case.id.as_str()) {
            assert_eq!(outcome.frames, direct.frames, "{}", case.id);
        }
    });
}

#[test]
fn the_example_is_a_plain_tcp() {
    each(cases(&["plain/", "legacy/", "fallback/"]), &example(), &Exchange::default(), |case, outcome| {
        let options = &case.script.header.target;
        let expected = match (options.hiatus, options.ip) {
            (Some(_), _) => Verdict::Unsupported("hiatus".to_owned()),
            (None, IpVersion::V6) => Verdict::Unsupported("IPv6".to_owned()),
            (None, IpVersion::V4) => Verdict::Pass,
        };
        assert_eq!(outcome.verdict, expected, "{}", case.id);
    });
}

#[test]
fn the_example_lives_in_wall_time() {
    let exchange =
        Exchange { packets: Some(Packets::Stdio), clock: Some(Clock::Wall), ..Exchange::default() };
    each(cases(&["plain/data", "plain/lost"]), &example(), &exchange, |case, outcome| {
        assert_eq!(outcome.verdict, Verdict::Pass, "{}", case.id);
        let last = outcome.frames.last().unwrap().at;
        assert!(last > Duration::ZERO, "{}", case.id);
    });
}

#[test]
fn the_example_opens_a_device() {
    let exchange = Exchange { packets: Some(Packets::Tun), ..Exchange::default() };
    if network_is_missing(&exchange) {
        return;
    }
    let some = ["plain/active-open", "plain/both-ways", "plain/lost-data", "plain/target-closes-first"];
    let mut some = cases(&some);
    // It is a host of IPv4, and says so.
    some.retain(|case| case.script.header.target.ip == IpVersion::V4);
    each(some, &example(), &exchange, |case, outcome| {
        assert_eq!(outcome.verdict, Verdict::Pass, "{}", case.id);
    });
}

#[test]
fn the_reference_opens_a_device_over_both_versions_of_ip() {
    let exchange = Exchange { packets: Some(Packets::Tun), ..Exchange::default() };
    if network_is_missing(&exchange) {
        return;
    }
    let mut cases = cases(&[]);
    let is_v6 = |case: &Case| case.script.header.target.ip == IpVersion::V6;
    cases.retain(|case| is_v6(case) || case.id.starts_with("negotiation/s"));
    assert!(cases.iter().any(is_v6), "no case over IPv6");
    each(cases, &served(), &exchange, |case, outcome| {
        let verdict = &outcome.verdict;
        assert!(matches!(verdict, Verdict::Pass | Verdict::Skipped(_)), "{}: {verdict:?}", case.id);
    });
}

/// Without root, or what `unshare --map-root-user` gives, there is no network of a case's own; then it says so and passes.
fn network_is_missing(exchange: &Exchange) -> bool {
    let first = cases(&["plain/active-open"]).remove(0);
    let Verdict::Inconclusive(reason) = run(&first, &served(), exchange).verdict else { return false };
    assert!(reason.contains("unshare --user --map-root-user --net conform run"), "{reason}");
    let mut stderr = std::io::stderr();
    let thread = std::thread::current();
    // Straight to the stream: libtest would keep a print to itself.
    writeln!(stderr, "SKIPPED: {}: {reason}", thread.name().unwrap_or("a test")).unwrap();
    true
}

#[test]
fn what_takes_long_is_left_out_in_wall_time() {
    const SCRIPT: &str = "title: t\nrequirements: HIA-MUST-1\nmutant: m\ntarget: plain\n\n\
                          +0 listen\n+0.5 > nothing for 290s\n+9.5~+20 > . 1:1(0)\n";
    let case = Case::parse("bench/long", SCRIPT).unwrap();
    let exchange = Exchange { clock: Some(Clock::Wall), ..Exchange::default() };
    let skipped = "takes 300 s of wall time, the limit is 10 s".to_owned();
    assert_eq!(run(&case, &served(), &exchange).verdict, Verdict::Skipped(skipped));
    // In virtual time it takes none.
    assert!(matches!(run(&case, &served(), &Exchange::default()).verdict, Verdict::Fail(_)));
}
