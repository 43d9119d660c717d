//! Mutants of the return and of its answer.

use std::time::Duration;

use hiatus_codec::{KnownOptions, Message, Subtype};

use super::edit::{
    drop_if, edited, has, has_data, hiatus, is_bare_rst, is_synack, replay_out_of_order, strip_if,
    with_resume,
};
use super::{Hooks, Mutant, Notes, UNTOUCHED};
use crate::wire::{OwnedSegment, Side};

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "keeps-its-generation",
        breaks: &["HIA-MUST-60"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                with_resume(notes, &segment, |resume| {
                    resume.life.generation = resume.life.generation.saturating_sub(1);
                })
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "resumes-at-snd-nxt",
        breaks: &["HIA-MUST-82"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                let seq = if has(&segment, Subtype::RESUME) { notes.next } else { segment.seq };
                vec![OwnedSegment { seq, ..segment }]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "resume-with-data",
        breaks: &["HIA-MUST-61"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                if notes.nth(has(&segment, Subtype::RESUME)) == 1 {
                    let data = OwnedSegment { payload: b"?".to_vec(), ..notes.pure_ack() };
                    return vec![segment, data];
                }
                vec![segment]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "counts-across-messages",
        breaks: &["HIA-MUST-67"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                notes.nth(has(&segment, Subtype::RESUME));
                vec![segment]
            },
            incoming: |notes, segment| strip_if(notes.count > 0 && has(&segment, Subtype::EPOCH), segment),
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "counts-strays-as-plain",
        breaks: &["HIA-MUST-67"],
        hooks: Hooks { incoming: bring_near, ..UNTOUCHED },
    },
    Mutant {
        name: "never-goes-on",
        breaks: &["HIA-MUST-77"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                notes.nth(has(&segment, Subtype::RESUME) || has(&segment, Subtype::RESUME_ACK));
                drop_if(notes.count > 0 && has_data(&segment), segment)
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "resumes-once",
        breaks: &["HIA-MUST-63"],
        hooks: Hooks {
            outgoing: |notes, segment| drop_if(notes.nth(has(&segment, Subtype::RESUME)) > 1, segment),
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "resumes-every-second",
        breaks: &["HIA-MUST-63"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                let again = has(&segment, Subtype::RESUME) && notes.later.is_empty();
                if again {
                    notes.send_after(Duration::from_millis(1100), segment.clone());
                    notes.send_after(Duration::from_millis(2200), segment.clone());
                    return vec![segment];
                }
                vec![segment]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "answers-while-resuming",
        breaks: &["HIA-MUST-61", "HIA-MUST-62"],
        hooks: Hooks { outgoing: note_resume, incoming: acknowledge_data, ..UNTOUCHED },
    },
    Mutant {
        name: "writes-while-resuming",
        breaks: &["HIA-MUST-42", "HIA-MUST-61"],
        hooks: Hooks {
            outgoing: note_resume,
            wrote: |notes, len_octets| {
                if notes.since.is_some() {
                    let data = notes.data(len_octets);
                    notes.extra.push_back(data);
                }
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "takes-older-life",
        breaks: &["HIA-MUST-65"],
        hooks: Hooks {
            incoming: |notes, segment| {
                let newest = notes.session.end(Side::Bench).life;
                vec![edited(notes, Side::Bench, &segment, |message| {
                    if let Message::ResumeAck(ack) = message {
                        ack.life = ack.life.max(newest);
                    }
                })]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "deaf-to-resume",
        breaks: &["HIA-MUST-69"],
        hooks: Hooks { incoming: |_, segment| drop_if(has(&segment, Subtype::RESUME), segment), ..UNTOUCHED },
    },
    Mutant {
        name: "tests-before-messages",
        breaks: &["HIA-MUST-87"],
        hooks: Hooks { incoming: test_first, ..UNTOUCHED },
    },
    Mutant {
        name: "acknowledges-all-in-resume-ack",
        breaks: &["HIA-MUST-13"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                let ack = if has(&segment, Subtype::RESUME_ACK) { notes.acknowledged } else { segment.ack };
                vec![OwnedSegment { ack, ..segment }]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "answers-one-resume",
        breaks: &["HIA-MUST-70"],
        hooks: Hooks {
            outgoing: |notes, segment| drop_if(notes.nth(has(&segment, Subtype::RESUME_ACK)) > 1, segment),
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "applies-old-positions",
        breaks: &["HIA-MUST-71"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                if notes.nth(has(&segment, Subtype::RESUME_ACK)) > 1 {
                    return vec![segment, notes.data(notes.written)];
                }
                vec![segment]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "takes-any-generation",
        breaks: &["HIA-MUST-73"],
        hooks: Hooks {
            incoming: |notes, segment| {
                let newest = notes.session.end(Side::Bench).life;
                vec![edited(notes, Side::Bench, &segment, |message| {
                    if let Message::Resume(resume) = message {
                        resume.life = resume.life.max(newest);
                    }
                })]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "waits-after-answering",
        breaks: &["HIA-MUST-64"],
        hooks: Hooks { outgoing: wait_after_answer, ..UNTOUCHED },
    },
    Mutant {
        name: "resumes-whenever-asked",
        breaks: &["HIA-MUST-85"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                if has(&segment, Subtype::RESUME) {
                    notes.kept = Some(segment.clone());
                } else if has(&segment, Subtype::RESUME_ACK)
                    && let Some(resume) = notes.kept.clone()
                {
                    return vec![segment, resume];
                }
                vec![segment]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "survives-resets",
        breaks: &["HIA-MUST-57", "HIA-MUST-66"],
        hooks: Hooks { incoming: |_, segment| drop_if(is_bare_rst(&segment), segment), ..UNTOUCHED },
    },
    Mutant {
        name: "counts-rsts-apart",
        breaks: &["HIA-MUST-66"],
        hooks: Hooks {
            outgoing: note_resume,
            // One after each RESUME, whatever the last RESUME met.
            incoming: die_of_the_third_rst,
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "counts-late-rsts",
        breaks: &["HIA-MUST-66"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                // The count starts again after a RESUME that met none.
                if has(&segment, Subtype::RESUME) && notes.since.replace(notes.now).is_some() {
                    notes.count = 0;
                }
                vec![segment]
            },
            incoming: die_of_the_third_rst,
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "deaf-to-plain-segments",
        breaks: &["HIA-MUST-67"],
        hooks: Hooks {
            outgoing: note_resume,
            incoming: |notes, segment| drop_if(notes.since.is_some() && segment.is_plain_ack(), segment),
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "counts-data-as-plain",
        breaks: &["HIA-MUST-67"],
        hooks: Hooks {
            outgoing: note_resume,
            incoming: |notes, segment| {
                if notes.since.is_some() && has_data(&segment) && hiatus(&segment).is_none() {
                    return vec![OwnedSegment { payload: Vec::new(), ..segment }];
                }
                vec![segment]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "never-gives-up",
        breaks: &["HIA-MUST-68"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                if notes.nth(has(&segment, Subtype::RESUME)) == 1 {
                    notes.send_after(Duration::from_secs(400), segment.clone());
                }
                vec![segment]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "starts-large-again",
        breaks: &["HIA-SHOULD-10"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                notes.nth(has(&segment, Subtype::RESUME_ACK));
                if notes.count == 2 && has_data(&segment) {
                    return vec![segment, notes.data(1460)];
                }
                vec![segment]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "closes-before-the-hold-is-over",
        breaks: &["HIA-MUST-68"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                if has(&segment, Subtype::RESUME) {
                    // The hold offered by both ends.
                    notes.dies_at = notes.dies_at.or(Some(notes.now + Duration::from_secs(300)));
                }
                vec![segment]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "keeps-data-out-of-order",
        breaks: &["HIA-MUST-78"],
        hooks: Hooks { outgoing: note_sync, incoming: replay_out_of_order, ..UNTOUCHED },
    },
];

/// A RESUME, RESUME-ACK or ABORT that looks like an old duplicate is lost, as any other segment would be.
fn test_first(notes: &mut Notes, segment: OwnedSegment) -> Vec<OwnedSegment> {
    let tsval = KnownOptions::parse(&segment.view()).timestamps.map(|sent| sent.value);
    let is_old = tsval.is_some_and(|tsval| tsval < notes.count) || segment.seq != notes.acknowledged;
    notes.count = notes.count.max(tsval.unwrap_or(0));
    let returns = [Subtype::RESUME, Subtype::RESUME_ACK, Subtype::ABORT];
    drop_if(is_old && returns.into_iter().any(|subtype| has(&segment, subtype)), segment)
}

/// Bare RSTs count once for each RESUME that was noted.
fn die_of_the_third_rst(notes: &mut Notes, segment: OwnedSegment) -> Vec<OwnedSegment> {
    if is_bare_rst(&segment) && notes.since.take().is_some() && notes.nth(true) == 3 {
        notes.die();
    }
    vec![segment]
}

fn note_resume(notes: &mut Notes, segment: OwnedSegment) -> Vec<OwnedSegment> {
    if has(&segment, Subtype::RESUME) {
        notes.since = notes.since.or(Some(notes.now));
    }
    vec![segment]
}

fn acknowledge_data(notes: &mut Notes, segment: OwnedSegment) -> Vec<OwnedSegment> {
    if notes.since.is_some() && has_data(&segment) {
        let ack = segment.seq.advanced_by(segment.data_len_octets());
        let ack = OwnedSegment { ack, ..notes.pure_ack() };
        notes.extra.push_back(ack);
    }
    vec![segment]
}

/// The RESUME that follows a RESUME-ACK at once is swallowed.
fn wait_after_answer(notes: &mut Notes, segment: OwnedSegment) -> Vec<OwnedSegment> {
    if has(&segment, Subtype::RESUME_ACK) {
        notes.since = Some(notes.now);
    }
    let at_once = notes.since == Some(notes.now) && has(&segment, Subtype::RESUME);
    drop_if(at_once, segment)
}

fn note_sync(notes: &mut Notes, segment: OwnedSegment) -> Vec<OwnedSegment> {
    if has(&segment, Subtype::RESUME_ACK) || is_synack(&segment) {
        notes.nth(has(&segment, Subtype::RESUME_ACK));
    }
    vec![segment]
}

/// A segment from far outside the window looks as if it were the next one.
fn bring_near(notes: &mut Notes, segment: OwnedSegment) -> Vec<OwnedSegment> {
    const FAR: u32 = 1 << 24;
    let is_far = notes.session.relative(Side::Bench, segment.seq) > FAR;
    let seq = if is_far { notes.session.absolute(Side::Bench, 1) } else { segment.seq };
    vec![OwnedSegment { seq, ..segment }]
}
