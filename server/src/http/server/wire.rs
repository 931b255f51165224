//! The bytes of a connection, as they pass.
//!
//! hyper leaves out `Content-Length` where a request also has `Transfer-Encoding`, and ends the
//! connection after it. A proxy before the server may have gone by the length, though, and take the
//! rest of the body for somebody's next request (RFC 9112, 6.1 and 11.2). So heads of requests are
//! looked at here, before hyper has them.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

use super::listener::Channel;
use super::stall::Stall;
use crate::clock::Clock;

/// The part of a line that is kept: the names that matter, and a length, are shorter.
const LINE_BYTES: usize = 64;
/// hyper's own answers are shorter.
const REFUSAL_BYTES: usize = 512;
const NOSNIFF: &[u8] = b"x-content-type-options: nosniff\r\n";

/// A mark that the request that came last has both a length and chunks. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Ambiguous(Arc<AtomicBool>);

impl Ambiguous {
    /// Whether it has.
    pub fn is_so(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A signal that all that was written is with the kernel. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Flushed(Arc<FlushState>);

#[derive(Debug, Default)]
struct FlushState {
    is_owed: AtomicBool,
    flushed: Notify,
}

impl Flushed {
    /// Resolves once it is.
    pub async fn wait(&self) {
        while self.0.is_owed.load(Ordering::Relaxed) {
            self.0.flushed.notified().await;
        }
    }

    fn written(&self) {
        self.0.is_owed.store(true, Ordering::Relaxed);
    }

    fn flushed(&self) {
        if self.0.is_owed.swap(false, Ordering::Relaxed) {
            self.0.flushed.notify_one();
        }
    }
}

/// A socket whose requests are looked at.
pub struct Wire {
    socket: Channel,
    flushed: Flushed,
    requests: Requests,
    /// Bytes behind the end of a head, to be read next: hyper never has two heads at once, so that
    /// what is known is of the one that it has.
    held: Vec<u8>,
    /// The rest of hyper's refusal that is being written.
    refusal: Vec<u8>,
    stall: Stall,
}

/// Whether `bytes` are hyper's answer to a request that it can't read: it has no header that all
/// others have.
fn is_refusal(bytes: &[u8]) -> bool {
    let is_answer = bytes.starts_with(b"HTTP/1.1 4") && bytes.len() < REFUSAL_BYTES;
    is_answer && !bytes.windows(NOSNIFF.len()).any(|it| it == NOSNIFF)
}

/// The same answer with that header.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let line = bytes.iter().position(|byte| *byte == b'\n');
    let (status, rest) = bytes.split_at(line.map_or(0, |line| line + 1));
    [status, NOSNIFF, rest].concat()
}

impl Wire {
    /// Looks at what `socket` brings.
    pub fn new(socket: Channel, clock: Arc<dyn Clock>) -> Self {
        Self {
            socket,
            flushed: Flushed::default(),
            requests: Requests::new(Ambiguous::default()),
            held: Vec::new(),
            refusal: Vec::new(),
            stall: Stall::new(clock),
        }
    }

    /// Passes on what `socket` brings, which is not HTTP/1.
    pub fn unread(socket: Channel, clock: Arc<dyn Clock>) -> Self {
        let mut wire = Self::new(socket, clock);
        wire.requests.place = Position::Unknown;
        wire
    }

    /// Whether hyper has flushed what it wrote: it does so when it has nothing left to write.
    pub fn flushed(&self) -> Flushed {
        self.flushed.clone()
    }

