//! What went over the wire in a case, and the capture made of it.
//!
//! A capture is pcapng with nanoseconds, raw IP packets with valid checksums, and the script line of each packet as
//! its comment. The same frames give the same octets.

use std::borrow::Cow;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::{DataLink, Endianness};

use crate::case::Case;
use crate::packet;
use crate::script::IpVersion;
use crate::wire::{OwnedSegment, Side};

/// Address of the target (RFC 5737).
pub const TARGET_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// Address of the bench (RFC 5737).
pub const BENCH_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
/// Address of the target where a case asks for IPv6 (RFC 3849).
pub const TARGET_ADDRESS_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
/// Address of the bench where a case asks for IPv6 (RFC 3849).
pub const BENCH_ADDRESS_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);
/// Port of the end that listens.
pub const LISTEN_PORT: u16 = 7000;
/// Port of the end that connects.
pub const CONNECT_PORT: u16 = 40_000;

/// What a case calls 0 s: 2026-01-01 00:00:00 UTC, in seconds of the Unix epoch.
const START_UNIX_SECONDS: u64 = 1_767_225_600;
/// Time stamps count nanoseconds: 10^-9 s.
const NANOSECONDS: u8 = 9;
const SNAP_LEN_OCTETS: u32 = 65_535;

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

/// The address of `side` in a case that runs over `ip`.
#[must_use]
pub const fn address(ip: IpVersion, side: Side) -> IpAddr {
    match (ip, side) {
        (IpVersion::V4, Side::Target) => IpAddr::V4(TARGET_ADDRESS),
        (IpVersion::V4, Side::Bench) => IpAddr::V4(BENCH_ADDRESS),
        (IpVersion::V6, Side::Target) => IpAddr::V6(TARGET_ADDRESS_V6),
        (IpVersion::V6, Side::Bench) => IpAddr::V6(BENCH_ADDRESS_V6),
    }
}

/// The IPv4 packet of a segment, checksums filled in.
///
/// # Errors
///
/// An [`io::Error`] if the segment does not fit into an IPv4 packet or its options are no multiple of 4 octets.
pub fn packet(from: Side, segment: &OwnedSegment) -> io::Result<Vec<u8>> {
    packet_over(IpVersion::V4, from, segment)
}

/// The IP packet of a segment, checksums filled in.
///
/// # Errors
///
/// An [`io::Error`] if the segment does not fit into such a packet or its options are no multiple of 4 octets.
pub fn packet_over(ip: IpVersion, from: Side, segment: &OwnedSegment) -> io::Result<Vec<u8>> {
    packet::of_segment(address(ip, from), address(ip, from.other()), segment).map_err(io::Error::other)
}

/// The capture of `case`: what it is stands in the section header.
///
/// # Errors
///
/// An [`io::Error`] if a segment is no packet; see [`packet_over`].
pub fn capture(case: &Case, frames: &[Frame]) -> io::Result<Vec<u8>> {
    pcapng_over(case.script.header.target.ip, &comment(case), frames)
}

/// A capture over IPv4. `comment` stands in its section header.
///
/// # Errors
///
/// An [`io::Error`] if a segment is no packet; see [`packet()`].
pub fn pcapng(comment: &str, frames: &[Frame]) -> io::Result<Vec<u8>> {
    pcapng_over(IpVersion::V4, comment, frames)
}

fn pcapng_over(ip: IpVersion, comment: &str, frames: &[Frame]) -> io::Result<Vec<u8>> {
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
        let data = packet_over(ip, frame.from, &frame.segment)?;
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
