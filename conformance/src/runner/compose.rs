//! From a segment in a script to one on the wire.

use hiatus_codec::mac::{self, Tag};
use hiatus_codec::{
    Abort, AbortReason, Capable, Epoch, EpochEcho, Flags, Message, OptionWriter, Resume, ResumeAck,
    SackBlock, SackBlocks, Suspend, SuspendAck, TcpOption, Timestamps,
};

use crate::script::{
    Field, HoldPattern, MacPattern, MessageBody, MessagePattern, OptionPattern, SegmentPattern, WindowPattern,
};
use crate::session::{Over, Session};
use crate::wire::{OwnedSegment, Side, pattern};

/// Window of a segment whose script does not say: no scaling, so this many octets.
const WINDOW_OCTETS: u16 = 65_535;
const TAG_LEN_OCTETS: usize = 8;
/// Where the octet with Subtype and Flags stands in an option.
const SUBTYPE_OFFSET: usize = 4;
/// Where Len stands in an option.
const LEN_OFFSET: usize = 1;

/// What the bench fills in where a script leaves a value open.
#[derive(Debug, Clone, Copy)]
pub(super) struct Defaults {
    pub(super) source_port: u16,
    pub(super) destination_port: u16,
    /// TSval: milliseconds since the start of the case, and something.
    pub(super) tsval: u32,
}

/// The segment that the bench sends for `wanted`.
///
/// # Errors
///
/// Why it cannot be made: too many options, or no key for a MAC yet. Then the script is at fault.
pub(super) fn segment(
    wanted: &SegmentPattern,
    session: &Session,
    defaults: Defaults,
) -> Result<OwnedSegment, String> {
    let first = wanted.seq.or(0);
    let flags = wanted.flags.or(Flags::default());
    let has_ack = flags.contains(Flags::ACK);
    let mut segment = OwnedSegment {
        source_port: defaults.source_port,
        destination_port: defaults.destination_port,
        seq: session.absolute(Side::Bench, first),
        ack: if has_ack { session.absolute(Side::Target, wanted.ack.or(0)) } else { Default::default() },
        flags,
        window: match wanted.window {
            WindowPattern::Is(window) => window,
            _ => WINDOW_OCTETS,
        },
        options: Vec::new(),
        // Octet 1 follows the SYN, also on the SYN.
        payload: pattern(
            Side::Bench,
            first.wrapping_add(u32::from(flags.contains(Flags::SYN))),
            wanted.len_octets.or(0),
        ),
    };
    let mut area = Vec::new();
    for option in &wanted.options.named {
        area.extend(option_octets(option, &segment, session, defaults)?);
    }
    while !area.len().is_multiple_of(4) {
        area.push(0);
    }
    if area.len() > hiatus_codec::OPTIONS_LEN_OCTETS_MAX {
        return Err(format!("the options take {} octets, a header has room for 40", area.len()));
    }
    segment.options = area;
    Ok(segment)
}

fn option_octets(
    option: &OptionPattern,
    segment: &OwnedSegment,
    session: &Session,
    defaults: Defaults,
) -> Result<Vec<u8>, String> {
    let mut storage = [0; 32];
    let typed = match option {
        OptionPattern::MaximumSegmentSize(size) => TcpOption::MaximumSegmentSize(size.or(0)),
        OptionPattern::WindowScale(shift) => TcpOption::WindowScale(shift.or(0)),
        OptionPattern::SackPermitted => TcpOption::SackPermitted,
        OptionPattern::Timestamps(value, echo_reply) => TcpOption::Timestamps(Timestamps {
            value: value.or(defaults.tsval),
            echo_reply: echo_reply.or(session.end(Side::Target).tsval),
        }),
        OptionPattern::TimestampsStepped => return Err("`TS stepped` can only be expected".to_owned()),
        OptionPattern::NoOperation => TcpOption::NoOperation,
        OptionPattern::EndOfList => TcpOption::EndOfList,
        OptionPattern::Sack(blocks) => {
            let blocks: Vec<SackBlock> = blocks
                .iter()
                .map(|(left, right)| SackBlock {
                    left: session.absolute(Side::Target, *left),
                    right: session.absolute(Side::Target, *right),
                })
                .collect();
            TcpOption::Sack(
                SackBlocks::write(&blocks, &mut storage).ok_or("a SACK option has 1 to 4 blocks")?,
            )
        }
        OptionPattern::Generic(kind, body) => {
            let len = u8::try_from(body.len() + 2).map_err(|_| "an option has at most 253 octets of body")?;
            return Ok([&[*kind, len], body.as_slice()].concat());
        }
        OptionPattern::Raw(octets) => return Ok(octets.clone()),
        OptionPattern::Hiatus(message) => return message_octets(message, segment, session),
    };
    let mut writer = OptionWriter::new();
    writer.push(&typed).map_err(|error| error.to_string())?;
    Ok(writer.as_slice().to_vec())
}

