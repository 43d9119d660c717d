//! TIME-WAIT and a connection that comes after it.

use hiatus_codec::{Flags, Position, Segment, SequenceNumber};

use crate::arrived::known_options;
use crate::config::{Config, Timestamping};
use crate::state::State;

impl State {
    /// True if `segment` is a SYN for which this connection, in TIME-WAIT, may make room (RFC 6191, section 2; RFC 9293,
    /// section 3.6.1, MAY-2 and SHLD-4); `config` is that of the new connection. The ISS of the new one must lie at or
    /// beyond [`iss_min`](Self::iss_min).
    pub(crate) fn may_be_replaced_by(&self, config: &Config, segment: &Segment<'_>) -> bool {
        let is_syn = segment.flags.contains(Flags::SYN)
            && !segment.flags.intersects(Flags::ACK.union(Flags::RST).union(Flags::FIN));
        let Some(tcb) = self.tcb().filter(|_| is_syn && self.name().is_kept_over()) else {
            return false;
        };
        //= draft#resuming
        //# A host in RESUMING MUST drop every segment that carries no RESUME,
        //# RESUME-ACK, SUSPEND or ABORT.
        // A restored one could not even tell an old SYN from a new one: it has no TS.Recent yet.
        if tcb.is_resuming() {
            return false;
        }
        // RCV.NXT lies one after the FIN, the last number that the peer used.
        let is_beyond = Position::of_sequence(segment.seq, tcb.rcv.irs, tcb.rcv.nxt) >= tcb.rcv.nxt;
        let offered = known_options(segment).timestamps.filter(|_| config.timestamps == Timestamping::On);
        match (&tcb.timestamps, offered) {
            (Some(clock), Some(timestamps)) => {
                clock.is_newer(timestamps.value) || (clock.is_recent(timestamps.value) && is_beyond)
            }
            (None, Some(_)) => true,
            (_, None) => is_beyond,
        }
    }

    /// The first number beyond those that this connection sent: a later one of the same addresses and ports begins here
    /// or later (RFC 9293, section 3.6.1, condition 1). `None` if it sent none.
    pub(crate) fn iss_min(&self) -> Option<SequenceNumber> {
        self.tcb().map(|tcb| tcb.snd.max.sequence(tcb.snd.iss))
    }
}
