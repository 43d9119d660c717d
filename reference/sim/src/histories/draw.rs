//! A story for every seed.

use core::time::Duration;

use hiatus_engine::{Sending, Time};

use crate::dice::Dice;
use crate::histories::story::{
    Absence, Disturbance, Hears, HostPlan, Network, Offload, Restore, Story, Task, TaskKind, Trouble,
};
use crate::path::Strip;
use crate::sim::Side;

/// Disturbances of one story at most.
const DISTURBANCES_MAX: usize = 5;
/// Pieces that an application writes in one direction at most.
const PIECES_MAX: usize = 12;
/// Epochs that a transfer takes at most if nothing disturbs it, beside its round trips.
const EPOCHS_MAX: u32 = 10;
/// From one epoch to the next at most, where they are taken often.
const EPOCH_INTERVAL_MAX: Duration = Duration::from_secs(60);
/// Octets of one piece at most.
const PIECE_OCTETS_MAX: usize = 300;
/// What a transfer takes at most if nothing disturbs it, beside its round trips.
const SPAN_MAX: Duration = Duration::from_secs(20);
/// What a slow one takes.
const SPAN_SLOW: Duration = Duration::from_secs(4 * 3600);
/// How late a segment arrives at most.
const STRAGGLE_MAX: Duration = Duration::from_secs(2 * 3600);
/// From TAKEN to DURABLE at most.
const DURABLE_AFTER_MAX: Duration = Duration::from_secs(10);
/// A transfer goes on for so long after the last disturbance on a bad path.
const CALM_AFTER: Duration = Duration::from_secs(20);
/// Segments after each other until the connection is on at both ends.
const HANDSHAKE_LEGS: u32 = 5;
/// Jumps of a clock at most.
const CLOCK_JUMP_MAX: Duration = Duration::from_secs(3 * 24 * 3600);

const DAY: Duration = Duration::from_secs(24 * 3600);

impl Story {
    /// The story of `seed`.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let mut dice = Dice::new(seed, 0);
        let (task, span) = task(&mut dice);
        // One story in three is told of ends of whom no needless end is allowed.
        let is_careful = dice.one_in(3);
        let hosts = [(); 2].map(|()| host(&mut dice, is_careful, span));
        let network = network(&mut dice, is_careful, span);
        let count = dice.size_below(DISTURBANCES_MAX + 1);
        let mut disturbances: Vec<Disturbance> =
            (0..count).map(|_| disturbance(&mut dice, &hosts, is_careful, span, network.delay)).collect();
        branch(&mut dice, &mut disturbances, span);
        // Twins are told apart by their nonces only where their peer knows these: nothing else befalls them.
        if let Some(twins) = disturbances.iter().find(|found| matches!(found.kind, Trouble::Twins { .. })) {
            disturbances = vec![*twins];
        }
        disturbances.sort_by_key(|disturbance| disturbance.at);
        Self { seed, hosts, task, network, disturbances }
    }

    /// When the last disturbance is over and the path is good.
    #[must_use]
    pub fn calm_at(&self) -> Time {
        let ends = self.disturbances.iter().map(|disturbance| disturbance.kind.ends(disturbance.at));
        ends.max().unwrap_or(Time::ZERO) + CALM_AFTER
    }

    /// What the applications take for themselves at most: pauses, and waits for epochs of both ends, piece by piece.
    #[must_use]
    pub fn pace(&self) -> Duration {
        // A host that retains little sends no more than that from one epoch of its peer to the next.
        let retained = self.hosts.iter().filter_map(|host| host.retained_octets_max).min();
        let at_once = self.task.piece_octets.min(retained.unwrap_or(u32::MAX)).max(1);
        let pieces = self.task.octets / at_once;
        let [a, b] = self.hosts.map(|host| host.snapshot_interval + host.durable_after_max);
        (self.task.pause + a + b) * (pieces + 2) * 2
    }

    /// True if nothing befalls these hosts and nothing gets lost, and both take epochs often enough.
    #[must_use]
    pub fn is_smooth(&self) -> bool {
        self.disturbances.is_empty()
            && self.network.loss_per_mille == 0
            && self.network.stragglers_per_mille == 0
            && self.network.jitter.is_zero()
            && self.network.strip == Strip::Nothing
            && self.hosts.iter().all(|host| host.snapshot_interval < Duration::from_secs(60))
    }

    /// True if no rollback and no absence here may end the connection, as far as the story alone tells (draft,
    /// {#theorem}).
    #[must_use]
    pub fn promises_no_needless_end(&self) -> bool {
        let [a, b] = &self.hosts;
        let hold = a.hold_seconds.min(b.hold_seconds);
        // What the ends were away for in all, with what a return takes beside it.
        let margin = Duration::from_secs(300) * 2;
        let mut away = margin;
        let mut resets = 0;
        for Disturbance { side, kind, .. } in &self.disturbances {
            let (own, peer) = (&self.hosts[side.index()], &self.hosts[side.peer().index()]);
            match kind {
                Trouble::Suspend { absence } | Trouble::PowerCut { absence } => away += *absence,
                Trouble::Outage { lasts } => away += *lasts,
                Trouble::Crash { downtime, to: Restore::Latest | Restore::Newest } => {
                    away += *downtime;
                    let is_safe = own.absence == Absence::Older
                        && own.sending == Sending::HoldSend
                        // Else LINGER may be over before an epoch holds what was done.
                        && own.snapshot_interval <= EPOCH_INTERVAL_MAX
                        && peer.retained_octets_max.is_some();
                    if !is_safe {
                        return false;
                    }
                }
                Trouble::Forgotten { segments } => resets += segments,
                Trouble::ClockJump { by } if *by < Duration::from_secs(60) => away += *by,
                _ => return false,
            }
        }
        self.network.strip == Strip::Nothing && resets < 3 && away < Duration::from_secs(u64::from(hold))
    }
}

