//! What a valid message of the peer does (draft, {#absence}).

use hiatus_codec::mac::Context as MacContext;
use hiatus_codec::{
    Abort, AbortReason, EpochEcho, Flags, HoldTime, Life, Message, Nonce, Position, ResumeAck,
    SequenceNumber, SuspendAck,
};

use crate::arrived::Arrived;
use crate::event::{CloseReason, Event};
use crate::hiatus::absence::{duration, sealed};
use crate::hiatus::check::Return;
use crate::hiatus::{Origin, PeerPresence, Resuming, SelfPresence};
use crate::owed::Owed;
use crate::rule::Rule;
use crate::tcb::{Context, Tcb};
use crate::timer::Timer;

impl Tcb {
    /// SUSPEND of the recorded life, its SEG.SEQ `suspended_at`.
    pub(crate) fn peer_suspends(&mut self, cx: &mut Context<'_>, suspended_at: Position) {
        let Some(session) = self.hiatus.session_mut() else { return };
        //= draft#holding
        //# A host MUST answer every valid SUSPEND with a SUSPEND-ACK.
        let granted = session.own.hold;
        match session.there {
            //= draft#holding
            //# A repeated SUSPEND MUST NOT restart the hold.
            PeerPresence::Held { .. } => {}
            _ if granted.is_none() => self.peer_shows_itself(cx),
            _ => {
                session.there = PeerPresence::Held { granted, suspended_at };
                let is_resuming = matches!(session.here, SelfPresence::Resuming(_));
                if !is_resuming {
                    self.timers.disarm(Timer::Resume);
                    self.owed.retain(|owed| *owed != Owed::Resume);
                }
                self.owed.retain(|owed| *owed != Owed::Suspend);
                self.stop_sending();
                let hold = duration(granted);
                self.timers.arm(Timer::Hold, cx.now + hold);
                cx.events.push_back(Event::PeerSuspended { hold });
            }
        }
        self.owe(Owed::SuspendAck);
    }

    /// True if an acceptable segment without a Hiatus message is none that a host in LEAVING sends.
    pub(crate) fn shows_return(&self, arrived: &Arrived<'_>) -> bool {
        let Some(PeerPresence::Held { suspended_at, .. }) =
            self.hiatus.session().map(|session| session.there)
        else {
            return false;
        };
        let end = arrived.seq.advanced_by(u64::from(arrived.segment.len()));
        // The octet at that number may be a window probe that was under way.
        let beyond = suspended_at.advanced_by(1);
        end > beyond || (arrived.has(Flags::FIN) && end >= beyond)
    }

