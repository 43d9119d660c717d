//! Epochs of this host: what of each direction is in durable state, and how the peer learns of it (draft, {#epochs}).

use alloc::collections::VecDeque;
use core::time::Duration;

use hiatus_codec::mac::Context as MacContext;
use hiatus_codec::{Epoch, Message, Position};
use serde::{Deserialize, Serialize};

use crate::arrived::Arrived;
use crate::event::{CloseReason, PeerState, SelfState, TcpState};
use crate::hiatus::absence::sealed;
use crate::hiatus::{Hiatus, Session};
use crate::owed::Owed;
use crate::retention::Retention;
use crate::rule::Rule;
use crate::tcb::{Context, Tcb};
use crate::time::Time;
use crate::timer::Timer;

/// Epochs TAKEN and not yet DURABLE that are remembered. Of more, the one goes that has the closest neighbours: the one
/// before it says nearly what it would have said.
pub(crate) const EPOCHS_PENDING_MAX: usize = 8;
/// Between two EPOCHs while the first is not echoed, unless a repetition is due. HIA-MUST-91 leaves a second.
const REPORT_INTERVAL: Duration = Duration::from_millis(500);
/// Between two copies of an EPOCH at most.
const REPEAT_INTERVAL_MAX: Duration = Duration::from_secs(60);
/// EPOCHs without an echo after which the host asks.
const UNECHOED_MAX: u8 = 3;

/// What this end knows of its own epochs on one connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Epochs {
    /// Oldest first.
    taken: VecDeque<Mark>,
    /// EPOCH.STB: stable point of the latest DURABLE epoch.
    pub(crate) stable: Position,
    /// The number of that epoch.
    number: u32,
    report: Report,
}

/// What an epoch contains of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    epoch: u32,
    /// RCV.NXT.
    received: Position,
    /// SND.END.
    end: Position,
}

/// How far the peer was told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Report {
    /// The stable point of the latest EPOCH that was sent.
    told: Position,
    /// Copies of that EPOCH, saturating.
    copies: u8,
    /// EPOCHs sent since the peer echoed one, saturating.
    unechoed: u8,
    /// Until the next copy.
    interval: Duration,
    /// When the first and the latest EPOCH left since the peer echoed one.
    first_at: Option<Time>,
    /// When the first EPOCH left since anything acceptable came.
    unanswered_since: Option<Time>,
    latest_at: Time,
}

impl Report {
    /// What was told counts no more as under way.
    fn pause(&mut self) {
        (self.copies, self.unechoed, self.first_at, self.unanswered_since) = (0, 0, None, None);
    }
}

impl Epochs {
    /// The state of a host that was restored to a DURABLE epoch, the last one that `saved` was TAKEN in, in which RCV.NXT
    /// was `received`.
    pub(crate) fn restored(saved: Option<&Self>, received: Position) -> Self {
        let number = saved.map_or(0, |saved| saved.taken.back().map_or(saved.number, |mark| mark.epoch));
        Self { stable: received, number, ..Self::default() }
    }

    fn note(&mut self, mark: Mark) {
        // Numbers grow; of one that comes again, the older state is not told apart any more.
        self.taken.retain(|older| older.epoch < mark.epoch);
        self.taken.push_back(mark);
        if self.taken.len() > EPOCHS_PENDING_MAX {
            let epoch_at = |index: usize| self.taken.get(index).map_or(0, |mark| mark.epoch);
            let gap = |index: &usize| epoch_at(index + 1).wrapping_sub(epoch_at(index - 1));
            let closest = (1..self.taken.len() - 1).min_by_key(gap);
            closest.and_then(|index| self.taken.remove(index));
        }
    }

    /// The mark of `epoch`, or the latest before it: what was in that one is in `epoch` too. Earlier ones say nothing
    /// more.
    fn take(&mut self, epoch: u32) -> Option<Mark> {
        let precedes = |mark: &Mark| epoch.wrapping_sub(mark.epoch) < 1 << 31;
        let index = match self.taken.iter().rposition(|mark| mark.epoch == epoch) {
            Some(index) => index,
            // It made room: what was TAKEN before it is DURABLE with it. Numbers wrap.
            None => self.taken.iter().take_while(|mark| precedes(mark)).count().checked_sub(1)?,
        };
        self.taken.drain(..=index).next_back()
    }
}

#[cfg(feature = "mutants")]
impl Epochs {
    /// For a proof: however often an EPOCH was sent counts as once, and the number of an epoch is for people.
    pub(crate) fn still(&mut self) {
        self.number = 0;
        self.report.copies = self.report.copies.min(1);
        self.report.unechoed = self.report.unechoed.min(1);
        self.report.interval = Duration::from_secs(1);
    }
}

impl Session {
    /// Whether the peer keeps acknowledged octets for this end, if timestamps are in use.
    fn peer_retains(&self) -> bool {
        self.own.bits.may_return_older() && self.peer.bits.retains()
    }

    /// Whether this end keeps them for the peer, if timestamps are in use.
    fn retains(&self) -> bool {
        self.own.bits.retains() && self.peer.bits.may_return_older()
    }
}

