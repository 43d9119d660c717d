//! The clock, both hosts and the path between them: one history as it runs.

use core::time::Duration;

use hiatus_codec::Segment;
use hiatus_engine::{CloseReason, Command, Event, HiatusState, TcpState, Time, answer_stray};

use crate::dice::Dice;
use crate::histories::agenda::{Agenda, Item};
use crate::histories::app::App;
use crate::histories::host::{self, Host, Instance, Power};
use crate::histories::network::{self, Path, SLOT_OCTETS};
use crate::histories::oracle::{self, Violation};
use crate::histories::rules::{Broken, HostRule};
use crate::histories::store::Epoch;
use crate::histories::story::{Hears, Story, Trouble};
use crate::histories::tally::{Kind, Seen};
use crate::histories::timeline::{Telling, Timeline};
use crate::sim::Side;

/// Turns that one instance takes at one instant; more are a livelock.
const TURNS_MAX: u32 = 200;
/// More than any honest history here takes.
const SEGMENTS_MAX: u32 = 20_000;
/// What two ends that hang send each other in a second at most: challenges, and a question with its answer.
const SEGMENTS_PER_SECOND_MAX: u64 = 40;
/// Octets that an application moves in one go.
const CHUNK_OCTETS: usize = 1024;
/// What holds, RESUMING, LINGER and keep-alives may take one after the other when all is quiet, beside the holds.
const QUIET_MAX: Duration = Duration::from_secs(4 * 3600);
/// Where nothing is missing, epochs of both ends end it much earlier: two intervals of a minute, the time to DURABLE, and
/// the other end's TIME-WAIT.
const LINGER_MAX: Duration = Duration::from_secs(420);
/// LINGER is watched to its end where it does not last longer.
const LINGER_SECONDS_MAX: u32 = 3600;
/// Ends of which one was set back unawares may hang until an application ends it (draft, {#lives}): they are watched for
/// so long.
const UNAWARES_MAX: Duration = Duration::from_secs(1800);
/// How often the longest hold may run in that time.
const HOLDS_MAX: u32 = 4;

/// A history as it runs.
#[derive(Debug)]
pub(crate) struct World<'s> {
    pub(crate) story: &'s Story,
    pub(crate) broken: Broken,
    pub(crate) now: Time,
    pub(crate) agenda: Agenda,
    pub(crate) hosts: [Host; 2],
    pub(crate) path: Path,
    pub(crate) dice: Dice,
    pub(crate) seen: Seen,
    pub(crate) timeline: Timeline,
    pub(crate) segments: u32,
    /// No end has been restored yet.
    pub(crate) never_restored: bool,
    /// The promise that no rollback ends the connection still stands.
    pub(crate) no_needless_end: bool,
    /// Something happened of which nothing is promised.
    pub(crate) is_beyond_promise: bool,
    pub(crate) violation: Option<Violation>,
    pub(crate) next_instance: u32,
    hears: Hears,
}

impl<'s> World<'s> {
    pub(crate) fn new(story: &'s Story, broken: Broken, telling: Telling) -> Self {
        let mut dice = Dice::new(story.seed, 1);
        let hosts = [Side::A, Side::B].map(|side| {
            let app = App::new(story.task, side, dice.below(u64::MAX));
            host::build(side, &story.hosts, broken, app, &mut dice)
        });
        let mut agenda = Agenda::default();
        let mut hears = Hears::Newer;
        for (index, disturbance) in story.disturbances.iter().enumerate() {
            agenda.plan(disturbance.at, Item::Trouble(index));
            match disturbance.kind {
                Trouble::Clone { hears: Hears::Both, .. } | Trouble::Twins { .. } => hears = Hears::Both,
                _ => {}
            }
        }
        let calm_at = story.calm_at();
        Self {
            story,
            broken,
            now: Time::ZERO,
            agenda,
            hosts,
            path: Path::new(story.network, Dice::new(story.seed, 2), calm_at),
            dice,
            seen: Seen::default(),
            timeline: Timeline::new(telling),
            segments: 0,
            never_restored: true,
            no_needless_end: story.promises_no_needless_end(),
            is_beyond_promise: false,
            violation: None,
            next_instance: 1,
            hears,
        }
    }

