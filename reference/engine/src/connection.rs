//! A connection: input by `handle_*`, output by `poll_*`.

use alloc::collections::VecDeque;
use core::net::SocketAddr;

use hiatus_codec::{AbortReason, Nonce, Segment};
use serde::{Deserialize, Serialize};

use crate::command::{Command, CommandError, WriteError};
use crate::config::{Config, Endpoints, Entropy};
use crate::event::{CloseReason, Event, HiatusState, PeerState, SelfState, TcpState};
use crate::owed::Owed;
use crate::state::State;
use crate::state::closed::Closed;
use crate::state::listen::Listen;
use crate::state::syn_sent::SynSent;
use crate::state::synchronized::Synchronized;
use crate::tcb::{Context, Ports, Tcb};
use crate::time::Time;
use crate::timer::Timer;

/// Events that wait for [`Connection::poll_event`]; beyond them the oldest is dropped, an
/// [`Event::Readable`] before any other.
const EVENTS_MAX: usize = 64;

/// One end of one TCP connection: a plain value that can be cloned, compared, stored and brought back.
///
/// Order of calls: after every `handle_*`, [`read`](Self::read) and [`write`](Self::write), poll
/// [`poll_transmit`](Self::poll_transmit) until it gives `None`, then [`poll_event`](Self::poll_event) until `None`,
/// then [`poll_timeout`](Self::poll_timeout), and call [`handle_timeout`](Self::handle_timeout) at that time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    config: Config,
    entropy: Entropy,
    local: SocketAddr,
    remote: Option<SocketAddr>,
    state: State,
    events: VecDeque<Event>,
}

impl Connection {
    /// Opens actively (RFC 9293, section 3.10.1): SYN-SENT. The SYN is the first thing to transmit.
    #[must_use]
    pub fn connect(now: Time, config: Config, endpoints: Endpoints, entropy: Entropy) -> Self {
        let ports = Ports { local: endpoints.local.port(), remote: endpoints.remote.port() };
        let mut connection = Self::listen(config, endpoints.local, entropy);
        connection.remote = Some(endpoints.remote);
        connection.state = State::SynSent(SynSent::new(&connection.parts(now).0, ports));
        connection
    }

    /// Opens passively (RFC 9293, section 3.10.1): LISTEN, for one connection. The first SYN makes it.
    ///
    /// It answers a RESUME with RST, since it does not know whether its key can be derived again: a host that derives
    /// keys gives such a segment to [`answer_stray`](crate::answer_stray) instead (draft, {#resume-received}).
    ///
    /// The engine sees ports only: whoever demultiplexes gives this value one peer's segments, and may note the
    /// peer's address by [`bind_remote`](Self::bind_remote).
    #[must_use]
    pub fn listen(config: Config, local: SocketAddr, entropy: Entropy) -> Self {
        let state = State::Listen(Listen::default());
        Self { config, entropy, local, remote: None, state, events: VecDeque::new() }
    }

    /// What handlers are given, and the state apart from it.
    fn parts(&mut self, now: Time) -> (Context<'_>, &mut State) {
        let Self { config, entropy, local: _, remote: _, state, events } = self;
        (Context { now, config, entropy, events }, state)
    }

    /// Notes the peer's address; segments from another port are then ignored.
    pub fn bind_remote(&mut self, remote: SocketAddr) {
        self.remote = Some(remote);
    }