impl Tcb {
    //= draft#retention
    //# Retention is on in the direction from A to B if A sent K, B sent N, and
    //# timestamps
    /// Whether the peer keeps acknowledged octets for this end.
    pub(crate) fn peer_retains(&self) -> bool {
        self.timestamps.is_some() && self.hiatus.session().is_some_and(Session::peer_retains)
    }

    /// How far Hiatus is has changed: so may have what is kept for the peer, and what waits for an epoch.
    pub(crate) fn hiatus_changed(&mut self, cx: &Context<'_>) {
        //= draft#retention
        //# An end that offers K keeps the octets from position 1 on from when it
        //# sends CAPABLE until it is on or has fallen back
        let retains = match &self.hiatus {
            Hiatus::Off => false,
            Hiatus::Proposed(proposal) => proposal.own.bits.retains(),
            Hiatus::Confirming(confirming) => confirming.own().bits.retains(),
            Hiatus::On(session) => session.retains() && self.timestamps.is_some(),
        };
        let retains = retains && cx.config.keeps(Rule::Retain);
        if retains != self.snd.retention.is_on() {
            let retention =
                if retains { Retention::on(cx.config.retained_octets_max) } else { Retention::Off };
            self.snd.retain(retention);
        }
        self.apply_sending(cx.config);
        self.apply_acknowledging(cx.config);
    }

    /// An epoch is TAKEN.
    pub(crate) fn snapshot_taken(&mut self, epoch: u32) {
        let mark = Mark { epoch, received: self.rcv.nxt, end: self.snd.end };
        if let Some(session) = self.hiatus.session_mut() {
            session.epochs.get_or_insert_default().note(mark);
        }
    }

    /// An epoch is DURABLE.
    pub(crate) fn snapshot_durable(&mut self, cx: &Context<'_>, epoch: u32) {
        let Some(Mark { received, end, .. }) = self.epochs_mut().and_then(|epochs| epochs.take(epoch)) else {
            return;
        };
        self.is_durable(cx, epoch, received, end);
    }

    /// An epoch is DURABLE in which RCV.NXT was `received` and SND.END `end`.
    pub(crate) fn is_durable(&mut self, cx: &Context<'_>, epoch: u32, received: Position, end: Position) {
        self.snd.is_durable_to(end);
        let Some(session) = self.hiatus.session_mut() else {
            // Plain TCP, whose peer is told nothing.
            self.stable_up_to(cx, received);
            return;
        };
        session.epochs.get_or_insert_default().number = epoch;
        //= draft#epochs
        //# A host MUST NOT report in an EPOCH a stable point that lies above the
        //# RCV.NXT that its latest DURABLE epoch contains.
        let stable = if cx.config.keeps(Rule::StablePointWasTaken) { received } else { self.rcv.nxt };
        self.is_stable_here(cx, stable);
        self.stable_up_to(cx, stable);
    }

    /// What lies before `stable` is in durable state here.
    pub(crate) fn is_stable_here(&mut self, cx: &Context<'_>, stable: Position) {
        let Some(session) = self.hiatus.session_mut() else { return };
        let epochs = session.epochs.get_or_insert_default();
        if stable > epochs.stable {
            epochs.stable = stable;
            self.report_if_due(cx);
        }
    }

    fn epochs(&self) -> Option<&Epochs> {
        self.hiatus.session()?.epochs.as_deref()
    }

    fn epochs_mut(&mut self) -> Option<&mut Epochs> {
        self.hiatus.session_mut()?.epochs.as_deref_mut()
    }

    /// The own stable point; `None` before the first.
    pub(crate) fn own_stable_point(&self) -> Option<Position> {
        self.epochs().map(|epochs| epochs.stable).filter(|stable| *stable > Position(0))
    }

    /// EPOCHs wait while an end is away.
    fn may_report(&self) -> bool {
        self.hiatus.self_state() == SelfState::Up && self.hiatus.peer_state() == PeerState::Up
    }

    //= draft#epochs
    //# When an epoch has become DURABLE whose stable point on a connection is
    //# higher than the last one reported, a host for which the peer retains
    //# MUST send an EPOCH within one second.
    /// Sends EPOCH, or sees to it that it is sent in time: while one is on its way, not each of many epochs is told.
    pub(crate) fn report_if_due(&mut self, cx: &Context<'_>) {
        let may = self.may_report() && self.peer_retains() && cx.config.keeps(Rule::ReportStablePoint);
        let echoed = self.rcv.stb;
        let Some(epochs) = self.epochs_mut().filter(|_| may) else { return };
        if epochs.stable <= echoed {
            return;
        }
        let is_news = epochs.stable > epochs.report.told;
        let next = epochs.report.latest_at + REPORT_INTERVAL;
        let waits = epochs.report.first_at.is_some() && cx.now < next;
        if !is_news {
            // The timer repeats what was told, unless the peer was away meanwhile.
            if !self.timers.is_armed(Timer::Epoch) {
                self.owe(Owed::Epoch);
            }
        } else if waits {
            let due = self.timers.due(Timer::Epoch).map_or(next, |due| due.min(next));
            self.timers.arm(Timer::Epoch, due);
        } else {
            self.owe(Owed::Epoch);
        }
    }

