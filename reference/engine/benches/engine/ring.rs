//! One direction of a link in memory: a ring of buffers that are used again and again.

use std::collections::VecDeque;

/// Packets that wait at most, as in the peer's measurement; more are refused, as by a driver whose queue is full.
pub(crate) const DEPTH: usize = 64;
/// Beyond this many octets a packet carries data, whatever its headers are.
const HEADERS_OCTETS_MAX: usize = 100;

/// A packet in a buffer of its own.
struct Packet {
    buffer: Box<[u8]>,
    len_octets: usize,
}

/// Packets of one direction, oldest first.
pub(crate) struct Ring {
    waiting: VecDeque<Packet>,
    spare: Vec<Box<[u8]>>,
    buffer_octets: usize,
    /// Packets with data so far.
    pub(crate) data_count: u64,
    /// Packets without.
    pub(crate) bare_count: u64,
}

impl Ring {
    pub(crate) fn new(buffer_octets: usize) -> Self {
        Self { waiting: VecDeque::new(), spare: Vec::new(), buffer_octets, data_count: 0, bare_count: 0 }
    }

    pub(crate) fn has_room(&self) -> bool {
        self.waiting.len() < DEPTH
    }

    /// Packets so far.
    pub(crate) fn packets(&self) -> u64 {
        self.data_count + self.bare_count
    }

    pub(crate) fn has_packet(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Has `write` fill a buffer and say how much of it; false if it wrote nothing.
    pub(crate) fn push(&mut self, write: impl FnOnce(&mut [u8]) -> Option<usize>) -> bool {
        let mut buffer = self.spare.pop().unwrap_or_else(|| vec![0; self.buffer_octets].into_boxed_slice());
        let Some(len_octets) = write(&mut buffer) else {
            self.spare.push(buffer);
            return false;
        };
        if len_octets > HEADERS_OCTETS_MAX {
            self.data_count += 1;
        } else {
            self.bare_count += 1;
        }
        self.waiting.push_back(Packet { buffer, len_octets });
        true
    }

    /// Has `read` look at the oldest packet; `None` if there is none.
    pub(crate) fn pop<R>(&mut self, read: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let Packet { buffer, len_octets } = self.waiting.pop_front()?;
        let result = read(&buffer[..len_octets]);
        self.spare.push(buffer);
        Some(result)
    }
}
