//! The transmission control block of a connection that has seen, or sent, a SYN.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use hiatus_codec::{Flags, KnownOptions, Position, SequenceNumber};
use serde::{Deserialize, Serialize};

use crate::arrived::Arrived;
use crate::budget::Budget;
use crate::config::{Config, Entropy, IpVersion, Sacking, Timestamping, WINDOW_SCALE_MAX};
use crate::congestion::{Congestion, Timeout};
use crate::delayed_ack::DelayedAck;
use crate::ecn::EcnState;
use crate::event::{CloseReason, Event, PeerState, SelfState};
use crate::hiatus::{Hiatus, Session};
use crate::keep_alive::KeepAliveProbes;
use crate::owed::{OWED_MAX, Owed};
use crate::path::Path;
use crate::persist::Persist;
use crate::receive::ReceiveSide;
use crate::recovery::Recovery;
use crate::retention::HOLD_BACK_MAX;
use crate::rtt::RoundTrip;
use crate::rule::Rule;
use crate::send::SendSide;
use crate::settings::Settings;
use crate::time::Time;
use crate::timer::{Timer, TimerTable};
use crate::timestamps::TimestampClock;

/// Challenge ACKs of one connection in a second (RFC 5961, section 7).
const CHALLENGES_PER_SECOND_MAX: u32 = 10;

/// What every handler is given beside the connection's own state.
pub(crate) struct Context<'a> {
    pub(crate) now: Time,
    /// The version of IP below the connection.
    pub(crate) ip: IpVersion,
    pub(crate) config: &'a Config,
    pub(crate) events: &'a mut VecDeque<Event>,
}

/// Port numbers of both ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ports {
    pub(crate) local: u16,
    pub(crate) remote: u16,
}

/// One direction each way, the timers, and Hiatus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tcb {
    pub(crate) ports: Ports,
    pub(crate) snd: SendSide,
    pub(crate) rcv: ReceiveSide,
    /// `None` unless both ends use timestamps; in SYN-SENT, unless this end offers them.
    pub(crate) timestamps: Option<TimestampClock>,
    /// Both ends said SACK-permitted; in SYN-SENT, this end offers it.
    pub(crate) sack_permitted: bool,
    pub(crate) timers: TimerTable,
    pub(crate) path: Path,
    /// The application found the send buffer full.
    pub(crate) writer_waits: bool,
    /// The application closed and reads no more.
    pub(crate) reader_is_gone: bool,
    /// The application closed while SND.END must not move.
    pub(crate) close_waits: bool,
    pub(crate) hiatus: Hiatus,
    pub(crate) rtt: RoundTrip,
    pub(crate) congestion: Congestion,
    pub(crate) recovery: Recovery,
    pub(crate) owed: VecDeque<Owed>,
    /// An acknowledgment is due now.
    pub(crate) ack_is_due: bool,
    /// Those that wait.
    pub(crate) delayed_ack: DelayedAck,
    /// The octets at SND.UNA are to be sent again at once (fast retransmit).
    pub(crate) resend_first: bool,
    pub(crate) persist: Persist,
    pub(crate) keep_alive: KeepAliveProbes,
    pub(crate) ecn: EcnState,
    /// What the application changed for this connection.
    pub(crate) settings: Option<Box<Settings>>,
    /// When the connection was last handled: before that, this end was certainly there.
    pub(crate) touched: Time,
    /// The peer has acknowledged something new since this end last synchronised, or never had to.
    pub(crate) is_acknowledged_since_sync: bool,
    /// When the last acceptable segment came.
    pub(crate) heard: Time,
    pub(crate) challenges: Budget,
}

impl Tcb {
    /// A connection whose SYN is not sent yet. `irs` is not known to an end that opens actively.
    pub(crate) fn new(
        cx: &Context<'_>,
        entropy: &Entropy,
        ports: Ports,
        irs: SequenceNumber,
        hiatus: Hiatus,
    ) -> Self {
        let config = cx.config;
        let path = Path::new(cx.ip, config);
        let mss_octets = path.send_mss();
        let mut tcb = Self {
            ports,
            snd: SendSide::new(entropy.isn, config.send_buffer_octets, mss_octets),
            rcv: ReceiveSide::new(irs, config.receive_buffer_octets, config.mss_octets)
                .acknowledging(config.acknowledging),
            rtt: RoundTrip::default(),
            congestion: Congestion::new(config.congestion, mss_octets),
            recovery: Recovery::default(),
            timestamps: (config.timestamps == Timestamping::On)
                .then(|| TimestampClock::new(entropy.timestamp_offset, cx.now)),
            sack_permitted: config.sack == Sacking::On,
            timers: TimerTable::default(),
            owed: VecDeque::new(),
            ack_is_due: false,
            delayed_ack: DelayedAck::default(),
            resend_first: false,
            persist: Persist::default(),
            keep_alive: KeepAliveProbes::default(),
            path,
            ecn: EcnState::default(),
            settings: None,
            writer_waits: false,
            reader_is_gone: false,
            close_waits: false,
            hiatus,
            touched: cx.now,
            is_acknowledged_since_sync: true,
            heard: cx.now,
            challenges: Budget::default(),
        };
        tcb.hiatus_changed(cx);
        tcb
    }

