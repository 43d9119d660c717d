//! What an application may change for its connection alone.

use alloc::boxed::Box;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::{Config, KeepAlive, Nagle, PlainTcp, Sending};
use crate::hiatus::Hiatus;
use crate::rule::Rule;
use crate::tcb::Tcb;

/// What counts in place of the configuration's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) r2: Duration,
    pub(crate) nagle: Nagle,
    pub(crate) keep_alive: Option<KeepAlive>,
    pub(crate) sending: Sending,
}

impl Settings {
    fn of(config: &Config) -> Self {
        Self { r2: config.r2, nagle: config.nagle, keep_alive: config.keep_alive, sending: config.sending }
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

    //= draft#hold-send
    //# Before the connection is on, hold-send holds nothing back
    /// Holds back what waits for an epoch, or lets it go.
    pub(crate) fn apply_sending(&mut self, config: &Config) {
        let sending = self.settings.as_ref().map_or(config.sending, |settings| settings.sending);
        let sending = match (&self.hiatus, config.plain) {
            _ if !config.keeps(Rule::HoldSend) => Sending::Unheld,
            (Hiatus::On(_), _) => sending,
            (Hiatus::Off, PlainTcp::Durable) => Sending::HoldSend,
            _ => Sending::Unheld,
        };
        self.snd.set_sending(sending);
    }

    /// A connection that is left as configured keeps nothing.
    pub(crate) fn change_settings(&mut self, config: &Config, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.settings(config);
        change(&mut settings);
        self.settings = (settings != Settings::of(config)).then(|| Box::new(settings));
    }
}