fn task(dice: &mut Dice) -> (Task, Duration) {
    let kind = TaskKind::ALL[dice.size_below(TaskKind::ALL.len())];
    let piece = if kind == TaskKind::Counter { 8 } else { dice.size_up_to(PIECE_OCTETS_MAX) };
    let pieces = 1 + dice.size_below(PIECES_MAX);
    // Hours, so that a clone goes on for longer than its successor's timestamps fence it off.
    let is_slow = dice.one_in(60);
    let span = if is_slow { SPAN_SLOW } else { dice.duration_up_to(SPAN_MAX) };
    let share = u32::try_from(pieces).unwrap_or(1);
    let pause = if dice.one_in(4) && !is_slow { Duration::ZERO } else { span / share };
    let octets = |count: usize| u32::try_from(count).unwrap_or(1);
    let task = Task { kind, octets: octets(piece * pieces), piece_octets: octets(piece), pause };
    (task, span.max(Duration::from_millis(50)))
}

fn host(dice: &mut Dice, is_careful: bool, span: Duration) -> HostPlan {
    let is_small = dice.one_in(6);
    let retained = if is_small { 1 + dice.u32_below(600) } else { 1 << 20 };
    let retains = is_careful || !dice.one_in(4);
    let keep_alive_idle = if span > SPAN_MAX { SPAN_SLOW } else { Duration::from_secs(120) };
    // Long holds mean many probes: few of them are enough.
    let hold_seconds = match dice.below(40) {
        0 => 7 * 86_400,
        1 => 3 * 86_400,
        _ if is_careful => 3600,
        2..=4 => 0,
        5..=9 => 30,
        10..=20 => 300,
        _ => 3600,
    };
    let snapshot_interval = match dice.below(12) {
        // So rarely that a peer with little room for retained octets sheds some.
        0 => Duration::from_secs(60 + dice.below(600)),
        _ => (span / (1 + dice.u32_below(EPOCHS_MAX))).clamp(Duration::from_millis(5), EPOCH_INTERVAL_MAX),
    };
    let durable_after_max = match dice.below(4) {
        0 => Duration::ZERO,
        1 if span > DURABLE_AFTER_MAX / 2 => DURABLE_AFTER_MAX,
        _ => snapshot_interval.min(DURABLE_AFTER_MAX),
    };
    HostPlan {
        absence: if dice.one_in(if is_careful { 12 } else { 6 }) { Absence::Silent } else { Absence::Older },
        retained_octets_max: retains.then_some(retained),
        sending: if is_careful || dice.one_in(2) { Sending::HoldSend } else { Sending::Unheld },
        hold_seconds,
        derives_key: dice.one_in(2),
        snapshot_interval,
        durable_after_max,
        keep_alive_idle,
        mss_octets: [64, 200, 536, 1400][dice.size_below(4)],
        receive_buffer_octets: if dice.one_in(6) { 100 + dice.u32_below(500) } else { 64 * 1024 },
    }
}

