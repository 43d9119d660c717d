//! The passive checker: captures in, diagnoses and verdicts out, for the captures of any stack.
//!
//! Diagnoses ([`DiagnosisKind`]) need no Hiatus: they say what the loss of state does to a TCP connection, which end
//! came back older, how much is gone, how long it stood still and how it ended. Verdicts say which requirements of the
//! draft held. Both name the frames.
//!
//! What a passive observer cannot decide is said: `not_passive.rs` lists the requirements of which no capture shows
//! enough, and a verdict is inconclusive where a segment that is missing, or one that did not arrive, would explain
//! what looks broken. [`CheckOptions::taken_at`] says where a capture was taken, and that it lacks nothing.
//!
//! Streaming and bounded, whatever the file: [`CONNECTIONS_MAX`](crate::capture::flow::CONNECTIONS_MAX) connections,
//! one ring of content digests for all of them, [`DIAGNOSES_MAX`] diagnoses.

mod absence;
mod answers;
mod ending;
mod epochs;
mod history;
mod human;
mod incident;
mod junit;
mod listing;
mod negotiation;
mod not_passive;
mod octets;
mod proof;
mod reading;
mod report;
mod returning;
mod rewind;
mod rules;
mod silence;
mod story;
mod talk;
mod verdict;
mod watch;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{IsTerminal, Read, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use hiatus_codec::{Flags, KnownOptions};
use indicatif::{ProgressBar, ProgressStyle};

use crate::capture::flow::{Flow, FlowTable};
use crate::capture::{CaptureError, Found, NotTcp, Problem, Reader, Segment, Timestamp, find_segment};
use history::History;
use incident::Mark;
use junit::{Unreadable, junit};
pub use not_passive::not_passive;
pub use report::{
    Diagnosis, DiagnosisKind, EndReport, Endings, FileReport, Level, Outcome, ProblemReport, Report,
    SCHEMA_VERSION, Verdict,
};
use verdict::Tally;
use watch::{Seen, Watch};

/// Diagnoses listed of a file.
pub const DIAGNOSES_MAX: usize = 1000;
/// Connections of a file listed that lack packets.
pub const MISSING_MAX: usize = 100;
/// Files below this size are read before a progress bar could be seen.
const PROGRESS_OCTETS_MIN: u64 = 64 * 1024 * 1024;
/// Packets between two looks at the progress bar.
const PROGRESS_PACKETS: u64 = 1 << 16;

/// `conform check`: verdicts and diagnoses on captures.
#[derive(Args, Clone, Debug)]
pub struct CheckArgs {
    /// Captures, pcap or pcapng.
    #[arg(required_unless_present = "rules", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How to say it.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// The captures were taken at the host with this address and lack nothing: its end is judged to the full. May be
    /// given more than once.
    #[arg(long, value_name = "ADDRESS")]
    taken_at: Vec<IpAddr>,
    /// A SHOULD that is broken counts as a failure too.
    #[arg(long)]
    strict: bool,
    /// Say only what is broken, damaged, or could not be read.
    #[arg(long, short)]
    quiet: bool,
    /// List what is judged and what is not, and why; read nothing.
    #[arg(long, conflicts_with = "files")]
    rules: bool,
}

/// What is known of captures beside what is in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckOptions {
    /// The capture was taken at these hosts and lacks nothing of theirs: what it shows for them has arrived there. Where
    /// this is not known, much that looks broken may be explained by a segment that is missing, and is inconclusive.
    pub taken_at: Vec<IpAddr>,
}

/// Output of `conform check`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum Format {
    /// Sentences.
    Human,
    /// One JSON document (conformance/schema/check.schema.json).
    Json,
    /// JUnit XML.
    Junit,
}

/// Runs `conform check`. Exit codes: 0 no MUST was surely broken (with `--strict`, no SHOULD either), 1 one was, 2 a file
/// could not be read.
#[must_use]
pub fn run(args: &CheckArgs) -> ExitCode {
    if args.rules {
        return written(listing::write(&mut std::io::stdout().lock(), args.format))
            .unwrap_or(ExitCode::SUCCESS);
    }
    let options = CheckOptions { taken_at: args.taken_at.clone() };
    let mut report = Report { schema: SCHEMA_VERSION, files: Vec::new() };
    let mut unreadable = Vec::new();
    for path in &args.files {
        match check_path_with(path, &options) {
            Ok(file) => report.files.push(file),
            Err(error) => {
                eprintln!("conform check: {}: {error}", path.display());
                let (path, because) = (path.display().to_string(), error.to_string());
                unreadable.push(Unreadable { path, because });
            }
        }
    }
    let result = match args.format {
        Format::Json => json(&report),
        Format::Junit => junit(&report, &unreadable)
            .map_err(std::io::Error::other)
            .and_then(|text| std::io::stdout().lock().write_all(text.as_bytes())),
        Format::Human => {
            let surface = if std::io::stdout().is_terminal() {
                human::Surface::Terminal { columns: textwrap::termwidth() }
            } else {
                human::Surface::Plain
            };
            let detail = if args.quiet { human::Detail::Trouble } else { human::Detail::All };
            human::write(&report, &mut std::io::stdout().lock(), surface, detail)
        }
    };
    if let Some(code) = written(result) {
        return code;
    }
    let counts = |level: Level| level == Level::Must || args.strict;
    let failed = report
        .files
        .iter()
        .flat_map(|file| &file.verdicts)
        .any(|verdict| verdict.verdict == Outcome::Fail && counts(verdict.level));
    match (!unreadable.is_empty(), failed) {
        (true, _) => ExitCode::from(2),
        (false, true) => ExitCode::from(1),
        (false, false) => ExitCode::SUCCESS,
    }
}

