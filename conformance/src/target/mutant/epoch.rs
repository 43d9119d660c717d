//! Mutants of stable points, and of the questions of a host that may be the wrong one.

use std::time::Duration;

use hiatus_codec::mac::Tag;
use hiatus_codec::{Epoch, EpochEcho, Life, Message, Nonce, Resume, Subtype};

use super::edit::{drop_if, edited, has, hiatus, signed, stripped, with_message};
use super::host::HostCall;
use super::{CallError, Hooks, Mutant, Notes, Target, UNTOUCHED};
use crate::wire::{OwnedSegment, Side};

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "reports-what-it-has-received",
        breaks: &["HIA-MUST-90"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                let received = notes.session.relative(Side::Bench, notes.acknowledged);
                vec![edited(notes, Side::Target, &segment, |message| {
                    if let Message::Epoch(epoch) = message {
                        epoch.stable_point = received;
                    }
                })]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "takes-taken-for-durable",
        breaks: &["HIA-MUST-90", "HIA-MUST-99"],
        hooks: Hooks { host: durable_when_taken, ..UNTOUCHED },
    },
    Mutant {
        name: "never-reports",
        breaks: &["HIA-MUST-91"],
        hooks: Hooks { outgoing: |_, segment| drop_if(reports(&segment).is_some(), segment), ..UNTOUCHED },
    },
    Mutant {
        name: "reports-late",
        breaks: &["HIA-MUST-91"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                if reports(&segment).is_none() {
                    return vec![segment];
                }
                notes.send_after(Duration::from_secs(2), segment);
                Vec::new()
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "reports-once",
        breaks: &["HIA-MUST-92"],
        hooks: Hooks {
            outgoing: |notes, segment| drop_if(is_repeated(notes, &segment), segment),
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "reports-every-second",
        breaks: &["HIA-MUST-92"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                if is_repeated(notes, &segment) {
                    notes.send_after(Duration::from_secs(1), segment.clone());
                }
                vec![segment]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "reports-ever-more-rarely",
        breaks: &["HIA-MUST-92"],
        hooks: Hooks { outgoing: double_on, ..UNTOUCHED },
    },
    Mutant {
        name: "closes-on-unechoed-epochs",
        breaks: &["HIA-MUST-56"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                if reports(&segment).is_some() {
                    notes.dies_at = notes.dies_at.or(Some(notes.now + Duration::from_secs(100)));
                }
                vec![segment]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "reports-into-absence",
        breaks: &["HIA-MUST-50", "HIA-MUST-61"],
        hooks: Hooks { host: report_at_once, ..UNTOUCHED },
    },
    Mutant {
        name: "reports-nothing-after-a-restore",
        breaks: &["HIA-MUST-91"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                notes.nth(has(&segment, Subtype::RESUME));
                drop_if(notes.count > 0 && reports(&segment).is_some(), segment)
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "repeats-older-epochs",
        breaks: &["HIA-MUST-93"],
        hooks: Hooks { outgoing: repeat_the_first, ..UNTOUCHED },
    },
    Mutant {
        name: "forgets-stable-points",
        breaks: &["HIA-MUST-94"],
        hooks: Hooks {
            incoming: |notes, segment| match reports(&segment) {
                Some(stable) => echo(notes, stable, &segment),
                None => vec![segment],
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "lowers-its-stable-point",
        breaks: &["HIA-MUST-94"],
        hooks: Hooks {
            // The last EPOCH counts: of two it is as if the first had not come.
            incoming: |notes, segment| match reports(&segment) {
                Some(stable) if notes.nth(true) == 1 => echo(notes, stable, &segment),
                _ => vec![segment],
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "believes-an-epoch-beyond-its-ack",
        breaks: &["HIA-MUST-94"],
        hooks: Hooks {
            incoming: |notes, segment| match reports(&segment) {
                Some(stable) => {
                    vec![OwnedSegment { ack: notes.session.absolute(Side::Target, stable), ..segment }]
                }
                None => vec![segment],
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "never-asks",
        breaks: &["HIA-MUST-104", "HIA-MUST-122"],
        hooks: Hooks { outgoing: |_, segment| drop_if(has(&segment, Subtype::RESUME), segment), ..UNTOUCHED },
    },
    Mutant {
        name: "asks-once",
        breaks: &["HIA-MUST-104"],
        hooks: Hooks {
            outgoing: |notes, segment| drop_if(notes.nth(has(&segment, Subtype::RESUME)) > 1, segment),
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "writes-after-a-long-time",
        breaks: &["HIA-MUST-123"],
        hooks: Hooks {
            outgoing: |_, segment| drop_if(has(&segment, Subtype::RESUME), segment),
            wrote: Notes::send_at_once,
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "asks-needlessly",
        breaks: &["HIA-MUST-123"],
        hooks: Hooks { outgoing: ask_first, ..UNTOUCHED },
    },
];

/// After a long time a RESUME leaves before anything else, whether something new is to be sent or not.
fn ask_first(notes: &mut Notes, segment: OwnedSegment) -> Vec<OwnedSegment> {
    const LONG: Duration = Duration::from_secs(2098);
    if notes.now < LONG || notes.nth(true) > 1 {
        return vec![segment];
    }
    let question = Message::Resume(Resume {
        life: Life::default(),
        nonce: Nonce(1),
        end: segment.seq.0,
        tag: Tag::default(),
    });
    vec![signed(notes, Side::Target, &notes.pure_ack(), question), segment]
}

/// The stable point of an EPOCH that is not that of a host without a durable one.
fn reports(segment: &OwnedSegment) -> Option<u32> {
    match hiatus(segment)?.message() {
        Message::Epoch(epoch) if epoch.stable_point > 0 => Some(epoch.stable_point),
        _ => None,
    }
}

/// True if the target has sent this EPOCH before.
fn is_repeated(notes: &mut Notes, segment: &OwnedSegment) -> bool {
    let Some(stable) = reports(segment) else { return false };
    let is_repeated = notes.count == stable;
    notes.count = stable;
    is_repeated
}

/// A minute after the last copy none leaves: the interval goes on doubling.
fn double_on(notes: &mut Notes, segment: OwnedSegment) -> Vec<OwnedSegment> {
    const MINUTE: Duration = Duration::from_secs(55);
    if reports(&segment).is_none() {
        return vec![segment];
    }
    let last = notes.since.replace(notes.now);
    drop_if(last.is_some_and(|last| notes.now - last > MINUTE), segment)
}

/// A durable epoch is told whoever is away.
fn report_at_once(notes: &mut Notes, inner: &mut Box<dyn Target>, call: &HostCall) -> Result<(), CallError> {
    if let HostCall::Durable(number) = *call {
        let stable_point = notes.session.relative(Side::Bench, notes.acknowledged);
        let epoch = Message::Epoch(Epoch { number, stable_point, tag: Tag::default() });
        let report = signed(notes, Side::Target, &notes.pure_ack(), epoch);
        notes.extra.push_back(report);
    }
    call.carry_out(notes.now, inner.as_mut())
}

/// Once a second EPOCH has left, the first one follows.
fn repeat_the_first(notes: &mut Notes, segment: OwnedSegment) -> Vec<OwnedSegment> {
    let Some(stable) = reports(&segment) else { return vec![segment] };
    match notes.kept.take() {
        None => notes.kept = Some(segment.clone()),
        Some(first) if reports(&first) == Some(stable) => notes.kept = Some(first),
        Some(first) => notes.send_after(Duration::from_millis(500), first),
    }
    vec![segment]
}

/// The mutant echoes in place of the target, which gets the segment without its EPOCH.
fn echo(notes: &mut Notes, stable_point: u32, segment: &OwnedSegment) -> Vec<OwnedSegment> {
    let echo = with_message(&notes.pure_ack(), &Message::EpochEcho(EpochEcho { stable_point }));
    notes.extra.push_back(echo);
    vec![stripped(segment)]
}

fn durable_when_taken(
    notes: &mut Notes,
    inner: &mut Box<dyn Target>,
    call: &HostCall,
) -> Result<(), CallError> {
    match *call {
        HostCall::Taken(epoch) => {
            inner.snapshot_taken(notes.now, epoch)?;
            inner.snapshot_durable(notes.now, epoch)
        }
        HostCall::Durable(_) => Ok(()),
        _ => call.carry_out(notes.now, inner.as_mut()),
    }
}
