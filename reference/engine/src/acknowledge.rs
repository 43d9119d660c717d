//! What SEG.ACK and the SACK option say of octets in flight: they arrived, or are lost.

use core::time::Duration;

use hiatus_codec::{Position, SackBlock};

use crate::arrived::Arrived;
use crate::congestion::{Progress, Timeout};
use crate::hiatus::Hiatus;
use crate::range::Range;
use crate::recovery::{Mode, News};
use crate::scoreboard::{DUP_THRESH, Outstanding, Reneging};
use crate::tcb::{Context, Tcb};
use crate::timer::Timer;

/// How an acknowledgment counts.
#[derive(Debug, Clone, Copy)]
struct Counted {
    news: News,
    /// Octets by which SND.UNA moved.
    advance: u32,
    /// It is a duplicate (RFC 5681, section 2; RFC 6675, section 2).
    is_duplicate: bool,
    /// The congestion window was full when what it acknowledges was sent.
    was_filled: bool,
}

impl Tcb {
    /// An acceptable SEG.ACK, with `wnd` in its window field, after nothing was heard for `silence`.
    pub(crate) fn take_acknowledgment(
        &mut self,
        cx: &mut Context<'_>,
        arrived: &Arrived<'_>,
        wnd: u32,
        silence: Duration,
    ) {
        let ack = arrived.ack;
        if ack == self.snd.una && self.says_nothing(arrived) {
            if !self.recovery.was_filled(ack) {
                self.congestion.unused(silence);
            }
            return;
        }
        let mss = self.smss_octets();
        let advance = u32::try_from(self.snd.una.distance_to(ack)).unwrap_or(u32::MAX);
        let sacked_before = self.recovery.sacked_octets();
        let lost_before = self.recovery.lost_below(mss);
        let was_filled = self.recovery.was_filled(self.snd.una);
        let mut is_duplicate = advance == 0 && self.is_duplicate_ack(arrived, wnd);
        if advance > 0 && self.move_una(cx, arrived) == Reneging::Yes {
            self.start_over(Timeout::First);
            return;
        }
        if self.sack_permitted {
            // With SACK, only what is reported for the first time counts (RFC 6675, section 2).
            is_duplicate = self.take_sack(arrived) > 0;
        }
        let delivered = u64::from(advance) + self.recovery.sacked_octets();
        let news = News {
            delivered: delivered.saturating_sub(sacked_before),
            is_safe: advance > 0 && self.recovery.lost_below(mss) <= lost_before.max(self.snd.una),
        };
        let counted = Counted { news, advance, is_duplicate, was_filled };
        match self.recovery.mode() {
            Mode::Open => self.acknowledged_in_order(cx, counted, silence),
            Mode::Partial => self.acknowledged_in_partial(counted),
            Mode::Selective => self.acknowledged_in_selective(news),
            Mode::Timeout => {
                self.grow(cx, counted, silence);
                if self.snd.una >= self.recovery.recover() {
                    self.recovery.end();
                }
            }
        }
        self.recovery.settle(self.outstanding());
    }

    /// True for text of a peer that has nothing to acknowledge: most of what a receiver gets.
    fn says_nothing(&self, arrived: &Arrived<'_>) -> bool {
        !arrived.segment.is_empty() && arrived.sack.is_none() && self.recovery.is_clear()
    }

    /// SND.UNA moves to SEG.ACK.
    fn move_una(&mut self, cx: &mut Context<'_>, arrived: &Arrived<'_>) -> Reneging {
        let flight_octets = self.snd.flight_octets();
        self.snd.acknowledge(arrived.ack);
        // What acknowledges more than the epoch has answers text that the peer had already, and dropped with the ACK on it.
        self.ack_is_due |= !self.is_acknowledged_since_sync && self.hiatus == Hiatus::Off;
        self.is_acknowledged_since_sync = true;
        let echoed = self.timestamps.as_ref().zip(arrived.timestamps);
        let sample = echoed.and_then(|(clock, echo)| clock.since(echo.echo_reply, cx.now));
        // RFC 7323, appendix G: as many samples as a flight draws, if every second segment is acknowledged.
        let samples = flight_octets.div_ceil(2 * u32::from(self.smss_octets().max(1)));
        match self.timestamps {
            Some(_) => self.rtt.echoed(sample, samples, cx.now),
            None => self.rtt.acknowledged(arrived.ack, cx.now),
        }
        self.timers.disarm(Timer::Retransmit);
        if self.path.acknowledged(self.snd.una, cx.now) {
            self.snd.mss_octets = self.path.send_mss();
        }
        self.tell_writer(cx);
        self.recovery.acknowledge(arrived.ack)
    }

