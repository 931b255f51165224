//! Motion JPEG: `multipart/x-mixed-replace`, one part per frame (the multipart syntax is RFC 2046,
//! 5.1.1).
//!
//! The bytes of a part are the same for all viewers: its head is formatted once, its JPEG is the
//! stream's own, and a viewer costs one write of both and of the boundary behind them. Frames wait
//! in the stream and not in a connection: which one is the next is decided when the socket takes
//! its first bytes, and that is the newest then. The system holds back the socket until it has sent
//! what was written before (see [`super::server::Listener`]).

use std::convert::Infallible;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, ready};

use axum::Extension;
use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use super::problem::ProblemDetails;
use super::server::{Takeover, Wire};
use super::viewers::lease;
use super::viewing::Visit;
use super::{App, NO_BUFFERING, NO_CACHE, mjpeg_body, timestamp};
use crate::frame::Frame;
use crate::stream::{Stream, Viewer};

const CONTENT_TYPE: &str = "multipart/x-mixed-replace; boundary=mattebox-frame";
/// What comes before the first part.
pub const FIRST_BOUNDARY: &[u8] = b"--mattebox-frame\r\n";
/// Sent right behind each frame, since browsers show a part only when they see where it ends.
const NEXT_BOUNDARY: &[u8] = b"\r\n--mattebox-frame\r\n";
/// What comes behind the last one.
pub const LAST_BOUNDARY: &[u8] = b"\r\n--mattebox-frame--\r\n";
/// The bytes that a viewer may send behind its request, to be ignored; more are not read.
const IGNORED_BYTES: usize = 64 << 10;

/// The stream's frames until the client goes or the server stops. A `HEAD` request starts nothing.
pub fn answer(app: &App, stream: &Stream, visit: &Visit) -> Response {
    let headers = [
        (header::CONTENT_TYPE, CONTENT_TYPE),
        (header::CACHE_CONTROL, NO_CACHE),
        (header::PRAGMA, "no-cache"),
        NO_BUFFERING,
    ];
    if visit.is_head() {
        return (headers, no_body()).into_response();
    }
    let viewer = match app.viewer(stream, &visit.identity) {
        Ok(viewer) => viewer,
        Err(full) => return ProblemDetails::from(full).into_response(),
    };
    let lease = lease(app, &visit.identity);
    let listed = app.viewers.add(stream.name(), &viewer, &lease, "mjpeg");
    if visit.is_http2() {
        let body = mjpeg_body::body(viewer, (lease, listed), app.clock.clone());
        return (headers, body).into_response();
    }
    let parts = Takeover::new(|wire| async move {
        let sent = send(wire, viewer, lease.end()).await;
        drop(listed);
        sent
    });
    (headers, date(app), Extension(parts), no_body()).into_response()
}

/// Nothing that hyper is to write, of a length that it doesn't know.
pub fn no_body() -> Body {
    Body::from_stream(stream::empty::<Result<Bytes, Infallible>>())
}

/// `Date`, which every server with a clock sends (RFC 9110, 6.6.1).
fn date(app: &App) -> Option<[(header::HeaderName, String); 1]> {
    let now = Timestamp::try_from(app.clock.unix()).ok()?;
    let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&now);
    date.ok().map(|date| [(header::DATE, date)])
}

/// Writes the parts until the stream or the server ends, or the right to watch.
///
/// # Errors
/// The client is gone or takes nothing.
async fn send(mut wire: Wire, mut viewer: Viewer, end: &CancellationToken) -> io::Result<()> {
    let mut end = pin!(end.cancelled());
    let mut ignored = 0;
    wire.write_all(FIRST_BOUNDARY).await?;
    loop {
        let frame = tokio::select! {
            biased;
            () = &mut end => None,
            frame = viewer.next() => frame,
            () = gone(&mut wire, &mut ignored) => return Ok(()),
        };
        let Some(frame) = frame else {
            wire.write_all(LAST_BOUNDARY).await?;
            return wire.shutdown().await;
        };
        write_part(&mut wire, &mut viewer, frame).await?;
    }
}

/// Resolves once the client has closed the connection. What it sends is `ignored`, up to
/// [`IGNORED_BYTES`].
async fn gone(wire: &mut Wire, ignored: &mut usize) {
    let mut buffer = [0; 512];
    while *ignored < IGNORED_BYTES {
        match wire.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => *ignored += count,
        }
    }
    std::future::pending().await
}

/// Writes the frame's part and the boundary behind it, by one call if the socket takes it all. A
/// socket that takes nothing yet belongs to a viewer who is behind: it gets the frame that is the
/// newest when it does.
async fn write_part(wire: &mut Wire, viewer: &mut Viewer, mut frame: Arc<Frame>) -> io::Result<()> {
    let mut written = 0;
    poll_fn(|context| {
        loop {
            if written == 0 {
                viewer.replace(&mut frame);
            }
            let head = frame.part_head.get_or_init(|| part_head(&frame));
            let mut slices = [head, frame.jpeg.bytes(), NEXT_BOUNDARY].map(IoSlice::new);
            let mut left = slices.as_mut_slice();
            IoSlice::advance_slices(&mut left, written);
            if left.is_empty() {
                return Poll::Ready(Ok(()));
            }
            match ready!(Pin::new(&mut *wire).poll_write_vectored(context, left))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => written += count,
            }
        }
    })
    .await
}

/// The frame's part and the boundary behind it, made once for all viewers.
pub fn whole_part(frame: &Frame) -> Bytes {
    let make = || {
        [
            part_head(frame).as_bytes(),
            frame.jpeg.bytes(),
            NEXT_BOUNDARY,
        ]
        .concat()
    };
    frame.part_head.whole_or_init(make)
}

fn part_head(frame: &Frame) -> String {
    format!(
        "Content-Type: image/jpeg\r\nContent-Length: {}\r\nX-Timestamp: {}\r\n\r\n",
        frame.jpeg.len(),
        timestamp(frame.captured_at)
    )
}
