//! One conversation that keeps every rule the checker looks at, and for each rule the same conversation with just that
//! rule broken: the checker must find exactly that, in exactly that frame.

use hiatus_codec::mac::{Context, Role, SessionKey, Tag, tag_of_message};
use hiatus_codec::{
    Abort, AbortReason, Capable, CapableBits, ConnectionKey, Epoch, EpochEcho, Flags, HoldTime, Life,
    Message, Nonce, Position, Resume, ResumeAck, Segment, SequenceNumber, Suspend, SuspendAck,
};
use hiatus_conformance::check::{CheckOptions, Outcome, check, check_with, not_passive};

const ISN: [u32; 2] = [0xffff_fff0, 7_000];
const KEY_A: ConnectionKey = ConnectionKey([0xa; 8]);
const KEY_B: ConnectionKey = ConnectionKey([0xb; 8]);
const LIFE: Life = Life { incarnation: 0, generation: 1 };
const NONCE: Nonce = Nonce(0x0102_0304);

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    A,
    B,
}

/// A segment by positions, with its message and further octets of options.
#[derive(Clone)]
struct Step {
    from: End,
    flags: Flags,
    seq: u32,
    ack: u32,
    data_octets: usize,
    message: Option<(Message<'static>, Option<Context>)>,
    /// The low four bits of the option's octet 4.
    option_flags: u8,
    more_options: Vec<u8>,
}

fn step(from: End, flags: Flags, seq: u32, ack: u32) -> Step {
    let (message, more_options) = (None, Vec::new());
    Step { from, flags, seq, ack, data_octets: 0, message, option_flags: 0, more_options }
}

impl Step {
    fn says(self, message: Message<'static>) -> Self {
        Self { message: Some((message, None)), ..self }
    }

    /// With its MAC.
    fn proves(self, message: Message<'static>, context: Context) -> Self {
        Self { message: Some((message, Some(context))), ..self }
    }

    fn data(self, data_octets: usize) -> Self {
        Self { data_octets, ..self }
    }

    fn packet(&self) -> Vec<u8> {
        let mut options = Vec::new();
        if let Some((message, context)) = &self.message {
            let message = context.as_ref().map_or(*message, |context| sealed(*message, context));
            let mut room = [0; 40];
            message.emit(&mut room).expect("room");
            room[4] |= self.option_flags;
            options.extend_from_slice(&room[..usize::from(message.len_octets())]);
        }
        options.extend_from_slice(&self.more_options);
        options.resize(options.len().next_multiple_of(4), 1);
        let (own, peer) = if self.from == End::A { (0, 1) } else { (1, 0) };
        let segment = Segment {
            source_port: [40_000, 80][own],
            destination_port: [40_000, 80][peer],
            seq: SequenceNumber(ISN[own].wrapping_add(self.seq)),
            ack: SequenceNumber(if self.flags.contains(Flags::ACK) {
                ISN[peer].wrapping_add(self.ack)
            } else {
                0
            }),
            flags: self.flags,
            window: 65_535,
            checksum: 0,
            urgent: 0,
            options: &options,
            payload: &vec![b'x'; self.data_octets],
        };
        let mut tcp = vec![0; segment.wire_len_octets()];
        segment.emit(&mut tcp).expect("room");
        let total = u16::try_from(20 + tcp.len()).expect("short").to_be_bytes();
        let mut packet = vec![0x45, 0, total[0], total[1], 0, 0, 0, 0, 64, 6, 0, 0];
        let addresses = [[10, 0, 0, 1], [10, 0, 0, 2]];
        packet.extend_from_slice(&addresses[own]);
        packet.extend_from_slice(&addresses[peer]);
        packet.extend_from_slice(&tcp);
        packet
    }
}

fn sealed(message: Message<'static>, context: &Context) -> Message<'static> {
    let key = SessionKey::derive(KEY_A, KEY_B);
    let tag = tag_of_message(&key, context, &message).expect("a message with a MAC");
    match message {
        Message::Epoch(epoch) => Message::Epoch(Epoch { tag, ..epoch }),
        Message::Suspend(suspend) => Message::Suspend(Suspend { tag, ..suspend }),
        Message::SuspendAck(ack) => Message::SuspendAck(SuspendAck { tag, ..ack }),
        Message::Resume(resume) => Message::Resume(Resume { tag, ..resume }),
        Message::ResumeAck(ack) => Message::ResumeAck(ResumeAck { tag, ..ack }),
        Message::Abort(abort) => Message::Abort(Abort { proof: tag.0, ..abort }),
        other => other,
    }
}

fn capable(key: Option<ConnectionKey>, hold_s: u32) -> Message<'static> {
    let bits = CapableBits::new(CapableBits::VERSION).with_silent();
    Message::Capable(Capable { bits, offered_hold: HoldTime::from_seconds(hold_s), key })
}

fn suspend() -> Message<'static> {
    Message::Suspend(Suspend { expected_absence: HoldTime::NONE, tag: Tag([0; 8]) })
}

