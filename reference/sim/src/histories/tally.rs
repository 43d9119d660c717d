//! What befell a history, and how often in many.

use core::fmt;
use std::collections::BTreeMap;

use crate::histories::Outcome;
use crate::histories::host::End;

/// Something that a history held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A host lost its memory.
    Crash,
    /// It was restored to its latest DURABLE epoch.
    RestoredLatest,
    /// To one that was only TAKEN.
    RestoredNewer,
    /// To an older one on the line.
    RestoredOlder,
    /// It was to be restored to one off the line, and gave its connections up.
    RestoredOffLine,
    /// It was restored without an epoch, or to one in which the connection was not on.
    RestoredWithout,
    /// It was set back and not told.
    Unawares,
    /// Both ends were restored before they had spoken.
    BothRestored,
    /// One end was restored twice or more.
    RestoredAgain,
    /// It was restored to a state in which it had closed.
    RestoredClosing,
    /// A host lost power and kept its memory.
    PowerCut,
    /// A host said that it goes.
    Suspend,
    /// An absence of a day or more.
    LongAbsence,
    /// An instance was cloned, and the newer one hears.
    Clone,
    /// The same, and both hear.
    CloneBothHear,
    /// Two instances with one incarnation.
    Twins,
    /// A clock jumped.
    ClockJump,
    /// The path answered with RST.
    PathReset,
    /// Nothing passed for a time.
    Outage,
    /// Hiatus options were stripped.
    OptionsStripped,
    /// Options were copied to a second segment.
    OptionsCopied,
    /// Sequence numbers were rewritten.
    NumbersRewritten,
    /// Segments got lost.
    Loss,
    /// Segments came twice.
    Duplicate,
    /// Segments came much later.
    Straggler,
    /// A host held its peer.
    Held,
    /// A host presumed its peer away.
    Presumed,
    /// A host was in LINGER.
    Lingered,
    /// Retained octets were shed.
    Shed,
    /// The connection fell back to plain TCP.
    FellBack,
    /// An end was fenced.
    Fenced,
    /// An end saw DIVERGED.
    Diverged,
    /// An end saw GONE.
    Gone,
    /// No rollback was allowed to end the connection.
    NoNeedlessEnd,
    /// Both ends finished.
    BothFinished,
    /// The connection ended for another reason.
    EndedForReason,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 36] = [
        Self::Crash,
        Self::RestoredLatest,
        Self::RestoredNewer,
        Self::RestoredOlder,
        Self::RestoredOffLine,
        Self::RestoredWithout,
        Self::Unawares,
        Self::BothRestored,
        Self::RestoredAgain,
        Self::RestoredClosing,
        Self::PowerCut,
        Self::Suspend,
        Self::LongAbsence,
        Self::Clone,
        Self::CloneBothHear,
        Self::Twins,
        Self::ClockJump,
        Self::PathReset,
        Self::Outage,
        Self::OptionsStripped,
        Self::OptionsCopied,
        Self::NumbersRewritten,
        Self::Loss,
        Self::Duplicate,
        Self::Straggler,
        Self::Held,
        Self::Presumed,
        Self::Lingered,
        Self::Shed,
        Self::FellBack,
        Self::Fenced,
        Self::Diverged,
        Self::Gone,
        Self::NoNeedlessEnd,
        Self::BothFinished,
        Self::EndedForReason,
    ];

    /// What it is, for people.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Crash => "crash, memory lost",
            Self::RestoredLatest => "restored to the latest DURABLE epoch",
            Self::RestoredNewer => "restored to a newer TAKEN epoch",
            Self::RestoredOlder => "restored to an older DURABLE epoch",
            Self::RestoredOffLine => "restored off the line: given up",
            Self::RestoredWithout => "restored without the connection",
            Self::Unawares => "set back unawares",
            Self::BothRestored => "both restored before either spoke",
            Self::RestoredAgain => "one end restored twice or more",
            Self::RestoredClosing => "restored after its close",
            Self::PowerCut => "power cut, memory intact",
            Self::Suspend => "announced suspension",
            Self::LongAbsence => "absence of a day or more",
            Self::Clone => "clone, the newer hears",
            Self::CloneBothHear => "clone, both hear",
            Self::Twins => "twins with one incarnation",
            Self::ClockJump => "clock jump",
            Self::PathReset => "RST from the path",
            Self::Outage => "outage",
            Self::OptionsStripped => "options stripped",
            Self::OptionsCopied => "options copied to a second segment",
            Self::NumbersRewritten => "sequence numbers rewritten",
            Self::Loss => "loss",
            Self::Duplicate => "duplicates",
            Self::Straggler => "segments very late",
            Self::Held => "peer held",
            Self::Presumed => "peer presumed away",
            Self::Lingered => "LINGER",
            Self::Shed => "retained octets shed",
            Self::FellBack => "fell back to plain TCP",
            Self::Fenced => "FENCED",
            Self::Diverged => "DIVERGED",
            Self::Gone => "GONE",
            Self::NoNeedlessEnd => "no end allowed by the promise",
            Self::BothFinished => "both ends finished",
            Self::EndedForReason => "ended with another reason",
        }
    }

    const fn bit(self) -> u64 {
        1 << (self as u8)
    }
}

