//! A host: the instances of it that run, its store, and what it is built from.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;

use hiatus_codec::{CapableBits, ConnectionKey, HoldTime, Nonce, SequenceNumber};
use hiatus_engine::{
    CloseReason, Config, Connection, Endpoints, Entropy, HiatusPolicy, KeepAlive, KeySource, Offer, TcpState,
    Time,
};

use crate::dice::Dice;
use crate::histories::app::App;
use crate::histories::rules::Broken;
use crate::histories::store::Store;
use crate::histories::story::{Absence, HostPlan};
use crate::sim::Side;

/// Microseconds of a tick of the clock of timestamps.
const MICROS_PER_TICK: u64 = 1000;
/// Where the clocks of hosts begin at most.
const CLOCK_START_US: u64 = 1 << 40;
/// A and B.
const ADDRESSES: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 40_000),
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), 80),
];
/// Between two keep-alives that are not answered.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
/// Keep-alives without an answer that end the patience of a host.
const KEEP_ALIVE_PROBES: u8 = 3;

/// Whether an instance runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Power {
    On,
    /// It has said that it goes, and waits for the answer.
    Leaving,
    /// It stands still; its memory stays.
    Off,
}

/// One running copy of a host.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    pub(crate) id: u32,
    pub(crate) connection: Connection,
    pub(crate) app: App,
    pub(crate) power: Power,
    pub(crate) incarnation: u32,
    /// Another instance has taken its place; it does not know.
    pub(crate) is_replaced: bool,
    /// Added to the time of the simulation.
    pub(crate) clock_ahead: Duration,
    /// Something happened since the last epoch.
    pub(crate) is_dirty: bool,
    pub(crate) snapshot_at: Time,
    /// The number of the next epoch.
    pub(crate) next_epoch: u32,
    /// Epochs that became DURABLE while it stood still.
    pub(crate) durable_meanwhile: Vec<u32>,
    /// Since when it is in LINGER.
    pub(crate) lingers_since: Option<Time>,
    /// When it does something next.
    pub(crate) wakes_at: Option<Time>,
}

impl Instance {
    pub(crate) fn time(&self, now: Time) -> Time {
        now + self.clock_ahead
    }

    pub(crate) fn runs(&self) -> bool {
        self.power != Power::Off
    }

    /// How the connection ended for its application, if it did.
    fn end(&self) -> Option<End> {
        let listens = self.connection.state() == TcpState::Listen;
        self.app.end.map(End::Closed).or(listens.then_some(End::NeverBegan))
    }

    pub(crate) fn is_over(&self) -> bool {
        self.connection.state() == TcpState::Closed
    }
}

/// How a connection ended at one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The engine said so.
    Closed(CloseReason),
    /// The host was restored and does not have it any more.
    Lost,
    /// It listens, and nobody came.
    NeverBegan,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(reason) => write!(f, "{reason}"),
            Self::Lost => f.write_str("lost in a restore"),
            Self::NeverBegan => f.write_str("never began"),
        }
    }
}

/// One host.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) plan: HostPlan,
    /// Replaced ones first; the newest last.
    pub(crate) instances: Vec<Instance>,
    pub(crate) store: Store,
    /// It runs, whether it has the connection or not.
    pub(crate) is_up: bool,
    /// The connection is lost: what arrives is a stray.
    pub(crate) is_lost: bool,
    /// The key that it can derive again.
    pub(crate) key: Option<ConnectionKey>,
    pub(crate) timestamp_offset: u32,
    /// Restores so far.
    pub(crate) restores: u32,
    /// The first restore of twins, until the second: its epoch and incarnation, and the nonce.
    pub(crate) twin: Option<(usize, u32, Nonce)>,
}

impl Host {
    /// The instance that counts, if it runs or stands still.
    pub(crate) fn newest(&self) -> Option<&Instance> {
        self.instances.last().filter(|instance| !instance.is_replaced)
    }

    pub(crate) fn newest_mut(&mut self) -> Option<&mut Instance> {
        self.instances.last_mut().filter(|instance| !instance.is_replaced)
    }

