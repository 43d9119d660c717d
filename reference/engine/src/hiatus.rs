//! The Hiatus side of a connection, beside the states of RFC 9293.

pub(crate) mod absence;
pub(crate) mod answer;
pub(crate) mod check;
pub(crate) mod epoch;
pub(crate) mod negotiation;
pub(crate) mod question;
pub(crate) mod sync;

use alloc::boxed::Box;
use core::time::Duration;

use hiatus_codec::mac::{Role, SessionKey};
use hiatus_codec::{Capable, CapableBits, ConnectionKey, HoldTime, Life, Nonce, Position};
use serde::{Deserialize, Serialize};

use crate::budget::Budget;
use crate::event::{HiatusState, PeerState, SelfState};
use crate::time::Time;
use epoch::Epochs;
use negotiation::Confirming;
use question::Question;

/// How far Hiatus is on this connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Hiatus {
    /// Plain TCP. Final, once a SYN was exchanged.
    Off,
    /// The own SYN offered it.
    Proposed(Proposal),
    /// Both SYNs carried CAPABLE; the proof that options pass is missing.
    Confirming(Box<Confirming>),
    /// On.
    On(Box<Session>),
}

/// What this end says in CAPABLE, and the nonce of the session that may come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Proposal {
    pub(crate) own: Party,
    pub(crate) nonce: Nonce,
}

/// What one end said in CAPABLE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Party {
    pub(crate) bits: CapableBits,
    pub(crate) hold: HoldTime,
    pub(crate) key: ConnectionKey,
}

impl Party {
    pub(crate) fn short(&self) -> Capable {
        Capable { bits: self.bits, offered_hold: self.hold, key: None }
    }

    pub(crate) fn long(&self) -> Capable {
        Capable { bits: self.bits, offered_hold: self.hold, key: Some(self.key) }
    }
}

/// Everything that a connection on which Hiatus is on remembers of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    /// Role of this end.
    pub(crate) role: Role,
    pub(crate) key: SessionKey,
    pub(crate) own: Party,
    pub(crate) peer: Party,
    pub(crate) own_life: Life,
    pub(crate) own_nonce: Nonce,
    /// The latest life recorded of the peer.
    pub(crate) peer_life: Life,
    /// Its nonce, or [`Nonce::UNKNOWN`].
    pub(crate) peer_nonce: Nonce,
    pub(crate) here: SelfPresence,
    pub(crate) there: PeerPresence,
    /// When a bare RST last led to PRESUMED, and the time before that, older first.
    pub(crate) presumed_by_reset: [Option<Time>; 2],
    /// The own epochs; `None` before the first.
    pub(crate) epochs: Option<Box<Epochs>>,
    /// When the handshake, or a RESUME of the current life, was last answered.
    pub(crate) answered_at: Time,
    /// When this end last asked because of an acknowledgment of what it has not sent.
    pub(crate) asked_above_max_at: Option<Time>,
    /// What this end asks although its SELF is UP.
    pub(crate) question: Option<Question>,
    /// Bounds the checking of MACs of messages whose positions fit.
    pub(crate) checks: Budget,
    /// The same for messages whose positions do not fit.
    pub(crate) guess_checks: Budget,
}

/// SELF (draft, {#states}).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum SelfPresence {
    Up,
    Leaving(Leaving),
    Resuming(Resuming),
}

/// LEAVING: what was told to the peer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Leaving {
    pub(crate) expected_absence: HoldTime,
    /// 0 to 3.
    pub(crate) suspends_sent: u8,
    pub(crate) acknowledged: bool,
}

/// RESUMING: what the RESUMEs met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Resuming {
    pub(crate) origin: Origin,
    /// Until the next RESUME, without the random part.
    pub(crate) interval: Duration,
    /// RESUMEs sent in this life; it feeds the random part.
    pub(crate) sent: u32,
    /// The life and nonce of the peer whose RESUME was answered last in this return.
    pub(crate) answered: Option<(Life, Nonce)>,
    /// RESUMEs in a row, up to the latest, that met a bare RST.
    pub(crate) met_resets: u8,
    /// RESUMEs that met a plain segment, and no valid Hiatus message since.
    pub(crate) met_plains: u8,
    /// When the latest RESUME left.
    pub(crate) sent_at: Time,
    /// What the latest RESUME has met.
    pub(crate) latest_met_reset: bool,
    pub(crate) latest_met_plain: bool,
}

/// Where a host that is back comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Origin {
    /// Its memory is intact.
    Intact,
    /// It was restored from an older state.
    Restored,
}

/// PEER (draft, {#states}).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PeerPresence {
    Up,
    /// `suspended_at` is SEG.SEQ of the SUSPEND.
    Held {
        granted: HoldTime,
        suspended_at: Position,
    },
    Presumed {
        interval: Duration,
    },
}

impl Hiatus {
    pub(crate) fn session(&self) -> Option<&Session> {
        if let Self::On(session) = self { Some(session) } else { None }
    }

    pub(crate) fn session_mut(&mut self) -> Option<&mut Session> {
        if let Self::On(session) = self { Some(session) } else { None }
    }

    pub(crate) fn state(&self) -> HiatusState {
        match self {
            Self::Off => HiatusState::Off,
            Self::Proposed(_) | Self::Confirming(_) => HiatusState::Negotiating,
            Self::On(_) => HiatusState::On,
        }
    }

    /// True where nothing of Hiatus is under way: plain TCP, or on and both ends there.
    #[inline]
    pub(crate) fn is_quiet(&self) -> bool {
        match self {
            Self::Off => true,
            Self::Proposed(_) | Self::Confirming(_) => false,
            Self::On(session) => {
                session.here == SelfPresence::Up
                    && session.there == PeerPresence::Up
                    && session.question.is_none()
            }
        }
    }

    pub(crate) fn self_state(&self) -> SelfState {
        match self.session().map(|session| &session.here) {
            None | Some(SelfPresence::Up) => SelfState::Up,
            Some(SelfPresence::Leaving(_)) => SelfState::Leaving,
            Some(SelfPresence::Resuming(_)) => SelfState::Resuming,
        }
    }

    pub(crate) fn peer_state(&self) -> PeerState {
        match self.session().map(|session| &session.there) {
            None | Some(PeerPresence::Up) => PeerState::Up,
            Some(PeerPresence::Held { .. }) => PeerState::Held,
            Some(PeerPresence::Presumed { .. }) => PeerState::Presumed,
        }
    }
}