/// The exit code if writing failed: the reader of a pipe may have seen enough.
fn written(result: std::io::Result<()>) -> Option<ExitCode> {
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            eprintln!("conform check: cannot write: {error}");
            Some(ExitCode::from(2))
        }
        _ => None,
    }
}

fn json(report: &Report) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, report)?;
    writeln!(out)
}

/// Checks the capture at `path`.
///
/// # Errors
///
/// See [`CaptureError`]. A file that can be read in part gives a report, with what could not be read as problems.
pub fn check_path(path: &Path) -> Result<FileReport, CaptureError> {
    check_path_with(path, &CheckOptions::default())
}

/// The same with what is known of the capture.
///
/// # Errors
///
/// See [`check_path`].
pub fn check_path_with(path: &Path, options: &CheckOptions) -> Result<FileReport, CaptureError> {
    let file = File::open(path)?;
    let octets = file.metadata().map_or(0, |metadata| metadata.len());
    let bar =
        (octets >= PROGRESS_OCTETS_MIN && std::io::stderr().is_terminal()).then(|| progress_bar(octets));
    let report = check_with(file, options, |offset_octets| {
        if let Some(bar) = &bar {
            bar.set_position(offset_octets);
        }
    });
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    report.map(|report| FileReport { path: path.display().to_string(), ..report })
}

fn progress_bar(octets: u64) -> ProgressBar {
    let bar = ProgressBar::new(octets);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}") {
        bar.set_style(style);
    }
    bar
}

/// Checks the capture that `file` holds; its `path` is empty. `progress` is told now and then how many octets are read.
///
/// # Errors
///
/// See [`CaptureError`].
pub fn check<R: Read>(file: R, progress: impl FnMut(u64)) -> Result<FileReport, CaptureError> {
    check_with(file, &CheckOptions::default(), progress)
}

/// The same with what is known of the capture.
///
/// # Errors
///
/// See [`CaptureError`].
pub fn check_with<R: Read>(
    file: R,
    options: &CheckOptions,
    mut progress: impl FnMut(u64),
) -> Result<FileReport, CaptureError> {
    let mut reader = Reader::new(file)?;
    let mut checker = Checker { options: options.clone(), ..Checker::default() };
    checker.told.strangers.clone_from(&options.taken_at);
    while let Some(record) = reader.next_record() {
        let packets = record.frame;
        checker.capture_end = checker.capture_end.max(record.at);
        match find_segment(record.link_type, record.octets) {
            Found::Segment(segment) => checker.on_segment(&segment, record.frame, record.at),
            Found::Other(NotTcp::UnknownLinkType) => {
                let unknown = checker.unknown_links.entry(record.link_type).or_insert((record.frame, 0));
                unknown.1 += 1;
            }
            Found::Other(_) => {}
        }
        checker.packets = packets;
        if packets.is_multiple_of(PROGRESS_PACKETS) {
            progress(reader.offset_octets());
        }
    }
    let problems = reader.problems().to_vec();
    Ok(checker.finish(problems))
}

/// Everything known while a capture is read.
#[derive(Debug, Default)]
struct Checker {
    options: CheckOptions,
    flows: FlowTable<Watch>,
    history: History,
    talks: talk::Talks,
    tally: Tally,
    told: Told,
    packets: u64,
    tcp_segments: u64,
    capture_end: Timestamp,
    /// Link type: first frame, count.
    unknown_links: BTreeMap<u16, (u64, u64)>,
}

/// What is already said of connections that ended.
#[derive(Debug, Default)]
struct Told {
    diagnoses: Vec<Diagnosis>,
    left_off: u64,
    /// What the capture lacks, and of how many connections that is not said.
    missing: Vec<Problem>,
    missing_left_off: u64,
    endings: Endings,
    /// Hosts where the capture is said to be taken, and that no connection so far has for an end.
    strangers: Vec<IpAddr>,
}

