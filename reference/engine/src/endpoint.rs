//! Many connections in one value: whole IP packets in, whole IP packets out.
//!
//! Nothing here takes longer with more connections: a packet finds its connection by hash (`demux.rs`), a timer by its
//! place in a wheel (`wheel.rs`), who has something to send stands in a queue, and so does who waits to be accepted.

mod budget;
mod check;
mod checksum;
mod configs;
mod cookie;
mod demux;
mod dormant;
mod ephemeral;
mod fenced;
mod input;
mod limits;
mod listener;
mod output;
mod packet;
mod restore;
mod secrets;
mod slot;
mod slots;
mod snapshot;
mod tuple;
mod upkeep;
mod wheel;

use alloc::collections::VecDeque;
use core::net::{IpAddr, SocketAddr};

use crate::budget::Budget;
use crate::command::{Command, CommandError, WriteError};
use crate::config::Config;
use crate::event::{Event, HiatusState, PeerState, SelfState, TcpState};
use crate::info::ConnectionInfo;
use crate::state::State;
use crate::state::syn_sent::SynSent;
use crate::tcb::{Context, Ports as PortPair};
use crate::time::Time;
use budget::Budgets;
use configs::Configs;
use demux::{Demux, Ports};
use ephemeral::Ephemeral;
use fenced::FencedBy;
pub use limits::{EndpointLimits, Strays};
pub use listener::{Backlog, ConnectError, ListenError, ListenerId, Prefix};
use listener::{Listener, Place};
use output::Answer;
pub use output::Packet;
pub use packet::{ChecksumStatus, ChecksumWriter};
use restore::{Phase, Returning};
pub use restore::{Placed, Restoration, RestoreError};
pub use secrets::EndpointSecrets;
use slot::{Body, Marks, Slot, Stage};
pub use slots::ConnectionId;
use slots::Slots;
use snapshot::Epochs;
pub use snapshot::{Extent, Saved};
use tuple::Tuple;
use wheel::Wheel;

/// Many connections: a plain value that can be cloned, and goes on as the copy.
///
/// Order of calls: after every `handle_*`, [`read`](Self::read), [`write`](Self::write) and
/// [`command`](Self::command), poll [`poll_packet`](Self::poll_packet) until it gives `None`, then
/// [`poll_event`](Self::poll_event) until `None`, then [`poll_timeout`](Self::poll_timeout), and call
/// [`handle_timeout`](Self::handle_timeout) at that time. One call of each may also be followed by a few of the next:
/// who has something to send is remembered, and every connection gets its turn.
///
/// A connection is gone, and its id names nothing, once [`Event::Closed`] was polled, everything received was read, and
/// it has nothing left to send.
#[derive(Debug, Clone)]
pub struct Endpoint {
    secrets: EndpointSecrets,
    limits: EndpointLimits,
    strays: Strays,
    /// Peers that go on with another instance of this host.
    fenced: FencedBy,
    slots: Slots<Slot>,
    demux: Demux,
    wheel: Wheel,
    configs: Configs,
    listeners: Slots<Listener>,
    ports: Ports,
    ephemeral: Ephemeral,
    /// Slots that may have something to send, each once.
    ready: VecDeque<u32>,
    /// Packets that the first of them may still send before the next one's turn.
    turn_left: u32,
    /// Answers that may still be sent before the next connection's turn.
    answers_left: u32,
    answers: VecDeque<Answer>,
    events: VecDeque<(ConnectionId, Event)>,
    /// What a handler told, before it is passed on; empty between calls.
    told: VecDeque<Event>,
    resets: Budget,
    /// Connections so far: it makes what is derived for one of them differ from the next.
    count: u64,
    in_time_wait: u32,
    /// The slot that the latest packet was for.
    latest: u32,
    /// Of the next IPv4 packet that may be fragmented.
    identification: u16,
    phase: Phase,
    /// What its timestamp clock is ahead of time, in ticks: earlier lives of the host have used so much.
    step_ticks: u32,
    /// Connections that were restored; `None` in a host that was not.
    returning: Option<Returning>,
    epochs: Epochs,
    budgets: Budgets,
}

