//! A capture on the router: tcpdump writes it, this makes it small, and the checker judges it.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::BufWriter;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hiatus_conformance::capture::Reader;
use hiatus_conformance::check::{CheckOptions, Level, Outcome, check_path_with};
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::{DataLink, Endianness};
use rustix::process::Signal;

use crate::bed::program::{Output, Running};
use crate::bed::station::Station;
use crate::trouble::Trouble;

/// Octets of an Ethernet header, which a small capture has no use for.
const ETHERNET_OCTETS: usize = 14;
/// Octets kept of each packet: the headers of IPv6 and TCP with all options, and a little of the data.
const SNAP_OCTETS: usize = 104;
/// What the first packet of a small capture is dated: 2026-01-01 00:00:00 UTC, in seconds of the Unix epoch.
const START_UNIX_SECONDS: u64 = 1_767_225_600;
/// Time stamps count nanoseconds: 10^-9 s.
const NANOSECONDS: u8 = 9;
/// How long tcpdump may take to begin and to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// A capture under way.
#[derive(Debug)]
pub(crate) struct Capture {
    tcpdump: Running,
    path: PathBuf,
}

/// What the checker says of a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judged {
    /// Packets in it.
    pub(crate) packets: u64,
    /// Requirements that held in it.
    pub(crate) held: usize,
    /// What happened to the connections, in words of the checker.
    pub(crate) diagnoses: Vec<String>,
}

impl Capture {
    /// Captures every packet on `device` of `station` from now on, in `folder`/NAME.pcap.
    pub(crate) fn start(station: &Station, device: &str, folder: &Path, name: &str) -> Result<Self, Trouble> {
        let path = folder.join(format!("{name}.pcap"));
        let (snap, file) = (SNAP_OCTETS + ETHERNET_OCTETS, path.display());
        // Not as another user: the folder is ours.
        let line = format!(
            "tcpdump -i {device} -n -U --immediate-mode -B 16384 -Z root -s {snap} -w {file} tcp or icmp"
        );
        let line: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let name = format!("tcpdump-{name}");
        let tcpdump = Running::start(station, folder, &name, &line, &Output::Lines)?;
        let log = folder.join(format!("{name}.log"));
        super::wait_until("tcpdump listens", PATIENCE, || {
            Ok(fs::read_to_string(&log).is_ok_and(|text| text.contains("listening on")))
        })?;
        Ok(Self { tcpdump, path })
    }

    /// Ends it; gives where it is.
    pub(crate) fn stop(mut self) -> Result<PathBuf, Trouble> {
        self.tcpdump.signal(Signal::INT)?;
        self.tcpdump.wait_success(PATIENCE)?;
        Ok(self.path)
    }
}

/// Judges the capture at `path`, taken on the way. A requirement of the draft that was surely broken is a trouble, and so is
/// a packet that cannot be read.
pub(crate) fn judge(path: &Path, taken_at: &[IpAddr]) -> Result<Judged, Trouble> {
    let what = || format!("capture {}", path.display());
    let options = CheckOptions { taken_at: taken_at.to_vec() };
    let report = check_path_with(path, &options)
        .map_err(|error| Trouble::unexpected(what(), "one that can be read", error.to_string()))?;
    let broken: Vec<String> = report
        .verdicts
        .iter()
        .filter(|verdict| verdict.verdict == Outcome::Fail && verdict.level == Level::Must)
        .map(|verdict| {
            format!("{} broken in frames {:?}: {}", verdict.requirement, verdict.frames, verdict.text)
        })
        .collect();
    if !broken.is_empty() {
        return Err(Trouble::unexpected(what(), "no requirement broken", broken.join("; ")));
    }
    if let Some(problem) = report.problems.first() {
        return Err(Trouble::unexpected(what(), "every packet read", problem.text.clone()));
    }
    let held = report.verdicts.iter().filter(|verdict| verdict.verdict == Outcome::Pass).count();
    let diagnoses = report.diagnoses.iter().map(|diagnosis| diagnosis.text.clone()).collect();
    Ok(Judged { packets: report.packets, held, diagnoses })
}

/// Writes what is in the capture `from` to the pcapng file `to`: IP packets without their Ethernet headers, the first at a
/// fixed date, `comment` in the section header.
pub(crate) fn make_small(from: &Path, to: &Path, comment: &str) -> Result<u64, Trouble> {
    let of = |path: &Path| {
        let what = format!("capture {}", path.display());
        move |error: pcap_file::PcapError| Trouble::System { what, source: std::io::Error::other(error) }
    };
    let unreadable =
        |said: String| Trouble::unexpected(format!("capture {}", from.display()), "packets", said);
    let mut reader = Reader::open(from).map_err(|error| unreadable(error.to_string()))?;
    let out = File::create(to).map_err(Trouble::system(format!("capture {}", to.display())))?;
    let section = SectionHeaderBlock {
        endianness: Endianness::Little,
        options: vec![SectionHeaderOption::Comment(Cow::Owned(comment.to_owned()))],
        ..SectionHeaderBlock::default()
    };
    let mut writer = PcapNgWriter::with_section_header(BufWriter::new(out), section).map_err(of(to))?;
    let interface = InterfaceDescriptionBlock {
        linktype: DataLink::RAW,
        snaplen: u32::try_from(SNAP_OCTETS).unwrap_or(u32::MAX),
        options: vec![
            InterfaceDescriptionOption::IfName(Cow::Borrowed("router")),
            InterfaceDescriptionOption::IfTsResol(NANOSECONDS),
        ],
    };
    writer.write_pcapng_block(interface).map_err(of(to))?;
    let mut first = None;
    while let Some(record) = reader.next_record() {
        let Some(octets) = record.octets.get(ETHERNET_OCTETS..) else { continue };
        let first = *first.get_or_insert(record.at);
        let since = Duration::from_nanos(record.at.nanos().saturating_sub(first.nanos()));
        let ethernet = u32::try_from(ETHERNET_OCTETS).unwrap_or(u32::MAX);
        let block = EnhancedPacketBlock {
            interface_id: 0,
            timestamp: Duration::from_secs(START_UNIX_SECONDS) + since,
            original_len: record.original_octets.saturating_sub(ethernet),
            data: Cow::Owned(octets.get(..SNAP_OCTETS).unwrap_or(octets).to_vec()),
            options: Vec::new(),
        };
        writer.write_pcapng_block(block).map_err(of(to))?;
    }
    if let Some(problem) = reader.problems().first() {
        return Err(unreadable(problem.to_string()));
    }
    drop(writer);
    fs::metadata(to)
        .map(|metadata| metadata.len())
        .map_err(Trouble::system(format!("capture {}", to.display())))
}
