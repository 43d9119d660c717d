//! What a record says of timestamps.

use crate::timestamps::TimestampClock;

impl TimestampClock {
    /// TS.Recent, which is part of the record of plain TCP alone.
    pub(crate) fn record_recent(&self) -> u32 {
        self.recent
    }

    /// What the connection adds to the host's clock.
    pub(crate) fn record_offset(&self) -> u32 {
        let Self { offset_ticks, step_ticks: _, recent: _, recent_at: _, last_ack_sent: _ } = self;
        *offset_ticks
    }

    pub(crate) fn set_record_offset(&mut self, offset_ticks: u32) {
        self.offset_ticks = offset_ticks;
    }

    /// The host's clock is so far ahead of its time: earlier lives have used up so much.
    pub(crate) fn set_step(&mut self, step_ticks: u32) {
        self.step_ticks = step_ticks;
    }
}