    /// A segment arrived (RFC 9293, section 3.10.7). The caller has checked its checksum and its addresses.
    pub fn handle_segment(&mut self, now: Time, segment: &Segment<'_>) {
        let local_port = self.local.port();
        let is_foreign_port = self.remote.is_some_and(|remote| remote.port() != segment.source_port);
        let tcb_port = self.state.tcb().map(|tcb| tcb.ports.remote);
        if is_foreign_port
            || segment.destination_port != local_port
            || tcb_port.is_some_and(|port| port != segment.source_port)
        {
            return;
        }
        let (mut cx, state) = self.parts(now);
        let next = match state {
            State::Closed(closed) => {
                closed.on_segment(&mut cx, segment);
                None
            }
            State::Listen(listen) => listen.on_segment(&mut cx, local_port, segment),
            State::SynSent(state) => state.on_segment(&mut cx, segment),
            State::SynReceived(state) => state.on_segment(&mut cx, segment),
            State::Synchronized(state) => state
                .on_segment(&mut cx, segment)
                .map(|reason| Closed::bury(&mut cx, state.tcb.clone(), reason)),
        };
        self.enter(now, next);
    }

    /// Goes to the next state, if there is one, and notes that this end was there at `now`.
    fn enter(&mut self, now: Time, next: Option<State>) {
        if let Some(next) = next {
            self.state = next;
        }
        if let Some(tcb) = self.state.tcb_mut() {
            tcb.touched = now;
        }
        while self.events.len() > EVENTS_MAX {
            let oldest = self.events.iter().position(|event| *event == Event::Readable).unwrap_or(0);
            self.events.remove(oldest);
        }
    }

    /// The owner asks for something.
    ///
    /// # Errors
    ///
    /// A [`CommandError`] if the connection cannot do it now; nothing changed then.
    pub fn handle_command(&mut self, now: Time, command: Command) -> Result<(), CommandError> {
        match command {
            Command::Close => self.close(now),
            Command::Abort => self.abort(now),
            Command::Suspend { expected_absence } => {
                self.absent(now, |tcb, found, _| tcb.suspend(found, expected_absence))
            }
            Command::Resume => self.absent(now, Tcb::come_back),
            Command::ResumeAnew { incarnation, nonce } => {
                self.absent(now, |tcb, found, cx| tcb.come_back_anew(found, cx, incarnation, nonce))
            }
            Command::Restored { incarnation, nonce, tsval_ceiling } => {
                self.absent(now, |tcb, found, cx| tcb.restore(found, cx, incarnation, nonce, tsval_ceiling))
            }
        }
    }

