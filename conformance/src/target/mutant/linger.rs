//! Mutants of what is kept after the end.

use std::time::Duration;

use hiatus_codec::{Flags, Subtype};

use super::edit::{drop_if, has, is_syn};
use super::{Hooks, Mutant, Notes, UNTOUCHED};
use crate::wire::OwnedSegment;

/// Two maximum segment lifetimes of two minutes: how long the targets of the cases stay in TIME-WAIT.
const TIME_WAIT: Duration = Duration::from_secs(240);

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "does-not-linger",
        breaks: &["HIA-MUST-111", "HIA-MUST-112"],
        hooks: Hooks { outgoing: note_fin, incoming: die_at_the_end, ..UNTOUCHED },
    },
    Mutant {
        name: "lingers-for-a-minute",
        breaks: &["HIA-MUST-111"],
        hooks: Hooks {
            outgoing: note_fin,
            incoming: |notes, segment| {
                let kept = die_at_the_end(notes, segment);
                if let Some(when) = notes.dies_at.as_mut().filter(|when| **when == notes.now) {
                    *when += Duration::from_secs(60);
                }
                kept
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "ends-linger-unechoed",
        breaks: &["HIA-MUST-112"],
        hooks: Hooks {
            // The first EPOCH past the peer's FIN is taken for enough.
            outgoing: |notes, segment| {
                if has(&segment, Subtype::EPOCH) && notes.since.is_some() {
                    notes.dies_at = notes.dies_at.or(Some(notes.now + Duration::from_micros(1)));
                }
                vec![segment]
            },
            incoming: note_fin_of_the_peer,
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "opens-for-any-syn",
        breaks: &["HIA-MUST-113"],
        hooks: Hooks { incoming: open_anew, ..UNTOUCHED },
    },
    Mutant {
        name: "deaf-to-a-new-syn",
        breaks: &["HIA-MUST-113"],
        hooks: Hooks {
            incoming: |notes, segment| drop_if(notes.nth(is_syn(&segment)) > 1, segment),
            ..UNTOUCHED
        },
    },
];

fn note_fin_of_the_peer(notes: &mut Notes, segment: OwnedSegment) -> Vec<OwnedSegment> {
    if segment.flags.contains(Flags::FIN) {
        notes.since = notes.since.or(Some(notes.now));
    }
    vec![segment]
}

/// Keeps the own FIN, and whether it was the first.
fn note_fin(notes: &mut Notes, segment: OwnedSegment) -> Vec<OwnedSegment> {
    if segment.flags.contains(Flags::FIN) && notes.kept.is_none() {
        notes.count = u32::from(notes.since.is_none());
        notes.kept = Some(segment.clone());
    }
    vec![segment]
}

/// Both directions are closed and acknowledged: the connection is forgotten, after TIME-WAIT if the own FIN came first.
fn die_at_the_end(notes: &mut Notes, segment: OwnedSegment) -> Vec<OwnedSegment> {
    let segments = note_fin_of_the_peer(notes, segment);
    let own_fin_end = notes.kept.as_ref().map(|fin| fin.seq.advanced_by(fin.view().len()));
    let is_acknowledged = segments.iter().any(|segment| own_fin_end == Some(segment.ack));
    if is_acknowledged && notes.since.is_some() {
        let wait = if notes.count == 1 { TIME_WAIT } else { Duration::ZERO };
        notes.dies_at = notes.dies_at.or(Some(notes.now + wait));
    }
    segments
}

/// A second SYN is answered as if nothing had been there.
fn open_anew(notes: &mut Notes, segment: OwnedSegment) -> Vec<OwnedSegment> {
    if notes.nth(is_syn(&segment)) < 2 || !is_syn(&segment) {
        return vec![segment];
    }
    let flags = Flags::SYN.union(Flags::ACK);
    notes.extra.push_back(OwnedSegment { flags, ack: segment.seq.advanced_by(1), ..notes.pure_ack() });
    Vec::new()
}
