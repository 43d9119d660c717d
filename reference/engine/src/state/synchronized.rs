//! ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, CLOSING, LAST-ACK and TIME-WAIT.

mod record;

use alloc::boxed::Box;

use hiatus_codec::{AbortReason, Flags, Segment};
use serde::{Deserialize, Serialize};

use crate::arrived::Arrived;
use crate::ecn::Ecn;
use crate::event::{CloseReason, Event, TcpState};
use crate::hiatus::Hiatus;
use crate::hiatus::check::Checked;
use crate::receive::ReceiveSide;
use crate::rule::Rule;
use crate::send::SendSide;
use crate::tcb::{Context, Tcb};
use crate::timer::Timer;
use crate::timestamps::Freshness;

/// Both SYNs are acknowledged.
///
/// Which state of RFC 9293 it is follows from the two FINs: whether the own one is queued, whether it is acknowledged,
/// whether the peer's arrived, and who closed first. So a rewind (draft, {#sync}) needs no transition of its own:
/// FIN-WAIT-2 is FIN-WAIT-1 again as soon as SND.UNA is not above the own FIN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Synchronized {
    first_closer: Option<Closer>,
    /// Both directions were over, and the connection is kept (draft, {#linger}).
    pub(crate) lingers: bool,
    pub(crate) tcb: Box<Tcb>,
}

/// Who closed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Closer {
    Own,
    Peer,
}

/// What tells the states apart.
#[derive(Clone, Copy)]
pub(crate) struct Ends<'s> {
    pub(crate) snd: &'s SendSide,
    pub(crate) rcv: &'s ReceiveSide,
    pub(crate) first_closer: Option<Closer>,
    pub(crate) lingers: bool,
}

impl Ends<'_> {
    pub(crate) fn name(self) -> TcpState {
        let Self { snd, rcv, first_closer, lingers } = self;
        let own_fin_is_acknowledged = snd.fin_is_acknowledged();
        match (snd.fin.is_some(), rcv.fin_is_received(), first_closer) {
            (false, false, _) => TcpState::Established,
            (false, true, _) => TcpState::CloseWait,
            (true, false, _) if own_fin_is_acknowledged => TcpState::FinWait2,
            (true, false, _) => TcpState::FinWait1,
            (true, true, _) if lingers && own_fin_is_acknowledged => TcpState::Linger,
            (true, true, Some(Closer::Peer)) => TcpState::LastAck,
            (true, true, _) if own_fin_is_acknowledged => TcpState::TimeWait,
            (true, true, _) => TcpState::Closing,
        }
    }
}

/// What the steps of RFC 9293, section 3.10.7.4, decide about a segment.
#[derive(Clone, Copy)]
enum Step {
    /// It goes on to the next step.
    Continue,
    /// Its acknowledgment counts, and nothing else.
    OnlyAck,
    /// It is done with.
    Done,
    /// The connection ends.
    Close(CloseReason),
}

impl Synchronized {
    pub(crate) fn new(tcb: Box<Tcb>) -> Self {
        // The application may have closed before.
        let first_closer = tcb.snd.fin.is_some().then_some(Closer::Own);
        Self { tcb, first_closer, lingers: false }
    }

    pub(crate) fn name(&self) -> TcpState {
        let Self { first_closer, lingers, tcb } = self;
        Ends { snd: &tcb.snd, rcv: &tcb.rcv, first_closer: *first_closer, lingers: *lingers }.name()
    }

    /// CLOSE of the application (RFC 9293, section 3.10.4).
    pub(crate) fn close(&mut self) {
        self.first_closer.get_or_insert(Closer::Own);
        if self.tcb.is_resuming() {
            self.tcb.close_waits = true;
        } else {
            self.tcb.snd.close();
        }
    }

