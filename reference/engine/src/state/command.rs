//! What the owner asks for (RFC 9293, section 3.10; draft, {#absence}).

use hiatus_codec::{AbortReason, Nonce, Position};

use crate::command::{Command, CommandError, WriteError};
use crate::event::{CloseReason, Event, TcpState};
use crate::owed::Owed;
use crate::rule::Rule;
use crate::settings::Settings;
use crate::state::synchronized::Synchronized;
use crate::state::{State, Transition};
use crate::tcb::{Context, Tcb};
use crate::timer::Timer;

impl State {
    /// The owner asks for something; an error changes nothing.
    pub(crate) fn handle_command(
        &mut self,
        cx: &mut Context<'_>,
        command: Command,
    ) -> Result<(), CommandError> {
        match command {
            Command::Close => self.close(cx),
            Command::CloseBoth => self.close_both(cx),
            Command::SetUserTimeout { r2 } => self.change_settings(cx, |settings| settings.r2 = r2),
            Command::SetNagle(nagle) => self.change_settings(cx, |settings| settings.nagle = nagle),
            Command::SetKeepAlive(policy) => {
                self.change_settings(cx, |settings| settings.keep_alive = policy)
            }
            Command::SetSending(sending) => self.change_settings(cx, |settings| settings.sending = sending),
            Command::SnapshotTaken { epoch } => self.with_tcb(cx, |tcb, _| tcb.snapshot_taken(epoch)),
            Command::SnapshotDurable { epoch } => self.stable(cx, |tcb, cx| tcb.snapshot_durable(cx, epoch)),
            Command::Abort => self.abort(cx),
            Command::Suspend { expected_absence } => {
                self.absent(cx, |tcb, found, _| tcb.suspend(found, expected_absence))
            }
            Command::Resume => self.absent(cx, Tcb::come_back),
            Command::ResumeAnew { incarnation, nonce } => {
                self.absent(cx, |tcb, found, cx| tcb.come_back_anew(found, cx, incarnation, nonce))
            }
            Command::Journaled { received } => self.stable(cx, |tcb, cx| tcb.stable_up_to(cx, received)),
            Command::Restored { incarnation, nonce, tsval_ceiling } => {
                self.absent(cx, |tcb, found, cx| tcb.restore(found, cx, incarnation, nonce, tsval_ceiling))
            }
        }
    }

    /// An epoch is DURABLE in which RCV.NXT was `received` and SND.END `end`.
    pub(crate) fn is_durable(&mut self, cx: &mut Context<'_>, epoch: u32, received: Position, end: Position) {
        // It changes nothing where there is no connection.
        self.stable(cx, |tcb, cx| tcb.is_durable(cx, epoch, received, end)).ok();
    }

