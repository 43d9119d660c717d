//! The clock of a host: what the engine is told the time is.

use std::time::{Duration, Instant};

use hiatus_engine::Time;

/// Counts from the start of this life. It stands still while the machine is suspended, as time away is charged to nobody.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that begins now.
    #[must_use]
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Microseconds since the start.
    #[must_use]
    pub fn now(&self) -> Time {
        Time::ZERO + self.start.elapsed()
    }

    /// How long it is until `time`; nothing if it has passed.
    #[must_use]
    pub fn until(&self, time: Time) -> Duration {
        time.since(self.now())
    }
}
