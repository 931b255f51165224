//! Motion JPEG: `multipart/x-mixed-replace`, one part per frame (the multipart syntax is RFC 2046,
//! 5.1.1).

use std::collections::VecDeque;
use std::convert::Infallible;

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use tokio_util::sync::CancellationToken;

use super::viewing::Visit;
use super::{App, NO_BUFFERING, NO_CACHE, timestamp};
use crate::frame::Frame;
use crate::stream::{Stream, Viewer};

const CONTENT_TYPE: &str = "multipart/x-mixed-replace; boundary=mattebox-frame";
const FIRST_BOUNDARY: &[u8] = b"--mattebox-frame\r\n";
/// Sent right behind each frame, since browsers show a part only when they see where it ends.
const NEXT_BOUNDARY: &[u8] = b"\r\n--mattebox-frame\r\n";
const LAST_BOUNDARY: &[u8] = b"\r\n--mattebox-frame--\r\n";

/// The stream's frames until the client goes or the server stops. A `HEAD` request starts nothing.
pub fn answer(app: &App, stream: &Stream, visit: &Visit) -> Response {
    let headers = [
        (header::CONTENT_TYPE, CONTENT_TYPE),
        (header::CACHE_CONTROL, NO_CACHE),
        (header::PRAGMA, "no-cache"),
        NO_BUFFERING,
    ];
    let body = if visit.is_head() {
        no_body()
    } else {
        match app.viewer(stream, visit) {
            Ok(viewer) => parts(viewer, app.shutdown.clone()),
            Err(full) => return full.into_response(),
        }
    };
    (headers, body).into_response()
}

/// For `HEAD`: nothing, without claiming that the answer to `GET` is empty.
pub fn no_body() -> Body {
    Body::from_stream(stream::empty::<Result<Bytes, Infallible>>())
}

struct Parts {
    viewer: Viewer,
    shutdown: CancellationToken,
    /// What is still to be sent. Frames wait in the stream, not here: the next one is asked for
    /// only when the socket has taken this one.
    queue: VecDeque<Bytes>,
    is_over: bool,
}

fn parts(viewer: Viewer, shutdown: CancellationToken) -> Body {
    let parts = Parts {
        viewer,
        shutdown,
        queue: VecDeque::from([Bytes::from_static(FIRST_BOUNDARY)]),
        is_over: false,
    };
    Body::from_stream(stream::unfold(parts, |mut parts| async {
        let bytes = parts.next().await?;
        Some((Ok::<_, Infallible>(bytes), parts))
    }))
}

impl Parts {
    async fn next(&mut self) -> Option<Bytes> {
        if self.queue.is_empty() && !self.is_over {
            let frame = self.shutdown.run_until_cancelled(self.viewer.next()).await;
            match frame.flatten() {
                Some(frame) => self.queue.extend(part(&frame)),
                None => {
                    self.is_over = true;
                    self.queue.push_back(Bytes::from_static(LAST_BOUNDARY));
                }
            }
        }
        self.queue.pop_front()
    }
}

fn part(frame: &Frame) -> [Bytes; 3] {
    let head = format!(
        "Content-Type: image/jpeg\r\nContent-Length: {}\r\nX-Timestamp: {}\r\n\r\n",
        frame.jpeg.len(),
        timestamp(frame.captured_at)
    );
    [
        head.into(),
        frame.jpeg.bytes().clone(),
        Bytes::from_static(NEXT_BOUNDARY),
    ]
}
