//! A host that is there asks its peer whether both still agree (draft, {#lives}, {#clones}).

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::arrived::Arrived;
use crate::event::{CloseReason, FallbackReason, PeerState, SelfState};
use crate::hiatus::Session;
use crate::owed::Owed;
use crate::rule::Rule;
use crate::tcb::{Context, Tcb};
use crate::time::Time;
use crate::timer::Timer;

//= draft#clones
//# A host with N MUST NOT send an octet for the first time when more than
//# 2^21 ticks of its timestamps have passed since the handshake or a RESUME
//# of its current life was last answered.
/// For so long an end with N sends new octets without having asked: 2^21 ticks of a millisecond.
pub(crate) const UNASKED_MAX: Duration = Duration::from_millis(1 << 21);
/// Between two questions that an ACK above SND.MAX draws.
const ASK_INTERVAL: Duration = Duration::from_secs(1);
/// Between two questions at most.
const REPEAT_INTERVAL_MAX: Duration = Duration::from_secs(60);
/// Questions that meet plain segments only.
const MET_PLAINS_MAX: u8 = 6;

/// What makes an end ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Doubt {
    /// It has not asked for long: nothing new leaves until it is answered.
    LongTime { since: Time, interval: Duration, met: MetPlain },
    /// The peer acknowledges what was never sent.
    AboveMax,
    /// EPOCHs are not echoed.
    Unechoed { met: MetPlain },
}

/// What the RESUMEs of a question met.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MetPlain {
    /// Those that met a plain segment, and no valid Hiatus message since.
    count: u8,
    /// Whether the latest is one of them.
    latest: bool,
}

impl MetPlain {
    /// Another RESUME leaves.
    fn again(self) -> Self {
        Self { latest: false, ..self }
    }
}

impl Doubt {
    fn met_mut(&mut self) -> Option<&mut MetPlain> {
        match self {
            Self::LongTime { met, .. } | Self::Unechoed { met } => Some(met),
            Self::AboveMax => None,
        }
    }
}

/// A RESUME with the current life of an end whose SELF is UP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Question {
    pub(crate) doubt: Doubt,
    /// When the latest RESUME of it was owed.
    asked_at: Time,
}

#[cfg(feature = "mutants")]
impl Question {
    /// For a proof: it may be asked again.
    pub(crate) fn still(&mut self) {
        self.asked_at = Time::ZERO;
    }
}

impl Session {
    /// True while nothing new may leave because the peer has not answered.
    pub(crate) fn waits_for_answer(&self) -> bool {
        matches!(self.question, Some(Question { doubt: Doubt::LongTime { .. }, .. }))
    }
}

impl Tcb {
    fn ask(&mut self, now: Time, doubt: Doubt) {
        if let Some(session) = self.hiatus.session_mut() {
            session.question = Some(Question { doubt, asked_at: now });
            self.owe(Owed::Resume);
        }
    }

    //= draft#lives
    //# A host with N that gets an acknowledgment above its SND.MAX MUST send a
    //# RESUME with its current life.
    /// The peer acknowledges what this history has not sent.
    pub(crate) fn ask_above_max(&mut self, cx: &Context<'_>) {
        let Some(session) = self.hiatus.session() else { return };
        // An answer changes nothing about that: the peer may know no better.
        let asked = [session.asked_above_max_at, session.question.map(|question| question.asked_at)];
        let is_asking = asked.into_iter().flatten().any(|at| cx.now.since(at) < ASK_INTERVAL);
        if !session.own.bits.may_return_older()
            || is_asking
            || session.waits_for_answer()
            || self.hiatus.self_state() != SelfState::Up
            || !cx.config.keeps(Rule::AskAboveMax)
        {
            return;
        }
        // One RESUME asks both.
        let doubt = match session.question {
            Some(Question { doubt: Doubt::Unechoed { met }, .. }) => Doubt::Unechoed { met: met.again() },
            _ => Doubt::AboveMax,
        };
        if let Some(session) = self.hiatus.session_mut() {
            session.asked_above_max_at = Some(cx.now);
        }
        self.ask(cx.now, doubt);
    }