impl Endpoint {
    /// An endpoint without connections.
    #[must_use]
    pub fn new(secrets: EndpointSecrets, limits: EndpointLimits) -> Self {
        Self {
            secrets,
            limits,
            strays: Strays::Answered,
            fenced: FencedBy::default(),
            slots: Slots::new(),
            demux: Demux::new(secrets.table_key()),
            wheel: Wheel::new(),
            configs: Configs::new(),
            listeners: Slots::new(),
            ports: Ports::default(),
            ephemeral: Ephemeral::new(),
            ready: VecDeque::new(),
            turn_left: limits.packets_per_turn,
            answers_left: limits.packets_per_turn.max(1),
            answers: VecDeque::new(),
            events: VecDeque::new(),
            told: VecDeque::new(),
            resets: Budget::default(),
            count: 0,
            in_time_wait: 0,
            latest: 0,
            identification: 0,
            phase: Phase::Up,
            step_ticks: 0,
            returning: None,
            epochs: Epochs::new(),
            budgets: Budgets::new(secrets.table_key()),
        }
    }

    /// Takes a new instance secret: whoever goes on from an older state would otherwise draw the same numbers again.
    pub fn take_instance_secret(&mut self, instance: [u8; 16]) {
        self.secrets.instance = instance;
    }

    /// Says whether segments that meet no connection are answered; at first they are.
    pub fn set_strays(&mut self, strays: Strays) {
        self.strays = strays;
    }

    /// Listens on `local` (RFC 9293, section 3.10.1). The unspecified address listens on every one of its family.
    ///
    /// # Errors
    ///
    /// A [`ListenError`]; nothing changed then.
    pub fn listen(
        &mut self,
        local: SocketAddr,
        config: Config,
        backlog: Backlog,
    ) -> Result<ListenerId, ListenError> {
        if local.port() == 0 {
            return Err(ListenError::NoPort);
        }
        if self.ports.has(Place::At(local)) {
            return Err(ListenError::Taken { local });
        }
        self.listen_at(Place::At(local), &config, backlog)
    }

    /// Listens on every port of every address of `prefix`, for who stands in for the hosts that have them:
    /// [`local`](Self::local) says which one a connection is for. Who listens on one address and port, or on a longer prefix,
    /// comes before; who listens on a port of the unspecified address, after.
    ///
    /// # Errors
    ///
    /// A [`ListenError`]; nothing changed then.
    pub fn listen_prefix(
        &mut self,
        prefix: Prefix,
        config: Config,
        backlog: Backlog,
    ) -> Result<ListenerId, ListenError> {
        if self.ports.has(Place::Prefix(prefix)) {
            return Err(ListenError::PrefixTaken { prefix });
        }
        self.listen_at(Place::Prefix(prefix), &config, backlog)
    }

    fn listen_at(
        &mut self,
        place: Place,
        config: &Config,
        backlog: Backlog,
    ) -> Result<ListenerId, ListenError> {
        let config = self.configs.intern(config).ok_or(ListenError::TooManyConfigs)?;
        let queue = VecDeque::new();
        let listener = Listener { place, config, backlog, half_open: 0, queue, cookies_until: Time::ZERO };
        let id = self.listeners.insert(listener);
        self.ports.insert(place, id.index);
        Ok(ListenerId(id))
    }

    /// Listens no longer. Connections that nobody has accepted are aborted.
    pub fn unlisten(&mut self, now: Time, id: ListenerId) {
        if self.listeners.find(id.0).is_none() {
            return;
        }
        let Some(listener) = self.listeners.remove(id.0.index) else { return };
        self.ports.remove(listener.place);
        self.configs.release(listener.config);
        for id in listener.queue {
            // One that is gone already cannot be aborted.
            self.command(now, id, Command::Abort).ok();
        }
    }

    /// The oldest connection of a listener that nobody has accepted; it may be over already.
    pub fn accept(&mut self, id: ListenerId) -> Option<ConnectionId> {
        let listener = self.listeners.find_mut(id.0)?;
        while let Some(id) = listener.queue.pop_front() {
            if self.slots.find(id).is_some() {
                return Some(id);
            }
        }
        None
    }

