//! The draft's test vectors (`spec/vectors.toml`), against the codec.
//!
//! The verdicts are worked out by hand and the MACs by `spec/vectors.py`; no line of this crate made them.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use hiatus_codec::mac::{self, Context, SessionKey, Tag};
use hiatus_codec::{ConnectionKey, Message, OptionWriter, Position, TcpOption, options};

#[path = "common/vector_file.rs"]
mod vector_file;

use vector_file::{array, context, file, octets};

#[test]
fn every_position_vector_agrees() {
    let file = file();
    for vector in &file.position {
        let position = |hex: &str| Position(u64::from_str_radix(hex, 16).unwrap());
        let wire = u32::from_str_radix(&vector.wire, 16).unwrap();
        let (near, expected) = (position(&vector.near), position(&vector.position));
        assert_eq!(Position::nearest(wire, near), expected, "{}", vector.id);
        assert_eq!(expected.low(), wire, "{}", vector.id);
    }
    assert!(file.position.len() >= 9);
}

#[test]
fn every_vector_is_read_as_the_draft_says() {
    let mut wrong = Vec::new();
    for vector in file().vector {
        let area = octets(&vector.octets);
        let items: Vec<String> = options(&area)
            .map(|item| item.map_or_else(|error| format!("!{error}"), |option| option.to_string()))
            .collect();
        let found = items.join(", ");
        if found != vector.verdict {
            wrong.push(format!("{}\n  expected {}\n  found    {found}", vector.id, vector.verdict));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_accepted_vector_is_written_back() {
    let mut written_back = 0;
    for vector in file().vector {
        let area = octets(&vector.octets);
        let Ok(items) = options(&area).collect::<Result<Vec<_>, _>>() else { continue };
        let mut writer = OptionWriter::new();
        for option in &items {
            writer.push(option).unwrap();
        }
        let ends = items.contains(&TcpOption::EndOfList);
        if ends {
            continue;
        }
        assert_eq!(writer.as_slice(), area, "{}", vector.id);
        written_back += 1;
    }
    assert!(written_back >= 30, "only {written_back} vectors were written back");
}

#[test]
fn every_mac_vector_agrees() {
    let file = file();
    for vector in &file.mac {
        let key = SessionKey::derive(
            ConnectionKey(array(&vector.initiator_key)),
            ConnectionKey(array(&vector.responder_key)),
        );
        assert_eq!(key.octets(), &array::<32>(&vector.key), "{}: key", vector.id);

        let area = octets(&vector.message);
        let Some(Ok(TcpOption::Hiatus(option))) = options(&area).next() else {
            panic!("{}: message", vector.id)
        };
        let context = context(vector);
        let tag = Tag(array(&vector.tag));
        assert_eq!(mac::tag(&key, &context, option.authenticated_octets()), tag, "{}: tag", vector.id);
        assert!(mac::verify(&key, &context, option.authenticated_octets(), tag), "{}", vector.id);
        assert_eq!(option.message().tag(), Some(tag), "{}: the MAC's place", vector.id);
        for bit in 0..64 {
            let mut wrong = tag;
            wrong.0[bit / 8] ^= 1 << (bit % 8);
            assert!(!mac::verify(&key, &context, option.authenticated_octets(), wrong), "{}", vector.id);
        }
    }
    assert!(file.mac.len() >= 10);
}

#[test]
fn the_rows_of_the_mac_table_are_the_constructors() {
    // One vector of each message, with the context made by the message's own constructor.
    let mut checked = std::collections::BTreeSet::new();
    for vector in file().mac {
        let area = octets(&vector.message);
        let Some(Ok(option)) = options(&area).next() else { panic!("{}", vector.id) };
        let Some(message) = option.hiatus() else { panic!("{}", vector.id) };
        let expected = context(&vector);
        let Context { role, life, nonce, p1, p2 } = expected;
        let made = match message {
            Message::Epoch(_) => Context::epoch(role, life, p1),
            Message::Suspend(_) => Context::suspend(role, life),
            Message::SuspendAck(_) => Context::suspend_ack(role, life),
            Message::Resume(_) => Context::resume(role, p1, p2),
            Message::ResumeAck(_) => Context::resume_ack(role, life, nonce, p1, p2),
            Message::Abort(_) => Context::abort(role, life, nonce),
            _ => panic!("{}: no MAC", vector.id),
        };
        assert_eq!(made, expected, "{}", vector.id);
        checked.insert(message.subtype());
    }
    assert_eq!(checked.len(), 6, "EPOCH, SUSPEND, SUSPEND-ACK, RESUME, RESUME-ACK, ABORT");
}
