//! A segment: `S. 0:0(0) ack 1 win 65535 <mss 1460>`.

use hiatus_codec::Flags;
use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::take_while1;
use nom::character::complete::{char, space0};
use nom::combinator::{cond, map, opt, value};
use nom::multi::separated_list1;
use nom::sequence::{delimited, preceded, terminated};

use super::error::Miss;
use super::lexeme::{Parsed, field, named, refuse, settled, then, then_word, u16, u32, word};
use super::option::option;
use super::{
    Field, HoldPattern, MacPattern, MessageBody, OptionList, OptionPattern, Others, SegmentPattern,
    WindowPattern,
};

const FLAGS: &str = "flags such as S, S., . or R (S SYN, F FIN, R RST, P PSH, . ACK), or * for any";

/// Octets of data that a packet has room for behind the smallest headers of IPv4 and TCP.
const PAYLOAD_LEN_OCTETS_MAX: u32 = 65_495;

/// A segment that the bench is to send: everything that it cannot know must be written.
pub(super) fn injected(input: &str) -> Parsed<'_, SegmentPattern> {
    let (rest, pattern) = segment(input)?;
    let Field::Is(flags) = pattern.flags else {
        return refuse(input, FLAGS);
    };
    if pattern.seq == Field::Any {
        return refuse(input, "sequence numbers such as 1:101(100) in a segment that is sent");
    }
    if flags.contains(Flags::ACK) && pattern.ack == Field::Any {
        return refuse(input, "`ack NUMBER` in a segment that is sent with ACK");
    }
    if matches!(pattern.len_octets, Field::Is(len) if len > PAYLOAD_LEN_OCTETS_MAX) {
        return refuse(input, format!("at most {PAYLOAD_LEN_OCTETS_MAX} octets of data in a segment"));
    }
    if pattern.window == WindowPattern::Open {
        return refuse(input, "`win NUMBER` in a segment that is sent");
    }
    if pattern.options.others == Others::Any || pattern.options.named.iter().any(open_option) {
        return refuse(input, "options with every value written in a segment that is sent");
    }
    Ok((rest, pattern))
}

/// True if a value that only a script can know is left open.
fn open_option(option: &OptionPattern) -> bool {
    match option {
        OptionPattern::MaximumSegmentSize(field) => *field == Field::Any,
        OptionPattern::WindowScale(field) => *field == Field::Any,
        OptionPattern::TimestampsStepped => true,
        OptionPattern::Hiatus(message) => open_message(&message.body),
        _ => false,
    }
}

fn open_message(body: &MessageBody) -> bool {
    match body {
        MessageBody::Capable { bits, hold, key } => {
            *bits == Field::Any || *hold == Field::Any || *key == Some(Field::Any)
        }
        MessageBody::Epoch { number, stable } => *number == Field::Any || *stable == Field::Any,
        MessageBody::EpochEcho(stable) => *stable == Field::Any,
        MessageBody::Suspend(hold) => *hold == Field::Any,
        MessageBody::SuspendAck(hold) => !matches!(hold, HoldPattern::Is(_)),
        MessageBody::Resume { life, nonce, end } => {
            *life == Field::Any || *nonce == Field::Any || *end == Field::Any
        }
        MessageBody::ResumeAck { life, received, end } => {
            *life == Field::Any || *received == Field::Any || *end == Field::Any
        }
        MessageBody::Abort(reason) => *reason == Field::Any,
    }
}

/// A segment that the target is to send: what is not written fits any.
pub(super) fn expected(input: &str) -> Parsed<'_, SegmentPattern> {
    let (rest, pattern) = segment(input)?;
    let bad_mac =
        pattern.options.named.iter().any(
            |option| matches!(option, OptionPattern::Hiatus(message) if message.mac == MacPattern::Wrong),
        );
    if bad_mac {
        return refuse(input, "an expectation without `mac bad`");
    }
    Ok((rest, pattern))
}

