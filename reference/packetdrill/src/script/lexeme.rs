//! The small pieces of the language, and how events follow each other.

use std::time::Duration;

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while1};
use nom::character::complete::{char, digit0, digit1, multispace0};
use nom::combinator::{map, opt, recognize};
use nom::multi::many0;
use nom::sequence::{delimited, pair, preceded, separated_pair};
use nom::{IResult, Parser};

use super::error::Miss;
use super::{Action, Script, Setting, Step, When, call, packet};

pub(super) type Parsed<'a, T> = IResult<&'a str, T, Miss<'a>>;

/// Decimals of a second that count.
const DECIMALS_MAX: usize = 9;

pub(super) fn refuse<'a, T>(at: &'a str, expected: impl Into<String>) -> Parsed<'a, T> {
    Err(nom::Err::Error(Miss::new(at, expected)))
}

/// A refusal that ends the whole: no other reading is tried.
pub(super) fn forbid<'a, T>(at: &'a str, expected: impl Into<String>) -> Parsed<'a, T> {
    Err(nom::Err::Failure(Miss::new(at, expected)))
}

/// `parser` after white space.
pub(super) fn spaced<'a, T>(
    parser: impl Parser<&'a str, Output = T, Error = Miss<'a>>,
) -> impl Parser<&'a str, Output = T, Error = Miss<'a>> {
    preceded(multispace0, parser)
}

/// Gives `parser` a name: what it refuses is told as `expected`, at the place where it began.
pub(super) fn named<'a, T>(
    expected: &'static str,
    mut parser: impl Parser<&'a str, Output = T, Error = Miss<'a>>,
) -> impl FnMut(&'a str) -> Parsed<'a, T> {
    move |input| {
        parser.parse(input).map_err(|error| match error {
            nom::Err::Error(_) => nom::Err::Error(Miss::new(input.trim_start(), expected)),
            other => other,
        })
    }
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

/// `sign` after white space.
pub(super) fn sign<'a>(sign: &'static str) -> impl FnMut(&'a str) -> Parsed<'a, ()> {
    move |input| {
        let found: Parsed<'a, &str> = spaced(tag(sign)).parse(input);
        match found {
            Ok((rest, _)) => Ok((rest, ())),
            Err(_) => refuse(input.trim_start(), format!("`{sign}`")),
        }
    }
}

/// `word` after white space, and nothing more: a letter, digit or underscore after it makes it another word.
pub(super) fn word<'a>(word: &'static str) -> impl FnMut(&'a str) -> Parsed<'a, ()> {
    move |input| {
        let (rest, ()) = sign(word)(input)?;
        if rest.starts_with(is_word) {
            return refuse(input.trim_start(), format!("`{word}`"));
        }
        Ok((rest, ()))
    }
}

fn is_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// Letters, digits and underscores, after white space.
pub(super) fn name<'a>(expected: &'static str) -> impl FnMut(&'a str) -> Parsed<'a, &'a str> {
    named(expected, spaced(take_while1(is_word)))
}

/// A decimal number after white space.
pub(super) fn number<'a, T: std::str::FromStr>(
    expected: &'static str,
) -> impl FnMut(&'a str) -> Parsed<'a, T> {
    move |input| {
        let (rest, digits) = named(expected, spaced(digit1))(input)?;
        match digits.parse() {
            Ok(number) => Ok((rest, number)),
            Err(_) => refuse(input.trim_start(), expected),
        }
    }
}

/// Seconds: `1`, `0.01`, `.5`.
pub(super) fn seconds(input: &str) -> Parsed<'_, Duration> {
    const EXPECTED: &str = "a time in seconds such as 0.5";
    let start = input.trim_start();
    let (rest, (whole, decimals)) =
        named(EXPECTED, spaced(pair(digit0, opt(preceded(char('.'), digit1)))))(input)?;
    let decimals = decimals.unwrap_or("");
    if (whole.is_empty() && decimals.is_empty()) || decimals.len() > DECIMALS_MAX {
        return refuse(start, EXPECTED);
    }
    let nanos = format!("{decimals:0<DECIMALS_MAX$}").parse().unwrap_or(0);
    match if whole.is_empty() { Ok(0) } else { whole.parse() } {
        Ok(whole) => Ok((rest, Duration::new(whole, nanos))),
        Err(_) => refuse(start, EXPECTED),
    }
}

