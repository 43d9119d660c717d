//! A connection: input by `handle_*`, output by `poll_*`.

#[cfg(feature = "mutants")]
pub(crate) mod proof;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::net::SocketAddr;

use hiatus_codec::{Segment, SequenceNumber};
use serde::{Deserialize, Serialize};

use crate::command::{Command, CommandError, WriteError};
use crate::config::{Config, Endpoints, Entropy, IpVersion};
use crate::ecn::Ecn;
use crate::event::{Event, HiatusState, PeerState, SelfState, TcpState};
use crate::icmp::IcmpError;
use crate::info::ConnectionInfo;
use crate::outgoing::{Burst, Room};
use crate::standing::Standing;
use crate::state::State;
use crate::state::listen::Listen;
use crate::state::syn_sent::SynSent;
use crate::tcb::{Context, Ports, Tcb};
use crate::time::Time;

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
    local: SocketAddr,
    remote: Option<SocketAddr>,
    state: State,
    events: VecDeque<Event>,
}

impl Connection {
    /// Opens actively (RFC 9293, section 3.10.1): SYN-SENT. The SYN is the first thing to transmit.
    #[must_use]
    pub fn connect(now: Time, config: Config, endpoints: Endpoints, entropy: Entropy) -> Self {
        let Endpoints { local, remote } = endpoints;
        let ports = Ports { local: local.port(), remote: remote.port() };
        let mut events = VecDeque::new();
        let ip = IpVersion::of(local.ip());
        let cx = Context { now, ip, config: &config, events: &mut events };
        let state = State::SynSent(SynSent::new(&cx, &entropy, ports));
        Self { config, local, remote: Some(remote), state, events }
    }

    /// Opens passively (RFC 9293, section 3.10.1): LISTEN, for one connection. The first SYN makes it.
    ///
    /// It answers a RESUME with ABORT and reason LOST where its key is derived ([`KeySource`](crate::KeySource)), and
    /// with RST otherwise (draft, {#resume-received}).
    ///
    /// The engine sees ports only: whoever demultiplexes gives this value one peer's segments, and may note the
    /// peer's address by [`bind_remote`](Self::bind_remote).
    #[must_use]
    pub fn listen(config: Config, local: SocketAddr, entropy: Entropy) -> Self {
        let state = State::Listen(Box::new(Listen::new(entropy)));
        Self { config, local, remote: None, state, events: VecDeque::new() }
    }

    /// What handlers are given, and the state apart from it.
    fn parts(&mut self, now: Time) -> (Context<'_>, &mut State) {
        let Self { config, local, remote: _, state, events } = self;
        (Context { now, ip: IpVersion::of(local.ip()), config, events }, state)
    }

    /// What a record is made of.
    pub(crate) fn record_parts(&self) -> (&State, SocketAddr, Option<SocketAddr>) {
        let Self { config: _, local, remote, state, events: _ } = self;
        (state, *local, *remote)
    }

    /// The connection that a record is of.
    pub(crate) fn of_record(config: Config, local: SocketAddr, remote: SocketAddr, state: State) -> Self {
        // The owner of a listener need not have said who its peer is.
        let remote = Some(remote).filter(|remote| !remote.ip().is_unspecified());
        Self { config, local, remote, state, events: VecDeque::new() }
    }

    /// Notes the peer's address; segments from another port are then ignored.
    pub fn bind_remote(&mut self, remote: SocketAddr) {
        self.remote = Some(remote);
    }

    /// A segment arrived (RFC 9293, section 3.10.7). The caller has checked its checksum and its addresses.
    pub fn handle_segment(&mut self, now: Time, segment: &Segment<'_>) {
        self.handle_marked_segment(now, Ecn::NotEct, segment);
    }

    /// The same for a segment whose IP header has `mark` in its ECN field (RFC 3168).
    pub fn handle_marked_segment(&mut self, now: Time, mark: Ecn, segment: &Segment<'_>) {
        let is_foreign_port = self.remote.is_some_and(|remote| remote.port() != segment.source_port);
        let tcb_port = self.state.tcb().map(|tcb| tcb.ports.remote);
        if is_foreign_port
            || segment.destination_port != self.local.port()
            || tcb_port.is_some_and(|port| port != segment.source_port)
        {
            return;
        }
        let (mut cx, state) = self.parts(now);
        state.handle_segment(&mut cx, segment, mark);
        self.bound_events();
    }

    /// The network reports an error about a segment of this connection (RFC 9293, section 3.9.2.2).
    ///
    /// The caller has matched the quoted addresses and ports; an error that quotes nothing in flight is ignored (RFC
    /// 5927, section 4.1).
    pub fn handle_icmp(&mut self, now: Time, error: &IcmpError) {
        let (mut cx, state) = self.parts(now);
        state.handle_icmp(&mut cx, error);
        self.bound_events();
    }

    /// True if this connection is in TIME-WAIT and `segment` is a SYN that a new one, of the same configuration, may be
    /// made of in its place (RFC 6191). The ISS of the new one must lie at or beyond [`iss_min`](Self::iss_min).
    #[must_use]
    pub fn may_be_replaced_by(&self, segment: &Segment<'_>) -> bool {
        self.state.may_be_replaced_by(&self.config, segment)
    }

