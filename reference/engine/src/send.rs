//! The sending half of a connection: positions, octets, the peer's window.

mod record;

use alloc::collections::VecDeque;

use hiatus_codec::{Position, SequenceNumber};
use serde::{Deserialize, Serialize};

use crate::config::Sending;
use crate::retention::Retention;

/// With what is retained beside it, positions of one direction never lie further apart than half the sequence space.
const BUFFER_OCTETS_MAX: u32 = 1 << 28;
/// The first octet of data; the SYN is at 0.
pub(crate) const FIRST_OCTET: Position = Position(1);
/// Before the SYN.
const SYN: Position = Position(0);

/// SND.* of RFC 9293, section 3.3.1, as 64-bit positions, with what the draft adds ({#terms}).
///
/// Invariant: `stb <= una <= resend <= nxt <= max <= lim <= end`, see [`SendSide::check`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SendSide {
    /// ISS.
    pub(crate) iss: SequenceNumber,
    /// SND.STB: the peer's stable point, or the lowest position that is kept. Without retention it is SND.UNA.
    pub(crate) stb: Position,
    /// SND.UNA.
    pub(crate) una: Position,
    /// Octets from here up to SND.NXT are to be sent again before anything new; SND.NXT if there are none.
    pub(crate) resend: Position,
    /// SND.NXT.
    pub(crate) nxt: Position,
    /// SND.MAX: the highest position ever sent; an ACK up to it is acceptable.
    pub(crate) max: Position,
    /// SND.LIM: how far this history may transmit. Without hold-send it is SND.END.
    pub(crate) lim: Position,
    /// SND.END: the end of what the application wrote, its FIN counting one.
    pub(crate) end: Position,
    /// Position of the own FIN, once the application closed.
    pub(crate) fin: Option<Position>,
    /// The octets from `buffer_start` on.
    buffer: VecDeque<u8>,
    /// Position of the first octet in the buffer.
    buffer_start: Position,
    capacity_octets: u32,
    pub(crate) retention: Retention,
    /// Octets wait for a durable epoch: SND.LIM does not follow SND.END.
    holds: bool,
    /// SND.WND in octets.
    pub(crate) wnd: u32,
    /// The largest SND.WND seen (RFC 9293, section 3.8.6.2.1, Max(SND.WND)).
    pub(crate) wnd_max: u32,
    /// SND.WL1: position in the receiving direction.
    pub(crate) wl1: Position,
    /// SND.WL2.
    pub(crate) wl2: Position,
    /// Snd.Wind.Shift (RFC 7323).
    pub(crate) scale: u8,
    /// SendMSS: data and options of one segment (RFC 9293, section 3.7.1).
    pub(crate) mss_octets: u16,
}

impl SendSide {
    pub(crate) fn new(iss: SequenceNumber, capacity_octets: u32, mss_octets: u16) -> Self {
        Self {
            iss,
            stb: SYN,
            una: SYN,
            resend: SYN,
            nxt: SYN,
            max: SYN,
            // The SYN takes position 0.
            lim: FIRST_OCTET,
            end: FIRST_OCTET,
            fin: None,
            buffer: VecDeque::new(),
            buffer_start: FIRST_OCTET,
            capacity_octets: capacity_octets.clamp(1, BUFFER_OCTETS_MAX),
            retention: Retention::Off,
            holds: false,
            wnd: 0,
            wnd_max: 0,
            wl1: SYN,
            wl2: SYN,
            scale: 0,
            mss_octets,
        }
    }

    /// Takes octets of the application, as many as there is room for.
    pub(crate) fn write(&mut self, octets: &[u8]) -> usize {
        let count = octets.len().min(self.room_octets());
        self.buffer.extend(octets.get(..count).unwrap_or(octets));
        self.end = self.end.advanced_by(u64::try_from(count).unwrap_or(0));
        self.limit_follows();
        count
    }

    /// SND.END moved.
    fn limit_follows(&mut self) {
        if !self.holds {
            self.lim = self.end;
        }
    }

