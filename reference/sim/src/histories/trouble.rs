//! What befalls hosts: absences, crashes, restores, clones.

use core::time::Duration;

use hiatus_codec::{HoldTime, Nonce};
use hiatus_engine::Command;

use crate::histories::agenda::{Item, Twin};
use crate::histories::host::{self, Instance, Power};
use crate::histories::rules::HostRule;
use crate::histories::story::{Disturbance, Hears, Restore, Trouble};
use crate::histories::tally::Kind;
use crate::histories::world::World;
use crate::sim::Side;

/// How long a host that is about to suspend waits for SUSPEND-ACK.
const SUSPEND_GRACE: Duration = Duration::from_secs(4);
/// An absence of so long is a long one.
const LONG_ABSENCE: Duration = Duration::from_secs(24 * 3600);
/// How far the clock of a restored host may be from where it was.
const CLOCK_START_US: u64 = 1 << 40;
/// The step of HIA-MUST-109, which the engine takes above what it is told.
const STEP_TICKS: u32 = 1 << 22;
/// For so long the step fences off an instance that goes on unasked, and no longer.
const FENCE_TICKS: u32 = 1 << 21;

impl World<'_> {
    /// The disturbance with that index begins.
    pub(crate) fn trouble(&mut self, index: usize) {
        let Some(Disturbance { side, kind, .. }) = self.story.disturbances.get(index).copied() else {
            return;
        };
        let now = self.now;
        if !self.is_on() {
            self.no_needless_end = false;
        }
        match kind {
            Trouble::Outage { lasts } => {
                self.seen.note(Kind::Outage);
                self.path.cut_until = self.path.cut_until.max(now + lasts);
                return self.timeline.note(now, side, || kind.to_string());
            }
            Trouble::Forgotten { segments } => {
                self.path.forgotten[side.index()] = segments;
                return self.timeline.note(now, side, || kind.to_string());
            }
            _ => {}
        }
        let is_lone = self.hosts[side.index()].instances.len() == 1;
        let Some(instance) = self.hosts[side.index()].newest_mut().filter(|found| found.power == Power::On)
        else {
            return;
        };
        let id = instance.id;
        self.timeline.note(now, side, || kind.to_string());
        match kind {
            Trouble::Suspend { absence } => self.leave(side, id, absence),
            Trouble::PowerCut { absence } => {
                instance.power = Power::Off;
                instance.wakes_at = None;
                self.seen.note(Kind::PowerCut);
                self.away(side, id, absence);
            }
            Trouble::ClockJump { by } => {
                instance.clock_ahead += by;
                instance.wakes_at = Some(now);
                self.seen.note(Kind::ClockJump);
            }
            Trouble::Crash { downtime, to } => {
                self.crash(side);
                self.agenda.plan(now + downtime, Item::Restores { side, to, twin: Twin::Only });
            }
            Trouble::Unawares { to } => self.set_back(side, to),
            Trouble::Clone { of, lives, hears } if is_lone => {
                let both = hears == Hears::Both;
                self.seen.note(if both { Kind::CloneBothHear } else { Kind::Clone });
                instance.is_replaced = true;
                let clock_ticks = host::ticks(instance.time(now));
                self.agenda.plan(now + lives, Item::Ends { side, instance: id });
                // A clock that jumped since its last segment has left the fence behind before anybody could ask
                // (draft, {#assumptions}, 4).
                let ceiling_ticks = self.hosts[side.index()].store.ceiling_ticks;
                let ahead_ticks = ceiling_ticks.map_or(0, |ceiling| clock_ticks.wrapping_sub(ceiling));
                self.is_beyond_promise |= (FENCE_TICKS..1 << 31).contains(&ahead_ticks);
                self.restore(side, of, Twin::Only);
            }
            Trouble::Twins { downtime, apart } if is_lone => {
                self.seen.note(Kind::Twins);
                self.crash(side);
                let at = now + downtime;
                let to = Restore::Latest;
                self.agenda.plan(at, Item::Restores { side, to, twin: Twin::First });
                self.agenda.plan(at + apart, Item::Restores { side, to, twin: Twin::Second });
            }
            _ => {}
        }
    }

    fn leave(&mut self, side: Side, id: u32, absence: Duration) {
        let now = self.now;
        let Some(instance) = self.find(side, id) else { return };
        let command = Command::Suspend { expected_absence: HoldTime::NONE };
        let time = instance.time(now);
        let is_told = instance.connection.handle_command(time, command).is_ok();
        instance.power = if is_told { Power::Leaving } else { Power::Off };
        instance.wakes_at = is_told.then_some(now);
        if is_told {
            self.agenda.plan(now + SUSPEND_GRACE, Item::StopsAtLast { side, instance: id });
        }
        self.seen.note(Kind::Suspend);
        self.away(side, id, absence.max(SUSPEND_GRACE));
    }

    fn away(&mut self, side: Side, instance: u32, absence: Duration) {
        if absence >= LONG_ABSENCE {
            self.seen.note(Kind::LongAbsence);
        }
        self.agenda.plan(self.now + absence, Item::Returns { side, instance });
    }

    /// A host is back with its memory.
    pub(crate) fn returns(&mut self, side: Side, id: u32) {
        let now = self.now;
        let Some(instance) = self.find(side, id).filter(|found| found.power != Power::On) else { return };
        instance.power = Power::On;
        instance.is_dirty = true;
        let time = instance.time(now);
        instance.connection.handle_command(time, Command::Resume).ok();
        let durable = core::mem::take(&mut instance.durable_meanwhile);
        for epoch in durable {
            instance.connection.handle_command(time, Command::SnapshotDurable { epoch }).ok();
        }
        self.timeline.note(now, side, || "is back, its memory intact".to_owned());
        if let Some(index) = self.index_of(side, id) {
            self.settle(side, index);
        }
    }

    fn crash(&mut self, side: Side) {
        self.seen.note(Kind::Crash);
        let host = &mut self.hosts[side.index()];
        host.instances.retain(|instance| instance.is_replaced);
        host.is_up = false;
    }

    /// A host begins again from an epoch, and knows it.
    pub(crate) fn restore(&mut self, side: Side, to: Restore, twin: Twin) {
        let now = self.now;
        self.never_restored = false;
        let host = &mut self.hosts[side.index()];
        host.is_up = true;
        host.restores += 1;
        let second = host.twin.take().filter(|_| twin == Twin::Second);
        let found = second.map(|(epoch, ..)| epoch).or_else(|| host.store.find(to));
        let Some(index) = found else { return self.lose(side, Kind::RestoredWithout) };
        let is_on_line = host.store.is_on_line(index);
        if !is_on_line && self.broken.keeps(HostRule::Line) {
            return self.lose(side, Kind::RestoredOffLine);
        }
        let Some(epoch) = host.store.epochs.get_mut(index) else { return };
        let was_durable = epoch.is_durable;
        epoch.is_durable |= self.broken.keeps(HostRule::DurableBeforeResume);
        let (number, image_incarnation, image_ticks) = (epoch.number, epoch.incarnation, epoch.clock_ticks);
        let mut app = epoch.app.clone();
        let connection = epoch.connection.clone();
        self.note_restore(side, to, was_durable, app.has_closed);
        // An instance that was replaced and still runs answers a peer that has forgotten that it was: nothing tells the
        // two apart then.
        let peers = &self.hosts[side.peer().index()].instances;
        self.is_beyond_promise |= peers.iter().any(|peer| peer.is_replaced && peer.runs());
        let host = &mut self.hosts[side.index()];
        let incarnation = match second {
            Some((_, incarnation, _)) => incarnation,
            None if self.broken.keeps(HostRule::Incarnations) => host.store.incarnation + 1,
            None => image_incarnation + 1,
        };
        host.store.begin(incarnation, index);
        let fresh = Nonce(1 + self.dice.u32_below(u32::MAX - 1));
        let is_drawn_inside = !self.broken.keeps(HostRule::Nonces);
        let nonce = if is_drawn_inside { Nonce(1 + number) } else { fresh };
        host.twin = (twin == Twin::First).then_some((index, incarnation, nonce));
        let ceiling = match host.store.ceiling_ticks {
            _ if !self.broken.keeps(HostRule::TimestampCeiling) => image_ticks.wrapping_sub(STEP_TICKS),
            known => known.unwrap_or(image_ticks),
        };
        app.entropy = self.dice.below(u64::MAX);
        app.writes_at = app.writes_at.min(now);
        let clock_ahead = Duration::from_micros(self.dice.below(CLOCK_START_US));
        let mut instance = Instance {
            id: self.next_instance,
            connection,
            app,
            power: Power::On,
            incarnation,
            is_replaced: false,
            clock_ahead,
            is_dirty: true,
            snapshot_at: now + host.plan.snapshot_interval,
            next_epoch: number + 1,
            durable_meanwhile: Vec::new(),
            lingers_since: None,
            wakes_at: Some(now),
        };
        self.next_instance += 1;
        let time = instance.time(now);
        let command = Command::Restored { incarnation, nonce, tsval_ceiling: ceiling };
        if !instance.is_over() && instance.connection.handle_command(time, command).is_err() {
            return self.lose(side, Kind::RestoredWithout);
        }
        let what = if was_durable { "DURABLE" } else { "TAKEN, now DURABLE" };
        self.timeline.note(now, side, || {
            format!("is restored to epoch {number} ({what}) as incarnation {incarnation}, nonce {nonce}")
        });
        let host = &mut self.hosts[side.index()];
        host.instances.push(instance);
        let last = host.instances.len() - 1;
        self.settle(side, last);
    }

    fn note_restore(&mut self, side: Side, to: Restore, was_durable: bool, has_closed: bool) {
        self.seen.note(match to {
            Restore::Older(_) => Kind::RestoredOlder,
            _ if was_durable => Kind::RestoredLatest,
            _ => Kind::RestoredNewer,
        });
        if has_closed {
            self.seen.note(Kind::RestoredClosing);
        }
        let host = &self.hosts[side.index()];
        if host.restores > 1 {
            self.seen.note(Kind::RestoredAgain);
        }
        let is_silent = |peer: &Instance| {
            peer.incarnation > 0 && peer.connection.self_state() == hiatus_engine::SelfState::Resuming
        };
        let peer = &self.hosts[side.peer().index()];
        if !peer.is_up || peer.newest().is_some_and(is_silent) {
            self.seen.note(Kind::BothRestored);
        }
    }

    /// The connection is not restored: the host deletes it without a segment.
    fn lose(&mut self, side: Side, kind: Kind) {
        let now = self.now;
        self.seen.note(kind);
        self.timeline.note(now, side, || "has lost the connection in the restore".to_owned());
        let host = &mut self.hosts[side.index()];
        host.is_lost = !host.instances.iter().any(|instance| !instance.is_replaced);
        self.no_needless_end = false;
    }

    /// A host is set back and not told: nobody gives its engine a command.
    fn set_back(&mut self, side: Side, to: Restore) {
        let host = &mut self.hosts[side.index()];
        let Some(epoch) = host.store.find(to).and_then(|index| host.store.epochs.get(index)) else { return };
        let (connection, mut app) = (epoch.connection.clone(), epoch.app.clone());
        app.entropy = self.dice.below(u64::MAX);
        self.seen.note(Kind::Unawares);
        // The theorem speaks of hosts that know that they were restored.
        self.is_beyond_promise = true;
        self.no_needless_end = false;
        let now = self.now;
        if let Some(instance) = host.newest_mut() {
            instance.connection = connection;
            instance.app = app;
            instance.is_dirty = true;
            instance.wakes_at = Some(now);
        }
    }
}