fn segment(input: &str) -> Parsed<'_, SegmentPattern> {
    let (rest, flags) = flags(input)?;
    let digit_follows = rest.trim_start().starts_with(|c: char| c.is_ascii_digit());
    let (rest, numbers) = cond(digit_follows, settled(then(numbers))).parse(rest)?;
    let (rest, ack) = opt(preceded(then_word("ack"), settled(then(field(u32))))).parse(rest)?;
    let (rest, window) = opt(preceded(then_word("win"), settled(then(window_size)))).parse(rest)?;
    let (rest, options) = opt(preceded(space0, list)).parse(rest)?;
    let (seq, len_octets) = numbers.unwrap_or((Field::Any, Field::Any));
    let options = options.unwrap_or(OptionList { named: Vec::new(), others: Others::NoHiatus });
    let pattern = SegmentPattern {
        flags,
        seq,
        len_octets,
        ack: ack.unwrap_or(Field::Any),
        window: window.unwrap_or(WindowPattern::Any),
        options,
    };
    Ok((rest, pattern))
}

fn window_size(input: &str) -> Parsed<'_, WindowPattern> {
    named(
        "a window: a number up to 65535, `open` for any but 0, or *",
        alt((
            value(WindowPattern::Open, word("open")),
            value(WindowPattern::Any, char('*')),
            map(u16, WindowPattern::Is),
        )),
    )(input)
}

fn flags(input: &str) -> Parsed<'_, Field<Flags>> {
    const LETTERS: [(char, Flags); 8] = [
        ('S', Flags::SYN),
        ('F', Flags::FIN),
        ('R', Flags::RST),
        ('P', Flags::PSH),
        ('.', Flags::ACK),
        ('U', Flags::URG),
        ('E', Flags::ECE),
        ('W', Flags::CWR),
    ];
    let letters = |text: &str| {
        text.chars().try_fold(Flags::default(), |flags, letter| {
            LETTERS.iter().find(|(known, _)| *known == letter).map(|(_, flag)| flags.union(*flag))
        })
    };
    let word = take_while1::<_, _, Miss<'_>>(|c: char| !c.is_whitespace() && c != '<');
    let (rest, text) = named(FLAGS, word)(input)?;
    match text {
        "*" => Ok((rest, Field::Any)),
        "-" => Ok((rest, Field::Is(Flags::default()))),
        _ => match letters(text) {
            Some(flags) => Ok((rest, Field::Is(flags))),
            None => refuse(input, FLAGS),
        },
    }
}

/// `1:101(100)`: the second number and the length in brackets have to agree.
fn numbers(input: &str) -> Parsed<'_, (Field<u32>, Field<u32>)> {
    let triple = (u32, preceded(char(':'), u32), delimited(char('('), u32, char(')')));
    let (rest, (first, end, len)) = named("sequence numbers such as 1:101(100)", triple)(input)?;
    if first.wrapping_add(len) != end {
        let help = format!("{first} + {len} = {}: a SYN or FIN is not counted", first.wrapping_add(len));
        let miss = Miss::new(input, "sequence numbers FIRST:END(LENGTH) with END = FIRST + LENGTH");
        return Err(nom::Err::Error(miss.help(help)));
    }
    Ok((rest, (Field::Is(first), Field::Is(len))))
}

fn list(input: &str) -> Parsed<'_, OptionList> {
    let item = alt((value(None, nom::bytes::complete::tag("...")), map(option, Some)));
    let comma = delimited(space0, char(','), space0);
    let (rest, _) = (char('<'), space0).parse(input)?;
    let (rest, items) = match rest.strip_prefix('>') {
        Some(_) => (rest, Vec::new()),
        None => terminated(separated_list1(comma, settled(item)), space0).parse(rest)?,
    };
    let (rest, _) = settled(named("`,` and another option, or `>`", char('>')))(rest)?;
    let others = if items.iter().any(Option::is_none) { Others::Any } else { Others::None };
    Ok((rest, OptionList { named: items.into_iter().flatten().collect(), others }))
}
