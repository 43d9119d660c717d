//! The small pieces of the language: words, numbers, times, octets.

use std::time::Duration;

use hiatus_codec::{HoldTime, Life, Nonce};
use nom::branch::alt;
use nom::bytes::complete::{take_while, take_while1};
use nom::character::complete::{char, digit1, space0, space1};
use nom::combinator::{map, opt, value};
use nom::error::ParseError;
use nom::sequence::{pair, preceded, terminated};
use nom::{IResult, Parser};

use super::Field;
use super::bounds::OCTETS_MAX;
use super::error::{Miss, Words};

/// Longest time between two steps; the longest hold is 32767 minutes, which is less than 23 days.
pub(super) const SPAN_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// What is expected in place of a longer one.
pub(super) const OVER_SPAN_MAX: &str = "a time of at most a year";

pub(super) type Parsed<'a, T> = IResult<&'a str, T, Miss<'a>>;

/// Gives `parser` a name: what it refuses is told as `expected`, at the place where it began.
pub(super) fn named<'a, T>(
    expected: &'static str,
    mut parser: impl Parser<&'a str, Output = T, Error = Miss<'a>>,
) -> impl FnMut(&'a str) -> Parsed<'a, T> {
    move |input| parser.parse(input).map_err(|error| error.map(|_| Miss::new(input, expected)))
}

/// What follows a word that settles the matter: a refusal now ends the whole, so that it is the one told.
pub(super) fn settled<'a, T>(
    mut parser: impl Parser<&'a str, Output = T, Error = Miss<'a>>,
) -> impl FnMut(&'a str) -> Parsed<'a, T> {
    move |input| {
        parser.parse(input).map_err(|error| match error {
            nom::Err::Error(miss) => nom::Err::Failure(miss),
            other => other,
        })
    }
}

pub(super) fn refuse<'a, T>(at: &'a str, expected: impl Into<String>) -> Parsed<'a, T> {
    Err(nom::Err::Error(Miss::new(at, expected)))
}

/// One of `words` was expected.
pub(super) fn refuse_word<'a, T>(at: &'a str, expected: impl Into<String>, words: Words) -> Parsed<'a, T> {
    Err(nom::Err::Error(Miss::word(at, expected, words)))
}

/// `word` and nothing more: a letter, digit or dash after it makes it another word.
pub(super) fn word<'a>(word: &'static str) -> impl FnMut(&'a str) -> Parsed<'a, ()> {
    move |input| match input.strip_prefix(word) {
        Some(rest) if !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-') => Ok((rest, ())),
        _ => refuse(input, format!("`{word}`")),
    }
}

/// `word` with white space before it.
pub(super) fn then_word<'a>(name: &'static str) -> impl FnMut(&'a str) -> Parsed<'a, ()> {
    move |input| match space1::<_, Miss<'_>>(input) {
        Ok((rest, _)) => word(name)(rest),
        Err(_) => refuse(input, format!("`{name}`")),
    }
}

/// `parser` with white space before it.
pub(super) fn then<'a, T>(
    parser: impl Parser<&'a str, Output = T, Error = Miss<'a>>,
) -> impl Parser<&'a str, Output = T, Error = Miss<'a>> {
    preceded(space1, parser)
}

fn decimal<'a, T: std::str::FromStr>(expected: &'static str) -> impl FnMut(&'a str) -> Parsed<'a, T> {
    move |input| {
        let (rest, digits) = digit1
            .parse(input)
            .map_err(|_: nom::Err<Miss<'_>>| nom::Err::Error(Miss::new(input, expected)))?;
        match digits.parse() {
            Ok(number) => Ok((rest, number)),
            Err(_) => refuse(input, expected),
        }
    }
}

pub(super) fn u8(input: &str) -> Parsed<'_, u8> {
    decimal("a number up to 255")(input)
}

pub(super) fn u16(input: &str) -> Parsed<'_, u16> {
    decimal("a number up to 65535")(input)
}

pub(super) fn u32(input: &str) -> Parsed<'_, u32> {
    decimal("a number up to 4294967295")(input)
}

/// Octets that an application writes or reads in one call.
pub(super) fn stream_octets(input: &str) -> Parsed<'_, u32> {
    let (rest, octets) = u32(input)?;
    if octets > OCTETS_MAX {
        return refuse(input, format!("at most {OCTETS_MAX} octets in one call"));
    }
    Ok((rest, octets))
}

/// `*`, or what `parser` takes.
pub(super) fn field<'a, T: Clone>(
    parser: impl Parser<&'a str, Output = T, Error = Miss<'a>>,
) -> impl Parser<&'a str, Output = Field<T>, Error = Miss<'a>> {
    alt((value(Field::Any, char('*')), map(parser, Field::Is)))
}

