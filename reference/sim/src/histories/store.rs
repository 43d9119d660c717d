//! What a host keeps of its past: epochs, and beside them what no rollback touches.

use hiatus_engine::{Connection, Time};

use crate::histories::app::App;
use crate::histories::story::Restore;

/// One epoch: application and connection of one instant.
#[derive(Debug, Clone)]
pub(crate) struct Epoch {
    /// What the engine calls it.
    pub(crate) number: u32,
    /// The incarnation in which it was TAKEN.
    pub(crate) incarnation: u32,
    /// Which instance took it.
    pub(crate) taken_by: u32,
    pub(crate) is_durable: bool,
    pub(crate) connection: Connection,
    pub(crate) app: App,
    /// The clock of timestamps at that instant.
    pub(crate) clock_ticks: u32,
}

/// The incarnation `incarnation` began with the epoch at `epoch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Beginning {
    incarnation: u32,
    epoch: usize,
}

/// Epochs in the order in which they were TAKEN, and what lies outside of them: the source of incarnations, the ceiling
/// of timestamps, and the line (draft, {#restoring}).
#[derive(Debug, Clone, Default)]
pub(crate) struct Store {
    pub(crate) epochs: Vec<Epoch>,
    /// The highest incarnation ever taken.
    pub(crate) incarnation: u32,
    /// No timestamp above it was sent, in ticks of the clock before the offset of the connection.
    pub(crate) ceiling_ticks: Option<u32>,
    line: Vec<Beginning>,
    /// When the latest epoch becomes DURABLE: none overtakes another.
    pub(crate) durable_until: Time,
}

impl Store {
    /// Notes for good that `incarnation` begins with an epoch.
    pub(crate) fn begin(&mut self, incarnation: u32, epoch: usize) {
        self.incarnation = self.incarnation.max(incarnation);
        self.line.push(Beginning { incarnation, epoch });
    }

    //= draft#restoring
    //# The line of a host is the epoch that its latest incarnation began with,
    //# the line of that epoch, and the epochs TAKEN in that incarnation.
    pub(crate) fn is_on_line(&self, index: usize) -> bool {
        let Some(epoch) = self.epochs.get(index) else { return false };
        let (mut incarnation, mut last) = (self.incarnation, usize::MAX);
        loop {
            if epoch.incarnation == incarnation {
                return index <= last;
            }
            let Some(beginning) = self.line.iter().rev().find(|step| step.incarnation == incarnation) else {
                return false;
            };
            last = beginning.epoch;
            let Some(first) = self.epochs.get(last) else { return false };
            incarnation = first.incarnation;
        }
    }

    /// Which epoch `which` names now.
    pub(crate) fn find(&self, which: Restore) -> Option<usize> {
        let on_line = || (0..self.epochs.len()).rev().filter(|index| self.is_on_line(*index));
        let is_durable = |index: &usize| self.epochs.get(*index).is_some_and(|epoch| epoch.is_durable);
        let mut durable = on_line().filter(is_durable);
        match which {
            Restore::Latest => durable.next(),
            Restore::Newest => on_line().next(),
            Restore::Older(count) => {
                let latest = durable.next();
                durable.nth(usize::from(count.saturating_sub(1))).or(latest)
            }
            Restore::OffLine => {
                let mut all = (0..self.epochs.len()).rev().filter(is_durable);
                all.find(|index| !self.is_on_line(*index)).or_else(|| durable.next())
            }
        }
    }
}