    /// Opens a connection (RFC 9293, section 3.10.1). With port 0, `local` gets one that is hard to guess (RFC 6056).
    ///
    /// # Errors
    ///
    /// A [`ConnectError`]; nothing changed then.
    pub fn connect(
        &mut self,
        now: Time,
        local: SocketAddr,
        remote: SocketAddr,
        config: Config,
    ) -> Result<ConnectionId, ConnectError> {
        let tuple = Tuple::new(local, remote).ok_or(ConnectError::Families { local, remote })?;
        let is_of_a_host = |address: IpAddr| packet::is_unicast(address);
        if !is_of_a_host(remote.ip()) || !is_of_a_host(local.ip()) || remote.port() == 0 {
            return Err(ConnectError::NotUnicast { remote });
        }
        if self.phase == Phase::Restoring {
            return Err(ConnectError::Restoring);
        }
        let connections_max = self.limits.connections_max;
        if self.is_full() {
            return Err(ConnectError::Full { connections_max });
        }
        let tuple = if local.port() == 0 {
            let (slots, demux, ports) = (&self.slots, &self.demux, &self.ports);
            let is_free =
                |tuple: &Tuple| !ports.has_port(tuple.local()) && upkeep::find(demux, slots, tuple).is_none();
            self.ephemeral.choose(&self.secrets, &tuple, is_free).ok_or(ConnectError::NoPort { remote })?
        } else if self.find(&tuple).is_some() {
            return Err(ConnectError::InUse { local, remote });
        } else {
            tuple
        };
        let config_at = self.configs.intern(&config).ok_or(ConnectError::TooManyConfigs)?;
        self.count = self.count.wrapping_add(1);
        let entropy = self.secrets.initiator(now, &tuple, self.count);
        let ports = PortPair { local: tuple.local().port(), remote: remote.port() };
        let cx = Context { now, ip: tuple.ip(), config: &config, events: &mut self.told };
        let state = State::SynSent(SynSent::new(&cx, &entropy, ports));
        let id = self.add(&tuple, state, config_at, Stage::Owned);
        self.settle(now, id.index);
        Ok(id)
    }

    /// Takes as many of `octets` as the send buffer has room for, from the front, and says how many.
    ///
    /// # Errors
    ///
    /// A [`WriteError`] if there is no connection or the application has closed.
    pub fn write(&mut self, now: Time, id: ConnectionId, octets: &[u8]) -> Result<usize, WriteError> {
        let no_connection = WriteError::NoConnection { found: TcpState::Closed };
        self.act(now, id, |state, cx| state.write(cx, octets)).ok_or(no_connection)?
    }

    /// Moves received octets, in order, into `octets` and says how many.
    pub fn read(&mut self, now: Time, id: ConnectionId, octets: &mut [u8]) -> usize {
        // A dormant one has nothing to read.
        if self.slots.find(id).is_none_or(|slot| matches!(slot.body, Body::Dormant(_))) {
            return 0;
        }
        self.act(now, id, |state, _| state.read(octets)).unwrap_or(0)
    }

    /// Shows received octets, in order and in the two pieces in which they lie, to `take`, which gives how many of them it has
    /// taken. Says how many that were.
    pub fn read_with(
        &mut self,
        now: Time,
        id: ConnectionId,
        take: impl FnOnce(&[u8], &[u8]) -> usize,
    ) -> usize {
        if self.readable_octets(id) == 0 {
            return 0;
        }
        let taken = self.act(now, id, |state, _| {
            let (first, second) = state.readable();
            let count = take(first, second);
            state.consume(count)
        });
        taken.unwrap_or(0)
    }

    /// The owner asks for something.
    ///
    /// # Errors
    ///
    /// A [`CommandError`] if the connection cannot do it now; nothing changed then.
    pub fn command(&mut self, now: Time, id: ConnectionId, command: Command) -> Result<(), CommandError> {
        let no_connection = CommandError::NoConnection { found: TcpState::Closed };
        self.act(now, id, |state, cx| state.handle_command(cx, command)).ok_or(no_connection)?
    }

