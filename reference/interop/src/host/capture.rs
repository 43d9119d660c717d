//! A capture of every packet that our TUN device saw, written as the run goes on.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};
use pcap_file::{DataLink, PcapError};

/// Octets kept of each packet: the headers with all options, and the beginning of the data.
const SNAP_OCTETS: usize = 160;

/// A pcap file under way.
pub(crate) struct Capture {
    writer: PcapWriter<BufWriter<File>>,
    /// What the run's clock counts from.
    origin: Duration,
}

impl Capture {
    /// A new file at `path`.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let snaplen = u32::try_from(SNAP_OCTETS).unwrap_or(u32::MAX);
        let header = PcapHeader { snaplen, datalink: DataLink::RAW, ..PcapHeader::default() };
        let writer = PcapWriter::with_header(BufWriter::new(File::create(path)?), header).map_err(to_io)?;
        let origin = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self { writer, origin })
    }

    /// A packet was sent or received at `now`.
    pub(crate) fn note(&mut self, now: Duration, packet: &[u8]) -> io::Result<()> {
        let orig_len = u32::try_from(packet.len()).unwrap_or(u32::MAX);
        let kept = &packet[..packet.len().min(SNAP_OCTETS)];
        let packet = PcapPacket::new(self.origin + now, orig_len, kept);
        self.writer.write_packet(&packet).map(drop).map_err(to_io)
    }
}

fn to_io(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        other => io::Error::other(other),
    }
}
