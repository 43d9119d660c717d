//! Mutants that read options, MACs and places in another way than the draft.

use std::time::Duration;

use hiatus_codec::{
    AbortReason, CapableBits, Flags, HoldTime, Message, Nonce, OptionError, Subtype, Suspend, SuspendAck,
    TcpOption, options,
};

use super::edit::{
    drop_if, edited, has, has_data, has_structural_error, hiatus, is_authentic, is_syn, signed, strip_if,
    stripped, with_message, with_options,
};
use super::{Hooks, Mutant, Notes, UNTOUCHED};
use crate::wire::{OwnedSegment, Side};

/// After this a responder whose EPOCHs met no echo has fallen back: 1 + 2 + 4 + 8 + 16 + 32 seconds.
const FALLBACK: Duration = Duration::from_secs(63);

/// Bits of octet 5 of CAPABLE.
const N: u8 = 0b0100;
const S_AND_N: u8 = 0b1100;

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "believes-any-mac",
        breaks: &["HIA-MUST-19", "HIA-MUST-20", "HIA-MUST-21", "HIA-MUST-22"],
        hooks: Hooks {
            incoming: |notes, segment| {
                let right = is_authentic(notes, &segment);
                vec![if right { segment } else { edited(notes, Side::Bench, &segment, |_| {}) }]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "believes-any-stable-point",
        breaks: &["HIA-MUST-35"],
        hooks: Hooks {
            incoming: |notes, segment| {
                vec![edited(notes, Side::Bench, &segment, |message| {
                    if let Message::Epoch(epoch) = message {
                        epoch.stable_point = 0;
                    }
                })]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "believes-before-on",
        breaks: &["HIA-MUST-37"],
        hooks: Hooks { incoming: believe_before_on, ..UNTOUCHED },
    },
    Mutant {
        name: "waits-for-the-echo",
        breaks: &["HIA-MUST-84"],
        hooks: Hooks {
            incoming: |notes, segment| {
                notes.nth(has(&segment, Subtype::EPOCH_ECHO));
                let early = [Subtype::EPOCH, Subtype::SUSPEND, Subtype::RESUME, Subtype::ABORT];
                let early = early.into_iter().any(|subtype| has(&segment, subtype));
                strip_if(notes.count == 0 && early, segment)
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "believes-after-fallback",
        breaks: &["HIA-MUST-39"],
        hooks: Hooks {
            incoming: |notes, segment| {
                if notes.now > FALLBACK && has(&segment, Subtype::SUSPEND) {
                    grant(notes);
                }
                vec![segment]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "takes-unknown-subtype-for-suspend",
        breaks: &["HIA-MUST-5"],
        hooks: Hooks {
            incoming: |notes, segment| {
                vec![edited(notes, Side::Bench, &segment, |message| {
                    if matches!(message, Message::Unknown(_)) {
                        let tag = hiatus_codec::mac::Tag::default();
                        *message = Message::Suspend(Suspend { expected_absence: HoldTime::NONE, tag });
                    }
                })]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "refuses-option-flags",
        breaks: &["HIA-MUST-2"],
        hooks: Hooks {
            incoming: |_, segment| {
                let octet = hiatus(&segment).and_then(|option| option.octets_from_subtype().first().copied());
                strip_if(octet.is_some_and(|octet| octet & 0x0f != 0), segment)
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "refuses-longer-options",
        breaks: &["HIA-MUST-7"],
        hooks: Hooks {
            incoming: |_, segment| {
                let longer = hiatus(&segment).is_some_and(|option| {
                    option.octets_from_subtype().len() + 4 > usize::from(option.message().len_octets())
                });
                strip_if(longer, segment)
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "takes-short-capable",
        breaks: &["HIA-MUST-6"],
        hooks: Hooks { incoming: |_, segment| vec![take_short_capable(segment)], ..UNTOUCHED },
    },
    Mutant {
        name: "looks-at-first-option-only",
        breaks: &["HIA-MUST-8"],
        hooks: Hooks { incoming: |_, segment| vec![only(&segment, 1)], ..UNTOUCHED },
    },
    Mutant {
        name: "looks-at-last-option",
        breaks: &["HIA-MUST-8"],
        hooks: Hooks { incoming: |_, segment| vec![only(&segment, segment.hiatus_count())], ..UNTOUCHED },
    },
    Mutant {
        name: "believes-misplaced-option",
        breaks: &["HIA-MUST-4"],
        hooks: Hooks { incoming: believe_misplaced, ..UNTOUCHED },
    },
    Mutant {
        name: "drops-all-options-on-error",
        breaks: &["HIA-MUST-9"],
        hooks: Hooks {
            incoming: |_, segment| {
                let broken = has_structural_error(&segment);
                vec![if broken { OwnedSegment { options: Vec::new(), ..segment } } else { segment }]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "resynchronises-after-error",
        breaks: &["HIA-MUST-9"],
        hooks: Hooks {
            incoming: |_, segment| {
                vec![if has_structural_error(&segment) { found_capable(segment) } else { segment }]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "reads-past-end-of-list",
        breaks: &["HIA-MUST-10"],
        hooks: Hooks {
            incoming: |_, segment| {
                let unread = segment.hiatus_count() == 0;
                vec![if is_syn(&segment) && unread { found_capable(segment) } else { segment }]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "stops-at-unknown-kind",
        breaks: &["HIA-MUST-11"],
        hooks: Hooks {
            incoming: |_, segment| {
                let strange =
                    |item: &Result<TcpOption<'_>, OptionError>| matches!(item, Ok(TcpOption::Unknown(_)));
                let stops = options(&segment.options).any(|item| strange(&item));
                strip_if(stops, segment)
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "stops-at-wrong-length",
        breaks: &["HIA-MUST-11"],
        hooks: Hooks {
            incoming: |_, segment| {
                let wrong = |item: &Result<TcpOption<'_>, OptionError>| {
                    matches!(item, Err(OptionError::BadLength { .. }))
                };
                let stops = options(&segment.options).any(|item| wrong(&item));
                strip_if(stops, segment)
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "takes-any-version",
        breaks: &["HIA-MUST-12", "HIA-MUST-28", "HIA-MUST-119"],
        hooks: Hooks {
            incoming: |notes, segment| {
                vec![edited(notes, Side::Bench, &segment, |message| {
                    if let Message::Capable(capable) = message {
                        capable.bits = CapableBits::new(CapableBits::VERSION).with_silent();
                    }
                })]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "reads-n-without-s",
        breaks: &["HIA-MUST-120"],
        hooks: Hooks {
            incoming: |notes, segment| {
                vec![edited(notes, Side::Bench, &segment, |message| {
                    // Only with S would it be a peer that may fall silent.
                    if let Message::Capable(capable) = message
                        && capable.bits.octet() & S_AND_N == N
                    {
                        capable.bits = CapableBits::new(capable.bits.version());
                    }
                })]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "takes-nonce-zero",
        breaks: &["HIA-MUST-118"],
        hooks: Hooks {
            incoming: |notes, segment| {
                vec![edited(notes, Side::Bench, &segment, |message| {
                    if let Message::Resume(resume) = message
                        && resume.nonce == Nonce::UNKNOWN
                    {
                        resume.nonce = Nonce(1);
                    }
                })]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "deaf-to-bad-resume",
        breaks: &["HIA-MUST-22", "HIA-MUST-110"],
        hooks: Hooks {
            incoming: |notes, segment| {
                let bad = has(&segment, Subtype::RESUME) && !is_authentic(notes, &segment);
                drop_if(bad, segment)
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        // The engine has no rate to change: what is forged never reaches its bound.
        name: "checks-without-bound",
        breaks: &["HIA-SHOULD-2"],
        hooks: Hooks {
            incoming: |notes, segment| drop_if(!is_authentic(notes, &segment), segment),
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "takes-forged-abort-for-rst",
        breaks: &["HIA-MUST-21"],
        hooks: Hooks {
            incoming: |notes, segment| {
                let bad = has(&segment, Subtype::ABORT) && !is_authentic(notes, &segment);
                strip_if(bad, segment)
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "drops-unproved-lost",
        breaks: &["HIA-MUST-116"],
        hooks: Hooks {
            incoming: |notes, segment| {
                let unproved = lost_key(&segment).is_some() && !is_authentic(notes, &segment);
                drop_if(unproved, segment)
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "believes-unproved-lost",
        breaks: &["HIA-MUST-116"],
        hooks: Hooks {
            incoming: |notes, segment| {
                let key = notes.session.end(Side::Bench).key.filter(|_| lost_key(&segment).is_some());
                vec![edited(notes, Side::Bench, &segment, |message| {
                    if let (Message::Abort(abort), Some(key)) = (message, key) {
                        abort.proof = key.0;
                    }
                })]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "believes-lost-anywhere",
        breaks: &["HIA-MUST-116"],
        hooks: Hooks {
            incoming: |notes, segment| {
                let is_lost = lost_key(&segment).is_some();
                let seq = if is_lost { notes.acknowledged } else { segment.seq };
                vec![OwnedSegment { seq, ..segment }]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "believes-lost-unasked",
        breaks: &["HIA-MUST-116"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                notes.nth(has(&segment, Subtype::RESUME));
                vec![segment]
            },
            incoming: |notes, segment| {
                if notes.count == 0 && lost_key(&segment).is_some() {
                    notes.die();
                }
                vec![segment]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "knows-its-reasons-only",
        breaks: &["HIA-MUST-14"],
        hooks: Hooks {
            incoming: |_, segment| {
                let message = hiatus(&segment).map(|option| option.message());
                let unknown = matches!(message, Some(Message::Abort(abort)) if abort.reason.0 > 6);
                drop_if(unknown, segment)
            },
            ..UNTOUCHED
        },
    },
];

/// The key that an ABORT with reason LOST shows.
fn lost_key(segment: &OwnedSegment) -> Option<[u8; 8]> {
    match hiatus(segment)?.message() {
        Message::Abort(abort) if abort.reason == AbortReason::LOST => Some(abort.proof),
        _ => None,
    }
}

fn believe_before_on(notes: &mut Notes, segment: OwnedSegment) -> Vec<OwnedSegment> {
    notes.nth(has(&segment, Subtype::EPOCH));
    if notes.count == 0 && has(&segment, Subtype::SUSPEND) {
        grant(notes);
    }
    vec![segment]
}

/// Answers a SUSPEND in the target's name.
fn grant(notes: &mut Notes) {
    let tag = hiatus_codec::mac::Tag::default();
    let ack = Message::SuspendAck(SuspendAck { granted_hold: HoldTime::from_seconds(300), tag });
    let ack = signed(notes, Side::Target, &notes.pure_ack(), ack);
    notes.extra.push_back(ack);
}

fn take_short_capable(segment: OwnedSegment) -> OwnedSegment {
    let short = options(&segment.options).any(|item| {
        matches!(item, Err(OptionError::BadLength { kind, .. }) if kind == hiatus_codec::OptionKind::HIATUS)
    });
    if !short {
        return segment;
    }
    let capable = hiatus_codec::Capable {
        bits: CapableBits::new(CapableBits::VERSION).with_silent(),
        offered_hold: HoldTime::from_seconds(1),
        key: None,
    };
    with_message(&segment, &Message::Capable(capable))
}

/// `segment` with its `number`th Hiatus option only, from 1.
fn only(segment: &OwnedSegment, number: usize) -> OwnedSegment {
    let mut count = 0;
    with_options(segment, |option| {
        let hiatus = option.hiatus().is_some();
        count += usize::from(hiatus);
        !hiatus || count == number
    })
}

/// The data first, then its option on a pure ACK.
fn believe_misplaced(_: &mut Notes, segment: OwnedSegment) -> Vec<OwnedSegment> {
    if !has_data(&segment) || segment.hiatus_count() == 0 {
        return vec![segment];
    }
    let seq = segment.seq.advanced_by(segment.data_len_octets());
    let pure = OwnedSegment { seq, payload: Vec::new(), flags: Flags::ACK, ..segment.clone() };
    vec![stripped(&segment), pure]
}

/// `segment` with the short CAPABLE that its octets hold somewhere, whatever stands before it.
fn found_capable(segment: OwnedSegment) -> OwnedSegment {
    const CAPABLE: [u8; 4] = [253, 8, 0x48, 0x49];
    let at = segment.options.windows(CAPABLE.len()).position(|octets| octets == CAPABLE);
    match at.and_then(|at| segment.options.get(at..at + 8)) {
        Some(option) => OwnedSegment { options: option.to_vec(), ..segment.clone() },
        None => segment,
    }
}