/// The option of a Hiatus message: its MAC covers the octets as they are sent, flags included.
fn message_octets(
    wanted: &MessagePattern,
    segment: &OwnedSegment,
    session: &Session,
) -> Result<Vec<u8>, String> {
    let message = message(&wanted.body, session);
    let known_len = usize::from(message.len_octets());
    let mut octets = vec![0; known_len];
    message.emit(&mut octets).map_err(|error| error.to_string())?;
    if let Some(subtype) = octets.get_mut(SUBTYPE_OFFSET) {
        *subtype |= wanted.flags & 0x0f;
    }
    let has_mac = !matches!(message, Message::Capable(_) | Message::EpochEcho(_));
    if has_mac && let Some(tag) = tag(wanted.mac, &message, &octets, segment, session)? {
        let start = known_len - TAG_LEN_OCTETS;
        octets.splice(start.., tag.0);
    }
    if let Some(octet) = wanted.flip.and_then(|flipped| octets.get_mut(usize::from(flipped))) {
        *octet ^= 1;
    }
    octets.extend_from_slice(&wanted.plus);
    let len = u8::try_from(octets.len()).map_err(|_| "the option is longer than 255 octets")?;
    if let Some(room) = octets.get_mut(LEN_OFFSET) {
        *room = len;
    }
    Ok(octets)
}

fn tag(
    wanted: MacPattern,
    message: &Message<'_>,
    octets: &[u8],
    segment: &OwnedSegment,
    session: &Session,
) -> Result<Option<Tag>, String> {
    let over = match wanted {
        MacPattern::Octets(octets) => return Ok(Some(Tag(octets))),
        MacPattern::Right { life, nonce, role, turn } => Over { life, nonce, role, turn },
        MacPattern::Open | MacPattern::Wrong => Over::default(),
    };
    if matches!(message, Message::Abort(abort) if abort.reason == AbortReason::LOST) {
        let key = session.end(Side::Bench).key.ok_or("the bench has sent no key yet")?;
        let [first, rest @ ..] = key.0;
        let first = if wanted == MacPattern::Wrong { first ^ 1 } else { first };
        let [a, b, c, d, e, f, g] = rest;
        return Ok(Some(Tag([first, a, b, c, d, e, f, g])));
    }
    let key = session.key().ok_or("a MAC needs the keys of both ends; they have not been seen yet")?;
    let context = session
        .context(Side::Bench, segment, message, over)
        .ok_or("a MAC needs to know who opened the connection")?;
    let covered = octets.get(SUBTYPE_OFFSET..octets.len() - TAG_LEN_OCTETS).unwrap_or(&[]);
    let mut tag = mac::tag(&key, &context, covered);
    if wanted == MacPattern::Wrong {
        tag.0[0] ^= 1;
    }
    Ok(Some(tag))
}

fn granted(hold: HoldPattern) -> hiatus_codec::HoldTime {
    match hold {
        HoldPattern::Is(hold) => hold,
        _ => hiatus_codec::HoldTime::NONE,
    }
}

fn message(body: &MessageBody, session: &Session) -> Message<'static> {
    let tag = Tag::default();
    let known = session.end(Side::Bench);
    match *body {
        MessageBody::Capable { bits, hold, key } => Message::Capable(Capable {
            bits: bits.or(hiatus_codec::CapableBits::default()),
            offered_hold: hold.or(hiatus_codec::HoldTime::NONE),
            key: key.and_then(|key| match key {
                Field::Is(key) => Some(key),
                Field::Any => known.key,
            }),
        }),
        MessageBody::Epoch { number, stable } => {
            Message::Epoch(Epoch { number: number.or(0), stable_point: stable.or(0), tag })
        }
        MessageBody::EpochEcho(stable) => Message::EpochEcho(EpochEcho { stable_point: stable.or(0) }),
        MessageBody::Suspend(hold) => {
            Message::Suspend(Suspend { expected_absence: hold.or(hiatus_codec::HoldTime::NONE), tag })
        }
        MessageBody::SuspendAck(hold) => Message::SuspendAck(SuspendAck { granted_hold: granted(hold), tag }),
        MessageBody::Resume { life, nonce, end } => Message::Resume(Resume {
            life: life.or(known.life),
            nonce: nonce.or(hiatus_codec::Nonce::UNKNOWN),
            end: end.or(0),
            tag,
        }),
        MessageBody::ResumeAck { life, received, end } => Message::ResumeAck(ResumeAck {
            life: life.or(known.life),
            received: received.or(0),
            end: end.or(0),
            tag,
        }),
        MessageBody::Abort(reason) => {
            Message::Abort(Abort { reason: AbortReason(reason.or(0)), proof: [0; TAG_LEN_OCTETS] })
        }
    }
}
