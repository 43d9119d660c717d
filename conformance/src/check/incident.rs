//! What happened to a connection, as found segment by segment.

use crate::capture::Timestamp;
use crate::capture::flow::Side;

use super::history::Extent;

/// A frame and its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) frame: u64,
    pub(super) at: Timestamp,
}

impl Mark {
    /// Nanoseconds since `earlier`.
    pub(super) fn nanos_since(self, earlier: Self) -> i64 {
        self.at.nanos_since(earlier.at)
    }
}

/// What the timestamp clock of an end says about its past.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ClockSign {
    /// No timestamps, too few, or nothing odd.
    #[default]
    Nothing,
    /// It is this many ticks behind the highest it ever showed.
    Back(u32),
    /// It is ahead of that, but made only so many ticks where so many were due: it stood still, or went back by less
    /// than had gone by.
    Slow(u32, u32),
}

/// `side` came back without part of what it had received: it acknowledges less than before.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReceiverRollback {
    pub(super) side: Side,
    /// Highest acknowledgment before, and the frame that said it last.
    pub(super) before: i64,
    pub(super) told: Mark,
    /// What it acknowledges now.
    pub(super) after: i64,
    pub(super) first: Mark,
    pub(super) last: Mark,
    /// Segments that say so.
    pub(super) count: u32,
    pub(super) clock: ClockSign,
    /// When its acknowledgments were again where they had been.
    pub(super) recovered: Option<Mark>,
}

/// `side` came back without part of what it had sent: it sends from below what its peer has acknowledged.
#[derive(Clone, Copy, Debug)]
pub(super) struct SenderRollback {
    pub(super) side: Side,
    /// What the peer had acknowledged, and the frame that said so first.
    pub(super) acked: i64,
    pub(super) told: Mark,
    /// Lowest position sent since, and the end of the highest below `acked`'s reach.
    pub(super) lowest: i64,
    pub(super) resent_to: i64,
    pub(super) first: Mark,
    pub(super) last: Mark,
    /// Segments that say so.
    pub(super) count: u32,
    pub(super) clock: ClockSign,
    /// Octets sent again that could be compared, and those that differ.
    pub(super) compared_octets: u64,
    pub(super) differing: Option<Extent>,
    /// When the peer acknowledged more than before.
    pub(super) went_on: Option<Mark>,
}

/// Data of `side` was not acknowledged although it was sent again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stall {
    pub(super) side: Side,
    /// Last progress, or the first data that waited.
    pub(super) since: Mark,
    /// Progress again, or the last segment of the connection.
    pub(super) until: Mark,
    pub(super) resends: u32,
    pub(super) recovered: bool,
    /// Position waited for and end of what was sent.
    pub(super) acked: i64,
    pub(super) sent: i64,
}

/// `side` sent nothing although its peer sent again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Silence {
    pub(super) side: Side,
    pub(super) since: Mark,
    /// Its next segment; `None`: it was never heard again, the connection's last segment is `last`.
    pub(super) until: Option<Mark>,
    pub(super) last: Mark,
    /// What its clock showed when it was back; `None`: no timestamps.
    pub(super) clock: Option<ClockSign>,
}

/// `side` stopped sending again although nothing had been acknowledged and nothing closed.
#[derive(Clone, Copy, Debug)]
pub(super) struct GaveUp {
    pub(super) side: Side,
    pub(super) last: Mark,
    /// The interval between its last two resends.
    pub(super) interval_nanos: i64,
    /// Until when it can be seen that it did not.
    pub(super) until: Timestamp,
    pub(super) outstanding: (i64, i64),
}

/// Something that happened to a connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Incident {
    /// See [`ReceiverRollback`].
    Receiver(ReceiverRollback),
    /// See [`SenderRollback`].
    Sender(SenderRollback),
    /// Octets sent again with other content, without any other sign of a rollback.
    Altered(Side, Extent),
    /// See [`Stall`].
    Stall(Stall),
    /// See [`Silence`].
    Silence(Silence),
    /// See [`GaveUp`].
    GaveUp(GaveUp),
}
