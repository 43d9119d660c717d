//! Segments and ICMP errors.

use hiatus_codec::Flags;
use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::take_while1;
use nom::combinator::{map, opt, value};
use nom::sequence::{delimited, preceded, separated_pair, terminated};

use super::lexeme::{Parsed, name, named, number, refuse, settled, sign, spaced, word};
use super::{Action, EcnPattern, Icmp, Packet, option};

/// Codepoints of RFC 3168.
const NOT_ECT: u8 = 0;
const ECT_1: u8 = 1;
const ECT_0: u8 = 2;
const CE: u8 = 3;
/// Destination Unreachable (RFC 792).
const UNREACHABLE: u8 = 3;
const SOURCE_QUENCH: u8 = 4;
const TIME_EXCEEDED: u8 = 11;

/// A seq range, checked: start and octets of data.
#[derive(Debug, Clone, Copy)]
struct Range {
    seq: u32,
    len_octets: u16,
}

/// Everything after the direction that [`super::lexeme`] found.
pub(super) fn action(input: &str) -> Parsed<'_, Action> {
    let (rest, is_inbound) = alt((value(true, sign("<")), value(false, sign(">")))).parse(input)?;
    if word("icmp")(rest).is_ok() {
        if !is_inbound {
            return refuse(rest.trim_start(), "a TCP segment: no ICMP is expected");
        }
        return map(settled(icmp), Action::InjectIcmp).parse(rest);
    }
    let (after, packet) = settled(packet)(rest)?;
    if !is_inbound {
        return Ok((after, Action::Expect(packet)));
    }
    if packet.options.is_none() {
        return refuse(
            rest.trim_start(),
            "options on a segment that arrives: `<...>` is only for what is expected",
        );
    }
    if packet.ecn == EcnPattern::Capable {
        return refuse(rest.trim_start(), "one codepoint: `[ect01]` is only for what is expected");
    }
    Ok((after, Action::Inject(packet)))
}

fn packet(input: &str) -> Parsed<'_, Packet> {
    let (input, ecn) = opt(ecn).parse(input)?;
    let port = || number::<u16>("a port");
    let (input, ports) = opt(separated_pair(port(), sign(">"), port())).parse(input)?;
    let (input, flags) = flags(input)?;
    let (input, range) = range(input)?;
    let (input, ack) = opt(preceded(word("ack"), settled(number("a number after ack")))).parse(input)?;
    let (input, window) = opt(preceded(word("win"), settled(number("a window up to 65535")))).parse(input)?;
    let (input, urgent) =
        opt(preceded(word("urg"), settled(number("an urgent pointer up to 65535")))).parse(input)?;
    // A `<` right after a segment opens its options only if something that an option begins with follows.
    let (input, options) = opt(option::list).parse(input)?;
    let packet = Packet {
        ecn: ecn.unwrap_or(EcnPattern::Open),
        flags,
        seq: range.seq,
        len_octets: range.len_octets,
        ack: ack.unwrap_or(0),
        window,
        urgent: urgent.unwrap_or(0),
        options: options.unwrap_or_else(|| Some(Vec::new())),
        ports,
    };
    Ok((input, packet))
}

fn ecn(input: &str) -> Parsed<'_, EcnPattern> {
    let codepoint = || {
        named(
            "noecn, ect0, ect1, ect01 or ce",
            alt((
                value(EcnPattern::Is(NOT_ECT), word("noecn")),
                value(EcnPattern::Is(ECT_0), word("ect0")),
                value(EcnPattern::Is(ECT_1), word("ect1")),
                value(EcnPattern::Capable, word("ect01")),
                value(EcnPattern::Is(CE), word("ce")),
            )),
        )
    };
    alt((
        delimited(sign("["), settled(codepoint()), settled(sign("]"))),
        delimited(sign("("), settled(codepoint()), settled(sign(")"))),
    ))
    .parse(input)
}

fn flags(input: &str) -> Parsed<'_, Flags> {
    const EXPECTED: &str = "control bits: letters of SFRPUEW and `.`, or `-` for none";
    let start = input.trim_start();
    let (rest, letters) = named(
        EXPECTED,
        spaced(take_while1(|c: char| c.is_ascii_alphabetic() || c == '.' || c == '-')),
    )(input)?;
    let mut flags = Flags::default();
    for letter in letters.chars().filter(|_| letters != "-") {
        flags = flags.union(match letter {
            'S' => Flags::SYN,
            'F' => Flags::FIN,
            'R' => Flags::RST,
            'P' => Flags::PSH,
            'U' => Flags::URG,
            'E' => Flags::ECE,
            'W' => Flags::CWR,
            'A' => Flags::AE,
            '.' => Flags::ACK,
            _ => return refuse(start, EXPECTED),
        });
    }
    Ok((rest, flags))
}

/// `1:1001(1000)`.
fn range(input: &str) -> Parsed<'_, Range> {
    let sequence = || number::<u32>("a sequence number");
    let start = input.trim_start();
    let (rest, (seq, end)) =
        named("a range such as 1:1001(1000)", separated_pair(sequence(), sign(":"), sequence()))(input)?;
    let (rest, len_octets) =
        delimited(sign("("), number::<u16>("octets of data up to 65535"), sign(")")).parse(rest)?;
    if seq.wrapping_add(u32::from(len_octets)) != end {
        return refuse(start, format!("an end of {} + {len_octets}", seq));
    }
    Ok((rest, Range { seq, len_octets }))
}

fn icmp(input: &str) -> Parsed<'_, Icmp> {
    let (input, ()) = word("icmp")(input)?;
    let start = input.trim_start();
    let (input, kind) = name("a type of ICMP such as unreachable")(input)?;
    let kind = match kind {
        "unreachable" => UNREACHABLE,
        "source_quench" => SOURCE_QUENCH,
        "time_exceeded" => TIME_EXCEEDED,
        _ => return refuse(start, "unreachable, source_quench or time_exceeded"),
    };
    const CODES: [(&str, u8); 7] = [
        ("net_unreachable", 0),
        ("host_unreachable", 1),
        ("protocol_unreachable", 2),
        ("port_unreachable", 3),
        ("frag_needed", 4),
        ("source_route_failed", 5),
        ("admin_prohibited", 13),
    ];
    let before_code = input;
    let (after_code, code) = opt(name("a code of ICMP")).parse(input)?;
    let (input, code) = match code {
        None | Some("mtu") => (before_code, 0),
        Some(code) => match CODES.iter().find(|(name, _)| *name == code) {
            Some((_, number)) => (after_code, *number),
            None => return refuse(before_code.trim_start(), "a code of ICMP such as host_unreachable"),
        },
    };
    let (input, mtu_octets) = opt(preceded(word("mtu"), settled(number("an MTU")))).parse(input)?;
    let quoted = delimited(sign("["), range, sign("]"));
    let (input, quoted) = terminated(opt(quoted), |input| Ok((input, ()))).parse(input)?;
    let quoted = quoted.unwrap_or(Range { seq: 0, len_octets: 0 });
    Ok((input, Icmp { kind, code, mtu_octets, seq: quoted.seq, len_octets: quoted.len_octets }))
}
