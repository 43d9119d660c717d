//! Rules that a proof switches off one at a time, to see that something notices.

use crate::config::Config;

/// A rule of the draft's rollback sections that this engine keeps in one place.
///
/// With the feature `mutants`, `Config::broken` names one that the engine breaks; no product is built with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub enum Rule {
    /// End in RESUME is SND.LIM; broken, it is SND.NXT.
    EndIsLimit,
    /// RESUMING is mute: broken, it sends data and ACKs.
    MuteWhileResuming,
    /// RESUMING is deaf: what carries no message is dropped.
    DeafWhileResuming,
    /// The application's writes wait while RESUMING.
    WritesWaitWhileResuming,
    /// A RESUME-ACK with an older life than the recorded one is dropped.
    NoStaleResumeAck,
    /// The positions of a RESUME of the recorded life are not applied.
    ApplyOnlyNewerLife,
    /// An older incarnation, or the same with another nonce, is fenced.
    FenceOlder,
    /// R below SND.STB is answered with GONE.
    GoneBelowStable,
    /// R above SND.LIM, or End below RCV.NXT, is answered with DIVERGED.
    DivergedBeyondLimit,
    /// SND.UNA and SND.NXT are set to R.
    RewindToReceived,
    /// TS.Recent is taken from the message.
    TimestampsFence,
    /// Data out of order is dropped by who synchronises.
    DropOutOfOrderAtSync,
    /// The stable point that is reported is the RCV.NXT at TAKEN; broken, it is RCV.NXT now.
    StablePointWasTaken,
    /// An EPOCH tells the peer a stable point that rose.
    ReportStablePoint,
    /// An EPOCH is repeated until it is echoed.
    RepeatEpoch,
    /// A valid EPOCH raises SND.STB.
    RaiseStable,
    /// Acknowledged octets are kept for a peer that may come back older.
    Retain,
    /// Octets are held back for 120 seconds at most.
    HoldBackEnds,
    /// Hold-send: only what was in the send buffer of a DURABLE epoch leaves.
    HoldSend,
    /// A restored host takes a new life.
    NewIncarnation,
    /// A restored host drops its data out of order.
    DropOutOfOrderAtRestore,
    /// A restored host may be asked for everything in its send buffer: SND.LIM is its end.
    LimitIsEndAtRestore,
    /// Timestamps start above those of earlier incarnations.
    TimestampStep,
    /// A restored host ends the connection when its peer is plain TCP.
    RestoredMeetsPlain,
    /// An R above SND.LIM ends the connection of a host that was not told of its rollback.
    NoticeRollback,
    /// An ACK above SND.MAX makes a host with N ask.
    AskAboveMax,
    /// An EPOCH that stays unechoed makes a host ask.
    AskUnechoed,
    /// A host with N asks before it sends something new after a long time.
    AskAfterLongTime,
    /// A connection is kept until SND.STB has passed the own FIN.
    LingerForOwnFin,
    /// A connection is kept until the stable point past the peer's FIN was echoed.
    LingerForPeerFin,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 30] = [
        Self::EndIsLimit,
        Self::MuteWhileResuming,
        Self::DeafWhileResuming,
        Self::WritesWaitWhileResuming,
        Self::NoStaleResumeAck,
        Self::ApplyOnlyNewerLife,
        Self::FenceOlder,
        Self::GoneBelowStable,
        Self::DivergedBeyondLimit,
        Self::RewindToReceived,
        Self::TimestampsFence,
        Self::DropOutOfOrderAtSync,
        Self::StablePointWasTaken,
        Self::ReportStablePoint,
        Self::RepeatEpoch,
        Self::RaiseStable,
        Self::Retain,
        Self::HoldBackEnds,
        Self::HoldSend,
        Self::NewIncarnation,
        Self::DropOutOfOrderAtRestore,
        Self::LimitIsEndAtRestore,
        Self::TimestampStep,
        Self::RestoredMeetsPlain,
        Self::NoticeRollback,
        Self::AskAboveMax,
        Self::AskUnechoed,
        Self::AskAfterLongTime,
        Self::LingerForOwnFin,
        Self::LingerForPeerFin,
    ];

    /// The requirement of the draft that it is, or is part of.
    #[must_use]
    pub const fn requirement(self) -> &'static str {
        match self {
            Self::EndIsLimit | Self::LimitIsEndAtRestore => "HIA-MUST-107",
            Self::MuteWhileResuming => "HIA-MUST-61",
            Self::DeafWhileResuming => "HIA-MUST-62",
            Self::WritesWaitWhileResuming => "HIA-MUST-108",
            Self::NoStaleResumeAck => "HIA-MUST-65",
            Self::ApplyOnlyNewerLife => "HIA-MUST-71",
            Self::FenceOlder => "HIA-MUST-72",
            Self::GoneBelowStable => "HIA-MUST-75",
            Self::DivergedBeyondLimit => "HIA-MUST-76",
            Self::RewindToReceived => "HIA-MUST-77",
            Self::TimestampsFence | Self::TimestampStep => "HIA-MUST-109",
            Self::DropOutOfOrderAtSync => "HIA-MUST-78",
            Self::StablePointWasTaken => "HIA-MUST-90",
            Self::ReportStablePoint => "HIA-MUST-91",
            Self::RepeatEpoch => "HIA-MUST-92",
            Self::RaiseStable => "HIA-MUST-94",
            Self::Retain => "HIA-MUST-95",
            Self::HoldBackEnds => "HIA-MUST-96",
            Self::HoldSend => "HIA-MUST-99",
            Self::NewIncarnation => "HIA-MUST-100",
            Self::DropOutOfOrderAtRestore => "HIA-MUST-106",
            Self::RestoredMeetsPlain => "HIA-MUST-110",
            Self::NoticeRollback => "HIA-MUST-103",
            Self::AskAboveMax => "HIA-MUST-122",
            Self::AskUnechoed => "HIA-MUST-104",
            Self::AskAfterLongTime => "HIA-MUST-123",
            Self::LingerForOwnFin => "HIA-MUST-111",
            Self::LingerForPeerFin => "HIA-MUST-112",
        }
    }
}

impl Config {
    /// Whether `rule` is kept: always, in a product.
    #[cfg(not(feature = "mutants"))]
    #[inline]
    #[expect(clippy::unused_self, reason = "with the feature it is asked")]
    pub(crate) const fn keeps(&self, _rule: Rule) -> bool {
        true
    }

    /// Whether `rule` is kept.
    #[cfg(feature = "mutants")]
    pub(crate) fn keeps(&self, rule: Rule) -> bool {
        self.broken != Some(rule)
    }
}