    /// Runs to the end, and judges.
    pub(crate) fn run(&mut self) {
        let hold = self.story.hosts.iter().map(|plan| plan.hold_seconds).max().unwrap_or(0);
        let limit = self.story.calm_at()
            + self.story.pace()
            + QUIET_MAX
            + Duration::from_secs(u64::from(hold)) * HOLDS_MAX;
        let early = self.story.calm_at() + UNAWARES_MAX;
        while self.violation.is_none() && !self.is_over() {
            match self.next_at() {
                Some(next) if next > early && self.is_beyond_promise => break,
                Some(next) if next <= limit => self.now = self.now.max(next),
                _ => break,
            }
            self.happen();
            if self.is_livelock() {
                self.fail(Violation::Livelock);
            }
        }
        if self.violation.is_none() && !self.is_beyond_promise {
            self.violation = oracle::judge_end(&self.hosts, self.no_needless_end).err();
        }
        self.note_ends();
    }

    /// More segments than can have a reason. Ends that hang because one was set back unawares ask and answer as often as
    /// the draft lets them ({#lives}): that is bounded by the time, not in all.
    fn is_livelock(&self) -> bool {
        let hanging = if self.is_beyond_promise { self.now.micros() / 1_000_000 } else { 0 };
        u64::from(self.segments) > u64::from(SEGMENTS_MAX) + hanging * SEGMENTS_PER_SECOND_MAX
    }

    pub(crate) fn fail(&mut self, violation: Violation) {
        self.violation.get_or_insert(violation);
    }

    /// Nothing can happen any more that anybody would notice.
    fn is_over(&self) -> bool {
        let is_smooth = self.story.is_smooth();
        let long = self.story.hosts.iter().any(|plan| plan.hold_seconds > LINGER_SECONDS_MAX);
        let is_quiet = |instance: &Instance| match instance.connection.state() {
            TcpState::Closed | TcpState::Listen => true,
            // Its application is done. What is left are days of EPOCHs to a peer that may be gone.
            TcpState::Linger => long && !is_smooth,
            _ => false,
        };
        let is_done = |host: &Host| host.end().is_some() && host.instances.iter().all(is_quiet);
        !self.agenda.holds_plans() && self.hosts.iter().all(is_done)
    }

    fn next_at(&self) -> Option<Time> {
        let instances = self.hosts.iter().flat_map(|host| &host.instances);
        let wakes = instances.filter_map(|instance| instance.wakes_at);
        wakes.chain(self.agenda.next_at()).min()
    }

    fn happen(&mut self) {
        while let Some(item) = self.agenda.take(self.now) {
            self.one(item);
        }
        for side in [Side::A, Side::B] {
            for index in 0..self.hosts[side.index()].instances.len() {
                let now = self.now;
                let instance = &mut self.hosts[side.index()].instances[index];
                if instance.wakes_at.is_some_and(|at| at <= now) {
                    let time = instance.time(now);
                    if instance.connection.poll_timeout().is_some_and(|at| at <= time) {
                        instance.connection.handle_timeout(time);
                    }
                    self.settle(side, index);
                }
            }
        }
    }

    fn one(&mut self, item: Item) {
        match item {
            Item::Arrival { to, slot } => self.arrive(to, slot),
            Item::Durable { side, epoch } => self.becomes_durable(side, epoch),
            Item::Trouble(index) => self.trouble(index),
            Item::StopsAtLast { side, instance } => {
                if let Some(found) = self.find(side, instance).filter(|found| found.power == Power::Leaving) {
                    found.power = Power::Off;
                    found.wakes_at = None;
                }
            }
            Item::Returns { side, instance } => self.returns(side, instance),
            Item::Restores { side, to, twin } => self.restore(side, to, twin),
            Item::Ends { side, instance } => {
                self.hosts[side.index()].instances.retain(|found| found.id != instance);
            }
        }
    }

    /// Hiatus is on at both ends, as far as they run.
    pub(crate) fn is_on(&self) -> bool {
        let mut instances = self.hosts.iter().flat_map(|host| &host.instances);
        instances.all(|instance| instance.connection.hiatus_state() == HiatusState::On || instance.is_over())
    }

    pub(crate) fn find(&mut self, side: Side, instance: u32) -> Option<&mut Instance> {
        self.hosts[side.index()].instances.iter_mut().find(|found| found.id == instance)
    }

    pub(crate) fn index_of(&self, side: Side, instance: u32) -> Option<usize> {
        self.hosts[side.index()].instances.iter().position(|found| found.id == instance)
    }

