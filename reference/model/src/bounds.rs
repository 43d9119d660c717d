//! What is searched: how much may happen in a history, and by which rules.

use hiatus_engine::{Rule, Sending};

use crate::app::{Closing, INCARNATION_MAX, OCTETS_MAX, Part, Program};

/// Epochs of one end at most, beside the one at the start.
pub const SNAPSHOTS_MAX: u8 = 6;

/// One search. Arrays are A, then B.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Octets that each application writes.
    pub octets: [u8; 2],
    /// Epochs that each host takes beside the one at the start.
    pub snapshots: [u8; 2],
    /// Times that each host is restored.
    pub crashes: [u8; 2],
    /// Whether each host uses hold-send.
    pub sending: [Sending; 2],
    /// Whether the applications close.
    pub closing: Closing,
    /// Whether the applications depend on each other.
    pub coupling: Coupling,
    /// Whether an instance of A goes on running when A is restored.
    pub clone: LiveClone,
    /// When applications read.
    pub reading: Reading,
    /// A rule that is left out.
    pub broken: Option<Broken>,
}

/// Whether the two applications depend on each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coupling {
    /// Each writes when it likes.
    Apart,
    /// A asks, B answers: one octet for one octet.
    Dialog,
}

/// Whether an instance of A goes on running beside the one that is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveClone {
    /// A restored host has no other instance.
    None,
    /// The first restore of A may leave the instance before it running, without a disk of its own.
    OfA,
}

/// When an application reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// As soon as something has come.
    AtOnce,
    /// At any later time: an epoch may hold octets that nobody has read.
    AnyTime,
}

/// A rule that is left out: one of the engine, or one of the host around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Broken {
    /// The engine breaks it.
    Engine(Rule),
    /// The host does.
    Host(HostRule),
}

/// A rule that the host of the engine keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HostRule {
    /// A restore stays on the line (draft, {#restoring}, HIA-MUST-89).
    Line,
    /// The epoch that is restored is DURABLE before the first RESUME (draft, {#restoring}, HIA-MUST-124).
    DurableFirst,
    /// No epoch older than the latest DURABLE one is restored: what "no needless end" assumes (draft, {#theorem}).
    LatestEpoch,
    /// The source of incarnations is not rolled back (draft, {#lives}, HIA-MUST-100).
    IncarnationOutside,
    /// The ceiling of timestamps is not rolled back (draft, {#restoring}, HIA-MUST-109).
    CeilingOutside,
    /// Connection and application are of the same instant (draft, {#snapshot}, HIA-MUST-114).
    SameInstant,
}

impl HostRule {
    /// Every rule.
    pub const ALL: [Self; 6] = [
        Self::Line,
        Self::DurableFirst,
        Self::LatestEpoch,
        Self::IncarnationOutside,
        Self::CeilingOutside,
        Self::SameInstant,
    ];

    /// The requirement of the draft that it is, or the section that assumes it.
    #[must_use]
    pub const fn requirement(self) -> &'static str {
        match self {
            Self::Line => "HIA-MUST-89",
            Self::DurableFirst => "HIA-MUST-124",
            Self::LatestEpoch => "theorem",
            Self::IncarnationOutside => "HIA-MUST-100",
            Self::CeilingOutside => "HIA-MUST-109",
            Self::SameInstant => "HIA-MUST-114",
        }
    }
}

impl Broken {
    /// Every rule that can be left out.
    pub fn all() -> impl Iterator<Item = Self> {
        Rule::ALL.into_iter().map(Self::Engine).chain(HostRule::ALL.into_iter().map(Self::Host))
    }

    /// Its name, as the command line has it.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Engine(rule) => format!("{rule:?}"),
            Self::Host(rule) => format!("{rule:?}"),
        }
    }

    /// The requirement that it is.
    #[must_use]
    pub fn requirement(self) -> &'static str {
        match self {
            Self::Engine(rule) => rule.requirement(),
            Self::Host(rule) => rule.requirement(),
        }
    }
}

impl Bounds {
    /// One direction, both ends with hold-send: where `cargo xtask model` begins.
    pub const SMALL: Self = Self {
        octets: [1, 0],
        snapshots: [1, 1],
        crashes: [1, 1],
        sending: [Sending::HoldSend; 2],
        closing: Closing::Never,
        coupling: Coupling::Apart,
        clone: LiveClone::None,
        reading: Reading::AtOnce,
        broken: None,
    };

    /// Whether the engine breaks a rule, and which.
    #[must_use]
    pub const fn broken_rule(&self) -> Option<Rule> {
        if let Some(Broken::Engine(rule)) = self.broken { Some(rule) } else { None }
    }

    /// Whether the host keeps `rule`.
    #[must_use]
    pub fn keeps(&self, rule: HostRule) -> bool {
        self.broken != Some(Broken::Host(rule))
    }

    /// What the application of `side` does.
    #[must_use]
    pub const fn program(&self, side: usize) -> Program {
        let part = match (self.coupling, side) {
            (Coupling::Apart, _) => Part::Alone,
            (Coupling::Dialog, 0) => Part::Asks,
            (Coupling::Dialog, _) => Part::Answers,
        };
        Program { octets: self.octets[side % 2], part, closing: self.closing }
    }

    /// True if no rollback may end the connection (draft, {#theorem}, "No needless end").
    #[must_use]
    pub fn promises_no_end(&self) -> bool {
        self.sending == [Sending::HoldSend; 2]
    }

    /// What of it is more than an octet of a history can tell apart.
    ///
    /// # Errors
    ///
    /// The bound that is exceeded.
    pub fn check(&self) -> Result<(), String> {
        let octets_max = OCTETS_MAX - u8::from(self.closing == Closing::WhenDone);
        if self.octets.iter().any(|count| *count > octets_max) {
            return Err(format!("at most {octets_max} octets in each direction"));
        }
        if self.snapshots.iter().any(|count| *count > SNAPSHOTS_MAX) {
            return Err(format!("at most {SNAPSHOTS_MAX} snapshots of each end"));
        }
        if self.crashes.iter().any(|count| u32::from(*count) >= INCARNATION_MAX) {
            return Err(format!("at most {} restores of each end", INCARNATION_MAX - 1));
        }
        if self.coupling == Coupling::Dialog && self.octets[0] != self.octets[1] {
            return Err("a dialog has as many answers as requests".to_owned());
        }
        Ok(())
    }
}