    /// A segment arrived, with `mark` in the ECN field of its IP header. Gives why the connection ends, if it does.
    pub(crate) fn on_segment(
        &mut self,
        cx: &mut Context<'_>,
        segment: &Segment<'_>,
        mark: Ecn,
    ) -> Option<CloseReason> {
        match self.tcb.predicted(cx.now, segment, mark) {
            Some(arrived) => self.on_predicted(cx, &arrived),
            None => self.on_any(cx, segment, mark),
        }
    }

    /// A segment of whatever kind takes every step.
    fn on_any(&mut self, cx: &mut Context<'_>, segment: &Segment<'_>, mark: Ecn) -> Option<CloseReason> {
        let tcb = &mut self.tcb;
        let arrived = Arrived::new(segment, &tcb.snd, &tcb.rcv).marked(mark);
        //= draft#step-message
        //# On a connection that is on, a host MUST process a valid RESUME,
        //# RESUME-ACK or ABORT before it tests the timestamp, sequence number, RST
        //# bit and acknowledgment number of the segment.
        // What they report makes the tests right again.
        let checked = match &mut tcb.hiatus {
            Hiatus::On(session) => session.check(cx.now, &tcb.snd, &tcb.rcv, &arrived),
            Hiatus::Confirming(confirming) => confirming.check(cx.now, &tcb.snd, &tcb.rcv, &arrived),
            Hiatus::Off | Hiatus::Proposed(_) => Checked::Plain,
        };
        let is_over = self.name().is_kept_over();
        let checked = if is_over && !self.tcb.is_resuming() { checked.in_time_wait() } else { checked };
        let step = match self.on_return(cx, &arrived, checked) {
            Step::Continue if self.tcb.is_resuming() && cx.config.keeps(Rule::DeafWhileResuming) => {
                self.while_resuming(cx, &arrived, checked)
            }
            Step::Continue => self.in_order(cx, &arrived, checked),
            step => step,
        };
        self.conclude(cx, step)
    }

    /// A segment that passes all steps but those of the ACK and the text unchanged.
    fn on_predicted(&mut self, cx: &mut Context<'_>, arrived: &Arrived<'_>) -> Option<CloseReason> {
        let step = match self.on_ack(cx, arrived) {
            Step::Continue if !arrived.segment.payload.is_empty() => self.on_text(cx, arrived),
            step => step,
        };
        self.conclude(cx, step)
    }

    /// After the last step for a segment.
    fn conclude(&mut self, cx: &mut Context<'_>, step: Step) -> Option<CloseReason> {
        match step {
            Step::Close(reason) => Some(self.end_of(reason)),
            Step::Continue | Step::OnlyAck | Step::Done => self.settle(cx),
        }
    }

    /// What the application is told where the peer is gone for `reason`: nothing bad if it may have finished
    /// (RFC 9293, section 3.10.7.4, second; draft, {#ending}).
    fn end_of(&self, reason: CloseReason) -> CloseReason {
        let is_gone = matches!(
            reason,
            CloseReason::Reset | CloseReason::PeerHasNoState | CloseReason::AbortedByPeer(AbortReason::LOST)
        );
        match self.name() {
            TcpState::Closing | TcpState::LastAck | TcpState::TimeWait | TcpState::Linger if is_gone => {
                CloseReason::Finished
            }
            _ => reason,
        }
    }

    /// RESUME, RESUME-ACK and ABORT.
    fn on_return(&mut self, cx: &mut Context<'_>, arrived: &Arrived<'_>, checked: Checked) -> Step {
        let tcb = &mut self.tcb;
        let end = match checked {
            Checked::Drop => None,
            //= draft#mac-check
            //# A receiver that is not resuming MUST answer a RESUME with a wrong MAC
            //# with a challenge ACK under a limit of this connection.
            Checked::ForgedResume if tcb.is_resuming() => tcb.resume_met_forged(cx, arrived),
            Checked::ForgedResume => {
                tcb.challenge(cx.now);
                None
            }
            Checked::Resume(back) => {
                tcb.echo_has_come(cx);
                tcb.resume_met_hiatus();
                tcb.peer_returns(cx, arrived, &back)
            }
            Checked::ResumeAck(back) => {
                tcb.resume_met_hiatus();
                tcb.return_is_acknowledged(cx, arrived, &back)
            }
            //= draft#ending
            //# A host that receives a valid ABORT MUST close the connection at once.
            Checked::Abort(reason) => Some(CloseReason::AbortedByPeer(reason)),
            _ => return Step::Continue,
        };
        end.map_or(Step::Done, Step::Close)
    }

