//! Does a segment fit an expectation? If not, what does not.

use hiatus_codec::{Flags, HiatusOption, HoldTime, Message, SackBlocks, TcpOption, options};

use super::INCARNATION_STEP_TICKS;
use crate::script::{Field, MacPattern, MessageBody, MessagePattern, OptionPattern, Others, SegmentPattern};
use crate::script::{HoldPattern, WindowPattern};
use crate::session::{Over, Session};
use crate::wire::{OwnedSegment, Side};

/// `Err` says in one line what does not fit.
pub(super) type Fit = Result<(), String>;

/// Whether `found`, sent by the target, is what `wanted` asks for.
pub(super) fn segment(wanted: &SegmentPattern, found: &OwnedSegment, session: &Session) -> Fit {
    flags(wanted.flags, found.flags)?;
    field("the first sequence number", wanted.seq, session.relative(Side::Target, found.seq))?;
    field("the length of the data", wanted.len_octets, found.data_len_octets())?;
    if found.flags.contains(Flags::ACK) {
        field("ack", wanted.ack, session.relative(Side::Bench, found.ack))?;
    }
    window(wanted.window, found.window)?;
    option_list(wanted, found, session)
}

fn field<T: Copy + PartialEq + std::fmt::Display>(name: &str, wanted: Field<T>, found: T) -> Fit {
    match wanted {
        Field::Is(value) if value != found => Err(format!("{name} is {found}, expected {value}")),
        _ => Ok(()),
    }
}

/// 20 minutes and 1200 seconds are the same duration; which of the two forms is sent is nobody's business (draft,
/// {#durations}).
fn duration(name: &str, wanted: Field<HoldTime>, found: HoldTime) -> Fit {
    match wanted {
        Field::Is(value) if value.seconds() == found.seconds() => Ok(()),
        _ => field(name, wanted, found),
    }
}

fn window(wanted: WindowPattern, found: u16) -> Fit {
    match wanted {
        WindowPattern::Is(value) if value != found => Err(format!("win is {found}, expected {value}")),
        WindowPattern::Open if found == 0 => Err("win is 0, expected an open window".to_owned()),
        _ => Ok(()),
    }
}

/// PSH says nothing about a protocol, nor does ACK on an RST; they are compared only where the script has them.
fn flags(wanted: Field<Flags>, found: Flags) -> Fit {
    let Field::Is(wanted) = wanted else { return Ok(()) };
    let ignored = match (wanted.contains(Flags::PSH), wanted == Flags::RST) {
        (_, true) => Flags::PSH.union(Flags::ACK),
        (false, false) => Flags::PSH,
        (true, false) => Flags::default(),
    };
    let compared = Flags(found.0 & !ignored.0);
    if compared == wanted { Ok(()) } else { Err(format!("flags are {found}, expected {wanted}")) }
}

fn option_list(wanted: &SegmentPattern, found: &OwnedSegment, session: &Session) -> Fit {
    let mut left = Vec::new();
    for item in options(&found.options) {
        match item {
            Ok(TcpOption::NoOperation | TcpOption::EndOfList) => {}
            Ok(option) => left.push(option),
            Err(error) => return Err(format!("its options cannot be read: {error}")),
        }
    }
    if left.iter().filter(|option| option.hiatus().is_some()).count() > 1 {
        return Err("it carries more than one Hiatus option".to_owned());
    }
    for pattern in &wanted.options.named {
        let same_kind = |option: &TcpOption<'_>| kind_fits(pattern, option);
        let Some(index) = left.iter().position(same_kind) else {
            return Err(format!("it has no {}", kind_name(pattern)));
        };
        option(pattern, &left.remove(index), found, session)?;
    }
    match wanted.options.others {
        Others::Any => Ok(()),
        Others::NoHiatus => match left.iter().find(|option| option.hiatus().is_some()) {
            Some(option) => Err(format!("it carries `{option}`, expected no Hiatus option")),
            None => Ok(()),
        },
        Others::None => match left.first() {
            Some(option) => Err(format!("it carries `{option}`, expected no more options")),
            None => Ok(()),
        },
    }
}