    /// The mark of a request that has both a length and chunks; of the last one.
    pub fn ambiguous(&self) -> Ambiguous {
        self.requests.ambiguous.clone()
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.held.is_empty() {
            let count = this.held.len().min(buffer.remaining());
            let passed = this.requests.pass(&this.held[..count]);
            buffer.put_slice(&this.held[..passed]);
            this.held.drain(..passed);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.socket).poll_read(context, buffer);
        let passed = this.requests.pass(&buffer.filled()[before..]);
        this.held
            .extend_from_slice(&buffer.filled()[before + passed..]);
        buffer.set_filled(before + passed);
        read
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        this.flushed.written();
        if !is_refusal(bytes) {
            let written = Pin::new(&mut this.socket).poll_write(context, bytes);
            return this.stall.limit(context, written);
        }
        if this.refusal.is_empty() {
            this.refusal = sealed(bytes);
        }
        while !this.refusal.is_empty() {
            let written = ready!(Pin::new(&mut this.socket).poll_write(context, &this.refusal))?;
            if written == 0 {
                return Poll::Ready(Ok(0));
            }
            this.refusal.drain(..written);
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match slices.iter().find(|slice| !slice.is_empty()) {
            Some(first) if is_refusal(first) => self.poll_write(context, first),
            _ => {
                let this = &mut *self;
                this.flushed.written();
                let written = Pin::new(&mut this.socket).poll_write_vectored(context, slices);
                this.stall.limit(context, written)
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.socket).poll_flush(context))?;
        self.flushed.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

/// Follows the requests of a connection.
struct Requests {
    place: Position,
    ambiguous: Ambiguous,
}

enum Position {
    Head(Head),
    /// So many bytes of a body are still to come.
    Body(u64),
    /// Chunks, or nothing that hyper would understand either. What follows is not looked at.
    Unknown,
}

#[derive(Default)]
struct Head {
    line: Vec<u8>,
    lines: usize,
    length: Option<Option<u64>>,
    has_chunks: bool,
}

impl Requests {
    fn new(ambiguous: Ambiguous) -> Self {
        Self {
            place: Position::Head(Head::default()),
            ambiguous,
        }
    }

    /// Looks at `bytes` until a head ends, and gives how many these are.
    fn pass(&mut self, bytes: &[u8]) -> usize {
        match &mut self.place {
            Position::Unknown => bytes.len(),
            Position::Body(left) => {
                let count = bytes
                    .len()
                    .min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= count as u64;
                if *left == 0 {
                    self.place = Position::Head(Head::default());
                }
                count
            }
            Position::Head(head) => {
                let Some(end) = bytes.iter().position(|byte| head.ends_with(*byte)) else {
                    return bytes.len();
                };
                self.place = match (head.length, head.has_chunks) {
                    (None, false) => Position::Head(Head::default()),
                    (Some(Some(length)), false) if length > 0 => Position::Body(length),
                    (Some(Some(_)), false) => Position::Head(Head::default()),
                    (length, has_chunks) => {
                        let both = length.is_some() && has_chunks;
                        self.ambiguous.0.fetch_or(both, Ordering::Relaxed);
                        Position::Unknown
                    }
                };
                end + 1
            }
        }
    }
}

impl Head {
    /// Takes the next byte; `true` if it is the last one.
    fn ends_with(&mut self, byte: u8) -> bool {
        if byte != b'\n' {
            if self.line.len() < LINE_BYTES {
                self.line.push(byte);
            }
            return false;
        }
        let line = std::mem::take(&mut self.line);
        let line = line.trim_ascii();
        if line.is_empty() {
            // Lines before the request count for nothing (RFC 9112, 2.2).
            return self.lines > 0;
        }
        if self.lines > 0 {
            self.field(line);
        }
        self.lines += 1;
        false
    }

    fn field(&mut self, line: &[u8]) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return;
        };
        let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.has_chunks = true;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            let length = std::str::from_utf8(value).ok();
            self.length = Some(length.and_then(|length| length.parse().ok()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces that `bytes` are passed in, when they come `at_once` at a time, and whether one
    /// was ambiguous.
    fn pieces(bytes: &str, at_once: usize) -> (Vec<String>, bool) {
        let ambiguous = Ambiguous::default();
        let mut requests = Requests::new(ambiguous.clone());
        let mut pieces = vec![String::new()];
        let mut rest = bytes.as_bytes();
        while !rest.is_empty() {
            let now = &rest[..rest.len().min(at_once)];
            let passed = requests.pass(now);
            let text = std::str::from_utf8(&now[..passed]).unwrap();
            pieces.last_mut().unwrap().push_str(text);
            let is_head = pieces.last().unwrap().ends_with("\r\n\r\n");
            if is_head || passed < now.len() {
                pieces.push(String::new());
            }
            rest = &rest[passed..];
        }
        (pieces, ambiguous.is_so())
    }

    #[test]
    fn heads_come_one_by_one() {
        let first = "\r\nPUT / HTTP/1.1\r\ncontent-LENGTH: 3\r\n\r\n";
        let second = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        let all = format!("{first}abc{second}{second}");
        let (whole, is_ambiguous) = pieces(&all, usize::MAX);
        assert_eq!(whole, [first, "abc", second, second, ""]);
        assert!(!is_ambiguous);
        let (byte_by_byte, _) = pieces(&all, 1);
        assert_eq!(byte_by_byte, [first, &format!("abc{second}"), second, ""]);
    }

    #[test]
    fn a_length_beside_chunks_is_seen() {
        for (fields, expected) in [
            ("Content-Length: 3\r\nTransfer-Encoding: chunked", true),
            (
                "Transfer-Encoding: chunked\r\nX: y\r\nCONTENT-length:3",
                true,
            ),
            ("transfer-encoding:chunked\ncontent-length: x", true),
            ("Transfer-Encoding: chunked", false),
            ("Content-Length: 3\r\nX-Transfer-Encoding: chunked", false),
            ("Content-Length: 3\r\nX: Transfer-Encoding: chunked", false),
        ] {
            let head = format!("POST / HTTP/1.1\r\n{fields}\r\n\r\n");
            for at_once in [1, 7, usize::MAX] {
                assert_eq!(pieces(&head, at_once).1, expected, "{fields}");
            }
        }
    }

    #[test]
    fn a_later_request_is_looked_at_too() {
        let head = "POST / HTTP/1.1\r\nContent-Length: 1\r\n";
        let (_, is_ambiguous) = pieces(
            &format!("{head}\r\nx{head}Transfer-Encoding: chunked\r\n\r\n"),
            5,
        );
        assert!(is_ambiguous);
    }
}
