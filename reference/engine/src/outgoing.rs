//! A segment written into the caller's buffer.

use hiatus_codec::{Flags, Message, OptionWriter, Segment, SequenceNumber, TcpOption, Timestamps};

use crate::ecn::Ecn;
use crate::tcb::Ports;

/// What was written: one TCP header, and the data of one segment or of several that lie behind one another.
///
/// With data of more than `segment_octets` it is to be cut before it goes onto the wire (TCP segmentation offload): each
/// piece but the last has that many octets, and flags FIN and PSH belong to the last one only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Burst {
    /// Octets of header and data.
    pub len_octets: usize,
    /// Octets of the header, options included: 20 to 60.
    pub header_octets: usize,
    /// Data octets of one segment at most.
    pub segment_octets: u16,
    /// What the ECN field of the IP header is to say.
    pub ecn: Ecn,
}

/// Where segments are written, and how many may lie behind one header.
#[derive(Debug)]
pub(crate) struct Room<'b> {
    pub(crate) buffer: &'b mut [u8],
    pub(crate) segments_max: u16,
}

/// Octets of a header without options.
const FIXED_HEADER_OCTETS: usize = 20;

/// Header fields of a segment that is about to be written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    pub(crate) seq: SequenceNumber,
    pub(crate) ack: SequenceNumber,
    pub(crate) flags: Flags,
    pub(crate) window: u16,
}

/// Options of a segment that is about to be written, in the order in which they stand on the wire.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct HeaderOptions<'m> {
    pub(crate) mss: Option<u16>,
    pub(crate) window_scale: Option<u8>,
    pub(crate) timestamps: Option<Timestamps>,
    pub(crate) hiatus: Option<Message<'m>>,
}

impl HeaderOptions<'_> {
    /// The option area, padded. An option that does not fit is left out; none of this engine's sets is that long.
    pub(crate) fn written(&self) -> OptionWriter {
        let mut writer = OptionWriter::new();
        let mut put = |option: TcpOption<'_>, no_operations: usize| {
            for _ in 0..no_operations {
                writer.push(&TcpOption::NoOperation).ok();
            }
            writer.push(&option).ok();
        };
        if let Some(size) = self.mss {
            put(TcpOption::MaximumSegmentSize(size), 0);
        }
        if let Some(shift) = self.window_scale {
            put(TcpOption::WindowScale(shift), 1);
        }
        if let Some(timestamps) = self.timestamps {
            put(TcpOption::Timestamps(timestamps), 2);
        }
        if let Some(message) = &self.hiatus {
            writer.message(message).ok();
        }
        let _padded = writer.finish();
        writer
    }
}

/// Writes header, options and what `text` copies into the room after them; its segments hold `segment_octets` of data.
///
/// `None` if `buffer` has no room for the header.
pub(crate) fn write(
    ports: Ports,
    header: Header,
    options: &OptionWriter,
    room: &mut Room<'_>,
    segment_octets: u16,
    text: impl FnOnce(&mut [u8]) -> usize,
) -> Option<Burst> {
    let segment = Segment {
        source_port: ports.local,
        destination_port: ports.remote,
        seq: header.seq,
        ack: header.ack,
        flags: header.flags,
        window: header.window,
        checksum: 0,
        urgent: 0,
        options: options.as_slice(),
        payload: &[],
    };
    let rest = segment.emit(room.buffer).ok()?;
    let count = text(rest);
    let header_octets = FIXED_HEADER_OCTETS + options.as_slice().len();
    Some(Burst { len_octets: header_octets + count, header_octets, segment_octets, ecn: Ecn::NotEct })
}