    /// RFC 5681, section 2.
    fn is_duplicate_ack(&self, arrived: &Arrived<'_>, wnd: u32) -> bool {
        self.may_count(arrived)
            && arrived.segment.is_empty()
            && arrived.ack == self.snd.una
            && wnd == self.snd.wnd
            && self.snd.flight_octets() > 0
    }

    //= draft#mac-check
    //# A receiver MUST NOT count an ACK with a Hiatus option as a duplicate
    //# ACK.
    fn may_count(&self, arrived: &Arrived<'_>) -> bool {
        arrived.hiatus.is_none() || self.hiatus == Hiatus::Off
    }

    /// Takes the SACK option; gives how many octets it reports for the first time.
    fn take_sack(&mut self, arrived: &Arrived<'_>) -> u64 {
        let Some(blocks) = arrived.sack.filter(|_| self.may_count(arrived)) else { return 0 };
        let (iss, una) = (self.snd.iss, self.snd.una);
        let range = |block: SackBlock| Range {
            start: Position::of_sequence(block.left, iss, una),
            end: Position::of_sequence(block.right, iss, una),
        };
        self.recovery.update(self.outstanding(), blocks.iter().map(range))
    }

    /// SND.UNA and SND.NXT.
    pub(crate) fn outstanding(&self) -> Outstanding {
        Outstanding { una: self.snd.una, nxt: self.snd.nxt }
    }

    /// Opens the congestion window, if it was in use.
    fn grow(&mut self, cx: &Context<'_>, counted: Counted, silence: Duration) {
        if !counted.was_filled {
            self.congestion.unused(silence);
        } else if counted.advance > 0 {
            self.congestion.acknowledged(&Progress {
                octets: counted.advance,
                now: cx.now,
                round_trip: self.rtt.smoothed().unwrap_or_default(),
                mss_octets: self.smss_octets(),
            });
        }
    }

    /// Outside of recovery.
    fn acknowledged_in_order(&mut self, cx: &Context<'_>, counted: Counted, silence: Duration) {
        self.grow(cx, counted, silence);
        if !counted.is_duplicate {
            return;
        }
        let is_third = self.recovery.duplicate_ack();
        if is_third && self.path.is_probe(self.snd.una) {
            self.path.probe_lost(cx.now, self.probe_pause(cx));
            self.send_in_pieces();
            return;
        }
        let mss = self.smss_octets();
        let flight = u32::try_from(self.snd.una.distance_to(self.snd.nxt)).unwrap_or(u32::MAX);
        if self.sack_permitted {
            if is_third || self.recovery.lost_below(mss) > self.snd.una {
                self.congestion.lost(flight, mss);
                self.ecn.reduced(self.snd.nxt);
                self.recovery.begin_selective(self.outstanding(), counted.news);
                self.resend_first = true;
                self.release(counted.news);
            }
        } else if is_third && self.snd.una > self.recovery.recover() {
            self.congestion.lost(flight, mss);
            self.ecn.reduced(self.snd.nxt);
            // The segments that drew the duplicates are not under way any more (RFC 5681, section 3.2, step 3).
            let left = u32::from(DUP_THRESH) * u32::from(mss);
            self.congestion.hold_at(self.congestion.cwnd().saturating_add(left), mss);
            self.recovery.begin_partial(self.snd.nxt);
            self.resend_first = true;
        }
    }

    /// In fast recovery without SACK (RFC 6582, section 3.2).
    fn acknowledged_in_partial(&mut self, counted: Counted) {
        let mss = self.smss_octets();
        let cwnd = self.congestion.cwnd();
        if self.snd.una >= self.recovery.recover() {
            self.congestion.recovered();
            self.recovery.end();
            self.resend_first = false;
        } else if counted.advance > 0 {
            // The next hole is lost too.
            let back = if counted.advance >= u32::from(mss) { u32::from(mss) } else { 0 };
            self.congestion.hold_at(cwnd.saturating_sub(counted.advance).saturating_add(back), mss);
            self.resend_first = true;
        } else if counted.is_duplicate {
            self.congestion.hold_at(cwnd.saturating_add(u32::from(mss)), mss);
        }
    }

    /// In fast recovery with SACK (RFC 6675, section 5).
    fn acknowledged_in_selective(&mut self, news: News) {
        if self.snd.una >= self.recovery.recover() {
            self.congestion.recovered();
            self.recovery.end();
            self.resend_first = false;
        } else {
            self.release(news);
        }
    }

