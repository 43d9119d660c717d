//! What `conform check` says, as data: the JSON document and everything the human report is made of.

use serde::Serialize;

/// Version of the document; a field that goes or changes its meaning raises it.
pub const SCHEMA_VERSION: u32 = 2;

/// The whole document.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// [`SCHEMA_VERSION`].
    pub schema: u32,
    /// A report per file, in the order given.
    pub files: Vec<FileReport>,
}

/// What one capture shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// As given on the command line.
    pub path: String,
    /// Packets read.
    pub packets: u64,
    /// Those of them that are TCP segments.
    pub tcp_segments: u64,
    /// Connections.
    pub connections: u64,
    /// How the connections ended.
    pub endings: Endings,
    /// What happened to them, by first frame.
    pub diagnoses: Vec<Diagnosis>,
    /// Which requirements of the draft held.
    pub verdicts: Vec<Verdict>,
    /// What could not be read or followed.
    pub problems: Vec<ProblemReport>,
}

/// How the connections of a capture ended, as far as it shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Endings {
    /// Both ends sent FIN.
    pub closed: u64,
    /// An end sent RST.
    pub reset: u64,
    /// Neither: the capture ends first, or the connection was closed early for want of room.
    pub open: u64,
}

/// What happened to a connection. The words are stable; `pcaps/rollback/README.md` shows each on a real capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DiagnosisKind {
    /// An end acknowledges less than it already had, for good or until it is sent again: it came back with an older
    /// state. `octets`: acknowledged octets it no longer has.
    ReceiverRollback,
    /// An end sends from below what its peer has acknowledged, with its timestamp clock gone back or with other
    /// content. `octets`: acknowledged octets it no longer knows to have sent.
    SenderRollback,
    /// After a sender's rollback the connection went on, and what the receiver keeps is not what the sender now
    /// believes to have sent. No error anywhere. `octets`: octets that differ.
    SilentDivergence,
    /// Octets sent again with other content, without any other sign of a rollback: a middlebox, or an attack.
    /// `octets`: octets that differ.
    AlteredRetransmission,
    /// Data was sent again at least twice without an answer, for at least a second. `octets`: data that waited.
    Stall,
    /// An end was silent for at least a second while its peer sent again, and its timestamp clock stood still with it:
    /// it was paused, and came back with its memory.
    Suspension,
    /// The same with a clock that went on or is not known: the path was cut, or the end never came back.
    Silence,
    /// An end stopped sending again what was not acknowledged, and neither closed nor reset. `octets`: data given up.
    SilentGiveUp,
    /// A damaged connection ended by RST.
    Reset,
    /// A connection went on after a silence, a suspension or a rollback, and nothing seen says it is wrong.
    Survived,
    /// The capture ends with the connection stalled.
    OpenAtEnd,
}

/// A diagnosis: what, where, how much, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// What.
    pub kind: DiagnosisKind,
    /// Number of the connection, from 0, by first frame (tshark's `tcp.stream`).
    pub connection: u64,
    /// The end it is about, `A` (sent the SYN) or `B`; `null` for the connection as a whole.
    pub side: Option<char>,
    /// The frames that show it, numbers from 1, ascending.
    pub frames: Vec<u64>,
    /// How many octets, where the kind has an amount.
    pub octets: Option<u64>,
    /// How long in nanoseconds, where the kind has a duration.
    pub duration_ns: Option<u64>,
    /// A sentence.
    pub text: String,
}

/// Whether a requirement held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Outcome {
    /// Every segment it applies to obeys it.
    #[serde(rename = "pass")]
    Pass,
    /// At least one breaks it.
    #[serde(rename = "fail")]
    Fail,
    /// None surely breaks it, and of at least one the capture cannot tell.
    #[serde(rename = "inconclusive")]
    Inconclusive,
    /// No segment it applies to.
    #[serde(rename = "not exercised")]
    NotExercised,
}

/// How much a requirement demands (BCP 14).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Level {
    /// MUST and MUST NOT.
    #[serde(rename = "MUST")]
    Must,
    /// SHOULD and SHOULD NOT.
    #[serde(rename = "SHOULD")]
    Should,
}

/// The verdict on a requirement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Its label in the draft.
    pub requirement: &'static str,
    /// How much it demands.
    pub level: Level,
    /// Whether it held.
    pub verdict: Outcome,
    /// How often it held.
    pub held: u64,
    /// How often it was broken.
    pub broken: u64,
    /// How often the capture cannot tell.
    pub doubtful: u64,
    /// The frames that break it, or where none does those that leave it open, at most a hundred, ascending; where it
    /// held, empty.
    pub frames: Vec<u64>,
    /// The ends that break it, at most a hundred.
    pub ends: Vec<EndReport>,
    /// What was looked at, and why it is open if it is.
    pub text: String,
}

/// An end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct EndReport {
    /// Number of the connection, from 0, by first frame.
    pub connection: u64,
    /// `A` (sent the SYN) or `B`.
    pub side: char,
    /// Its address and port.
    pub address: String,
}

/// Something that could not be read or followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProblemReport {
    /// Where in the file, octets from its start.
    pub offset_octets: Option<u64>,
    /// In which packet.
    pub frame: Option<u64>,
    /// A sentence.
    pub text: String,
}
