//! A bound on how often something may happen.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Time;

const INTERVAL: Duration = Duration::from_secs(1);

/// So many per second, counted in intervals of one second.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Budget {
    began: Time,
    used: u32,
}

impl Budget {
    /// Takes one of `per_second`; false if none is left in this second.
    pub(crate) fn take(&mut self, per_second: u32, now: Time) -> bool {
        if now.since(self.began) >= INTERVAL || now < self.began {
            self.began = now;
            self.used = 0;
        }
        let left = self.used < per_second;
        self.used += u32::from(left);
        left
    }
}