    /// A command about the own absence.
    fn absent(
        &mut self,
        now: Time,
        act: impl FnOnce(&mut Tcb, TcpState, &mut Context<'_>) -> Result<(), CommandError>,
    ) -> Result<(), CommandError> {
        let found = self.state();
        let (mut cx, state) = self.parts(now);
        let no_connection = CommandError::NoConnection { found };
        let tcb = state.tcb_mut().filter(|_| found != TcpState::Closed).ok_or(no_connection)?;
        act(tcb, found, &mut cx)?;
        if let State::Synchronized(state) = state {
            state.settle(&mut cx);
        }
        self.enter(now, None);
        Ok(())
    }

    /// RFC 9293, section 3.10.4.
    fn close(&mut self, now: Time) -> Result<(), CommandError> {
        let found = self.state();
        let (mut cx, state) = self.parts(now);
        let is_closing = state.tcb().is_some_and(|tcb| tcb.snd.fin.is_some() || tcb.close_waits);
        let next = match state {
            State::Closed(_) => return Err(CommandError::NoConnection { found }),
            _ if is_closing => return Err(CommandError::Closing { found }),
            State::Listen(_) => {
                cx.events.push_back(Event::Closed { reason: CloseReason::Aborted });
                Some(State::Closed(Closed::unborn()))
            }
            State::SynSent(state) => Some(Closed::bury(&mut cx, state.tcb.clone(), CloseReason::Aborted)),
            State::SynReceived(state) => {
                state.tcb.snd.close();
                None
            }
            State::Synchronized(state) => {
                state.close();
                state.settle(&mut cx);
                None
            }
        };
        self.enter(now, next);
        Ok(())
    }

    /// RFC 9293, section 3.10.5.
    fn abort(&mut self, now: Time) -> Result<(), CommandError> {
        let found = self.state();
        let (mut cx, state) = self.parts(now);
        let next = match state {
            State::Closed(_) => return Err(CommandError::NoConnection { found }),
            State::Listen(_) => {
                cx.events.push_back(Event::Closed { reason: CloseReason::Aborted });
                State::Closed(Closed::unborn())
            }
            State::SynSent(state) => Closed::bury(&mut cx, state.tcb.clone(), CloseReason::Aborted),
            State::SynReceived(state) => {
                let seq = state.tcb.snd_nxt();
                state.tcb.owe(Owed::Reset { seq });
                Closed::bury(&mut cx, state.tcb.clone(), CloseReason::Aborted)
            }
            State::Synchronized(state) => Self::abort_synchronized(&mut cx, state),
        };
        self.enter(now, Some(next));
        Ok(())
    }

    fn abort_synchronized(cx: &mut Context<'_>, state: &mut Synchronized) -> State {
        let tcb = &mut state.tcb;
        tcb.owed.clear();
        tcb.count_peer_as_on();
        let seq = tcb.snd_nxt();
        match (state.tcb.recorded_life(), state.name()) {
            // Nothing is left to reset (RFC 9293, section 3.10.5).
            (_, TcpState::Closing | TcpState::LastAck | TcpState::TimeWait) => {}
            // A holder's application aborts in silence: the peer could not hear it.
            (Some(_), _) if state.tcb.peer_is_away() => {}
            //= draft#ending
            //# A host that resets a connection that is on, or on which it has sent
            //# EPOCH and not fallen back, MUST send ABORT and not a bare RST.
            (Some(life), _) => {
                state.tcb.owe_abort(AbortReason::APPLICATION, life, Nonce::UNKNOWN, seq);
            }
            (None, _) => state.tcb.owe(Owed::Reset { seq }),
        }
        Closed::bury(cx, state.tcb.clone(), CloseReason::Aborted)
    }

    /// Time passed: does what has become due. Harmless if nothing has.
    pub fn handle_timeout(&mut self, now: Time) {
        // Each due timer is taken once: one that is armed anew is due later.
        for _ in Timer::ALL {
            let Some(timer) = self.state.tcb_mut().and_then(|tcb| tcb.timers.take_due(now)) else { break };
            let (mut cx, state) = self.parts(now);
            let next = match state {
                State::Closed(closed) => {
                    closed.on_timeout(timer);
                    None
                }
                State::Listen(_) => None,
                State::SynSent(crate::state::syn_sent::SynSent { tcb, .. })
                | State::SynReceived(crate::state::syn_received::SynReceived { tcb, .. }) => tcb
                    .retransmission_timeout(&mut cx)
                    .map(|reason| Closed::bury(&mut cx, tcb.clone(), reason)),
                State::Synchronized(state) => state
                    .on_timeout(&mut cx, timer)
                    .map(|reason| Closed::bury(&mut cx, state.tcb.clone(), reason)),
            };
            self.enter(now, next);
        }
    }

    /// Takes as many of `octets` as the send buffer has room for, from the front, and says how many. While RESUMING it
    /// takes none (draft, {#resuming}): SND.END must not move.
    ///
    /// # Errors
    ///
    /// A [`WriteError`] if there is no connection or the application has closed.
    pub fn write(&mut self, now: Time, octets: &[u8]) -> Result<usize, WriteError> {
        let found = self.state();
        let (cx, state) = self.parts(now);
        let no_connection = WriteError::NoConnection { found };
        let tcb = state.tcb_mut().filter(|_| found != TcpState::Closed).ok_or(no_connection)?;
        if tcb.snd.fin.is_some() || tcb.close_waits {
            return Err(WriteError::Closing { found });
        }
        //= draft#restoring
        //# A restored host MUST send the same End in every RESUME until it has
        //# synchronised.
        let count = if tcb.is_resuming() { 0 } else { tcb.snd.write(octets) };
        tcb.writer_waits |= count < octets.len();
        if let State::Synchronized(state) = state {
            state.tcb.rearm(&cx);
        }
        Ok(count)
    }

    /// Moves received octets, in order, into `octets` and says how many.
    pub fn read(&mut self, octets: &mut [u8]) -> usize {
        let is_open = matches!(self.state, State::Synchronized(_));
        let Some(tcb) = self.state.tcb_mut() else { return 0 };
        let count = tcb.rcv.read(octets);
        // The peer learns of a window that opened, unless it is away or this end is mute.
        if count > 0 && is_open && tcb.may_originate() && tcb.rcv.window_update_is_due() {
            tcb.ack_is_due = true;
        }
        count
    }

    /// The next segment to send, written from the start of `buffer` as on the wire; the value given is a view of it.
    ///
    /// `buffer` must have room for [`SEGMENT_LEN_OCTETS_MIN`](crate::SEGMENT_LEN_OCTETS_MIN); data is cut to what
    /// fits. The checksum is 0: it covers the IP addresses and is the caller's affair.
    pub fn poll_transmit<'b>(&mut self, now: Time, buffer: &'b mut [u8]) -> Option<Segment<'b>> {
        let local_port = self.local.port();
        let (mut cx, state) = self.parts(now);
        let len_octets = match state {
            State::Closed(closed) => closed.tcb.as_mut()?.transmit_owed(&cx, buffer),
            State::Listen(listen) => listen.transmit(local_port, buffer),
            State::SynSent(state) => state.transmit(&mut cx, buffer),
            State::SynReceived(state) => state.transmit(&mut cx, buffer),
            State::Synchronized(state) => state.tcb.transmit(&mut cx, buffer),
        }?;
        Segment::parse(buffer.get(..len_octets)?).ok()
    }

    /// The next event, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next; `None` if only a call can change anything.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        self.state.tcb()?.timers.next()
    }

    /// The state of RFC 9293.
    #[must_use]
    pub fn state(&self) -> TcpState {
        self.state.name()
    }

    /// How far the negotiation of Hiatus is.
    #[must_use]
    pub fn hiatus_state(&self) -> HiatusState {
        self.state.tcb().map_or(HiatusState::Off, |tcb| tcb.hiatus.state())
    }

    /// SELF; UP where Hiatus is not on.
    #[must_use]
    pub fn self_state(&self) -> SelfState {
        self.state.tcb().map_or(SelfState::Up, |tcb| tcb.hiatus.self_state())
    }

    /// PEER; UP where Hiatus is not on.
    #[must_use]
    pub fn peer_state(&self) -> PeerState {
        self.state.tcb().map_or(PeerState::Up, |tcb| tcb.hiatus.peer_state())
    }

    /// Address and port of this end.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Address and port of the other end, if known.
    #[must_use]
    pub fn remote(&self) -> Option<SocketAddr> {
        self.remote
    }

    /// Octets that [`read`](Self::read) would give.
    #[must_use]
    pub fn readable_octets(&self) -> usize {
        self.state.tcb().map_or(0, |tcb| tcb.rcv.readable_octets())
    }

    /// Octets that [`write`](Self::write) would take.
    #[must_use]
    pub fn writable_octets(&self) -> usize {
        match self.state.tcb() {
            Some(tcb) if tcb.snd.fin.is_none() && !tcb.close_waits && !tcb.is_resuming() => {
                tcb.snd.room_octets()
            }
            _ => 0,
        }
    }

    /// The invariants of the draft, {#terms}, and of the buffers: `SND.STB <= SND.UNA <= SND.NXT <= SND.MAX <= SND.LIM
    /// <= SND.END`, `SND.END - SND.STB < 2^31`, `RCV.STB <= RCV.NXT`, nothing queued beyond its bound. For tests.
    ///
    /// # Errors
    ///
    /// The invariant that does not hold.
    pub fn check_invariants(&self) -> Result<(), &'static str> {
        self.state.tcb().map_or(Ok(()), Tcb::check)
    }
}
