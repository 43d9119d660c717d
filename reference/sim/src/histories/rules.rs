//! Rules that can be switched off, to see that the oracle notices.

#[cfg(feature = "mutants")]
use hiatus_engine::Rule;

/// The rule that one run breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Broken {
    /// None.
    #[default]
    Nothing,
    /// One that the engine keeps.
    #[cfg(feature = "mutants")]
    Engine(Rule),
    /// One that the host around it keeps.
    Host(HostRule),
}

/// A rule that no engine can keep alone: it speaks of the host's store, counters and order of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum HostRule {
    /// Broken, an epoch off the line is restored like any other.
    Line,
    /// Broken, the counter of incarnations is rolled back with the host.
    Incarnations,
    /// Broken, the nonce is drawn from what is restored.
    Nonces,
    /// Broken, connections are answered for while they are being restored.
    MuteUntilRestored,
    /// Broken, the clock of timestamps goes on from where the epoch left it.
    TimestampCeiling,
    /// Broken, the application in an epoch is the one of the epoch before.
    AtomicSnapshot,
    /// Broken, a host comes back with an epoch that is not DURABLE.
    DurableBeforeResume,
    /// Broken, an epoch of an earlier incarnation that becomes DURABLE late is reported.
    OldEpochsSilent,
}

impl HostRule {
    /// Every rule.
    pub const ALL: [Self; 8] = [
        Self::Line,
        Self::Incarnations,
        Self::Nonces,
        Self::MuteUntilRestored,
        Self::TimestampCeiling,
        Self::AtomicSnapshot,
        Self::DurableBeforeResume,
        Self::OldEpochsSilent,
    ];

    /// The requirement of the draft that it is.
    #[must_use]
    pub const fn requirement(self) -> &'static str {
        match self {
            Self::Line | Self::OldEpochsSilent => "HIA-MUST-89",
            Self::Incarnations => "HIA-MUST-100",
            Self::Nonces => "HIA-MUST-101",
            Self::MuteUntilRestored => "HIA-MUST-105",
            Self::TimestampCeiling => "HIA-MUST-109",
            Self::AtomicSnapshot => "HIA-MUST-114",
            Self::DurableBeforeResume => "HIA-MUST-124",
        }
    }
}

impl Broken {
    /// Every rule that can be broken in this build.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let host = HostRule::ALL.into_iter().map(Self::Host);
        #[cfg(feature = "mutants")]
        let host = host.chain(Rule::ALL.into_iter().map(Self::Engine));
        host.collect()
    }

    /// The rule of that name, as [`name`](Self::name) gives it.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|rule| rule.name().eq_ignore_ascii_case(name))
    }

    /// What it is called on the command line.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Nothing => "nothing".to_owned(),
            #[cfg(feature = "mutants")]
            Self::Engine(rule) => format!("{rule:?}"),
            Self::Host(rule) => format!("{rule:?}"),
        }
    }

    /// The requirement of the draft that is broken; empty if none is.
    #[must_use]
    pub const fn requirement(self) -> &'static str {
        match self {
            Self::Nothing => "",
            #[cfg(feature = "mutants")]
            Self::Engine(rule) => rule.requirement(),
            Self::Host(rule) => rule.requirement(),
        }
    }

    /// True unless `rule` is the broken one.
    pub(crate) fn keeps(self, rule: HostRule) -> bool {
        self != Self::Host(rule)
    }
}
