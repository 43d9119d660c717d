//! The same streams for asynchronous programs.

use std::future::poll_fn;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::runtime::{HiatusListener, HiatusStream, Host, StreamEvent};

impl AsyncRead for HiatusStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = ready!(HiatusStream::poll_read(&self, cx, buffer.initialize_unfilled()))?;
        buffer.advance(read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for HiatusStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        HiatusStream::poll_write(&self, cx, octets)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.shutdown(Shutdown::Write) {
            Err(error) if error.kind() != io::ErrorKind::NotConnected => Poll::Ready(Err(error)),
            // Closed before is closed.
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl HiatusStream {
    /// The next thing that happened to the connection itself; `None` when it is over.
    pub async fn event(&self) -> Option<StreamEvent> {
        poll_fn(|cx| self.poll_stream_event(cx)).await
    }
}

impl HiatusListener {
    /// The next connection.
    ///
    /// # Errors
    ///
    /// An [`io::Error`] if the host is gone.
    pub async fn accept_async(&self) -> io::Result<(HiatusStream, SocketAddr)> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }
}

impl Host {
    /// [`Host::connect`] for asynchronous programs.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn connect_async(&self, local: SocketAddr, remote: SocketAddr) -> io::Result<HiatusStream> {
        let stream = self
            .begin_connect(local, remote)
            .map_err(|error| io::Error::new(io::ErrorKind::AddrNotAvailable, error))?;
        poll_fn(|cx| stream.poll_connected(cx)).await?;
        Ok(stream)
    }
}
