//! A connection with TLS, which takes bytes only when its socket does.
//!
//! rustls takes what is written to it, encrypts it and keeps what the socket doesn't take. What a
//! slow viewer gets next would so be decided before its turn. Here nothing is taken before all that
//! was encrypted is with the system, and the system itself takes more (see
//! [`super::super::server::Listener`]).
//!
//! By HTTP/2 that question is left out: h2 keeps a piece of a frame anyway (16 KB, RFC 9113, 4.2),
//! and would ask it for each.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// The most bytes that are encrypted at once, and kept if the socket takes fewer.
const BUFFER_BYTES: usize = 64 << 10;

/// A connection with TLS.
pub struct TlsSocket {
    stream: TlsStream<TcpStream>,
    is_http2: bool,
}

impl TlsSocket {
    /// The connection `stream`, whose handshake is over; `is_http2` is what that has agreed on.
    pub fn new(mut stream: TlsStream<TcpStream>, is_http2: bool) -> Self {
        let (_, connection) = stream.get_mut();
        connection.set_buffer_limit(Some(BUFFER_BYTES));
        Self { stream, is_http2 }
    }

    /// Waits until the socket takes something that is not encrypted yet.
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        if self.is_http2 {
            return Poll::Ready(Ok(()));
        }
        poll_writable(self.stream.get_ref().0, context)
    }
}

/// Waits until `socket` takes something. Tokio remembers that it did the last time; only the system
/// knows whether it does now.
#[cfg(target_os = "linux")]
fn poll_writable(socket: &TcpStream, context: &mut Context<'_>) -> Poll<io::Result<()>> {
    loop {
        ready!(socket.poll_write_ready(context))?;
        let asked = socket.try_io(tokio::io::Interest::WRITABLE, || ask(socket));
        match asked {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            asked => return Poll::Ready(asked),
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn poll_writable(socket: &TcpStream, context: &mut Context<'_>) -> Poll<io::Result<()>> {
    socket.poll_write_ready(context)
}

/// Asks the system whether `socket` takes something.
#[cfg(target_os = "linux")]
fn ask(socket: &TcpStream) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    const AT_ONCE: Timespec = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    match poll(&mut [PollFd::new(socket, PollFlags::OUT)], Some(&AT_ONCE))? {
        0 => Err(io::ErrorKind::WouldBlock.into()),
        _ => Ok(()),
    }
}

impl AsyncRead for TlsSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for TlsSocket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_ready(context))?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_ready(context))?;
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
