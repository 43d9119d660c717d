//! What both applications do: send a stream, receive the other, compare it, close.

use std::time::Duration;

use crate::case::{Case, Flow, Side};
use crate::octets::{Expected, Octets};
use hiatus_interop::stack::{Reading, Stack};
use hiatus_interop::trouble::Trouble;

/// Octets made or read at a time.
pub(crate) const CHUNK_OCTETS: usize = 64 * 1024;
/// Chunks read before the other work gets its turn.
const CHUNKS_PER_TURN: usize = 16;

/// When an end begins to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// As soon as the connection stands.
    AtOnce,
    /// Once the peer has sent everything and closed its direction.
    AfterPeer,
}

impl Start {
    /// When `side` begins in `case`: in turn, whoever opened the connection goes first.
    pub(crate) fn of(case: &Case, side: Side) -> Self {
        match case.flow {
            Flow::Together => Self::AtOnce,
            Flow::InTurn if case.opener == side => Self::AtOnce,
            Flow::InTurn => Self::AfterPeer,
        }
    }
}

/// One end's part of the run.
pub(crate) struct Transfer {
    outgoing: Octets,
    /// Octets not made yet.
    unmade: u64,
    /// Octets made.
    chunk: Vec<u8>,
    /// How many of them were written.
    written: usize,
    start: Start,
    has_finished: bool,
    expected: Expected,
    peer_has_finished: bool,
    buffer: Vec<u8>,
}

impl Transfer {
    pub(crate) fn new(case: &Case, side: Side) -> Self {
        Self {
            outgoing: Octets::new(case.seed(side)),
            unmade: case.octets,
            chunk: Vec::new(),
            written: 0,
            start: Start::of(case, side),
            has_finished: false,
            expected: Expected::new(case.seed(side.other()), case.octets),
            peer_has_finished: false,
            buffer: vec![0; CHUNK_OCTETS],
        }
    }

    /// Reads and writes what can be read and written now, and says whether anything moved.
    pub(crate) fn step(&mut self, now: Duration, stack: &mut impl Stack) -> Result<bool, Trouble> {
        let has_read = self.read(now, stack)?;
        Ok(self.write(now, stack)? || has_read)
    }

    fn read(&mut self, now: Duration, stack: &mut impl Stack) -> Result<bool, Trouble> {
        let mut has_moved = false;
        for _ in 0..CHUNKS_PER_TURN {
            if self.peer_has_finished {
                break;
            }
            match stack.read(now, &mut self.buffer)? {
                Reading::Octets(count) => self.expected.take(&self.buffer[..count])?,
                Reading::Nothing => break,
                Reading::End => {
                    self.expected.end()?;
                    self.peer_has_finished = true;
                }
            }
            has_moved = true;
        }
        Ok(has_moved)
    }

    fn write(&mut self, now: Duration, stack: &mut impl Stack) -> Result<bool, Trouble> {
        let mut has_moved = false;
        if self.has_finished || (self.start == Start::AfterPeer && !self.peer_has_finished) {
            return Ok(false);
        }
        loop {
            if self.written == self.chunk.len() {
                let count = CHUNK_OCTETS.min(usize::try_from(self.unmade).unwrap_or(CHUNK_OCTETS));
                if count == 0 {
                    self.has_finished = stack.finish(now)?;
                    return Ok(has_moved || self.has_finished);
                }
                self.written = 0;
                self.chunk.resize(count, 0);
                self.outgoing.fill(&mut self.chunk);
                self.unmade = self.unmade.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
            }
            let count = stack.write(now, &self.chunk[self.written..])?;
            if count == 0 {
                return Ok(has_moved);
            }
            self.written += count;
            has_moved = true;
        }
    }

    /// Whether both directions are done, as far as the application can know.
    pub(crate) fn is_done(&self) -> bool {
        self.has_finished && self.peer_has_finished
    }

    /// How far it is, for messages.
    pub(crate) fn describe(&self) -> String {
        format!("{} octets not yet written, {} received", self.unwritten(), self.expected.received)
    }

    fn unwritten(&self) -> u64 {
        self.unmade.saturating_add(u64::try_from(self.chunk.len() - self.written).unwrap_or(u64::MAX))
    }
}