    //= draft#resuming
    //# A host in RESUMING MUST drop every segment that carries no RESUME,
    //# RESUME-ACK, SUSPEND or ABORT.
    fn while_resuming(&mut self, cx: &mut Context<'_>, arrived: &Arrived<'_>, checked: Checked) -> Step {
        let tcb = &mut self.tcb;
        let end = match checked {
            Checked::Suspend => {
                tcb.resume_met_hiatus();
                tcb.peer_suspends(cx, arrived.seq);
                None
            }
            //= draft#resume-met
            //# A valid Hiatus message, one with the right MAC, sets the count of plain
            //# segments back to 0, whether it is processed or dropped.
            Checked::Epoch { .. } | Checked::SuspendAck { .. } => {
                tcb.resume_met_hiatus();
                None
            }
            //= draft#holding
            //# A host in HELD or PRESUMED MUST drop a bare RST.
            Checked::Plain if arrived.has(Flags::RST) && tcb.peer_is_away() => None,
            Checked::Plain if arrived.has(Flags::RST) && arrived.seq == tcb.rcv.nxt => {
                tcb.resume_met_reset(cx.now)
            }
            // Data and FIN may come again from a peer that has heard no RESUME yet.
            Checked::Plain if arrived.segment.is_pure_ack() => tcb.resume_met_plain(cx, arrived),
            _ => None,
        };
        end.map_or(Step::Done, Step::Close)
    }

    /// The steps of RFC 9293, section 3.10.7.4, in its order.
    fn in_order(&mut self, cx: &mut Context<'_>, arrived: &Arrived<'_>, checked: Checked) -> Step {
        match self.check_sequence_and_reset(cx, arrived) {
            Step::Continue => {}
            Step::OnlyAck => {
                self.tcb.ack_is_due = true;
                return self.on_ack(cx, arrived);
            }
            step => return step,
        }
        match self.on_ack(cx, arrived) {
            Step::Continue => {}
            step => return step,
        }
        self.on_message(cx, arrived, checked);
        self.on_text(cx, arrived)
    }

    /// The text and the FIN of a SYN/ACK that led here (RFC 9293, section 3.10.7.3, fourth). Gives why the connection
    /// ends, if it does.
    pub(crate) fn on_rest_of_syn(
        &mut self,
        cx: &mut Context<'_>,
        segment: &Segment<'_>,
        mark: Ecn,
    ) -> Option<CloseReason> {
        let flags = Flags(segment.flags.0 & !Flags::SYN.0);
        let rest = Segment { seq: segment.seq.advanced_by(1), flags, ..*segment };
        let arrived = Arrived::new(&rest, &self.tcb.snd, &self.tcb.rcv).marked(mark);
        match self.on_text(cx, &arrived) {
            Step::Close(reason) => Some(reason),
            Step::Continue | Step::OnlyAck | Step::Done => self.settle(cx),
        }
    }

