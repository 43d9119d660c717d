//! The names of events and states. A misspelled one would never be met, and look like a fault of the target.

use super::error::Words;
use super::lexeme::{Parsed, name, refuse_word};

/// What an application is told. `fell-back` and `closed` may have a reason behind them.
const EVENTS: &[&str] = &[
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
const FALLBACKS: &[&str] =
    &["not-offered", "simultaneous-open", "capable-stripped", "no-epoch", "no-echo", "resume-met-plain"];

/// Behind `closed`. The last two may have the reason of the ABORT behind them.
const CLOSES: &[&str] = &[
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
const ABORTS: &[&str] = &["fenced", "gone", "diverged", "lost", "shed", "application"];

/// Where a connection is, for RFC 9293 and for the draft.
const STATES: &[&str] = &[
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
        if FALLBACKS.contains(&reason) {
            return Ok((rest, name));
        }
        let words = Words { kind: "reasons of a fallback", known: FALLBACKS };
        return refuse_word(behind(input, reason, rest), "a reason behind `fell-back-`", words);
    }
    if let Some(reason) = name.strip_prefix("closed-") {
        return if is_close(reason) { Ok((rest, name)) } else { no_close(input, reason, rest) };
    }
    refuse_word(input, "an event", Words { kind: "events", known: EVENTS })
}

/// Reads the name of a state.
pub(super) fn state(input: &str) -> Parsed<'_, String> {
    let (rest, name) = name(input)?;
    if STATES.contains(&name.as_str()) {
        Ok((rest, name))
    } else {
        refuse_word(input, "a state", Words { kind: "states", known: STATES })
    }
}

fn is_close(reason: &str) -> bool {
    let aborted = reason.strip_prefix("aborted-by-peer-").or_else(|| reason.strip_prefix("aborted-here-"));
    let is_other =
        |abort: &str| abort.strip_prefix("reason-").is_some_and(|number| number.parse::<u8>().is_ok());
    CLOSES.contains(&reason) || aborted.is_some_and(|abort| ABORTS.contains(&abort) || is_other(abort))
}

/// Refuses what stands behind `closed-`.
fn no_close<'a, T>(input: &'a str, reason: &str, rest: &str) -> Parsed<'a, T> {
    let abort = ["aborted-by-peer-", "aborted-here-"].iter().find_map(|close| reason.strip_prefix(close));
    match abort {
        Some(abort) => {
            let words = Words { kind: "reasons of an ABORT", known: ABORTS };
            refuse_word(behind(input, abort, rest), "the reason of an ABORT, or reason-NUMBER", words)
        }
        None => {
            let words = Words { kind: "reasons of a close", known: CLOSES };
            refuse_word(behind(input, reason, rest), "a reason behind `closed-`", words)
        }
    }
}

/// The part of `input` that begins with `tail`, which `rest` follows.
fn behind<'a>(input: &'a str, tail: &str, rest: &str) -> &'a str {
    input.get(input.len().saturating_sub(tail.len() + rest.len())..).unwrap_or(input)
}