fn network(dice: &mut Dice, is_careful: bool, span: Duration) -> Network {
    let delay = dice.duration_up_to(Duration::from_millis(200)).max(Duration::from_micros(500));
    let is_rough = dice.one_in(2);
    let sometimes = |dice: &mut Dice, most: u16| if dice.one_in(2) { dice.u16_below(most) } else { 0 };
    let strip = match dice.below(40) {
        _ if is_careful => Strip::Nothing,
        0 => Strip::Syns,
        1 => Strip::NonSyns,
        2 => Strip::DropsSyns,
        3 | 4 => Strip::From(Time::ZERO + dice.duration_up_to(span * 2)),
        _ => Strip::Nothing,
    };
    Network {
        delay,
        jitter: if dice.one_in(3) { dice.duration_up_to(delay * 4) } else { Duration::ZERO },
        loss_per_mille: if is_rough { sometimes(dice, 250) } else { 0 },
        duplicates_per_mille: if is_rough { sometimes(dice, 200) } else { 0 },
        stragglers_per_mille: if is_rough { sometimes(dice, 200) } else { 0 },
        straggle: dice.duration_up_to(STRAGGLE_MAX),
        strip,
        offload: if dice.one_in(8) { Offload::Cuts } else { Offload::Whole },
        isn_shift: if dice.one_in(8) { [dice.u32_below(u32::MAX), dice.u32_below(u32::MAX)] } else { [0; 2] },
    }
}

fn disturbance(
    dice: &mut Dice,
    hosts: &[HostPlan; 2],
    is_careful: bool,
    span: Duration,
    delay: Duration,
) -> Disturbance {
    let side = if dice.one_in(2) { Side::A } else { Side::B };
    // Most of them while something is under way, some later.
    let over = if dice.one_in(8) { Duration::from_secs(900) } else { span * 3 / 2 };
    let at_us = u64::try_from(over.as_micros()).unwrap_or(1).max(1);
    // Most of them when the connection is on.
    let epoch = hosts[side.index()].snapshot_interval;
    let first_epoch = if epoch > span { Duration::ZERO } else { epoch };
    let from = if dice.one_in(12) { Duration::ZERO } else { delay * HANDSHAKE_LEGS + first_epoch };
    let at = Time(dice.below(at_us)) + from;
    let may_crash = hosts[side.index()].absence == Absence::Older || dice.one_in(4);
    let is_held_long = hosts[side.peer().index()].hold_seconds > 86_400;
    let absence = absence(dice, is_careful, is_held_long);
    let to = restore(dice, is_careful);
    let kind = match dice.below(if is_careful { 12 } else { 20 }) {
        0..=5 if may_crash => Trouble::Crash { downtime: absence, to },
        0..=7 => Trouble::PowerCut { absence },
        8 | 9 => Trouble::Suspend { absence },
        10 => Trouble::Forgotten { segments: 1 + dice.u16_below(if is_careful { 1 } else { 5 }) },
        11 => Trouble::Outage { lasts: absence.min(Duration::from_secs(600)) },
        12 | 13 => Trouble::Clone {
            of: to,
            lives: dice.duration_up_to(SPAN_SLOW),
            hears: if dice.one_in(2) { Hears::Both } else { Hears::Newer },
        },
        14 => Trouble::ClockJump { by: dice.duration_up_to(CLOCK_JUMP_MAX) },
        15 => Trouble::Unawares { to },
        16 => {
            Trouble::Twins { downtime: absence.min(DAY), apart: dice.duration_up_to(Duration::from_secs(60)) }
        }
        _ => Trouble::Crash { downtime: absence, to: restore(dice, is_careful) },
    };
    Disturbance { at, side, kind }
}

/// Something is off the line only after a host went on from an older epoch.
fn branch(dice: &mut Dice, disturbances: &mut Vec<Disturbance>, span: Duration) {
    let is_off_line = |found: &Disturbance| matches!(found.kind, Trouble::Crash { to: Restore::OffLine, .. });
    if let Some(index) = disturbances.iter().position(is_off_line)
        && let Some(Disturbance { at, side, kind }) = disturbances.get(index).copied()
    {
        let downtime = Duration::from_millis(1 + dice.below(100));
        let to = Restore::Older(1 + u8::from(dice.one_in(2)));
        disturbances.insert(index, Disturbance { at, side, kind: Trouble::Crash { downtime, to } });
        let later = at + downtime + span / 2;
        disturbances[index + 1] = Disturbance { at: later, side, kind };
    }
}

fn absence(dice: &mut Dice, is_careful: bool, is_held_long: bool) -> Duration {
    match dice.below(if is_held_long { 4 } else { 32 }) {
        0 => DAY + dice.duration_up_to(DAY),
        1 if !is_careful => dice.duration_up_to(DAY),
        _ => dice.duration_up_to(Duration::from_secs(400)),
    }
}

fn restore(dice: &mut Dice, is_careful: bool) -> Restore {
    match dice.below(10) {
        0..=2 => Restore::Latest,
        3..=6 => Restore::Newest,
        _ if is_careful => Restore::Latest,
        7 | 8 => Restore::Older(1 + u8::from(dice.one_in(3))),
        _ => Restore::OffLine,
    }
}
