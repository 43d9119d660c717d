//! What must hold for any octets whatever. Each function panics when it does not.
//!
//! Shared by the fuzz targets and by codec/tests/corpus.rs, which replays the corpus with a stable compiler.

use hiatus_codec::{
    HiatusOption, KnownOptions, OPTIONS_LEN_OCTETS_MAX, OptionError, OptionKind, OptionWriter, RawOption,
    Segment, TcpOption, options as walk,
};

/// `area` as the option area of a TCP header.
#[allow(dead_code, reason = "each target needs one of the functions")]
pub(crate) fn options(area: &[u8]) {
    let items: Vec<_> = walk(area).collect();
    assert!(items.len() <= area.len() + 1, "every item but the last takes at least one octet");
    errors_are_in_place(area, &items);
    let mut at = 0;
    for item in &items {
        match item {
            Ok(option) => at += takes_its_octets(option, &area[at..]),
            Err(OptionError::BadLength { found_octets, .. }) => at += usize::from(*found_octets),
            Err(_) => break,
        }
    }
}

/// `octets` as a TCP segment.
#[allow(dead_code, reason = "each target needs one of the functions")]
pub(crate) fn segment(octets: &[u8]) {
    let Ok(segment) = Segment::parse(octets) else { return };
    let mut out = vec![0; octets.len()];
    assert_eq!(segment.wire_len_octets(), octets.len());
    let rest = segment.emit(&mut out).expect("what was parsed can be emitted");
    assert!(rest.is_empty());
    assert_eq!(out, octets, "parse and emit are mirror images");
    options(segment.options);
    folded_as_walked(&segment);
}

/// Only a bad Length lets the walk go on, and every error points into the area.
fn errors_are_in_place(area: &[u8], items: &[Result<TcpOption<'_>, OptionError>]) {
    for (index, item) in items.iter().enumerate() {
        let Err(error) = item else { continue };
        let last = index + 1 == items.len();
        let (offset_octets, goes_on) = match *error {
            OptionError::BadLength { offset_octets, .. } => (offset_octets, true),
            OptionError::MissingLength { offset_octets, .. }
            | OptionError::LengthBelowTwo { offset_octets, .. }
            | OptionError::Truncated { offset_octets, .. }
            | OptionError::Padding { offset_octets } => (offset_octets, false),
            _ => panic!("a new error needs its line here: {error}"),
        };
        assert!(goes_on || last, "{error} is not the last item");
        assert!(usize::from(offset_octets) < area.len() || area.len() > usize::from(u8::MAX), "{error}");
        assert!(!error.to_string().is_empty());
    }
}

/// `option` stands at the start of `area`: what it emits is what stands there. Gives the octets it takes.
fn takes_its_octets(option: &TcpOption<'_>, area: &[u8]) -> usize {
    assert!(!option.to_string().is_empty());
    let len = match OptionKind(area[0]) {
        OptionKind::END_OF_LIST | OptionKind::NO_OPERATION => 1,
        _ => usize::from(area[1]),
    };
    let octets = &area[..len];
    let mut writer = OptionWriter::new();
    if len > OPTIONS_LEN_OCTETS_MAX {
        // No header has room for it, so the walk may see it only because a caller passed more than a header.
        return len;
    }
    writer.push(option).expect("40 octets hold any option that came from 40");
    assert_eq!(writer.as_slice(), octets, "parse and emit are mirror images");
    if let TcpOption::Hiatus(hiatus) = option {
        decoded_and_encoded(hiatus, octets);
    }
    if let TcpOption::Unknown(RawOption { kind, body, .. }) = option {
        assert_eq!((kind.0, *body), (octets[0], &octets[2..]), "an unknown kind is kept as it is");
    }
    len
}

/// A message may be shorter than its option: flags, reserved bits and octets past the known length are not kept.
fn decoded_and_encoded(hiatus: &HiatusOption<'_>, octets: &[u8]) {
    assert_eq!(hiatus.octets_from_subtype(), &octets[4..]);
    assert!(octets[4..].starts_with(hiatus.authenticated_octets()));
    let message = hiatus.message();
    assert_eq!(message.subtype(), hiatus.subtype());
    let mut writer = OptionWriter::new();
    writer.message(&message).expect("a message is no longer than the option that carried it");
    let emitted = writer.as_slice();
    assert!(emitted.len() <= octets.len());
    assert_eq!(usize::from(message.len_octets()), emitted.len());
    let again = walk(emitted).next().expect("one option").expect("what was emitted can be parsed");
    assert_eq!(again.hiatus(), Some(message), "emit and parse are mirror images");
}

/// [`KnownOptions::parse`] has a shortcut; it must see what the walk sees.
fn folded_as_walked(segment: &Segment<'_>) {
    let known = KnownOptions::parse(segment);
    let mut expected = KnownOptions::default();
    let mut messages = Vec::new();
    for item in walk(segment.options) {
        match item {
            Ok(TcpOption::MaximumSegmentSize(size)) => expected.mss = expected.mss.or(Some(size)),
            Ok(TcpOption::WindowScale(shift)) => {
                expected.window_scale = expected.window_scale.or(Some(shift));
            }
            Ok(TcpOption::SackPermitted) => expected.sack_permitted = true,
            Ok(TcpOption::Sack(blocks)) => expected.sack = expected.sack.or(Some(blocks)),
            Ok(TcpOption::Timestamps(timestamps)) => {
                expected.timestamps = expected.timestamps.or(Some(timestamps));
            }
            Ok(TcpOption::Hiatus(option)) => messages.push(option),
            Ok(_) => {}
            Err(error) => expected.error = expected.error.or(Some(error)),
        }
    }
    // Which message counts depends on the segment; that it is one of those that are there does not.
    assert!(known.hiatus.is_none_or(|message| messages.contains(&message)));
    expected.hiatus = known.hiatus;
    assert_eq!(known, expected);
}