fn suspend_ack(hold_s: u32) -> Message<'static> {
    Message::SuspendAck(SuspendAck { granted_hold: HoldTime::from_seconds(hold_s), tag: Tag([0; 8]) })
}

const SYN_ACK: Flags = Flags::SYN.union(Flags::ACK);

/// Frames 1 to 13.
fn conversation() -> Vec<Step> {
    use End::{A, B};
    let (initiator, responder) = (Role::Initiator, Role::Responder);
    let first = Life { incarnation: 0, generation: 0 };
    let epoch = Epoch { number: 0, stable_point: 0, tag: Tag([0; 8]) };
    let resume = Resume { life: LIFE, nonce: NONCE, end: 101, tag: Tag([0; 8]) };
    let resume_ack = ResumeAck { life: first, received: 101, end: 1, tag: Tag([0; 8]) };
    let abort = Abort { reason: AbortReason::APPLICATION, proof: [0; 8] };
    vec![
        step(A, Flags::SYN, 0, 0).says(capable(None, 60)),
        step(B, SYN_ACK, 0, 1).says(capable(Some(KEY_B), 600)),
        step(A, Flags::ACK, 1, 1).says(capable(Some(KEY_A), 60)),
        step(B, Flags::ACK, 1, 1)
            .proves(Message::Epoch(epoch), Context::epoch(responder, first, Position(0))),
        step(A, Flags::ACK, 1, 1).says(Message::EpochEcho(EpochEcho { stable_point: 0 })),
        step(A, Flags::ACK, 1, 1).data(100),
        step(B, Flags::ACK, 1, 101),
        step(A, Flags::ACK, 101, 1).proves(suspend(), Context::suspend(initiator, first)),
        step(B, Flags::ACK, 1, 101).proves(suspend_ack(600), Context::suspend_ack(responder, first)),
        step(A, Flags::ACK, 100, 1)
            .proves(Message::Resume(resume), Context::resume(initiator, Position(1), Position(101))),
        step(B, Flags::ACK, 1, 100).proves(
            Message::ResumeAck(resume_ack),
            Context::resume_ack(responder, LIFE, NONCE, Position(101), Position(1)),
        ),
        step(A, Flags::ACK, 101, 1).data(100),
        step(B, Flags::RST, 1, 0)
            .proves(Message::Abort(abort), Context::abort(responder, LIFE, Nonce::UNKNOWN)),
    ]
}

/// A pcap of the steps, one every two seconds: nothing is on its way any more when the next is sent.
fn capture(steps: &[Step]) -> Vec<u8> {
    let mut file = vec![0xa1, 0xb2, 0xc3, 0xd4, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 101];
    for (index, step) in steps.iter().enumerate() {
        let packet = step.packet();
        let length = u32::try_from(packet.len()).expect("short").to_be_bytes();
        let second = u32::try_from(2 * index).expect("short").to_be_bytes();
        file.extend_from_slice(&[second, [0; 4], length, length].concat());
        file.extend_from_slice(&packet);
    }
    file
}

/// Both ends are on one host, and the capture lacks nothing.
fn at_both() -> CheckOptions {
    CheckOptions {
        taken_at: vec!["10.0.0.1".parse().expect("an address"), "10.0.0.2".parse().expect("an address")],
    }
}