    /// First to fourth: sequence number (PAWS before it), RST, SYN.
    fn check_sequence_and_reset(&mut self, cx: &mut Context<'_>, arrived: &Arrived<'_>) -> Step {
        let tcb = &mut self.tcb;
        let is_reset = arrived.has(Flags::RST);
        match tcb.freshness(cx.now, arrived) {
            _ if is_reset => {}
            Freshness::Fresh => {}
            Freshness::Missing => return Step::Done,
            Freshness::Old => {
                tcb.answer_unacceptable(cx.now, arrived);
                return Step::Done;
            }
        }
        if !tcb.rcv.is_acceptable(arrived.seq, arrived.tested_len()) {
            // What meets a closed window may acknowledge nevertheless (RFC 9293, section 3.10.7.4, first).
            let is_ack =
                arrived.has(Flags::ACK) && !arrived.segment.flags.intersects(Flags::SYN.union(Flags::RST));
            if is_ack && tcb.rcv.wnd() == 0 && arrived.seq == tcb.rcv.nxt {
                return Step::OnlyAck;
            }
            tcb.answer_unacceptable(cx.now, arrived);
            // The peer's FIN again: TIME-WAIT begins anew (RFC 9293, section 3.10.7.4, eighth). No other FIN does that, and
            // none lengthens FIN-WAIT-2, which the same timer ends.
            let is_fin_again = arrived.has(Flags::FIN)
                && tcb.rcv.fin_is_received()
                && tcb.rcv.fin == Some(arrived.text_end());
            if is_fin_again && tcb.timers.is_armed(Timer::TimeWait) {
                tcb.timers.arm(Timer::TimeWait, cx.now + cx.config.time_wait());
            }
            return Step::Done;
        }
        if is_reset {
            return self.on_bare_reset(cx, arrived);
        }
        if arrived.has(Flags::SYN) {
            // RFC 5961, section 4.2.
            tcb.challenge(cx.now);
            return Step::Done;
        }
        Step::Continue
    }

    /// An RST without ABORT, within the window (RFC 5961, section 3.2).
    fn on_bare_reset(&mut self, cx: &mut Context<'_>, arrived: &Arrived<'_>) -> Step {
        // It must not cut TIME-WAIT short (RFC 1337, section 3), nor LINGER.
        if self.name().is_kept_over() {
            return Step::Done;
        }
        let has_only_fin_left = matches!(self.name(), TcpState::Closing | TcpState::LastAck)
            && self.tcb.snd.fin == Some(self.tcb.snd.una)
            && self.tcb.snd.max > self.tcb.snd.una;
        let tcb = &mut self.tcb;
        //= draft#holding
        //# A host in HELD or PRESUMED MUST drop a bare RST.
        if tcb.peer_is_away() {
            return Step::Done;
        }
        if arrived.seq != tcb.rcv.nxt {
            tcb.challenge(cx.now);
            return Step::Done;
        }
        //= draft#presumed
        //# A host MUST enter PRESUMED instead of closing the connection
        //# when a bare RST with SEG.SEQ equal to RCV.NXT comes from a
        //# peer that sent S and to which it offered a hold, unless
        //# HIA-MUST-88 says otherwise or in CLOSING or LAST-ACK its FIN is
        //# sent and nothing else is unacknowledged.
        if has_only_fin_left {
            return Step::Close(CloseReason::Finished);
        }
        tcb.presume_after_reset(cx).map_or(Step::Done, Step::Close)
    }

    /// Fifth: the ACK field.
    fn on_ack(&mut self, cx: &mut Context<'_>, arrived: &Arrived<'_>) -> Step {
        if !arrived.has(Flags::ACK) {
            return Step::Done;
        }
        let tcb = &mut self.tcb;
        let ack = arrived.ack;
        if !tcb.snd.is_acceptable(ack) {
            if ack > tcb.snd.max {
                tcb.ask_above_max(cx);
            }
            tcb.challenge(cx.now);
            return Step::Done;
        }
        //= draft#step-sequence
        //# On the same conditions, but only when the segment has passed the fifth
        //# check
        // R3 of RFC 7323, section 5.3: a blind segment would raise TS.Recent for half of all timestamps.
        if let (Some(clock), Some(timestamps)) = (&mut tcb.timestamps, arrived.timestamps) {
            clock.accept(timestamps.value, arrived.seq, cx.now);
        }
        let silence = cx.now.since(tcb.heard);
        tcb.heard = cx.now;
        tcb.keep_alive.unanswered = 0;
        let (wnd_before, flight_octets) = (tcb.snd.wnd, tcb.snd.flight_octets());
        let wnd = u32::from(arrived.segment.window) << tcb.snd.scale;
        tcb.take_acknowledgment(cx, arrived, wnd, silence);
        let is_newer = tcb.snd.wl1 < arrived.seq || (tcb.snd.wl1 == arrived.seq && tcb.snd.wl2 <= ack);
        if ack >= tcb.snd.una && is_newer {
            tcb.snd.set_window(wnd, arrived.seq, ack);
        }
        tcb.window_heard(wnd_before);
        tcb.hear_echo(cx, arrived, flight_octets);
        Step::Continue
    }

