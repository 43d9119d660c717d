//! Calls of the application: `+0 read(4, ..., 1000) = -1 EAGAIN (Resource temporarily unavailable)`.

use std::net::{Ipv4Addr, Ipv6Addr};

use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while};
use nom::character::complete::{char, digit1, hex_digit1};
use nom::combinator::{map, opt, recognize};
use nom::multi::separated_list0;
use nom::sequence::{delimited, pair, preceded, terminated};

use super::lexeme::{
    Parsed, forbid, name, named, number, quoted, refuse, seconds, settled, sign, spaced, word,
};
use super::symbol;
use super::{Call, Value};
use crate::errno::Errno;

/// How deep values may lie in values.
const DEPTH_MAX: u8 = 8;

/// A call, its result, and a note in parentheses.
pub(super) fn call(input: &str) -> Parsed<'_, Call> {
    let (input, ends) = opt(preceded(sign("..."), settled(seconds))).parse(input)?;
    let (input, name) = name("a segment (`<`, `>`) or the name of a call")(input)?;
    let values = separated_list0(sign(","), |input| value(input, DEPTH_MAX));
    let (input, arguments) = settled(delimited(sign("("), values, named("`,` or `)`", sign(")"))))(input)?;
    let (input, ()) = settled(sign("="))(input)?;
    let (input, result) = settled(|input| value(input, DEPTH_MAX))(input)?;
    let (input, errno) = opt(errno).parse(input)?;
    let note = delimited(sign("("), take_while(|c| c != ')'), settled(sign(")")));
    let (input, _) = opt(note).parse(input)?;
    Ok((input, Call { name: name.to_owned(), arguments, ends, result, errno }))
}

fn errno(input: &str) -> Parsed<'_, Errno> {
    let start = input.trim_start();
    if !start.starts_with('E') {
        return refuse(start, "an errno");
    }
    let (rest, name) = name("an errno")(input)?;
    match Errno::named(name) {
        Some(errno) => Ok((rest, errno)),
        None => forbid(start, "an errno that is known"),
    }
}

fn value(input: &str, depth: u8) -> Parsed<'_, Value> {
    let Some(depth) = depth.checked_sub(1) else { return forbid(input, "values not so deep in values") };
    let (mut input, mut found) = operand(input, depth)?;
    loop {
        let joined: Parsed<'_, Value> =
            preceded(sign("|"), settled(|input| operand(input, depth))).parse(input);
        match (joined, &found) {
            (Ok((rest, Value::Int(right))), Value::Int(left)) => {
                found = Value::Int(left | right);
                input = rest;
            }
            (Ok(_), _) => return forbid(input.trim_start(), "numbers on both sides of `|`"),
            (Err(nom::Err::Failure(miss)), _) => return Err(nom::Err::Failure(miss)),
            (Err(_), _) => return Ok((input, found)),
        }
    }
}

fn operand(input: &str, depth: u8) -> Parsed<'_, Value> {
    let values = |input| separated_list0(sign(","), |input| value(input, depth)).parse(input);
    let fields = |input| separated_list0(sign(","), |input| field(input, depth)).parse(input);
    alt((
        map(sign("..."), |()| Value::Ellipsis),
        map(delimited(sign("["), values, settled(sign("]"))), Value::List),
        map(delimited(sign("{"), fields, settled(sign("}"))), Value::Record),
        map(terminated(quoted, opt(sign("..."))), |text| Value::Text(text.to_owned())),
        integer,
        function,
        symbol_value,
    ))
    .parse(input)
}

/// `name=value`, `name(...)=value` or a value alone.
fn field(input: &str, depth: u8) -> Parsed<'_, (String, Value)> {
    let in_parentheses = delimited(sign("("), take_while(|c| c != ')'), sign(")"));
    let key = terminated(name("a name"), (opt(in_parentheses), sign("=")));
    let (rest, key) = opt(key).parse(input)?;
    let (rest, value) = value(rest, depth)?;
    Ok((rest, (key.unwrap_or("").to_owned(), value)))
}

fn integer(input: &str) -> Parsed<'_, Value> {
    let start = input.trim_start();
    let hexadecimal: Parsed<'_, &str> = spaced(preceded(tag("0x"), hex_digit1)).parse(input);
    if let Ok((rest, digits)) = hexadecimal {
        return match i64::from_str_radix(digits, 16) {
            Ok(number) => Ok((rest, Value::Int(number))),
            Err(_) => refuse(start, "a number of 64 bits"),
        };
    }
    let (rest, digits) = named("a value", spaced(recognize(pair(opt(char('-')), digit1))))(input)?;
    match digits.parse() {
        Ok(number) => Ok((rest, Value::Int(number))),
        Err(_) => refuse(start, "a number of 64 bits"),
    }
}

/// `htons(80)`, `inet_addr("192.0.2.1")`: kept as written, in the order of this machine.
fn function(input: &str) -> Parsed<'_, Value> {
    let port = preceded(word("htons"), delimited(sign("("), number::<u16>("a port"), sign(")")));
    let address =
        preceded(alt((word("inet_addr"), word("inet6_addr"))), delimited(sign("("), quoted, sign(")")));
    let start = input.trim_start();
    let (rest, found) =
        alt((map(port, |port| Value::Int(port.into())), map(address, |text| Value::Text(text.to_owned()))))
            .parse(input)?;
    match &found {
        Value::Text(text) if text.parse::<Ipv4Addr>().is_err() && text.parse::<Ipv6Addr>().is_err() => {
            forbid(start, "an address of IPv4 or IPv6")
        }
        _ => Ok((rest, found)),
    }
}

fn symbol_value(input: &str) -> Parsed<'_, Value> {
    let start = input.trim_start();
    let (rest, name) = name("a value")(input)?;
    match symbol::value(name) {
        Some(number) => Ok((rest, Value::Int(number))),
        None => forbid(start, "a value: a number, a text, `...`, or a name that is known"),
    }
}