    /// A segment comes to `to`.
    fn arrive(&mut self, to: Side, slot: usize) {
        let count = self.hosts[to.index()].instances.len();
        let first = match self.hears {
            Hears::Both => 0,
            Hears::Newer => count.saturating_sub(1),
        };
        let mut is_heard = false;
        for index in first..count {
            let now = self.now;
            let instance = &mut self.hosts[to.index()].instances[index];
            if !instance.runs() {
                is_heard = true;
                continue;
            }
            is_heard = true;
            let was_over = instance.is_over();
            let time = instance.time(now);
            if let Ok(segment) = Segment::parse(self.path.octets(slot)) {
                instance.connection.handle_segment(time, &segment);
                instance.is_dirty |= !was_over;
            }
            self.settle_heard(to, index, slot, was_over);
        }
        let host = &self.hosts[to.index()];
        let answers = host.is_up && host.is_lost || !self.broken.keeps(HostRule::MuteUntilRestored);
        if !is_heard && answers {
            self.answer_stray(to, slot);
        }
        self.path.give_back(slot);
    }

    /// What follows a segment. One for a connection that is over meets what the host has to say of such.
    fn settle_heard(&mut self, side: Side, index: usize, slot: usize, was_over: bool) {
        let before = self.segments;
        self.settle(side, index);
        let Some(instance) = self.hosts[side.index()].instances.get(index) else { return };
        let was_fenced =
            instance.app.end == Some(CloseReason::AbortedByPeer(hiatus_codec::AbortReason::FENCED));
        // For a while after an ABORT the connection itself still answers.
        if was_over && !was_fenced && self.segments == before {
            self.answer_stray(side, slot);
        }
    }

    fn answer_stray(&mut self, side: Side, slot: usize) {
        let key = self.hosts[side.index()].key;
        let mut buffer = [0; hiatus_engine::SEGMENT_LEN_OCTETS_MIN];
        let Ok(segment) = Segment::parse(self.path.octets(slot)) else { return };
        let Some(answer) = answer_stray(&segment, key, &mut buffer) else { return };
        let len_octets = answer.wire_len_octets();
        let slot = self.path.take_slot();
        if let (Some(room), Some(octets)) =
            (self.path.room(slot).get_mut(..len_octets), buffer.get(..len_octets))
        {
            room.copy_from_slice(octets);
        }
        self.path.set_len(slot, len_octets);
        self.send(side, slot);
    }

    fn send(&mut self, side: Side, slot: usize) {
        self.segments += 1;
        if self.path.forgotten != [0; 2] && !self.is_on() {
            self.no_needless_end = false;
        }
        if self.timeline.is_kept() {
            let octets = self.path.octets(slot).to_vec();
            let fate = self.path.carry(self.now, side, slot, &mut self.agenda, &mut self.seen);
            self.timeline.segment(self.now, side, &octets, || fate);
        } else {
            self.path.carry(self.now, side, slot, &mut self.agenda, &mut self.seen);
        }
    }

    /// Lets an instance do what it can do now, takes an epoch if one is due, and looks whether all is well.
    pub(crate) fn settle(&mut self, side: Side, index: usize) {
        let mut turns = 0;
        while self.turn(side, index) {
            turns += 1;
            if turns > TURNS_MAX {
                return self.fail(Violation::Livelock);
            }
        }
        let host = &mut self.hosts[side.index()];
        let Some(instance) = host.instances.get_mut(index) else { return };
        if let Err(which) = instance.connection.check_invariants() {
            self.fail(Violation::Invariant { side, which });
            return;
        }
        self.snapshot_if_due(side, index);
        self.check();
        let now = self.now;
        let Some(instance) = self.hosts[side.index()].instances.get_mut(index) else { return };
        instance.wakes_at = wakes_at(instance, now);
    }

    /// One turn: events, application, segments. Says whether anything came of it.
    fn turn(&mut self, side: Side, index: usize) -> bool {
        let now = self.now;
        let Some(instance) = self.hosts[side.index()].instances.get_mut(index) else { return false };
        if !instance.runs() {
            return false;
        }
        let mut is_busy = false;
        while let Some(event) = instance.connection.poll_event() {
            is_busy = true;
            note_event(&mut self.seen, &mut self.no_needless_end, event);
            self.timeline.note(now, side, || format!("{event:?}"));
            hear(instance, event, now);
        }
        if !instance.runs() {
            return false;
        }
        let lingers_on = instance.lingers_since.is_some_and(|since| now > since + LINGER_MAX);
        if lingers_on && self.story.is_smooth() {
            self.fail(Violation::LingersOn { side });
            return false;
        }
        is_busy |= run_app(instance, now);
        let offset = self.hosts[side.index()].timestamp_offset;
        loop {
            let slot = self.path.take_slot();
            let Some(instance) = self.hosts[side.index()].instances.get_mut(index) else { break };
            let time = instance.time(now);
            let burst = instance.connection.poll_transmit_burst(time, self.path.room(slot), 1);
            let Some(burst) = burst else {
                self.path.give_back(slot);
                break;
            };
            is_busy = true;
            self.path.set_len(slot, burst.len_octets.min(SLOT_OCTETS));
            self.raise_ceiling(side, slot, offset);
            self.send(side, slot);
            if self.is_livelock() {
                self.fail(Violation::Livelock);
                return false;
            }
        }
        is_busy
    }

