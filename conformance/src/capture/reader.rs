//! Records of a capture, whatever its format.
//!
//! Why pcap-file 2.0.0 and not 3.0.0-rc.3: both refuse or misread real files above the level of raw records (2.0.0 every
//! file cut by a snap length, and all pcapng times but nanoseconds; rc.3 a comment that is not UTF-8; both an
//! interface with an odd MAC address). Below that level they do the same. So this reader takes the file header and
//! the frame of a block from pcap-file, reads the few fields after it by itself, and the released version does.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use pcap_file::Endianness;

use super::classic::{self, Classic};
use super::pcapng::{self, Block, Options, Pcapng};
use super::problem::{CaptureError, Problem};
use super::source::Source;
use super::time::Timestamp;

/// The longest record that is read: 16 MiB, far above the 256 KiB any capture program writes.
pub(super) const RECORD_OCTETS_MAX: u32 = 16 * 1024 * 1024;
/// Problems kept of a file; a broken file repeats itself.
pub(super) const PROBLEMS_MAX: usize = 100;

/// A record as its format gives it; ranges count from the start of the record.
#[derive(Debug)]
pub(super) struct Framed {
    pub(super) at: Timestamp,
    pub(super) link_type: u16,
    pub(super) packet: Range<usize>,
    pub(super) original_octets: u32,
    pub(super) options: Option<(Range<usize>, Endianness)>,
    pub(super) whole_octets: usize,
}

/// A captured packet.
#[derive(Debug)]
pub struct Record<'a> {
    /// Its number in the file, from 1, as tshark counts.
    pub frame: u64,
    /// When it was captured.
    pub at: Timestamp,
    /// LINKTYPE value of the interface (tcpdump.org's list).
    pub link_type: u16,
    /// The octets captured, from the link header on.
    pub octets: &'a [u8],
    /// Octets it had on the wire.
    pub original_octets: u32,
    /// Its comments (pcapng).
    pub comments: Comments<'a>,
}

/// The comments of a packet, in file order.
#[derive(Clone, Debug)]
pub struct Comments<'a> {
    options: Option<Options<'a>>,
}

impl<'a> Iterator for Comments<'a> {
    type Item = Cow<'a, str>;

    fn next(&mut self) -> Option<Self::Item> {
        self.options.as_mut()?.next_comment().map(String::from_utf8_lossy)
    }
}

#[derive(Debug)]
enum Format {
    Classic(Classic),
    Pcapng(Pcapng),
}

/// Reads the records of a capture one after the other.
#[derive(Debug)]
pub struct Reader<R> {
    source: Source<R>,
    format: Format,
    frames: u64,
    last: usize,
    ended: bool,
    problems: Vec<Problem>,
}

impl Reader<File> {
    /// Opens the capture at `path`.
    ///
    /// # Errors
    ///
    /// See [`CaptureError`].
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        Self::new(File::open(path)?)
    }
}

impl<R: Read> Reader<R> {
    /// Reads the first octets of `file` and finds its format.
    ///
    /// # Errors
    ///
    /// See [`CaptureError`].
    pub fn new(file: R) -> Result<Self, CaptureError> {
        let mut source = Source::new(file);
        source.require(4)?;
        let format = match source.octets().first_chunk::<4>() {
            Some(magic) if classic::is_magic(*magic) => Format::Classic(Classic::new(&mut source)?),
            Some(magic) if pcapng::is_magic(*magic) => Format::Pcapng(Pcapng::new()),
            _ => return Err(unknown_format(source.octets())),
        };
        Ok(Self { source, format, frames: 0, last: 0, ended: false, problems: Vec::new() })
    }

    /// The next record; `None` at the end of what can be read. Then [`Reader::problems`] says whether that is the end
    /// of the file.
    pub fn next_record(&mut self) -> Option<Record<'_>> {
        let framed = self.next_framed()?;
        self.frames += 1;
        self.last = framed.whole_octets;
        let octets = self.source.octets();
        let options = framed.options.and_then(|(range, order)| Some(Options::new(octets.get(range)?, order)));
        Some(Record {
            frame: self.frames,
            at: framed.at,
            link_type: framed.link_type,
            octets: octets.get(framed.packet).unwrap_or_default(),
            original_octets: framed.original_octets,
            comments: Comments { options },
        })
    }

    /// What could not be read so far, at most a hundred.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Octets of the file read and passed over so far.
    #[must_use]
    pub fn offset_octets(&self) -> u64 {
        self.source.offset_octets()
    }

    fn next_framed(&mut self) -> Option<Framed> {
        self.source.consume(self.last);
        self.last = 0;
        while !self.ended {
            let next = match &mut self.format {
                Format::Classic(classic) => {
                    classic.next(&mut self.source).map(|framed| framed.map(Block::Packet))
                }
                Format::Pcapng(pcapng) => pcapng.next(&mut self.source),
            };
            match next {
                Ok(Some(Block::Packet(framed))) => return Some(framed),
                Ok(Some(Block::Orphan { interface, whole_octets })) => {
                    self.frames += 1;
                    self.note(Problem::UnknownInterface { frame: self.frames, interface });
                    self.source.consume(whole_octets);
                }
                Ok(Some(Block::Other { whole_octets, problem })) => {
                    self.source.consume(whole_octets);
                    problem.into_iter().for_each(|problem| self.note(problem));
                }
                Ok(None) => self.ended = true,
                Err(problem) => {
                    self.ended = true;
                    self.note(problem);
                }
            }
        }
        None
    }

    fn note(&mut self, problem: Problem) {
        if self.problems.len() < PROBLEMS_MAX && self.problems.last() != Some(&problem) {
            self.problems.push(problem);
        }
    }
}

fn unknown_format(octets: &[u8]) -> CaptureError {
    match octets {
        [] => CaptureError::Empty,
        [0x1f, 0x8b, ..] => CaptureError::Compressed { format: "gzip" },
        [0x28, 0xb5, 0x2f, 0xfd, ..] => CaptureError::Compressed { format: "zstd" },
        [0xfd, b'7', b'z', b'X', ..] => CaptureError::Compressed { format: "xz" },
        _ => CaptureError::NotACapture { found: octets.iter().take(4).copied().collect() },
    }
}
