//! TCP options in angle brackets.

use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while};
use nom::combinator::{map, value};
use nom::multi::{many1, separated_list1};
use nom::sequence::{delimited, preceded, separated_pair};

use super::OptionPattern;
use super::lexeme::{Parsed, named, number, refuse, settled, sign, spaced, word};

/// `<...>` is `None`.
pub(super) fn list(input: &str) -> Parsed<'_, Option<Vec<OptionPattern>>> {
    let open = value(None, (sign("<"), sign("..."), sign(">")));
    let closed = delimited(sign("<"), separated_list1(sign(","), option), settled(sign(">")));
    alt((open, map(closed, Some))).parse(input)
}

fn option(input: &str) -> Parsed<'_, OptionPattern> {
    let timestamps = preceded(
        word("TS"),
        settled((preceded(word("val"), number("a TSval")), preceded(word("ecr"), number("a TSecr")))),
    );
    let edge = || number::<u32>("a sequence number");
    let blocks = many1(separated_pair(edge(), sign(":"), edge()));
    named(
        "an option: eol, nop, mss, wscale, sackOK, sack, TS or gen-KIND",
        alt((
            value(OptionPattern::EndOfList, word("eol")),
            value(OptionPattern::NoOperation, word("nop")),
            map(
                preceded(word("mss"), settled(number("a size up to 65535"))),
                OptionPattern::MaximumSegmentSize,
            ),
            map(preceded(word("wscale"), settled(number("a shift up to 255"))), OptionPattern::WindowScale),
            value(OptionPattern::SackPermitted, word("sackOK")),
            map(preceded(word("sack"), settled(blocks)), OptionPattern::Sack),
            map(timestamps, |(value, echo_reply)| OptionPattern::Timestamps { value, echo_reply }),
            generic,
        )),
    )(input)
}

/// `gen-253 505300`; no digits for an option without a body.
fn generic(input: &str) -> Parsed<'_, OptionPattern> {
    const EXPECTED: &str = "octets in hexadecimal, two digits each";
    let (rest, _) = spaced(tag("gen-")).parse(input)?;
    let (rest, kind) = settled(number("a kind up to 255"))(rest)?;
    let (after, digits) = spaced(take_while(|c: char| c.is_ascii_alphanumeric())).parse(rest)?;
    let octets: Option<Vec<u8>> =
        (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()).collect();
    match octets {
        Some(body) if body.len() <= hiatus_codec::OPTIONS_LEN_OCTETS_MAX - 2 => {
            Ok((after, OptionPattern::Generic { kind, body }))
        }
        _ => refuse(rest.trim_start(), EXPECTED),
    }
}