    /// No EPOCH is under way: the latest was echoed, or an end goes away and EPOCHs wait.
    pub(crate) fn pause_reports(&mut self) {
        if let Some(epochs) = self.epochs_mut() {
            epochs.report.pause();
            self.timers.disarm(Timer::Epoch);
            self.owed.retain(|owed| *owed != Owed::Epoch);
        }
    }

    /// EPOCH as it leaves now, and the timer for the next copy.
    pub(crate) fn epoch_message(&mut self, cx: &Context<'_>) -> Option<Message<'static>> {
        if matches!(self.hiatus, Hiatus::Confirming(_)) {
            return self.negotiation_epoch(cx);
        }
        if !self.may_report() {
            return None;
        }
        let rto = self.rtt.rto(cx.config);
        let session = self.hiatus.session_mut()?;
        let epochs = session.epochs.as_deref_mut()?;
        let report = &mut epochs.report;
        if epochs.stable > report.told || report.copies == 0 {
            (report.copies, report.interval) = (0, rto);
        }
        //= draft#epochs
        //# A host MUST NOT repeat an EPOCH after it has sent one with a higher
        //# stable point.
        report.told = epochs.stable;
        report.copies = report.copies.saturating_add(1);
        report.unechoed = report.unechoed.saturating_add(1);
        let first_at = *report.first_at.get_or_insert(cx.now);
        if report.unanswered_since.is_none_or(|since| self.heard > since) {
            report.unanswered_since = Some(cx.now);
        }
        report.latest_at = cx.now;
        //= draft#epochs
        //# On a connection that is on, a host whose SELF and PEER are UP MUST
        //# repeat an EPOCH that has not been echoed after one RTO, doubling the
        //# interval each time up to 60 seconds.
        let wait = report.interval;
        report.interval = wait.saturating_mul(2).min(REPEAT_INTERVAL_MAX);
        //= draft#opt-epoch
        //# Zero if the sender has no durable state yet; its durable states are
        //# numbered from 1.
        let (number, stable) = (epochs.number.max(1), epochs.stable);
        //= draft#lives
        //# A host that has sent three EPOCHs without an echo of one of them, while
        //# acceptable segments arrived, MUST send a RESUME with its current life
        //# when it sends the fourth.
        let is_in_doubt = report.unechoed > UNECHOED_MAX && self.heard > first_at;
        if cx.config.keeps(Rule::RepeatEpoch) {
            self.timers.arm(Timer::Epoch, cx.now + wait);
        }
        let context = MacContext::epoch(session.role, session.own_life, stable);
        let message = sealed(session, &context, |tag| {
            Message::Epoch(Epoch { number, stable_point: stable.low(), tag })
        });
        if is_in_doubt {
            self.ask_unechoed(cx);
        }
        message
    }

    /// The EPOCH was not echoed in time. Gives why the connection ends, if it does.
    pub(crate) fn epoch_timeout(&mut self, cx: &mut Context<'_>, found: TcpState) -> Option<CloseReason> {
        let (heard, r2) = (self.heard, self.user_timeout(cx.config));
        let report = &self.epochs()?.report;
        let since = report.unanswered_since.unwrap_or(cx.now);
        let is_over = found.is_kept_over();
        //= draft#epochs
        //# An EPOCH that has been repeated for as long as R2 while
        //# nothing acceptable came from the peer counts as R2 giving up
        //= draft#linger
        //# no timer that gives up and no RST leads to PRESUMED
        // Nor in TIME-WAIT: both directions are over there too, and no segment need come.
        if heard <= since && cx.now.since(since) >= r2 && !is_over {
            return self.give_up(cx);
        }
        if self.may_report() {
            self.owe(Owed::Epoch);
        }
        None
    }

    /// An acceptable segment with a message that needs no check.
    pub(crate) fn hear_epoch_echo(&mut self, cx: &Context<'_>, arrived: &Arrived<'_>) {
        if let Some(option) = arrived.hiatus
            && let Message::EpochEcho(echo) = option.message()
        {
            self.epoch_is_echoed(cx, echo.stable_point);
        }
    }

    /// EPOCH-ECHO: the peer has heard of `stable_low`.
    fn epoch_is_echoed(&mut self, cx: &Context<'_>, stable_low: u32) {
        let stable = Position::nearest(stable_low, self.rcv.nxt);
        let Some(epochs) = self.epochs_mut() else { return };
        // It has no MAC: what was never told is not believed.
        if stable > epochs.report.told || epochs.report.copies == 0 {
            return;
        }
        let is_latest = stable == epochs.report.told;
        (epochs.report.first_at, epochs.report.unechoed) = (None, 0);
        self.rcv.stb = self.rcv.stb.max(stable);
        if is_latest {
            self.pause_reports();
        }
        self.end_doubt_of_epochs();
        self.report_if_due(cx);
    }
}
