//! Both ends of a transfer.

use std::time::Duration;

use crate::bed::{Bed, End};
use crate::scenario::Context;
use crate::side::{Side, TransferEnd, TransferPlan};
use crate::trouble::Trouble;

/// The ends of a transfer.
#[derive(Debug)]
pub(crate) struct Ends {
    /// Host a.
    pub(crate) a: TransferEnd,
    /// Host b.
    pub(crate) b: TransferEnd,
}

impl Ends {
    /// Both, not started yet; `name` names their folders.
    pub(crate) fn new(bed: &Bed, name: &str, plan: &TransferPlan) -> Self {
        Self { a: TransferEnd::new(bed, End::A, name, plan), b: TransferEnd::new(bed, End::B, name, plan) }
    }

    /// Starts both, and waits until they are ready.
    pub(crate) fn start(bed: &Bed, name: &str, plan: &TransferPlan) -> Result<Self, Trouble> {
        let mut ends = Self::new(bed, name, plan);
        ends.b.start(bed)?;
        ends.a.start(bed)?;
        ends.b.wait_ready()?;
        ends.a.wait_ready()?;
        Ok(ends)
    }

    /// One of them.
    pub(crate) fn of(&mut self, end: End) -> &mut TransferEnd {
        match end {
            End::A => &mut self.a,
            End::B => &mut self.b,
        }
    }

    /// Waits until everything has arrived at both.
    pub(crate) fn wait_done(&mut self, patience: Duration) -> Result<(), Trouble> {
        self.a.wait_done(patience)?;
        self.b.wait_done(patience)
    }

    /// How long the returns took.
    pub(crate) fn recoveries(&self) -> Vec<Duration> {
        self.a.recoveries().iter().chain(self.b.recoveries()).copied().collect()
    }
}

/// Says how long returns took, from the start of a process until it was in step with its peer.
pub(crate) fn note_recoveries(context: &mut Context, mut recoveries: Vec<Duration>) {
    recoveries.sort();
    if let (Some(median), Some(longest)) = (recoveries.get(recoveries.len() / 2), recoveries.last()) {
        context.note(format!(
            "back in {} ms, {} ms at most, after {} starts",
            median.as_millis(),
            longest.as_millis(),
            recoveries.len()
        ));
    }
}
