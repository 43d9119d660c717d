//! What a seed decides: the network, both ends, both applications.

use core::num::NonZeroU32;
use core::time::Duration;

use hiatus_codec::SequenceNumber;
use hiatus_engine::{
    Config, CongestionAlgorithm, EcnPolicy, HiatusPolicy, KeepAlive, Nagle, Sacking, Timestamping,
    WINDOW_SCALE_MAX,
};
use hiatus_sim::{Bottleneck, Bursts, Closing, Dice, Habits, Oversize, Path, Reordering, Scenario, Side};

/// Data that one end sends, at most.
const OCTETS_MAX: usize = 100_000;
/// Segments that the data of one end makes at most: small segments and windows carry less.
const SEGMENTS_MAX: usize = 100;
/// What options take of a segment, SACK blocks included: a small one may have room for no more than one octet beside.
const OPTIONS_OCTETS: u16 = 40;
/// Nobody is to give up: what the network does to a transfer ends some time.
const PATIENCE: Duration = Duration::from_secs(100 * 3600);
/// The MTU of the link at either end.
const LINK_MTU: u16 = 9000;
/// The smallest MTU of a path here: IPv4's own is 68, and below 576 hardly a path is left (RFC 1191, section 7.1).
const MTU_MIN: u16 = 300;
/// The stream of decisions, beside those of the simulation.
const STREAM: u64 = 17;

/// How bad the network of a seed is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weather {
    Fair,
    Rough,
}

/// The story of `seed`.
pub(crate) fn scenario(seed: u64) -> Scenario {
    let mut dice = Dice::new(seed, STREAM);
    let mut scenario = Scenario::new(seed);
    let weather = if dice.one_in(5) { Weather::Fair } else { Weather::Rough };
    let delay = dice.duration_up_to(Duration::from_millis(300));
    let sizes = [Sizes::draw(&mut dice), Sizes::draw(&mut dice)];
    let octets = [octets(&mut dice, sizes[0], sizes[1]), octets(&mut dice, sizes[1], sizes[0])];
    let ends = [(Side::A, sizes[0], octets[0], octets[1]), (Side::B, sizes[1], octets[1], octets[0])];
    for (side, sizes, octets, peer_octets) in ends {
        let path = path(&mut dice, weather, delay, octets);
        let habits = habits(&mut dice, octets, peer_octets);
        let isn = isn(&mut dice, octets);
        scenario = scenario
            .writes(side, octets)
            .closes(side)
            .isn(side, isn)
            .habits(side, |room| *room = habits)
            .path(side, |room| *room = path)
            .config(side, |config| configure(&mut dice, config, sizes));
    }
    // Both would wait for the other to close.
    if dice.one_in(2) {
        scenario = scenario.habits(Side::A, |habits| habits.closing = Closing::AfterWriting);
    } else {
        scenario = scenario.habits(Side::B, |habits| habits.closing = Closing::AfterWriting);
    }
    if dice.one_in(20) { scenario.both_open() } else { scenario }
}

/// Segment and buffers of one end.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    mss_octets: u16,
    receive_octets: usize,
    send_octets: usize,
}

impl Sizes {
    fn draw(dice: &mut Dice) -> Self {
        let mss_octets = match dice.below(6) {
            0 => 1 + dice.u16_below(64),
            1 => 64,
            2 => 65 + dice.u16_below(500),
            3 => 536,
            4 => 8960,
            _ => 1460,
        };
        Self { mss_octets, receive_octets: Self::buffer(dice), send_octets: Self::buffer(dice) }
    }

    fn buffer(dice: &mut Dice) -> usize {
        match dice.below(8) {
            0 => 1,
            1 => dice.size_up_to(100),
            2 | 3 => dice.size_up_to(4000),
            _ => 4000 + dice.size_up_to(200_000),
        }
    }
}

/// What an end with buffers like `own` is given to write to one like `peer`.
fn octets(dice: &mut Dice, own: Sizes, peer: Sizes) -> usize {
    if dice.one_in(10) {
        return 0;
    }
    let piece = usize::from(peer.mss_octets.saturating_sub(OPTIONS_OCTETS).max(1))
        .min(own.send_octets)
        .min(peer.receive_octets);
    dice.size_up_to((piece * SEGMENTS_MAX).min(OCTETS_MAX))
}

/// Half of them so that the numbers, or their signs, wrap while the data is sent.
fn isn(dice: &mut Dice, octets: usize) -> SequenceNumber {
    let before = u32::try_from(dice.size_below(octets + 3)).expect("a small transfer");
    SequenceNumber(match dice.below(4) {
        0 => 0_u32.wrapping_sub(before),
        1 => (1_u32 << 31).wrapping_sub(before),
        _ => u32::try_from(dice.below(1 << 32)).expect("32 bits"),
    })
}