    /// What an acceptable segment says of Hiatus: it is alive, it negotiates, it leaves.
    fn on_message(&mut self, cx: &mut Context<'_>, arrived: &Arrived<'_>, checked: Checked) {
        let tcb = &mut self.tcb;
        let is_presumed = tcb.hiatus.peer_state() == crate::event::PeerState::Presumed;
        //= draft#presumed
        //# A host in PRESUMED that is not in RESUMING MUST go back to UP
        //# on an acceptable segment without a Hiatus message.
        if is_presumed && checked != Checked::Suspend {
            tcb.peer_shows_itself(cx);
        }
        //= draft#holding
        //# A host in HELD that is not in RESUMING MUST go back to PEER UP
        //# on an acceptable segment without a Hiatus message that has a
        //# FIN at or beyond SEG.SEQ of the SUSPEND, or an octet beyond
        //# the one at that number.
        if matches!(checked, Checked::Plain | Checked::Other) && tcb.shows_return(arrived) {
            tcb.peer_shows_itself(cx);
        }
        match checked {
            Checked::Plain => tcb.question_met_plain(cx, arrived),
            Checked::Other => tcb.hear_epoch_echo(cx, arrived),
            _ => tcb.question_met_hiatus(),
        }
        match checked {
            Checked::Suspend => {
                tcb.echo_has_come(cx);
                tcb.peer_suspends(cx, arrived.seq);
            }
            Checked::SuspendAck { granted } => tcb.suspend_is_acknowledged(cx, granted),
            Checked::Epoch { stable, stable_low } => tcb.peer_is_stable(cx, stable, stable_low),
            _ => tcb.negotiate(cx, arrived),
        }
    }

    /// Seventh and eighth: the text and the FIN. The sixth, URG, changes nothing: urgent octets are octets of the stream
    /// like others (RFC 6093, section 6).
    fn on_text(&mut self, cx: &mut Context<'_>, arrived: &Arrived<'_>) -> Step {
        if arrived.segment.is_empty() {
            return Step::Continue;
        }
        let tcb = &mut self.tcb;
        tcb.ecn.text_arrived(arrived.segment.flags, arrived.mark);
        if tcb.rcv.fin_is_received() {
            tcb.ack_is_due = true;
            return Step::Continue;
        }
        let accepted = tcb.rcv.accept(arrived.seq, arrived.segment.payload, arrived.has(Flags::FIN));
        tcb.acknowledge_text(cx, arrived, accepted);
        if accepted.octets > 0 && tcb.reader_is_gone {
            // Data is lost, and the peer is to know (RFC 9293, section 3.6.1, SHLD-3), even if its FIN came with it.
            tcb.owe_reset();
            return Step::Close(CloseReason::Aborted);
        }
        if accepted.octets > 0 && cx.events.back() != Some(&Event::Readable) {
            cx.events.push_back(Event::Readable);
        }
        if accepted.fin {
            self.peer_has_closed(cx);
        }
        Step::Continue
    }

    /// The peer's FIN is received, and all before it.
    pub(crate) fn peer_has_closed(&mut self, cx: &mut Context<'_>) {
        self.first_closer.get_or_insert(Closer::Peer);
        cx.events.push_back(Event::PeerClosed);
        // What ran for FIN-WAIT-2.
        self.tcb.timers.disarm(Timer::TimeWait);
    }

