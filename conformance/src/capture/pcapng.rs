//! pcapng files: blocks, sections, interfaces, and the three kinds of block that carry a packet.

use std::io::Read;

use byteorder_slice::{BigEndian, LittleEndian};
use pcap_file::Endianness;
use pcap_file::pcapng::blocks::{
    ENHANCED_PACKET_BLOCK, INTERFACE_DESCRIPTION_BLOCK, PACKET_BLOCK, RawBlock, SECTION_HEADER_BLOCK,
    SIMPLE_PACKET_BLOCK,
};

use super::fields::{as_u64, as_usize, u16_at, u32_at, u64_at};
use super::problem::Problem;
use super::reader::{Framed, RECORD_OCTETS_MAX};
use super::source::Source;
use super::time::Timestamp;

/// Interfaces kept of a section.
pub(super) const INTERFACES_MAX: usize = 4096;
/// Type, length, and the length again.
const BLOCK_FRAME_OCTETS: usize = 12;
/// Type and length: where the body begins.
const BLOCK_HEAD_OCTETS: usize = 8;
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
/// Options of an interface: resolution and offset of its clock.
const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;
/// Option of any block: a comment.
const OPT_COMMENT: u16 = 1;
const DEFAULT_TICKS_PER_SECOND: u64 = 1_000_000;

/// What of an interface its packets need.
#[derive(Clone, Copy, Debug)]
struct Interface {
    link_type: u16,
    ticks_per_second: u64,
    offset_s: i64,
    /// Octets kept of a packet; 0: all.
    snap_octets: u32,
}

/// State of the section being read.
#[derive(Debug)]
pub(super) struct Pcapng {
    order: Endianness,
    interfaces: Vec<Interface>,
    last_at: Timestamp,
}

/// What a block turned out to be.
pub(super) enum Block {
    /// A packet.
    Packet(Framed),
    /// A packet on an interface nobody described: its number, and octets to pass over.
    Orphan { interface: u32, whole_octets: usize },
    /// Anything else, octets to pass over, and what is wrong with it.
    Other { whole_octets: usize, problem: Option<Problem> },
}

/// Whether `magic` begins a pcapng file.
pub(super) fn is_magic(magic: [u8; 4]) -> bool {
    u32::from_be_bytes(magic) == SECTION_HEADER_BLOCK
}

impl Pcapng {
    pub(super) fn new() -> Self {
        Self { order: Endianness::Big, interfaces: Vec::new(), last_at: Timestamp::default() }
    }

    /// Reads the next block. `None` at the end of the file.
    pub(super) fn next<R: Read>(&mut self, source: &mut Source<R>) -> Result<Option<Block>, Problem> {
        let offset_octets = source.offset_octets();
        let io = |error: std::io::Error| Problem::Io { offset_octets, kind: error.kind() };
        let cut = |source: &Source<R>, expected: usize| {
            let (found_octets, expected_octets) = (as_u64(source.octets().len()), as_u64(expected));
            Problem::RecordCut { offset_octets, found_octets, expected_octets }
        };
        if !source.require(BLOCK_FRAME_OCTETS).map_err(io)? {
            return if source.octets().is_empty() { Ok(None) } else { Err(cut(source, BLOCK_FRAME_OCTETS)) };
        }
        let block_type = u32_at(source.octets(), 0, self.order).unwrap_or_default();
        if block_type == SECTION_HEADER_BLOCK {
            self.begin_section(source.octets(), offset_octets)?;
        }
        let length = u32_at(source.octets(), 4, self.order).unwrap_or_default();
        if length > RECORD_OCTETS_MAX {
            let (found_octets, max_octets) = (u64::from(length), u64::from(RECORD_OCTETS_MAX));
            return Err(Problem::RecordTooLong { offset_octets, found_octets, max_octets });
        }
        let whole = as_usize(length).max(BLOCK_FRAME_OCTETS);
        if !source.require(whole).map_err(io)? {
            return Err(cut(source, whole));
        }
        // pcap-file checks what makes a block a block; its fields are read here, because one odd option (a comment
        // that is not UTF-8, a MAC address of another length) makes pcap-file refuse the whole block.
        let raw = match self.order {
            Endianness::Big => RawBlock::from_slice::<BigEndian>(source.octets()),
            Endianness::Little => RawBlock::from_slice::<LittleEndian>(source.octets()),
        };
        match raw {
            Ok((_, raw)) => Ok(Some(self.read_body(block_type, &raw.body, whole, offset_octets))),
            Err(pcap_file::PcapError::InvalidField(reason)) => {
                Err(Problem::BlockBroken { offset_octets, block_type, reason })
            }
            Err(_) => {
                let reason = "the block does not end where it says";
                Err(Problem::BlockBroken { offset_octets, block_type, reason })
            }
        }
    }

    fn begin_section(&mut self, octets: &[u8], offset_octets: u64) -> Result<(), Problem> {
        self.order = match u32_at(octets, BLOCK_HEAD_OCTETS, Endianness::Big) {
            Some(BYTE_ORDER_MAGIC) => Endianness::Big,
            Some(magic) if magic.swap_bytes() == BYTE_ORDER_MAGIC => Endianness::Little,
            _ => {
                let reason = "the byte-order magic is neither 1a2b3c4d nor 4d3c2b1a";
                return Err(Problem::BlockBroken { offset_octets, block_type: SECTION_HEADER_BLOCK, reason });
            }
        };
        self.interfaces.clear();
        Ok(())
    }