/// Requirement and frames of every rule that is broken, and the requirements that were not exercised.
fn broken(steps: &[Step]) -> (Vec<(&'static str, Vec<u64>)>, Vec<&'static str>) {
    let report = check_with(&capture(steps)[..], &at_both(), |_| ()).expect("a capture");
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    let not_exercised = report.verdicts.iter().filter(|one| one.verdict == Outcome::NotExercised);
    let not_exercised = not_exercised.map(|one| one.requirement).collect();
    let failed = report.verdicts.into_iter().filter(|one| one.verdict == Outcome::Fail);
    (failed.map(|one| (one.requirement, one.frames)).collect(), not_exercised)
}

/// Breaks the conversation by `change` and expects `requirement` to fail in `frame`, and nothing else.
fn assert_breaks(requirement: &str, frame: u64, change: impl FnOnce(&mut Vec<Step>)) {
    let mut steps = conversation();
    change(&mut steps);
    let (failed, _) = broken(&steps);
    assert_eq!(failed, [(requirement, vec![frame])]);
}

#[test]
fn a_conversation_by_the_rules_breaks_none() {
    let (failed, not_exercised) = broken(&conversation());
    assert!(failed.is_empty(), "{failed:?}");
    // A second key of one end, a SYN without CAPABLE, a fallback, a second SUSPEND, EPOCHs with a number: not in it.
    for absent in ["17", "25", "38", "46", "92", "93"] {
        assert!(not_exercised.contains(&format!("HIA-MUST-{absent}").as_str()), "{absent}");
    }
    for there in
        ["1", "3", "18", "24", "26", "27", "29", "30", "31", "34", "36", "41", "44", "48", "49", "69"]
    {
        assert!(!not_exercised.contains(&format!("HIA-MUST-{there}").as_str()), "{there}");
    }
}

/// An EPOCH of the responder after the initiator's 100 octets.
fn report(number: u32, stable: u32) -> Step {
    let epoch = Epoch { number, stable_point: stable, tag: Tag([0; 8]) };
    let first = Life { incarnation: 0, generation: 0 };
    let context = Context::epoch(Role::Responder, first, Position(u64::from(stable)));
    step(End::B, Flags::ACK, 1, 101).proves(Message::Epoch(epoch), context)
}

fn nothing() -> Step {
    step(End::B, Flags::ACK, 1, 101)
}

#[test]
fn epochs() {
    let with = |reports: Vec<Step>| {
        let mut steps = conversation();
        steps.splice(7..7, reports);
        broken(&steps)
    };
    // Copies 2 and 4 seconds apart, then a newer one: each rule is looked at, and holds.
    let copies = vec![report(1, 50), report(1, 50), nothing(), report(1, 50), report(2, 101)];
    let (failed, not_exercised) = with(copies);
    assert!(failed.is_empty(), "{failed:?}");
    assert!(!["HIA-MUST-90", "HIA-MUST-92", "HIA-MUST-93"].iter().any(|label| not_exercised.contains(label)));
    assert_eq!(with(vec![report(1, 102)]).0, [("HIA-MUST-90", vec![8])]);
    // 4 seconds, and then 2.
    let hasty = vec![report(1, 50), nothing(), report(1, 50), report(1, 50)];
    assert_eq!(with(hasty).0, [("HIA-MUST-92", vec![11])]);
    assert_eq!(with(vec![report(2, 101), report(1, 50)]).0, [("HIA-MUST-93", vec![9])]);
}

#[test]
fn flags_and_a_second_option() {
    assert_breaks("HIA-MUST-1", 5, |steps| steps[4].option_flags = 1);
    assert_breaks("HIA-MUST-3", 5, |steps| {
        steps[4].more_options = vec![253, 9, 0x48, 0x49, 0x20, 0, 0, 0, 0];
    });
}

#[test]
fn keys_and_macs() {
    assert_breaks("HIA-MUST-17", 4, |steps| {
        steps.insert(3, step(End::A, Flags::ACK, 1, 1).says(capable(Some(ConnectionKey([1; 8])), 60)));
    });
    // A SUSPEND sealed as if by the other end.
    assert_breaks("HIA-MUST-18", 8, |steps| {
        let life = Life { incarnation: 0, generation: 0 };
        steps[7] =
            step(End::A, Flags::ACK, 101, 1).proves(suspend(), Context::suspend(Role::Responder, life));
    });
}

#[test]
fn offers() {
    let syn = || step(End::A, Flags::SYN, 0, 0);
    // Whoever answers it with CAPABLE breaks a rule, too.
    let mut plain = conversation();
    plain.insert(1, syn());
    let failed = [("HIA-MUST-24", vec![2]), ("HIA-MUST-25", vec![3]), ("HIA-MUST-26", vec![3])];
    assert_eq!(broken(&plain).0, failed);
    let mut three = conversation();
    three.insert(1, syn().says(capable(None, 60)));
    three.insert(2, syn().says(capable(None, 60)));
    assert_eq!(broken(&three).0, [("HIA-MUST-24", vec![3])]);
    // From there on no CAPABLE of either end.
    for other in [vec![30, 4, 0, 1], [[19, 18].to_vec(), vec![0; 16]].concat()] {
        let mut steps = conversation();
        steps[0].more_options = other;
        let (failed, _) = broken(&steps);
        assert_eq!(failed.last(), Some(&("HIA-MUST-41", vec![1, 2, 3])));
        let labels: Vec<_> = failed.iter().map(|one| one.0).collect();
        assert_eq!(labels, ["HIA-MUST-38", "HIA-MUST-39", "HIA-MUST-41"], "both have fallen back");
    }
}

#[test]
fn answers() {
    let plain_syn = vec![step(End::A, Flags::SYN, 0, 0), conversation()[1].clone()];
    assert_eq!(broken(&plain_syn).0, [("HIA-MUST-25", vec![2]), ("HIA-MUST-38", vec![2])]);
    assert_breaks("HIA-MUST-26", 3, |steps| steps.insert(2, step(End::B, SYN_ACK, 0, 1)));
    // An initiator that takes it breaks what it has to make of it, too.
    let mut steps = conversation();
    {
        let bits = CapableBits::new(2).with_silent();
        let offered_hold = HoldTime::from_seconds(600);
        steps[1] = steps[1].clone().says(Message::Capable(Capable { bits, offered_hold, key: Some(KEY_B) }));
    }
    let (failed, _) = broken(&steps);
    assert_eq!(failed[1], ("HIA-MUST-27", vec![2]));
    let labels: Vec<_> = failed.iter().map(|one| one.0).collect();
    assert_eq!(labels, ["HIA-MUST-12", "HIA-MUST-27", "HIA-MUST-28", "HIA-MUST-38", "HIA-MUST-39"]);
}

#[test]
fn confirmations() {
    assert_breaks("HIA-MUST-29", 4, |steps| steps.insert(3, step(End::A, Flags::ACK, 1, 1)));
    // The third copy of the first data goes without; the second must not.
    let copy = |step: Step| step.data(50);
    let with = || copy(step(End::A, Flags::ACK, 1, 1).says(capable(Some(KEY_A), 60)));
    let without = || copy(step(End::A, Flags::ACK, 1, 1));
    let mut stalled = conversation();
    stalled.truncate(3);
    stalled.extend([with(), with(), without(), without()]);
    assert_eq!(broken(&stalled).0, []);
    stalled[4] = without();
    assert_eq!(broken(&stalled).0, [("HIA-MUST-29", vec![5])]);
    assert_breaks("HIA-MUST-30", 6, |steps| {
        steps.insert(5, step(End::A, Flags::ACK, 1, 1).says(capable(Some(KEY_A), 60)));
    });
    assert_breaks("HIA-MUST-34", 5, |steps| {
        steps[4] = step(End::A, Flags::ACK, 1, 1).says(Message::EpochEcho(EpochEcho { stable_point: 1 }));
    });
    assert_breaks("HIA-MUST-36", 4, |steps| {
        let early = steps.remove(7);
        steps.insert(3, Step { seq: 1, ack: 1, ..early });
        // A real early SUSPEND would also have to carry CAPABLE; without the rest of the story only this rule speaks.
        steps.truncate(4);
        steps[3].from = End::B;
        let life = Life { incarnation: 0, generation: 0 };
        steps[3] = steps[3].clone().proves(suspend(), Context::suspend(Role::Responder, life));
    });
}

#[test]
fn fallback_is_final() {
    let steps = [
        conversation()[0].clone(),
        step(End::B, SYN_ACK, 0, 1),
        step(End::A, Flags::ACK, 1, 1).says(Message::EpochEcho(EpochEcho { stable_point: 0 })),
    ];
    let failed = ["HIA-MUST-28", "HIA-MUST-34", "HIA-MUST-38"].map(|label| (label, vec![3]));
    assert_eq!(broken(&steps).0, failed);
}

#[test]
fn absences() {
    let silent = |from, seq, ack| step(from, Flags::ACK, seq, ack).data(50);
    // The suspender and the holder.
    let mut steps = conversation();
    steps.insert(8, silent(End::A, 101, 1));
    assert_eq!(broken(&steps).0, [("HIA-MUST-42", vec![9]), ("HIA-MUST-86", vec![9])]);
    let mut steps = conversation();
    steps.insert(9, silent(End::B, 1, 101));
    assert_eq!(broken(&steps).0, [("HIA-MUST-42", vec![10]), ("HIA-MUST-50", vec![10])]);
    assert_breaks("HIA-MUST-44", 11, |steps| {
        let again = steps[7].clone();
        (0..3).for_each(|_| steps.insert(8, again.clone()));
    });
    // It finds no answer either.
    let mut steps = conversation();
    steps.insert(9, steps[7].clone());
    assert_eq!(broken(&steps).0, [("HIA-MUST-46", vec![10]), ("HIA-MUST-48", vec![10])]);
    assert_breaks("HIA-MUST-49", 9, |steps| {
        let life = Life { incarnation: 0, generation: 0 };
        steps[8] = steps[8].clone().proves(suspend_ack(601), Context::suspend_ack(Role::Responder, life));
    });
    assert_breaks("HIA-MUST-13", 11, |steps| steps[10].ack = 101);
    assert_breaks("HIA-MUST-82", 10, |steps| {
        steps[9].seq = 101;
        steps[10].ack = 101;
    });
}

/// What is not answered is broken by a host that goes on a second later, and open where the capture ends.
#[test]
fn silence() {
    let goes_on = || step(End::B, Flags::ACK, 1, 101);
    for (frame, requirement) in [(8, "HIA-MUST-48"), (10, "HIA-MUST-69")] {
        let mut steps = conversation();
        steps.truncate(frame);
        // Two seconds later, and not of the one who was asked.
        steps.push(step(End::A, Flags::ACK, 101, 1));
        let report = check_with(&capture(&steps)[..], &at_both(), |_| ()).expect("a capture");
        let verdict = report.verdicts.iter().find(|one| one.requirement == requirement).expect("a rule");
        assert_eq!((verdict.verdict, &verdict.frames[..]), (Outcome::Inconclusive, &[frame as u64][..]));
        steps.pop();
        steps.push(goes_on());
        assert_eq!(broken(&steps).0, [(requirement, vec![frame as u64])]);
    }
}

/// A capture that lacks packets says so, and nobody fails for them.
#[test]
fn missing_packets_are_said() {
    let text = |steps: &[Step]| {
        let report = check(&capture(steps)[..], |_| ()).expect("a capture");
        assert!(report.verdicts.iter().all(|one| one.verdict != Outcome::Fail));
        report.problems.into_iter().map(|problem| problem.text).collect::<Vec<_>>()
    };
    let mut steps = conversation();
    assert!(text(&steps).is_empty());
    // The first data, which frame 6 then acknowledges.
    steps.remove(5);
    let missing = "acknowledges octets 1:101 of connection 0 that the capture does not have";
    assert_eq!(text(&steps), [format!("frame 6 {missing}")]);
    // The next data is there, and then both are acknowledged.
    steps.insert(5, step(End::A, Flags::ACK, 101, 1).data(50));
    assert_eq!(text(&steps), [format!("frame 7 {missing}")]);
    // It comes late: nothing is missing.
    steps.insert(6, step(End::A, Flags::ACK, 1, 1).data(100));
    assert!(text(&steps).is_empty());
}

/// Of every requirement it is said, in one place, whether a capture decides it: it is judged, or no passive observer can,
/// or no packet shows it.
#[test]
fn nothing_is_silently_absent() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec");
    let index = std::fs::read_to_string(format!("{root}/requirements.json")).expect("the index");
    let index: serde_json::Value = serde_json::from_str(&index).expect("JSON");
    let labels: Vec<_> =
        index.as_array().expect("a list").iter().filter_map(|one| one["label"].as_str()).collect();
    let unobservable = std::fs::read_to_string(format!("{root}/not-observable.toml")).expect("the list");
    let unobservable: toml::Table = unobservable.parse().expect("TOML");
    let report = check_with(&capture(&conversation())[..], &at_both(), |_| ()).expect("a capture");
    let judged: Vec<_> = report.verdicts.iter().map(|one| one.requirement).collect();
    let said: Vec<_> = judged
        .iter()
        .copied()
        .chain(not_passive().iter().map(|one| one.0))
        .chain(unobservable.keys().map(String::as_str))
        .collect();
    for label in &labels {
        assert_eq!(said.iter().filter(|known| *known == label).count(), 1, "{label}");
    }
    assert_eq!(said.len(), labels.len(), "a label that the draft does not have");
}

/// Elsewhere than at the host, what a missing segment would explain is open, with the frame and the reason.
#[test]
fn what_cannot_be_decided_is_said() {
    let mut steps = conversation();
    steps.insert(9, step(End::B, Flags::ACK, 1, 101).data(50));
    let report = check(&capture(&steps)[..], |_| ()).expect("a capture");
    let new_octets = report.verdicts.iter().find(|one| one.requirement == "HIA-MUST-42").expect("a rule");
    assert_eq!((new_octets.verdict, &new_octets.frames[..]), (Outcome::Inconclusive, &[10][..]));
    assert!(
        new_octets.text.ends_with("a segment that the capture does not have would explain it"),
        "{}",
        new_octets.text
    );
    assert_eq!(report.verdicts.iter().filter(|one| one.verdict == Outcome::Fail).count(), 0);
}
