//! Header prediction: what nearly every segment of a transfer is.

use hiatus_codec::{Flags, Position, Segment, SequenceNumber, Timestamps};

use crate::arrived::Arrived;
use crate::ecn::Ecn;
use crate::tcb::Tcb;
use crate::time::Time;

impl Tcb {
    /// `segment` as it arrived, if it is what was to be expected: the next text, or an ACK of what is in flight, with
    /// timestamps and no other option, while both ends are there and no FIN has come.
    ///
    /// It then passes PAWS and the tests of sequence number, RST, SYN and ACK (RFC 9293, section 3.10.7.4, first to
    /// fifth), and says nothing of Hiatus. `None` proves nothing: the segment takes the long way.
    pub(crate) fn predicted<'a>(
        &self,
        now: Time,
        segment: &'a Segment<'a>,
        mark: Ecn,
    ) -> Option<Arrived<'a>> {
        /// With PSH or without.
        const EXPECTED: u16 = Flags::ACK.0;
        if segment.flags.0 & !Flags::PSH.0 != EXPECTED
            || segment.seq != self.rcv_nxt()
            || !self.hiatus.is_quiet()
            || self.rcv.fin.is_some()
        {
            return None;
        }
        let timestamps = match &self.timestamps {
            Some(clock) => {
                let timestamps = Timestamps::alone_in(segment.options)?;
                if clock.is_old(timestamps.value, now) {
                    return None;
                }
                Some(timestamps)
            }
            None if segment.options.is_empty() => None,
            None => return None,
        };
        let ack = self.ack_in_flight(segment.ack)?;
        let len = u64::try_from(segment.payload.len()).unwrap_or(u64::MAX);
        // An empty window takes nothing but a segment without text at its edge.
        let fits = len <= self.rcv.wnd();
        fits.then_some(Arrived {
            segment,
            timestamps,
            hiatus: None,
            sack: None,
            seq: self.rcv.nxt,
            ack,
            mark,
        })
    }

    /// The position of SEG.ACK, if it lies in SND.UNA to SND.NXT.
    fn ack_in_flight(&self, ack: SequenceNumber) -> Option<Position> {
        let una = self.snd.una.sequence(self.snd.iss);
        let ack = self.snd.una.advanced_by(u64::from(ack.0.wrapping_sub(una.0)));
        (ack <= self.snd.nxt).then_some(ack)
    }
}
