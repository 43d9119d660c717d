//! Mutants of plain TCP: rules that every target keeps to, whether it speaks Hiatus or not.

use hiatus_codec::{EpochEcho, Flags, Message, Subtype, TcpOption, options};

use super::edit::{
    drop_if, has, has_data, has_structural_error, hiatus, is_syn, is_synack, stray_capable, with_message,
};
use super::{Hooks, Mutant, Notes, UNTOUCHED};
use crate::wire::OwnedSegment;

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "acknowledges-no-syn",
        breaks: &["RFC 9293 3.5"],
        hooks: Hooks {
            outgoing: |_, segment| {
                let ack = segment.ack.advanced_by(u32::from(is_synack(&segment)));
                vec![OwnedSegment { ack, ..segment }]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "never-ends-the-handshake",
        breaks: &["RFC 9293 3.5"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                let first = segment.is_plain_ack() && notes.nth(true) == 1;
                drop_if(first, segment)
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "connects-once",
        breaks: &["RFC 9293 3.8.1"],
        hooks: Hooks {
            outgoing: |notes, segment| drop_if(notes.nth(is_syn(&segment)) > 1, segment),
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "answers-one-syn",
        breaks: &["RFC 9293 3.8.1"],
        hooks: Hooks {
            outgoing: |notes, segment| drop_if(notes.nth(is_synack(&segment)) > 1, segment),
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "deaf-to-data",
        breaks: &["RFC 9293 3.10.7.4"],
        hooks: Hooks { incoming: |_, segment| drop_if(has_data(&segment), segment), ..UNTOUCHED },
    },
    Mutant {
        name: "changes-an-octet",
        breaks: &["RFC 9293 3.10.2"],
        hooks: Hooks {
            outgoing: |_, mut segment| {
                if let Some(first) = segment.payload.first_mut() {
                    *first ^= 1;
                }
                vec![segment]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "delivers-twice",
        breaks: &["RFC 9293 3.1", "RFC 9293 3.10.7.4"],
        hooks: Hooks {
            incoming: |notes, segment| {
                let again = has_data(&segment) && notes.acknowledged.after(segment.seq);
                vec![if again { expected_next(notes, segment) } else { segment }]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "forgets-the-order",
        breaks: &["RFC 9293 3.10.7.4"],
        hooks: Hooks {
            incoming: |notes, segment| {
                let early = has_data(&segment) && segment.seq.after(notes.acknowledged);
                vec![if early { expected_next(notes, segment) } else { segment }]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "believes-any-ack",
        breaks: &["RFC 9293 3.10.7.4"],
        hooks: Hooks {
            incoming: |notes, segment| {
                let beyond = segment.flags.contains(Flags::ACK) && segment.ack.after(notes.next);
                let ack = if beyond { notes.next } else { segment.ack };
                vec![OwnedSegment { ack, ..segment }]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "never-sends-again",
        breaks: &["RFC 9293 3.8.1"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                let end = segment.seq.advanced_by(segment.view().len());
                let is_syn = segment.flags.contains(Flags::SYN);
                let again = !is_syn
                    && !segment.view().is_empty()
                    && notes
                        .kept
                        .as_ref()
                        .is_some_and(|last| !end.after(last.seq.advanced_by(last.view().len())));
                if !segment.view().is_empty() && !again {
                    notes.kept = Some(segment.clone());
                }
                drop_if(again, segment)
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "ignores-the-window",
        breaks: &["RFC 9293 3.8.6"],
        hooks: Hooks { wrote: Notes::send_at_once, ..UNTOUCHED },
    },
    Mutant {
        name: "ignores-the-mss",
        breaks: &["RFC 9293 3.7.1"],
        hooks: Hooks { wrote: Notes::send_at_once, ..UNTOUCHED },
    },
    Mutant {
        name: "never-closes",
        breaks: &["RFC 9293 3.6"],
        hooks: Hooks {
            outgoing: |_, segment| drop_if(segment.flags.contains(Flags::FIN), segment),
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "deaf-to-fin",
        breaks: &["RFC 9293 3.6", "RFC 9293 3.10.7.4"],
        hooks: Hooks {
            incoming: |_, segment| drop_if(segment.flags.contains(Flags::FIN), segment),
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "forgets-at-the-end",
        breaks: &["RFC 9293 3.10.7.4"],
        hooks: Hooks {
            incoming: |notes, segment| {
                let is_fin = segment.flags.contains(Flags::FIN);
                drop_if(notes.nth(is_fin) > 1, segment)
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "closes-both-ways",
        breaks: &["RFC 9293 3.6"],
        hooks: Hooks {
            outgoing: |notes, segment| {
                notes.nth(segment.flags.contains(Flags::FIN));
                vec![segment]
            },
            incoming: |notes, segment| drop_if(notes.count > 0 && has_data(&segment), segment),
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "mute-after-a-fin",
        breaks: &["RFC 9293 3.6"],
        hooks: Hooks {
            incoming: |notes, segment| {
                notes.nth(segment.flags.contains(Flags::FIN));
                vec![segment]
            },
            outgoing: |notes, segment| drop_if(notes.count > 0 && has_data(&segment), segment),
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "loses-data-beside-a-fin",
        breaks: &["RFC 9293 3.10.7.4"],
        hooks: Hooks {
            incoming: |notes, segment| {
                if segment.flags.contains(Flags::FIN) && has_data(&segment) {
                    let fin = OwnedSegment { payload: Vec::new(), ..segment };
                    return vec![expected_next(notes, fin)];
                }
                vec![segment]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "deaf-to-resets",
        breaks: &["RFC 9293 3.5.3"],
        hooks: Hooks {
            incoming: |_, segment| drop_if(segment.flags.contains(Flags::RST), segment),
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "believes-any-rst",
        breaks: &["RFC 9293 3.5.3", "RFC 5961 3.2"],
        hooks: Hooks {
            incoming: |notes, segment| {
                let is_rst = segment.flags.contains(Flags::RST);
                vec![if is_rst { expected_next(notes, segment) } else { segment }]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "dies-of-a-syn",
        breaks: &["RFC 5961 4.2"],
        hooks: Hooks {
            incoming: |notes, segment| {
                if notes.nth(is_syn(&segment)) > 1 {
                    notes.die();
                }
                vec![segment]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "silent-to-strays",
        breaks: &["RFC 9293 3.5.2", "RFC 9293 3.10.7.1", "HIA-MUST-74"],
        hooks: Hooks {
            outgoing: |_, segment| drop_if(segment.flags.contains(Flags::RST), segment),
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "rst-with-another-number",
        breaks: &["RFC 9293 3.5.2", "RFC 9293 3.10.7.1"],
        hooks: Hooks {
            outgoing: |_, segment| {
                let by = u32::from(segment.flags.contains(Flags::RST));
                vec![OwnedSegment { seq: segment.seq.advanced_by(by), ..segment }]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "aborts-in-silence",
        breaks: &["RFC 9293 3.10.5"],
        hooks: Hooks {
            outgoing: |_, segment| drop_if(segment.flags.contains(Flags::RST), segment),
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "dies-of-unknown-options",
        breaks: &["RFC 9293 3.1", "RFC 6994 3"],
        hooks: Hooks {
            incoming: |notes, segment| {
                if has_unknown_option(&segment) {
                    notes.die();
                }
                vec![segment]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "drops-unknown-options",
        breaks: &["RFC 9293 3.1"],
        hooks: Hooks {
            incoming: |_, segment| drop_if(!is_syn(&segment) && has_unknown_option(&segment), segment),
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "dies-of-broken-options",
        breaks: &["RFC 9293 3.1"],
        hooks: Hooks {
            incoming: |notes, segment| {
                if has_structural_error(&segment) {
                    notes.die();
                }
                vec![segment]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "answers-any-offer",
        breaks: &["RFC 9293 3.1"],
        hooks: Hooks { outgoing: |_, segment| capable_on(is_synack(&segment), segment), ..UNTOUCHED },
    },
    Mutant {
        name: "offers-to-everybody",
        breaks: &["RFC 9293 3.1"],
        hooks: Hooks { outgoing: |_, segment| capable_on(is_syn(&segment), segment), ..UNTOUCHED },
    },
    Mutant {
        name: "echoes-any-epoch",
        breaks: &["RFC 9293 3.1"],
        hooks: Hooks {
            incoming: |notes, segment| {
                if has(&segment, Subtype::EPOCH) {
                    let echo = Message::EpochEcho(EpochEcho { stable_point: 0 });
                    let echo = with_message(&notes.pure_ack(), &echo);
                    notes.extra.push_back(echo);
                }
                vec![segment]
            },
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "holds-for-anybody",
        breaks: &["RFC 9293 3.1"],
        hooks: Hooks {
            incoming: |notes, segment| {
                notes.nth(has(&segment, Subtype::SUSPEND));
                vec![segment]
            },
            outgoing: |notes, segment| drop_if(notes.count > 0 && has_data(&segment), segment),
            ..UNTOUCHED
        },
    },
    Mutant {
        name: "deaf-to-keep-alives",
        breaks: &["RFC 9293 3.10.7.4"],
        hooks: Hooks {
            incoming: |notes, segment| {
                let old = segment.payload.is_empty() && notes.acknowledged.after(segment.seq);
                drop_if(old, segment)
            },
            ..UNTOUCHED
        },
    },
];

/// `segment` with the number that the target expects next.
fn expected_next(notes: &Notes, segment: OwnedSegment) -> OwnedSegment {
    OwnedSegment { seq: notes.acknowledged, ..segment }
}

fn capable_on(this: bool, segment: OwnedSegment) -> Vec<OwnedSegment> {
    vec![if this { with_message(&segment, &stray_capable()) } else { segment }]
}

/// True if plain TCP knows one of the options not.
fn has_unknown_option(segment: &OwnedSegment) -> bool {
    let is_unknown = |option: TcpOption<'_>| {
        matches!(option, TcpOption::Unknown(_) | TcpOption::Experiment { .. } | TcpOption::Hiatus(_))
    };
    hiatus(segment).is_some() || options(&segment.options).flatten().any(is_unknown)
}