    //= draft#hold-send
    //# When it becomes on, and whenever a host begins to use hold-send, SND.LIM is
    //# SND.MAX if that is higher.
    /// Hold-send begins or ends.
    pub(crate) fn set_sending(&mut self, sending: Sending) {
        match (sending, self.holds) {
            (Sending::HoldSend, false) => {
                self.holds = true;
                self.lim = self.max.max(FIRST_OCTET);
            }
            (Sending::Unheld, true) => {
                self.holds = false;
                self.lim = self.end;
            }
            (Sending::HoldSend, true) | (Sending::Unheld, false) => {}
        }
    }

    //= draft#hold-send
    //# SND.LIM is then the end of the send buffer in the latest DURABLE epoch.
    /// What lies before `end` is in a durable epoch.
    pub(crate) fn is_durable_to(&mut self, end: Position) {
        self.lim = self.lim.max(end.min(self.end));
    }

    /// The application closes: the FIN takes the next position.
    pub(crate) fn close(&mut self) {
        if self.fin.is_none() {
            self.fin = Some(self.end);
            self.end = self.end.advanced_by(1);
            self.limit_follows();
        }
    }

    /// Octets that [`write`](Self::write) would take.
    pub(crate) fn room_octets(&self) -> usize {
        let unacknowledged = self.una.max(FIRST_OCTET).distance_to(self.data_end());
        usize::try_from(u64::from(self.capacity_octets).saturating_sub(unacknowledged)).unwrap_or(usize::MAX)
    }

    /// Octets that are kept although the peer has acknowledged them.
    pub(crate) fn retained_octets(&self) -> u64 {
        self.stb.max(FIRST_OCTET).distance_to(self.una.min(self.data_end()))
    }

    /// True if the own FIN was sent and acknowledged.
    pub(crate) fn fin_is_acknowledged(&self) -> bool {
        self.fin.is_some_and(|fin| self.una > fin)
    }

    /// Whether an ACK of `ack` may be true (RFC 5961, section 5.2).
    pub(crate) fn is_acceptable(&self, ack: Position) -> bool {
        ack <= self.max && ack.advanced_by(u64::from(self.wnd_max)) >= self.una
    }

    /// How far the stream may go, as far as this end decides: up to SND.LIM, and as far as what is retained leaves room.
    pub(crate) fn bound(&self) -> Position {
        self.lim.min(self.retention.bound(self.stb).max(self.max))
    }

    /// True while octets wait only for room beside what is retained.
    pub(crate) fn is_held_back(&self) -> bool {
        self.resend < self.lim && self.resend >= self.bound()
    }

    /// Octets sent and neither acknowledged nor given up for lost.
    pub(crate) fn flight_octets(&self) -> u32 {
        u32::try_from(self.una.distance_to(self.resend)).unwrap_or(u32::MAX)
    }

    /// Where the data ends: before the FIN, or at SND.END.
    pub(crate) fn data_end(&self) -> Position {
        self.fin.unwrap_or(self.end)
    }

    /// Octets `from..` that are in the buffer, up to `room.len()`; copies them and says how many.
    pub(crate) fn copy_octets(&self, from: Position, room: &mut [u8]) -> usize {
        let skip = usize::try_from(self.buffer_start.distance_to(from)).unwrap_or(usize::MAX);
        let (front, back) = self.buffer.as_slices();
        let front = front.get(skip..).unwrap_or(&[]);
        let back = back.get(skip.saturating_sub(self.buffer.len() - back.len())..).unwrap_or(&[]);
        let front = front.get(..room.len()).unwrap_or(front);
        let (first, rest) = room.split_at_mut(front.len());
        first.copy_from_slice(front);
        let back = back.get(..rest.len()).unwrap_or(back);
        rest[..back.len()].copy_from_slice(back);
        front.len() + back.len()
    }

    /// Notes that everything before `end`, which lies at or after `resend`, is under way.
    pub(crate) fn sent_up_to(&mut self, end: Position) {
        self.resend = self.resend.max(end);
        self.nxt = self.nxt.max(self.resend);
        self.max = self.max.max(self.nxt);
    }

