//! What a record says of the receiving half.

use hiatus_codec::{Position, SequenceNumber};

use crate::receive::{ReceiveSide, Ring};
use crate::record::View;
use crate::record::field::{self, Fixed, flag};

impl ReceiveSide {
    /// Writes the position and gives the octets that wait to be read, in the two pieces in which they lie.
    pub(crate) fn put_record(&self, fixed: &mut Fixed) -> (&[u8], &[u8]) {
        let Self {
            irs,
            nxt,
            // Anew: what was reported counts as unknown (draft, {#restoring}).
            stb: _,
            // All of what is restored is stable.
            stable: _,
            // The window is announced again.
            edge: _,
            fin: _,
            ring: _,
            capacity_octets: _,
            // Dropped by who is restored.
            reassembly: _,
            scale,
            mss_octets: _,
        } = self;
        field::IRS.put(fixed, irs.0.to_be_bytes());
        field::RCV_NXT.put(fixed, nxt.0.to_be_bytes());
        field::RCV_SCALE.put(fixed, [*scale]);
        let (first, second) = self.readable();
        let count = u32::try_from(first.len() + second.len()).unwrap_or(u32::MAX);
        field::UNREAD_COUNT.put(fixed, count.to_be_bytes());
        (first, second)
    }

    /// Takes what a record says.
    pub(crate) fn take_record(&mut self, view: &View<'_>) {
        let fixed = view.fixed;
        let nxt = Position(field::RCV_NXT.u64(fixed));
        // What was received with a larger buffer is there all the same.
        let capacity_octets = self.capacity_octets.max(u32::try_from(view.read.len()).unwrap_or(u32::MAX));
        let mut ring = Ring::default();
        ring.put(0, view.read, usize::try_from(capacity_octets).unwrap_or(usize::MAX));
        *self = Self {
            irs: SequenceNumber(field::IRS.u32(fixed)),
            nxt,
            stb: Position(0),
            stable: self.stable.map(|_| nxt),
            edge: nxt,
            fin: view.has(flag::PEER_FIN).then_some(Position(nxt.0.saturating_sub(1))),
            ring,
            capacity_octets,
            reassembly: None,
            scale: field::RCV_SCALE.u8(fixed),
            mss_octets: self.mss_octets,
        };
        self.edge = self.edge_possible();
    }
}
