//! What a record says of the sending half.

use hiatus_codec::{Position, SequenceNumber};

use crate::record::View;
use crate::record::field::{self, Fixed, flag};
use crate::send::SendSide;

impl SendSide {
    /// Writes the positions and gives the octets from SND.STB to SND.END, in the two pieces in which they lie.
    pub(crate) fn put_record(&self, fixed: &mut Fixed) -> (&[u8], &[u8]) {
        let Self {
            iss,
            stb,
            una,
            // All that may be missing is sent again.
            resend: _,
            nxt,
            // Both are SND.END after a restore (draft, {#restoring}).
            max: _,
            lim: _,
            end,
            fin: _,
            buffer,
            // SND.STB, or the first octet of data.
            buffer_start: _,
            capacity_octets: _,
            // Follows from the capabilities and timestamps.
            retention: _,
            // Said by a flag.
            holds: _,
            wnd,
            wnd_max: _,
            wl1,
            wl2,
            scale,
            mss_octets: _,
        } = self;
        field::ISS.put(fixed, iss.0.to_be_bytes());
        let positions = [
            (field::SND_STB, stb),
            (field::SND_UNA, una),
            (field::SND_NXT, nxt),
            (field::SND_END, end),
            (field::SND_WL1, wl1),
            (field::SND_WL2, wl2),
        ];
        for (field, position) in positions {
            field.put(fixed, position.0.to_be_bytes());
        }
        field::SND_WND.put(fixed, wnd.to_be_bytes());
        field::SND_SCALE.put(fixed, [*scale]);
        let count = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
        field::UNSENT_COUNT.put(fixed, count.to_be_bytes());
        buffer.as_slices()
    }

    /// Whether octets wait for a durable epoch.
    pub(crate) fn holds(&self) -> bool {
        self.holds
    }

    /// Takes what a record says.
    pub(crate) fn take_record(&mut self, view: &View<'_>, mss_octets: u16) {
        let fixed = view.fixed;
        let at = |field: field::Field| Position(field.u64(fixed));
        let (stb, nxt, end) = (at(field::SND_STB), at(field::SND_NXT), at(field::SND_END));
        let wnd = field::SND_WND.u32(fixed);
        *self = Self {
            iss: SequenceNumber(field::ISS.u32(fixed)),
            stb,
            una: at(field::SND_UNA),
            resend: nxt,
            nxt,
            max: end,
            lim: end,
            end,
            fin: view.has(flag::OWN_FIN).then_some(Position(end.0.saturating_sub(1))),
            buffer: view.send.iter().copied().collect(),
            buffer_start: stb.max(super::FIRST_OCTET),
            capacity_octets: self.capacity_octets,
            retention: self.retention,
            holds: self.holds,
            wnd,
            wnd_max: wnd,
            wl1: at(field::SND_WL1),
            wl2: at(field::SND_WL2),
            scale: field::SND_SCALE.u8(fixed),
            mss_octets,
        };
    }
}