    /// A command about epochs. It changes nothing where the connection is not there to be told.
    fn with_tcb(
        &mut self,
        cx: &mut Context<'_>,
        act: impl FnOnce(&mut Tcb, &Context<'_>),
    ) -> Result<(), CommandError> {
        if let Some(tcb) = self.live_tcb_mut() {
            act(tcb, cx);
        }
        if let Self::Synchronized(state) = self {
            state.tcb.rearm(cx);
        }
        Ok(())
    }

    /// A command about the own absence.
    fn absent(
        &mut self,
        cx: &mut Context<'_>,
        act: impl FnOnce(&mut Tcb, TcpState, &mut Context<'_>) -> Result<(), CommandError>,
    ) -> Result<(), CommandError> {
        let found = self.name();
        let tcb = self.live_tcb_mut().ok_or(CommandError::NoConnection { found })?;
        act(tcb, found, cx)?;
        if let Self::Synchronized(state) = self {
            state.linger_if_resuming(cx);
            state.settle(cx);
        }
        self.enter(cx, Transition::Stay);
        Ok(())
    }

    /// More of what was received is stable. Where the connection waited for its acknowledgment, it may be over now.
    fn stable(
        &mut self,
        cx: &mut Context<'_>,
        act: impl FnOnce(&mut Tcb, &Context<'_>),
    ) -> Result<(), CommandError> {
        self.with_tcb(cx, act)?;
        if let Self::Synchronized(state) = self
            && state.tcb.rcv.stable.is_some()
        {
            let transition = Transition::closed_if(state.settle(cx));
            self.enter(cx, transition);
        }
        Ok(())
    }

    /// Takes octets of a journal as received; says how many.
    pub(crate) fn replay(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> usize {
        let Self::Synchronized(state) = self else { return 0 };
        let count = state.tcb.rcv.replay(octets);
        if count > 0 && cx.events.back() != Some(&Event::Readable) {
            cx.events.push_back(Event::Readable);
        }
        count
    }

    /// Takes the FIN that a journal ends with as received.
    pub(crate) fn replay_fin(&mut self, cx: &mut Context<'_>) {
        if let Self::Synchronized(state) = self
            && state.tcb.rcv.replay_fin()
        {
            state.peer_has_closed(cx);
        }
    }

    /// RFC 9293, section 3.10.4.
    fn close(&mut self, cx: &mut Context<'_>) -> Result<(), CommandError> {
        let found = self.name();
        let is_closing = self.tcb().is_some_and(Tcb::is_closing);
        let transition = match self {
            Self::Closed(_) => return Err(CommandError::NoConnection { found }),
            _ if is_closing => return Err(CommandError::Closing { found }),
            Self::Listen(_) | Self::SynSent(_) => Transition::Closed(CloseReason::Aborted),
            // The FIN follows the ACK that is awaited: queued like one behind data.
            Self::SynReceived(state) => {
                state.tcb.snd.close();
                Transition::Stay
            }
            Self::Synchronized(state) => {
                state.close();
                Transition::closed_if(state.settle(cx))
            }
        };
        self.enter(cx, transition);
        Ok(())
    }

    /// CLOSE of an application that reads no more (RFC 9293, section 3.6.1).
    fn close_both(&mut self, cx: &mut Context<'_>) -> Result<(), CommandError> {
        let found = self.name();
        let Some(tcb) = self.live_tcb_mut() else { return self.close(cx) };
        // Data is lost, and the peer is to know (SHLD-3).
        if tcb.rcv.readable_octets() > 0 {
            return self.abort(cx);
        }
        if tcb.is_closing() && tcb.reader_is_gone {
            return Err(CommandError::Closing { found });
        }
        tcb.reader_is_gone = true;
        if !tcb.is_closing() {
            return self.close(cx);
        }
        let transition = match self {
            Self::Synchronized(state) => Transition::closed_if(state.settle(cx)),
            _ => Transition::Stay,
        };
        self.enter(cx, transition);
        Ok(())
    }

    /// What counts for this connection alone.
    fn change_settings(
        &mut self,
        cx: &mut Context<'_>,
        change: impl FnOnce(&mut Settings),
    ) -> Result<(), CommandError> {
        let found = self.name();
        let tcb = self.live_tcb_mut().ok_or(CommandError::NoConnection { found })?;
        tcb.change_settings(cx.config, change);
        if let Self::Synchronized(state) = self {
            // An interval that was set before may be too long.
            state.tcb.timers.disarm(Timer::KeepAlive);
            state.tcb.apply_sending(cx.config);
            state.tcb.rearm(cx);
        }
        self.enter(cx, Transition::Stay);
        Ok(())
    }

    /// RFC 9293, section 3.10.5.
    fn abort(&mut self, cx: &mut Context<'_>) -> Result<(), CommandError> {
        let found = self.name();
        match self {
            Self::Closed(_) => return Err(CommandError::NoConnection { found }),
            Self::Listen(_) | Self::SynSent(_) => {}
            Self::SynReceived(state) => {
                let seq = state.tcb.snd_nxt();
                state.tcb.owe(Owed::Reset { seq });
            }
            Self::Synchronized(state) => state.owe_abort(),
        }
        self.enter(cx, Transition::Closed(CloseReason::Aborted));
        Ok(())
    }

    /// Takes octets of the application, as many as there is room for.
    pub(crate) fn write(&mut self, cx: &Context<'_>, octets: &[u8]) -> Result<usize, WriteError> {
        let found = self.name();
        let tcb = self.live_tcb_mut().ok_or(WriteError::NoConnection { found })?;
        if tcb.is_closing() {
            return Err(WriteError::Closing { found });
        }
        //= draft#restoring
        //# A restored host MUST send the same End in every RESUME until it has
        //# synchronised.
        let waits = tcb.is_resuming() && cx.config.keeps(Rule::WritesWaitWhileResuming);
        let count = if waits { 0 } else { tcb.snd.write(octets) };
        tcb.writer_waits |= count < octets.len();
        if let Self::Synchronized(state) = self {
            state.tcb.rearm(cx);
        }
        Ok(count)
    }

    /// Moves received octets to the application.
    pub(crate) fn read(&mut self, octets: &mut [u8]) -> usize {
        let count = self.tcb_mut().map_or(0, |tcb| tcb.rcv.read(octets));
        self.made_room(count);
        count
    }

    /// The received octets in order, in the two pieces in which they lie.
    pub(crate) fn readable(&self) -> (&[u8], &[u8]) {
        self.tcb().map_or((&[], &[]), |tcb| tcb.rcv.readable())
    }

    /// Drops the first `count` of them; gives how many there were.
    pub(crate) fn consume(&mut self, count: usize) -> usize {
        let count = self.tcb_mut().map_or(0, |tcb| tcb.rcv.consume(count));
        self.made_room(count);
        count
    }

    /// Gives back what empty buffers have allocated.
    pub(crate) fn free_idle(&mut self) {
        if let Some(tcb) = self.tcb_mut() {
            tcb.snd.free_idle();
            tcb.rcv.free_idle();
        }
    }

    /// The application took `count` octets: the peer learns of a window that opened, unless it is away, this end is mute,
    /// or the FIN came and nothing is left to send into it.
    fn made_room(&mut self, count: usize) {
        let is_open = matches!(self, Self::Synchronized(_));
        let Some(tcb) = self.tcb_mut() else { return };
        let is_wanted =
            is_open && tcb.may_originate() && !tcb.rcv.fin_is_received() && !tcb.rcv.window_update_waits();
        if count > 0 && is_wanted && tcb.rcv.window_update_is_due() {
            tcb.ack_is_due = true;
        }
    }

    /// Octets that [`write`](Self::write) would take.
    pub(crate) fn writable_octets(&self) -> usize {
        match self.tcb() {
            Some(tcb) if !tcb.is_closing() && !tcb.is_resuming() => tcb.snd.room_octets(),
            _ => 0,
        }
    }
}

impl Synchronized {
    /// What tells the peer that this end gives the connection up, if anything does.
    pub(crate) fn owe_abort(&mut self) {
        match self.name() {
            // Nothing is left to reset (RFC 9293, section 3.10.5).
            TcpState::Closing | TcpState::LastAck | TcpState::TimeWait | TcpState::Linger => {
                self.tcb.owed.clear();
            }
            _ => self.tcb.owe_reset(),
        }
    }
}

impl Tcb {
    /// What resets the connection at the peer.
    pub(crate) fn owe_reset(&mut self) {
        self.owed.clear();
        self.count_peer_as_on();
        let seq = self.snd_nxt();
        match self.recorded_life() {
            // A holder's application aborts in silence: the peer could not hear it.
            Some(_) if self.peer_is_away() => {}
            //= draft#ending
            //# A host that resets a connection that is on, or on which it has sent
            //# EPOCH and not fallen back, MUST send ABORT and not a bare RST.
            Some(life) => self.owe_abort(AbortReason::APPLICATION, life, Nonce::UNKNOWN, seq),
            None => self.owe(Owed::Reset { seq }),
        }
    }
}