    /// The next event, oldest first. A listener's connection shows itself by [`Event::Connected`].
    pub fn poll_event(&mut self) -> Option<(ConnectionId, Event)> {
        let (id, event) = self.events.pop_front()?;
        if let Some(slot) = self.slots.find_mut(id) {
            match event {
                Event::Readable => {
                    slot.marks.clear(Marks::READABLE);
                }
                Event::Writable => {
                    slot.marks.clear(Marks::WRITABLE);
                }
                Event::Closed { .. } => {
                    slot.stage = Stage::Left;
                    self.free_if_over(id.index);
                }
                _ => {}
            }
        }
        Some((id, event))
    }

    /// Connections, those included that are over and not gone yet.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.slots.len()
    }

    fn is_full(&self) -> bool {
        u32::try_from(self.slots.len()).is_ok_and(|count| count >= self.limits.connections_max)
    }
}

/// What is known of one connection; an id that names nothing is CLOSED.
impl Endpoint {
    /// Has a look at the state; a dormant connection stays dormant.
    fn look<R>(&self, id: ConnectionId, look: impl FnOnce(&State) -> R) -> Option<R> {
        match &self.slots.find(id)?.body {
            Body::Awake(state) => Some(look(state)),
            Body::Dormant(dormant) => dormant.awake().map(|state| look(&state)),
            Body::Saved(_) => {
                let at = self.returning.as_ref()?.since();
                self.revived(at, self.slots.find(id)?).map(|state| look(&state))
            }
        }
    }

    /// The state of RFC 9293.
    #[must_use]
    pub fn state(&self, id: ConnectionId) -> TcpState {
        self.look(id, State::name).unwrap_or(TcpState::Closed)
    }

    /// How far the negotiation of Hiatus is.
    #[must_use]
    pub fn hiatus_state(&self, id: ConnectionId) -> HiatusState {
        let of = |state: &State| state.tcb().map(|tcb| tcb.hiatus.state());
        self.look(id, of).flatten().unwrap_or(HiatusState::Off)
    }

    /// SELF; UP where Hiatus is not on.
    #[must_use]
    pub fn self_state(&self, id: ConnectionId) -> SelfState {
        let of = |state: &State| state.tcb().map(|tcb| tcb.hiatus.self_state());
        self.look(id, of).flatten().unwrap_or(SelfState::Up)
    }

    /// PEER; UP where Hiatus is not on.
    #[must_use]
    pub fn peer_state(&self, id: ConnectionId) -> PeerState {
        let of = |state: &State| state.tcb().map(|tcb| tcb.hiatus.peer_state());
        self.look(id, of).flatten().unwrap_or(PeerState::Up)
    }

    /// Octets that [`read`](Self::read) would give.
    #[must_use]
    pub fn readable_octets(&self, id: ConnectionId) -> usize {
        let of = |state: &State| state.tcb().map(|tcb| tcb.rcv.readable_octets());
        self.look(id, of).flatten().unwrap_or(0)
    }

    /// Copies what [`read`](Self::read) would give into `octets` and says how many; nothing changes.
    #[must_use]
    pub fn peek(&self, id: ConnectionId, octets: &mut [u8]) -> usize {
        let of = |state: &State| {
            let (front, back) = state.tcb()?.rcv.readable();
            let count = octets.len().min(front.len() + back.len());
            for (room, octet) in octets.iter_mut().zip(front.iter().chain(back)) {
                *room = *octet;
            }
            Some(count)
        };
        self.look(id, of).flatten().unwrap_or(0)
    }

    /// Octets that [`write`](Self::write) would take.
    #[must_use]
    pub fn writable_octets(&self, id: ConnectionId) -> usize {
        self.look(id, State::writable_octets).unwrap_or(0)
    }

    /// What it has found out about its path; `None` before a SYN and after the end.
    #[must_use]
    pub fn info(&self, id: ConnectionId) -> Option<ConnectionInfo> {
        let config = self.configs.at(self.slots.find(id)?.config);
        self.look(id, |state| state.tcb().map(|tcb| tcb.info(config))).flatten()
    }

    /// Address and port of this end.
    #[must_use]
    pub fn local(&self, id: ConnectionId) -> Option<SocketAddr> {
        self.slots.find(id).map(|slot| slot.tuple.unpacked().local())
    }

    /// Address and port of the other end.
    #[must_use]
    pub fn remote(&self, id: ConnectionId) -> Option<SocketAddr> {
        self.slots.find(id).map(|slot| slot.tuple.unpacked().remote())
    }
}
