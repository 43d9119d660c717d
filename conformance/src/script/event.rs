//! A step: its time, and what happens.

use std::time::Duration;

use nom::Parser;
use nom::branch::alt;
use nom::character::complete::{char, space0, space1};
use nom::combinator::{map, opt, value};
use nom::sequence::{preceded, terminated};

use super::error::Miss;
use super::lexeme::{
    OVER_SPAN_MAX, Parsed, SPAN_MAX, named, refuse, seconds, settled, span, then, then_word, whole, word,
};
use super::{Action, Silence, When, call, segment};

const AFTER_SEGMENT: &str =
    "FIRST:END(LENGTH), `ack N`, `win N` and `<options>` in this order, or the end of the line";

/// Reads a line with a step.
pub(super) fn parse(line: &str) -> Result<(When, Action), Miss<'_>> {
    let line = line.trim_end();
    whole(line.trim_start(), step, "the end of the line")
}

fn step(input: &str) -> Parsed<'_, (When, Action)> {
    let (rest, when) = terminated(when, space1).parse(input)?;
    let (rest, action) = match rest.chars().next() {
        Some('<') => {
            preceded((char('<'), space0), settled(map(segment::injected, Action::Inject))).parse(rest)
        }
        Some('>') => preceded((char('>'), space0), settled(expectation)).parse(rest),
        _ => map(call::call, Action::Call).parse(rest),
    }?;
    if matches!(action, Action::Inject(_) | Action::Expect(_)) && !rest.trim_start().is_empty() {
        return refuse(rest.trim_start(), AFTER_SEGMENT);
    }
    match (&action, when) {
        (Action::Expect(_), _) | (_, When::After(_)) => Ok((rest, (when, action))),
        _ => refuse(input, "a single time such as +0.010: only an expected segment has a range"),
    }
}

fn when(input: &str) -> Parsed<'_, When> {
    let plus = |input| preceded(char('+'), seconds).parse(input);
    let (rest, when) = named(
        "a time such as +0.010, +0.5~+1.5 or *",
        alt((
            value(When::Any, char('*')),
            map((plus, opt(preceded(char('~'), plus))), |(from, to)| match to {
                None => When::After(from),
                Some(to) => When::Between(from, to),
            }),
        )),
    )(input)?;
    match when {
        When::After(span) | When::Between(_, span) if span > SPAN_MAX => refuse(input, OVER_SPAN_MAX),
        When::Between(from, to) if to < from => refuse(input, "a range whose second time is the later one"),
        _ => Ok((rest, when)),
    }
}

fn expectation(input: &str) -> Parsed<'_, Action> {
    let absence = |input| -> Parsed<'_, Silence> {
        alt((
            value(Silence::Everything, word("nothing")),
            value(Silence::Hiatus, (word("no"), then_word("hiatus"))),
            value(Silence::Data, (word("no"), then_word("data"))),
            value(Silence::Reset, (word("no"), then_word("rst"))),
        ))
        .parse(input)
    };
    if input.starts_with('n') {
        let (rest, silence) = named("nothing, no hiatus, no data or no rst, then `for 5s`", absence)(input)?;
        let (rest, (_, length)): (_, ((), Duration)) = (then_word("for"), then(span)).parse(rest)?;
        return Ok((rest, Action::Silence(silence, length)));
    }
    map(segment::expected, Action::Expect).parse(input)
}
