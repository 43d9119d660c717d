//! Captures of cases, and what the checker says of their targets.
#![allow(dead_code, reason = "each test uses some of it")]

use hiatus_conformance::case::{Case, built_in};
use hiatus_conformance::check::{CheckOptions, FileReport, Outcome, Verdict, check_with};
use hiatus_conformance::record::{self, Frame, TARGET_ADDRESS, TARGET_ADDRESS_V6};
use hiatus_conformance::runner;
use hiatus_conformance::target::TargetChoice;
use hiatus_conformance::target::mutant::Mutant;

pub(super) fn cases() -> Vec<Case> {
    built_in().expect("every script can be read")
}

pub(super) fn frames(case: &Case, mutant: Option<&Mutant>) -> Vec<Frame> {
    let outcome = runner::run(case, &|setup| {
        let target = TargetChoice::Reference.build(setup);
        match mutant {
            Some(mutant) => target.map(|inner| mutant.of(inner, setup)),
            None => target,
        }
    });
    outcome.frames
}

pub(super) fn capture(frames: &[Frame]) -> Vec<u8> {
    record::pcapng("", frames).expect("every frame is a packet")
}

/// Time in nanoseconds and octets of each frame.
pub(super) fn packets(frames: &[Frame]) -> Vec<(u128, Vec<u8>)> {
    frames
        .iter()
        .map(|frame| (frame.at.as_nanos(), record::packet(frame.from, &frame.segment).unwrap()))
        .collect()
}

/// A pcap, with nanoseconds, of raw IP packets of which at most `snap` octets are kept.
pub(super) fn pcap(packets: &[(u128, Vec<u8>)], snap: usize) -> Vec<u8> {
    let mut file = vec![0xa1, 0xb2, 0x3c, 0x4d, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 101];
    for (nanos, octets) in packets {
        let kept = &octets[..octets.len().min(snap)];
        let fields = [nanos / 1_000_000_000, nanos % 1_000_000_000, kept.len() as u128, octets.len() as u128];
        fields.iter().for_each(|field| file.extend_from_slice(&u32::try_from(*field).unwrap().to_be_bytes()));
        file.extend_from_slice(kept);
    }
    file
}

pub(super) fn report(octets: &[u8], options: &CheckOptions) -> FileReport {
    check_with(octets, options, |_| ()).expect("a capture")
}

/// The verdicts by which the target fails.
pub(super) fn failures(report: &FileReport) -> Vec<&Verdict> {
    let targets = [TARGET_ADDRESS.to_string(), format!("[{TARGET_ADDRESS_V6}]")];
    let is_target = |address: &str| {
        address.rsplit_once(':').is_some_and(|(host, _)| targets.iter().any(|one| one == host))
    };
    report
        .verdicts
        .iter()
        .filter(|verdict| verdict.verdict == Outcome::Fail)
        .filter(|verdict| verdict.ends.iter().any(|end| is_target(&end.address)))
        .collect()
}
