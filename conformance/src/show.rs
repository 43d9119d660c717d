//! The transcript: a capture as a story, one line a segment, in relative sequence numbers.
//!
//! ```text
//! # connection 0: A 10.0.0.1:40000, B 10.0.0.2:80
//! +0.000000  A > B  S   0:0(0)                    win 65535  <mss 1460, sackOK>
//! +0.010000  B > A  S.  0:0(0) ack 1              win 65535  <mss 1460, sackOK>
//! ```
//!
//! Time counts from the first packet of the file. A is the end that sent the SYN; the ends of connection 1 are A1 and B1,
//! and so on. Flags are tcpdump's. Numbers are positions: octets from the initial sequence number of the direction, SYN
//! 0; where the SYN is not in the capture, the first number seen is 1. The window is as on the wire, not scaled.
//! Padding options are left out; SACK blocks are relative too. A packet's comment stands below its line.

mod line;

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::capture::flow::{FlowTable, Origin, Side};
use crate::capture::{CaptureError, Found, Reader, Record, Segment, Timestamp, find_segment};
use line::Line;

/// `conform show`: the transcript of a capture.
#[derive(Args, Clone, Debug)]
pub struct ShowArgs {
    /// A capture, pcap or pcapng.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How to say it.
    #[arg(long, value_enum, default_value_t = ShowFormat::Human)]
    format: ShowFormat,
}

/// Output of `conform show`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum ShowFormat {
    /// A line a segment.
    Human,
    /// The same with the number of the frame in front.
    Numbered,
    /// A JSON object a line: every TCP segment.
    Json,
}

/// Why a transcript could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShowError {
    /// The capture could not be read.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The transcript could not be written.
    #[error("cannot write: {0}")]
    Write(#[from] std::io::Error),
}

/// Runs `conform show`. Exit codes: 0 shown, 2 the file could not be read.
#[must_use]
pub fn run(args: &ShowArgs) -> ExitCode {
    let out = BufWriter::new(std::io::stdout().lock());
    let shown = File::open(&args.file)
        .map_err(|error| ShowError::Capture(error.into()))
        .and_then(|file| write_transcript(file, args.format, out));
    match shown {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of a pipe may have seen enough.
        Err(ShowError::Write(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("conform show: {}: {error}", args.file.display());
            ExitCode::from(2)
        }
    }
}

/// Writes the transcript of the capture that `file` holds to `out`. Streams: nothing is kept but the connections.
///
/// # Errors
///
/// See [`ShowError`]. What cannot be read in the middle of a capture is said in the transcript, as `# problem: ...`.
pub fn write_transcript(file: impl Read, format: ShowFormat, mut out: impl Write) -> Result<(), ShowError> {
    let mut reader = Reader::new(file)?;
    let mut transcript = Transcript { format, flows: FlowTable::default(), begin: None, others: 0 };
    while let Some(record) = reader.next_record() {
        transcript.record(&record, &mut out)?;
    }
    if format != ShowFormat::Json {
        if transcript.others > 0 {
            writeln!(out, "# packets without a TCP segment: {}", transcript.others)?;
        }
        for problem in reader.problems() {
            writeln!(out, "# problem: {problem}")?;
        }
    }
    out.flush()?;
    Ok(())
}

struct Transcript {
    format: ShowFormat,
    flows: FlowTable<()>,
    begin: Option<Timestamp>,
    others: u64,
}

impl Transcript {
    fn record(&mut self, record: &Record<'_>, out: &mut impl Write) -> std::io::Result<()> {
        let begin = *self.begin.get_or_insert(record.at);
        match find_segment(record.link_type, record.octets) {
            Found::Segment(segment) => self.segment(record, &segment, begin, out)?,
            Found::Other(_) => self.others += 1,
        }
        if self.format != ShowFormat::Json {
            for comment in record.comments.clone() {
                for line in comment.lines() {
                    writeln!(out, "           # {line}")?;
                }
            }
        }
        Ok(())
    }

    fn segment(
        &mut self,
        record: &Record<'_>,
        segment: &Segment<'_>,
        begin: Timestamp,
        out: &mut impl Write,
    ) -> std::io::Result<()> {
        let place = self.flows.place(segment, record.frame, |_| ());
        let flow = self.flows.flow(place.slot);
        if place.is_first && self.format != ShowFormat::Json {
            let [a, b] = Side::BOTH.map(|side| line::name(side, flow.number));
            let [a_at, b_at] = flow.endpoints;
            let late = match flow.directions[place.sender.index()].origin() {
                Origin::Syn => "",
                _ => " (its beginning is not in the capture)",
            };
            writeln!(out, "# connection {}: {a} {a_at}, {b} {b_at}{late}", flow.number)?;
        }
        let line = Line::new(record, segment, flow, place.sender, begin);
        match self.format {
            ShowFormat::Json => {
                serde_json::to_writer(&mut *out, &line)?;
                writeln!(out)
            }
            ShowFormat::Numbered => writeln!(out, "{:>6} {line}", record.frame),
            ShowFormat::Human => writeln!(out, "{line}"),
        }
    }
}
