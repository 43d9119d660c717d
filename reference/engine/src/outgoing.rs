//! A segment written into the caller's buffer.

use hiatus_codec::{
    Flags, Message, OPTIONS_LEN_OCTETS_MAX, OptionWriter, SackBlocks, Segment, SequenceNumber, TcpOption,
    Timestamps,
};

use crate::ecn::Ecn;
use crate::receive::SackList;
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
pub(crate) const FIXED_HEADER_OCTETS: usize = 20;
/// Kind and length of the SACK option.
const SACK_HEAD_OCTETS: usize = 2;
/// One block of it.
const SACK_BLOCK_OCTETS: usize = 8;

/// Header fields of a segment that is about to be written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    pub(crate) seq: SequenceNumber,
    pub(crate) ack: SequenceNumber,
    pub(crate) flags: Flags,
    pub(crate) window: u16,
}

/// Octets of options before the blocks of a SACK option that follows `used` octets: its blocks begin at a multiple of 4.
fn before_sack_blocks(used: usize) -> usize {
    (used + SACK_HEAD_OCTETS).next_multiple_of(4)
}

/// How many of `count` SACK blocks fit behind `used` octets of options.
fn sack_blocks_fitting(used: usize, count: usize) -> usize {
    let room = OPTIONS_LEN_OCTETS_MAX.saturating_sub(before_sack_blocks(used));
    count.min(room / SACK_BLOCK_OCTETS)
}

/// Octets of a SACK option with its padding, where there are `count` blocks and `used` octets of other options.
pub(crate) fn sack_octets(used: usize, count: usize) -> usize {
    match sack_blocks_fitting(used, count) {
        0 => 0,
        fitting => before_sack_blocks(used) + fitting * SACK_BLOCK_OCTETS - used,
    }
}

/// Options of a segment that is about to be written.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct HeaderOptions<'m> {
    pub(crate) mss: Option<u16>,
    pub(crate) window_scale: Option<u8>,
    /// On a SYN.
    pub(crate) sack_permitted: bool,
    pub(crate) timestamps: Option<Timestamps>,
    pub(crate) hiatus: Option<Message<'m>>,
    /// As many of them go as there is room for.
    pub(crate) sack: SackList,
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
        let scale = self.window_scale.map(TcpOption::WindowScale);
        let timestamps = self.timestamps.map(TcpOption::Timestamps);
        // SACK-permitted takes the place of the padding before the timestamps: the two fill 12 octets.
        let options = if self.sack_permitted {
            let padding = if timestamps.is_some() { 0 } else { 2 };
            [(Some(TcpOption::SackPermitted), padding), (timestamps, 0), (scale, 1)]
        } else {
            [(scale, 1), (timestamps, 2), (None, 0)]
        };
        for (option, no_operations) in options {
            if let Some(option) = option {
                put(option, no_operations);
            }
        }
        if let Some(message) = &self.hiatus {
            writer.message(message).ok();
        }
        self.write_sack(&mut writer);
        let _padded = writer.finish();
        writer
    }

    //= draft#option-space
    //# A sender MUST give Hiatus messages precedence over SACK blocks.
    /// The blocks for which the other options have left room.
    fn write_sack(&self, writer: &mut OptionWriter) {
        let used = OPTIONS_LEN_OCTETS_MAX - writer.room_octets();
        let blocks = self.sack.as_slice();
        let blocks = blocks.get(..sack_blocks_fitting(used, blocks.len())).unwrap_or(&[]);
        let mut storage = [0; 32];
        let Some(blocks) = SackBlocks::write(blocks, &mut storage) else { return };
        for _ in used + SACK_HEAD_OCTETS..before_sack_blocks(used) {
            writer.push(&TcpOption::NoOperation).ok();
        }
        writer.push(&TcpOption::Sack(blocks)).ok();
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