    /// After any input: the transitions that the FINs ask for, and the timers.
    pub(crate) fn settle(&mut self, cx: &mut Context<'_>) -> Option<CloseReason> {
        // ESTABLISHED and CLOSE-WAIT: without the own FIN nothing ends, and no timer of an end runs.
        if self.tcb.snd.fin.is_none() && !self.tcb.timers.is_armed(Timer::TimeWait) {
            self.tcb.rearm(cx);
            return None;
        }
        let name = self.name();
        if self.lingers && !self.tcb.snd.fin_is_acknowledged() {
            self.leave_linger();
        }
        let is_last =
            name == TcpState::LastAck && self.tcb.snd.fin_is_acknowledged() && self.tcb.rcv.is_acknowledged();
        if name == TcpState::Linger || is_last {
            let end = self.finish(cx);
            self.tcb.rearm(cx);
            return end;
        }
        //= draft#rfc-states
        //# A RESUME that takes a host in RESUMING from CLOSING to TIME-WAIT, its R
        //# being above the own FIN, ends the return as a RESUME-ACK would: SELF is
        //# UP.
        if name == TcpState::TimeWait && self.tcb.is_resuming() {
            self.tcb.self_is_up(cx);
        }
        let lasts = match name {
            TcpState::TimeWait => Some(cx.config.time_wait()),
            // A peer that never closes would keep a connection that nobody owns.
            TcpState::FinWait2 if self.tcb.reader_is_gone && self.tcb.may_originate() => {
                Some(cx.config.fin_wait_2)
            }
            _ => None,
        };
        match lasts {
            None => self.tcb.timers.disarm(Timer::TimeWait),
            Some(lasts) if !self.tcb.timers.is_armed(Timer::TimeWait) => {
                self.tcb.timers.arm(Timer::TimeWait, cx.now + lasts);
            }
            Some(_) => {}
        }
        self.tcb.rearm(cx);
        None
    }

    /// A timer is due. Gives why the connection ends, if it does.
    pub(crate) fn on_timeout(&mut self, cx: &mut Context<'_>, timer: Timer) -> Option<CloseReason> {
        let found = self.name();
        let tcb = &mut self.tcb;
        let end = match timer {
            Timer::Retransmit => tcb.retransmission_timeout(cx),
            Timer::Persist => tcb.persist_timeout(cx),
            Timer::DelayedAck => {
                tcb.ack_is_due = true;
                None
            }
            Timer::KeepAlive => tcb.keep_alive_timeout(cx),
            Timer::TimeWait if tcb.rcv.fin_is_received() => self.finish(cx),
            Timer::TimeWait => Some(CloseReason::NoAnswer),
            Timer::Negotiate => {
                tcb.negotiation_timeout(cx);
                None
            }
            //= draft#leaving
            //# Nor does one
            //# in LISTEN, SYN-SENT, SYN-RECEIVED or TIME-WAIT
            Timer::Suspend if found.is_kept_over() => None,
            Timer::Suspend => {
                tcb.owe(crate::owed::Owed::Suspend);
                None
            }
            Timer::Resume => tcb.resume_timeout(cx),
            Timer::Epoch => tcb.epoch_timeout(cx, found),
            Timer::HoldBack => {
                tcb.shed(cx);
                None
            }
            Timer::Linger => Some(CloseReason::Finished),
            //= draft#linger
            //# no timer
            //# that gives up and no RST leads to PRESUMED, the limit of
            Timer::ResumeLimit if found == TcpState::Linger => None,
            Timer::ResumeLimit => tcb.resume_limit_passed(cx.now),
            //= draft#holding
            //# When the hold is over, a host in HELD or PRESUMED MUST delete the
            //# connection without sending a segment.
            Timer::Hold => {
                tcb.owed.clear();
                Some(CloseReason::HoldOver)
            }
            Timer::Epitaph => None,
        };
        end.or_else(|| self.settle(cx))
    }
}

#[cfg(test)]
mod tests;
