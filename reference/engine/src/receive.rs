//! The receiving half of a connection: positions, octets, the own window.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use hiatus_codec::{Position, SequenceNumber};
use serde::{Deserialize, Serialize};

/// Pieces kept out of order; what does not fit is dropped and comes again.
const OUT_OF_ORDER_PIECES_MAX: usize = 64;
/// The window field of a header.
const WINDOW_FIELD_MAX: u32 = 0xffff;

/// Octets that arrived before those in front of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Piece {
    start: Position,
    octets: Vec<u8>,
}

impl Piece {
    fn end(&self) -> Position {
        self.start.advanced_by(u64::try_from(self.octets.len()).unwrap_or(0))
    }
}

/// RCV.* of RFC 9293, section 3.3.1, as 64-bit positions.
///
/// Invariant: `nxt <= edge` and no piece starts at or before `nxt`, see [`ReceiveSide::check`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReceiveSide {
    /// IRS.
    pub(crate) irs: SequenceNumber,
    /// RCV.NXT.
    pub(crate) nxt: Position,
    /// RCV.STB: the own stable point as the peer echoed it (draft, {#terms}).
    pub(crate) stb: Position,
    /// RCV.NXT + RCV.WND as last announced. It never moves back.
    pub(crate) edge: Position,
    /// Position of the peer's FIN, once it arrived.
    pub(crate) fin: Option<Position>,
    buffer: VecDeque<u8>,
    capacity_octets: u32,
    /// Sorted by start.
    out_of_order: Vec<Piece>,
    /// Rcv.Wind.Shift (RFC 7323).
    pub(crate) scale: u8,
    /// What the peer sends at most in one segment, for the rule against silly windows.
    mss_octets: u16,
}

/// What a segment's text and FIN changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Accepted {
    /// Octets that became readable.
    pub(crate) octets: u64,
    /// The peer's FIN is now received.
    pub(crate) fin: bool,
}

impl ReceiveSide {
    pub(crate) fn new(irs: SequenceNumber, capacity_octets: u32, mss_octets: u16) -> Self {
        Self {
            irs,
            // The SYN is received: position 0 is taken.
            nxt: Position(1),
            stb: Position(0),
            edge: Position(1),
            fin: None,
            buffer: VecDeque::new(),
            capacity_octets: capacity_octets.clamp(1, 1 << 30),
            out_of_order: Vec::new(),
            scale: 0,
            mss_octets,
        }
    }

    /// RCV.WND as announced, in octets.
    pub(crate) fn wnd(&self) -> u64 {
        self.nxt.distance_to(self.edge)
    }

    /// True if the peer's FIN and all before it arrived.
    pub(crate) fn fin_is_received(&self) -> bool {
        self.fin.is_some_and(|fin| self.nxt > fin)
    }

    /// The four cases of RFC 9293, section 3.4: does a segment that begins at `seq` and takes `len_octets` touch the
    /// window?
    pub(crate) fn is_acceptable(&self, seq: Position, len_octets: u32) -> bool {
        let within = |position: Position| self.nxt <= position && position < self.edge;
        match (len_octets, self.wnd()) {
            (0, 0) => seq == self.nxt,
            (0, _) => within(seq),
            (_, 0) => false,
            (len, _) => within(seq) || within(seq.advanced_by(u64::from(len) - 1)),
        }
    }

    /// Takes the text of an acceptable segment, cut to the window, and its FIN.
    pub(crate) fn accept(&mut self, seq: Position, text: &[u8], has_fin: bool) -> Accepted {
        let nxt_before = self.nxt;
        let had_fin = self.fin_is_received();
        let end = seq.advanced_by(u64::try_from(text.len()).unwrap_or(0));
        // A FIN right at the edge fits too: it takes no room in the buffer.
        // One before octets that are held already contradicts them and is ignored.
        let behind_pieces = self.out_of_order.iter().all(|piece| piece.end() <= end);
        if has_fin && end <= self.edge && end >= self.nxt && self.fin.is_none() && behind_pieces {
            self.fin = Some(end);
        }
        let limit = self.fin.map_or(self.edge, |fin| self.edge.min(fin));
        let cut = |position: Position| usize::try_from(seq.distance_to(position)).unwrap_or(usize::MAX);
        let text = text.get(..text.len().min(cut(limit))).unwrap_or(&[]);
        if seq <= self.nxt {
            self.append(text.get(cut(self.nxt)..).unwrap_or(&[]));
            self.append_pieces();
        } else {
            self.keep(seq, text);
        }
        if self.fin == Some(self.nxt) {
            self.nxt = self.nxt.advanced_by(1);
            self.edge = self.edge.max(self.nxt);
        }
        let fin = self.fin_is_received() && !had_fin;
        Accepted { octets: nxt_before.distance_to(self.nxt) - u64::from(fin), fin }
    }

