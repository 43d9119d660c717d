//! What a history is told by: two hosts, a network, and what befalls them. Plain data, so that it can be made smaller.

use core::fmt;
use core::time::Duration;

use hiatus_engine::{Sending, Time};

use crate::path::Strip;
use crate::sim::Side;

/// One history before it is run. The same story runs the same way, segment for segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    /// Where what the run draws comes from: loss, delays, keys, what is written after a rollback.
    pub seed: u64,
    /// Both ends.
    pub hosts: [HostPlan; 2],
    /// What the applications do.
    pub task: Task,
    /// The path between them, until it is good.
    pub network: Network,
    /// What befalls them, in the order of time.
    pub disturbances: Vec<Disturbance>,
}

/// One host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostPlan {
    /// How it may come back.
    pub absence: Absence,
    /// K: whether it keeps octets for a peer that comes back older, and how many.
    pub retained_octets_max: Option<u32>,
    /// Hold-send or not.
    pub sending: Sending,
    /// For how long it holds the connection for its peer, in seconds; 0 holds nothing.
    pub hold_seconds: u32,
    /// Whether it can answer LOST.
    pub derives_key: bool,
    /// From one epoch TAKEN to the next, if there is something new.
    pub snapshot_interval: Duration,
    /// From TAKEN to DURABLE at most.
    pub durable_after_max: Duration,
    /// An idle application learns some time after that that its peer has no state any more.
    pub keep_alive_idle: Duration,
    /// Data octets of its largest segment.
    pub mss_octets: u16,
    /// Room for octets not yet read.
    pub receive_buffer_octets: u32,
}

/// What a host says of its absences in CAPABLE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// S: it falls silent and comes back as it was.
    Silent,
    /// N: it may come back older.
    Older,
}

/// What the two applications do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Task {
    /// Who writes what.
    pub kind: TaskKind,
    /// Octets that are written in all, in each direction that the kind uses; a whole number of pieces.
    pub octets: u32,
    /// Octets of one write, request or reply, at least 1.
    pub piece_octets: u32,
    /// From one write to the next.
    pub pause: Duration,
}

/// Who writes what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TaskKind {
    /// A sends a counter that grows.
    Counter,
    /// B sends back what A wrote.
    Echo,
    /// A asks, B answers, A asks again.
    Requests,
    /// A sends.
    Bulk,
    /// B sends.
    BulkBack,
    /// Both send at once.
    BulkBoth,
}

impl TaskKind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Counter, Self::Echo, Self::Requests, Self::Bulk, Self::BulkBack, Self::BulkBoth];
}

/// The path, the same in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// What every segment takes.
    pub delay: Duration,
    /// What it takes beyond that, at most: segments overtake each other.
    pub jitter: Duration,
    /// Lost, in a thousand.
    pub loss_per_mille: u16,
    /// Arriving twice, in a thousand.
    pub duplicates_per_mille: u16,
    /// Arriving much later, in a thousand.
    pub stragglers_per_mille: u16,
    /// How much later, at most.
    pub straggle: Duration,
    /// What a middlebox does to Hiatus options.
    pub strip: Strip,
    /// Whether a middlebox cuts segments with data in two and copies the options.
    pub offload: Offload,
    /// What a middlebox adds to the sequence numbers of A and of B.
    pub isn_shift: [u32; 2],
}

/// What becomes of a segment with data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offload {
    /// It stays one.
    Whole,
    /// It is cut in two, each half with all the options.
    Cuts,
}

/// Something that befalls one end or its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disturbance {
    /// When it begins.
    pub at: Time,
    /// Whom it befalls.
    pub side: Side,
    /// What it is.
    pub kind: Trouble,
}

/// What befalls a host or its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The host says that it goes, and comes back with its memory.
    Suspend {
        /// For how long it is away.
        absence: Duration,
    },
    /// The host stops without a word, and comes back with its memory.
    PowerCut {
        /// For how long it is away.
        absence: Duration,
    },
    /// The host loses its memory and is restored.
    Crash {
        /// Until it is restored.
        downtime: Duration,
        /// To what.
        to: Restore,
    },
    /// The host is set back and not told.
    Unawares {
        /// To what.
        to: Restore,
    },
    /// Another instance is made of an epoch, while this one goes on.
    Clone {
        /// Of which.
        of: Restore,
        /// How long this one goes on.
        lives: Duration,
        /// Who hears what arrives.
        hears: Hears,
    },
    /// The host loses its memory, and its latest epoch is restored twice with the same incarnation.
    Twins {
        /// Until the first is restored.
        downtime: Duration,
        /// From then until the second is.
        apart: Duration,
    },
    /// The clock of the host jumps forward.
    ClockJump {
        /// By so much.
        by: Duration,
    },
    /// The path has forgotten the connection: what this side sends next draws an RST with the right number.
    Forgotten {
        /// So many segments.
        segments: u16,
    },
    /// Nothing passes, either way.
    Outage {
        /// For how long.
        lasts: Duration,
    },
}

