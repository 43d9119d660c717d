//! The calls of a host, as a mutant gets them between its fingers.

use std::time::Duration;

use crate::script::NetworkError;
use crate::target::{CallError, Target};
use crate::wire::OwnedSegment;

/// A call that a mutant may carry out otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HostCall {
    /// The application closes.
    Close,
    /// A copy of that number is taken.
    Taken(u32),
    /// It is durable.
    Durable(u32),
    /// The host starts from it.
    Restore {
        /// Its number.
        epoch: u32,
        /// How long that takes.
        lasts: Duration,
    },
    /// The network reports an error about a segment.
    NetworkError(NetworkError, OwnedSegment),
}

impl HostCall {
    /// Does it as it is meant.
    pub(super) fn carry_out(&self, now: Duration, inner: &mut dyn Target) -> Result<(), CallError> {
        match self {
            Self::Close => inner.close(now),
            Self::Taken(epoch) => inner.snapshot_taken(now, *epoch),
            Self::Durable(epoch) => inner.snapshot_durable(now, *epoch),
            Self::Restore { epoch, lasts } => inner.restore(now, *epoch, *lasts),
            Self::NetworkError(error, quoted) => inner.network_error(now, *error, quoted),
        }
    }
}
