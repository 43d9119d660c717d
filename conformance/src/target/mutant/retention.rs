//! Mutants of retention.

use std::time::Duration;

use hiatus_codec::mac::Tag;
use hiatus_codec::{AbortReason, CapableBits, Message, ResumeAck};

use super::edit::{edited, has_data, hiatus, signed};
use super::{Hooks, Mutant, Notes, UNTOUCHED};
use crate::wire::{OwnedSegment, Side};

/// N in the octet of version and bits.
const OLDER: u8 = 0b0100;

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "does-not-retain",
        breaks: &["HIA-MUST-95"],
        hooks: Hooks {
            // Its peer seems to be one that never comes back with an older state.
            incoming: |notes, segment| {
                vec![edited(notes, Side::Bench, &segment, |message| {
                    if let Message::Capable(capable) = message {
                        capable.bits = CapableBits::from_octet(capable.bits.octet() & !OLDER);
                    }
                })]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "holds-back-for-ever",
        breaks: &["HIA-MUST-96"],
        hooks: Hooks { outgoing: stop_after_a_pause, ..UNTOUCHED },
    },
    Mutant {
        name: "sheds-in-secret",
        breaks: &["HIA-MUST-97"],
        hooks: Hooks { outgoing: answer_all_the_same, ..UNTOUCHED },
    },
];

/// Data after a pause of more than 100 s is held back.
fn stop_after_a_pause(notes: &mut Notes, segment: OwnedSegment) -> Vec<OwnedSegment> {
    const PAUSE: Duration = Duration::from_secs(100);
    if !has_data(&segment) {
        return vec![segment];
    }
    if notes.since.is_some_and(|last| notes.now - last > PAUSE) {
        return Vec::new();
    }
    notes.since = Some(notes.now);
    vec![segment]
}

/// A RESUME for octets that were shed is answered as if they were there.
fn answer_all_the_same(notes: &mut Notes, segment: OwnedSegment) -> Vec<OwnedSegment> {
    let reason = hiatus(&segment).map(|option| option.message());
    let is_gone = matches!(reason, Some(Message::Abort(abort)) if abort.reason == AbortReason::GONE);
    if !is_gone {
        return vec![segment];
    }
    let ack = ResumeAck {
        life: notes.session.end(Side::Target).life,
        received: notes.session.relative(Side::Bench, notes.acknowledged),
        end: notes.written + 1,
        tag: Tag::default(),
    };
    vec![signed(notes, Side::Target, &notes.pure_ack(), Message::ResumeAck(ack))]
}
