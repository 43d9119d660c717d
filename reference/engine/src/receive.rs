//! The receiving half of a connection: positions, octets, the own window.

use alloc::boxed::Box;

use hiatus_codec::{Position, SequenceNumber};
use serde::{Deserialize, Serialize};

use crate::range::Range;
pub(crate) use crate::receive::reassembly::SackList;
use crate::receive::reassembly::{Numbers, Reassembly};
use crate::receive::ring::Ring;
use crate::send::FIRST_OCTET;

mod reassembly;
mod record;
mod ring;

/// The window field of a header.
const WINDOW_FIELD_MAX: u32 = 0xffff;

/// RCV.* of RFC 9293, section 3.3.1, as 64-bit positions.
///
/// Invariant: `nxt <= edge`, the ring holds no more than its bound, and ranges out of order begin after `nxt`; see
/// [`ReceiveSide::check`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReceiveSide {
    /// IRS.
    pub(crate) irs: SequenceNumber,
    /// RCV.NXT.
    pub(crate) nxt: Position,
    /// RCV.STB: the own stable point as the peer echoed it (draft, {#terms}).
    pub(crate) stb: Position,
    /// RCV.NXT + RCV.WND, the furthest that was ever announced. It never moves back.
    pub(crate) edge: Position,
    /// Where only stable octets are acknowledged: how far what was received is.
    pub(crate) stable: Option<Position>,
    /// Position of the peer's FIN, once it arrived.
    pub(crate) fin: Option<Position>,
    /// The octets that wait for the application, then those out of order, each at its place.
    ring: Ring,
    capacity_octets: u32,
    /// What lies where in the ring beyond RCV.NXT. Only while there is a hole, or a duplicate to report.
    reassembly: Option<Box<Reassembly>>,
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
    /// How the text lay.
    pub(crate) order: Order,
}

/// How a segment's text lay to what is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Order {
    /// All of it was new and next, and nothing is missing behind it.
    Next,
    /// It was early, late, cut, or met a hole: the sender waits for the news (RFC 5681, section 4.2).
    #[default]
    Other,
}

/// Octets from `from` forward to `to`.
fn octets_between(from: Position, to: Position) -> usize {
    usize::try_from(from.distance_to(to)).unwrap_or(usize::MAX)
}

/// The position `count` octets after `from`.
fn after(from: Position, count: usize) -> Position {
    from.advanced_by(u64::try_from(count).unwrap_or(u64::MAX))
}

