//! Mutants of ABORT.

use hiatus_codec::{AbortReason, Message, Subtype};

use super::edit::{drop_if, edited, has, strip_if};
use super::{Hooks, Mutant, UNTOUCHED};
use crate::wire::Side;

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "never-aborts",
        breaks: &["HIA-MUST-72", "HIA-MUST-75", "HIA-MUST-76"],
        hooks: Hooks { outgoing: |_, segment| drop_if(has(&segment, Subtype::ABORT), segment), ..UNTOUCHED },
    },
    Mutant {
        name: "bare-rst",
        breaks: &["HIA-MUST-72", "HIA-MUST-74", "HIA-MUST-75", "HIA-MUST-76", "HIA-MUST-79"],
        hooks: Hooks { outgoing: |_, segment| strip_if(has(&segment, Subtype::ABORT), segment), ..UNTOUCHED },
    },
    Mutant {
        name: "wrong-abort-reason",
        breaks: &["HIA-MUST-72", "HIA-MUST-74", "HIA-MUST-75", "HIA-MUST-76", "HIA-MUST-81"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                // The first ABORT of an application stands; what answers a RESUME says something else.
                let answers = notes.session.end(Side::Bench).resume_is_last;
                if !answers {
                    return vec![segment];
                }
                vec![edited(notes, Side::Target, &segment, |message| {
                    if let Message::Abort(abort) = message {
                        abort.reason = AbortReason::SHED;
                    }
                })]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "deaf-to-abort",
        breaks: &["HIA-MUST-80"],
        hooks: Hooks { incoming: |_, segment| drop_if(has(&segment, Subtype::ABORT), segment), ..UNTOUCHED },
    },
    Mutant {
        name: "forgets-its-abort",
        breaks: &["HIA-MUST-81"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                notes.nth(has(&segment, Subtype::ABORT));
                vec![segment]
            },
            incoming: |notes, segment| drop_if(notes.count > 0, segment),
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "aborts-again-for-resume-only",
        breaks: &["HIA-MUST-81"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                notes.nth(has(&segment, Subtype::ABORT));
                vec![segment]
            },
            incoming: |notes, segment| drop_if(notes.count > 0 && !has(&segment, Subtype::RESUME), segment),
            ..UNTOUCHED
        },
    },
];
