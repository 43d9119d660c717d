//! Segments that meet no connection.

use hiatus_codec::{ConnectionKey, Segment};

/// What a host answers to a segment that meets no connection (RFC 9293, section 3.10.7.1; draft, {#no-state}).
///
/// `own_key` is this host's connection key for the 4-tuple if it can be derived from a secret: then a RESUME draws
/// ABORT(LOST). Otherwise, and to anything else, an RST; to an RST nothing. While booting or restoring do not call it.
///
/// The answer is written from the start of `buffer`, which must have room for
/// [`SEGMENT_LEN_OCTETS_MIN`](crate::SEGMENT_LEN_OCTETS_MIN).
pub fn answer_stray<'b>(
    _segment: &Segment<'_>,
    _own_key: Option<ConnectionKey>,
    _buffer: &'b mut [u8],
) -> Option<Segment<'b>> {
    None
}