    fn read_body(&mut self, block_type: u32, body: &[u8], whole_octets: usize, offset_octets: u64) -> Block {
        let short =
            Block::Other { whole_octets, problem: Some(Problem::BlockShort { offset_octets, block_type }) };
        match block_type {
            INTERFACE_DESCRIPTION_BLOCK => {
                let problem = match self.interface(body) {
                    None => Some(Problem::BlockShort { offset_octets, block_type }),
                    Some(_) if self.interfaces.len() >= INTERFACES_MAX => {
                        Some(Problem::TooManyInterfaces { max_count: INTERFACES_MAX })
                    }
                    Some(interface) => {
                        self.interfaces.push(interface);
                        None
                    }
                };
                Block::Other { whole_octets, problem }
            }
            ENHANCED_PACKET_BLOCK => self.enhanced_packet(body, whole_octets).unwrap_or(short),
            SIMPLE_PACKET_BLOCK => self.simple_packet(body, whole_octets).unwrap_or(short),
            PACKET_BLOCK => self.obsolete_packet(body, whole_octets).unwrap_or(short),
            _ => Block::Other { whole_octets, problem: None },
        }
    }

    fn interface(&self, body: &[u8]) -> Option<Interface> {
        let mut interface = Interface {
            link_type: u16_at(body, 0, self.order)?,
            ticks_per_second: DEFAULT_TICKS_PER_SECOND,
            offset_s: 0,
            snap_octets: u32_at(body, 4, self.order)?,
        };
        for (code, value) in Options::new(body.get(8..)?, self.order) {
            match code {
                IF_TSRESOL => {
                    if let [resolution, ..] = value {
                        interface.ticks_per_second = ticks_per_second(*resolution);
                    }
                }
                IF_TSOFFSET => {
                    if let Some(offset_s) = u64_at(value, 0, self.order) {
                        interface.offset_s = offset_s.cast_signed();
                    }
                }
                _ => {}
            }
        }
        Some(interface)
    }

    /// Interface 4, time high 4, time low 4, captured octets 4, original octets 4, packet, options.
    fn enhanced_packet(&mut self, body: &[u8], whole_octets: usize) -> Option<Block> {
        let number = u32_at(body, 0, self.order)?;
        self.timed_packet(body, number, whole_octets)
    }

    /// Interface 2, drops 2, then as in the enhanced one.
    fn obsolete_packet(&mut self, body: &[u8], whole_octets: usize) -> Option<Block> {
        let number = u16_at(body, 0, self.order)?;
        self.timed_packet(body, u32::from(number), whole_octets)
    }

    fn timed_packet(&mut self, body: &[u8], number: u32, whole_octets: usize) -> Option<Block> {
        const PACKET_AT: usize = 20;
        let high = u32_at(body, 4, self.order)?;
        let low = u32_at(body, 8, self.order)?;
        let captured = as_usize(u32_at(body, 12, self.order)?);
        let original_octets = u32_at(body, 16, self.order)?;
        let end = PACKET_AT.checked_add(captured).filter(|end| *end <= body.len())?;
        let Some(interface) = self.interfaces.get(as_usize(number)) else {
            return Some(Block::Orphan { interface: number, whole_octets });
        };
        let ticks = u64::from(high) << 32 | u64::from(low);
        self.last_at = Timestamp::from_ticks(ticks, interface.ticks_per_second, interface.offset_s);
        let options_at = (BLOCK_HEAD_OCTETS + end.next_multiple_of(4)).min(BLOCK_HEAD_OCTETS + body.len());
        Some(Block::Packet(Framed {
            at: self.last_at,
            link_type: interface.link_type,
            packet: BLOCK_HEAD_OCTETS + PACKET_AT..BLOCK_HEAD_OCTETS + end,
            original_octets,
            options: Some((options_at..BLOCK_HEAD_OCTETS + body.len(), self.order)),
            whole_octets,
        }))
    }

    /// Original octets 4, packet: on interface 0, without a time, cut at what that interface keeps.
    fn simple_packet(&mut self, body: &[u8], whole_octets: usize) -> Option<Block> {
        const PACKET_AT: usize = 4;
        let original_octets = u32_at(body, 0, self.order)?;
        let Some(interface) = self.interfaces.first() else {
            return Some(Block::Orphan { interface: 0, whole_octets });
        };
        let mut captured = as_usize(original_octets).min(body.len() - PACKET_AT);
        if interface.snap_octets > 0 {
            captured = captured.min(as_usize(interface.snap_octets));
        }
        Some(Block::Packet(Framed {
            at: self.last_at,
            link_type: interface.link_type,
            packet: BLOCK_HEAD_OCTETS + PACKET_AT..BLOCK_HEAD_OCTETS + PACKET_AT + captured,
            original_octets,
            options: None,
            whole_octets,
        }))
    }
}

/// if_tsresol: the upper bit chooses a power of two, the rest is the negated exponent.
fn ticks_per_second(resolution: u8) -> u64 {
    let exponent = u32::from(resolution & 0x7f);
    let base: u64 = if resolution & 0x80 == 0 { 10 } else { 2 };
    base.checked_pow(exponent).unwrap_or(u64::MAX)
}

/// Options of a block: code and value, until the end marker or the first that does not fit.
#[derive(Clone, Debug)]
pub(super) struct Options<'a> {
    rest: &'a [u8],
    order: Endianness,
}

impl<'a> Options<'a> {
    pub(super) fn new(octets: &'a [u8], order: Endianness) -> Self {
        Self { rest: octets, order }
    }

    /// The value of the next comment.
    pub(super) fn next_comment(&mut self) -> Option<&'a [u8]> {
        self.find(|(code, _)| *code == OPT_COMMENT).map(|(_, value)| value)
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let code = u16_at(self.rest, 0, self.order).filter(|code| *code != 0)?;
        let length = usize::from(u16_at(self.rest, 2, self.order)?);
        let value = self.rest.get(4..4 + length)?;
        self.rest = self.rest.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
        Some((code, value))
    }
}