    /// Notes a timestamp that leaves, outside of everything that is rolled back.
    fn raise_ceiling(&mut self, side: Side, slot: usize, offset: u32) {
        let Some(timestamp) = network::timestamp(self.path.octets(slot)) else { return };
        let clock = timestamp.wrapping_sub(offset);
        let ceiling = &mut self.hosts[side.index()].store.ceiling_ticks;
        let is_higher = |old: u32| clock.wrapping_sub(old) < 1 << 31;
        if ceiling.is_none_or(is_higher) {
            *ceiling = Some(clock);
        }
    }

    /// Takes an epoch: connection and application of one instant.
    fn snapshot_if_due(&mut self, side: Side, index: usize) {
        let now = self.now;
        let host = &mut self.hosts[side.index()];
        let Some(instance) = host.instances.get_mut(index) else { return };
        if !instance.is_dirty || now < instance.snapshot_at || !instance.runs() || instance.is_over() {
            return;
        }
        let number = instance.next_epoch;
        instance.next_epoch += 1;
        instance.is_dirty = false;
        instance.snapshot_at = now + host.plan.snapshot_interval;
        let time = instance.time(now);
        instance.connection.handle_command(time, Command::SnapshotTaken { epoch: number }).ok();
        let app = if self.broken.keeps(HostRule::AtomicSnapshot) {
            instance.app.clone()
        } else {
            host.store.epochs.last().map_or_else(|| instance.app.clone(), |epoch| epoch.app.clone())
        };
        let epoch = Epoch {
            number,
            incarnation: instance.incarnation,
            taken_by: instance.id,
            is_durable: false,
            connection: instance.connection.clone(),
            app,
            clock_ticks: host.store.ceiling_ticks.unwrap_or_else(|| host::ticks(time)),
        };
        host.store.epochs.push(epoch);
        let index = host.store.epochs.len() - 1;
        let after_us = u64::try_from(host.plan.durable_after_max.as_micros()).unwrap_or(0);
        let after = if after_us == 0 { 0 } else { self.dice.below(after_us + 1) };
        // None overtakes another.
        let at = (now + Duration::from_micros(after)).max(host.store.durable_until);
        host.store.durable_until = at;
        self.timeline.note(now, side, || format!("epoch {number} TAKEN"));
        self.agenda.plan(at, Item::Durable { side, epoch: index });
    }

    fn becomes_durable(&mut self, side: Side, index: usize) {
        let now = self.now;
        let host = &mut self.hosts[side.index()];
        let Some(epoch) = host.store.epochs.get_mut(index) else { return };
        if epoch.is_durable {
            return;
        }
        epoch.is_durable = true;
        let (number, taken_by) = (epoch.number, epoch.taken_by);
        self.timeline.note(now, side, || format!("epoch {number} DURABLE"));
        //= draft#restoring
        //# An epoch TAKEN in an earlier incarnation that becomes
        //# DURABLE only now is not reported and releases nothing.
        let teller = match host.instances.iter_mut().position(|instance| instance.id == taken_by) {
            None if !self.broken.keeps(HostRule::OldEpochsSilent) => host.instances.len().checked_sub(1),
            found => found,
        };
        let Some(found) = teller else { return };
        let instance = &mut host.instances[found];
        if instance.power == Power::Off {
            instance.durable_meanwhile.push(number);
            return;
        }
        let time = instance.time(now);
        instance.connection.handle_command(time, Command::SnapshotDurable { epoch: number }).ok();
        self.settle(side, found);
    }

    /// The oracle's look at every two instances that are in step.
    fn check(&mut self) {
        if self.is_beyond_promise || self.violation.is_some() {
            return;
        }
        let [a, b] = &self.hosts;
        for one in &a.instances {
            for other in &b.instances {
                let Some(standing) = oracle::are_in_step(one, other, self.never_restored) else { continue };
                if let Err(violation) = oracle::judge(one, other, standing, self.never_restored) {
                    self.violation = Some(violation);
                    return;
                }
            }
        }
    }

