//! Calls to the target.

use nom::Parser;
use nom::branch::alt;
use nom::combinator::{map, value};

use super::lexeme::{Parsed, hold, quoted, refuse, settled, then, u32, word};
use super::{Call, Written, told};

/// Reads a call: a word, and what belongs to it.
pub(super) fn call(input: &str) -> Parsed<'_, Call> {
    match word("attempt")(input) {
        Ok((rest, ())) => map(settled(then(single)), |call| Call::Attempt(Box::new(call))).parse(rest),
        Err(_) => single(input),
    }
}

fn single(input: &str) -> Parsed<'_, Call> {
    const EXPECTED: &str = "`<`, `>`, or a call: listen, connect, write, reads, close, abort, suspend, attempt, stop, \
                            resume, snapshot, crash, restore, rewind, event, state";
    let plain = alt((
        value(Call::Listen, word("listen")),
        value(Call::Connect, word("connect")),
        value(Call::Close, word("close")),
        value(Call::Abort, word("abort")),
        value(Call::Stop, word("stop")),
        value(Call::Resume, word("resume")),
        value(Call::Crash, word("crash")),
    ));
    let written = alt((map(u32, Written::Pattern), map(quoted, Written::Text)));
    let read = alt((
        map(u32, Call::Reads),
        value(Call::ReadsNothing, word("nothing")),
        value(Call::ReadsEnd, word("end")),
    ));
    let snapshot = alt((
        map((word("taken"), then(u32)), |(_, epoch)| Call::SnapshotTaken(epoch)),
        map((word("durable"), then(u32)), |(_, epoch)| Call::SnapshotDurable(epoch)),
    ));
    let with_argument = alt((
        map((word("write"), settled(then(written))), |(_, written)| Call::Write(written)),
        map((word("reads"), settled(then(read))), |(_, call)| call),
        map((word("suspend"), settled(then(hold))), |(_, absence)| Call::Suspend(absence)),
        map((word("snapshot"), settled(then(snapshot))), |(_, call)| call),
        map((word("restore"), settled(then(u32))), |(_, epoch)| Call::Restore(epoch)),
        map((word("rewind"), settled(then(u32))), |(_, epoch)| Call::Rewind(epoch)),
        map((word("event"), settled(then(told::event))), |(_, event)| Call::Event(event)),
        map((word("state"), settled(then(told::state))), |(_, state)| Call::State(state)),
    ));
    match alt((plain, with_argument)).parse(input) {
        Err(nom::Err::Error(_)) => refuse(input, EXPECTED),
        other => other,
    }
}