    fn append(&mut self, octets: &[u8]) {
        self.buffer.extend(octets);
        self.nxt = self.nxt.advanced_by(u64::try_from(octets.len()).unwrap_or(0));
    }

    fn append_pieces(&mut self) {
        while self.out_of_order.first().is_some_and(|piece| piece.start <= self.nxt) {
            let piece = self.out_of_order.remove(0);
            let skip = usize::try_from(piece.start.distance_to(self.nxt)).unwrap_or(usize::MAX);
            self.append(piece.octets.get(skip..).unwrap_or(&[]));
        }
    }

    fn keep(&mut self, start: Position, octets: &[u8]) {
        let piece = Piece { start, octets: octets.to_vec() };
        let covered = |other: &Piece| other.start <= start && piece.end() <= other.end();
        let held: usize = self.out_of_order.iter().map(|piece| piece.octets.len()).sum();
        let capacity = usize::try_from(self.capacity_octets).unwrap_or(usize::MAX);
        let full = self.out_of_order.len() == OUT_OF_ORDER_PIECES_MAX || held + octets.len() > capacity;
        if octets.is_empty() || full || self.out_of_order.iter().any(covered) {
            return;
        }
        let index = self.out_of_order.partition_point(|other| other.start <= start);
        self.out_of_order.insert(index, piece);
    }

    //= draft#sync
    //# A host that synchronises MUST drop the data that it holds out of order.
    pub(crate) fn drop_out_of_order(&mut self) {
        self.out_of_order.clear();
        if self.fin.is_some_and(|fin| fin >= self.nxt) {
            self.fin = None;
        }
    }

    /// Moves octets to the application.
    pub(crate) fn read(&mut self, octets: &mut [u8]) -> usize {
        let count = self.buffer.len().min(octets.len());
        for (target, octet) in octets.iter_mut().zip(self.buffer.drain(..count)) {
            *target = octet;
        }
        count
    }

    pub(crate) fn readable_octets(&self) -> usize {
        self.buffer.len()
    }

    /// Drops every octet: the connection is over.
    pub(crate) fn drop_octets(&mut self) {
        self.buffer = VecDeque::new();
        self.out_of_order = Vec::new();
    }

    /// Where the window could end now.
    fn edge_possible(&self) -> Position {
        let used = u32::try_from(self.buffer.len()).unwrap_or(u32::MAX);
        let room = self.capacity_octets.saturating_sub(used);
        let room = room.min(WINDOW_FIELD_MAX << self.scale) >> self.scale << self.scale;
        self.nxt.advanced_by(u64::from(room))
    }

    /// True if the window would grow by enough to say so (RFC 9293, section 3.8.6.2.2).
    pub(crate) fn window_update_is_due(&self) -> bool {
        let enough = (self.capacity_octets / 2).min(u32::from(self.mss_octets));
        self.edge.distance_to(self.edge_possible()) >= u64::from(enough.max(1))
    }

    /// The window field of the segment that is being written; announcing it moves the edge.
    pub(crate) fn announce_window(&mut self) -> u16 {
        if self.window_update_is_due() {
            self.edge = self.edge_possible();
        }
        // Rounded up, so that the edge never moves back.
        let field = self.wnd().div_ceil(1 << self.scale).min(u64::from(WINDOW_FIELD_MAX));
        self.edge = self.edge.max(self.nxt.advanced_by(field << self.scale));
        u16::try_from(field).unwrap_or(u16::MAX)
    }

    /// The window field on a SYN: not scaled (RFC 7323, section 2.2).
    pub(crate) fn announce_syn_window(&mut self) -> u16 {
        let field = self.capacity_octets.min(WINDOW_FIELD_MAX);
        self.edge = self.edge.max(self.nxt.advanced_by(u64::from(field)));
        u16::try_from(field).unwrap_or(u16::MAX)
    }

    /// The invariant that every call leaves standing, or what of it is broken.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if self.nxt > self.edge {
            return Err("RCV.NXT <= RCV.NXT + RCV.WND as announced");
        }
        if self.stb > self.nxt {
            return Err("RCV.STB <= RCV.NXT");
        }
        if self.out_of_order.iter().any(|piece| piece.start <= self.nxt) {
            return Err("pieces out of order begin after RCV.NXT");
        }
        Ok(())
    }
}
