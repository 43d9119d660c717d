//! The line of a host: with which epoch of which incarnation each incarnation began (draft, {#restoring}).

use std::collections::BTreeMap;

use crate::epoch::EpochId;

/// The number of incarnations that a line goes back.
///
/// Epochs of older ones count as off the line: whoever restores one loses connections that might have gone on, which is
/// safe, and has come back to before 1024 restores.
pub const LINE_LIVES_MAX: usize = 1024;

/// Why an epoch is not on the line: its connections are lost (HIA-MUST-89).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OffLine {
    /// The incarnation was left behind at an older epoch, and others have gone on from there.
    #[error("off the line: epoch {restored}, expected at most {restored_incarnation}.{last_number}", restored_incarnation = restored.incarnation)]
    LeftBehind {
        /// The epoch to be restored.
        restored: EpochId,
        /// The last number of its incarnation that is on the line.
        last_number: u32,
    },
    /// No incarnation on the line began with an epoch of this incarnation, or it is more than [`LINE_LIVES_MAX`] back.
    #[error(
        "off the line: epoch {restored}, expected one of an incarnation that the present one descends from"
    )]
    NoAncestor {
        /// The epoch to be restored.
        restored: EpochId,
    },
}

/// The latest incarnation, and those that it descends from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    latest: u32,
    /// With which epoch each incarnation on the line began; `None`: with nothing. Always has `latest`.
    ///
    /// Who is not on the line does not come back to it, so only what is on it is kept.
    lives: BTreeMap<u32, Option<EpochId>>,
}

impl Line {
    /// The line of a host that was never restored.
    pub(crate) fn new() -> Self {
        Self { latest: 0, lives: BTreeMap::from([(0, None)]) }
    }

    /// A line as it was kept; `Err` has the incarnation that does not fit.
    pub(crate) fn from_lives(latest: u32, lives: BTreeMap<u32, Option<EpochId>>) -> Result<Self, u32> {
        if lives.last_key_value().map(|(life, _)| *life) != Some(latest) {
            return Err(latest);
        }
        let mut next: Option<u32> = None;
        for (life, began_with) in lives.iter().rev() {
            // From the newest backwards, each life is the one that the newer began with.
            if next.is_some_and(|next| next != *life)
                || began_with.is_some_and(|epoch| epoch.incarnation >= *life)
            {
                return Err(*life);
            }
            next = Some(began_with.map_or(u32::MAX, |epoch| epoch.incarnation));
        }
        Ok(Self { latest, lives })
    }

    /// The highest incarnation ever taken.
    pub(crate) fn latest(&self) -> u32 {
        self.latest
    }

    pub(crate) fn lives(&self) -> impl Iterator<Item = (u32, Option<EpochId>)> + '_ {
        self.lives.iter().map(|(life, began_with)| (*life, *began_with))
    }

    //= draft#restoring
    //# A host MUST treat its connections as lost when it is restored to an
    //# epoch that is not on its line.
    pub(crate) fn check(&self, restored: EpochId) -> Result<(), OffLine> {
        if restored.incarnation == self.latest {
            return Ok(());
        }
        let mut next = self.lives.get(&self.latest).copied().flatten();
        // Each step goes to a lower incarnation, so it ends.
        while let Some(began_with) = next {
            if began_with.incarnation == restored.incarnation {
                let last_number = began_with.number;
                let on_it = restored.number <= last_number;
                return if on_it { Ok(()) } else { Err(OffLine::LeftBehind { restored, last_number }) };
            }
            next = self.lives.get(&began_with.incarnation).copied().flatten();
        }
        Err(OffLine::NoAncestor { restored })
    }

    /// The line of the incarnation `life`, which begins with an epoch on this line, or with nothing.
    pub(crate) fn extended(&self, life: u32, began_with: Option<EpochId>) -> Self {
        let mut lives = BTreeMap::from([(life, began_with)]);
        let mut next = began_with;
        while let Some(epoch) = next {
            // An ancestor beyond the bound is forgotten, and the line ends before it.
            let Some(before) = self.lives.get(&epoch.incarnation).filter(|_| lives.len() < LINE_LIVES_MAX)
            else {
                break;
            };
            lives.insert(epoch.incarnation, *before);
            next = *before;
        }
        Self { latest: life, lives }
    }
}