/// True if `option` is of the sort that `pattern` speaks of, whatever its values.
fn kind_fits(pattern: &OptionPattern, option: &TcpOption<'_>) -> bool {
    match (pattern, option) {
        (OptionPattern::MaximumSegmentSize(_), TcpOption::MaximumSegmentSize(_))
        | (OptionPattern::WindowScale(_), TcpOption::WindowScale(_))
        | (OptionPattern::SackPermitted, TcpOption::SackPermitted)
        | (OptionPattern::Sack(_), TcpOption::Sack(_))
        | (OptionPattern::Timestamps(..) | OptionPattern::TimestampsStepped, TcpOption::Timestamps(_)) => {
            true
        }
        (OptionPattern::Hiatus(wanted), TcpOption::Hiatus(found)) => {
            message_name(&wanted.body) == found.message().to_string().split(' ').next().unwrap_or("")
        }
        (OptionPattern::Generic(kind, _), TcpOption::Unknown(raw)) => raw.kind.0 == *kind,
        (OptionPattern::Generic(wanted, _), TcpOption::Experiment { kind, .. }) => kind.0 == *wanted,
        _ => false,
    }
}

fn message_name(body: &MessageBody) -> &'static str {
    match body {
        MessageBody::Capable { .. } => "capable",
        MessageBody::Epoch { .. } => "epoch",
        MessageBody::EpochEcho(_) => "epoch-echo",
        MessageBody::Suspend(_) => "suspend",
        MessageBody::SuspendAck(_) => "suspend-ack",
        MessageBody::Resume { .. } => "resume",
        MessageBody::ResumeAck { .. } => "resume-ack",
        MessageBody::Abort(_) => "abort",
    }
}

fn kind_name(pattern: &OptionPattern) -> String {
    match pattern {
        OptionPattern::MaximumSegmentSize(_) => "mss".to_owned(),
        OptionPattern::WindowScale(_) => "wscale".to_owned(),
        OptionPattern::SackPermitted => "sackOK".to_owned(),
        OptionPattern::Sack(_) => "sack".to_owned(),
        OptionPattern::Timestamps(..) | OptionPattern::TimestampsStepped => "TS".to_owned(),
        OptionPattern::NoOperation => "nop".to_owned(),
        OptionPattern::EndOfList => "eol".to_owned(),
        OptionPattern::Hiatus(message) => message_name(&message.body).to_owned(),
        OptionPattern::Generic(kind, _) => format!("option of kind {kind}"),
        OptionPattern::Raw(_) => "such octets".to_owned(),
    }
}

fn option(pattern: &OptionPattern, found: &TcpOption<'_>, on: &OwnedSegment, session: &Session) -> Fit {
    match (pattern, found) {
        (OptionPattern::MaximumSegmentSize(wanted), TcpOption::MaximumSegmentSize(found)) => {
            field("mss", *wanted, *found)
        }
        (OptionPattern::WindowScale(wanted), TcpOption::WindowScale(found)) => {
            field("wscale", *wanted, *found)
        }
        (OptionPattern::Timestamps(value, echo), TcpOption::Timestamps(found)) => {
            field("TSval", *value, found.value)?;
            field("TSecr", *echo, found.echo_reply)
        }
        (OptionPattern::TimestampsStepped, TcpOption::Timestamps(found)) => stepped(found.value, session),
        (OptionPattern::Sack(wanted), TcpOption::Sack(found)) => sack(wanted, found, session),
        (OptionPattern::Generic(_, body), TcpOption::Unknown(raw)) if raw.body != body.as_slice() => {
            Err(format!("the option of {} has another body", raw.kind))
        }
        (OptionPattern::Hiatus(wanted), TcpOption::Hiatus(found)) => message(wanted, found, on, session),
        _ => Ok(()),
    }
}

fn stepped(found: u32, session: &Session) -> Fit {
    let Some(earlier) = session.end(Side::Target).tsval_of_earlier_incarnations else {
        return Err("TS is stepped, but the target has not taken a new incarnation".to_owned());
    };
    let step = found.wrapping_sub(earlier);
    // Timestamps are compared modulo 2^32 (RFC 7323, section 3).
    if (INCARNATION_STEP_TICKS..1 << 31).contains(&step) {
        return Ok(());
    }
    Err(format!("TSval is {found}, expected at least {INCARNATION_STEP_TICKS} above {earlier}"))
}

fn sack(wanted: &[(u32, u32)], found: &SackBlocks<'_>, session: &Session) -> Fit {
    let relative = |number| session.relative(Side::Bench, number);
    let found: Vec<_> = found.iter().map(|block| (relative(block.left), relative(block.right))).collect();
    if found == wanted { Ok(()) } else { Err(format!("sack blocks are {found:?}, expected {wanted:?}")) }
}

