//! Mutants of the return with an older state.

use hiatus_codec::{Flags, OptionWriter, Subtype, TcpOption, Timestamps, options};

use super::edit::{drop_if, has, replay_out_of_order, strip_if, with_resume};
use super::host::HostCall;
use super::{CallError, Hooks, Mutant, Notes, Target, UNTOUCHED};
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
    Mutant {
        name: "restores-off-the-line",
        breaks: &["HIA-MUST-89"],
        hooks: Hooks { host: line_goes_back, ..UNTOUCHED },
    },
    Mutant {
        name: "resumes-before-durable",
        breaks: &["HIA-MUST-124"],
        hooks: Hooks {
            host: |notes, inner, call| {
                if let HostCall::Restore { epoch, .. } = *call {
                    inner.snapshot_durable(notes.now, epoch)?;
                }
                call.carry_out(notes.now, inner.as_mut())
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "resets-while-restoring",
        breaks: &["HIA-MUST-105"],
        hooks: Hooks {
            host: |notes, inner, call| {
                if let HostCall::Restore { lasts, .. } = *call {
                    notes.until = Some(notes.now + lasts);
                }
                call.carry_out(notes.now, inner.as_mut())
            },
            // The network is up before the connection is.
            incoming: |notes, segment| {
                if notes.until.is_some_and(|until| notes.now < until) {
                    let reset = OwnedSegment { seq: segment.ack, flags: Flags::RST, ..notes.pure_ack() };
                    notes.extra.push_back(reset);
                }
                vec![segment]
            },
            ..UNTOUCHED
        },
    },
];

/// The host keeps its line where it keeps the rest: each copy knows only what was before it.
fn line_goes_back(notes: &mut Notes, inner: &mut Box<dyn Target>, call: &HostCall) -> Result<(), CallError> {
    match *call {
        HostCall::Taken(epoch) => {
            inner.snapshot_taken(notes.now, epoch)?;
            notes.instances.insert(epoch, inner.fork()?);
            return Ok(());
        }
        HostCall::Durable(epoch) => {
            if let Some(instance) = notes.instances.get_mut(&epoch) {
                instance.snapshot_durable(notes.now, epoch)?;
            }
        }
        HostCall::Restore { epoch, .. } => {
            if let Some(instance) = notes.instances.get(&epoch) {
                *inner = instance.fork()?;
            }
        }
        _ => {}
    }
    call.carry_out(notes.now, inner.as_mut())
}

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
