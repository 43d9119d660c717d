//! Mutants of leaving, holding and presuming.

use std::time::Duration;

use hiatus_codec::{Flags, HoldTime, Message, Subtype};

use super::edit::{drop_if, edited, has, has_data, is_bare_rst, strip_if, stripped};
use super::host::HostCall;
use super::{Hooks, Mutant, Notes, UNTOUCHED};
use crate::wire::{OwnedSegment, Side};

/// The hold that the targets of the cases grant.
const HOLD: Duration = Duration::from_secs(300);

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "closes-its-window",
        breaks: &["HIA-MUST-43", "HIA-SHOULD-4"],
        hooks: Hooks {
            outgoing: |_, segment| {
                let window = if has(&segment, Subtype::SUSPEND) { 0 } else { segment.window };
                vec![OwnedSegment { window, ..segment }]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "suspends-four-times",
        breaks: &["HIA-MUST-44"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                if notes.nth(has(&segment, Subtype::SUSPEND)) == 3 {
                    notes.send_after(Duration::from_secs(10), segment.clone());
                }
                vec![segment]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "suspends-in-haste",
        breaks: &["HIA-MUST-45"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                if notes.nth(has(&segment, Subtype::SUSPEND)) == 1 {
                    notes.send_after(Duration::from_millis(100), segment.clone());
                }
                vec![segment]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "deaf-to-suspend-ack",
        breaks: &["HIA-MUST-46"],
        hooks: Hooks {
            incoming: |_, segment| drop_if(has(&segment, Subtype::SUSPEND_ACK), segment),
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "deaf-while-leaving",
        breaks: &["HIA-MUST-47"],
        hooks: Hooks {
            outgoing: |notes, segment| note(notes, Subtype::SUSPEND, segment),
            incoming: |notes, segment| drop_if(notes.since.is_some() && has_data(&segment), segment),
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "writes-while-leaving",
        breaks: &["HIA-MUST-42"],
        hooks: Hooks {
            outgoing: |notes, segment| note(notes, Subtype::SUSPEND, segment),
            wrote: send_if_noted,
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "writes-into-hold",
        breaks: &["HIA-MUST-42", "HIA-MUST-50"],
        hooks: Hooks {
            outgoing: |notes, segment| note(notes, Subtype::SUSPEND_ACK, segment),
            wrote: send_if_noted,
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "deaf-to-suspend",
        breaks: &["HIA-MUST-48"],
        hooks: Hooks {
            incoming: |_, segment| strip_if(has(&segment, Subtype::SUSPEND), segment),
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "grants-too-much",
        breaks: &["HIA-MUST-49"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                vec![edited(notes, Side::Target, &segment, |message| {
                    if let Message::SuspendAck(ack) = message {
                        ack.granted_hold = HoldTime::from_seconds(301);
                    }
                })]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "keeps-absence-to-itself",
        breaks: &["HIA-SHOULD-5"],
        hooks: Hooks { event: |event| (!event.starts_with("peer-")).then_some(event), ..UNTOUCHED },
    },
    Mutant {
        name: "answers-one-suspend",
        breaks: &["HIA-MUST-48"],
        hooks: Hooks {
            outgoing: |notes, segment| drop_if(notes.nth(has(&segment, Subtype::SUSPEND_ACK)) > 1, segment),
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "retransmits-into-hold",
        breaks: &["HIA-MUST-50"],
        hooks: Hooks { outgoing: retransmit_later, ..UNTOUCHED },
    },
    Mutant {
        name: "counts-options-as-duplicates",
        breaks: &["HIA-MUST-23"],
        hooks: Hooks {
            incoming: |notes, segment| {
                let lost = notes.written > 0 && segment.hiatus_count() > 0;
                if notes.nth(lost) == 3 {
                    let data = notes.data(notes.written);
                    notes.extra.push_back(data);
                }
                vec![segment]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "deaf-while-holding",
        breaks: &["HIA-MUST-51"],
        hooks: Hooks {
            outgoing: |notes, segment| note(notes, Subtype::SUSPEND_ACK, segment),
            incoming: |notes, segment| drop_if(notes.since.is_some() && segment.hiatus_count() == 0, segment),
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "holds-for-ever",
        breaks: &["HIA-MUST-83"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                let held = notes.since.is_some();
                let kept = note(notes, Subtype::SUSPEND_ACK, segment);
                kept.into_iter().flat_map(|segment| drop_if(held && has_data(&segment), segment)).collect()
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "trusts-a-probe",
        breaks: &["HIA-MUST-83"],
        hooks: Hooks {
            outgoing: |notes, segment| note(notes, Subtype::SUSPEND_ACK, segment),
            incoming: |notes, segment| {
                if notes.since.is_some() && has_data(&segment) && notes.written > 0 {
                    let data = notes.data(notes.written);
                    notes.extra.push_back(data);
                }
                vec![segment]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "probes-while-leaving",
        breaks: &["HIA-MUST-86"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                if has(&segment, Subtype::SUSPEND) {
                    let mut probe = notes.data(notes.written);
                    probe.payload.truncate(1);
                    notes.send_after(Duration::from_secs(2), probe);
                }
                vec![segment]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "dies-of-a-bare-rst",
        breaks: &["HIA-MUST-52", "HIA-MUST-57", "HIA-MUST-66", "HIA-MUST-111"],
        hooks: Hooks {
            incoming: |notes, segment| {
                if is_bare_rst(&segment) {
                    notes.die();
                }
                vec![segment]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "dies-of-icmp",
        breaks: &["HIA-SHOULD-11"],
        hooks: Hooks {
            host: |notes, inner, call| {
                if matches!(call, HostCall::NetworkError(..)) {
                    notes.die();
                }
                call.carry_out(notes.now, inner.as_mut())
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "forgets-early",
        breaks: &["HIA-MUST-53"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                if has(&segment, Subtype::SUSPEND_ACK) {
                    notes.dies_at = Some(notes.now + HOLD / 2);
                }
                vec![segment]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "restarts-hold",
        breaks: &["HIA-MUST-54"],
        hooks: Hooks { outgoing: keep_grant, incoming: grant_again, ..UNTOUCHED },
    },
    Mutant {
        name: "rst-at-end-of-hold",
        breaks: &["HIA-MUST-55"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                if has(&segment, Subtype::SUSPEND_ACK) {
                    reset_later(notes);
                }
                vec![segment]
            },
            incoming: |notes, segment| {
                if is_bare_rst(&segment) {
                    reset_later(notes);
                }
                vec![segment]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "gives-up-at-r2",
        breaks: &["HIA-MUST-56"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                if has_data(&segment) && notes.dies_at.is_none() {
                    notes.dies_at = Some(notes.now + Duration::from_secs(100));
                }
                vec![segment]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "probes-never",
        breaks: &["HIA-MUST-58"],
        hooks: Hooks { outgoing: |_, segment| drop_if(has(&segment, Subtype::RESUME), segment), ..UNTOUCHED },
    },
    Mutant {
        name: "retransmits-while-presuming",
        breaks: &["HIA-MUST-50"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                let probe = has(&segment, Subtype::RESUME);
                let copy = notes.data(notes.written);
                if probe {
                    notes.send_after(Duration::from_secs(1), copy);
                }
                vec![segment]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "presumes-for-ever",
        breaks: &["HIA-MUST-88"],
        hooks: Hooks {
            // One that follows another soon is lost.
            incoming: |notes, segment| {
                let again = notes.since.is_some_and(|last| notes.now - last < Duration::from_secs(10));
                if is_bare_rst(&segment) {
                    notes.since = Some(notes.now);
                }
                drop_if(again && is_bare_rst(&segment), segment)
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "counts-rsts-for-ever",
        breaks: &["HIA-MUST-88"],
        hooks: Hooks {
            incoming: |notes, segment| {
                if notes.nth(is_bare_rst(&segment)) == 3 {
                    notes.die();
                }
                vec![segment]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "waits-after-a-presumed-absence",
        breaks: &["HIA-SHOULD-9"],
        hooks: Hooks {
            incoming: |notes, segment| {
                if is_bare_rst(&segment) {
                    notes.since = Some(notes.now);
                } else if notes.since.is_some() && notes.until.is_none() {
                    notes.until = Some(notes.now + Duration::from_secs(5));
                }
                vec![segment]
            },
            outgoing: |notes, segment| {
                let waits = notes.until.is_some_and(|until| notes.now < until);
                drop_if(waits && has_data(&segment), segment)
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "deaf-while-presuming",
        breaks: &["HIA-MUST-59"],
        hooks: Hooks {
            incoming: |notes, segment| {
                if is_bare_rst(&segment) {
                    notes.since = Some(notes.now);
                }
                drop_if(notes.since.is_some() && segment.is_plain_ack(), segment)
            },
            ..UNTOUCHED
        },
    },
];

/// Remembers when the target first sent `subtype`.
fn note(notes: &mut Notes, subtype: Subtype, segment: OwnedSegment) -> Vec<OwnedSegment> {
    if has(&segment, subtype) {
        notes.since = notes.since.or(Some(notes.now));
    }
    vec![segment]
}

/// Sends what the application wrote, though it should wait.
fn send_if_noted(notes: &mut Notes, len_octets: u32) {
    if notes.since.is_some() {
        notes.send_at_once(len_octets);
    }
}

fn retransmit_later(notes: &mut Notes, segment: OwnedSegment) -> Vec<OwnedSegment> {
    if has_data(&segment) {
        notes.kept = Some(stripped(&segment));
    } else if has(&segment, Subtype::SUSPEND_ACK)
        && let Some(data) = notes.kept.take()
    {
        notes.send_after(Duration::from_secs(5), data);
    }
    vec![segment]
}

fn keep_grant(notes: &mut Notes, segment: OwnedSegment) -> Vec<OwnedSegment> {
    if notes.nth(has(&segment, Subtype::SUSPEND_ACK)) > 0 {
        notes.kept = Some(segment.clone());
    }
    vec![segment]
}

/// From the third SUSPEND on the mutant answers in place of the target, as if the hold went on.
fn grant_again(notes: &mut Notes, segment: OwnedSegment) -> Vec<OwnedSegment> {
    if has(&segment, Subtype::SUSPEND)
        && notes.count >= 2
        && let Some(grant) = notes.kept.clone()
    {
        notes.extra.push_back(grant);
        return Vec::new();
    }
    vec![segment]
}

fn reset_later(notes: &mut Notes) {
    let reset = OwnedSegment { flags: Flags::RST, ..notes.pure_ack() };
    notes.send_after(HOLD, reset);
}