fn message(wanted: &MessagePattern, found: &HiatusOption<'_>, on: &OwnedSegment, session: &Session) -> Fit {
    let octets = found.octets_from_subtype();
    let flags = octets.first().map_or(0, |octet| octet & 0x0f);
    if flags != wanted.flags {
        return Err(format!("the flags of the option are {flags}, expected {}", wanted.flags));
    }
    // Octets 0 to 3 stand before the subtype; they are counted in the length that the message has.
    let extra = octets.len() + 4 - usize::from(found.message().len_octets());
    if extra != wanted.plus.len() {
        return Err(format!(
            "the option has {extra} octets more than its message, expected {}",
            wanted.plus.len()
        ));
    }
    values(&wanted.body, &found.message())?;
    if let Message::Capable(capable) = found.message()
        && let (Some(first), Some(key)) = (session.end(Side::Target).key, capable.key)
    {
        field("key", Field::Is(first), key)?;
    }
    if let Message::Resume(resume) = found.message()
        && session.end(Side::Target).earlier_nonce == Some(resume.nonce)
    {
        return Err(format!("a new incarnation has nonce {}, as the one before it", resume.nonce));
    }
    mac(wanted.mac, found, on, session)
}

fn values(wanted: &MessageBody, found: &Message<'_>) -> Fit {
    match (wanted, found) {
        (MessageBody::Capable { bits, hold, key }, Message::Capable(found)) => {
            field("version and bits of capable", *bits, found.bits)?;
            duration("hold", *hold, found.offered_hold)?;
            match (key, found.key) {
                (None, Some(_)) => Err("it is the long form, expected the short one".to_owned()),
                (Some(_), None) => Err("it is the short form, expected the long one".to_owned()),
                (Some(wanted), Some(found)) => field("key", *wanted, found),
                (None, None) => Ok(()),
            }
        }
        (MessageBody::Epoch { number, stable }, Message::Epoch(found)) => {
            field("the epoch number", *number, found.number)?;
            field("the stable point", *stable, found.stable_point)
        }
        (MessageBody::EpochEcho(stable), Message::EpochEcho(found)) => {
            field("the stable point", *stable, found.stable_point)
        }
        (MessageBody::Suspend(hold), Message::Suspend(found)) => {
            duration("the expected absence", *hold, found.expected_absence)
        }
        (MessageBody::SuspendAck(hold), Message::SuspendAck(found)) => granted(*hold, found.granted_hold),
        (MessageBody::Resume { life, nonce, end }, Message::Resume(found)) => {
            field("life", *life, found.life)?;
            field("nonce", *nonce, found.nonce)?;
            field("end", *end, found.end)
        }
        (MessageBody::ResumeAck { life, received, end }, Message::ResumeAck(found)) => {
            field("life", *life, found.life)?;
            field("rcv", *received, found.received)?;
            field("end", *end, found.end)
        }
        (MessageBody::Abort(reason), Message::Abort(found)) => field("the reason", *reason, found.reason.0),
        _ => Err("it is another message".to_owned()),
    }
}

fn granted(wanted: HoldPattern, found: HoldTime) -> Fit {
    match wanted {
        HoldPattern::Any => Ok(()),
        HoldPattern::Is(value) => duration("the granted hold", Field::Is(value), found),
        HoldPattern::AtMost(_) if found.is_none() => Err("the hold was refused".to_owned()),
        HoldPattern::AtMost(limit) if found.seconds() > limit.seconds() => {
            Err(format!("the granted hold is {found}, expected at most {limit}"))
        }
        HoldPattern::AtMost(_) => Ok(()),
    }
}

fn mac(wanted: MacPattern, found: &HiatusOption<'_>, on: &OwnedSegment, session: &Session) -> Fit {
    let over = match wanted {
        MacPattern::Open | MacPattern::Wrong => return Ok(()),
        MacPattern::Octets(octets) => {
            let ends_so = found.authenticated_octets().len();
            let tag = found.octets_from_subtype().get(ends_so..ends_so + octets.len());
            return if tag == Some(octets.as_slice()) {
                Ok(())
            } else {
                Err("the MAC has other octets".to_owned())
            };
        }
        MacPattern::Right { life, nonce, role, turn } => Over { life, nonce, role, turn },
    };
    if session.is_authentic(Side::Target, on, found, over) {
        return Ok(());
    }
    Err(if session.key().is_none() {
        "its MAC cannot be right: no key was agreed".to_owned()
    } else {
        "its MAC is wrong".to_owned()
    })
}
