//! What went over the wire in a case, and the capture made of it.
//!
//! A capture is pcapng with nanoseconds, raw IPv4 packets with valid checksums, and the script line of each packet as
//! its comment. The same frames give the same octets.

use std::borrow::Cow;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use etherparse::{IpNumber, Ipv4Header, TcpSlice};
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::{DataLink, Endianness};

use crate::case::Case;
use crate::wire::{OwnedSegment, Side};

/// Address of the target (RFC 5737).
pub const TARGET_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// Address of the bench (RFC 5737).
pub const BENCH_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
/// Port of the end that listens.
pub const LISTEN_PORT: u16 = 7000;
/// Port of the end that connects.
pub const CONNECT_PORT: u16 = 40_000;

/// What a case calls 0 s: 2026-01-01 00:00:00 UTC, in seconds of the Unix epoch.
const START_UNIX_SECONDS: u64 = 1_767_225_600;
/// Time stamps count nanoseconds: 10^-9 s.
const NANOSECONDS: u8 = 9;
const SNAP_LEN_OCTETS: u32 = 65_535;
const TIME_TO_LIVE: u8 = 64;
/// Where the checksum stands in an IPv4 packet without IP options that carries TCP.
const TCP_CHECKSUM_OFFSET: usize = Ipv4Header::MIN_LEN + 16;

/// What stands in the section header of a case's capture.
#[must_use]
pub fn comment(case: &Case) -> String {
    let header = &case.script.header;
    format!("{}: {} ({})", case.id, header.title, header.requirements.join(", "))
}

/// A segment on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// When, from the start of the case.
    pub at: Duration,
    /// Who sent it.
    pub from: Side,
    /// The segment.
    pub segment: OwnedSegment,
    /// What the script has to do with it.
    pub comment: String,
}

/// The IPv4 packet of a segment, checksums filled in.
///
/// # Errors
///
/// An [`io::Error`] if the segment does not fit into an IPv4 packet or its options are no multiple of 4 octets.
pub fn packet(from: Side, segment: &OwnedSegment) -> io::Result<Vec<u8>> {
    let (source, destination) = match from {
        Side::Bench => (BENCH_ADDRESS, TARGET_ADDRESS),
        Side::Target => (TARGET_ADDRESS, BENCH_ADDRESS),
    };
    let tcp = segment.octets().map_err(io::Error::other)?;
    let len = u16::try_from(tcp.len()).map_err(io::Error::other)?;
    let mut header = Ipv4Header::new(len, TIME_TO_LIVE, IpNumber::TCP, source.octets(), destination.octets())
        .map_err(io::Error::other)?;
    header.header_checksum = header.calc_header_checksum();
    let checksum = TcpSlice::from_slice(&tcp)
        .map_err(io::Error::other)?
        .calc_checksum_ipv4(source.octets(), destination.octets())
        .map_err(io::Error::other)?;
    let mut packet = header.to_bytes().to_vec();
    packet.extend_from_slice(&tcp);
    if let Some(room) = packet.get_mut(TCP_CHECKSUM_OFFSET..TCP_CHECKSUM_OFFSET + 2) {
        room.copy_from_slice(&checksum.to_be_bytes());
    }
    Ok(packet)
}

/// The capture of a case. `comment` stands in its section header.
///
/// # Errors
///
/// An [`io::Error`] if a segment is no packet; see [`packet`].
pub fn pcapng(comment: &str, frames: &[Frame]) -> io::Result<Vec<u8>> {
    let section = SectionHeaderBlock {
        endianness: Endianness::Little,
        options: vec![SectionHeaderOption::Comment(Cow::Owned(comment.to_owned()))],
        ..SectionHeaderBlock::default()
    };
    let interface = InterfaceDescriptionBlock {
        linktype: DataLink::RAW,
        snaplen: SNAP_LEN_OCTETS,
        options: vec![
            InterfaceDescriptionOption::IfName(Cow::Borrowed("bench")),
            InterfaceDescriptionOption::IfTsResol(NANOSECONDS),
        ],
    };
    let mut writer = PcapNgWriter::with_section_header(Vec::new(), section).map_err(io::Error::other)?;
    writer.write_pcapng_block(interface).map_err(io::Error::other)?;
    for frame in frames {
        let data = packet(frame.from, &frame.segment)?;
        let block = EnhancedPacketBlock {
            interface_id: 0,
            timestamp: Duration::from_secs(START_UNIX_SECONDS) + frame.at,
            original_len: u32::try_from(data.len()).map_err(io::Error::other)?,
            data: Cow::Owned(data),
            options: vec![EnhancedPacketOption::Comment(Cow::Owned(frame.comment.clone()))],
        };
        writer.write_pcapng_block(block).map_err(io::Error::other)?;
    }
    Ok(writer.into_inner())
}
