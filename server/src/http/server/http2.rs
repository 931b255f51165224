//! HTTP/2 (RFC 9113): many requests by one connection.
//!
//! Each stream has a window of its own, so that a client that reads one slowly holds no other up.
//! A stream keeps little of what its client doesn't take. Against resets without an end
//! (CVE-2023-44487) h2 counts them; what is set here is what it can't know.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{Request, header};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::sync::watch;
use tokio::time::timeout;
use tower::ServiceExt;

use super::permits::keep;
use super::stalled_bodies::Bodies;
use super::visitor::Visitor;
use super::wire::Wire;
use super::{Answering, HEADER_TIME, STALL_TIME};
use crate::clock::Clock;

/// Requests of one connection at once. Each takes one of its client's permits as well.
const STREAMS: u32 = 256;
/// A header, unpacked.
const HEADER_BYTES: u32 = 16 << 10;
/// What is kept of an answer whose client takes nothing, beside the piece that it is at.
const SEND_BYTES: usize = 16 << 10;
/// What a client may send of a request's body before it is read.
const WINDOW_BYTES: u32 = 64 << 10;
/// The same of all bodies of a connection.
const CONNECTION_BYTES: u32 = 1 << 20;
/// The time after which a client that is silent is asked whether it is there; it has as long to
/// answer.
const PING_TIME: Duration = Duration::from_secs(STALL_TIME.as_secs() / 2);

/// Answers the requests that come by `wire` from `visitor`, until there are none for a while.
///
/// # Errors
/// The connection broke, or its client takes nothing.
pub async fn exchange(
    wire: Wire,
    clock: Arc<dyn Clock>,
    visitor: Visitor,
    (router, shutdown): Answering,
) -> io::Result<()> {
    let (busy, bodies) = (Busy::new(), Bodies::new(clock));
    let (counted, watched) = (busy.clone(), bodies.clone());
    let service = service_fn(move |mut request: Request<Incoming>| {
        visitor.mark(&mut request);
        let (router, answering) = (router.clone(), counted.begin());
        let watched = watched.clone();
        async move {
            let Ok(mut response) = router.oneshot(request).await;
            // What HTTP/1 says of its connections has no meaning here (RFC 9113, 8.2.2).
            response.headers_mut().remove(header::CONNECTION);
            Ok::<_, Infallible>(keep(watched.watch(response), answering))
        }
    });
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADER_BYTES)
        .max_send_buf_size(SEND_BYTES)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_BYTES)
        .keep_alive_interval(PING_TIME)
        .keep_alive_timeout(PING_TIME)
        .serve_connection(TokioIo::new(wire), service);
    let mut connection = pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return ended.map_err(io::Error::other),
        () = shutdown.cancelled() => {}
        () = busy.over() => {}
        () = bodies.look_after() => {}
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        ended = connection => ended.map_err(io::Error::other),
        () = bodies.look_after() => Ok(()),
    }
}

/// The number of requests that are being answered. Clones share it.
#[derive(Clone)]
struct Busy(Arc<watch::Sender<usize>>);

/// One request that is being answered, until it is dropped.
struct BusyWith(Busy);

impl Busy {
    fn new() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }

    fn begin(&self) -> BusyWith {
        self.0.send_modify(|count| *count += 1);
        BusyWith(self.clone())
    }

    /// Resolves once no request has come for [`HEADER_TIME`] and none is being answered.
    async fn over(&self) {
        let mut count = self.0.subscribe();
        loop {
            // It can't be closed: `self` is there.
            count.wait_for(|count| *count == 0).await.ok();
            if timeout(HEADER_TIME, count.changed()).await.is_err() {
                return;
            }
        }
    }
}

impl Drop for BusyWith {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}
