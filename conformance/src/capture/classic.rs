//! pcap files: the file header, and records as they are told apart.

use std::io::Read;

use pcap_file::TsResolution;
use pcap_file::pcap::PcapHeader;

use super::fields::{as_u64, as_usize, u32_at};
use super::problem::{CaptureError, Problem};
use super::reader::{Framed, RECORD_OCTETS_MAX};
use super::source::Source;
use super::time::Timestamp;

/// Octets of the file header.
pub(super) const HEADER_OCTETS: usize = 24;
/// Octets of a record header.
const RECORD_HEADER_OCTETS: usize = 16;
/// Octets of a record header in Alexey Kuznetsov's variant: interface, protocol and packet type follow.
const KUZNETSOV_RECORD_HEADER_OCTETS: usize = 24;
/// The magic number of that variant, which pcap-file does not know; `0xa1b2c3d4` stands in for it.
const KUZNETSOV_MAGIC: u32 = 0xa1b2_cd34;
const MICROSECOND_MAGIC: u32 = 0xa1b2_c3d4;
const NANOSECOND_MAGIC: u32 = 0xa1b2_3c4d;
/// In files of this minor version and older the two lengths of a record may stand in the other order (libpcap).
const SWAPPED_LENGTHS_MINOR_MAX: u16 = 3;

/// What the file header says.
#[derive(Debug)]
pub(super) struct Classic {
    header: PcapHeader,
    record_header_octets: usize,
    /// Link type of every packet; the upper bits of the field (length of the frame check sequence) cut off.
    pub(super) link_type: u16,
}

/// Whether `magic` begins a pcap file.
pub(super) fn is_magic(magic: [u8; 4]) -> bool {
    let known = [MICROSECOND_MAGIC, NANOSECOND_MAGIC, KUZNETSOV_MAGIC];
    known.contains(&u32::from_be_bytes(magic)) || known.contains(&u32::from_le_bytes(magic))
}

impl Classic {
    /// Reads the file header, which `source` begins with.
    pub(super) fn new<R: Read>(source: &mut Source<R>) -> Result<Self, CaptureError> {
        if !source.require(HEADER_OCTETS)? {
            let found_octets = source.octets().len();
            return Err(CaptureError::HeaderCut { found_octets, expected_octets: HEADER_OCTETS });
        }
        let mut header = [0; HEADER_OCTETS];
        header.copy_from_slice(&source.octets()[..HEADER_OCTETS]);
        let mut record_header_octets = RECORD_HEADER_OCTETS;
        let magic = [header[0], header[1], header[2], header[3]];
        if u32::from_be_bytes(magic) == KUZNETSOV_MAGIC {
            header[..4].copy_from_slice(&MICROSECOND_MAGIC.to_be_bytes());
            record_header_octets = KUZNETSOV_RECORD_HEADER_OCTETS;
        } else if u32::from_le_bytes(magic) == KUZNETSOV_MAGIC {
            header[..4].copy_from_slice(&MICROSECOND_MAGIC.to_le_bytes());
            record_header_octets = KUZNETSOV_RECORD_HEADER_OCTETS;
        }
        let header = match PcapHeader::from_slice(&header) {
            Ok((_, header)) => header,
            Err(_) => return Err(CaptureError::NotACapture { found: magic.to_vec() }),
        };
        let [.., high, low] = u32::from(header.datalink).to_be_bytes();
        source.consume(HEADER_OCTETS);
        Ok(Self { header, record_header_octets, link_type: u16::from_be_bytes([high, low]) })
    }

    /// Finds the next record. `None` at the end of the file.
    pub(super) fn next<R: Read>(&self, source: &mut Source<R>) -> Result<Option<Framed>, Problem> {
        let offset_octets = source.offset_octets();
        let io = |error: std::io::Error| Problem::Io { offset_octets, kind: error.kind() };
        if !source.require(self.record_header_octets).map_err(io)? {
            let found_octets = as_u64(source.octets().len());
            let expected_octets = as_u64(self.record_header_octets);
            return match found_octets {
                0 => Ok(None),
                _ => Err(Problem::RecordCut { offset_octets, found_octets, expected_octets }),
            };
        }
        let order = self.header.endianness;
        let octets = source.octets();
        let [seconds, fraction] = [0, 4].map(|at| u32_at(octets, at, order).unwrap_or_default());
        let (included, original) = self.lengths(octets);
        if included > RECORD_OCTETS_MAX {
            let (found_octets, max_octets) = (u64::from(included), u64::from(RECORD_OCTETS_MAX));
            return Err(Problem::RecordTooLong { offset_octets, found_octets, max_octets });
        }
        let whole = self.record_header_octets + as_usize(included);
        if !source.require(whole).map_err(io)? {
            let found_octets = as_u64(source.octets().len());
            return Err(Problem::RecordCut { offset_octets, found_octets, expected_octets: as_u64(whole) });
        }
        let nanos = match self.header.ts_resolution {
            TsResolution::MicroSecond => u64::from(fraction) * 1000,
            TsResolution::NanoSecond => u64::from(fraction),
        };
        Ok(Some(Framed {
            at: Timestamp::new(u64::from(seconds), nanos),
            link_type: self.link_type,
            packet: self.record_header_octets..whole,
            original_octets: original,
            options: None,
            whole_octets: whole,
        }))
    }

    /// Octets of the packet in the file and on the wire. By hand and not by pcap-file's `RawPcapPacket`, which wants the
    /// whole packet first: so a cut record is told from one that lies about its length, at its place, and the two
    /// odd headers cost nothing.
    fn lengths(&self, record: &[u8]) -> (u32, u32) {
        let [included, original] =
            [8, 12].map(|at| u32_at(record, at, self.header.endianness).unwrap_or_default());
        let minor = self.header.version_minor;
        if minor < SWAPPED_LENGTHS_MINOR_MAX || (minor == SWAPPED_LENGTHS_MINOR_MAX && included > original) {
            return (original, included);
        }
        (included, original)
    }
}
