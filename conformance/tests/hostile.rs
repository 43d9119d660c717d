//! Targets that die, hang, flood or talk nonsense: the case fails, says what happened, and ends soon.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use hiatus_conformance::case::Case;
use hiatus_conformance::runner;
use hiatus_conformance::target::TargetChoice;
use hiatus_conformance::verdict::Verdict;

const HEADER: &str = "title: t\nrequirements: HIA-MUST-1\nmutant: m\ntarget: plain\n\n";
const LISTENS: &str = "+0 listen\n+0 > nothing for 1s\n";
/// Longest that a case with a hostile target may take: a hang is believed after 5 s, and the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(20);
/// Most that all of these tests may have allocated at any time.
const MEMORY_KIB_MAX: u64 = 300 * 1024;

fn run(vice: &str, steps: &str) -> Verdict {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/adapter/hostile.py");
    let choice: TargetChoice = format!("child:python3 {} {vice}", script.display()).parse().unwrap();
    let case = Case::parse("bench/hostile", &format!("{HEADER}{steps}")).unwrap();
    let began = Instant::now();
    let outcome = runner::run(&case, &|setup| choice.build(setup));
    assert!(began.elapsed() < PATIENCE, "{vice} took {:?}", began.elapsed());
    let peak = peak_kib();
    assert!(peak < MEMORY_KIB_MAX, "{vice}: {peak} KiB");
    outcome.verdict
}

/// The most memory that this process ever had.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[track_caller]
fn fails(vice: &str, steps: &str, because: &[&str]) {
    match run(vice, steps) {
        Verdict::Fail(failure) => {
            for part in because {
                assert!(failure.because.contains(part), "{vice}: {}", failure.because);
            }
            assert!(failure.because.len() < 2_500, "{vice}: {}", failure.because);
        }
        other => panic!("{vice}: {other:?}"),
    }
}

#[test]
fn a_target_that_hangs() {
    // Side by side: each takes its 5 s.
    std::thread::scope(|scope| {
        for (vice, due) in
            [("no-hello", "hello"), ("no-reply", "`listen`"), ("closes-its-output", "`listen`")]
        {
            scope.spawn(move || fails(vice, LISTENS, &["it hangs", due, "within 5 s"]));
        }
    });
}

#[test]
fn a_target_that_does_not_read() {
    let write = "+0 listen\n+0 write 200000\n";
    fails("reads-no-more", write, &["it did not read `write` within 5 s"]);
}

#[test]
fn a_target_that_ends() {
    fails("dies-at-once", LISTENS, &["exit status 1", "hello", "no licence found | buy one"]);
    fails("dies", LISTENS, &["exit status 1", "its reply to `listen`", "segfault, or so"]);
    fails("is-killed", LISTENS, &["signal 11", "its reply to `listen`"]);
    fails("dies-in-a-line", LISTENS, &["exit status 0", "its last line: `{\"reply\": {\"i`"]);
}

#[test]
fn a_target_that_talks_nonsense() {
    fails("no-json", LISTENS, &["no line of the protocol", "`Usage: hostile [OPTIONS]`"]);
    fails("no-text", LISTENS, &["no line of the protocol"]);
    fails("other-protocol", LISTENS, &["it speaks protocol 2, the bench speaks 1"]);
    fails("no-first-line", LISTENS, &["its first line is no hello"]);
    fails("wrong-id", LISTENS, &["it replied to call 77, the bench had made call 2"]);
    fails("replies-twice", "+0 listen\n+1 close\n", &["it replied to call 2, the bench had made call 3"]);
    fails("second-hello", LISTENS, &["hello a second time"]);
    fails("unknown-line", LISTENS, &["unknown variant `pakcet`", "`{\"pakcet\": \"00\"}`"]);
    fails("takes-too-much", "+0 listen\n+0 write 10\n", &["it took 1000000000 octets of 10"]);
    fails("reads-too-much", "+0 listen\n+0 reads 10\n", &["it read 100000 octets", "room for 10"]);
}

#[test]
fn a_target_that_sends_what_is_no_packet() {
    fails("no-hexadecimal", LISTENS, &["hexadecimal digits"]);
    fails("no-packet", LISTENS, &["it sent what is dropped on the way: no IP packet"]);
    fails("wrong-checksum", LISTENS, &["the checksum of the"]);
    fails("too-long-a-packet", LISTENS, &["it sent what is dropped on the way"]);
}

#[test]
fn a_target_that_floods() {
    fails("endless-line", LISTENS, &["a line of more than 1048576 octets"]);
    fails("floods-events", LISTENS, &["more than 10000 lines"]);
    fails("floods-packets", LISTENS, &["more than 2000 packets"]);
    fails("floods-blank-lines", LISTENS, &["no line of the protocol"]);
    // Standard error is for people: however much it is, only its end is kept.
    assert_eq!(run("floods-errors", LISTENS), Verdict::Pass);
    fails("never-rests", LISTENS, &["the target never comes to rest"]);
}

#[test]
fn a_target_says_itself_what_it_cannot() {
    assert_eq!(run("no-setup", LISTENS), Verdict::Unsupported("being a host".to_owned()));
    assert_eq!(run("cannot-listen", LISTENS), Verdict::Unsupported("listening".to_owned()));
    fails("refuses", LISTENS, &["refused: not today"]);
    assert_eq!(run("refuses", "+0 attempt listen\n"), Verdict::Pass);
}

#[test]
fn what_the_bench_cannot_is_not_the_targets_fault() {
    let verdict = run("only-devices", LISTENS);
    assert!(
        matches!(&verdict, Verdict::Inconclusive(why) if why.contains("cannot be run here")),
        "{verdict:?}"
    );
    let choice: TargetChoice = "child:/no/such/program".parse().unwrap();
    let case = Case::parse("bench/none", &format!("{HEADER}{LISTENS}")).unwrap();
    let verdict = runner::run(&case, &|setup| choice.build(setup)).verdict;
    assert!(
        matches!(&verdict, Verdict::Inconclusive(why) if why.contains("/no/such/program")),
        "{verdict:?}"
    );
}

/// True as long as the process runs; what is dead and not yet collected by its parent does not.
fn runs(pid: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status"));
    status.is_ok_and(|status| !status.contains("State:\tZ"))
}

fn gone_soon(pid: &str) -> bool {
    let deadline = Instant::now() + Duration::from_secs(2);
    while runs(pid) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    !runs(pid)
}

#[test]
fn nothing_is_left_behind() {
    let folder = std::env::temp_dir().join(format!("hiatus-hostile-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    // The grandchild holds the pipes open: that the process itself has ended is seen all the same.
    let note = folder.join("grandchild");
    fails(
        &format!("leaves-a-child {}", note.display()),
        LISTENS,
        &["exit status 3", "its reply to `listen`"],
    );
    let pid = fs::read_to_string(&note).unwrap();
    assert!(gone_soon(&pid), "the grandchild {pid} still runs");

    let note = folder.join("endless");
    assert_eq!(run(&format!("never-exits {}", note.display()), LISTENS), Verdict::Pass);
    let pid = fs::read_to_string(&note).unwrap();
    assert!(gone_soon(&pid), "{pid} still runs");
    assert!(!Path::new(&format!("/proc/{pid}")).exists(), "{pid} is a zombie");
    fs::remove_dir_all(&folder).unwrap();
}
