//! How a connection behaves.

use core::time::Duration;

use hiatus_codec::{CapableBits, HoldTime};
use hiatus_engine::{
    Acknowledging, Command, Config, CongestionAlgorithm, EcnPolicy, HiatusPolicy, KeepAlive, Nagle, Offer,
    PathMtuDiscovery, PlainTcp, RETAINED_OCTETS_LIMIT, Sacking, Sending, Timestamping, WINDOW_SCALE_MAX,
};

use crate::event::micros;
use crate::refusal::Refusal;

/// S: this end may fall silent for long.
pub const HIATUS_OFFER_S: u8 = 1;
/// N: this end may come back with an older state, so it is snapshotted and can be restored. It means S, too.
pub const HIATUS_OFFER_N: u8 = 2;
/// K: this end keeps acknowledged octets for a peer with N.
pub const HIATUS_OFFER_K: u8 = 4;
/// In window_scale: no scaling is offered.
pub const HIATUS_NO_WINDOW_SCALE: u8 = 255;

const OFFER_ALL: u8 = HIATUS_OFFER_S | HIATUS_OFFER_N | HIATUS_OFFER_K;
/// Below it nothing moves: the room that RFC 1122 leaves for data beside options at their longest.
const MSS_OCTETS_MIN: u64 = 64;
/// The longest that the wire can say: 32,767 minutes.
const HOLD_SECONDS_MAX: u64 = 1_966_020;
/// How long a peer that is away is waited for, unless told otherwise.
const HOLD_SECONDS: u32 = 3_600;

/// How a connection behaves. hiatus_config_default() fills it; change what is to differ.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How long an ACK waits for a second segment, or for data to ride on; below 500 ms. 0 acknowledges at once.
    pub delayed_ack_us: u64,
    /// Smallest and largest retransmission timeout.
    pub rto_min_us: u64,
    /// See rto_min_us.
    pub rto_max_us: u64,
    /// How long data may stay unanswered before the connection is given up.
    pub user_timeout_us: u64,
    /// The same for a SYN; three minutes at least count.
    pub syn_timeout_us: u64,
    /// How long nothing must have arrived before the first keep-alive; 0 sends none.
    pub keep_alive_idle_us: u64,
    /// From one unanswered keep-alive to the next.
    pub keep_alive_interval_us: u64,
    /// How long FIN-WAIT-2 lasts after hiatus_close_both().
    pub fin_wait_2_us: u64,
    /// Maximum segment lifetime: TIME-WAIT lasts two.
    pub msl_us: u64,
    /// Room for octets received and not yet read; 1 at least.
    pub receive_buffer_octets: u32,
    /// Room for octets written and not yet acknowledged; 1 at least.
    pub send_buffer_octets: u32,
    /// Octets acknowledged and not yet stable that are kept for a peer that may come back older; 1 to 1,500,000,000.
    /// Counts where K is offered.
    pub retained_octets_max: u32,
    /// How long this end holds a connection for a peer that is away, in seconds; 0 to 1,966,020. Above 32,767 s whole
    /// minutes count.
    pub hold_s: u32,
    /// The largest segment this end wants to get, in data octets; 64 at least.
    pub mss_octets: u16,
    /// The largest IP packet that the own link takes; 0 stands for mss_octets and its headers.
    pub link_mtu_octets: u16,
    /// Whether Hiatus is offered: 0 or 1.
    pub hiatus: u8,
    /// What is offered: HIATUS_OFFER_S, _N and _K, added up.
    pub offer: u8,
    /// Whether octets wait until they are in a durable epoch before they leave: 0 or 1. Without it a rollback below what the
    /// peer has received ends the connection (DIVERGED). With it, nothing leaves unless epochs become durable.
    pub hold_send: u8,
    /// When received octets are acknowledged. 0: as they come. 1: once they are in a durable epoch, or
    /// hiatus_journaled() says so; then the peer need not keep anything.
    pub acknowledge_when_stable: u8,
    /// Whether timestamps are offered: 0 or 1. Without them N counts as S.
    pub timestamps: u8,
    /// Whether selective acknowledgments are offered: 0 or 1.
    pub sack: u8,
    /// The window scale that is offered, 0 to 14, or HIATUS_NO_WINDOW_SCALE.
    pub window_scale: u8,
    /// Whether small segments wait for the acknowledgment of what is in flight (Nagle): 0 or 1.
    pub nagle: u8,
    /// Whether ECN is offered: 0 or 1.
    pub ecn: u8,
    /// Path MTU discovery. 0: none. 1: by what routers say, and by probes where that gets lost. 2: by probes alone.
    pub path_mtu_discovery: u8,
    /// Congestion control. 0: NewReno. 1: CUBIC.
    pub congestion: u8,
    /// Unanswered keep-alives after which the peer counts as gone; 2 at least count.
    pub keep_alive_probes: u8,
    /// What a crash leaves of a connection that is plain TCP. 0: nothing. 1: all of it, if it is restored to the latest epoch
    /// that is DURABLE; then nothing of it is sent or acknowledged before it is in a durable epoch.
    pub plain_durable: u8,
    /// 0.
    pub reserved: [u8; 7],
}

