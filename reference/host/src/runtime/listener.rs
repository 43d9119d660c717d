//! A listener that feels like a `TcpListener`.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use hiatus_engine::ListenerId;

use crate::runtime::stream::{HiatusStream, block};
use crate::runtime::{Host, Inner};

/// Listens until the last clone is dropped.
#[derive(Debug, Clone)]
pub struct HiatusListener {
    handle: Arc<Handle>,
}

#[derive(Debug)]
struct Handle {
    host: Host,
    /// It changes when the host comes back older.
    id: Arc<Mutex<ListenerId>>,
    local: SocketAddr,
}

impl HiatusListener {
    pub(crate) fn new(host: Host, id: ListenerId, local: SocketAddr) -> Self {
        let shared = host.shared().lock().sockets.listener(id);
        Self { handle: Arc::new(Handle { host, id: shared, local }) }
    }

    fn id(&self) -> ListenerId {
        *self.handle.id.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next connection, if there is one. Wakes the task when there is.
    ///
    /// # Errors
    ///
    /// An [`io::Error`] if the host is gone.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(HiatusStream, SocketAddr)>> {
        let listener = self.id();
        let accepted = self.handle.host.shared().act(|Inner { machine, sockets, .. }| {
            let Some(id) = machine.accept(listener) else {
                let waiting = sockets.accepting.entry(listener).or_default();
                if !waiting.iter().any(|known| known.will_wake(cx.waker())) {
                    waiting.push(cx.waker().clone());
                }
                return None;
            };
            sockets.by_id.entry(id).or_default();
            machine.endpoint().remote(id).map(|remote| (id, remote))
        });
        match accepted {
            Some((id, remote)) => {
                let stream = HiatusStream::of(&self.handle.host, id);
                Poll::Ready(Ok((stream, remote)))
            }
            None => Poll::Pending,
        }
    }

    /// Waits for the next connection.
    ///
    /// # Errors
    ///
    /// An [`io::Error`] if the host is gone.
    pub fn accept(&self) -> io::Result<(HiatusStream, SocketAddr)> {
        block(None, |cx| self.poll_accept(cx))
    }

    /// Connections, one after the other.
    pub fn incoming(&self) -> impl Iterator<Item = io::Result<HiatusStream>> {
        std::iter::repeat_with(|| self.accept().map(|(stream, _)| stream))
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.handle.local
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let id = *self.id.lock().unwrap_or_else(PoisonError::into_inner);
        self.host.shared().act(|Inner { machine, sockets, .. }| {
            machine.unlisten(id);
            sockets.forget_listener(id);
        });
    }
}
