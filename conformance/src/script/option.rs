//! Options in the codec's spelling, and `gen-253 HEX` for any octets.

use hiatus_codec::mac::Role;
use hiatus_codec::{AbortReason, CapableBits, ConnectionKey};
use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while1};
use nom::character::complete::{char, space1};
use nom::combinator::{map, opt, value};
use nom::multi::separated_list1;
use nom::sequence::{preceded, separated_pair};

use super::error::{Miss, Words};
use super::lexeme::{
    Parsed, field, hold, life, named, nonce, octets, octets_exactly, refuse, refuse_word, settled, then,
    then_word, u8, u16, u32, word,
};
use super::{Field, HoldPattern, MacPattern, MessageBody, MessagePattern, OptionPattern};

const OPTIONS: Words = Words {
    kind: "options",
    known: &[
        "mss",
        "wscale",
        "sackOK",
        "sack",
        "TS",
        "nop",
        "eol",
        "capable",
        "epoch",
        "epoch-echo",
        "suspend",
        "suspend-ack",
        "resume",
        "resume-ack",
        "abort",
        "gen-KIND HEX",
        "raw HEX",
    ],
};
const REASONS: Words = Words {
    kind: "reasons",
    known: &["fenced", "gone", "diverged", "lost", "shed", "application", "reason-NUMBER"],
};

/// Reads one option.
pub(super) fn option(input: &str) -> Parsed<'_, OptionPattern> {
    match alt((standard, raw, message)).parse(input) {
        Err(nom::Err::Error(_)) => refuse_word(input, "an option", OPTIONS),
        other => other,
    }
}

fn standard(input: &str) -> Parsed<'_, OptionPattern> {
    let timestamps =
        (preceded(then_word("val"), then(field(u32))), preceded(then_word("ecr"), then(field(u32))));
    let blocks = separated_list1(space1, separated_pair(u32, char('-'), u32));
    alt((
        map((word("mss"), settled(then(field(u16)))), |(_, size)| OptionPattern::MaximumSegmentSize(size)),
        map((word("wscale"), settled(then(field(u8)))), |(_, shift)| OptionPattern::WindowScale(shift)),
        value(OptionPattern::SackPermitted, word("sackOK")),
        map((word("sack"), settled(then(blocks))), |(_, blocks)| OptionPattern::Sack(blocks)),
        value(OptionPattern::TimestampsStepped, (word("TS"), then_word("stepped"))),
        map((word("TS"), opt(timestamps)), |(_, values)| {
            let (val, ecr) = values.unwrap_or((Field::Any, Field::Any));
            OptionPattern::Timestamps(val, ecr)
        }),
        value(OptionPattern::NoOperation, word("nop")),
        value(OptionPattern::EndOfList, word("eol")),
    ))
    .parse(input)
}

fn raw(input: &str) -> Parsed<'_, OptionPattern> {
    let generic = map((preceded(tag("gen-"), u8), settled(opt(then(octets)))), |(kind, body)| {
        OptionPattern::Generic(kind, body.unwrap_or_default())
    });
    alt((generic, map((word("raw"), settled(then(octets))), |(_, octets)| OptionPattern::Raw(octets))))
        .parse(input)
}

fn message(input: &str) -> Parsed<'_, OptionPattern> {
    let (rest, body) = alt((capable, epoch, absence, resume, abort)).parse(input)?;
    let (rest, mac) = opt(preceded(space1, mac)).parse(rest)?;
    let (rest, flags) = opt(preceded(then_word("flags"), settled(then(u8)))).parse(rest)?;
    let (rest, plus) = opt(preceded(then_word("plus"), settled(then(octets)))).parse(rest)?;
    let (rest, flip) = opt(preceded(then_word("flip"), settled(then(u8)))).parse(rest)?;
    let message = MessagePattern {
        body,
        mac: mac.unwrap_or(MacPattern::Open),
        flags: flags.unwrap_or(0),
        plus: plus.unwrap_or_default(),
        flip,
    };
    Ok((rest, OptionPattern::Hiatus(message)))
}

fn mac(input: &str) -> Parsed<'_, MacPattern> {
    let over = |input| {
        let named_life = opt(preceded(then_word("life"), settled(then(life))));
        let named_nonce = opt(preceded(then_word("nonce"), settled(then(nonce))));
        let named_role = opt(preceded(then_word("role"), settled(then(role))));
        let named_turn = opt(preceded(then_word("turn"), settled(then(u32))));
        preceded(then_word("over"), (named_life, named_nonce, named_role, named_turn)).parse(input)
    };
    let right = map((word("ok"), opt(over)), |(_, over)| {
        let (life, nonce, role, turn) = over.unwrap_or_default();
        MacPattern::Right { life, nonce, role, turn }
    });
    let (rest, _) = alt((word("mac"), word("key"))).parse(input)?;
    settled(then(named(
        "ok, bad, or 16 hexadecimal digits",
        alt((
            right,
            value(MacPattern::Wrong, word("bad")),
            value(MacPattern::Open, char('*')),
            map(octets_exactly::<8>("16 hexadecimal digits"), MacPattern::Octets),
        )),
    )))(rest)
}