/// The default for C: as the engine's, and Hiatus with S and K. N is for those who take snapshots.
pub(crate) fn default() -> Settings {
    let bits = CapableBits::new(CapableBits::VERSION).with_silent().with_retention();
    let offer = Offer { bits, hold: HoldTime::from_seconds(HOLD_SECONDS) };
    Settings::of(&Config { hiatus: HiatusPolicy::On(offer), ..Config::default() })
}

impl Settings {
    fn of(config: &Config) -> Self {
        let keep_alive = config.keep_alive.unwrap_or_default();
        let (hiatus, offer, hold_s) = match config.hiatus {
            HiatusPolicy::Off => (0, 0, 0),
            HiatusPolicy::On(Offer { bits, hold }) => (1, offer_of(bits), hold.seconds()),
        };
        Self {
            delayed_ack_us: config.delayed_ack.map_or(0, micros),
            rto_min_us: micros(config.rto_min),
            rto_max_us: micros(config.rto_max),
            user_timeout_us: micros(config.r2),
            syn_timeout_us: micros(config.r2_syn),
            keep_alive_idle_us: config.keep_alive.map_or(0, |keep_alive| micros(keep_alive.idle)),
            keep_alive_interval_us: micros(keep_alive.interval),
            fin_wait_2_us: micros(config.fin_wait_2),
            msl_us: micros(config.msl),
            receive_buffer_octets: config.receive_buffer_octets,
            send_buffer_octets: config.send_buffer_octets,
            retained_octets_max: config.retained_octets_max,
            hold_s,
            mss_octets: config.mss_octets,
            link_mtu_octets: config.link_mtu_octets.unwrap_or(0),
            hiatus,
            offer,
            hold_send: u8::from(config.sending == Sending::HoldSend),
            acknowledge_when_stable: u8::from(config.acknowledging == Acknowledging::WhenStable),
            timestamps: u8::from(config.timestamps == Timestamping::On),
            sack: u8::from(config.sack == Sacking::On),
            window_scale: config.window_scale.unwrap_or(HIATUS_NO_WINDOW_SCALE),
            nagle: u8::from(config.nagle == Nagle::On),
            ecn: u8::from(config.ecn == EcnPolicy::On),
            path_mtu_discovery: match config.path_mtu_discovery {
                PathMtuDiscovery::Off => 0,
                PathMtuDiscovery::On => 1,
                PathMtuDiscovery::Probing => 2,
            },
            congestion: u8::from(config.congestion == CongestionAlgorithm::Cubic),
            keep_alive_probes: keep_alive.probes,
            plain_durable: u8::from(config.plain == PlainTcp::Durable),
            reserved: [0; 7],
        }
    }

    fn check(&self) -> Result<(), Refusal> {
        let widest = u64::from(u32::MAX);
        Refusal::unless_within("config.mss_octets", self.mss_octets, (MSS_OCTETS_MIN, u64::from(u16::MAX)))?;
        Refusal::unless_within("config.receive_buffer_octets", self.receive_buffer_octets, (1, widest))?;
        Refusal::unless_within("config.send_buffer_octets", self.send_buffer_octets, (1, widest))?;
        Refusal::unless_within(
            "config.retained_octets_max",
            self.retained_octets_max,
            (1, u64::from(RETAINED_OCTETS_LIMIT)),
        )?;
        Refusal::unless_within("config.hold_s", self.hold_s, (0, HOLD_SECONDS_MAX))?;
        Refusal::unless_within("config.offer", self.offer, (0, u64::from(OFFER_ALL)))?;
        if self.window_scale != HIATUS_NO_WINDOW_SCALE {
            Refusal::unless_within(
                "config.window_scale",
                self.window_scale,
                (0, u64::from(WINDOW_SCALE_MAX)),
            )?;
        }
        Refusal::unless_within("config.path_mtu_discovery", self.path_mtu_discovery, (0, 2))?;
        Refusal::unless_within("config.rto_max_us", self.rto_max_us, (self.rto_min_us.max(1), u64::MAX))?;
        for (argument, found) in [
            ("config.hiatus", self.hiatus),
            ("config.hold_send", self.hold_send),
            ("config.acknowledge_when_stable", self.acknowledge_when_stable),
            ("config.timestamps", self.timestamps),
            ("config.sack", self.sack),
            ("config.nagle", self.nagle),
            ("config.ecn", self.ecn),
            ("config.congestion", self.congestion),
            ("config.plain_durable", self.plain_durable),
        ] {
            Refusal::unless_within(argument, found, (0, 1))?;
        }
        Ok(())
    }

