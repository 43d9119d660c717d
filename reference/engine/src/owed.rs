//! Segments that the connection owes, beside its stream and its acknowledgments.

use hiatus_codec::{AbortReason, Life, Nonce, SequenceNumber};
use serde::{Deserialize, Serialize};

/// Segments owed at one time; more are refused, and asked for again by the peer.
pub(crate) const OWED_MAX: usize = 16;

/// One segment that waits to be sent. What it says is looked up when it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Owed {
    /// The EPOCH of the negotiation, or one with the own stable point.
    Epoch,
    /// EPOCH-ECHO.
    EpochEcho { stable_point: u32 },
    /// SUSPEND.
    Suspend,
    /// SUSPEND-ACK.
    SuspendAck,
    /// RESUME.
    Resume,
    /// RESUME-ACK to the RESUME of that life, nonce and SEG.SEQ.
    ResumeAck { life: Life, nonce: Nonce, seq: SequenceNumber },
    /// ABORT to that life and nonce.
    Abort { reason: AbortReason, life: Life, nonce: Nonce, seq: SequenceNumber },
    /// The last acknowledgment of a connection that is over.
    Ack,
    /// A bare RST (RFC 9293, section 3.10.7).
    Reset { seq: SequenceNumber },
}