/// Seconds with up to nine decimals: `1`, `0.010`.
pub(super) fn seconds(input: &str) -> Parsed<'_, Duration> {
    let (rest, (whole, decimals)) = named(
        "seconds such as 0.010",
        pair(decimal::<u64>("seconds"), opt(preceded(char('.'), digit1))),
    )(input)?;
    let decimals = decimals.unwrap_or("");
    if decimals.len() > 9 {
        return refuse(input, "seconds with at most nine decimals");
    }
    let nanos = format!("{decimals:0<9}").parse().unwrap_or(0);
    Ok((rest, Duration::new(whole, nanos)))
}

/// A span: `5s`, `0.5s`, `300ms`, `2min`.
pub(super) fn span(input: &str) -> Parsed<'_, Duration> {
    let (rest, number) = seconds(input)?;
    let (rest, span) = named(
        "a unit: s, ms or min",
        alt((
            map(word("ms"), move |()| number / 1000),
            map(word("min"), move |()| number.saturating_mul(60)),
            map(word("s"), move |()| number),
        )),
    )(rest)?;
    if span > SPAN_MAX { refuse(input, OVER_SPAN_MAX) } else { Ok((rest, span)) }
}

/// A duration as the wire has it: `300s`, `5min`; `none`, `unknown` and `refused` are 0.
pub(super) fn hold(input: &str) -> Parsed<'_, HoldTime> {
    const MINUTES: u16 = 0x8000;
    const COUNT_MAX: u16 = 0x7fff;
    let counted = |input| {
        let (rest, count) = u16(input)?;
        if count > COUNT_MAX {
            return refuse(input, "a count up to 32767");
        }
        named(
            "a unit: s or min",
            alt((
                map(word("min"), move |()| HoldTime(MINUTES | count)),
                map(word("s"), move |()| HoldTime(count)),
            )),
        )(rest)
    };
    let zero = alt((word("none"), word("unknown"), word("refused")));
    named("a duration such as 300s, 5min or none", alt((counted, value(HoldTime::NONE, zero))))(input)
}

/// `0.1`: incarnation and generation.
pub(super) fn life(input: &str) -> Parsed<'_, Life> {
    let (rest, (incarnation, generation)) =
        named("a life such as 0.1", pair(terminated(u32, char('.')), u16))(input)?;
    Ok((rest, Life { incarnation, generation }))
}

/// Eight hexadecimal digits.
pub(super) fn nonce(input: &str) -> Parsed<'_, Nonce> {
    let (rest, octets) = octets_exactly::<4>("8 hexadecimal digits")(input)?;
    Ok((rest, Nonce(u32::from_be_bytes(octets))))
}

/// Octets in hexadecimal, at least one.
pub(super) fn octets(input: &str) -> Parsed<'_, Vec<u8>> {
    const EXPECTED: &str = "octets in hexadecimal, two digits each";
    let (rest, digits) = named(EXPECTED, take_while1(|c: char| c.is_ascii_alphanumeric()))(input)?;
    match from_hex(digits) {
        Some(octets) => Ok((rest, octets)),
        None => refuse(input, EXPECTED),
    }
}

/// So many octets in hexadecimal.
pub(super) fn octets_exactly<'a, const N: usize>(
    expected: &'static str,
) -> impl FnMut(&'a str) -> Parsed<'a, [u8; N]> {
    move |input| {
        let (rest, found) =
            octets(input).map_err(|error| error.map(|_: Miss<'_>| Miss::new(input, expected)))?;
        match <[u8; N]>::try_from(found) {
            Ok(exact) => Ok((rest, exact)),
            Err(_) => refuse(input, expected),
        }
    }
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()).collect()
}

/// `"text"`; a quotation mark cannot stand in it.
pub(super) fn quoted(input: &str) -> Parsed<'_, Vec<u8>> {
    let (rest, text) =
        named("a text in quotation marks", (char('"'), take_while(|c| c != '"'), char('"')))(input)
            .map(|(rest, (_, text, _))| (rest, text))?;
    Ok((rest, text.as_bytes().to_vec()))
}

/// A name of letters, digits and dashes.
pub(super) fn name(input: &str) -> Parsed<'_, String> {
    let (rest, name) = named("a name", take_while1(|c: char| c.is_ascii_alphanumeric() || c == '-'))(input)?;
    Ok((rest, name.to_owned()))
}

/// The rest of the line, which must be empty.
pub(super) fn end<'a>(expected: &'static str) -> impl FnMut(&'a str) -> Parsed<'a, ()> {
    move |input| {
        let (rest, _) = space0::<_, Miss<'a>>.parse(input)?;
        if rest.is_empty() { Ok((rest, ())) } else { refuse(rest, expected) }
    }
}

/// Runs a parser on a whole line.
pub(super) fn whole<'a, T>(
    input: &'a str,
    mut parser: impl Parser<&'a str, Output = T, Error = Miss<'a>>,
    at_end: &'static str,
) -> Result<T, Miss<'a>> {
    let result = parser.parse(input).and_then(|(rest, parsed)| end(at_end)(rest).map(|_| parsed));
    result.map_err(|error| match error {
        nom::Err::Error(miss) | nom::Err::Failure(miss) => miss,
        nom::Err::Incomplete(_) => Miss::from_error_kind(input, nom::error::ErrorKind::Complete),
    })
}