    /// Takes what the peer's SYN says, its window included.
    pub(crate) fn read_syn(
        &mut self,
        cx: &Context<'_>,
        options: &KnownOptions<'_>,
        window: u16,
        ack: Position,
    ) {
        self.path.set_peer_mss(options.mss);
        self.snd.mss_octets = self.path.send_mss();
        if let (Some(theirs), Some(ours)) = (options.window_scale, cx.config.shift()) {
            self.snd.scale = theirs.min(WINDOW_SCALE_MAX);
            self.rcv.scale = ours;
        }
        match (options.timestamps, &mut self.timestamps) {
            (Some(theirs), Some(ours)) => ours.force(theirs.value, cx.now),
            (None, ours) => *ours = None,
            (Some(_), None) => {}
        }
        self.congestion = Congestion::new(cx.config.congestion, self.smss_octets());
        self.sack_permitted &= options.sack_permitted;
        self.snd.set_window(u32::from(window), Position(0), ack);
    }

    /// True once the application has closed.
    pub(crate) fn is_closing(&self) -> bool {
        self.snd.fin.is_some() || self.close_waits
    }

    /// Adds a segment to those owed, once.
    pub(crate) fn owe(&mut self, owed: Owed) {
        if !self.owed.contains(&owed) && self.owed.len() < OWED_MAX {
            self.owed.push_back(owed);
        }
    }

    /// A challenge ACK, if the bound on them allows (RFC 5961).
    pub(crate) fn challenge(&mut self, now: Time) {
        if self.may_challenge(now) {
            self.ack_is_due = true;
        }
    }

    /// Takes one of the answers that the bound on challenge ACKs allows; false if none is left.
    pub(crate) fn may_challenge(&mut self, now: Time) -> bool {
        self.challenges.take(CHALLENGES_PER_SECOND_MAX, now)
    }

    /// The ACK that an unacceptable segment draws (RFC 9293, section 3.10.7.4, first).
    ///
    /// One without text may itself be such an answer: unbounded, two ends would answer each other for ever. What a SYN draws
    /// is a challenge wherever it lies, and bounded like one (RFC 5961, sections 4.2 and 7).
    pub(crate) fn answer_unacceptable(&mut self, now: Time, arrived: &Arrived<'_>) {
        if arrived.has(Flags::RST) {
            return;
        }
        // What lies before the window had arrived before.
        self.rcv.note_duplicate(arrived.seq, arrived.text_end());
        if arrived.segment.is_empty() || arrived.has(Flags::SYN) {
            self.challenge(now);
        } else {
            self.ack_is_due = true;
        }
    }

    //= draft#states
    //# A host MUST NOT send an octet for the first time unless SELF is UP and
    //# PEER is UP.
    /// How far the stream may go now.
    pub(crate) fn send_bound(&self) -> Position {
        match (self.hiatus.self_state(), self.hiatus.peer_state()) {
            (SelfState::Up, PeerState::Up) if self.waits_for_answer() => self.snd.max,
            (SelfState::Up, PeerState::Up) => self.snd.bound(),
            //= draft#leaving
            //# A host in LEAVING MUST NOT send a window probe, a keep-alive, or a FIN
            //# or octet at or beyond SEG.SEQ of its SUSPEND.
            (SelfState::Leaving, _) => self.snd.nxt,
            _ => self.snd.max,
        }
    }

    fn waits_for_answer(&self) -> bool {
        self.hiatus.session().is_some_and(Session::waits_for_answer)
    }

    //= draft#holding
    //# A host in HELD or PRESUMED MUST NOT originate a segment other than
    //# RESUME.
    /// True if this end may send what no arriving segment asks for.
    pub(crate) fn may_originate(&self) -> bool {
        self.hiatus.self_state() != SelfState::Resuming && self.hiatus.peer_state() == PeerState::Up
    }

