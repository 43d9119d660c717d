//! What the owner of a connection may ask of it.

use core::time::Duration;

use hiatus_codec::{HoldTime, Nonce, Position};

use crate::config::{KeepAlive, Nagle, Sending};
use crate::event::TcpState;

/// A request of the owner: the application, or the host that is about to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Command {
    /// CLOSE (RFC 9293, section 3.10.4): no more will be written; what was written is still delivered.
    Close,
    /// CLOSE of an application that reads no more either (RFC 9293, section 3.6.1, MAY-1).
    ///
    /// Where octets are unread, or come later, the connection is reset: the peer must not take them for delivered.
    CloseBoth,
    /// ABORT (RFC 9293, section 3.10.5): the connection ends now. Where Hiatus is on, the peer is told by ABORT.
    Abort,
    /// Changes R2 of this connection: how long data may stay unanswered (RFC 9293, section 3.8.3, MUST-21).
    /// [`Duration::MAX`] waits for ever.
    SetUserTimeout {
        /// From the first timeout on.
        r2: Duration,
    },
    /// Turns the Nagle algorithm on or off (RFC 9293, section 3.7.4, MUST-17).
    SetNagle(Nagle),
    /// Turns keep-alives on or off (RFC 9293, section 3.8.4, MUST-24).
    SetKeepAlive(Option<KeepAlive>),
    /// Turns hold-send on or off (draft, {#hold-send}).
    SetSending(Sending),
    /// The state of this connection as it is now is part of an epoch of the host (draft, {#epochs}). Store it now.
    SnapshotTaken {
        /// The number of the epoch: grows with each one TAKEN in this incarnation.
        epoch: u32,
    },
    /// That epoch is DURABLE. Of one that is not known, nothing follows.
    SnapshotDurable {
        /// The number of the epoch.
        epoch: u32,
    },
    /// The host is going away (draft, {#suspending}).
    Suspend {
        /// How long it expects to be away; [`HoldTime::NONE`] does not tell.
        expected_absence: HoldTime,
    },
    /// The host is back with its memory intact, announced or not (draft, {#resuming}).
    ///
    /// Give it before any segment or timeout after the absence. On a plain connection it only forgives the time away.
    Resume,
    /// The same for a host whose generations are used up: it takes a new incarnation, and nothing else changes
    /// (draft, {#resuming}).
    ResumeAnew {
        /// The new incarnation: greater than the last. With N it comes from a source outside what is rolled back.
        incarnation: u32,
        /// Drawn from fresh entropy, not 0.
        nonce: Nonce,
    },
    /// What was received before a position is in a journal that outlives a rollback (draft, {#epochs}).
    ///
    /// With [`Acknowledging::WhenStable`](crate::Acknowledging) it is acknowledged from now on; otherwise nothing changes.
    Journaled {
        /// Up to here, a FIN counting one. Beyond RCV.NXT is taken as RCV.NXT; a lower one than before changes nothing.
        received: Position,
    },
    /// The host was restored from an older state (draft, {#restoring}).
    Restored {
        /// The new incarnation: greater than any before, from a source outside what is rolled back.
        incarnation: u32,
        /// Drawn from fresh entropy, not 0.
        nonce: Nonce,
        /// No earlier incarnation had its clock of timestamps above this, in ticks of a millisecond: the TSval less the
        /// offset of the connection ([`Entropy`](crate::Entropy)). The clock goes on 2^22 ticks above it.
        tsval_ceiling: u32,
    },
}

/// Why a command was refused. Nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The connection is over, or never began.
    #[error("command in {found}: expected a connection")]
    NoConnection {
        /// Where the connection is.
        found: TcpState,
    },
    /// The application has closed already.
    #[error("close in {found}: closed already")]
    Closing {
        /// Where the connection is.
        found: TcpState,
    },
    /// The connection is plain TCP, or not yet known to be more.
    #[error("Hiatus is not on")]
    HiatusOff,
    /// This end did not offer S: it said that it does not fall silent.
    #[error("this end did not offer S")]
    NotOffered,
    /// Suspend while a suspension is under way or not over.
    #[error("suspended already")]
    Suspended,
    /// All 65,536 generations of this incarnation are used: [`Command::ResumeAnew`] takes a new incarnation.
    #[error("no generation left in this incarnation")]
    GenerationsExhausted,
    /// A new incarnation although generations are left: [`Command::Resume`] takes the next.
    #[error("generation {found}: a new incarnation is for 65535")]
    GenerationsLeft {
        /// The present generation.
        found: u16,
    },
    /// The incarnation is not greater than the present one, or the nonce is 0.
    #[error("incarnation {found}: expected more than {present} and a nonce that is not 0")]
    NotNewer {
        /// What was given.
        found: u32,
        /// The present incarnation.
        present: u32,
    },
}

/// Why octets could not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The connection is over, or never began.
    #[error("write in {found}: expected a connection")]
    NoConnection {
        /// Where the connection is.
        found: TcpState,
    },
    /// The application has closed its direction.
    #[error("write in {found}: closed already")]
    Closing {
        /// Where the connection is.
        found: TcpState,
    },
}
