//! The tools of mutants: looking at a segment, and changing it.

use hiatus_codec::mac::{self, Tag};
use hiatus_codec::{
    Capable, CapableBits, ConnectionKey, Epoch, Flags, HiatusOption, HoldTime, Message, OptionError,
    OptionWriter, Resume, Subtype, Suspend, TcpOption, options,
};

use super::Notes;
use crate::session::Over;
use crate::wire::{OwnedSegment, Side};

/// The Hiatus option of `segment`, wherever it stands.
pub(super) fn hiatus(segment: &OwnedSegment) -> Option<HiatusOption<'_>> {
    options(&segment.options).find_map(|item| match item {
        Ok(TcpOption::Hiatus(option)) => Some(option),
        _ => None,
    })
}

/// True if `segment` carries the message `subtype`.
pub(super) fn has(segment: &OwnedSegment, subtype: Subtype) -> bool {
    hiatus(segment).is_some_and(|option| option.subtype() == subtype)
}

pub(super) fn is_syn(segment: &OwnedSegment) -> bool {
    segment.flags.contains(Flags::SYN) && !segment.flags.contains(Flags::ACK)
}

pub(super) fn is_synack(segment: &OwnedSegment) -> bool {
    segment.flags.contains(Flags::SYN.union(Flags::ACK))
}

/// After the SYN, and no RST.
pub(super) fn is_later(segment: &OwnedSegment) -> bool {
    !segment.flags.intersects(Flags::SYN.union(Flags::RST))
}

pub(super) fn is_bare_rst(segment: &OwnedSegment) -> bool {
    segment.flags.contains(Flags::RST) && segment.hiatus_count() == 0
}

pub(super) fn has_data(segment: &OwnedSegment) -> bool {
    !segment.payload.is_empty()
}

/// Nothing in place of `segment` if `this`.
pub(super) fn drop_if(this: bool, segment: OwnedSegment) -> Vec<OwnedSegment> {
    if this { Vec::new() } else { vec![segment] }
}

/// `segment` without its Hiatus options if `this`.
pub(super) fn strip_if(this: bool, segment: OwnedSegment) -> Vec<OwnedSegment> {
    vec![if this { stripped(&segment) } else { segment }]
}

/// `segment` without its Hiatus options.
pub(super) fn stripped(segment: &OwnedSegment) -> OwnedSegment {
    with_options(segment, |option| option.hiatus().is_none())
}

/// `segment` with those options only that `keep` wants, up to the first structural error.
pub(super) fn with_options(
    segment: &OwnedSegment,
    mut keep: impl FnMut(&TcpOption<'_>) -> bool,
) -> OwnedSegment {
    let mut writer = OptionWriter::new();
    for option in options(&segment.options).flatten().filter(|option| keep(option)) {
        // What came out of a header fits into one.
        let _ = writer.push(&option);
    }
    let area = writer.finish().to_vec();
    OwnedSegment { options: area, ..segment.clone() }
}

/// `segment` with `message` as its only Hiatus option.
pub(super) fn with_message(segment: &OwnedSegment, message: &Message<'_>) -> OwnedSegment {
    let mut writer = OptionWriter::new();
    let base = stripped(segment);
    for option in options(&base.options).flatten() {
        if !matches!(option, TcpOption::EndOfList) {
            let _ = writer.push(&option);
        }
    }
    let _ = writer.message(message);
    let area = writer.finish().to_vec();
    OwnedSegment { options: area, ..base }
}

/// `segment` with its Hiatus message changed by `change` and a right MAC over the result.
pub(super) fn edited(
    notes: &Notes,
    from: Side,
    segment: &OwnedSegment,
    change: impl FnOnce(&mut Message<'_>),
) -> OwnedSegment {
    let Some(option) = hiatus(segment) else { return segment.clone() };
    let mut message = option.message();
    change(&mut message);
    signed(notes, from, segment, message)
}

/// `segment` of the target; if it carries a RESUME, changed by `change`, with a right MAC over the result.
pub(super) fn with_resume(
    notes: &Notes,
    segment: &OwnedSegment,
    change: impl FnOnce(&mut Resume),
) -> Vec<OwnedSegment> {
    vec![edited(notes, Side::Target, segment, |message| {
        if let Message::Resume(resume) = message {
            change(resume);
        }
    })]
}

/// `segment` with `message` and a right MAC, as far as a key is known.
pub(super) fn signed(
    notes: &Notes,
    from: Side,
    segment: &OwnedSegment,
    mut message: Message<'_>,
) -> OwnedSegment {
    let context = notes.session.context(from, segment, &message, Over::default());
    if let (Some(key), Some(context)) = (notes.session.key(), context)
        && let Ok(tag) = mac::tag_of_message(&key, &context, &message)
    {
        message.set_tag(tag);
    }
    with_message(segment, &message)
}

/// True if the message of `segment`, sent by the bench, has a right MAC.
pub(super) fn is_authentic(notes: &Notes, segment: &OwnedSegment) -> bool {
    hiatus(segment)
        .is_none_or(|option| notes.session.is_authentic(Side::Bench, segment, &option, Over::default()))
}

/// True if the options end in a structural error.
pub(super) fn has_structural_error(segment: &OwnedSegment) -> bool {
    options(&segment.options).any(|item| {
        matches!(
            item,
            Err(OptionError::MissingLength { .. }
                | OptionError::LengthBelowTwo { .. }
                | OptionError::Truncated { .. })
        )
    })
}

/// A long CAPABLE out of the blue.
pub(super) fn stray_capable() -> Message<'static> {
    Message::Capable(Capable {
        bits: CapableBits::new(CapableBits::VERSION).with_silent(),
        offered_hold: HoldTime::from_seconds(300),
        key: Some(ConnectionKey(*b"mutation")),
    })
}

/// An EPOCH as a responder would send it, its MAC wrong.
pub(super) fn stray_epoch() -> Message<'static> {
    Message::Epoch(Epoch { number: 0, stable_point: 0, tag: Tag::default() })
}

/// A SUSPEND that nobody asked for, its MAC wrong.
pub(super) fn stray_suspend() -> Message<'static> {
    Message::Suspend(Suspend { expected_absence: HoldTime::NONE, tag: Tag::default() })
}

/// The first data that came, which the case sends out of order, comes back before the next data after the note of the
/// outgoing hook: right after the target has synchronised, or was restored.
pub(super) fn replay_out_of_order(notes: &mut Notes, segment: OwnedSegment) -> Vec<OwnedSegment> {
    if has_data(&segment) && notes.kept.is_none() {
        notes.kept = Some(segment.clone());
        return vec![segment];
    }
    if notes.count > 0
        && has_data(&segment)
        && hiatus(&segment).is_none()
        && segment.flags.contains(Flags::ACK)
        && let Some(kept) = notes.kept.take()
    {
        // Its timestamps would be those of the dead history; its data is what counts.
        let late = OwnedSegment { options: segment.options.clone(), ..kept };
        return vec![late, segment];
    }
    vec![segment]
}
