//! From octets to lines of the protocol, whatever the octets are.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use super::LINE_OCTETS_MAX;

/// Octets of a bad line that are shown.
const SHOWN_OCTETS_MAX: usize = 200;

/// Reads lines of JSON, each a `T`, from octets that come in pieces of any size.
///
/// It has no process, file or clock: the same octets give the same lines, however they are cut. It keeps at most one line
/// of [`LINE_OCTETS_MAX`] and what was pushed since [`next_line`](Self::next_line) gave `None`.
#[derive(Debug, Clone)]
pub struct LineReader<T> {
    pending: Vec<u8>,
    /// Octets at the beginning of `pending` that were given out.
    taken: usize,
    /// Octets behind them that hold no line feed.
    searched: usize,
    state: State,
    lines: PhantomData<fn() -> T>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    /// A line was too long: nothing behind it is believed.
    Lost,
}

/// A line that is none of this protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}: `{shown}`")]
pub struct BadLine {
    /// What is wrong with it.
    pub why: String,
    /// Its beginning, made readable.
    pub shown: String,
}

impl<T> Default for LineReader<T> {
    fn default() -> Self {
        Self { pending: Vec::new(), taken: 0, searched: 0, state: State::Reading, lines: PhantomData }
    }
}

impl<T: DeserializeOwned> LineReader<T> {
    /// Takes octets as they came.
    pub fn push(&mut self, octets: &[u8]) {
        if self.state == State::Reading {
            self.pending.drain(..self.taken);
            self.taken = 0;
            self.pending.extend_from_slice(octets);
        }
    }

    /// The next whole line, if there is one. After a line that is too long there are no more.
    pub fn next_line(&mut self) -> Option<Result<T, BadLine>> {
        if self.state == State::Lost {
            return None;
        }
        let rest = self.pending.get(self.taken..).unwrap_or(&[]);
        let unseen = rest.get(self.searched..).unwrap_or(&[]);
        let end = unseen.iter().position(|octet| *octet == b'\n').map(|at| self.searched + at);
        let len_octets = end.unwrap_or(rest.len());
        if len_octets > LINE_OCTETS_MAX {
            let why = format!("a line of more than {LINE_OCTETS_MAX} octets");
            let shown = shown(rest);
            *self = Self { state: State::Lost, ..Self::default() };
            return Some(Err(BadLine { why, shown }));
        }
        let Some(end) = end else {
            self.searched = rest.len();
            return None;
        };
        let line = rest.get(..end).unwrap_or(&[]);
        let read = serde_json::from_slice(line);
        let told = read.map_err(|error| BadLine {
            why: format!("no line of the protocol: {error}"),
            shown: shown(line),
        });
        self.taken += end + 1;
        self.searched = 0;
        Some(told)
    }

    /// What came since the last line feed, made readable; empty if nothing did.
    #[must_use]
    pub fn unfinished(&self) -> String {
        shown(self.pending.get(self.taken..).unwrap_or(&[]))
    }
}

/// The beginning of `octets`, so that it can be printed on a terminal in one line.
#[must_use]
pub fn shown(octets: &[u8]) -> String {
    let head = octets.get(..SHOWN_OCTETS_MAX).unwrap_or(octets);
    let text: String = String::from_utf8_lossy(head)
        .chars()
        .map(|letter| if letter.is_control() { char::REPLACEMENT_CHARACTER } else { letter })
        .collect();
    if head.len() < octets.len() { format!("{text}...") } else { text }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::adapter::Line;

    fn lines(pieces: &[&[u8]]) -> Vec<Result<Line, BadLine>> {
        let mut reader = LineReader::<Line>::default();
        let mut all = Vec::new();
        for piece in pieces {
            reader.push(piece);
            while let Some(line) = reader.next_line() {
                all.push(line);
            }
        }
        all
    }

    #[test]
    fn pieces_do_not_matter() {
        let text = b"{\"event\": \"connected\"}\n\xff\n{\"packet\": \"00ff\"}\r\n{\"reply\"";
        let whole = lines(&[text]);
        assert_eq!(whole.len(), 3);
        assert_eq!(whole[0], Ok(Line::Event("connected".to_owned())));
        assert!(whole[1].is_err());
        for at in 0..text.len() {
            let (head, tail) = text.split_at(at);
            assert_eq!(lines(&[head, tail]), whole, "cut at {at}");
        }
        let single: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(lines(&single), whole);
    }

    #[test]
    fn an_endless_line_takes_no_memory() {
        let mut reader = LineReader::<Line>::default();
        let mut said = Vec::new();
        for _ in 0..100 {
            reader.push(&[b'x'; 1 << 16]);
            while let Some(line) = reader.next_line() {
                said.push(line);
            }
            assert!(reader.pending.capacity() <= 4 * LINE_OCTETS_MAX);
        }
        assert_eq!(said.len(), 1, "said once, then nothing is believed");
        let bad = said.remove(0).unwrap_err();
        assert!(bad.why.contains("1048576"), "{bad}");
        assert!(bad.shown.len() < 300, "{bad}");
    }

    #[test]
    fn the_longest_line_is_read() {
        let mut line = format!("{{\"event\": \"{}\"}}", "x".repeat(LINE_OCTETS_MAX - 13)).into_bytes();
        assert_eq!(line.len(), LINE_OCTETS_MAX);
        line.push(b'\n');
        assert!(matches!(lines(&[&line]).as_slice(), [Ok(Line::Event(_))]));
    }

    #[test]
    fn what_is_shown_is_one_line_of_text() {
        assert_eq!(shown(b"a\x1b[31mb\xff\n"), "a\u{fffd}[31mb\u{fffd}\u{fffd}");
        assert!(shown(&[b'y'; 4000]).ends_with("y..."));
    }
}