    /// How the connection ended here, if it did.
    pub(crate) fn end(&self) -> Option<End> {
        if self.is_lost {
            return Some(End::Lost);
        }
        let ends = self.instances.iter().filter(|instance| !instance.is_replaced);
        let mut ends = ends.filter_map(Instance::end);
        // Of twins, the one that was not fenced counts.
        let first = ends.next();
        if is_fenced(first) { ends.next().or(first) } else { first }
    }
}

fn is_fenced(end: Option<End>) -> bool {
    use hiatus_codec::AbortReason;
    end == Some(End::Closed(CloseReason::AbortedByPeer(AbortReason::FENCED)))
}

/// Builds the host at `side` with its connection.
pub(crate) fn build(side: Side, plans: &[HostPlan; 2], broken: Broken, app: App, dice: &mut Dice) -> Host {
    let plan = plans[side.index()];
    let config = config(&plan, broken);
    let timestamp_offset = dice.u32_below(u32::MAX);
    let key = ConnectionKey(dice.below(u64::MAX).to_be_bytes());
    let entropy = Entropy {
        isn: SequenceNumber(dice.u32_below(u32::MAX)),
        connection_key: key,
        key_source: if plan.derives_key { KeySource::Derived } else { KeySource::Drawn },
        nonce: Nonce(1 + dice.u32_below(u32::MAX - 1)),
        timestamp_offset,
    };
    let clock_ahead = Duration::from_micros(dice.below(CLOCK_START_US));
    let [local, remote] = [ADDRESSES[side.index()], ADDRESSES[side.peer().index()]];
    let connection = match side {
        Side::A => {
            Connection::connect(Time::ZERO + clock_ahead, config, Endpoints { local, remote }, entropy)
        }
        Side::B => Connection::listen(config, local, entropy),
    };
    let instance = Instance {
        id: 0,
        connection,
        app,
        power: Power::On,
        incarnation: 0,
        is_replaced: false,
        clock_ahead,
        is_dirty: true,
        snapshot_at: Time::ZERO + plan.snapshot_interval,
        next_epoch: 1,
        durable_meanwhile: Vec::new(),
        lingers_since: None,
        wakes_at: Some(Time::ZERO),
    };
    Host {
        plan,
        instances: vec![instance],
        store: Store::default(),
        is_up: true,
        is_lost: false,
        key: plan.derives_key.then_some(key),
        timestamp_offset,
        restores: 0,
        twin: None,
    }
}

fn config(plan: &HostPlan, broken: Broken) -> Config {
    let bits = CapableBits::new(CapableBits::VERSION);
    let bits = match plan.absence {
        Absence::Silent => bits.with_silent(),
        Absence::Older => bits.with_older(),
    };
    let bits = if plan.retained_octets_max.is_some() { bits.with_retention() } else { bits };
    let mut config = Config {
        mss_octets: plan.mss_octets,
        receive_buffer_octets: plan.receive_buffer_octets,
        sending: plan.sending,
        keep_alive: Some(KeepAlive {
            idle: plan.keep_alive_idle,
            interval: KEEP_ALIVE_INTERVAL,
            probes: KEEP_ALIVE_PROBES,
        }),
        hiatus: HiatusPolicy::On(Offer { bits, hold: HoldTime::from_seconds(plan.hold_seconds) }),
        ..Config::default()
    };
    if let Some(most) = plan.retained_octets_max {
        config.retained_octets_max = most;
    }
    apply(broken, &mut config);
    config
}

#[cfg(feature = "mutants")]
fn apply(broken: Broken, config: &mut Config) {
    if let Broken::Engine(rule) = broken {
        config.broken = Some(rule);
    }
}

#[cfg(not(feature = "mutants"))]
fn apply(_broken: Broken, _config: &mut Config) {}

/// Ticks of the clock of timestamps at `time`.
pub(crate) fn ticks(time: Time) -> u32 {
    u32::try_from((time.micros() / MICROS_PER_TICK) & u64::from(u32::MAX)).unwrap_or(0)
}
