//! A connection that feels like a `TcpStream`, and outlives what a `TcpStream` does not.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use hiatus_engine::{
    Command, ConnectionId, ConnectionInfo, HiatusState, Nagle, PeerState, SelfState, TcpState,
};

use crate::runtime::socket::{ClosedError, Name, Socket, Standing, StreamEvent};
use crate::runtime::{Host, Inner};

/// A connection. Clones are the same one; when the last is dropped it is closed, as a `TcpStream` is.
///
/// While the peer is suspended, reads wait and writes go into the send buffer. The end of the stream is only what the peer
/// said is its end; everything else that ends a connection is an error that holds a [`ClosedError`].
#[derive(Debug, Clone)]
pub struct HiatusStream {
    handle: Arc<Handle>,
}

#[derive(Debug)]
struct Handle {
    host: Host,
    name: Arc<Name>,
    waits: Mutex<Waits>,
}

/// How calls of the standard library's kind wait.
#[derive(Debug, Clone, Copy, Default)]
struct Waits {
    is_nonblocking: bool,
    read: Option<Duration>,
    write: Option<Duration>,
    /// The stream goes and the connection stays.
    leaves: bool,
}

impl HiatusStream {
    pub(crate) fn of(host: &Host, id: ConnectionId) -> Self {
        let name = host.shared().lock().sockets.by_id.entry(id).or_default().name(id);
        Self { handle: Arc::new(Handle { host: host.clone(), name, waits: Mutex::default() }) }
    }

    pub(crate) fn id(&self) -> ConnectionId {
        self.handle.name.id()
    }

    /// What names it in states of applications: after a restart the connection comes back with this number.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.id().number()
    }

    fn act<R>(&self, act: impl FnOnce(&mut Inner, ConnectionId) -> R) -> R {
        let id = self.id();
        self.handle.host.shared().act(|inner| act(inner, id))
    }

    fn waits(&self) -> Waits {
        *self.handle.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_waits(&self, set: impl FnOnce(&mut Waits)) {
        set(&mut self.handle.waits.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Reads what is there; nothing is the end of the stream. Wakes the task when there is something.
    ///
    /// # Errors
    ///
    /// An [`io::Error`] that holds a [`ClosedError`].
    pub fn poll_read(&self, cx: &mut Context<'_>, octets: &mut [u8]) -> Poll<io::Result<usize>> {
        if octets.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.act(|Inner { machine, sockets, .. }, id| {
            let read = machine.read(id, octets);
            if read > 0 {
                return Poll::Ready(Ok(read));
            }
            let Some(socket) = sockets.by_id.get_mut(&id) else {
                return Poll::Ready(Err(ClosedError { reason: None }.into()));
            };
            match socket.standing {
                _ if socket.is_ended => Poll::Ready(Ok(0)),
                Standing::Over(error) => Poll::Ready(Err(error.into())),
                Standing::Opening | Standing::Open => {
                    socket.wait_to_read(cx.waker());
                    Poll::Pending
                }
            }
        })
    }

    /// Writes what there is room for. Wakes the task when there is room.
    ///
    /// # Errors
    ///
    /// An [`io::Error`] that holds a [`ClosedError`] or a `WriteError`.
    pub fn poll_write(&self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        if octets.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.act(|Inner { machine, sockets, .. }, id| {
            let Some(socket) = sockets.by_id.get_mut(&id) else {
                return Poll::Ready(Err(ClosedError { reason: None }.into()));
            };
            if let Standing::Over(error) = socket.standing {
                return Poll::Ready(Err(error.into()));
            }
            match machine.write(id, octets) {
                Ok(0) => {
                    socket.wait_to_write(cx.waker());
                    Poll::Pending
                }
                Ok(written) => Poll::Ready(Ok(written)),
                Err(error) => Poll::Ready(Err(io::Error::new(io::ErrorKind::BrokenPipe, error))),
            }
        })
    }

    pub(crate) fn poll_connected(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.act(|Inner { sockets, .. }, id| match sockets.by_id.get_mut(&id) {
            None => Poll::Ready(Err(ClosedError { reason: None }.into())),
            Some(Socket { standing: Standing::Over(error), .. }) => Poll::Ready(Err((*error).into())),
            Some(Socket { standing: Standing::Open, .. }) => Poll::Ready(Ok(())),
            Some(socket) => {
                socket.wait_to_write(cx.waker());
                Poll::Pending
            }
        })
    }

    /// The next thing that happened to the connection itself, oldest first; `None` when it is over.
    pub fn poll_stream_event(&self, cx: &mut Context<'_>) -> Poll<Option<StreamEvent>> {
        self.act(|Inner { sockets, .. }, id| {
            let Some(socket) = sockets.by_id.get_mut(&id) else { return Poll::Ready(None) };
            if let Some(event) = socket.next_event() {
                return Poll::Ready(Some(event));
            }
            if matches!(socket.standing, Standing::Over(_)) {
                return Poll::Ready(None);
            }
            socket.wait_for_event(cx.waker());
            Poll::Pending
        })
    }

    /// The same, without waiting.
    #[must_use]
    pub fn try_event(&self) -> Option<StreamEvent> {
        self.act(|Inner { sockets, .. }, id| sockets.by_id.get_mut(&id).and_then(Socket::next_event))
    }

    /// The same, waiting for one; `None` when the connection is over.
    #[must_use]
    pub fn wait_event(&self) -> Option<StreamEvent> {
        block(None, |cx| self.poll_stream_event(cx).map(Ok)).ok().flatten()
    }

    pub(crate) fn wait_connected(&self) -> io::Result<()> {
        block(None, |cx| self.poll_connected(cx))
    }

    /// Ends a direction, or both. Reading is ended by dropping the stream only.
    ///
    /// # Errors
    ///
    /// An [`io::Error`] if the connection is over.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        if how == Shutdown::Read {
            return Ok(());
        }
        let closed = self.act(|inner, id| inner.machine.command(id, Command::Close));
        closed.map_err(|error| io::Error::new(io::ErrorKind::NotConnected, error))
    }

    /// Ends the connection now, and tells the peer so.
    pub fn abort(&self) {
        self.act(|inner, id| inner.machine.command(id, Command::Abort).ok());
    }

    /// Lets go of the connection without closing it: it stays in the epochs, and comes back at the next start.
    pub fn leave(self) {
        self.set_waits(|waits| waits.leaves = true);
    }

    /// Whether small writes wait for an acknowledgment; on at first.
    ///
    /// # Errors
    ///
    /// An [`io::Error`] if the connection is over.
    pub fn set_nagle(&self, nagle: Nagle) -> io::Result<()> {
        let set = self.act(|inner, id| inner.machine.command(id, Command::SetNagle(nagle)));
        set.map_err(|error| io::Error::new(io::ErrorKind::NotConnected, error))
    }

    /// Whether reads and writes give `WouldBlock` in place of waiting.
    pub fn set_nonblocking(&self, is_nonblocking: bool) {
        self.set_waits(|waits| waits.is_nonblocking = is_nonblocking);
    }

    /// The longest wait of a read; `None` waits for ever.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) {
        self.set_waits(|waits| waits.read = timeout);
    }

    /// The longest wait of a write; `None` waits for ever.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) {
        self.set_waits(|waits| waits.write = timeout);
    }

    /// Address and port of this end.
    ///
    /// # Errors
    ///
    /// `NotConnected` if the connection is gone.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.look(|inner, id| inner.machine.endpoint().local(id)).ok_or_else(gone)
    }

    /// Address and port of the other end.
    ///
    /// # Errors
    ///
    /// `NotConnected` if the connection is gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.look(|inner, id| inner.machine.endpoint().remote(id)).ok_or_else(gone)
    }

    fn look<R>(&self, look: impl FnOnce(&Inner, ConnectionId) -> R) -> R {
        look(&self.handle.host.shared().lock(), self.id())
    }

    /// What is known of the connection: path, windows, stable points.
    #[must_use]
    pub fn info(&self) -> Option<ConnectionInfo> {
        self.look(|inner, id| inner.machine.endpoint().info(id))
    }

    /// The state of RFC 9293, that of the negotiation, SELF and PEER.
    #[must_use]
    pub fn states(&self) -> (TcpState, HiatusState, SelfState, PeerState) {
        self.look(|inner, id| {
            let endpoint = inner.machine.endpoint();
            (endpoint.state(id), endpoint.hiatus_state(id), endpoint.self_state(id), endpoint.peer_state(id))
        })
    }

    fn patience(&self, timeout: Option<Duration>) -> Option<Duration> {
        if self.waits().is_nonblocking { Some(Duration::ZERO) } else { timeout }
    }
}