    //= draft#lives
    //# It
    //# repeats that RESUME with further EPOCHs, but not before one RTO has
    //# passed; six that each met a plain segment end in fallback
    /// EPOCHs stay unechoed although the peer is there.
    pub(crate) fn ask_unechoed(&mut self, cx: &Context<'_>) {
        let Some(session) = self.hiatus.session().filter(|_| cx.config.keeps(Rule::AskUnechoed)) else {
            return;
        };
        let met = match session.question {
            Some(Question { doubt: Doubt::LongTime { .. }, .. }) => return,
            // EPOCHs that replace each other follow faster than an answer can come: plain segments in that time are no
            // answers.
            Some(Question { doubt: Doubt::Unechoed { .. }, asked_at })
                if cx.now.since(asked_at) < self.rtt.rto(cx.config) =>
            {
                return;
            }
            Some(Question { doubt: Doubt::Unechoed { met }, .. }) => met.again(),
            _ => MetPlain::default(),
        };
        self.ask(cx.now, Doubt::Unechoed { met });
    }

    //= draft#clones
    //# It sends a RESUME with its current life first, repeats it like an octet
    //# that is not acknowledged, and goes on when a RESUME-ACK has come.
    /// Before something new leaves: asks if the last answer is too long ago.
    pub(crate) fn ask_after_long_time(&mut self, cx: &Context<'_>) {
        let Some(session) = self.hiatus.session() else { return };
        if !session.own.bits.may_return_older()
            || cx.now.since(session.answered_at) <= UNASKED_MAX
            || session.waits_for_answer()
            || self.timestamps.is_none()
            || self.hiatus.self_state() != SelfState::Up
            || self.hiatus.peer_state() != PeerState::Up
            || self.snd.lim <= self.snd.max
            || !cx.config.keeps(Rule::AskAfterLongTime)
        {
            return;
        }
        let interval = self.rtt.rto(cx.config);
        self.ask(cx.now, Doubt::LongTime { since: cx.now, interval, met: MetPlain::default() });
        self.timers.arm(Timer::Resume, cx.now + interval);
    }

    /// Nobody answered in time. Gives why the connection ends, if it does.
    pub(crate) fn question_timeout(&mut self, cx: &mut Context<'_>) -> Option<CloseReason> {
        let (r2, heard) = (self.user_timeout(cx.config), self.heard);
        let session = self.hiatus.session_mut()?;
        let Some(Question { doubt: Doubt::LongTime { since, interval, met }, .. }) = session.question else {
            return None;
        };
        // A peer that is heard is there: what it says decides.
        if heard <= since && cx.now.since(since) >= r2 {
            session.question = None;
            return self.give_up(cx);
        }
        let interval = interval.saturating_mul(2).min(REPEAT_INTERVAL_MAX);
        self.ask(cx.now, Doubt::LongTime { since: since.max(heard), interval, met: met.again() });
        self.timers.arm(Timer::Resume, cx.now + interval);
        None
    }

    /// A RESUME with the current life was answered.
    pub(crate) fn question_is_answered(&mut self, cx: &Context<'_>) {
        // An answer shows the peer as well as an acceptable segment does.
        self.heard = cx.now;
        let Some(session) = self.hiatus.session_mut() else { return };
        session.answered_at = cx.now;
        if session.question.take().is_some() && self.may_originate() {
            self.timers.disarm(Timer::Resume);
            self.owed.retain(|owed| *owed != Owed::Resume);
        }
    }

    /// An EPOCH was echoed.
    pub(crate) fn end_doubt_of_epochs(&mut self) {
        if let Some(session) = self.hiatus.session_mut()
            && matches!(session.question, Some(Question { doubt: Doubt::Unechoed { .. }, .. }))
        {
            session.question = None;
        }
    }

    /// An end goes away: what was asked is asked otherwise.
    pub(crate) fn drop_question(&mut self) {
        if let Some(session) = self.hiatus.session_mut()
            && session.question.take().is_some()
        {
            self.timers.disarm(Timer::Resume);
            self.owed.retain(|owed| *owed != Owed::Resume);
        }
    }

    /// A valid Hiatus message came: plain segments before it do not count.
    pub(crate) fn question_met_hiatus(&mut self) {
        if let Some(session) = self.hiatus.session_mut()
            && let Some(question) = &mut session.question
            && let Some(met) = question.doubt.met_mut()
        {
            met.count = 0;
        }
    }

    /// An acceptable plain segment came after a question.
    pub(crate) fn question_met_plain(&mut self, cx: &mut Context<'_>, arrived: &Arrived<'_>) {
        if !arrived.segment.is_pure_ack() || arrived.hiatus.is_some() {
            return;
        }
        let Some(session) = self.hiatus.session_mut() else { return };
        let Some(met) = session.question.as_mut().and_then(|question| question.doubt.met_mut()) else {
            return;
        };
        if !met.latest {
            met.latest = true;
            met.count += 1;
        }
        if met.count >= MET_PLAINS_MAX {
            self.fall_back(cx, FallbackReason::ResumeMetPlain);
        }
    }
}