impl Told {
    fn add(
        &mut self,
        mut flow: Flow<Watch>,
        capture_end: Timestamp,
        tally: &mut Tally,
        talks: &mut talk::Talks,
    ) {
        self.strangers.retain(|host| flow.endpoints.iter().all(|end| end.address() != *host));
        if let Some(talk) = &mut flow.extra.talk {
            talks.count = talks.count.saturating_sub(1);
            talk.finish(flow.number, flow.endpoints, capture_end, tally);
        }
        for missing in flow.extra.ends.iter().filter_map(|end| end.trouble().missing) {
            let (frame, connection) = (missing.told.frame, flow.number);
            if self.missing.len() < MISSING_MAX {
                self.missing.push(Problem::Missing {
                    frame,
                    connection,
                    low: missing.low,
                    high: missing.high,
                });
            } else {
                self.missing_left_off += 1;
            }
        }
        let diagnoses = story::tell(flow, capture_end, &mut self.endings);
        for diagnosis in diagnoses {
            if self.diagnoses.len() < DIAGNOSES_MAX {
                self.diagnoses.push(diagnosis);
            } else {
                self.left_off += 1;
            }
        }
    }
}

impl Checker {
    fn on_segment(&mut self, segment: &Segment<'_>, frame: u64, at: Timestamp) {
        self.tcp_segments += 1;
        let (told, tally, talks, capture_end) =
            (&mut self.told, &mut self.tally, &mut self.talks, self.capture_end);
        let place = self.flows.place(segment, frame, |flow| told.add(flow, capture_end, tally, talks));
        let flow = self.flows.flow(place.slot);
        let own = flow.directions[place.sender.index()];
        let peer = flow.directions[place.sender.peer().index()];
        let tcp = &segment.tcp;
        let options = KnownOptions::parse(tcp);
        let start = own.position(tcp.seq);
        let fin_and_syn =
            i64::from(tcp.flags.contains(Flags::SYN)) + i64::from(tcp.flags.contains(Flags::FIN));
        let seen = Seen {
            mark: Mark { frame, at },
            sender: place.sender,
            start,
            end: start + i64::from(segment.data_octets) + fin_and_syn,
            ack: tcp.flags.contains(Flags::ACK).then(|| peer.position(tcp.ack)),
            timestamps: options.timestamps,
            flags: tcp.flags,
            window: tcp.window,
            data: segment.is_whole().then_some(tcp.payload),
            data_octets: segment.data_octets,
            has_cut_options: segment.has_cut_options(),
            origin: own.origin(),
        };
        if talk::concerns(&flow.extra, tcp) {
            let whole = flow.endpoints.map(|end| self.options.taken_at.contains(&end.address()));
            let origins = flow.directions.map(|direction| direction.origin());
            let (connection, endpoints) = (flow.number, flow.endpoints);
            let (tally, talks) = (&mut self.tally, &mut self.talks);
            let around = talk::Surroundings { connection, endpoints, origins, whole, tally, talks };
            talk::on_segment(&mut flow.extra, &seen, tcp, around);
        }
        flow.extra.on_segment(&seen, &mut self.history);
    }

    fn finish(self, problems: Vec<Problem>) -> FileReport {
        let Self { flows, mut told, mut tally, mut talks, capture_end, .. } = self;
        let (connections, evicted) = (flows.connections(), flows.evicted());
        flows.finish(|flow| told.add(flow, capture_end, &mut tally, &mut talks));
        told.diagnoses.sort_by(|one, other| {
            (&one.frames, one.connection, one.kind).cmp(&(&other.frames, other.connection, other.kind))
        });
        let mut problems = problems;
        problems.extend(
            self.unknown_links.into_iter().map(|(link_type, (frame, count))| Problem::UnknownLinkType {
                frame,
                link_type,
                count,
            }),
        );
        if evicted > 0 {
            let max_count = crate::capture::flow::CONNECTIONS_MAX;
            problems.push(Problem::ConnectionsEvicted { max_count, count: evicted });
        }
        problems.append(&mut told.missing);
        if told.missing_left_off > 0 {
            problems.push(Problem::MissingLeftOff { max_count: MISSING_MAX, count: told.missing_left_off });
        }
        problems.extend(told.strangers.iter().map(|host| Problem::NotTakenThere { host: *host }));
        if talks.refused > 0 {
            problems.push(Problem::NotJudged { max_count: talk::TALKS_MAX, count: talks.refused });
        }
        if told.left_off > 0 {
            problems.push(Problem::DiagnosesLeftOff { max_count: DIAGNOSES_MAX, count: told.left_off });
        }
        FileReport {
            path: String::new(),
            packets: self.packets,
            tcp_segments: self.tcp_segments,
            connections,
            endings: told.endings,
            diagnoses: told.diagnoses,
            verdicts: tally.verdicts(),
            problems: problems.iter().map(problem_report).collect(),
        }
    }
}

fn problem_report(problem: &Problem) -> ProblemReport {
    ProblemReport {
        offset_octets: problem.offset_octets(),
        frame: problem.frame(),
        text: problem.to_string(),
    }
}
