//! What is known of a connection beside its state: who waits for it, and what its owner has not heard yet.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::time::Duration;

use hiatus_codec::AbortReason;
use hiatus_engine::{CloseReason, ConnectionId, Event, FallbackReason, TcpState};

/// Events that nobody has asked for; of more, the oldest go.
const EVENTS_MAX: usize = 64;

/// Something the owner of a stream may want to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamEvent {
    /// Both ends speak Hiatus: from here on it survives.
    Protected,
    /// The peer does not: it is plain TCP.
    Plain {
        /// Why.
        reason: FallbackReason,
    },
    /// The peer said that it goes away.
    PeerSuspended {
        /// How long it is waited for.
        hold: Duration,
    },
    /// The peer is silent, and may be away.
    PeerSilent {
        /// How long it is waited for.
        hold: Duration,
    },
    /// The peer is back.
    PeerResumed,
    /// This host was rolled back, or was away: the connection seeks its peer.
    Returned,
    /// This host is back, and in step with its peer.
    Resumed,
    /// The peer knows that this host goes away.
    SuspendAcknowledged {
        /// How long it waits; zero if it refused.
        hold: Duration,
    },
    /// Octets kept for a rollback of the peer were given up.
    Shed,
}

/// Why a connection is over: what an [`io::Error`] of a stream holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("connection {}", match .reason { Some(reason) => reason.to_string(), None => "lost with its host".to_owned() })]
pub struct ClosedError {
    /// Why; `None` if it was lost with the memory of this host.
    pub reason: Option<CloseReason>,
}

impl ClosedError {
    /// The kind that ordinary sockets would give.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        match self.reason {
            Some(CloseReason::Refused) => io::ErrorKind::ConnectionRefused,
            Some(CloseReason::NoAnswer | CloseReason::HoldOver) => io::ErrorKind::TimedOut,
            Some(CloseReason::Unreachable(_)) => io::ErrorKind::HostUnreachable,
            Some(CloseReason::AbortedByPeer(AbortReason::APPLICATION) | CloseReason::Reset) => {
                io::ErrorKind::ConnectionReset
            }
            Some(CloseReason::PeerHasNoState | CloseReason::PeerIsPlain) => io::ErrorKind::ConnectionReset,
            _ => io::ErrorKind::ConnectionAborted,
        }
    }
}

impl From<ClosedError> for io::Error {
    fn from(error: ClosedError) -> Self {
        Self::new(error.kind(), error)
    }
}

/// How a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Standing {
    #[default]
    Opening,
    Open,
    Over(ClosedError),
}

/// The part of a connection that is not in the endpoint.
#[derive(Debug, Default)]
pub(crate) struct Socket {
    pub(crate) standing: Standing,
    /// The peer will send no more.
    pub(crate) is_ended: bool,
    readers: Vec<Waker>,
    writers: Vec<Waker>,
    listeners: Vec<Waker>,
    events: VecDeque<StreamEvent>,
    /// What streams of it go by; it changes when the host comes back older.
    name: Option<Arc<Name>>,
}

/// The connection that a stream is of.
#[derive(Debug)]
pub(crate) struct Name(Mutex<ConnectionId>);

impl Name {
    pub(crate) fn new(id: ConnectionId) -> Self {
        Self(Mutex::new(id))
    }

    pub(crate) fn id(&self) -> ConnectionId {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rename(&self, id: ConnectionId) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = id;
    }
}

impl Socket {
    pub(crate) fn name(&mut self, id: ConnectionId) -> Arc<Name> {
        Arc::clone(self.name.get_or_insert_with(|| Arc::new(Name::new(id))))
    }

    pub(crate) fn is_owned(&self) -> bool {
        self.name.as_ref().is_some_and(|name| Arc::strong_count(name) > 1)
    }

    /// Whether a stream is there beside the one that asks.
    pub(crate) fn has_other_streams(&self) -> bool {
        self.name.as_ref().is_some_and(|name| Arc::strong_count(name) > 2)
    }

    pub(crate) fn renamed(&mut self, id: ConnectionId) {
        if let Some(name) = &self.name {
            name.rename(id);
        }
    }

    /// It stood in the epoch that the host came back to, in `state`: a FIN that is part of it is not told of again.
    pub(crate) fn came_back(&mut self, state: TcpState) {
        use TcpState::{CloseWait, Closing, LastAck, Linger, TimeWait};
        self.standing = Standing::Open;
        self.is_ended = matches!(state, CloseWait | Closing | LastAck | TimeWait | Linger);
        self.tell(StreamEvent::Returned);
    }

    /// It is not there any more.
    pub(crate) fn lost(&mut self) {
        self.standing = Standing::Over(ClosedError { reason: None });
        self.wake_all();
    }

    /// Takes an event of the engine in, and wakes whom it concerns.
    pub(crate) fn note(&mut self, event: Event) {
        match event {
            Event::Connected => {
                if self.standing == Standing::Opening {
                    self.standing = Standing::Open;
                }
                self.wake_all();
            }
            Event::HiatusOn => self.tell(StreamEvent::Protected),
            Event::FellBack { reason } => self.tell(StreamEvent::Plain { reason }),
            Event::PeerSuspended { hold } => self.tell(StreamEvent::PeerSuspended { hold }),
            Event::PeerPresumedSuspended { hold } => self.tell(StreamEvent::PeerSilent { hold }),
            Event::PeerResumed => self.tell(StreamEvent::PeerResumed),
            Event::SuspendAcknowledged { hold } => self.tell(StreamEvent::SuspendAcknowledged { hold }),
            Event::Resumed => self.tell(StreamEvent::Resumed),
            Event::Shed => self.tell(StreamEvent::Shed),
            Event::Readable => wake(&mut self.readers),
            Event::Writable => wake(&mut self.writers),
            Event::PeerClosed => {
                self.is_ended = true;
                wake(&mut self.readers);
            }
            Event::Closed { reason } => {
                self.standing = Standing::Over(ClosedError { reason: Some(reason) });
                self.wake_all();
            }
            _ => {}
        }
    }

    fn tell(&mut self, event: StreamEvent) {
        if self.events.len() >= EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(event);
        wake(&mut self.listeners);
    }

    fn wake_all(&mut self) {
        wake(&mut self.readers);
        wake(&mut self.writers);
        wake(&mut self.listeners);
    }

    pub(crate) fn next_event(&mut self) -> Option<StreamEvent> {
        self.events.pop_front()
    }

    pub(crate) fn wait_to_read(&mut self, waker: &Waker) {
        wait(&mut self.readers, waker);
    }

    pub(crate) fn wait_to_write(&mut self, waker: &Waker) {
        wait(&mut self.writers, waker);
    }

    pub(crate) fn wait_for_event(&mut self, waker: &Waker) {
        wait(&mut self.listeners, waker);
    }
}

fn wake(wakers: &mut Vec<Waker>) {
    wakers.drain(..).for_each(Waker::wake);
}

fn wait(wakers: &mut Vec<Waker>, waker: &Waker) {
    if !wakers.iter().any(|known| known.will_wake(waker)) {
        wakers.push(waker.clone());
    }
}
