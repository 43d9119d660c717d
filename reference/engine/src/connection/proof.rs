//! What a model checker needs of a connection: its clock stopped, its timers set off one by one, and where it stands.
//!
//! A search through all states must not tell apart what differs in time or in measurement only, so [`Connection::still`]
//! gives all of that one value. What it gives up on is listed there; everything else of the connection is as it is.

use core::time::Duration;

use hiatus_codec::{Life, Nonce, Position};

use crate::budget::Budget;
use crate::config::Config;
use crate::congestion::Congestion;
use crate::connection::Connection;
use crate::delayed_ack::DelayedAck;
use crate::ecn::EcnState;
use crate::event::HiatusState;
use crate::hiatus::{Hiatus, SelfPresence, Session};
use crate::keep_alive::KeepAliveProbes;
use crate::persist::Persist;
use crate::recovery::Recovery;
use crate::rtt::RoundTrip;
use crate::state::State;
use crate::tcb::Tcb;
use crate::time::Time;
use crate::timer::Timer;

/// The window of every peer.
const WINDOW_OCTETS: u32 = 1 << 16;
/// Until every timer that runs.
const LATER: Duration = Duration::from_secs(1);

/// A timer that a model may set off at any time at which it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Alarm {
    /// Retransmission.
    Retransmit,
    /// Window probe.
    Persist,
    /// RESUME again.
    Resume,
    /// EPOCH again.
    Epoch,
    /// End of TIME-WAIT.
    TimeWait,
}

impl Alarm {
    /// Every one of them. The others end a connection that waits for too long, or are of no use where the clock stands.
    pub const ALL: [Self; 5] = [Self::Retransmit, Self::Persist, Self::Resume, Self::Epoch, Self::TimeWait];

    const fn timer(self) -> Timer {
        match self {
            Self::Retransmit => Timer::Retransmit,
            Self::Persist => Timer::Persist,
            Self::Resume => Timer::Resume,
            Self::Epoch => Timer::Epoch,
            Self::TimeWait => Timer::TimeWait,
        }
    }
}

/// Where a connection stands: what statements about two ends are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Positions {
    /// SND.STB.
    pub stable: Position,
    /// SND.UNA.
    pub una: Position,
    /// SND.NXT.
    pub nxt: Position,
    /// SND.MAX.
    pub max: Position,
    /// SND.LIM.
    pub lim: Position,
    /// SND.END.
    pub end: Position,
    /// RCV.NXT.
    pub received: Position,
    /// RCV.STB.
    pub echoed: Position,
    /// True once the peer's FIN and all before it came.
    pub peer_closed: bool,
    /// Own life and nonce.
    pub own: (Life, Nonce),
    /// Those recorded of the peer.
    pub peer: (Life, Nonce),
}

impl Connection {
    /// Takes the connection back to `now`, whatever time has passed, and every measurement back to its beginning.
    ///
    /// One value have from then on: the time until each timer that runs, and since whatever was noted with a time (so R2,
    /// the limit of RESUMING and the like are never over); round trips, the congestion window, loss recovery, the path,
    /// probes and their backoff; the window of either end; TS.Recent in RESUMING; the budgets of challenge ACKs and of MAC checks; how many RESUMEs left and met plain
    /// segments; how many copies of an EPOCH left.
    pub fn still(&mut self, now: Time) {
        let Self { config, state, .. } = self;
        if let Some(tcb) = state.tcb_mut() {
            tcb.still(config, now);
        }
    }

    /// The timers that run and that a model may set off.
    pub fn alarms(&self) -> impl Iterator<Item = Alarm> + '_ {
        let runs = |alarm: &Alarm| self.state.tcb().is_some_and(|tcb| tcb.timers.is_armed(alarm.timer()));
        Alarm::ALL.into_iter().filter(runs)
    }

    /// Sets off one of them.
    pub fn set_off(&mut self, now: Time, alarm: Alarm) {
        if let Some(tcb) = self.state.tcb_mut()
            && tcb.timers.is_armed(alarm.timer())
        {
            tcb.timers.arm(alarm.timer(), now);
            self.handle_timeout(now);
        }
    }

    /// Its acknowledgment is due, as a keep-alive of the peer could make it at any time.
    pub fn owe_ack(&mut self) {
        if let State::Synchronized(state) = &mut self.state {
            state.tcb.ack_is_due |= !state.tcb.is_resuming();
        }
    }

    /// Where it stands; `None` where there is no TCB.
    #[must_use]
    pub fn positions(&self) -> Option<Positions> {
        let tcb = self.state.tcb()?;
        let session = tcb.hiatus.session();
        let none = (Life::default(), Nonce::UNKNOWN);
        Some(Positions {
            stable: tcb.snd.stb,
            una: tcb.snd.una,
            nxt: tcb.snd.nxt,
            max: tcb.snd.max,
            lim: tcb.snd.lim,
            end: tcb.snd.end,
            received: tcb.rcv.nxt,
            echoed: tcb.rcv.stb,
            peer_closed: tcb.rcv.fin_is_received(),
            own: session.map_or(none, |session| (session.own_life, session.own_nonce)),
            peer: session.map_or(none, |session| (session.peer_life, session.peer_nonce)),
        })
    }

    /// True once the peer's FIN and all before it came.
    #[must_use]
    pub fn has_peer_closed(&self) -> bool {
        self.hiatus_state() != HiatusState::Negotiating
            && self.state.tcb().is_some_and(|tcb| tcb.rcv.fin_is_received())
    }
}

impl Tcb {
    fn still(&mut self, config: &Config, now: Time) {
        let smss_octets = self.smss_octets();
        self.rtt = RoundTrip::default();
        self.congestion = Congestion::new(config.congestion, smss_octets);
        self.recovery = Recovery::default();
        for timer in Timer::ALL {
            if self.timers.is_armed(timer) {
                self.timers.arm(timer, now + LATER);
            }
        }
        self.delayed_ack = DelayedAck::default();
        let probe_is_due = self.persist.is_due;
        self.persist = Persist::default();
        self.persist.is_due = probe_is_due;
        self.keep_alive = KeepAliveProbes::default();
        self.path.start();
        self.snd.mss_octets = self.path.send_mss();
        self.ecn = EcnState::default();
        self.writer_waits = false;
        self.touched = now;
        self.heard = now;
        self.is_acknowledged_since_sync = true;
        self.challenges = Budget::default();
        self.rcv.still();
        if !matches!(self.hiatus, Hiatus::Proposed(_)) {
            self.snd.set_window(WINDOW_OCTETS, Position(0), Position(0));
        }
        if self.is_resuming()
            && let Some(clock) = &mut self.timestamps
        {
            clock.forget_recent();
        }
        if let Hiatus::On(session) = &mut self.hiatus {
            session.still(now);
        }
    }
}

impl Session {
    fn still(&mut self, now: Time) {
        self.presumed_by_reset = [None; 2];
        self.checks = Budget::default();
        self.guess_checks = Budget::default();
        self.answered_at = now;
        self.asked_above_max_at = None;
        if let SelfPresence::Resuming(resuming) = &mut self.here {
            resuming.interval = LATER;
            resuming.sent = resuming.sent.min(1);
            resuming.met_plains = 0;
            resuming.latest_met_plain = false;
        }
        if let Some(epochs) = &mut self.epochs {
            epochs.still();
        }
        if let Some(question) = &mut self.question {
            question.still();
        }
    }
}