/// Which epoch a host is restored to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restore {
    /// The latest that is DURABLE.
    Latest,
    /// The latest that was TAKEN on the line; it is made DURABLE first.
    Newest,
    /// A DURABLE one on the line, so many before the latest.
    Older(u8),
    /// The latest DURABLE one that is not on the line; the latest on it if there is none.
    OffLine,
}

/// Which of two instances hears what arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hears {
    /// The newer.
    Newer,
    /// Both.
    Both,
}

impl Trouble {
    /// When it is over, if it begins at `at`.
    #[must_use]
    pub fn ends(&self, at: Time) -> Time {
        match *self {
            Self::Suspend { absence } | Self::PowerCut { absence } => at + absence,
            Self::Crash { downtime, .. } => at + downtime,
            Self::Clone { lives, .. } => at + lives,
            Self::Twins { downtime, apart } => at + downtime + apart,
            Self::Outage { lasts } => at + lasts,
            Self::Unawares { .. } | Self::ClockJump { .. } | Self::Forgotten { .. } => at,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Suspend { absence } => write!(f, "is suspended for {absence:?}"),
            Self::PowerCut { absence } => write!(f, "loses power for {absence:?}, its memory stays"),
            Self::Crash { downtime, to } => {
                write!(f, "loses its memory; restored after {downtime:?} to {to}")
            }
            Self::Unawares { to } => write!(f, "is set back unawares to {to}"),
            Self::Clone { of, lives, hears } => {
                let who = if *hears == Hears::Both { "both hear" } else { "the newer hears" };
                write!(f, "is cloned from {of}; the old instance goes on for {lives:?}; {who} what arrives")
            }
            Self::Twins { downtime, apart } => {
                write!(f, "loses its memory; restored after {downtime:?} and again {apart:?} later, as twins")
            }
            Self::ClockJump { by } => write!(f, "has its clock put forward by {by:?}"),
            Self::Forgotten { segments } => write!(f, "is forgotten by its path: RST to the next {segments}"),
            Self::Outage { lasts } => write!(f, "is cut off for {lasts:?}, both ways"),
        }
    }
}

impl fmt::Display for Restore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("the latest DURABLE epoch"),
            Self::Newest => f.write_str("the newest TAKEN epoch"),
            Self::Older(count) => write!(f, "the DURABLE epoch {count} before the latest"),
            Self::OffLine => f.write_str("the latest DURABLE epoch off the line"),
        }
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Task { kind, octets, piece_octets, pause } = self.task;
        writeln!(f, "task: {kind:?}, {octets} octets in pieces of {piece_octets}, {pause:?} apart")?;
        for (name, host) in ["A", "B"].iter().zip(&self.hosts) {
            let HostPlan { absence, sending, hold_seconds, .. } = host;
            write!(f, "{name}: {absence:?}, {sending:?}, holds for {hold_seconds} s, ")?;
            match host.retained_octets_max {
                Some(most) => write!(f, "retains {most} octets, ")?,
                None => f.write_str("retains nothing, ")?,
            }
            let (interval, durable) = (host.snapshot_interval, host.durable_after_max);
            writeln!(
                f,
                "epochs every {interval:?}, DURABLE within {durable:?}, MSS {}, receive buffer {}, {}",
                host.mss_octets,
                host.receive_buffer_octets,
                if host.derives_key { "derived key" } else { "drawn key" }
            )?;
        }
        writeln!(f, "{}", self.network)?;
        for Disturbance { at, side, kind } in &self.disturbances {
            writeln!(f, "+{at} {side:?} {kind}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            delay, jitter, loss_per_mille, duplicates_per_mille, stragglers_per_mille, straggle, ..
        } = self;
        write!(
            f,
            "path: {delay:?} and up to {jitter:?}, loss {loss_per_mille}, double {duplicates_per_mille}, "
        )?;
        write!(f, "late {stragglers_per_mille} per mille by up to {straggle:?}, strips {:?}, ", self.strip)?;
        write!(f, "{:?}, numbers shifted by {:?}", self.offload, self.isn_shift)
    }
}
