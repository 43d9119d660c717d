//! Mutants of the return with an older state.

use hiatus_codec::{OptionWriter, Subtype, TcpOption, Timestamps, options};

use super::edit::{drop_if, has, replay_out_of_order, strip_if, with_resume};
use super::{Hooks, Mutant, Notes, UNTOUCHED};
use crate::wire::{OwnedSegment, Side};

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "keeps-its-incarnation",
        breaks: &["HIA-MUST-100"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                with_resume(notes, &segment, |resume| {
                    resume.life.incarnation = resume.life.incarnation.saturating_sub(1);
                    resume.life.generation += 1;
                })
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "does-not-notice-a-rollback",
        breaks: &["HIA-MUST-103"],
        hooks: Hooks {
            incoming: |_, segment| {
                let tells = has(&segment, Subtype::RESUME) || has(&segment, Subtype::RESUME_ACK);
                drop_if(tells, segment)
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "goes-on-though-rolled-back",
        breaks: &["HIA-MUST-103"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                let ends = has(&segment, Subtype::ABORT);
                vec![if ends { notes.pure_ack() } else { segment }]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "clock-goes-back",
        breaks: &["HIA-MUST-109"],
        hooks: Hooks { outgoing: go_back, ..UNTOUCHED },
    },
    Mutant {
        name: "end-is-snd-una",
        breaks: &["HIA-MUST-107"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                // SEG.SEQ of a RESUME is SND.UNA - 1.
                let una = notes.session.relative(Side::Target, segment.seq.advanced_by(1));
                with_resume(notes, &segment, |resume| {
                    resume.end = una;
                })
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "end-grows-with-writes",
        breaks: &["HIA-MUST-108"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                let end = notes.written + 1;
                with_resume(notes, &segment, |resume| {
                    resume.end = end;
                })
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "restores-data-out-of-order",
        breaks: &["HIA-MUST-106"],
        hooks: Hooks { outgoing: note_resume, incoming: replay_out_of_order, ..UNTOUCHED },
    },
    Mutant {
        name: "silent-to-a-plain-peer",
        breaks: &["HIA-MUST-110"],
        hooks: Hooks { outgoing: |_, segment| drop_if(has(&segment, Subtype::ABORT), segment), ..UNTOUCHED },
    },
    Mutant {
        name: "silent-after-a-jump",
        breaks: &["HIA-MUST-121"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                notes.nth(has(&segment, Subtype::RESUME));
                drop_if(notes.count > 0 && segment.is_plain_ack(), segment)
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "resets-a-plain-peer-barely",
        breaks: &["HIA-MUST-110"],
        hooks: Hooks { outgoing: |_, segment| strip_if(has(&segment, Subtype::ABORT), segment), ..UNTOUCHED },
    },
    Mutant {
        name: "aborts-at-its-own-snd-nxt",
        breaks: &["HIA-MUST-110"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                // The case takes its snapshot before the first octet.
                let first = notes.session.absolute(Side::Target, 1);
                let seq = if has(&segment, Subtype::ABORT) { first } else { segment.seq };
                vec![OwnedSegment { seq, ..segment }]
            },
            ..UNTOUCHED
        },
    },
];

/// Timestamps go on where the snapshot left them: a day before those that were sent.
fn go_back(notes: &mut Notes, segment: OwnedSegment) -> Vec<OwnedSegment> {
    const DAY_TICKS: u32 = 24 * 60 * 60 * 1000;
    notes.nth(has(&segment, Subtype::RESUME));
    if notes.count == 0 {
        return vec![segment];
    }
    let mut writer = OptionWriter::new();
    for option in options(&segment.options).flatten() {
        // What came out of a header fits into one.
        let _ = match option {
            TcpOption::Timestamps(sent) => writer.push(&TcpOption::Timestamps(Timestamps {
                value: sent.value.wrapping_sub(DAY_TICKS),
                ..sent
            })),
            other => writer.push(&other),
        };
    }
    vec![OwnedSegment { options: writer.finish().to_vec(), ..segment }]
}

fn note_resume(notes: &mut Notes, segment: OwnedSegment) -> Vec<OwnedSegment> {
    notes.nth(has(&segment, Subtype::RESUME));
    vec![segment]
}