    fn note_ends(&mut self) {
        let finished = Some(host::End::Closed(CloseReason::Finished));
        let both = self.hosts.iter().all(|host| host.end() == finished);
        self.seen.note(if both { Kind::BothFinished } else { Kind::EndedForReason });
        if self.no_needless_end && !self.story.disturbances.is_empty() {
            self.seen.note(Kind::NoNeedlessEnd);
        }
        for host in &self.hosts {
            let instances = host.instances.iter();
            for reason in instances.filter_map(|instance| instance.app.end) {
                note_reason(&mut self.seen, reason);
            }
        }
    }
}

fn note_reason(seen: &mut Seen, reason: CloseReason) {
    use hiatus_codec::AbortReason;
    if let CloseReason::AbortedByPeer(reason) | CloseReason::AbortedHere(reason) = reason {
        match reason {
            AbortReason::FENCED => seen.note(Kind::Fenced),
            AbortReason::DIVERGED => seen.note(Kind::Diverged),
            AbortReason::GONE => seen.note(Kind::Gone),
            _ => {}
        }
    }
}

fn note_event(seen: &mut Seen, no_needless_end: &mut bool, event: Event) {
    match event {
        Event::PeerSuspended { .. } => seen.note(Kind::Held),
        Event::PeerPresumedSuspended { .. } => seen.note(Kind::Presumed),
        Event::Lingering { .. } => seen.note(Kind::Lingered),
        Event::Shed => {
            seen.note(Kind::Shed);
            *no_needless_end = false;
        }
        Event::FellBack { .. } => {
            seen.note(Kind::FellBack);
            *no_needless_end = false;
        }
        _ => {}
    }
}

/// What an event means for the host and its application.
fn hear(instance: &mut Instance, event: Event, now: Time) {
    match event {
        Event::PeerClosed => instance.app.peer_has_closed = true,
        Event::Lingering { .. } => {
            instance.app.end.get_or_insert(CloseReason::Finished);
            instance.lingers_since = Some(now);
        }
        Event::Closed { reason } => {
            instance.app.end.get_or_insert(reason);
        }
        Event::SuspendAcknowledged { .. } if instance.power == Power::Leaving => {
            instance.power = Power::Off;
        }
        _ => {}
    }
}

/// The application's turn: reads, writes, closes. Says whether it did anything that concerns the connection.
fn run_app(instance: &mut Instance, now: Time) -> bool {
    let time = now + instance.clock_ahead;
    let mut chunk = [0; CHUNK_OCTETS];
    let mut is_busy = false;
    while instance.connection.readable_octets() > 0 {
        let count = instance.connection.read(&mut chunk);
        instance.app.read.extend_from_slice(chunk.get(..count).unwrap_or(&[]));
        instance.is_dirty = true;
        is_busy = true;
    }
    if instance.app.end.is_some() {
        return is_busy;
    }
    let offered = instance.app.piece(now, &mut chunk);
    if offered > 0 {
        let octets = chunk.get(..offered).unwrap_or(&[]);
        let count = instance.connection.write(time, octets).unwrap_or(0);
        if count > 0 {
            instance.app.has_written(now, octets.get(..count).unwrap_or(&[]));
            instance.is_dirty = true;
            is_busy = true;
        }
    }
    // A CLOSE in LISTEN or SYN-SENT would give the connection up (RFC 9293, section 3.10.4).
    let is_open = !matches!(instance.connection.state(), TcpState::Listen | TcpState::SynSent);
    if is_open
        && instance.app.wants_to_close()
        && instance.connection.handle_command(time, Command::Close).is_ok()
    {
        instance.app.has_closed = true;
        instance.is_dirty = true;
        is_busy = true;
    }
    is_busy
}

/// When an instance does something next of its own accord.
pub(crate) fn wakes_at(instance: &Instance, now: Time) -> Option<Time> {
    if !instance.runs() {
        return None;
    }
    let ahead = instance.clock_ahead;
    let engine = instance.connection.poll_timeout().map(|at| at - ahead);
    let is_stuck = matches!(instance.connection.hiatus_state(), HiatusState::On)
        && instance.connection.self_state() == hiatus_engine::SelfState::Resuming;
    let app = instance.app.wakes_at().filter(|at| !is_stuck && *at > now);
    let snapshot = (instance.is_dirty && !instance.is_over()).then_some(instance.snapshot_at.max(now));
    [engine, app, snapshot].into_iter().flatten().min()
}