fn path(dice: &mut Dice, weather: Weather, delay: Duration, octets: usize) -> Path {
    if weather == Weather::Fair {
        return Path { delay, ..Path::default() };
    }
    // Some paths are far longer one way.
    let delay = if dice.one_in(4) { dice.duration_up_to(Duration::from_millis(900)) } else { delay };
    let jitter =
        if dice.one_in(2) { Duration::ZERO } else { dice.duration_up_to(Duration::from_millis(400)) };
    let mut path = Path { delay, jitter, ..Path::default() };
    if dice.one_in(2) {
        path.loss_per_mille = dice.u16_below(250);
    }
    if dice.one_in(3) {
        path.duplicates_per_mille = dice.u16_below(300);
    }
    if dice.one_in(2) {
        path.corruption_per_mille = dice.u16_below(200);
    }
    if dice.one_in(4) {
        path.bursts = Some(Bursts {
            begin_per_mille: 5 + dice.u16_below(60),
            end_per_mille: 100 + dice.u16_below(500),
            loss_per_mille: 500 + dice.u16_below(500),
        });
    }
    if dice.one_in(8) {
        path.loses_every = NonZeroU32::new(2 + dice.u32_below(20));
    }
    if dice.one_in(3) {
        path.reordering = Some(Reordering {
            per_mille: dice.u16_below(300),
            distance: 1 + dice.u32_below(12),
            patience: dice.duration_up_to(Duration::from_millis(400)),
        });
    }
    if dice.one_in(10) {
        path.mtu_octets = Some(MTU_MIN + dice.u16_below(1500));
        path.oversize = Oversize::Reported;
    }
    if dice.one_in(4) {
        // So slow that the data takes up to some minutes, with room for ten to a hundred full packets.
        let slowest = u32::try_from(octets / 60).expect("a small transfer").max(2000);
        path.bottleneck = Some(Bottleneck {
            octets_per_second: NonZeroU32::MIN.saturating_add(slowest + dice.u32_below(1_000_000)),
            queue_octets_max: 90_000 + dice.u32_below(800_000),
            marks_above_octets: dice.one_in(2).then(|| dice.u32_below(50_000)),
        });
    }
    path
}

/// Writers of single octets, slow readers, half-closed connections.
fn habits(dice: &mut Dice, octets: usize, peer_octets: usize) -> Habits {
    let closing = if dice.one_in(3) { Closing::AfterPeer } else { Closing::AfterWriting };
    let mut habits = Habits { closing, ..Habits::default() };
    if dice.one_in(3) {
        // No more writes than an instant has turns for.
        habits.write_octets_max = (octets / 400).max(dice.size_up_to(1000));
        if dice.one_in(2) {
            habits.write_pause = dice.duration_up_to(Duration::from_millis(200));
        }
    }
    if dice.one_in(3) {
        habits.read_octets_max = dice.size_up_to(2000).max(1);
        if dice.one_in(2) {
            habits.read_octets_max = habits.read_octets_max.max(peer_octets / 200);
            habits.read_pause = dice.duration_up_to(Duration::from_secs(2));
        }
    }
    habits
}

/// Each end draws its own: what only one of them offers is not used.
fn configure(dice: &mut Dice, config: &mut Config, sizes: Sizes) {
    let octets = |size: usize| u32::try_from(size).expect("a small buffer");
    config.mss_octets = sizes.mss_octets;
    // A small buffer makes an end ask for small segments; its link takes larger ones.
    config.link_mtu_octets = Some(LINK_MTU);
    config.receive_buffer_octets = octets(sizes.receive_octets);
    config.send_buffer_octets = octets(sizes.send_octets);
    if dice.one_in(3) {
        config.timestamps = Timestamping::Off;
    }
    config.window_scale = if dice.one_in(3) {
        None
    } else {
        Some(u8::try_from(dice.below(u64::from(WINDOW_SCALE_MAX) + 1)).expect("small"))
    };
    if dice.one_in(3) {
        config.hiatus = HiatusPolicy::Off;
    }
    if dice.one_in(3) {
        config.sack = Sacking::Off;
    }
    config.delayed_ack = match dice.below(4) {
        0 => None,
        1 => Some(Duration::from_millis(dice.below(500))),
        _ => config.delayed_ack,
    };
    if dice.one_in(2) {
        config.congestion = CongestionAlgorithm::NewReno;
    }
    if dice.one_in(2) {
        config.ecn = EcnPolicy::On;
    }
    if dice.one_in(2) {
        config.nagle = Nagle::Off;
    }
    if dice.one_in(3) {
        config.keep_alive = Some(KeepAlive {
            idle: Duration::from_secs(1 + dice.below(100)),
            interval: Duration::from_secs(1 + dice.below(100)),
            probes: u8::MAX,
        });
    }
    config.rto_min = Duration::from_millis(200 + dice.below(800));
    config.r2 = PATIENCE;
    config.r2_syn = PATIENCE;
}
