//! The names of events and states. A misspelled one would never be met, and look like a fault of the target.

use super::error::Miss;
use super::lexeme::{Parsed, name};

/// What an application is told. `fell-back` and `closed` may have a reason behind them.
const EVENTS: [&str; 14] = [
    "connected",
    "readable",
    "writable",
    "peer-closed",
    "hiatus-on",
    "fell-back",
    "peer-suspended",
    "peer-presumed-suspended",
    "peer-resumed",
    "suspend-acknowledged",
    "resumed",
    "shed",
    "lingering",
    "closed",
];

/// Behind `fell-back`.
const FALLBACKS: [&str; 6] =
    ["not-offered", "simultaneous-open", "capable-stripped", "no-epoch", "no-echo", "resume-met-plain"];

/// Behind `closed`. The last two may have the reason of the ABORT behind them.
const CLOSES: [&str; 10] = [
    "finished",
    "aborted",
    "reset",
    "refused",
    "peer-has-no-state",
    "no-answer",
    "peer-is-plain",
    "hold-over",
    "aborted-by-peer",
    "aborted-here",
];

/// Behind `closed-aborted-by-peer` and `closed-aborted-here`; `reason-` and a number stands for any other.
const ABORTS: [&str; 6] = ["fenced", "gone", "diverged", "lost", "shed", "application"];

/// Where a connection is, for RFC 9293 and for the draft.
const STATES: [&str; 21] = [
    "closed",
    "listen",
    "syn-sent",
    "syn-received",
    "established",
    "fin-wait-1",
    "fin-wait-2",
    "close-wait",
    "closing",
    "last-ack",
    "time-wait",
    "linger",
    "plain",
    "negotiating",
    "hiatus-on",
    "self-up",
    "self-leaving",
    "self-resuming",
    "peer-up",
    "peer-held",
    "peer-presumed",
];

/// Reads the name of an event.
pub(super) fn event(input: &str) -> Parsed<'_, String> {
    let (rest, name) = name(input)?;
    if EVENTS.contains(&name.as_str()) {
        return Ok((rest, name));
    }
    if let Some(reason) = name.strip_prefix("fell-back-") {
        let expected = || format!("`fell-back-` and one of {}", FALLBACKS.join(", "));
        return if FALLBACKS.contains(&reason) { Ok((rest, name)) } else { refuse(input, expected()) };
    }
    if let Some(reason) = name.strip_prefix("closed-") {
        let expected = || {
            format!(
                "`closed-` and one of {}, the last two maybe with {}",
                CLOSES.join(", "),
                ABORTS.join(", ")
            )
        };
        return if is_close(reason) { Ok((rest, name)) } else { refuse(input, expected()) };
    }
    refuse(input, format!("an event: {}", EVENTS.join(", ")))
}

/// Reads the name of a state.
pub(super) fn state(input: &str) -> Parsed<'_, String> {
    let (rest, name) = name(input)?;
    if STATES.contains(&name.as_str()) {
        Ok((rest, name))
    } else {
        refuse(input, format!("a state: {}", STATES.join(", ")))
    }
}

fn is_close(reason: &str) -> bool {
    let aborted = reason.strip_prefix("aborted-by-peer-").or_else(|| reason.strip_prefix("aborted-here-"));
    let is_other =
        |abort: &str| abort.strip_prefix("reason-").is_some_and(|number| number.parse::<u8>().is_ok());
    CLOSES.contains(&reason) || aborted.is_some_and(|abort| ABORTS.contains(&abort) || is_other(abort))
}

fn refuse<T>(at: &str, expected: String) -> Parsed<'_, T> {
    Err(nom::Err::Error(Miss::new(at, expected)))
}