    /// The first number that a later connection of the same addresses and ports may begin with (RFC 9293, section
    /// 3.6.1); `None` if this one sent nothing.
    #[must_use]
    pub fn iss_min(&self) -> Option<SequenceNumber> {
        self.state.iss_min()
    }

    fn bound_events(&mut self) {
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
        let (mut cx, state) = self.parts(now);
        state.handle_command(&mut cx, command)?;
        self.bound_events();
        Ok(())
    }

    /// Time passed: does what has become due. Harmless if nothing has.
    pub fn handle_timeout(&mut self, now: Time) {
        let (mut cx, state) = self.parts(now);
        state.handle_timeout(&mut cx);
        self.bound_events();
    }

    /// Takes as many of `octets` as the send buffer has room for, from the front, and says how many. While RESUMING it
    /// takes none (draft, {#resuming}): SND.END must not move.
    ///
    /// # Errors
    ///
    /// A [`WriteError`] if there is no connection or the application has closed.
    pub fn write(&mut self, now: Time, octets: &[u8]) -> Result<usize, WriteError> {
        let (cx, state) = self.parts(now);
        state.write(&cx, octets)
    }

    /// Moves received octets, in order, into `octets` and says how many.
    pub fn read(&mut self, octets: &mut [u8]) -> usize {
        self.state.read(octets)
    }

    /// Gives a restored connection octets that its host had journaled beyond the epoch, as if the peer had sent them: those
    /// from RCV.NXT on, [`ConnectionInfo::received`]. It takes as many as the receive buffer has room for, and says how many;
    /// read, and give the rest. Between the restoring and [`Command::Restored`], which tells the peer how far they go.
    pub fn replay(&mut self, now: Time, octets: &[u8]) -> usize {
        let (mut cx, state) = self.parts(now);
        let count = state.replay(&mut cx, octets);
        self.bound_events();
        count
    }

    /// The same for the FIN at the end of them, if it was journaled.
    pub fn replay_fin(&mut self, now: Time) {
        let (mut cx, state) = self.parts(now);
        state.replay_fin(&mut cx);
        self.bound_events();
    }

    /// The received octets in order, in the two pieces in which they lie: what a proxy passes on without a copy.
    #[must_use]
    pub fn readable(&self) -> (&[u8], &[u8]) {
        self.state.readable()
    }

    /// Drops the first `count` of the octets that [`readable`](Self::readable) shows; gives how many there were of
    /// them.
    pub fn consume(&mut self, count: usize) -> usize {
        self.state.consume(count)
    }

    /// Gives back what empty buffers have allocated: for an owner whose connection has gone quiet.
    pub fn free_idle(&mut self) {
        self.state.free_idle();
    }

    /// The next segment to send, written from the start of `buffer` as on the wire; the value given is a view of it.
    ///
    /// `buffer` must have room for [`SEGMENT_LEN_OCTETS_MIN`](crate::SEGMENT_LEN_OCTETS_MIN); data is cut to what
    /// fits. The checksum is 0: it covers the IP addresses and is the caller's affair.
    pub fn poll_transmit<'b>(&mut self, now: Time, buffer: &'b mut [u8]) -> Option<Segment<'b>> {
        let burst = self.poll_transmit_burst(now, buffer, 1)?;
        Segment::parse(buffer.get(..burst.len_octets)?).ok()
    }

    /// The same for up to `segments_max` segments (at least 1) behind one header, for those who cut them later or not
    /// at all (TCP segmentation offload).
    pub fn poll_transmit_burst(&mut self, now: Time, buffer: &mut [u8], segments_max: u16) -> Option<Burst> {
        let (mut cx, state) = self.parts(now);
        state.transmit(&mut cx, &mut Room { buffer, segments_max })
    }

    /// The next event, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The clock of timestamps at `now`, in ticks of a millisecond, before the offset of the connection is added: what
    /// the ceiling of [`Command::Restored`] is to exceed (draft, {#restoring}). `None` without timestamps.
    #[must_use]
    pub fn timestamp_clock_ticks(&self, now: Time) -> Option<u32> {
        self.state.tcb()?.timestamps.as_ref().map(|clock| clock.ticks(now))
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

    /// What it has found out about its path; `None` in CLOSED and LISTEN.
    #[must_use]
    pub fn info(&self) -> Option<ConnectionInfo> {
        Some(self.state.tcb()?.info(&self.config))
    }

    /// Positions and lives, for those who compare both ends; `None` in CLOSED and LISTEN.
    #[must_use]
    pub fn standing(&self) -> Option<Standing> {
        Some(self.state.tcb()?.standing())
    }

    /// Octets that [`read`](Self::read) would give.
    #[must_use]
    pub fn readable_octets(&self) -> usize {
        self.state.tcb().map_or(0, |tcb| tcb.rcv.readable_octets())
    }

    /// Octets that [`write`](Self::write) would take.
    #[must_use]
    pub fn writable_octets(&self) -> usize {
        self.state.writable_octets()
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