impl ReceiveSide {
    pub(crate) fn new(irs: SequenceNumber, capacity_octets: u32, mss_octets: u16) -> Self {
        Self {
            irs,
            // The SYN is received: position 0 is taken.
            nxt: Position(1),
            stb: Position(0),
            edge: Position(1),
            stable: None,
            fin: None,
            ring: Ring::default(),
            capacity_octets: capacity_octets.clamp(1, 1 << 30),
            reassembly: None,
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
    ///
    /// One that begins before the window and ends behind it touches it too: merged segments are that long. Where octets
    /// wait until they are stable, the window that the peer knows begins with them: what it repeats of them has an ACK that
    /// counts.
    pub(crate) fn is_acceptable(&self, seq: Position, len_octets: u32) -> bool {
        let is_before_edge = seq < self.edge;
        if self.acknowledged() <= seq && seq < self.nxt {
            return true;
        }
        match (len_octets, self.wnd()) {
            (0, 0) => seq == self.nxt,
            (0, _) => self.nxt <= seq && is_before_edge,
            (_, 0) => false,
            (len, _) => is_before_edge && self.nxt < seq.advanced_by(u64::from(len)),
        }
    }

    /// Takes the text of an acceptable segment, cut to the window, and its FIN.
    pub(crate) fn accept(&mut self, seq: Position, text: &[u8], has_fin: bool) -> Accepted {
        let nxt_before = self.nxt;
        let had_fin = self.fin_is_received();
        let end = after(seq, text.len());
        let is_next = seq == self.nxt && end <= self.edge && self.reassembly.is_none();
        // A FIN right at the edge fits too: it takes no room in the buffer.
        // One before octets that are held already contradicts them and is ignored.
        let held_end = self.reassembly.as_ref().and_then(|reassembly| reassembly.end());
        let is_last = held_end.is_none_or(|held_end| held_end <= end);
        if has_fin && end <= self.edge && end >= self.nxt && self.fin.is_none() && is_last {
            self.fin = Some(end);
        }
        let limit = self.fin.map_or(self.edge, |fin| self.edge.min(fin));
        let is_next = is_next && end <= limit;
        if is_next {
            self.append(text);
        } else {
            self.note_duplicate(seq, end);
            let text = text.get(..text.len().min(octets_between(seq, limit))).unwrap_or(&[]);
            let known = octets_between(seq, self.nxt);
            self.place(seq.max(self.nxt), text.get(known..).unwrap_or(&[]));
        }
        if self.fin == Some(self.nxt) {
            self.nxt = self.nxt.advanced_by(1);
            self.edge = self.edge.max(self.nxt);
        }
        let fin = self.fin_is_received() && !had_fin;
        let order = if is_next { Order::Next } else { Order::Other };
        Accepted { octets: nxt_before.distance_to(self.nxt) - u64::from(fin), fin, order }
    }

    /// Takes octets that begin at RCV.NXT, where nothing is held beyond it.
    fn append(&mut self, octets: &[u8]) {
        self.ring.put(self.ring.len(), octets, self.bound_octets());
        self.nxt = after(self.nxt, octets.len());
    }

    /// Takes octets that an earlier life had received here, whatever window it had announced; says how many there was room
    /// for.
    pub(crate) fn replay(&mut self, octets: &[u8]) -> usize {
        self.drop_out_of_order();
        if self.fin.is_some() {
            return 0;
        }
        let room = usize::try_from(self.room_octets()).unwrap_or(usize::MAX);
        let octets = octets.get(..room).unwrap_or(octets);
        self.append(octets);
        self.edge = self.edge.max(self.nxt);
        octets.len()
    }

    /// The same for the FIN. True if it is new.
    pub(crate) fn replay_fin(&mut self) -> bool {
        self.drop_out_of_order();
        let is_new = self.fin.is_none();
        if is_new {
            self.fin = Some(self.nxt);
            self.nxt = self.nxt.advanced_by(1);
            self.edge = self.edge.max(self.nxt);
        }
        is_new
    }

    /// Takes octets that begin at RCV.NXT or beyond it. Those that are held already are kept as they came first.
    fn place(&mut self, start: Position, octets: &[u8]) {
        let Some(range) = Range::new(start, after(start, octets.len())) else { return };
        let (nxt, readable, bound_octets) = (self.nxt, self.readable_octets(), self.bound_octets());
        let reassembly = self.reassembly.get_or_insert_default();
        if start > nxt && !reassembly.has_room_for(range) {
            return;
        }
        let ring = &mut self.ring;
        let mut put = |from: Position, to: Position| {
            let piece = octets.get(octets_between(start, from)..octets_between(start, to.min(range.end)));
            let offset = readable.saturating_add(octets_between(nxt, from));
            ring.put(offset, piece.unwrap_or(&[]), bound_octets);
        };
        let mut missing = start;
        for met in reassembly.meeting(range) {
            if missing < met.start {
                put(missing, met.start);
            }
            missing = missing.max(met.end);
        }
        if missing < range.end {
            put(missing, range.end);
        }
        if start == nxt {
            self.nxt = reassembly.run_from(range.end);
        } else {
            reassembly.insert(range);
        }
        self.forget_empty();
    }

    fn forget_empty(&mut self) {
        self.reassembly.take_if(|reassembly| reassembly.is_empty());
    }

    /// Notes the first run of octets from `seq` up to `end` that had arrived before, for the next ACK to report
    /// (RFC 2883, section 4).
    pub(crate) fn note_duplicate(&mut self, seq: Position, end: Position) {
        let before = Range::new(seq.max(FIRST_OCTET), end.min(self.nxt));
        let beyond = || {
            let whole = Range::new(seq, end)?;
            let mut met = self.reassembly.as_ref()?.meeting(whole);
            met.find_map(|met| Range::new(met.start.max(seq), met.end.min(end)))
        };
        if let Some(duplicate) = before.or_else(beyond) {
            self.reassembly.get_or_insert_default().duplicate = Some(duplicate);
        }
    }

    /// An ACK leaves. A duplicate is reported once, even if there was no room for it.
    pub(crate) fn note_ack(&mut self) {
        if let Some(reassembly) = &mut self.reassembly {
            reassembly.duplicate = None;
            self.forget_empty();
        }
    }

    /// True until the ACK that reports a duplicate has left.
    pub(crate) fn has_duplicate(&self) -> bool {
        self.reassembly.as_ref().is_some_and(|reassembly| reassembly.duplicate.is_some())
    }

    /// The blocks of a SACK option, as many as one can hold (RFC 2018, section 4). Where there is room for fewer, the
    /// first of them go.
    pub(crate) fn sack_blocks(&self) -> SackList {
        let numbers = Numbers { irs: self.irs, fin: self.fin };
        self.reassembly.as_ref().map(|reassembly| reassembly.blocks(&numbers)).unwrap_or_default()
    }

    /// How many there are of them.
    pub(crate) fn sack_blocks_count(&self) -> usize {
        self.reassembly.as_ref().map_or(0, |reassembly| reassembly.blocks_count())
    }

    //= draft#sync
    //# A host that synchronises MUST drop the data that it holds out of order.
    pub(crate) fn drop_out_of_order(&mut self) {
        self.ring.truncate(self.readable_octets());
        self.reassembly = None;
        if self.fin.is_some_and(|fin| fin >= self.nxt) {
            self.fin = None;
        }
    }

    /// Octets in order that wait, in the two pieces in which they lie.
    pub(crate) fn readable(&self) -> (&[u8], &[u8]) {
        self.ring.front(self.readable_octets())
    }

    /// Drops the first `count` octets that wait; gives how many there were of them.
    pub(crate) fn consume(&mut self, count: usize) -> usize {
        let count = count.min(self.readable_octets());
        self.ring.consume(count);
        count
    }

    /// Moves octets to the application.
    pub(crate) fn read(&mut self, octets: &mut [u8]) -> usize {
        let (first, second) = self.ring.front(self.readable_octets().min(octets.len()));
        let (first_room, rest) = octets.split_at_mut(first.len());
        first_room.copy_from_slice(first);
        if let Some(second_room) = rest.get_mut(..second.len()) {
            second_room.copy_from_slice(second);
        }
        let count = first.len() + second.len();
        self.consume(count)
    }

    /// True if nothing is missing before what was received, and no duplicate is to be reported.
    pub(crate) fn is_in_order(&self) -> bool {
        self.reassembly.is_none()
    }

    pub(crate) fn readable_octets(&self) -> usize {
        // All that lies in the ring beyond RCV.NXT ends where the last range does.
        let held_end = self.reassembly.as_ref().and_then(|reassembly| reassembly.end());
        let beyond = held_end.map_or(0, |end| octets_between(self.nxt, end));
        self.ring.len().saturating_sub(beyond)
    }

    /// Drops every octet: the connection is over.
    pub(crate) fn drop_octets(&mut self) {
        self.ring.release();
        self.reassembly = None;
    }

    /// Gives back what an empty buffer has allocated.
    pub(crate) fn free_idle(&mut self) {
        self.ring.release_if_empty();
    }

    fn bound_octets(&self) -> usize {
        usize::try_from(self.capacity_octets).unwrap_or(usize::MAX)
    }

    /// Room for octets from RCV.NXT on.
    fn room_octets(&self) -> u32 {
        let used = u32::try_from(self.readable_octets()).unwrap_or(u32::MAX);
        self.capacity_octets.saturating_sub(used)
    }

    /// Where the window could end now.
    fn edge_possible(&self) -> Position {
        let acknowledged = self.acknowledged();
        let room = acknowledged.distance_to(self.nxt) + u64::from(self.room_octets());
        let room = room.min(u64::from(WINDOW_FIELD_MAX) << self.scale) >> self.scale << self.scale;
        acknowledged.advanced_by(room)
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
        // Rounded up, so that the window does not shrink by a part of its unit (RFC 7323, section 2.4). Where the
        // buffer has no room for that it is rounded down; the edge stays where it was.
        let below_unit = (1 << self.scale) - 1;
        // The field counts from SEG.ACK.
        let acknowledged = self.acknowledged();
        let (waiting, wnd) = (acknowledged.distance_to(self.nxt), acknowledged.distance_to(self.edge));
        let up = (wnd + below_unit) >> self.scale;
        let has_room = up << self.scale <= waiting + u64::from(self.room_octets());
        let field = if has_room { up } else { wnd >> self.scale };
        let field = field.min(u64::from(WINDOW_FIELD_MAX));
        self.edge = self.edge.max(acknowledged.advanced_by(field << self.scale));
        u16::try_from(field).unwrap_or(u16::MAX)
    }

    /// The window field on a SYN: not scaled (RFC 7323, section 2.2).
    pub(crate) fn announce_syn_window(&mut self) -> u16 {
        let field = self.capacity_octets.min(WINDOW_FIELD_MAX);
        self.edge = self.edge.max(self.nxt.advanced_by(u64::from(field)));
        u16::try_from(field).unwrap_or(u16::MAX)
    }

    /// For a proof: the window is as wide as the buffer lets it be, and in which order what is held came does not matter
    /// without SACK.
    #[cfg(feature = "mutants")]
    pub(crate) fn still(&mut self) {
        self.edge = self.edge_possible();
        if let Some(reassembly) = &mut self.reassembly {
            reassembly.still();
        }
    }

    /// The invariant that every call leaves standing, or what of it is broken.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if self.nxt > self.edge {
            return Err("RCV.NXT <= RCV.NXT + RCV.WND as announced");
        }
        if self.stb > self.nxt {
            return Err("RCV.STB <= RCV.NXT");
        }
        if !self.fin_is_received() && self.wnd() > u64::from(self.room_octets()) {
            return Err("the window fits the buffer");
        }
        if self.ring.len() > self.bound_octets() {
            return Err("no more octets in the ring than its bound");
        }
        self.reassembly.as_ref().map_or(Ok(()), |reassembly| reassembly.check(self.nxt))
    }
}