/// `"text"`: as it stands, a quotation mark cannot be in it.
pub(super) fn quoted(input: &str) -> Parsed<'_, &str> {
    named("a text in quotation marks", spaced(delimited(char('"'), take_while(|c| c != '"'), char('"'))))(
        input,
    )
}

fn when(input: &str) -> Parsed<'_, When> {
    let after_between = separated_pair(seconds, sign("~"), preceded(sign("+"), seconds));
    let after = preceded(
        sign("+"),
        settled(alt((
            map(after_between, |(from, to)| When::AfterBetween(from, to)),
            map(seconds, When::After),
        ))),
    );
    let at_between = separated_pair(seconds, sign("~"), seconds);
    named(
        "an event's time such as `+0`, `0.1`, `+1~+2` or `*`",
        alt((
            map(sign("*"), |()| When::Any),
            after,
            map(at_between, |(from, to)| When::AtBetween(from, to)),
            map(seconds, When::At),
        )),
    )(input)
}

fn action(input: &str) -> Parsed<'_, Action> {
    let start = input.trim_start();
    if start.starts_with('`') {
        return forbid(start, "a segment or a call: shell commands are not run");
    }
    if start.starts_with("%{") {
        return forbid(start, "a segment or a call: code is not run");
    }
    match start.chars().next() {
        Some('<' | '>') => packet::action(input),
        _ => map(call::call, Action::Call).parse(input),
    }
}

fn setting(input: &str) -> Parsed<'_, Setting> {
    let start = input.trim_start();
    let (rest, _) = spaced(tag("--")).parse(input)?;
    let (rest, name) = take_while1(is_word).parse(rest)?;
    let value = preceded(char('='), take_while(|c: char| !c.is_whitespace()));
    let (rest, value) = opt(value).parse(rest)?;
    const KNOWN: [&str; 8] = [
        "tolerance_usecs",
        "tolerance_percent",
        "ip_version",
        "mss",
        "mtu",
        "tcp_ts_tick_usecs",
        "tcp_ts_ecr_scaled",
        "strict_segments",
    ];
    if !KNOWN.contains(&name) {
        return forbid(start, "a setting that is known (--tolerance_usecs, --ip_version)");
    }
    Ok((rest, Setting { name: name.to_owned(), value: value.unwrap_or("").to_owned() }))
}

/// A whole script without its comments.
pub(super) fn script(bare: &str) -> Result<Script, Miss<'_>> {
    let parsed = || -> Parsed<'_, Script> {
        let (mut input, settings) = many0(setting).parse(bare)?;
        if input.trim_start().starts_with('`') {
            return forbid(
                input.trim_start(),
                "an event: shell commands such as an init line are not run, remove it",
            );
        }
        let mut steps = Vec::new();
        while !input.trim_start().is_empty() {
            let start = input.trim_start();
            let (after_when, when) = when(start)?;
            let (rest, action) = settled(action)(after_when)?;
            let is_expected = matches!(action, Action::Expect(_));
            if !is_expected && !matches!(when, When::At(_) | When::After(_)) {
                return forbid(start, "one time: a range or `*` is only for what is expected");
            }
            let written = &start[..start.len() - rest.len()];
            let line = bare[..bare.len() - start.len()].matches('\n').count() + 1;
            let text = written.split_whitespace().collect::<Vec<_>>().join(" ");
            steps.push(Step { line, text, when, action });
            input = rest;
        }
        if steps.is_empty() {
            return forbid(input, "at least one event such as `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3`");
        }
        Ok((input, Script { settings, steps }))
    };
    parsed().map(|(_, script)| script).map_err(|error| match error {
        nom::Err::Error(miss) | nom::Err::Failure(miss) => miss,
        nom::Err::Incomplete(_) => Miss::new("", "more"),
    })
}

/// `text` with every comment turned into as many octets of white space, so that places stay what they are.
pub(super) fn without_comments(text: &str) -> String {
    let mut bare = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let len = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if letter == '"' {
            let quoted: Parsed<'_, &str> = recognize(quoted).parse(rest);
            let len = quoted.map_or(1, |(_, text)| text.len());
            bare.push_str(&rest[..len]);
            rest = &rest[len..];
            continue;
        } else {
            bare.push(letter);
            rest = &rest[letter.len_utf8()..];
            continue;
        };
        bare.extend(rest[..len].bytes().map(|octet| if octet == b'\n' { '\n' } else { ' ' }));
        rest = &rest[len..];
    }
    bare
}
