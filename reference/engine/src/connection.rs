//! A connection: input by `handle_*`, output by `poll_*`.

use alloc::collections::VecDeque;
use core::net::SocketAddr;

use hiatus_codec::Segment;
use serde::{Deserialize, Serialize};

use crate::command::{Command, CommandError, WriteError};
use crate::config::{Config, Endpoints, Entropy};
use crate::event::{Event, HiatusState, PeerState, SelfState, TcpState};
use crate::time::Time;

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
    events: VecDeque<Event>,
}

impl Connection {
    /// Opens actively (RFC 9293, section 3.10.1): SYN-SENT. The SYN is the first thing to transmit.
    #[must_use]
    pub fn connect(_now: Time, config: Config, endpoints: Endpoints, entropy: Entropy) -> Self {
        Self {
            config,
            entropy,
            local: endpoints.local,
            remote: Some(endpoints.remote),
            events: VecDeque::new(),
        }
    }

    /// Opens passively (RFC 9293, section 3.10.1): LISTEN, for one connection. The first SYN makes it.
    ///
    /// The engine sees ports only: whoever demultiplexes gives this value one peer's segments, and may note the
    /// peer's address by [`bind_remote`](Self::bind_remote).
    #[must_use]
    pub fn listen(config: Config, local: SocketAddr, entropy: Entropy) -> Self {
        Self { config, entropy, local, remote: None, events: VecDeque::new() }
    }

    /// Notes the peer's address; segments from another port are then ignored.
    pub fn bind_remote(&mut self, remote: SocketAddr) {
        self.remote = Some(remote);
    }

    /// A segment arrived (RFC 9293, section 3.10.7). The caller has checked its checksum and its addresses.
    pub fn handle_segment(&mut self, _now: Time, _segment: &Segment<'_>) {}

    /// The owner asks for something.
    ///
    /// # Errors
    ///
    /// A [`CommandError`] if the connection cannot do it now; nothing changed then.
    pub fn handle_command(&mut self, _now: Time, _command: Command) -> Result<(), CommandError> {
        Err(CommandError::NoConnection { found: self.state() })
    }

    /// Time passed: does what has become due. Harmless if nothing has.
    pub fn handle_timeout(&mut self, _now: Time) {}

    /// Takes as many of `octets` as the send buffer has room for, from the front, and says how many. While RESUMING it
    /// takes none (draft, {#resuming}): SND.END must not move.
    ///
    /// # Errors
    ///
    /// A [`WriteError`] if there is no connection or the application has closed.
    pub fn write(&mut self, _now: Time, _octets: &[u8]) -> Result<usize, WriteError> {
        Err(WriteError::NoConnection { found: self.state() })
    }

    /// Moves received octets, in order, into `octets` and says how many.
    pub fn read(&mut self, _octets: &mut [u8]) -> usize {
        0
    }

    /// The next segment to send, written from the start of `buffer` as on the wire; the value given is a view of it.
    ///
    /// `buffer` must have room for [`SEGMENT_LEN_OCTETS_MIN`](crate::SEGMENT_LEN_OCTETS_MIN); data is cut to what
    /// fits. The checksum is 0: it covers the IP addresses and is the caller's affair.
    pub fn poll_transmit<'b>(&mut self, _now: Time, _buffer: &'b mut [u8]) -> Option<Segment<'b>> {
        None
    }

    /// The next event, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next; `None` if only a call can change anything.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        None
    }

    /// The state of RFC 9293.
    #[must_use]
    pub fn state(&self) -> TcpState {
        TcpState::Closed
    }

    /// How far the negotiation of Hiatus is.
    #[must_use]
    pub fn hiatus_state(&self) -> HiatusState {
        HiatusState::Off
    }

    /// SELF; UP where Hiatus is not on.
    #[must_use]
    pub fn self_state(&self) -> SelfState {
        SelfState::Up
    }

    /// PEER; UP where Hiatus is not on.
    #[must_use]
    pub fn peer_state(&self) -> PeerState {
        PeerState::Up
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
        0
    }

    /// Octets that [`write`](Self::write) would take.
    #[must_use]
    pub fn writable_octets(&self) -> usize {
        0
    }
}