    /// SUSPEND-ACK as it leaves now.
    pub(crate) fn suspend_ack_message(&self) -> Option<Message<'static>> {
        let session = self.hiatus.session()?;
        let granted_hold = match session.there {
            PeerPresence::Held { granted, .. } => granted,
            _ => HoldTime::NONE,
        };
        let context = MacContext::suspend_ack(session.role, session.peer_life);
        sealed(session, &context, |tag| Message::SuspendAck(SuspendAck { granted_hold, tag }))
    }

    /// SUSPEND-ACK to the own life.
    pub(crate) fn suspend_is_acknowledged(&mut self, cx: &mut Context<'_>, granted: HoldTime) {
        if let Some(session) = self.hiatus.session_mut()
            && let SelfPresence::Leaving(leaving) = &mut session.here
            && !leaving.acknowledged
        {
            leaving.acknowledged = true;
            //= draft#leaving
            //# A host MUST NOT repeat a SUSPEND after a valid
            //# SUSPEND-ACK.
            self.timers.disarm(Timer::Suspend);
            self.owed.retain(|owed| *owed != Owed::Suspend);
            cx.events.push_back(Event::SuspendAcknowledged { hold: duration(granted) });
        }
    }

    /// EPOCH of the recorded life.
    pub(crate) fn peer_is_stable(&mut self, cx: &mut Context<'_>, stable: Position, stable_low: u32) {
        //= draft#neg-confirm
        //# A receiver MUST ignore an EPOCH with a Stable Point beyond what it has
        //# sent.
        if stable <= self.snd.max {
            self.echo_has_come(cx);
            if cx.config.keeps(Rule::RaiseStable) {
                let before = self.snd.stb;
                self.snd.is_stable_to(stable);
                // A copy of what was known makes no room, and gives no more time.
                if self.snd.stb > before {
                    self.timers.disarm(Timer::HoldBack);
                }
            }
            //= draft#neg-confirm
            //# A host that is not in RESUMING MUST answer every valid EPOCH with an
            //# EPOCH-ECHO that has the same Stable Point.
            self.owe(Owed::EpochEcho { stable_point: stable_low });
        }
    }

    /// A valid RESUME. Gives why the connection ends, if it does.
    pub(crate) fn peer_returns(
        &mut self,
        cx: &mut Context<'_>,
        arrived: &Arrived<'_>,
        back: &Return,
    ) -> Option<CloseReason> {
        let session = self.hiatus.session_mut()?;
        let (life, nonce) = (session.peer_life, session.peer_nonce);
        let is_clone = back.life.incarnation == life.incarnation && !nonce.matches(back.nonce);
        //= draft#resume-received
        //# A host MUST answer a valid RESUME of an older incarnation, or of the
        //# recorded incarnation with another nonce, with ABORT and reason FENCED.
        if (back.life.incarnation < life.incarnation || is_clone) && cx.config.keeps(Rule::FenceOlder) {
            self.owe_abort(AbortReason::FENCED, back.life, back.nonce, arrived.segment.ack);
            return None;
        }
        //= draft#resume-received
        //# A host MUST drop a valid RESUME of the recorded incarnation and nonce
        //# with an older generation.
        if back.life < life {
            return None;
        }
        if back.life == life && cx.config.keeps(Rule::ApplyOnlyNewerLife) {
            if self.is_rolled_back(cx, back) {
                return Some(self.diverge(back, arrived.segment.ack));
            }
            let session = self.hiatus.session_mut()?;
            //= draft#resume-received
            //# A host MUST NOT apply the positions of a RESUME of the recorded life.
            session.peer_nonce = back.nonce;
            if matches!(session.there, PeerPresence::Presumed { .. }) {
                self.peer_shows_itself(cx);
            }
        } else {
            //= draft#resume-received
            //# A host MUST synchronise on a valid RESUME of a newer life and answer
            //# with RESUME-ACK.
            if let Err(reason) = self.synchronise(cx, arrived, back) {
                self.owe_abort(reason, back.life, back.nonce, arrived.segment.ack);
                return Some(CloseReason::AbortedHere(reason));
            }
            self.peer_is_up(cx);
        }
        self.owe(Owed::ResumeAck { life: back.life, nonce: back.nonce, seq: arrived.segment.seq });
        self.resume_out_of_turn(back);
        // A host in RESUMING takes no EPOCH before the answer.
        self.report_if_due(cx);
        None
    }

    //= draft#lives
    //# A host that is not in RESUMING MUST end the connection with ABORT and
    //# reason DIVERGED when a valid RESUME of the recorded life, or a valid
    //# RESUME-ACK for its current life, has an R above its SND.LIM.
    /// True if the peer has received what this history has not written: the host went back, and was not told.
    fn is_rolled_back(&self, cx: &Context<'_>, back: &Return) -> bool {
        !self.is_resuming() && back.received > self.snd.lim && cx.config.keeps(Rule::NoticeRollback)
    }

    /// Ends the connection with ABORT and reason DIVERGED, SEG.SEQ = `seq`.
    fn diverge(&mut self, back: &Return, seq: SequenceNumber) -> CloseReason {
        self.owe_abort(AbortReason::DIVERGED, back.life, back.nonce, seq);
        CloseReason::AbortedHere(AbortReason::DIVERGED)
    }

    /// While RESUMING: a RESUME of the peer is about to be answered. If it is the first of its life, the own RESUME
    /// follows.
    fn resume_out_of_turn(&mut self, back: &Return) {
        let Some(session) = self.hiatus.session_mut() else { return };
        let SelfPresence::Resuming(resuming) = &mut session.here else { return };
        //= draft#resuming
        //# A host in RESUMING MUST NOT send RESUME out of turn for a life of its
        //# peer that it has already answered.
        if resuming.answered == Some((back.life, back.nonce)) {
            return;
        }
        resuming.answered = Some((back.life, back.nonce));
        //= draft#resuming
        //# A host in RESUMING MUST send its own RESUME at once after it has
        //# answered the first RESUME of a life of its peer.
        self.owed.retain(|owed| *owed != Owed::Resume);
        self.owe(Owed::Resume);
    }

    /// RESUME-ACK as it leaves now; its segment has SEG.ACK from [`resume_ack_number`](Self::resume_ack_number).
    pub(crate) fn resume_ack_message(&self, life: Life, nonce: Nonce) -> Option<Message<'static>> {
        let session = self.hiatus.session()?;
        let (received, end) = (self.rcv.acknowledged(), self.snd.lim);
        let context = MacContext::resume_ack(session.role, life, nonce, received, end);
        let own_life = session.own_life;
        let message = |tag| {
            Message::ResumeAck(ResumeAck { life: own_life, received: received.low(), end: end.low(), tag })
        };
        sealed(session, &context, message)
    }

    //= draft#opt-resume-ack
    //# A sender MUST set SEG.ACK of a RESUME-ACK to the smaller of its RCV.NXT
    //# and SEG.SEQ of the RESUME that it answers.
    pub(crate) fn resume_ack_number(&self, resume_seq: SequenceNumber) -> SequenceNumber {
        if resume_seq.before(self.seg_ack()) { resume_seq } else { self.seg_ack() }
    }

    /// A valid RESUME-ACK to the own life. Gives why the connection ends, if it does.
    pub(crate) fn return_is_acknowledged(
        &mut self,
        cx: &mut Context<'_>,
        arrived: &Arrived<'_>,
        back: &Return,
    ) -> Option<CloseReason> {
        let session = self.hiatus.session()?;
        let is_resuming = matches!(session.here, SelfPresence::Resuming(_));
        let is_presumed = matches!(session.there, PeerPresence::Presumed { .. });
        let is_newer = back.life > session.peer_life;
        let is_stale = back.life < session.peer_life && cx.config.keeps(Rule::NoStaleResumeAck);
        let answers = session.question.is_some();
        if self.is_rolled_back(cx, back) {
            return Some(self.diverge(back, self.snd_nxt()));
        }
        //= draft#resuming
        //# A host in RESUMING MUST NOT accept a RESUME-ACK that carries an older
        //# life than the one recorded of the peer.
        if is_stale || !(is_resuming || is_presumed || answers) {
            return None;
        }
        //= draft#int-guest
        //# A restored host that has synchronised to an R above its former SND.NXT
        //# MUST send an ACK at once.
        let is_restored =
            matches!(session.here, SelfPresence::Resuming(Resuming { origin: Origin::Restored, .. }));
        let acknowledges_jump = is_restored && back.received > self.snd.nxt;
        let (own_life, own_nonce) = (back.life, Nonce::UNKNOWN);
        if (is_resuming || is_newer)
            && let Err(reason) = self.synchronise(cx, arrived, back)
        {
            self.owe_abort(reason, own_life, own_nonce, self.snd_nxt());
            return Some(CloseReason::AbortedHere(reason));
        }
        if is_resuming || is_newer {
            if is_presumed || is_newer {
                self.peer_is_up(cx);
            }
        } else if is_presumed {
            //= draft#presumed
            //# A RESUME-ACK for the current life that leads back to UP sets TS.Recent to
            //# SEG.TSval, even if that is the lower one
            self.believe_timestamp(cx, arrived);
            self.peer_shows_itself(cx);
        }
        self.question_is_answered(cx);
        if is_resuming {
            self.ack_is_due |= acknowledges_jump;
            self.self_is_up(cx);
        }
        self.report_if_due(cx);
        None
    }

    /// Owes an ABORT that names `life` and `nonce` of its addressee.
    pub(crate) fn owe_abort(&mut self, reason: AbortReason, life: Life, nonce: Nonce, seq: SequenceNumber) {
        self.owe(Owed::Abort { reason, life, nonce, seq });
    }

    /// ABORT as it leaves now.
    pub(crate) fn abort_message(
        &self,
        reason: AbortReason,
        life: Life,
        nonce: Nonce,
    ) -> Option<Message<'static>> {
        let session = self.hiatus.session()?;
        let context = MacContext::abort(session.role, life, nonce);
        sealed(session, &context, |tag| Message::Abort(Abort { reason, proof: tag.0 }))
    }

    /// EPOCH-ECHO.
    pub(crate) fn echo_message(stable_point: u32) -> Message<'static> {
        Message::EpochEcho(EpochEcho { stable_point })
    }

    /// The life that an ABORT which answers no RESUME names.
    pub(crate) fn recorded_life(&self) -> Option<Life> {
        self.hiatus.session().map(|session| session.peer_life)
    }
}
