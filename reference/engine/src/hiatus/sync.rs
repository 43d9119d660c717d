//! Both ends agree on where each direction goes on (draft, {#sync}).

use hiatus_codec::{AbortReason, Nonce, Position};

use crate::arrived::Arrived;
use crate::hiatus::check::Return;
use crate::rule::Rule;
use crate::tcb::{Context, Tcb};
use crate::timer::Timer;

impl Tcb {
    /// Applies the positions of a RESUME or RESUME-ACK, or names the reason why they do not fit; then nothing changed.
    pub(crate) fn synchronise(
        &mut self,
        cx: &mut Context<'_>,
        arrived: &Arrived<'_>,
        back: &Return,
    ) -> Result<(), AbortReason> {
        //= draft#sync
        //# A host MUST answer a RESUME of a newer life with R below its SND.STB
        //# with ABORT and reason GONE.
        if back.received < self.snd.stb && cx.config.keeps(Rule::GoneBelowStable) {
            return Err(AbortReason::GONE);
        }
        //= draft#sync
        //# A host MUST answer a RESUME of a newer life with R above its SND.LIM, or
        //# with End below its RCV.NXT, with ABORT and reason DIVERGED.
        if (back.received > self.snd.lim || back.end < self.rcv.nxt)
            && cx.config.keeps(Rule::DivergedBeyondLimit)
        {
            return Err(AbortReason::DIVERGED);
        }
        let Some(session) = self.hiatus.session_mut() else { return Ok(()) };
        if back.nonce != Nonce::UNKNOWN {
            session.peer_nonce = back.nonce;
        } else if session.peer_life.incarnation != back.life.incarnation {
            // RESUME-ACK names no nonce: that of an earlier incarnation says nothing about this one.
            session.peer_nonce = Nonce::UNKNOWN;
        }
        let is_other_history = session.peer_life.incarnation != back.life.incarnation;
        session.peer_life = back.life;
        if is_other_history {
            // What it echoed before, it may have forgotten: it is told again.
            self.rcv.stb = Position(0);
            self.pause_reports();
        }
        self.believe_timestamp(cx, arrived);
        let was_acknowledged = self.is_acknowledged_since_sync || back.received > self.snd.una;
        self.is_acknowledged_since_sync = false;
        let is_rewind = back.received < self.snd.nxt;
        let was_long = cx.now.since(self.heard) > self.rtt.rto(cx.config);
        if cx.config.keeps(Rule::DropOutOfOrderAtSync) {
            self.rcv.drop_out_of_order();
        }
        if cx.config.keeps(Rule::RewindToReceived) {
            self.snd.rewind(back.received);
        }
        // Octets that are sent again lie below SEG.SEQ of the peer, and their windows count too.
        let first = arrived.seq.min(self.rcv.nxt);
        self.snd.set_window(u32::from(arrived.segment.window) << self.snd.scale, first, back.received);
        //= draft#sync
        //# A host that synchronises after more than one RTO, or to an R below its
        //# SND.NXT, SHOULD start with a congestion window of at most the initial
        //# window.
        if !was_acknowledged {
            //= draft#sync
            //# A host that synchronises although its peer has acknowledged nothing new
            //# since it last synchronised SHOULD start with a congestion window of one
            //# segment.
            self.restart_congestion_with_one();
        } else if is_rewind || was_long {
            self.restart_congestion();
        } else {
            self.forget_losses();
        }
        self.stop_probing();
        // The path may be another one (draft, {#interactions}).
        self.path.start();
        self.snd.mss_octets = self.path.send_mss();
        self.ecn.restart(self.snd.nxt);
        self.rtt.restart();
        self.timers.disarm(Timer::Retransmit);
        self.heard = cx.now;
        // R may acknowledge what nothing else will.
        self.tell_writer(cx);
        Ok(())
    }

    /// TS.Recent := SEG.TSval, whatever it was: the message of the segment is authentic.
    pub(crate) fn believe_timestamp(&mut self, cx: &Context<'_>, arrived: &Arrived<'_>) {
        if let (Some(clock), Some(timestamps)) = (&mut self.timestamps, arrived.timestamps)
            && cx.config.keeps(Rule::TimestampsFence)
        {
            clock.force(timestamps.value, cx.now);
        }
    }
}
