//! The line of a host: which of its epochs may be restored (draft, {#restoring}). It lies outside of what rolls back.

/// Where on the line of its host an epoch was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    incarnation: u32,
    /// Epochs that the host had taken until then, this one among them.
    order: u64,
}

/// With which epoch each incarnation began, and how many epochs were taken.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    /// Of incarnation 1 first.
    begun_at: Vec<Place>,
    taken: u64,
}

impl Line {
    /// The latest incarnation; 0 before any restore.
    pub(super) fn incarnation(&self) -> u32 {
        u32::try_from(self.begun_at.len()).unwrap_or(u32::MAX)
    }

    /// An epoch is taken.
    pub(super) fn take(&mut self) -> Place {
        self.taken += 1;
        Place { incarnation: self.incarnation(), order: self.taken }
    }

    /// True if `place` was taken in the latest incarnation.
    pub(super) fn is_of_now(&self, place: Place) -> bool {
        place.incarnation == self.incarnation()
    }

    //= draft#restoring
    //# The line of a host is the epoch that its latest incarnation began with,
    //# the line of that epoch, and the epochs TAKEN in that incarnation.
    /// True if `place` is on the line.
    pub(super) fn has(&self, place: Place) -> bool {
        let (mut incarnation, mut order_max) = (self.incarnation(), u64::MAX);
        // Each step goes to the incarnation in which the one before it began: one that is older.
        while place.incarnation != incarnation {
            let begun_at = usize::try_from(incarnation).ok().and_then(|count| count.checked_sub(1));
            let Some(begun_at) = begun_at.and_then(|index| self.begun_at.get(index)) else { return false };
            (incarnation, order_max) = (begun_at.incarnation, begun_at.order);
        }
        place.order <= order_max
    }

    /// The host starts from the epoch at `place`; gives the new incarnation.
    pub(super) fn begin(&mut self, place: Place) -> u32 {
        self.begun_at.push(place);
        self.incarnation()
    }
}
