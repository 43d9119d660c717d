//! Going away, coming back, and presuming the peer gone: what this end does of its own accord (draft, {#absence}).

use alloc::boxed::Box;
use core::time::Duration;

use hiatus_codec::mac::{self, Context as MacContext, Tag};
use hiatus_codec::{
    AbortReason, Flags, HoldTime, Life, Message, Nonce, Position, Resume, SequenceNumber, Suspend,
};

use crate::arrived::Arrived;
use crate::command::CommandError;
use crate::config::Config;
use crate::event::{CloseReason, Event, FallbackReason, PeerState, SelfState, TcpState};
use crate::hiatus::epoch::Epochs;
use crate::hiatus::{Leaving, Origin, PeerPresence, Resuming, SelfPresence, Session};
use crate::keep_alive::KeepAliveProbes;
use crate::owed::Owed;
use crate::persist::Persist;
use crate::rule::Rule;
use crate::tcb::{Context, Tcb};
use crate::time::Time;
use crate::timer::Timer;
use crate::timestamps::Freshness;

/// SUSPENDs of one absence.
const SUSPENDS_MAX: u8 = 3;
/// Between the first two RESUMEs.
const RESUME_INTERVAL_FIRST: Duration = Duration::from_secs(1);
/// Between two RESUMEs at most, without the random part.
const RESUME_INTERVAL_MAX: Duration = Duration::from_secs(60);
/// Before the first probe of PRESUMED.
pub(crate) const PROBE_INTERVAL_FIRST: Duration = Duration::from_secs(60);
/// Between two probes at most.
const PROBE_INTERVAL_MAX: Duration = Duration::from_secs(600);

impl Tcb {
    /// The host is going away.
    pub(crate) fn suspend(
        &mut self,
        found: TcpState,
        expected_absence: HoldTime,
    ) -> Result<(), CommandError> {
        if found.is_kept_over() {
            return Err(CommandError::Closing { found });
        }
        let session = self.hiatus.session_mut().ok_or(CommandError::HiatusOff)?;
        if !session.own.bits.may_fall_silent() {
            return Err(CommandError::NotOffered);
        }
        if session.here != SelfPresence::Up {
            return Err(CommandError::Suspended);
        }
        session.here = SelfPresence::Leaving(Leaving { expected_absence, ..Leaving::default() });
        self.stop_probing();
        self.pause_reports();
        self.drop_question();
        self.announce_leaving();
        Ok(())
    }

    /// Owes the first SUSPEND of this absence, if the peer is there to hear it.
    pub(crate) fn announce_leaving(&mut self) {
        if let Some(session) = self.hiatus.session()
            && let SelfPresence::Leaving(Leaving { suspends_sent: 0, .. }) = session.here
            && session.there == PeerPresence::Up
        {
            self.owe(Owed::Suspend);
        }
    }

