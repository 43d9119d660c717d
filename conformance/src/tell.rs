//! Segments in the words of a script, sequence numbers relative.

use std::fmt::Write as _;
use std::time::Duration;

use hiatus_codec::{Flags, TcpOption, options};

use crate::session::{Over, Session};
use crate::wire::{OwnedSegment, Side};

/// A segment that `from` sent, as a script would have it.
#[must_use]
pub fn segment(session: &Session, from: Side, segment: &OwnedSegment) -> String {
    let mut text = headline(session, from, segment);
    let _ = write!(text, " win {}", segment.window);
    let list = options_list(session, from, segment);
    if !list.is_empty() {
        let _ = write!(text, " <{list}>");
    }
    text
}

fn options_list(session: &Session, from: Side, segment: &OwnedSegment) -> String {
    options_told(session, from, segment).into_iter().map(|(_, told)| told).collect::<Vec<_>>().join(", ")
}

/// Whose an option is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Plain TCP's.
    Plain,
    /// Ours.
    Hiatus,
}

/// The options of a segment but padding, each in the words of a script.
#[must_use]
pub fn options_told(session: &Session, from: Side, segment: &OwnedSegment) -> Vec<(Kind, String)> {
    let mut items = Vec::new();
    for item in options(&segment.options) {
        match item {
            Ok(TcpOption::NoOperation | TcpOption::EndOfList) => {}
            Ok(TcpOption::Sack(blocks)) => {
                let other = from.other();
                let spans = blocks.iter().map(|block| {
                    format!(
                        " {}-{}",
                        session.relative(other, block.left),
                        session.relative(other, block.right)
                    )
                });
                items.push((Kind::Plain, format!("sack{}", spans.collect::<String>())));
            }
            Ok(TcpOption::Hiatus(option)) => {
                let told = option.message().to_string();
                let right = session.is_authentic(from, segment, &option, Over::default());
                let told = match told.rsplit_once(" mac ") {
                    Some((head, _)) if right => format!("{head} mac ok"),
                    _ => told,
                };
                items.push((Kind::Hiatus, told));
            }
            Ok(option) => items.push((Kind::Plain, option.to_string())),
            Err(error) => items.push((Kind::Plain, format!("broken: {error}"))),
        }
    }
    items
}

/// `+1.250`: seconds, with as many decimals as are needed but at least three.
#[must_use]
pub fn seconds(time: Duration) -> String {
    let nanos = format!("{:09}", time.subsec_nanos());
    let digits = nanos.trim_end_matches('0').len().max(3);
    format!("+{}.{}", time.as_secs(), nanos.get(..digits).unwrap_or(&nanos))
}

/// Flags, numbers and acknowledgment of a segment, without window and options.
#[must_use]
pub fn headline(session: &Session, from: Side, segment: &OwnedSegment) -> String {
    let first = session.relative(from, segment.seq);
    let len = segment.data_len_octets();
    let mut text = format!("{} {first}:{}({len})", segment.flags, first.wrapping_add(len));
    if segment.flags.contains(Flags::ACK) {
        let _ = write!(text, " ack {}", session.relative(from.other(), segment.ack));
    }
    text
}

/// The Hiatus message of a segment, `mac ok` in place of a MAC that is right.
#[must_use]
pub fn message(session: &Session, from: Side, segment: &OwnedSegment) -> Option<String> {
    let option = options(&segment.options).find_map(|item| match item {
        Ok(TcpOption::Hiatus(option)) => Some(option),
        _ => None,
    })?;
    let told = option.message().to_string();
    Some(match told.rsplit_once(" mac ") {
        Some((head, _)) if session.is_authentic(from, segment, &option, Over::default()) => head.to_owned(),
        Some((head, _)) => format!("{head}, MAC WRONG"),
        None => told,
    })
}
