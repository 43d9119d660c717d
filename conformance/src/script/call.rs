//! Calls to the target.

use std::time::Duration;

use nom::Parser;
use nom::branch::alt;
use nom::combinator::{map, opt, value};
use nom::sequence::preceded;

use super::error::Words;
use super::lexeme::{
    Parsed, hold, named, quoted, refuse_word, settled, span, stream_octets, then, then_word, u32, word,
};
use super::{Call, NetworkError, Sending, Written, told};

const CALLS: Words = Words {
    kind: "calls",
    known: &[
        "listen",
        "connect",
        "write",
        "reads",
        "close",
        "abort",
        "suspend",
        "attempt",
        "stop",
        "resume",
        "snapshot",
        "crash",
        "restore",
        "rewind",
        "hold-send",
        "icmp",
        "event",
        "state",
    ],
};
const NETWORK_ERRORS: Words =
    Words { kind: "errors", known: &["host-unreachable", "protocol-unreachable", "port-unreachable"] };

/// Reads a call: a word, and what belongs to it.
pub(super) fn call(input: &str) -> Parsed<'_, Call> {
    match word("attempt")(input) {
        Ok((rest, ())) => map(settled(then(single)), |call| Call::Attempt(Box::new(call))).parse(rest),
        Err(_) => single(input),
    }
}

fn single(input: &str) -> Parsed<'_, Call> {
    let plain = alt((
        value(Call::Listen, word("listen")),
        value(Call::Connect, word("connect")),
        value(Call::Close, word("close")),
        value(Call::Abort, word("abort")),
        value(Call::Stop, word("stop")),
        value(Call::Resume, word("resume")),
        value(Call::Crash, word("crash")),
    ));
    let written = |input| {
        if starts_with_digit(input) {
            return map(stream_octets, Written::Pattern).parse(input);
        }
        named("a number of octets or a text in quotation marks", map(quoted, Written::Text))(input)
    };
    let read = |input| {
        if starts_with_digit(input) {
            return map(stream_octets, Call::Reads).parse(input);
        }
        let words = alt((value(Call::ReadsNothing, word("nothing")), value(Call::ReadsEnd, word("end"))));
        named("a number of octets, nothing or end", words)(input)
    };
    let snapshot = alt((
        map((word("taken"), then(u32)), |(_, epoch)| Call::SnapshotTaken(epoch)),
        map((word("durable"), then(u32)), |(_, epoch)| Call::SnapshotDurable(epoch)),
    ));
    let with_argument = alt((
        map((word("write"), settled(then(written))), |(_, written)| Call::Write(written)),
        map((word("reads"), settled(then(read))), |(_, call)| call),
        map((word("suspend"), settled(then(hold))), |(_, absence)| Call::Suspend(absence)),
        map((word("snapshot"), settled(then(snapshot))), |(_, call)| call),
        map((word("restore"), settled((then(u32), taking))), |(_, (epoch, lasts))| Call::Restore {
            epoch,
            lasts,
        }),
        map((word("rewind"), settled(then(u32))), |(_, epoch)| Call::Rewind(epoch)),
        map((word("hold-send"), settled(then(sending))), |(_, sending)| Call::HoldSend(sending)),
        map((word("icmp"), settled(then(network_error))), |(_, error)| Call::Icmp(error)),
        map((word("event"), settled(then(told::event))), |(_, event)| Call::Event(event)),
        map((word("state"), settled(then(told::state))), |(_, state)| Call::State(state)),
    ));
    match alt((plain, with_argument)).parse(input) {
        Err(nom::Err::Error(_)) => refuse_word(input, "`<`, `>` or a call", CALLS),
        other => other,
    }
}

fn starts_with_digit(input: &str) -> bool {
    input.starts_with(|c: char| c.is_ascii_digit())
}

/// ` taking 5s`, or nothing.
fn taking(input: &str) -> Parsed<'_, Duration> {
    map(opt(preceded(then_word("taking"), settled(then(span)))), Option::unwrap_or_default).parse(input)
}

fn sending(input: &str) -> Parsed<'_, Sending> {
    let words = alt((value(Sending::HoldSend, word("on")), value(Sending::Unheld, word("off"))));
    named("on or off", words)(input)
}

fn network_error(input: &str) -> Parsed<'_, NetworkError> {
    let known = alt((
        value(NetworkError::HostUnreachable, word("host-unreachable")),
        value(NetworkError::ProtocolUnreachable, word("protocol-unreachable")),
        value(NetworkError::PortUnreachable, word("port-unreachable")),
    ))
    .parse(input);
    known.or_else(|_: nom::Err<_>| refuse_word(input, "what the network reports", NETWORK_ERRORS))
}