fn role(input: &str) -> Parsed<'_, Role> {
    let roles = alt((value(Role::Initiator, word("initiator")), value(Role::Responder, word("responder"))));
    named("initiator or responder", roles)(input)
}

/// The capability letters after the version: `S`, `SNK`, `-` for none.
pub(super) fn capable_letters(input: &str) -> Parsed<'_, CapableBits> {
    bits_after(input, CapableBits::VERSION)
}

/// S, N and K are set one by one, as the wire has them: `N` alone is a sender's error that a script may make.
fn bits_after(input: &str, version: u8) -> Parsed<'_, CapableBits> {
    const EXPECTED: &str = "capability letters of S, N and K, or - for none";
    const LETTERS: [(char, u8); 3] = [('S', 0b1000), ('N', 0b0100), ('K', 0b0010)];
    let (rest, letters) =
        named(EXPECTED, take_while1::<_, _, Miss<'_>>(|c: char| "SNK-".contains(c)))(input)?;
    let octet = letters.chars().fold(version << 4, |octet, letter| {
        octet | LETTERS.iter().find(|(known, _)| *known == letter).map_or(0, |(_, bit)| *bit)
    });
    Ok((rest, CapableBits::from_octet(octet)))
}

fn capable(input: &str) -> Parsed<'_, MessageBody> {
    let version = |input| {
        let (rest, version) = preceded(char('v'), u8).parse(input)?;
        if version > 15 { refuse(input, "a version up to v15") } else { Ok((rest, version)) }
    };
    let bits = |input| {
        let (rest, version) = named("a version such as v1", version)(input)?;
        preceded(space1, move |input| bits_after(input, version)).parse(rest)
    };
    let key = map(octets_exactly::<8>("16 hexadecimal digits"), ConnectionKey);
    let (rest, _) = word("capable")(input)?;
    let (rest, bits) = settled(then(field(bits))).parse(rest)?;
    let (rest, hold) = settled(preceded(then_word("hold"), then(field(hold)))).parse(rest)?;
    let (rest, key) = opt(preceded(then_word("key"), settled(then(field(key))))).parse(rest)?;
    Ok((rest, MessageBody::Capable { bits, hold, key }))
}

fn epoch(input: &str) -> Parsed<'_, MessageBody> {
    let epoch = (word("epoch"), settled((then(field(u32)), then_word("stable"), then(field(u32)))));
    alt((
        map(epoch, |(_, (number, _, stable))| MessageBody::Epoch { number, stable }),
        map((word("epoch-echo"), settled(then(field(u32)))), |(_, stable)| MessageBody::EpochEcho(stable)),
    ))
    .parse(input)
}

fn granted(input: &str) -> Parsed<'_, HoldPattern> {
    alt((
        value(HoldPattern::Any, char('*')),
        map(preceded(tag("<="), hold), HoldPattern::AtMost),
        map(hold, HoldPattern::Is),
    ))
    .parse(input)
}

fn absence(input: &str) -> Parsed<'_, MessageBody> {
    alt((
        map((word("suspend"), settled(then(field(hold)))), |(_, hold)| MessageBody::Suspend(hold)),
        map((word("suspend-ack"), settled(then(granted))), |(_, hold)| MessageBody::SuspendAck(hold)),
    ))
    .parse(input)
}

fn resume(input: &str) -> Parsed<'_, MessageBody> {
    let lived = |input| preceded(then_word("life"), then(field(life))).parse(input);
    let ended = |input| preceded(then_word("end"), then(field(u32))).parse(input);
    let nonced = preceded(then_word("nonce"), then(field(nonce)));
    let received = preceded(then_word("rcv"), then(field(u32)));
    alt((
        map((word("resume"), settled((lived, nonced, ended))), |(_, (life, nonce, end))| {
            MessageBody::Resume { life, nonce, end }
        }),
        map((word("resume-ack"), settled((lived, received, ended))), |(_, (life, received, end))| {
            MessageBody::ResumeAck { life, received, end }
        }),
    ))
    .parse(input)
}

fn abort(input: &str) -> Parsed<'_, MessageBody> {
    let reason = |input| {
        let known = alt((
            value(AbortReason::FENCED.0, word("fenced")),
            value(AbortReason::GONE.0, word("gone")),
            value(AbortReason::DIVERGED.0, word("diverged")),
            value(AbortReason::LOST.0, word("lost")),
            value(AbortReason::SHED.0, word("shed")),
            value(AbortReason::APPLICATION.0, word("application")),
            preceded(tag("reason-"), u8),
        ))
        .parse(input);
        known.or_else(|_: nom::Err<_>| refuse_word(input, "the reason of an ABORT", REASONS))
    };
    map((word("abort"), settled(then(field(reason)))), |(_, reason)| MessageBody::Abort(reason)).parse(input)
}
