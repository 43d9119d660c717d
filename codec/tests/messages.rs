//! Every Hiatus message: octets by hand from the draft, and parse and emit as mirror images.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use hiatus_codec::mac::Tag;
use hiatus_codec::{
    Abort, AbortReason, Capable, CapableBits, ConnectionKey, EmitError, Epoch, EpochEcho, HoldTime, Life,
    Message, Nonce, OptionWriter, Resume, ResumeAck, Suspend, SuspendAck, TcpOption, options,
};
use quickcheck::quickcheck;

fn only(area: &[u8]) -> String {
    let mut items = options(area);
    let text = items.next().unwrap().map_or_else(|error| format!("!{error}"), |option| option.to_string());
    assert_eq!(items.next(), None, "one option only");
    text
}

#[test]
fn capable_short_and_long() {
    assert_eq!(only(&[253, 8, 0x48, 0x49, 0x00, 0x1e, 0x01, 0x2c]), "capable v1 SNK hold 300s");
    let long = [253, 16, 0x48, 0x49, 0, 0x18, 0x80, 2, 0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77];
    assert_eq!(only(&long), "capable v1 S hold 2min key 0011223344556677");
    // Flags and the reserved bit are ignored; so are octets between short and long.
    assert_eq!(only(&[253, 9, 0x48, 0x49, 0x0f, 0x11, 0, 0, 9]), "capable v1 - hold none");
    assert_eq!(only(&[253, 7, 0x48, 0x49, 0, 0x10, 0]), "!bad-length kind 253 at 0 found 7 expected 8");
    assert_eq!(only(&[253, 4, 0x48, 0x49]), "!bad-length kind 253 at 0 found 4 expected 5");
}

#[test]
fn unknown_subtypes_are_kept() {
    assert_eq!(only(&[253, 7, 0x48, 0x49, 0x90, 1, 2]), "hiatus-9 len 7");
}

