//! Mutants of the negotiation.

use std::time::Duration;

use hiatus_codec::{Capable, CapableBits, ConnectionKey, EpochEcho, Message, Subtype, TcpOption};

use super::edit::{
    drop_if, edited, has, has_data, hiatus, is_later, is_syn, is_synack, stray_capable, stray_epoch,
    stray_suspend, strip_if, stripped, with_message, with_options,
};
use super::{Hooks, Mutant, Notes, UNTOUCHED};
use crate::wire::{OwnedSegment, Side};

/// After this an initiator without an EPOCH has fallen back (draft, {#fallback}).
const EPOCH_WAIT: Duration = Duration::from_secs(64);

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "syn-never-offers",
        breaks: &["HIA-MUST-24"],
        hooks: Hooks { outgoing: |_, segment| strip_if(is_syn(&segment), segment), ..UNTOUCHED },
    },
    Mutant {
        name: "third-syn-offers",
        breaks: &["HIA-MUST-24"],
        hooks: Hooks { outgoing: |notes, segment| again_on_third(notes, is_syn, segment), ..UNTOUCHED },
    },
    Mutant {
        name: "option-flags-set",
        breaks: &["HIA-MUST-1"],
        hooks: Hooks { outgoing: |_, segment| vec![flagged(segment)], ..UNTOUCHED },
    },
    Mutant {
        name: "option-twice",
        breaks: &["HIA-MUST-3"],
        hooks: Hooks { outgoing: |_, segment| vec![doubled(segment)], ..UNTOUCHED },
    },
    Mutant {
        name: "synack-never-answers",
        breaks: &["HIA-MUST-26"],
        hooks: Hooks { outgoing: |_, segment| strip_if(is_synack(&segment), segment), ..UNTOUCHED },
    },
    Mutant {
        name: "synack-answers-once",
        breaks: &["HIA-MUST-26"],
        hooks: Hooks {
            outgoing: |notes, segment| strip_if(notes.nth(is_synack(&segment)) > 1, segment),
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "third-synack-answers",
        breaks: &["HIA-MUST-26"],
        hooks: Hooks { outgoing: |notes, segment| again_on_third(notes, is_synack, segment), ..UNTOUCHED },
    },
    Mutant {
        name: "synack-answers-plain-syn",
        breaks: &["HIA-MUST-25", "HIA-MUST-26"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                if !is_synack(&segment) {
                    return vec![segment];
                }
                let first = notes.kept.get_or_insert_with(|| segment.clone());
                vec![OwnedSegment { options: first.options.clone(), ..segment }]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "synack-copies-version",
        breaks: &["HIA-MUST-27"],
        hooks: Hooks { incoming: note_version, outgoing: copy_version, ..UNTOUCHED },
    },
    Mutant {
        name: "capable-once",
        breaks: &["HIA-MUST-29"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                let repeated = is_later(&segment) && has(&segment, Subtype::CAPABLE);
                strip_if(notes.nth(repeated) > 1, segment)
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "capable-on-seventh",
        breaks: &["HIA-MUST-30"],
        hooks: Hooks { outgoing: |notes, segment| capable_after(notes, segment, 6), ..UNTOUCHED },
    },
    Mutant {
        name: "capable-after-epoch",
        breaks: &["HIA-MUST-30"],
        hooks: Hooks { outgoing: |notes, segment| capable_after(notes, segment, 1), ..UNTOUCHED },
    },
    Mutant {
        name: "capable-on-every-copy",
        breaks: &["HIA-MUST-117"],
        hooks: Hooks { outgoing: capable_on_copies, ..UNTOUCHED },
    },
    Mutant {
        name: "key-changes",
        breaks: &["HIA-MUST-17"],
        hooks: Hooks { outgoing: change_key, ..UNTOUCHED },
    },
    Mutant {
        name: "never-confirms",
        breaks: &["HIA-MUST-31"],
        hooks: Hooks { outgoing: |_, segment| strip_if(has(&segment, Subtype::EPOCH), segment), ..UNTOUCHED },
    },
    Mutant {
        name: "confirms-once",
        breaks: &["HIA-MUST-33"],
        hooks: Hooks {
            outgoing: |notes, segment| drop_if(notes.nth(has(&segment, Subtype::EPOCH)) > 1, segment),
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "confirms-seven-times",
        breaks: &["HIA-MUST-33", "HIA-MUST-38"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                if notes.nth(has(&segment, Subtype::EPOCH)) == 6 {
                    notes.send_after(Duration::from_secs(32), segment.clone());
                }
                vec![segment]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "hiatus-after-fallback",
        breaks: &["HIA-MUST-38"],
        hooks: Hooks {
            outgoing: |_, segment| {
                let echo = Message::EpochEcho(EpochEcho { stable_point: 0 });
                vec![if has_data(&segment) { with_message(&segment, &echo) } else { segment }]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "wrong-mac-in-epoch",
        breaks: &["HIA-MUST-18"],
        hooks: Hooks { outgoing: |_, segment| vec![forged_if(Subtype::EPOCH, segment)], ..UNTOUCHED },
    },
    Mutant {
        name: "wrong-mac-in-suspend",
        breaks: &["HIA-MUST-18"],
        hooks: Hooks { outgoing: |_, segment| vec![forged_if(Subtype::SUSPEND, segment)], ..UNTOUCHED },
    },
    Mutant {
        name: "wrong-mac-in-suspend-ack",
        breaks: &["HIA-MUST-18"],
        hooks: Hooks { outgoing: |_, segment| vec![forged_if(Subtype::SUSPEND_ACK, segment)], ..UNTOUCHED },
    },
    Mutant {
        name: "wrong-mac-in-resume",
        breaks: &["HIA-MUST-18"],
        hooks: Hooks { outgoing: |_, segment| vec![forged_if(Subtype::RESUME, segment)], ..UNTOUCHED },
    },
    Mutant {
        name: "wrong-mac-in-resume-ack",
        breaks: &["HIA-MUST-18"],
        hooks: Hooks { outgoing: |_, segment| vec![forged_if(Subtype::RESUME_ACK, segment)], ..UNTOUCHED },
    },
    Mutant {
        name: "wrong-mac-in-abort",
        breaks: &["HIA-MUST-18"],
        hooks: Hooks { outgoing: |_, segment| vec![forged_if(Subtype::ABORT, segment)], ..UNTOUCHED },
    },
    Mutant {
        name: "never-echoes",
        breaks: &["HIA-MUST-34"],
        hooks: Hooks {
            outgoing: |_, segment| drop_if(has(&segment, Subtype::EPOCH_ECHO), segment),
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "echoes-once",
        breaks: &["HIA-MUST-34"],
        hooks: Hooks {
            outgoing: |notes, segment| drop_if(notes.nth(has(&segment, Subtype::EPOCH_ECHO)) > 1, segment),
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "echoes-wrong-point",
        breaks: &["HIA-MUST-34"],
        hooks: Hooks {
            outgoing: |_, segment| {
                let echo = Message::EpochEcho(EpochEcho { stable_point: 1 });
                vec![if has(&segment, Subtype::EPOCH_ECHO) { with_message(&segment, &echo) } else { segment }]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "echoes-late-epoch",
        breaks: &["HIA-MUST-39"],
        hooks: Hooks { incoming: echo_late_epoch, ..UNTOUCHED },
    },
    Mutant {
        name: "offers-unasked",
        breaks: &["HIA-MUST-25", "HIA-MUST-38", "HIA-MUST-40"],
        hooks: Hooks {
            outgoing: |_, segment| {
                vec![if is_synack(&segment) { with_message(&segment, &stray_capable()) } else { segment }]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "capable-after-plain-synack",
        breaks: &["HIA-MUST-28", "HIA-MUST-38"],
        hooks: Hooks {
            outgoing: |_, segment| {
                vec![if is_later(&segment) { with_message(&segment, &stray_capable()) } else { segment }]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "combines-with-anything",
        breaks: &["HIA-MUST-41"],
        hooks: Hooks {
            incoming: |_, segment| {
                vec![with_options(&segment, |option| !matches!(option, TcpOption::Unknown(_)))]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "capable-gives-way",
        breaks: &["HIA-MUST-15"],
        hooks: Hooks {
            incoming: |notes, segment| {
                notes.nth(has_data(&segment) && segment.seq.after(notes.acknowledged));
                vec![segment]
            },
            outgoing: |notes, segment| strip_if(notes.count > 0, segment),
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "grants-a-cookie-instead",
        breaks: &["HIA-SHOULD-1"],
        hooks: Hooks {
            outgoing: |_, segment| vec![if is_synack(&segment) { with_cookie(&segment) } else { segment }],
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "suspends-before-on",
        breaks: &["HIA-MUST-36"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                if has(&segment, Subtype::EPOCH) {
                    let suspend = with_message(&notes.pure_ack(), &stray_suspend());
                    notes.send_after(Duration::from_millis(100), suspend);
                }
                vec![segment]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "confirms-without-capable",
        breaks: &["HIA-MUST-32"],
        hooks: Hooks { incoming: |notes, segment| confirm(notes, segment, Asked::Not), ..UNTOUCHED },
    },
    Mutant {
        name: "takes-late-capable",
        breaks: &["HIA-MUST-39"],
        hooks: Hooks { incoming: |notes, segment| confirm(notes, segment, Asked::Late), ..UNTOUCHED },
    },
];

/// Whether the segment that a mutant confirms carries CAPABLE.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Not,
    Late,
}

fn confirm(notes: &mut Notes, segment: OwnedSegment, asked: Asked) -> Vec<OwnedSegment> {
    let fits = has(&segment, Subtype::CAPABLE) == (asked == Asked::Late);
    if is_later(&segment) && fits {
        let epoch = with_message(&notes.pure_ack(), &stray_epoch());
        notes.extra.push_back(epoch);
    }
    vec![segment]
}

/// A Fast Open cookie of 8 octets (RFC 7413, section 4.1.1) where the Hiatus option was.
fn with_cookie(segment: &OwnedSegment) -> OwnedSegment {
    let mut segment = stripped(segment);
    segment.options.extend([34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1]);
    segment
}

/// The third segment of a kind looks like the first.
fn again_on_third(
    notes: &mut Notes,
    kind: fn(&OwnedSegment) -> bool,
    segment: OwnedSegment,
) -> Vec<OwnedSegment> {
    match notes.nth(kind(&segment)) {
        1 => notes.kept = Some(segment.clone()),
        3 => {
            let options = notes.kept.take().map_or_else(Vec::new, |first| first.options);
            return vec![OwnedSegment { options, ..segment }];
        }
        _ => {}
    }
    vec![segment]
}

fn flagged(mut segment: OwnedSegment) -> OwnedSegment {
    // The head of a Hiatus option, up to the octet with the flags.
    const HEAD: [u8; 2] = [0x48, 0x49];
    if let Some(at) = segment.options.windows(2).position(|octets| octets == HEAD)
        && let Some(octet) = segment.options.get_mut(at + HEAD.len())
    {
        *octet |= 1;
    }
    segment
}

fn doubled(segment: OwnedSegment) -> OwnedSegment {
    let Some(option) = hiatus(&segment) else { return segment };
    let mut writer = hiatus_codec::OptionWriter::new();
    for option in hiatus_codec::options(&segment.options).flatten() {
        if option != hiatus_codec::TcpOption::EndOfList {
            let _ = writer.push(&option);
        }
    }
    let _ = writer.message(&option.message());
    let options = writer.finish().to_vec();
    OwnedSegment { options, ..segment }
}

fn note_version(notes: &mut Notes, segment: OwnedSegment) -> Vec<OwnedSegment> {
    if let Some(Message::Capable(capable)) = hiatus(&segment).map(|option| option.message()) {
        notes.count = u32::from(capable.bits.version());
    }
    vec![segment]
}

fn copy_version(notes: &mut Notes, segment: OwnedSegment) -> Vec<OwnedSegment> {
    let version = u8::try_from(notes.count).unwrap_or(0);
    if !is_synack(&segment) {
        return vec![segment];
    }
    vec![edited(notes, Side::Target, &segment, |message| {
        if let Message::Capable(capable) = message {
            capable.bits = CapableBits::new(version).with_silent();
        }
    })]
}

/// CAPABLE once more, on the segment after the first `count` that carried it.
fn capable_after(notes: &mut Notes, segment: OwnedSegment, count: u32) -> Vec<OwnedSegment> {
    if !is_later(&segment) {
        return vec![segment];
    }
    if has(&segment, Subtype::CAPABLE) {
        notes.nth(true);
        notes.kept = Some(segment.clone());
        return vec![segment];
    }
    let kept = notes.kept.as_ref().and_then(hiatus).map(|option| option.message());
    match kept {
        Some(capable) if notes.count == count && segment.hiatus_count() == 0 => {
            vec![with_message(&segment, &capable)]
        }
        _ => vec![segment],
    }
}

/// Every segment with data carries the CAPABLE that the first did.
fn capable_on_copies(notes: &mut Notes, segment: OwnedSegment) -> Vec<OwnedSegment> {
    if !is_later(&segment) || !has_data(&segment) {
        return vec![segment];
    }
    if has(&segment, Subtype::CAPABLE) {
        notes.kept = Some(segment.clone());
    }
    let kept = notes.kept.as_ref().and_then(hiatus).map(|option| option.message());
    vec![kept.map_or_else(|| segment.clone(), |capable| with_message(&segment, &capable))]
}

fn change_key(notes: &mut Notes, segment: OwnedSegment) -> Vec<OwnedSegment> {
    if notes.nth(is_later(&segment) && has(&segment, Subtype::CAPABLE)) < 2 {
        return vec![segment];
    }
    vec![edited(notes, Side::Target, &segment, |message| {
        if let Message::Capable(Capable { key, .. }) = message {
            *key = Some(ConnectionKey(*b"new key!"));
        }
    })]
}

/// `segment`, if it carries `subtype`, with one bit of its MAC turned.
fn forged_if(subtype: Subtype, segment: OwnedSegment) -> OwnedSegment {
    if !has(&segment, subtype) {
        return segment;
    }
    let Some(mut message) = hiatus(&segment).map(|option| option.message()) else { return segment };
    let Some(mut tag) = message.tag() else { return segment.clone() };
    tag.0[0] ^= 1;
    message.set_tag(tag);
    with_message(&segment, &message)
}

fn echo_late_epoch(notes: &mut Notes, segment: OwnedSegment) -> Vec<OwnedSegment> {
    let epoch = has(&segment, Subtype::EPOCH);
    if epoch && notes.now > EPOCH_WAIT {
        let echo = Message::EpochEcho(EpochEcho { stable_point: 0 });
        let echo = with_message(&notes.pure_ack(), &echo);
        notes.extra.push_back(echo);
        return vec![stripped(&segment)];
    }
    vec![segment]
}
