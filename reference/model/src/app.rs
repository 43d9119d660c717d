//! The application at one end: a history of what it wrote and read, as octets that tell histories apart.

use serde::{Deserialize, Serialize};

/// The end of a stream in a history: no application writes it as an octet.
pub const FIN: u8 = u8::MAX;
/// Octets of one direction at most: two bits of an octet say its place.
pub const OCTETS_MAX: u8 = 4;
/// Incarnations of one end at most: three bits of an octet name the one that wrote it, and one value is [`FIN`].
pub const INCARNATION_MAX: u32 = 6;

/// What an application does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Program {
    /// Octets that it writes, 0 to [`OCTETS_MAX`].
    pub octets: u8,
    /// Whether its writes depend on what it reads.
    pub part: Part,
    /// Whether it closes when it is done.
    pub closing: Closing,
}

/// Whether an application closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Closing {
    /// The connection stays open.
    Never,
    /// It closes after its last octet; one that answers, after its peer has closed.
    WhenDone,
}

/// The part that an application plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Part {
    /// It writes whenever it likes.
    Alone,
    /// It writes a request when it has read the answer to the one before. The request says which answer that was.
    Asks,
    /// It writes an answer when it has read a request. The answer says which request that was.
    Answers,
}

/// Where an application stands: part of every epoch, with its connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    /// What it wrote, [`FIN`] last if it closed.
    pub written: Vec<u8>,
    /// What it read, [`FIN`] last if it saw the end.
    pub read: Vec<u8>,
}

impl App {
    /// True once it has closed.
    #[must_use]
    pub fn has_closed(&self) -> bool {
        self.written.last() == Some(&FIN)
    }

    /// The octet that it writes next in `incarnation`, if it is its turn.
    #[must_use]
    pub fn next_octet(&self, program: &Program, incarnation: u32) -> Option<u8> {
        let place = u8::try_from(self.written.len()).ok()?;
        if place >= program.octets || self.has_closed() {
            return None;
        }
        let read = self.octets_read();
        let is_turn = match program.part {
            Part::Alone => true,
            Part::Asks => read >= self.written.len(),
            Part::Answers => read > self.written.len(),
        };
        let heard = match program.part {
            Part::Alone => 0,
            Part::Asks | Part::Answers => {
                self.read.iter().rev().find(|octet| **octet != FIN).map_or(0, |last| last >> 2 & 7)
            }
        };
        let incarnation = u8::try_from(incarnation).ok()? & 7;
        is_turn.then_some(place | incarnation << 2 | heard << 5)
    }

    /// True if it would close now.
    #[must_use]
    pub fn may_close(&self, program: &Program) -> bool {
        let has_written_all = self.written.len() == usize::from(program.octets);
        let is_turn = match program.part {
            Part::Alone => true,
            Part::Asks => self.octets_read() >= usize::from(program.octets),
            Part::Answers => self.read.last() == Some(&FIN),
        };
        program.closing == Closing::WhenDone && has_written_all && is_turn
    }

    /// True if nothing is left to do: it wrote all, closed if it closes, and read what `peer` wrote.
    #[must_use]
    pub fn is_done(&self, program: &Program, peer: &Self) -> bool {
        let fin = usize::from(program.closing == Closing::WhenDone);
        self.written.len() == usize::from(program.octets) + fin && self.read == peer.written
    }

    fn octets_read(&self) -> usize {
        self.read.len() - usize::from(self.read.last() == Some(&FIN))
    }
}

/// An octet of a history for people: its letter, the incarnation that wrote it, and for an application that talks in
/// turn the incarnation of what it had read.
#[must_use]
pub fn octet_name(octet: u8) -> String {
    if octet == FIN {
        return "FIN".to_owned();
    }
    let letter = char::from(b'a' + (octet & 3));
    let (incarnation, heard) = (octet >> 2 & 7, octet >> 5);
    if heard == 0 { format!("{letter}{incarnation}") } else { format!("{letter}{incarnation}/{heard}") }
}
