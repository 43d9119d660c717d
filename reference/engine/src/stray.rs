//! Segments that meet no connection.

use hiatus_codec::{Abort, AbortReason, ConnectionKey, Flags, Message, Segment, SequenceNumber, Subtype};

use crate::arrived::known_options;
use crate::outgoing::{self, Burst, Header, HeaderOptions, Room};
use crate::tcb::Ports;

/// The fields of an RST.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Reset {
    pub(crate) seq: SequenceNumber,
    pub(crate) ack: SequenceNumber,
    pub(crate) flags: Flags,
}

/// The RST that `segment` draws (RFC 9293, section 3.10.7.1).
pub(crate) fn reset_to(segment: &Segment<'_>) -> Reset {
    if segment.flags.contains(Flags::ACK) {
        Reset { seq: segment.ack, ack: SequenceNumber(0), flags: Flags::RST }
    } else {
        let ack = segment.seq.advanced_by(segment.len());
        Reset { seq: SequenceNumber(0), ack, flags: Flags::RST.union(Flags::ACK) }
    }
}

//= draft#resume-received
//# A host without state of the connection MUST answer a RESUME with ABORT
//# and reason LOST if it can derive its key, and with an RST otherwise.
/// What a host answers to a segment that meets no connection (RFC 9293, section 3.10.7.1; draft, {#resume-received}).
///
/// `own_key` is this host's connection key for the 4-tuple if it can be derived from a secret: then a RESUME draws
/// ABORT with reason LOST. Otherwise, and to anything else, an RST; to an RST nothing. A host that boots or restores
/// its connections answers nothing: then do not call it.
///
/// The answer is written from the start of `buffer`, which must have room for
/// [`SEGMENT_LEN_OCTETS_MIN`](crate::SEGMENT_LEN_OCTETS_MIN).
pub fn answer_stray<'b>(
    segment: &Segment<'_>,
    own_key: Option<ConnectionKey>,
    buffer: &'b mut [u8],
) -> Option<Segment<'b>> {
    let burst = stray_answer(segment, own_key, buffer)?;
    Segment::parse(buffer.get(..burst.len_octets)?).ok()
}

/// The same for who wants no view of it.
pub(crate) fn stray_answer(
    segment: &Segment<'_>,
    own_key: Option<ConnectionKey>,
    buffer: &mut [u8],
) -> Option<Burst> {
    if segment.flags.contains(Flags::RST) {
        return None;
    }
    let reset = reset_to(segment);
    let ports = Ports { local: segment.destination_port, remote: segment.source_port };
    let mut room = Room { buffer, segments_max: 1 };
    write_reset(ports, reset, own_key.filter(|_| is_resume(segment)), &mut room)
}

/// True if `segment` carries RESUME.
pub(crate) fn is_resume(segment: &Segment<'_>) -> bool {
    known_options(segment).hiatus.is_some_and(|option| option.subtype() == Subtype::RESUME)
}

/// Writes `reset`, with ABORT and reason LOST if `lost_key` proves it; gives its octets.
pub(crate) fn write_reset(
    ports: Ports,
    reset: Reset,
    lost_key: Option<ConnectionKey>,
    room: &mut Room<'_>,
) -> Option<Burst> {
    let abort = lost_key.map(|key| Message::Abort(Abort { reason: AbortReason::LOST, proof: key.0 }));
    let header = Header { seq: reset.seq, ack: reset.ack, flags: reset.flags, window: 0 };
    let options = HeaderOptions { hiatus: abort, ..HeaderOptions::default() }.written();
    outgoing::write(ports, header, &options, room, 0, |_| 0)
}
