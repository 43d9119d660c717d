//! What becomes of a capture on its way to the checker does not make the target of a golden capture fail: lost, repeated,
//! overtaken and cut packets, a capture that begins late, and one taken further off.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "checker/golden.rs"]
mod golden;

use std::time::Duration;

use golden::{capture, cases, failures, frames, packets, pcap, report};
use hiatus_conformance::check::{CheckOptions, FileReport, Outcome};
use hiatus_conformance::record::Frame;
use hiatus_conformance::seed::Seed;
use hiatus_conformance::wire::Side;

/// Distortions of each golden capture, of each kind; `HIATUS_ROUNDS` asks for more.
const ROUNDS: u64 = 4;

fn rounds() -> u64 {
    std::env::var("HIATUS_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS)
}

fn in_order(mut frames: Vec<Frame>) -> Vec<Frame> {
    frames.sort_by_key(|frame| frame.at);
    frames
}

/// Each golden capture, distorted by `distort` in each round: the target fails nothing.
fn assert_none_fails(how: &str, distort: impl Fn(Vec<Frame>, &mut Seed) -> Vec<Frame>) {
    let mut wrong = Vec::new();
    for case in cases() {
        let whole = frames(&case, None);
        for round in 0..rounds() {
            let distorted = distort(whole.clone(), &mut Seed::new(round));
            let report = report(&capture(&distorted), &CheckOptions::default());
            for one in failures(&report) {
                wrong.push(format!("{} {how} (round {round}): {}: {}", case.id, one.requirement, one.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{} false verdicts:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn lost_packets() {
    assert_none_fails("some lost", |mut frames, random| {
        let part = 2 + random.below(9);
        frames.retain(|_| random.below(part) != 0);
        frames
    });
    assert_none_fails("one lost", |mut frames, random| {
        let which = usize::try_from(random.below(frames.len() as u64)).unwrap();
        frames.remove(which);
        frames
    });
}

#[test]
fn packets_captured_twice() {
    assert_none_fails("some twice", |frames, random| {
        let twice = frames.iter().filter(|_| random.below(3) == 0).cloned().collect::<Vec<_>>();
        let twice =
            twice.into_iter().map(|frame| Frame { at: frame.at + Duration::from_micros(300), ..frame });
        let all = frames.into_iter().chain(twice).collect();
        in_order(all)
    });
}

#[test]
fn packets_that_overtake_others() {
    assert_none_fails("some overtaken", |mut frames, random| {
        for frame in &mut frames {
            frame.at += Duration::from_millis(random.below(5));
        }
        in_order(frames)
    });
}

#[test]
fn a_capture_that_begins_late() {
    assert_none_fails("from the middle", |mut frames, random| {
        let from = usize::try_from(random.below(frames.len() as u64)).unwrap();
        frames.split_off(from)
    });
}

#[test]
fn a_capture_taken_further_off() {
    for side in [Side::Target, Side::Bench] {
        assert_none_fails("further off", |mut frames, random| {
            let delay = Duration::from_millis(random.below(150));
            for frame in frames.iter_mut().filter(|frame| frame.from == side) {
                frame.at += delay;
            }
            in_order(frames)
        });
    }
}

#[test]
fn all_at_once() {
    assert_none_fails("all at once", |mut frames, random| {
        frames.retain(|_| random.below(6) != 0);
        for frame in &mut frames {
            frame.at += Duration::from_micros(random.below(4000));
            if frame.from == Side::Target {
                frame.at += Duration::from_millis(40);
            }
        }
        in_order(frames)
    });
}

#[test]
fn packets_cut_short() {
    let mut wrong = Vec::new();
    for case in cases() {
        let packets = packets(&frames(&case, None));
        for snap in 40..100 {
            let report = report(&pcap(&packets, snap), &CheckOptions::default());
            for one in failures(&report) {
                wrong.push(format!("{} cut at {snap}: {}: {}", case.id, one.requirement, one.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{} false verdicts:\n{}", wrong.len(), wrong.join("\n"));
}

/// How often each requirement held, and how often it was broken. What is open at the end of a connection may not be so in
/// a capture that goes on longer.
fn counts(reports: &[FileReport]) -> Vec<(&'static str, u64, u64)> {
    let first = &reports[0].verdicts;
    let sum = |index: usize| {
        let all = reports.iter().map(|report| &report.verdicts[index]);
        all.fold((first[index].requirement, 0, 0), |(label, held, broken), one| {
            (label, held + one.held, broken + one.broken)
        })
    };
    (0..first.len()).map(sum).collect()
}

/// Connections side by side are judged as they are one by one.
#[test]
fn a_mixed_capture() {
    let all: Vec<Vec<Frame>> = cases().iter().map(|case| frames(case, None)).collect();
    let mut alone = Vec::new();
    let mut mixed: Vec<Frame> = Vec::new();
    for (number, frames) in all.iter().enumerate() {
        let number = u16::try_from(number).unwrap();
        // A port that no other case has; every fourth case is left without its Hiatus options.
        let moved: Vec<Frame> = frames.iter().map(|frame| on_ports_of(frame, number)).collect();
        alone.push(report(&capture(&moved), &CheckOptions::default()));
        mixed.extend(moved);
    }
    let mixed = report(&capture(&in_order(mixed)), &CheckOptions::default());
    assert!(mixed.connections >= all.len() as u64);
    assert_eq!(counts(std::slice::from_ref(&mixed)), counts(&alone));
    assert!(mixed.verdicts.iter().any(|one| one.verdict == Outcome::Fail), "the bench breaks rules");
}

fn on_ports_of(frame: &Frame, number: u16) -> Frame {
    let mut moved = frame.clone();
    for port in [&mut moved.segment.source_port, &mut moved.segment.destination_port] {
        if *port != hiatus_conformance::record::LISTEN_PORT {
            *port = port.wrapping_sub(30_000) % 64 + 1024 + 64 * number;
        }
    }
    if number % 4 == 3 {
        moved.segment.options.clear();
    }
    moved
}