    /// SND.UNA moves forward to `ack`, which is at most SND.MAX.
    pub(crate) fn acknowledge(&mut self, ack: Position) {
        self.una = self.una.max(ack);
        self.resend = self.resend.max(self.una);
        self.nxt = self.nxt.max(self.resend);
        self.release();
    }

    /// Everything in flight is lost: it is sent again, from SND.UNA on.
    pub(crate) fn resend_all(&mut self) {
        self.resend = self.una;
    }

    //= draft#sync
    //# A host that synchronises MUST set SND.UNA and SND.NXT to R.
    /// SND.NXT may fall; SND.MAX stays.
    pub(crate) fn rewind(&mut self, received: Position) {
        self.una = received;
        self.resend = received;
        self.nxt = received;
        self.max = self.max.max(received);
        self.release();
    }

    /// Octets that the peer acknowledges are kept from now on, or not.
    pub(crate) fn retain(&mut self, retention: Retention) {
        self.retention = retention;
        self.release();
    }

    //= draft#epochs
    //# A stable point above SND.UNA is then taken as SND.UNA.
    /// The peer never asks again for what lies before `stable`.
    pub(crate) fn is_stable_to(&mut self, stable: Position) {
        let stable = stable.min(self.una);
        if stable > self.stb {
            //= draft#epochs
            //# A host MUST raise SND.STB to the stable point of an EPOCH that it
            //# echoes, unless SND.STB is higher.
            self.stb = stable;
            self.retention = self.retention.holds();
            self.release();
        }
    }

    /// New octets have waited for long enough for room; says whether octets are given up for it.
    pub(crate) fn shed(&mut self) -> bool {
        let was_holding = matches!(self.retention, Retention::Holding { .. });
        self.retention = self.retention.sheds();
        self.release();
        was_holding
    }

    /// There is no room for what the peer has acknowledged; says whether anything was kept of it.
    pub(crate) fn give_up_retained(&mut self) -> bool {
        let kept = self.retained_octets() > 0;
        if kept {
            self.stb = self.una;
            self.retention = self.retention.sheds();
            self.release();
        }
        kept
    }

    /// Drops what nobody will ask for again, or what is too much to keep.
    fn release(&mut self) {
        //= draft#back-pressure
        //# A host that sheds retained octets MUST raise SND.STB to the lowest
        //# position that it still keeps.
        // Without retention the peer never asks for an octet that it acknowledged.
        self.stb = self.retention.kept_from(self.stb, self.una, self.capacity_octets);
        let count = usize::try_from(self.buffer_start.distance_to(self.stb)).unwrap_or(usize::MAX);
        let count = count.min(self.buffer.len());
        self.buffer.drain(..count);
        self.buffer_start = self.buffer_start.advanced_by(u64::try_from(count).unwrap_or(0));
    }

    /// Gives back what an empty buffer has allocated.
    pub(crate) fn free_idle(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = VecDeque::new();
        }
    }

    /// Drops every octet: the connection is over.
    pub(crate) fn drop_octets(&mut self) {
        self.buffer = VecDeque::new();
    }

    /// Takes SND.WND, SND.WL1 and SND.WL2 from a segment.
    pub(crate) fn set_window(&mut self, wnd: u32, wl1: Position, wl2: Position) {
        self.wnd = wnd;
        self.wnd_max = self.wnd_max.max(wnd);
        self.wl1 = wl1;
        self.wl2 = wl2;
    }

    /// The invariant that every call leaves standing (draft, {#terms}), or what of it is broken.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let order = [self.stb, self.una, self.resend, self.nxt, self.max, self.lim, self.end];
        if !order.is_sorted() {
            return Err("SND.STB <= SND.UNA <= resend <= SND.NXT <= SND.MAX <= SND.LIM <= SND.END");
        }
        if self.stb.distance_to(self.end) >= 1 << 31 {
            return Err("SND.END - SND.STB < 2^31");
        }
        let held = u64::try_from(self.buffer.len()).unwrap_or(u64::MAX);
        if !self.buffer.is_empty() && self.buffer_start.advanced_by(held) != self.data_end() {
            return Err("the buffer ends at SND.END or before the FIN");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
