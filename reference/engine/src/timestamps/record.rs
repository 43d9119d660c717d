//! What a record says of timestamps.

use crate::timestamps::TimestampClock;

impl TimestampClock {
    /// What the connection adds to the host's clock, which is `clock_ticks` ahead of its time; where that is not known, what
    /// it was told when it began. TS.Recent is no part of a record.
    pub(crate) fn record_offset(&self, clock_ticks: Option<u32>) -> u32 {
        let Self { offset_ticks, step_ticks, recent: _, recent_at: _, last_ack_sent: _ } = self;
        clock_ticks.map_or(*offset_ticks, |clock_ticks| {
            offset_ticks.wrapping_add(*step_ticks).wrapping_sub(clock_ticks)
        })
    }
}