    /// Starts and stops the retransmission and persist timers to fit what is in flight and what waits.
    pub(crate) fn rearm(&mut self, cx: &Context<'_>) {
        if self.is_armed_right(cx.config) {
            return;
        }
        let may = self.may_originate();
        let in_flight = may && self.snd.flight_octets() > 0;
        let is_leaving = self.hiatus.self_state() == SelfState::Leaving;
        let is_blocked = may
            && !is_leaving
            && !in_flight
            && self.snd.resend < self.send_bound()
            && self.text(cx, 1).is_none();
        //= draft#back-pressure
        //# A host MUST NOT hold back octets for longer than 120 seconds at a time
        //# because of what it retains.
        let is_held_back = may && !is_leaving && self.snd.is_held_back();
        for (timer, is_needed) in
            [(Timer::Retransmit, in_flight), (Timer::Persist, is_blocked), (Timer::HoldBack, is_held_back)]
        {
            if !is_needed {
                self.timers.disarm(timer);
                self.persist.is_due &= timer != Timer::Persist;
            } else if !self.timers.is_armed(timer) {
                let interval = match timer {
                    Timer::Persist => self.persist_interval(cx),
                    Timer::HoldBack => HOLD_BACK_MAX,
                    _ => self.rtt.rto(cx.config),
                };
                self.timers.arm(timer, cx.now + interval);
            }
        }
        self.rearm_keep_alive(cx);
    }

    /// What a transfer finds nearly always: the timers are as they should be. A sender's retransmission timer runs, and a
    /// receiver has none.
    fn is_armed_right(&self, config: &Config) -> bool {
        let is_in_flight = self.snd.una < self.snd.resend;
        self.hiatus.is_quiet()
            && self.timers.is_armed(Timer::Retransmit) == is_in_flight
            && (is_in_flight || (self.snd.una == self.snd.end && self.keep_alive_policy(config).is_none()))
            && !self.timers.is_armed(Timer::Persist)
            && !self.timers.is_armed(Timer::HoldBack)
            && !self.timers.is_armed(Timer::KeepAlive)
            && self.keep_alive == KeepAliveProbes::default()
    }

    /// The retransmission timer ran out (RFC 6298, section 5). Gives why the connection ends, if it does.
    pub(crate) fn retransmission_timeout(&mut self, cx: &mut Context<'_>) -> Option<CloseReason> {
        let timeout = if self.rtt.is_unanswered() { Timeout::Repeated } else { Timeout::First };
        if self.rtt.ran_out(cx.now) >= self.r2(cx) {
            return self.give_up(cx);
        }
        self.suspect_path(cx);
        if self.snd.una == Position(0) {
            // What follows a SYN that was lost is decided when it is acknowledged.
            self.snd.resend_all();
        } else {
            self.ecn.reduced(self.snd.nxt);
            self.start_over(timeout);
        }
        self.capable_may_stall();
        None
    }

    /// New octets have waited for room long enough.
    pub(crate) fn shed(&mut self, cx: &mut Context<'_>) {
        if self.snd.is_held_back() && cx.config.keeps(Rule::HoldBackEnds) && self.snd.shed() {
            cx.events.push_back(Event::Shed);
        }
    }

    /// The application may write again.
    pub(crate) fn tell_writer(&mut self, cx: &mut Context<'_>) {
        if self.writer_waits && self.snd.room_octets() > 0 && self.hiatus.self_state() != SelfState::Resuming
        {
            self.writer_waits = false;
            cx.events.push_back(Event::Writable);
        }
    }

    /// The connection is over: only what is owed is still sent.
    pub(crate) fn end(&mut self, reason: CloseReason) {
        self.snd.drop_octets();
        self.recovery.forget();
        let is_orderly = reason == CloseReason::Finished;
        self.owe_last_ack();
        self.ack_is_due = false;
        self.owed.retain(|owed| match owed {
            Owed::Reset { .. } | Owed::Abort { .. } => true,
            // The RESUME that acknowledged the last octet is answered like any other, and so is the EPOCH that ends LINGER.
            Owed::ResumeAck { .. } | Owed::EpochEcho { .. } | Owed::Ack => is_orderly,
            _ => false,
        });
        self.timers.disarm_all();
        // What was received in order before an orderly end is the application's.
        if !is_orderly {
            self.rcv.drop_octets();
        }
    }

    /// Every invariant, or what of them is broken.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        self.snd.check()?;
        self.rcv.check()?;
        self.congestion.check()?;
        self.recovery.check(self.outstanding())?;
        self.path.check()?;
        if self.owed.len() > OWED_MAX {
            return Err("no more segments owed than the bound");
        }
        if self.hiatus.self_state() == SelfState::Resuming
            && (self.timers.is_armed(Timer::Retransmit) || self.timers.is_armed(Timer::Persist))
        {
            return Err("RESUMING is mute");
        }
        if self.timers.is_armed(Timer::DelayedAck) && !self.may_originate() {
            return Err("no ACK is delayed while an end is away");
        }
        Ok(())
    }
}
