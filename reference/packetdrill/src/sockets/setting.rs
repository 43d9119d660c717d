//! What `setsockopt` sets, and what becomes of it.

use std::time::Duration;

use hiatus_engine::{
    Config, CongestionAlgorithm, DEFAULT_BUFFER_OCTETS, DEFAULT_MSS_OCTETS, DEFAULT_RTO_MIN, EcnPolicy,
    KeepAlive, Nagle, Timestamping,
};

use super::Linger;

/// Settings of one socket; an accepted one inherits its listener's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `SO_REUSEADDR`.
    pub reuse_address: i32,
    /// `SO_RCVBUF`, octets.
    pub receive_buffer_octets: u32,
    /// `SO_SNDBUF`, octets.
    pub send_buffer_octets: u32,
    /// `SO_KEEPALIVE`.
    pub keep_alive: i32,
    /// `TCP_KEEPIDLE`, seconds.
    pub keep_idle_s: u32,
    /// `TCP_KEEPINTVL`, seconds.
    pub keep_interval_s: u32,
    /// `TCP_KEEPCNT`.
    pub keep_count: u32,
    /// `SO_LINGER`.
    pub linger: Linger,
    /// `TCP_NODELAY`.
    pub no_delay: i32,
    /// `TCP_CORK`: kept and told, nothing more.
    pub cork: i32,
    /// `TCP_QUICKACK`.
    pub quick_ack: i32,
    /// `TCP_MAXSEG`, octets; 0 leaves it to the MTU.
    pub mss_octets: u16,
    /// `TCP_USER_TIMEOUT`, milliseconds; 0 leaves it to the stack.
    pub user_timeout_ms: u32,
    /// `TCP_SYNCNT`; 0 leaves it to the stack.
    pub syn_count: u8,
    /// `TCP_CONGESTION`.
    pub congestion: Congestion,
    /// Largest window scale that is offered.
    pub window_scale: u8,
    /// Whether timestamps are offered.
    pub timestamps: Timestamping,
    /// How long TIME-WAIT lasts: twice the maximum segment lifetime.
    pub time_wait: Duration,
    /// Smallest RTO.
    pub rto_min: Duration,
    /// Whether an active open offers ECN. A passive one accepts it, as most hosts do.
    pub ecn: EcnPolicy,
}

/// Why settings cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "setting `{found}`: expected rto_min_ms=NUMBER, time_wait_ms=NUMBER, ecn=on, timestamps=off or congestion=reno"
)]
pub struct SettingError {
    /// What stands there.
    pub found: String,
}

/// The algorithms that `TCP_CONGESTION` knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Congestion {
    /// `reno`.
    Reno,
    /// `cubic`.
    Cubic,
}

impl Congestion {
    /// As `TCP_CONGESTION` spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Reno => "reno",
            Self::Cubic => "cubic",
        }
    }

    /// The algorithm of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Reno, Self::Cubic].into_iter().find(|algorithm| algorithm.name() == name)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            reuse_address: 0,
            receive_buffer_octets: DEFAULT_BUFFER_OCTETS,
            send_buffer_octets: 4 * DEFAULT_BUFFER_OCTETS,
            keep_alive: 0,
            // RFC 9293, section 3.8.4: not less than two hours unless told.
            keep_idle_s: 7200,
            keep_interval_s: 75,
            keep_count: 9,
            linger: Linger { is_on: 0, seconds: 0 },
            no_delay: 0,
            cork: 0,
            quick_ack: 1,
            mss_octets: 0,
            user_timeout_ms: 0,
            syn_count: 0,
            congestion: Congestion::Cubic,
            window_scale: 7,
            timestamps: Timestamping::On,
            time_wait: Duration::from_secs(60),
            rto_min: DEFAULT_RTO_MIN,
            ecn: EcnPolicy::Off,
        }
    }
}

impl Settings {
    /// The defaults changed by `text`: settings with commas between them, such as `rto_min_ms=200,ecn=on`.
    ///
    /// # Errors
    ///
    /// A [`SettingError`].
    pub fn parse(text: &str) -> Result<Self, SettingError> {
        let mut settings = Self::default();
        for found in text.split(',').map(str::trim).filter(|found| !found.is_empty()) {
            let error = || SettingError { found: found.to_owned() };
            let (name, value) = found.split_once('=').ok_or_else(error)?;
            let millis = || value.parse().map(Duration::from_millis).map_err(|_| error());
            match (name, value) {
                ("rto_min_ms", _) => settings.rto_min = millis()?,
                ("time_wait_ms", _) => settings.time_wait = millis()?,
                ("ecn", "on") => settings.ecn = EcnPolicy::On,
                ("timestamps", "off") => settings.timestamps = Timestamping::Off,
                ("congestion", _) => settings.congestion = Congestion::named(value).ok_or_else(error)?,
                _ => return Err(error()),
            }
        }
        Ok(settings)
    }

    /// What the engine is told; `header_octets` is what IP and TCP headers take of an MTU of 1500.
    pub(super) fn config(&self, header_octets: u16, ecn: EcnPolicy) -> Config {
        let mss_octets = DEFAULT_MSS_OCTETS - (header_octets - 40);
        Config {
            mss_octets: if self.mss_octets == 0 { mss_octets } else { self.mss_octets.min(mss_octets) },
            receive_buffer_octets: self.receive_buffer_octets,
            send_buffer_octets: self.send_buffer_octets,
            timestamps: self.timestamps,
            window_scale: Some(self.window_scale),
            r2: self.r2(),
            nagle: self.nagle(),
            keep_alive: self.keep_alive(),
            ecn,
            congestion: match self.congestion {
                Congestion::Reno => CongestionAlgorithm::NewReno,
                Congestion::Cubic => CongestionAlgorithm::Cubic,
            },
            rto_min: self.rto_min,
            msl: self.time_wait / 2,
            ..Config::default()
        }
    }

    /// R2 of the engine.
    pub(super) fn r2(&self) -> Duration {
        match self.user_timeout_ms {
            0 => Config::default().r2,
            millis => Duration::from_millis(u64::from(millis)),
        }
    }

    /// Nagle, unless it is turned off.
    pub(super) fn nagle(&self) -> Nagle {
        if self.no_delay != 0 { Nagle::Off } else { Nagle::On }
    }

    /// The probes of `SO_KEEPALIVE`.
    pub(super) fn keep_alive(&self) -> Option<KeepAlive> {
        let seconds = |count: u32| Duration::from_secs(u64::from(count));
        (self.keep_alive != 0).then(|| KeepAlive {
            idle: seconds(self.keep_idle_s),
            interval: seconds(self.keep_interval_s),
            probes: u8::try_from(self.keep_count).unwrap_or(u8::MAX),
        })
    }
}