impl Read for &HiatusStream {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        block(self.patience(self.waits().read), |cx| self.poll_read(cx, octets))
    }
}

impl Write for &HiatusStream {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        block(self.patience(self.waits().write), |cx| self.poll_write(cx, octets))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for HiatusStream {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        (&*self).read(octets)
    }
}

impl Write for HiatusStream {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        (&*self).write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let leaves = self.waits.get_mut().unwrap_or_else(PoisonError::into_inner).leaves;
        let id = self.name.id();
        self.host.shared().act(|Inner { machine, sockets, .. }| {
            // Who dropped a clone made by `HiatusStream::of` twice still has the other.
            let others = sockets.by_id.get(&id).is_some_and(|socket| socket.has_other_streams());
            if others || leaves {
                return;
            }
            // One that is over already has nothing to close.
            machine.command(id, Command::CloseBoth).ok();
            sockets.by_id.remove(&id);
        });
    }
}

fn gone() -> io::Error {
    io::Error::from(io::ErrorKind::NotConnected)
}

/// Wakes a thread that waits.
struct Parked(Thread);

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits on this thread until `poll` is ready; for `patience` at most, and then gives `WouldBlock` or `TimedOut`.
pub(crate) fn block<R>(
    patience: Option<Duration>,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<io::Result<R>>,
) -> io::Result<R> {
    let waker = Waker::from(Arc::new(Parked(thread::current())));
    let mut cx = Context::from_waker(&waker);
    let deadline = patience.map(|patience| Instant::now() + patience);
    loop {
        if let Poll::Ready(result) = poll(&mut cx) {
            return result;
        }
        match deadline {
            None => thread::park(),
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                thread::park_timeout(left);
            }
        }
    }
}
