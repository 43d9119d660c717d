//! Mutants that one of the attacks harms: without a limit, or with an ear for what is broken.

use hiatus_codec::{EpochEcho, Flags, HoldTime, Message, Nonce, Subtype, Suspend, options};

use super::edit::{
    drop_if, has, hiatus, is_authentic, signed, strip_if, stripped, with_message, with_resume,
};
use super::{Hooks, Mutant, Notes, UNTOUCHED};
use crate::wire::{OwnedSegment, Side};

/// Messages with a wrong MAC after which a mutant hears no more.
const FLOOD: u32 = 10;
/// ExID of Hiatus, with the high half of the octet behind it: a SUSPEND.
const EXPERIMENT: [u8; 2] = [0x48, 0x49];
const KIND: u8 = 253;

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "challenges-without-limit",
        breaks: &["HIA-MUST-22", "RFC 5961 7"],
        hooks: Hooks {
            incoming: |notes, segment| {
                let strays = has(&segment, Subtype::RESUME) && !is_authentic(notes, &segment);
                let beyond = segment.is_plain_ack() && segment.seq.after(notes.acknowledged);
                if strays || beyond {
                    let ack = notes.pure_ack();
                    notes.extra.push_back(ack);
                    return Vec::new();
                }
                vec![segment]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "deaf-after-a-flood",
        breaks: &["HIA-MUST-48", "HIA-MUST-69"],
        hooks: Hooks {
            incoming: |notes, segment| {
                let wrong = !is_authentic(notes, &segment);
                notes.nth(wrong);
                drop_if(notes.count > FLOOD && hiatus(&segment).is_some(), segment)
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "takes-a-later-key",
        breaks: &["HIA-MUST-18"],
        hooks: Hooks {
            incoming: |notes, segment| {
                let later = notes.session.end(Side::Bench).key.is_some() && has(&segment, Subtype::CAPABLE);
                notes.nth(later);
                vec![segment]
            },
            outgoing: |notes, segment| strip_if(notes.count > 0, segment),
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "compares-epoch-numbers",
        breaks: &["HIA-MUST-34"],
        hooks: Hooks {
            incoming: |notes, segment| {
                let number = match hiatus(&segment).map(|option| option.message()) {
                    Some(Message::Epoch(epoch)) => epoch.number,
                    _ => return vec![segment],
                };
                let older = number < notes.count;
                notes.count = notes.count.max(number);
                strip_if(older, segment)
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "finds-messages-anywhere",
        breaks: &["HIA-MUST-9", "HIA-MUST-10"],
        hooks: Hooks { incoming: |_, segment| vec![found_anywhere(segment)], ..UNTOUCHED },
    },
    Mutant {
        name: "takes-short-suspend",
        breaks: &["HIA-MUST-6"],
        hooks: Hooks {
            incoming: |notes, segment| {
                let is_short = has_short(&segment, Subtype::SUSPEND);
                vec![if is_short { suspended(notes, &segment) } else { segment }]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "drops-short-abort",
        breaks: &["HIA-MUST-6"],
        hooks: Hooks {
            incoming: |_, segment| drop_if(has_short(&segment, Subtype::ABORT), segment),
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "drops-broken-segments",
        breaks: &["HIA-MUST-6", "HIA-MUST-9", "HIA-MUST-11"],
        hooks: Hooks {
            incoming: |_, segment| {
                let broken = options(&segment.options).any(|item| item.is_err());
                drop_if(broken, segment)
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "believes-messages-on-a-fin",
        breaks: &["HIA-MUST-4"],
        hooks: Hooks {
            incoming: |_, segment| {
                if !segment.flags.contains(Flags::FIN) || hiatus(&segment).is_none() {
                    return vec![segment];
                }
                let seq = segment.seq.advanced_by(segment.view().len());
                let pure = OwnedSegment { seq, flags: Flags::ACK, payload: Vec::new(), ..segment.clone() };
                vec![stripped(&segment), pure]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "echoes-while-resuming",
        breaks: &["HIA-MUST-61", "HIA-MUST-62"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                notes.nth(has(&segment, Subtype::RESUME));
                vec![segment]
            },
            incoming: |notes, segment| {
                if notes.count > 0 && has(&segment, Subtype::EPOCH) {
                    let echo = Message::EpochEcho(EpochEcho { stable_point: 1 });
                    let echo = with_message(&notes.pure_ack(), &echo);
                    notes.extra.push_back(echo);
                }
                vec![segment]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "keeps-its-nonce",
        breaks: &["HIA-MUST-101"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                if let Some(Message::Resume(resume)) = hiatus(&segment).map(|option| option.message())
                    && notes.count == 0
                {
                    notes.count = resume.nonce.0;
                }
                let first = Nonce(notes.count);
                with_resume(notes, &segment, |resume| resume.nonce = first)
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "deaf-to-urgent-octets",
        breaks: &["RFC 9293 3.10.7.4"],
        hooks: Hooks {
            incoming: |_, segment| drop_if(segment.flags.contains(Flags::URG), segment),
            ..UNTOUCHED
        },
    },
];

/// `segment` with the Hiatus option that stands anywhere in its options as the only one.
fn found_anywhere(segment: OwnedSegment) -> OwnedSegment {
    if segment.hiatus_count() > 0 {
        return segment;
    }
    let area = &segment.options;
    let at =
        area.windows(4).position(|octets| octets.first() == Some(&KIND) && octets.ends_with(&EXPERIMENT));
    let option = at.and_then(|at| {
        let len = usize::from(*area.get(at + 1)?);
        area.get(at..at + len)
    });
    let Some(option) = option else { return segment };
    let mut alone = option.to_vec();
    alone.resize(alone.len().next_multiple_of(4), 0);
    OwnedSegment { options: alone, ..segment }
}

/// True if `segment` carries a Hiatus option of `subtype` that is too short to be read.
fn has_short(segment: &OwnedSegment, subtype: Subtype) -> bool {
    segment.hiatus_count() == 0
        && segment.options.first() == Some(&KIND)
        && segment.options.get(2..4) == Some(&EXPERIMENT[..])
        && segment.options.get(4).is_some_and(|octet| octet >> 4 == subtype.0)
}

fn suspended(notes: &Notes, segment: &OwnedSegment) -> OwnedSegment {
    let absence = HoldTime::from_seconds(60);
    let message = Message::Suspend(Suspend { expected_absence: absence, tag: Default::default() });
    signed(notes, Side::Bench, &stripped(segment), message)
}