    /// As the engine wants it.
    #[allow(clippy::needless_update, reason = "with the engine's feature `mutants` there is one field more")]
    pub(crate) fn of_engine(&self) -> Result<Config, Refusal> {
        self.check()?;
        let keep_alive = KeepAlive {
            idle: Duration::from_micros(self.keep_alive_idle_us),
            interval: Duration::from_micros(self.keep_alive_interval_us),
            probes: self.keep_alive_probes,
        };
        let offer = Offer { bits: bits_of(self.offer), hold: HoldTime::from_seconds(self.hold_s) };
        Ok(Config {
            mss_octets: self.mss_octets,
            receive_buffer_octets: self.receive_buffer_octets,
            send_buffer_octets: self.send_buffer_octets,
            retained_octets_max: self.retained_octets_max,
            sending: sending(self.hold_send),
            timestamps: if self.timestamps == 0 { Timestamping::Off } else { Timestamping::On },
            window_scale: (self.window_scale != HIATUS_NO_WINDOW_SCALE).then_some(self.window_scale),
            sack: if self.sack == 0 { Sacking::Off } else { Sacking::On },
            delayed_ack: (self.delayed_ack_us > 0).then(|| Duration::from_micros(self.delayed_ack_us)),
            rto_min: Duration::from_micros(self.rto_min_us),
            rto_max: Duration::from_micros(self.rto_max_us),
            r2: Duration::from_micros(self.user_timeout_us),
            r2_syn: Duration::from_micros(self.syn_timeout_us),
            nagle: nagle(self.nagle),
            keep_alive: (self.keep_alive_idle_us > 0).then_some(keep_alive),
            ecn: if self.ecn == 0 { EcnPolicy::Off } else { EcnPolicy::On },
            path_mtu_discovery: match self.path_mtu_discovery {
                0 => PathMtuDiscovery::Off,
                1 => PathMtuDiscovery::On,
                _ => PathMtuDiscovery::Probing,
            },
            link_mtu_octets: (self.link_mtu_octets > 0).then_some(self.link_mtu_octets),
            fin_wait_2: Duration::from_micros(self.fin_wait_2_us),
            msl: Duration::from_micros(self.msl_us),
            congestion: if self.congestion == 0 {
                CongestionAlgorithm::NewReno
            } else {
                CongestionAlgorithm::Cubic
            },
            acknowledging: if self.acknowledge_when_stable == 0 {
                Acknowledging::OnReceipt
            } else {
                Acknowledging::WhenStable
            },
            plain: if self.plain_durable == 0 { PlainTcp::Lost } else { PlainTcp::Durable },
            hiatus: if self.hiatus == 0 { HiatusPolicy::Off } else { HiatusPolicy::On(offer) },
            ..Config::default()
        })
    }
}

fn sending(hold_send: u8) -> Sending {
    if hold_send == 0 { Sending::Unheld } else { Sending::HoldSend }
}

fn nagle(on: u8) -> Nagle {
    if on == 0 { Nagle::Off } else { Nagle::On }
}

/// What turns the Nagle algorithm on or off.
pub(crate) fn nagle_command(on: u8) -> Result<Command, Refusal> {
    Refusal::unless_within("on", on, (0, 1)).map(|()| Command::SetNagle(nagle(on)))
}

/// What turns hold-send on or off.
pub(crate) fn sending_command(on: u8) -> Result<Command, Refusal> {
    Refusal::unless_within("on", on, (0, 1)).map(|()| Command::SetSending(sending(on)))
}

fn bits_of(offer: u8) -> CapableBits {
    let with = |bits: CapableBits, bit: u8, add: fn(CapableBits) -> CapableBits| {
        if offer & bit == 0 { bits } else { add(bits) }
    };
    let bits = CapableBits::new(CapableBits::VERSION);
    let bits = with(bits, HIATUS_OFFER_S, CapableBits::with_silent);
    let bits = with(bits, HIATUS_OFFER_N, CapableBits::with_older);
    with(bits, HIATUS_OFFER_K, CapableBits::with_retention)
}

fn offer_of(bits: CapableBits) -> u8 {
    let bit = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
    bit(bits.may_fall_silent(), HIATUS_OFFER_S)
        | bit(bits.may_return_older(), HIATUS_OFFER_N)
        | bit(bits.retains(), HIATUS_OFFER_K)
}

#[cfg(test)]
mod tests {
    use hiatus_engine::{Config, HiatusPolicy};

    use super::{Settings, default};

    #[test]
    fn the_defaults_are_the_engines_and_come_back_as_they_are() {
        let config = default().of_engine().unwrap();
        assert_ne!(config.hiatus, HiatusPolicy::Off);
        assert_eq!(Config { hiatus: HiatusPolicy::Off, ..config }, Config::default());
        assert_eq!(Settings::of(&config).of_engine(), Ok(config));
    }
}