#[test]
fn abort_reasons() {
    let abort = |reason| only(&[253, 14, 0x48, 0x49, 0x70, reason, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(abort(1), "abort fenced mac 0102030405060708");
    assert_eq!(abort(4), "abort lost key 0102030405060708");
    assert_eq!(abort(9), "abort reason-9 mac 0102030405060708");
}

#[test]
fn resume_fills_an_ack_with_timestamps_to_the_octet() {
    // 40 octets of options, 12 of them timestamps with their two NOPs: 28 are left, 27 and one of padding.
    let mut area = vec![1, 1, 8, 10, 0, 0, 0, 5, 0, 0, 0, 4, 253, 27, 0x48, 0x49, 0x50];
    area.extend([0, 0, 0, 1, 0, 0, 0x89, 0xab, 0xcd, 0xef, 0, 0, 3, 0xe9, 1, 2, 3, 4, 5, 6, 7, 8, 0]);
    assert_eq!(area.len(), 40);
    let texts: Vec<String> = options(&area).map(|item| item.unwrap().to_string()).collect();
    assert_eq!(texts[3], "resume life 1.0 nonce 89abcdef end 1001 mac 0102030405060708");
}

fn every_message(n: u64, octet: u8) -> Vec<Message<'static>> {
    let word = u32::try_from(n & 0xffff_ffff).unwrap();
    let half = u16::try_from(n & 0xffff).unwrap();
    let tag = Tag(n.to_be_bytes());
    let life = Life { incarnation: word, generation: half };
    let bits = CapableBits::from_octet(octet);
    let offered_hold = HoldTime(half);
    vec![
        Message::Capable(Capable { bits, offered_hold, key: None }),
        Message::Capable(Capable { bits, offered_hold, key: Some(ConnectionKey(n.to_be_bytes())) }),
        Message::Epoch(Epoch { number: word, stable_point: !word, tag }),
        Message::EpochEcho(EpochEcho { stable_point: word }),
        Message::Suspend(Suspend { expected_absence: HoldTime(half), tag }),
        Message::SuspendAck(SuspendAck { granted_hold: HoldTime(half), tag }),
        Message::Resume(Resume { life, nonce: Nonce(!word), end: word, tag }),
        Message::ResumeAck(ResumeAck { life, received: !word, end: word, tag }),
        Message::Abort(Abort { reason: AbortReason(octet), proof: n.to_be_bytes() }),
    ]
}

quickcheck! {
    fn emit_then_parse_is_the_same(n: u64, octet: u8) -> bool {
        every_message(n, octet).into_iter().all(|message| {
            let mut writer = OptionWriter::new();
            writer.message(&message).unwrap();
            let area = writer.as_slice();
            let parsed = options(area).next().unwrap().unwrap();
            area.len() == usize::from(message.len_octets()) && parsed.hiatus() == Some(message)
        })
    }

    fn parse_then_emit_is_the_same(subtype: u8, body: Vec<u8>) -> bool {
        // Octets that are canonical: Flags 0, known length, reserved bit 0.
        let subtype = subtype % 8;
        let lengths: &[usize] = match subtype { 0 => &[8, 16], 1 => &[21], 2 => &[9], 3 | 4 => &[15], 5 | 6 => &[27], _ => &[14] };
        lengths.iter().all(|len| {
            let mut area = vec![253, u8::try_from(*len).unwrap(), 0x48, 0x49, subtype << 4];
            area.extend(body.iter().copied().chain(std::iter::repeat(0)).take(len - 5));
            if subtype == 0 { area[5] &= !1; }
            let mut writer = OptionWriter::new();
            let option = options(&area).next().unwrap().unwrap();
            writer.push(&option).unwrap();
            matches!(option, TcpOption::Hiatus(_)) && writer.as_slice() == area
        })
    }
}

#[test]
fn a_tag_is_put_where_it_is_read() {
    let tag = Tag([9; 8]);
    for message in every_message(0, AbortReason::FENCED.0) {
        let mut tagged = message;
        tagged.set_tag(tag);
        let has_none = matches!(message, Message::Capable(_) | Message::EpochEcho(_));
        assert_eq!(tagged.tag(), (!has_none).then_some(tag), "{message}");
        assert_eq!(tagged == message, has_none, "{message}");
    }
    let mut lost = Message::Abort(Abort { reason: AbortReason::LOST, proof: [1; 8] });
    lost.set_tag(tag);
    assert_eq!(
        (lost.tag(), lost),
        (None, Message::Abort(Abort { reason: AbortReason::LOST, proof: [1; 8] }))
    );
}

#[test]
fn a_message_longer_than_known_is_read_and_its_rest_ignored() {
    let mut area = vec![253, 11, 0x48, 0x49, 0x20, 0, 0, 3, 0xe9, 0xaa, 0xbb];
    assert_eq!(only(&area), "epoch-echo 1001");
    area.truncate(10);
    assert_eq!(only(&area), "!truncated kind 253 at 0 found 10 expected 11");
}

#[test]
fn no_room_is_an_error_and_writes_nothing() {
    let message = Message::EpochEcho(EpochEcho { stable_point: 1 });
    let mut out = [7; 8];
    let error = message.emit(&mut out).unwrap_err();
    assert_eq!(error, EmitError::NoRoom { needed_octets: 9, available_octets: 8 });
    assert_eq!(out, [7; 8]);
}

#[test]
fn durations() {
    for (seconds, wire, text) in [
        (0, 0, "none"),
        (60, 60, "60s"),
        (32_767, 0x7fff, "32767s"),
        (32_768, 0x8000 | 546, "546min"),
        (u32::MAX, 0xffff, "32767min"),
    ] {
        let hold = HoldTime::from_seconds(seconds);
        assert_eq!((hold.0, hold.to_string().as_str()), (wire, text));
        assert!(hold.seconds() <= seconds);
    }
    assert!(HoldTime(0x8000).is_none());
}

#[cfg(feature = "serde")]
#[test]
fn values_serialise() {
    let capable = Capable { bits: CapableBits::new(1).with_older(), offered_hold: HoldTime(60), key: None };
    let text = serde_json::to_string(&capable).unwrap();
    assert_eq!(serde_json::from_str::<Capable>(&text).unwrap(), capable);
}
