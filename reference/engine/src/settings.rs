//! What an application may change for its connection alone.

use alloc::boxed::Box;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::{Config, KeepAlive, Nagle};
use crate::tcb::Tcb;

/// What counts in place of the configuration's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) r2: Duration,
    pub(crate) nagle: Nagle,
    pub(crate) keep_alive: Option<KeepAlive>,
}

impl Settings {
    fn of(config: &Config) -> Self {
        Self { r2: config.r2, nagle: config.nagle, keep_alive: config.keep_alive }
    }
}

impl Tcb {
    fn settings(&self, config: &Config) -> Settings {
        self.settings.as_deref().copied().unwrap_or_else(|| Settings::of(config))
    }

    /// R2 for data.
    pub(crate) fn user_timeout(&self, config: &Config) -> Duration {
        self.settings.as_ref().map_or(config.r2, |settings| settings.r2)
    }

    pub(crate) fn nagle(&self, config: &Config) -> Nagle {
        self.settings.as_ref().map_or(config.nagle, |settings| settings.nagle)
    }

    pub(crate) fn keep_alive_policy(&self, config: &Config) -> Option<KeepAlive> {
        self.settings.as_ref().map_or(config.keep_alive, |settings| settings.keep_alive)
    }

    /// A connection that is left as configured keeps nothing.
    pub(crate) fn change_settings(&mut self, config: &Config, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.settings(config);
        change(&mut settings);
        self.settings = (settings != Settings::of(config)).then(|| Box::new(settings));
    }
}