    /// cwnd = pipe + sndcnt (RFC 9937, section 6.2).
    fn release(&mut self, news: News) {
        let (ssthresh, mss) = (self.congestion.ssthresh(), self.smss_octets());
        let pipe = self.pipe();
        let released = self.recovery.released(news, pipe, ssthresh, mss);
        let cwnd = u32::try_from(pipe.saturating_add(released)).unwrap_or(u32::MAX);
        self.congestion.hold_at(cwnd, mss);
    }

    /// Octets under way.
    pub(crate) fn pipe(&self) -> u64 {
        self.recovery.pipe(self.snd.una, self.snd.resend, self.smss_octets())
    }

    /// Everything in flight counts as lost: one segment, from SND.UNA on (RFC 5681, section 3.1).
    pub(crate) fn start_over(&mut self, timeout: Timeout) {
        self.congestion.timed_out(timeout, self.snd.flight_octets(), self.smss_octets());
        self.send_all_again();
    }

    /// Goes back to SND.UNA. What was SACKed does not count any more; what is SACKed from now on is not sent again.
    pub(crate) fn send_all_again(&mut self) {
        self.resend_first = false;
        if self.snd.una < self.snd.nxt {
            self.recovery.begin_timeout(self.snd.nxt);
        } else {
            self.recovery.forget();
        }
        self.snd.resend_all();
    }

    /// Sends what is missing again, in the pieces that the path takes now. It was too large: no sign of congestion (RFC
    /// 1191, section 6.4; RFC 4821, section 7.6.2).
    pub(crate) fn send_in_pieces(&mut self) {
        if matches!(self.recovery.mode(), Mode::Partial | Mode::Selective) {
            self.congestion.recovered();
        }
        self.resend_first = false;
        if self.snd.una < self.snd.nxt {
            self.recovery.begin_resend(self.snd.nxt);
        }
        self.snd.resend_all();
    }

    /// How long no probe of the path is sent after one got lost: as many round trips as cwnd has segments, so that
    /// probes are lost more seldom than congestion loses segments (RFC 4821, section 7.6.2).
    pub(crate) fn probe_pause(&self, cx: &Context<'_>) -> Duration {
        let round_trip = self.rtt.smoothed().unwrap_or_else(|| self.rtt.rto(cx.config));
        round_trip.saturating_mul(self.congestion.cwnd() / u32::from(self.smss_octets().max(1)))
    }

    /// What was learnt in flight is void: no duplicate ACK and no SACK counts on (draft, {#sync}).
    pub(crate) fn forget_losses(&mut self) {
        if matches!(self.recovery.mode(), Mode::Partial | Mode::Selective) {
            self.congestion.recovered();
        }
        self.recovery.forget();
        self.resend_first = false;
    }

    /// The path may be another one: at most the initial window (RFC 5681, section 4.1; draft, {#sync}).
    pub(crate) fn restart_congestion(&mut self) {
        self.forget_losses();
        self.congestion.restart(self.smss_octets());
    }

    /// Nothing came of what was sent: one segment (draft, {#sync}).
    pub(crate) fn restart_congestion_with_one(&mut self) {
        self.forget_losses();
        self.congestion.restart_with_one(self.smss_octets());
    }

    /// Nothing was sent for longer than an RTO: what the window was says nothing of the path now (RFC 5681, section 4.1).
    pub(crate) fn restart_after_idle(&mut self, cx: &Context<'_>) {
        let is_idle = self.snd.una == self.snd.nxt && self.snd.nxt < self.send_bound();
        if is_idle && self.rtt.is_idle(cx.now, cx.config) {
            self.congestion.restart(self.smss_octets());
        }
    }

    /// The own SYN is acknowledged, with TSecr `echo` if both ends use timestamps.
    pub(crate) fn syn_is_acknowledged(&mut self, cx: &Context<'_>, echo: Option<u32>) {
        self.snd.acknowledge(crate::send::FIRST_OCTET);
        let was_lost = self.rtt.is_unanswered();
        match &self.timestamps {
            Some(clock) => {
                let sample = echo.and_then(|echo| clock.since(echo, cx.now));
                self.rtt.echoed(sample, 1, cx.now);
            }
            None => self.rtt.acknowledged(crate::send::FIRST_OCTET, cx.now),
        }
        self.timers.disarm(Timer::Retransmit);
        if was_lost {
            // RFC 6928, section 2, and RFC 6298, section 5.7.
            self.congestion.restart_with_one(self.smss_octets());
            self.rtt.syn_was_lost();
        }
    }
}
