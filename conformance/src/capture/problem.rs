//! What could not be read, and where.

use thiserror::Error;

/// Why a file could not be read as a capture at all.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The file could not be opened or read.
    #[error("cannot read: {0}")]
    Io(#[from] std::io::Error),
    /// The first octets are those of no capture format.
    #[error(
        "not a capture: the first four octets are {found:02x?}, expected the magic number of pcap or pcapng"
    )]
    NotACapture {
        /// The first four octets of the file, fewer if it is shorter.
        found: Vec<u8>,
    },
    /// There is nothing in it.
    #[error("not a capture: the file is empty, expected the magic number of pcap or pcapng")]
    Empty,
    /// The first octets are those of a compressed file.
    #[error("compressed with {format}: unpack it first")]
    Compressed {
        /// Name of the compression.
        format: &'static str,
    },
    /// The file ends inside its own header.
    #[error("not a capture: ends after {found_octets} octets, inside the file header of {expected_octets}")]
    HeaderCut {
        /// Octets in the file.
        found_octets: usize,
        /// Octets of the header.
        expected_octets: usize,
    },
}

/// Something in a capture that could not be read or followed. What lies before and beside it was.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// The file ends inside a record or block. Everything before it was read.
    #[error(
        "octet {offset_octets}: the file ends inside a record: {found_octets} of {expected_octets} octets are there"
    )]
    RecordCut {
        /// Where the record begins in the file.
        offset_octets: u64,
        /// Octets of it that are there.
        found_octets: u64,
        /// Octets it says it has.
        expected_octets: u64,
    },
    /// A record says it is longer than any packet; reading stops there.
    #[error(
        "octet {offset_octets}: a record of {found_octets} octets, at most {max_octets} expected; reading stops here"
    )]
    RecordTooLong {
        /// Where the record begins in the file.
        offset_octets: u64,
        /// The length it gives.
        found_octets: u64,
        /// The most that is read.
        max_octets: u64,
    },
    /// A pcapng block breaks the format; reading stops there.
    #[error(
        "octet {offset_octets}: bad pcapng block of type {block_type:#010x}: {reason}; reading stops here"
    )]
    BlockBroken {
        /// Where the block begins in the file.
        offset_octets: u64,
        /// Its type.
        block_type: u32,
        /// What is wrong.
        reason: &'static str,
    },
    /// A pcapng block holds less than its own fixed fields; it is passed over.
    #[error(
        "octet {offset_octets}: pcapng block of type {block_type:#010x} is shorter than its fields; passed over"
    )]
    BlockShort {
        /// Where the block begins in the file.
        offset_octets: u64,
        /// Its type.
        block_type: u32,
    },
    /// A packet names an interface that was not described; it is passed over.
    #[error("frame {frame}: captured on interface {interface}, which the file does not describe")]
    UnknownInterface {
        /// Number of the packet, from 1.
        frame: u64,
        /// The interface it names.
        interface: u32,
    },
    /// More interfaces than are kept; packets on the rest are passed over.
    #[error("more than {max_count} interfaces in a section; packets on the rest are passed over")]
    TooManyInterfaces {
        /// How many are kept.
        max_count: usize,
    },
    /// Packets of a link type this program does not know.
    #[error(
        "{count} packets from frame {frame} on have link type {link_type}, which is not known here; passed over"
    )]
    UnknownLinkType {
        /// First such packet, from 1.
        frame: u64,
        /// The link type (tcpdump.org's list of LINKTYPE values).
        link_type: u16,
        /// How many packets.
        count: u64,
    },
    /// Reading failed after the file had been opened.
    #[error("octet {offset_octets}: cannot read on: {kind}")]
    Io {
        /// Where.
        offset_octets: u64,
        /// What the operating system said.
        kind: std::io::ErrorKind,
    },
    /// More connections than are followed at once; the ones silent longest were closed early.
    #[error(
        "more than {max_count} connections at once: {count} were closed early, and what they did later counts anew"
    )]
    ConnectionsEvicted {
        /// How many are followed.
        max_count: usize,
        /// How many were closed early.
        count: u64,
    },
    /// An end acknowledges octets that the capture does not have: it lacks packets.
    #[error(
        "frame {frame} acknowledges octets {low}:{high} of connection {connection} that the capture does not have"
    )]
    Missing {
        /// The first acknowledgment, from 1.
        frame: u64,
        /// Number of the connection, from 0.
        connection: u64,
        /// Position of the first of them.
        low: i64,
        /// Position behind the last of them.
        high: i64,
    },
    /// More connections lack packets than are listed.
    #[error("{count} more connections lack packets than the {max_count} listed")]
    MissingLeftOff {
        /// How many are listed.
        max_count: usize,
        /// How many are not.
        count: u64,
    },
    /// More connections speak Hiatus at once than are judged.
    #[error(
        "more than {max_count} connections that speak Hiatus: {count} segments with an option of others are not judged"
    )]
    NotJudged {
        /// How many are judged.
        max_count: usize,
        /// Segments of others with a Hiatus option.
        count: u64,
    },
    /// The capture is said to be taken at a host that is none of its ends.
    #[error(
        "said to be taken at {host}, which is no end of a connection in it: nobody is judged to the full for that"
    )]
    NotTakenThere {
        /// The host.
        host: std::net::IpAddr,
    },
    /// More diagnoses than are listed.
    #[error("{count} more diagnoses than the {max_count} listed")]
    DiagnosesLeftOff {
        /// How many are listed.
        max_count: usize,
        /// How many are not.
        count: u64,
    },
}

impl Problem {
    /// Where in the file it is, for the problems that have a place: octets from the start.
    #[must_use]
    pub fn offset_octets(&self) -> Option<u64> {
        match self {
            Self::RecordCut { offset_octets, .. }
            | Self::RecordTooLong { offset_octets, .. }
            | Self::BlockBroken { offset_octets, .. }
            | Self::BlockShort { offset_octets, .. }
            | Self::Io { offset_octets, .. } => Some(*offset_octets),
            _ => None,
        }
    }

    /// The packet it is about, for the problems that are about one: number from 1.
    #[must_use]
    pub fn frame(&self) -> Option<u64> {
        match self {
            Self::UnknownInterface { frame, .. }
            | Self::UnknownLinkType { frame, .. }
            | Self::Missing { frame, .. } => Some(*frame),
            _ => None,
        }
    }
}
