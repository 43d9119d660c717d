//! Mutants of hold-send.

use std::time::Duration;

use hiatus_codec::Flags;

use super::host::HostCall;
use super::{CallError, Hooks, Mutant, Notes, Target, UNTOUCHED};
use crate::wire::{OwnedSegment, Side};

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "sends-before-durable",
        breaks: &["HIA-MUST-99"],
        hooks: Hooks { wrote: Notes::send_at_once, ..UNTOUCHED },
    },
    Mutant {
        name: "closes-before-durable",
        breaks: &["HIA-MUST-99"],
        hooks: Hooks { host: close_at_once, ..UNTOUCHED },
    },
    Mutant {
        name: "probes-with-what-it-holds",
        breaks: &["HIA-MUST-99"],
        hooks: Hooks {
            incoming: |notes, segment| {
                let has_room = !segment.flags.contains(Flags::ACK) || segment.window > 0;
                if !has_room {
                    // The first octet behind those that have left.
                    let first = notes.session.relative(Side::Target, notes.next);
                    let payload = crate::wire::pattern(Side::Target, first, 1);
                    let probe = OwnedSegment { payload, ..notes.pure_ack() };
                    notes.send_after(Duration::from_secs(5), probe);
                }
                vec![segment]
            },
            ..UNTOUCHED
        },
    },
];

fn close_at_once(notes: &mut Notes, inner: &mut Box<dyn Target>, call: &HostCall) -> Result<(), CallError> {
    if *call == HostCall::Close {
        let seq = notes.session.absolute(Side::Target, notes.written + 1);
        let flags = Flags::FIN.union(Flags::ACK);
        notes.extra.push_back(OwnedSegment { seq, flags, ..notes.pure_ack() });
    }
    call.carry_out(notes.now, inner.as_mut())
}
