//! Whether a segment that left is the one the script expects.

use hiatus_codec::Flags;
use hiatus_engine::Time;

use super::Seconds;
use super::observed::{Letters, Observed, Options};
use crate::script::{EcnPattern, OptionPattern, Packet};

/// What a script expects, for reports.
pub(super) fn describe(packet: &Packet, from: Time, to: Time, start: Time) -> String {
    let (from, to) = (from.since(start), to.since(start));
    let mut text = Seconds(from).to_string();
    if from != to {
        text += &format!(" to {}", Seconds(to));
    }
    let end = packet.seq.wrapping_add(u32::from(packet.len_octets));
    text += &format!(" {} {}:{end}({})", Letters(packet.flags), packet.seq, packet.len_octets);
    if packet.flags.contains(Flags::ACK) {
        text += &format!(" ack {}", packet.ack);
    }
    if let Some(window) = packet.window {
        text += &format!(" win {window}");
    }
    match &packet.options {
        None => text += " <...>",
        Some(options) if options.is_empty() => {}
        Some(options) => text += &format!(" {}", Options(options)),
    }
    text
}

/// The first thing that differs; `None` if all is as expected. `pattern` tells the octet at a position.
pub(super) fn difference(
    packet: &Packet,
    observed: &Observed,
    pattern: Option<fn(u64) -> u8>,
) -> Option<String> {
    if packet.flags != observed.flags {
        return Some("the control bits".to_owned());
    }
    if usize::from(packet.len_octets) != observed.len_octets() {
        return Some(format!("the length: {} octets", observed.len_octets()));
    }
    if packet.seq != observed.seq {
        return Some(format!("SEG.SEQ: {}", observed.seq));
    }
    if packet.ack != observed.ack {
        return Some(format!("SEG.ACK: {}", observed.ack));
    }
    if packet.window.is_some_and(|window| window != observed.window) {
        return Some(format!("SEG.WND: {}", observed.window));
    }
    if packet.urgent != observed.urgent {
        return Some(format!("SEG.UP: {}", observed.urgent));
    }
    let ecn_fits = match packet.ecn {
        EcnPattern::Open => true,
        EcnPattern::Is(codepoint) => codepoint == observed.ecn,
        EcnPattern::Capable => matches!(observed.ecn, 1 | 2),
    };
    if !ecn_fits {
        return Some(format!("the ECN field: {}", observed.ecn));
    }
    if let Some(expected) = &packet.options
        && !options_fit(expected, &observed.options)
    {
        return Some(format!("the options: {}", Options(&observed.options)));
    }
    let pattern = pattern?;
    let first = u64::from(packet.seq);
    let wrong = (first..).zip(&observed.payload).find(|(position, octet)| pattern(*position) != **octet);
    wrong.map(|(position, octet)| format!("the octet at {position}: {octet}"))
}

/// TSval is the stack's own, so it is not compared; TSecr is.
fn options_fit(expected: &[OptionPattern], found: &[OptionPattern]) -> bool {
    let fits = |expected: &OptionPattern, found: &OptionPattern| match (expected, found) {
        (
            OptionPattern::Timestamps { echo_reply: expected, .. },
            OptionPattern::Timestamps { echo_reply: found, .. },
        ) => expected == found,
        (expected, found) => expected == found,
    };
    expected.len() == found.len() && expected.iter().zip(found).all(|(expected, found)| fits(expected, found))
}