/// The kinds that one history held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen(u64);

impl Seen {
    /// Adds `kind`.
    pub fn note(&mut self, kind: Kind) {
        self.0 |= kind.bit();
    }

    /// Whether `kind` is among them.
    #[must_use]
    pub const fn holds(self, kind: Kind) -> bool {
        self.0 & kind.bit() != 0
    }
}

/// How many histories held what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Histories.
    pub histories: u64,
    /// Segments sent in them.
    pub segments: u64,
    /// Epochs TAKEN in them.
    pub epochs: u64,
    kinds: [u64; Kind::ALL.len()],
    /// How often an end of a connection came in each way; few enough to look through.
    ends: Vec<(Option<End>, u64)>,
}

impl Default for Tally {
    fn default() -> Self {
        Self { histories: 0, segments: 0, epochs: 0, kinds: [0; Kind::ALL.len()], ends: Vec::new() }
    }
}

impl Tally {
    /// Counts one history.
    pub fn add(&mut self, outcome: &Outcome) {
        self.histories += 1;
        self.segments += u64::from(outcome.segments);
        self.epochs += u64::try_from(outcome.epochs).unwrap_or(0);
        for (count, kind) in self.kinds.iter_mut().zip(Kind::ALL) {
            *count += u64::from(outcome.seen.holds(kind));
        }
        for end in outcome.ends {
            self.count_end(end, 1);
        }
    }

    fn count_end(&mut self, end: Option<End>, more: u64) {
        match self.ends.iter_mut().find(|(each, _)| *each == end) {
            Some((_, count)) => *count += more,
            None => self.ends.push((end, more)),
        }
    }

    /// Counts what another tally counted.
    pub fn merge(&mut self, other: &Self) {
        self.histories += other.histories;
        self.segments += other.segments;
        self.epochs += other.epochs;
        for (count, more) in self.kinds.iter_mut().zip(other.kinds) {
            *count += more;
        }
        for (end, count) in &other.ends {
            self.count_end(*end, *count);
        }
    }

    /// Histories that held `kind`.
    #[must_use]
    pub fn count(&self, kind: Kind) -> u64 {
        Kind::ALL.iter().zip(self.kinds).find(|(each, _)| **each == kind).map_or(0, |(_, count)| count)
    }

    /// How often an end of a connection came in each way, by its words.
    #[must_use]
    pub fn ends(&self) -> BTreeMap<String, u64> {
        let words = |end: Option<End>| end.map_or_else(|| "not over".to_owned(), |end| end.to_string());
        self.ends.iter().map(|(end, count)| (words(*end), *count)).collect()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, count) in Kind::ALL.iter().zip(self.kinds) {
            writeln!(f, "  {:<44} {count:>9}", kind.label())?;
        }
        writeln!(f, "how the ends of connections were told of the end:")?;
        for (end, count) in self.ends() {
            writeln!(f, "  {end:<44} {count:>9}")?;
        }
        Ok(())
    }
}