    /// SUSPEND as it leaves now, and the timer for the next copy.
    pub(crate) fn suspend_message(&mut self, cx: &Context<'_>) -> Option<Message<'static>> {
        let rto = self.rtt.rto(cx.config);
        let session = self.hiatus.session_mut()?;
        let context = MacContext::suspend(session.role, session.own_life);
        let SelfPresence::Leaving(leaving) = &mut session.here else { return None };
        leaving.suspends_sent = leaving.suspends_sent.saturating_add(1);
        let expected_absence = leaving.expected_absence;
        //= draft#leaving
        //# A host MUST NOT send more than three SUSPENDs for one absence.
        if leaving.suspends_sent < SUSPENDS_MAX {
            //= draft#leaving
            //# A host MUST NOT repeat a SUSPEND before one RTO has passed since the
            //# last one.
            self.timers.arm(Timer::Suspend, cx.now + rto);
        }
        let message = |tag| Message::Suspend(Suspend { expected_absence, tag });
        sealed(session, &context, message)
    }

    /// The host is back with its memory intact.
    pub(crate) fn come_back(&mut self, found: TcpState, cx: &mut Context<'_>) -> Result<(), CommandError> {
        if found.is_kept_over() {
            // Nothing is left to agree on, and in this state no RESUME-ACK counts. Should the peer ask for octets again,
            // they are sent.
            self.forgive_absence(cx);
            self.is_here_at_the_end(cx);
            return Ok(());
        }
        //= draft#resuming
        //# A host that comes back with its memory intact MUST raise its generation
        //# by one before it sends RESUME.
        if let Some(session) = self.hiatus.session_mut() {
            let next = session.own_life.next_generation();
            if next == session.own_life {
                return Err(CommandError::GenerationsExhausted);
            }
            session.own_life = next;
        }
        self.forgive_absence(cx);
        if self.hiatus.session().is_some() {
            self.start_resuming(cx, Origin::Intact);
        }
        Ok(())
    }

    /// The host is back with its memory intact and has no generation left.
    pub(crate) fn come_back_anew(
        &mut self,
        found: TcpState,
        cx: &mut Context<'_>,
        incarnation: u32,
        nonce: Nonce,
    ) -> Result<(), CommandError> {
        let session = self.hiatus.session_mut().ok_or(CommandError::HiatusOff)?;
        let Life { generation, .. } = session.own_life;
        if generation != u16::MAX {
            return Err(CommandError::GenerationsLeft { found: generation });
        }
        session.take_incarnation(incarnation, nonce)?;
        self.forgive_absence(cx);
        // As in `come_back`: in TIME-WAIT nothing is left to agree on.
        if found.is_kept_over() {
            self.is_here_at_the_end(cx);
        } else {
            self.start_resuming(cx, Origin::Intact);
        }
        Ok(())
    }

    /// The host is back where both directions are over: EPOCHs waited, and SUSPEND is not told any more.
    fn is_here_at_the_end(&mut self, cx: &Context<'_>) {
        if let Some(session) = self.hiatus.session_mut() {
            session.here = SelfPresence::Up;
        }
        self.timers.disarm(Timer::Suspend);
        self.owed.retain(|owed| *owed != Owed::Suspend);
        self.report_if_due(cx);
    }

    /// The host was restored from an older state (draft, {#durability}).
    pub(crate) fn restore(
        &mut self,
        found: TcpState,
        cx: &mut Context<'_>,
        incarnation: u32,
        nonce: Nonce,
        tsval_ceiling: u32,
    ) -> Result<(), CommandError> {
        if self.is_durable_plain(cx.config) {
            self.restore_plain(cx, tsval_ceiling);
            return Ok(());
        }
        let session = self.hiatus.session_mut().ok_or(CommandError::HiatusOff)?;
        if cx.config.keeps(Rule::NewIncarnation) {
            session.take_incarnation(incarnation, nonce)?;
        }
        session.question = None;
        //= draft#restoring
        //# What was reported to
        //# the peer counts as unknown: once it has synchronised, a restored host
        //# sends an EPOCH with the stable point of its epoch.
        session.epochs = Some(Box::new(Epochs::restored(session.epochs.as_deref(), self.rcv.nxt)));
        self.rcv.stb = Position(0);
        self.timers.disarm(Timer::Epoch);
        self.forgive_absence(cx);
        //= draft#restoring
        //# A restored host that uses timestamps MUST start them at least 2^22 ticks
        //# above every timestamp that it sent before on the connection.
        if let Some(clock) = &mut self.timestamps
            && cx.config.keeps(Rule::TimestampStep)
        {
            clock.step_above(tsval_ceiling, cx.now);
        }
        //= draft#restoring
        //# A restored host MUST drop the data that it holds out of order.
        if cx.config.keeps(Rule::DropOutOfOrderAtRestore) {
            self.rcv.drop_out_of_order();
        }
        self.rcv.all_is_stable();
        //= draft#restoring
        //# A restored host MUST set SND.LIM to the end of its restored send buffer.
        if cx.config.keeps(Rule::LimitIsEndAtRestore) {
            self.snd.lim = self.snd.end;
        }
        // Earlier lives may have sent everything that this history may transmit.
        self.snd.max = self.snd.lim;
        //= draft#restoring
        //# except in TIME-WAIT where nothing is retained
        // Nothing is left to agree on there, as in `come_back`, and SELF is UP. Elsewhere the peer has to learn of the new
        // life, or it could not check what becomes stable.
        if found != TcpState::TimeWait || self.must_linger(cx) {
            self.start_resuming(cx, Origin::Restored);
        } else if let Some(session) = self.hiatus.session_mut() {
            session.here = SelfPresence::Up;
            self.timers.disarm(Timer::Suspend);
            self.owed.clear();
        }
        Ok(())
    }

    /// Time away is not charged: every timer goes on where it was, and no measurement spans the absence.
    pub(crate) fn forgive_absence(&mut self, cx: &Context<'_>) {
        self.timers.forgive(self.touched, cx.now);
        self.rtt.restart();
        self.touched = cx.now;
    }

    fn start_resuming(&mut self, cx: &mut Context<'_>, origin: Origin) {
        let Some(session) = self.hiatus.session_mut() else { return };
        // A restored host that was away before anybody answered it is still a restored one.
        let origin = match session.here {
            SelfPresence::Resuming(Resuming { origin: Origin::Restored, .. }) => Origin::Restored,
            _ => origin,
        };
        session.here = SelfPresence::Resuming(Resuming {
            origin,
            interval: RESUME_INTERVAL_FIRST,
            sent: 0,
            answered: None,
            met_resets: 0,
            met_plains: 0,
            sent_at: cx.now,
            latest_met_reset: false,
            latest_met_plain: false,
        });
        let limit = resume_limit(session, cx.config);
        self.timers.arm(Timer::ResumeLimit, cx.now + limit);
        for timer in [Timer::Retransmit, Timer::Suspend] {
            self.timers.disarm(timer);
        }
        self.ack_is_due = false;
        self.hold_delayed_ack();
        self.resend_first = false;
        self.stop_probing();
        self.pause_reports();
        self.drop_question();
        self.owed.clear();
        self.owe(Owed::Resume);
    }

    /// RESUME as it leaves now, and the timer for the next one.
    pub(crate) fn resume_message(&mut self, cx: &Context<'_>) -> Option<Message<'static>> {
        let end = if cx.config.keeps(Rule::EndIsLimit) { self.snd.lim } else { self.snd.nxt };
        let received = self.rcv.acknowledged();
        let session = self.hiatus.session_mut()?;
        let context = MacContext::resume(session.role, received, end);
        let (life, nonce) = (session.own_life, session.own_nonce);
        //= draft#resuming
        //# A host in RESUMING MUST repeat RESUME after at least one second,
        //# doubling the interval each time up to 60 seconds.
        if let SelfPresence::Resuming(resuming) = &mut session.here {
            resuming.sent = resuming.sent.saturating_add(1);
            if !resuming.latest_met_reset {
                resuming.met_resets = 0;
            }
            resuming.sent_at = cx.now;
            resuming.latest_met_reset = false;
            resuming.latest_met_plain = false;
            let spread = spread(resuming.interval, nonce, life, resuming.sent);
            self.timers.arm(Timer::Resume, cx.now + resuming.interval + spread);
            resuming.interval = (resuming.interval * 2).min(RESUME_INTERVAL_MAX);
        }
        let message = |tag| Message::Resume(Resume { life, nonce, end: end.low(), tag });
        sealed(session, &context, message)
    }

    //= draft#resuming
    //# A host MUST set SEG.SEQ of a RESUME to SND.UNA - 1.
    /// SEG.SEQ of a RESUME: below RCV.NXT of the peer, whatever is in flight.
    pub(crate) fn resume_seq(&self) -> SequenceNumber {
        SequenceNumber(self.snd.una.sequence(self.snd.iss).0.wrapping_sub(1))
    }

    /// The timer for RESUME ran out: of a host that is back, or the probe of one that presumes its peer away.
    /// Gives why the connection ends, if it does.
    pub(crate) fn resume_timeout(&mut self, cx: &mut Context<'_>) -> Option<CloseReason> {
        let session = self.hiatus.session_mut()?;
        let is_resuming = matches!(session.here, SelfPresence::Resuming(_));
        if !is_resuming && session.there == PeerPresence::Up {
            return self.question_timeout(cx);
        }
        //= draft#presumed
        //# A host in PRESUMED MUST send a RESUME with its current life after 60
        //# seconds, doubling the interval each time up to 600 seconds.
        if !is_resuming && let PeerPresence::Presumed { interval } = &mut session.there {
            *interval = (*interval * 2).min(PROBE_INTERVAL_MAX);
            self.timers.arm(Timer::Resume, cx.now + *interval);
        }
        self.owe(Owed::Resume);
        None
    }

    //= draft#resuming
    //# A host in RESUMING MUST close the connection when no RESUME-ACK has
    //# come for as long as the longest of the two offered holds, a granted
    //# hold that runs, and R2.
    /// The limit of RESUMING has passed. Gives why the connection ends, if it does: not before a hold that it granted.
    pub(crate) fn resume_limit_passed(&mut self, now: Time) -> Option<CloseReason> {
        match self.timers.due(Timer::Hold) {
            Some(hold_over) if self.hiatus.peer_state() == PeerState::Held && hold_over > now => {
                self.timers.arm(Timer::ResumeLimit, hold_over);
                None
            }
            _ => Some(CloseReason::NoAnswer),
        }
    }

    /// The peer does not answer, or a path element reset the connection: presumes it away, or ends the connection.
    pub(crate) fn give_up(&mut self, cx: &mut Context<'_>) -> Option<CloseReason> {
        //= draft#presumed
        //# A host MUST enter PRESUMED instead of closing the connection when R2,
        //# the keep-alive or the persist timer gives up on a peer that sent S and
        //# to which it offered a hold.
        if self.presume(cx) { None } else { Some(CloseReason::NoAnswer) }
    }

    /// A bare RST with SEG.SEQ = RCV.NXT while the peer is UP. Gives why the connection ends, if it does.
    pub(crate) fn presume_after_reset(&mut self, cx: &mut Context<'_>) -> Option<CloseReason> {
        /// Within that time the third one is believed.
        const RESETS_INTERVAL: Duration = Duration::from_secs(60);
        let Some(session) = self.hiatus.session_mut() else { return Some(CloseReason::Reset) };
        //= draft#presumed
        //# A host MUST close the connection at a bare RST that would lead
        //# from UP to PRESUMED for the third time within 60 seconds.
        let [last_but_one, last] = session.presumed_by_reset;
        if last_but_one.is_some_and(|at| cx.now.since(at) <= RESETS_INTERVAL) {
            return Some(CloseReason::Reset);
        }
        session.presumed_by_reset = [last, Some(cx.now)];
        if self.presume(cx) { None } else { Some(CloseReason::Reset) }
    }

    /// Enters PRESUMED if the peer said that it may fall silent and this end offered to hold; says whether.
    pub(crate) fn presume(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(session) = self.hiatus.session_mut() else { return false };
        if !session.peer.bits.may_fall_silent() || session.own.hold.is_none() {
            return false;
        }
        session.there = PeerPresence::Presumed { interval: PROBE_INTERVAL_FIRST };
        let hold = duration(session.own.hold);
        self.timers.arm(Timer::Hold, cx.now + hold);
        self.timers.arm(Timer::Resume, cx.now + PROBE_INTERVAL_FIRST);
        self.stop_sending();
        cx.events.push_back(Event::PeerPresumedSuspended { hold });
        true
    }

    /// Neither the window nor the peer is probed.
    pub(crate) fn stop_probing(&mut self) {
        self.timers.disarm(Timer::Persist);
        self.timers.disarm(Timer::KeepAlive);
        self.persist = Persist::default();
        self.keep_alive = KeepAliveProbes::default();
    }

    /// Stops what this end would send of its own accord.
    pub(crate) fn stop_sending(&mut self) {
        for timer in [Timer::Retransmit, Timer::Suspend] {
            self.timers.disarm(timer);
        }
        self.hold_delayed_ack();
        self.rtt.restart();
        self.resend_first = false;
        self.stop_probing();
        self.pause_reports();
        if !self.is_resuming()
            && let Some(session) = self.hiatus.session_mut()
        {
            session.question = None;
        }
    }

    /// The peer is there again; what was in flight is sent again.
    pub(crate) fn peer_is_up(&mut self, cx: &mut Context<'_>) {
        let Some(session) = self.hiatus.session_mut() else { return };
        if session.there == PeerPresence::Up {
            return;
        }
        session.there = PeerPresence::Up;
        if !matches!(session.here, SelfPresence::Resuming(_)) {
            self.timers.disarm(Timer::Resume);
            self.owed.retain(|owed| *owed != Owed::Resume);
        }
        self.timers.disarm(Timer::Hold);
        self.send_all_again();
        self.rtt.answered();
        // What was read meanwhile may have opened the window; nobody was told.
        self.ack_is_due |= self.rcv.window_update_is_due();
        self.release_delayed_ack();
        cx.events.push_back(Event::PeerResumed);
        self.announce_leaving();
    }

    //= draft#presumed
    //# A host that goes back to UP without synchronising SHOULD send again from
    //# SND.UNA on, with the initial RTO and a congestion window of at most the
    //# restart window of RFC 5681.
    /// The peer was there, or is back, without a word of it: its path may be another one.
    pub(crate) fn peer_shows_itself(&mut self, cx: &mut Context<'_>) {
        if self.peer_is_away() {
            self.restart_congestion();
            self.peer_is_up(cx);
            self.rtt.restart();
            self.report_if_due(cx);
        }
    }

    /// This end is in step with its peer again.
    pub(crate) fn self_is_up(&mut self, cx: &mut Context<'_>) {
        let Some(session) = self.hiatus.session_mut() else { return };
        session.here = SelfPresence::Up;
        self.timers.disarm(Timer::ResumeLimit);
        self.timers.disarm(Timer::Resume);
        self.owed.retain(|owed| *owed != Owed::Resume);
        // What was read since the last RESUME may have opened the window.
        self.ack_is_due |= self.rcv.window_update_is_due();
        self.release_delayed_ack();
        cx.events.push_back(Event::Resumed);
        self.close_if_waiting();
        self.tell_writer(cx);
        self.report_if_due(cx);
    }

    /// Closes for an application that asked while RESUMING.
    fn close_if_waiting(&mut self) {
        if self.close_waits {
            self.close_waits = false;
            self.snd.close();
        }
    }

    /// RESUMING met a plain segment. Gives why the connection ends, if it does.
    pub(crate) fn resume_met_plain(
        &mut self,
        cx: &mut Context<'_>,
        arrived: &Arrived<'_>,
    ) -> Option<CloseReason> {
        /// RESUMEs that may meet plain segments only.
        const MET_PLAINS_MAX: u8 = 6;
        let fits = self.would_pass(cx.now, arrived);
        let SelfPresence::Resuming(resuming) = &mut self.hiatus.session_mut()?.here else { return None };
        // What a restored host knows of its peer may be too old to judge by.
        let counts = fits || resuming.origin == Origin::Restored;
        if !counts || resuming.latest_met_plain || resuming.sent == 0 {
            return None;
        }
        resuming.latest_met_plain = true;
        resuming.met_plains += 1;
        if resuming.met_plains < MET_PLAINS_MAX {
            return None;
        }
        //= draft#resuming
        //# A host in RESUMING that was not restored MUST fall back to plain TCP
        //# when six RESUMEs have each met a plain segment and no valid Hiatus
        //# message has come since the first of these segments.
        if resuming.origin == Origin::Intact || !cx.config.keeps(Rule::RestoredMeetsPlain) {
            self.fall_back(cx, FallbackReason::ResumeMetPlain);
            self.forget_losses();
            self.send_all_again();
            self.ack_is_due = true;
            self.close_if_waiting();
            self.tell_writer(cx);
            return None;
        }
        //= draft#restoring
        //# A restored host MUST end the connection with ABORT and reason DIVERGED
        //# when six RESUMEs have each met a plain segment and no valid Hiatus
        //# message has come since the first of these segments.
        if let Some(life) = self.recorded_life() {
            // Where plain TCP takes it as an RST.
            self.owe_abort(AbortReason::DIVERGED, life, Nonce::UNKNOWN, arrived.segment.ack);
        }
        Some(CloseReason::PeerIsPlain)
    }

    /// RESUMING met a RESUME with a wrong MAC. Gives why the connection ends, if it does.
    ///
    /// At a restored host it counts as a plain segment: the positions of its sender may be too far away to be told.
    pub(crate) fn resume_met_forged(
        &mut self,
        cx: &mut Context<'_>,
        arrived: &Arrived<'_>,
    ) -> Option<CloseReason> {
        match self.hiatus.session()?.here {
            SelfPresence::Resuming(Resuming { origin: Origin::Restored, .. }) => {
                self.resume_met_plain(cx, arrived)
            }
            _ => None,
        }
    }

    /// Whether a segment would pass the first and the fifth check (draft, {#segment-processing}).
    fn would_pass(&self, now: Time, arrived: &Arrived<'_>) -> bool {
        self.freshness(now, arrived) == Freshness::Fresh
            && self.rcv.is_acceptable(arrived.seq, arrived.segment.len())
            && arrived.has(Flags::ACK)
            && self.snd.is_acceptable(arrived.ack)
    }

    /// RESUMING met a bare RST with SEG.SEQ = RCV.NXT. Gives why the connection ends, if it does.
    pub(crate) fn resume_met_reset(&mut self, now: Time) -> Option<CloseReason> {
        /// RESUMEs that meet a bare RST before it is believed.
        const MET_RESETS_MAX: u8 = 3;
        /// A host without state answers within that time.
        const ANSWER_MAX: Duration = Duration::from_secs(3);
        let SelfPresence::Resuming(resuming) = &mut self.hiatus.session_mut()?.here else { return None };
        //= draft#resume-met
        //# A bare RST counts only within 3 seconds after the RESUME that it answers
        let is_late = now.since(resuming.sent_at) > ANSWER_MAX;
        if resuming.latest_met_reset || resuming.sent == 0 || is_late {
            return None;
        }
        resuming.latest_met_reset = true;
        resuming.met_resets += 1;
        //= draft#resuming
        //# A host in RESUMING whose PEER is UP MUST close the connection
        //# when three successive RESUMEs have each met a bare RST with
        //# SEG.SEQ equal to RCV.NXT.
        (resuming.met_resets >= MET_RESETS_MAX).then_some(CloseReason::PeerHasNoState)
    }

    /// RESUMING met a valid Hiatus message: plain segments before it do not count.
    pub(crate) fn resume_met_hiatus(&mut self) {
        if let Some(session) = self.hiatus.session_mut()
            && let SelfPresence::Resuming(resuming) = &mut session.here
        {
            resuming.met_plains = 0;
        }
        self.question_met_hiatus();
    }

    /// True while the host waits for RESUME-ACK.
    pub(crate) fn is_resuming(&self) -> bool {
        self.hiatus.self_state() == SelfState::Resuming
    }

    /// True while the peer is away, announced or not.
    pub(crate) fn peer_is_away(&self) -> bool {
        self.hiatus.peer_state() != PeerState::Up
    }
}

impl Session {
    /// A new incarnation, with generation 0; nothing changes if it is not greater than the present one.
    fn take_incarnation(&mut self, incarnation: u32, nonce: Nonce) -> Result<(), CommandError> {
        let present = self.own_life.incarnation;
        if incarnation <= present || nonce == Nonce::UNKNOWN {
            return Err(CommandError::NotNewer { found: incarnation, present });
        }
        self.own_life = Life { incarnation, generation: 0 };
        self.own_nonce = nonce;
        Ok(())
    }
}

/// The longest of the two offered holds and R2.
fn resume_limit(session: &Session, config: &Config) -> Duration {
    duration(session.own.hold).max(duration(session.peer.hold)).max(config.r2)
}

pub(crate) fn duration(hold: HoldTime) -> Duration {
    Duration::from_secs(u64::from(hold.seconds()))
}

//= draft#resuming
//# A host SHOULD lengthen each interval between RESUMEs by a random part of
//# up to a quarter.
/// The random part, drawn from the nonce of this incarnation, the life and the count.
fn spread(interval: Duration, nonce: Nonce, life: Life, count: u32) -> Duration {
    let seed = u64::from(nonce.0) << 32 | u64::from(count) << 16 | u64::from(life.generation);
    // One step of SplitMix64: enough to tell hosts and counts apart.
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    let quarter_us = u64::try_from(interval.as_micros() / 4).unwrap_or(0);
    Duration::from_micros((mixed ^ mixed >> 31) % (quarter_us + 1))
}

/// `message` with the tag of `context`.
pub(crate) fn sealed(
    session: &Session,
    context: &MacContext,
    message: impl Fn(Tag) -> Message<'static>,
) -> Option<Message<'static>> {
    mac::tag_of_message(&session.key, context, &message(Tag::default())).ok().map(message)
}
