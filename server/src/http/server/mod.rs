//! Accepts connections, with limits, and ends them cleanly.

mod descriptors;
mod hold;
mod listener;
mod places;
mod reserve;
mod stall;
mod takeover;
#[cfg(unix)]
mod unix;
mod wire;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use futures_util::future::join_all;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tower::ServiceExt;

use super::App;
use super::address::tidied;
use super::auth::{Peer, is_proxy};
use crate::log::recurring::Recurring;
use crate::supervise::keep_running;
pub use descriptors::Room;
use hold::Connected;
pub use hold::{Held, hold};
use listener::Socket;
pub use listener::{Listener, local_host};
pub use places::{Place, Places};
pub use reserve::Seat;
use reserve::{Reserve, SILENCE};
use takeover::Pending;
pub use takeover::Takeover;
pub use wire::Wire;

/// The longest time that a client may take to send its request, and to send none on a connection
/// that stays open.
const HEADER_TIME: Duration = Duration::from_secs(10);
/// A request's header, and what is kept for a client that reads slowly beside the frame it is at.
const BUFFER_BYTES: usize = 8 << 10;
/// A client that takes nothing for so long is gone, and must not keep a camera on.
const STALL_TIME: Duration = Duration::from_secs(60);
/// The time that clients have to take what is left when the server stops.
const FAREWELL: Duration = Duration::from_millis(1200);
/// Out of file descriptors, most likely: some must be closed before the next is tried.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves `app` by all `listeners` until `shutdown`, then lets answers end and closes what doesn't.
pub async fn serve(listeners: Vec<Listener>, app: App, shutdown: CancellationToken) {
    let connections = TaskTracker::new();
    let abort = CancellationToken::new();
    let watching = watch_over(&app, shutdown.clone());
    let entrance = Entrance::new(app, shutdown);
    let accepting = listeners.into_iter().map(|listener| {
        let entrance = entrance.clone();
        accept(listener, entrance, connections.clone(), abort.clone())
    });
    tokio::spawn(watching);
    join_all(accepting).await;
    connections.close();
    if tokio::time::timeout(FAREWELL, connections.wait())
        .await
        .is_err()
    {
        let count = connections.len();
        tracing::info!(count, "connections did not end by themselves and are cut");
        abort.cancel();
        connections.wait().await;
    }
}

/// Ends what lasts for those who lose the right to it, until `end`.
fn watch_over(app: &App, end: CancellationToken) -> impl Future<Output = ()> + Send + use<> {
    let app = app.clone();
    async move {
        let watch = || app.access.watch_over(&app.controller, &end);
        keep_running("the watch over rights", &*app.clock, &end, watch).await;
    }
}

/// Takes connections until the server shuts down.
async fn accept(
    listener: Listener,
    mut entrance: Entrance,
    connections: TaskTracker,
    abort: CancellationToken,
) {
    let shutdown = entrance.shutdown.clone();
    while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
        let token = connections.token();
        let Some(connection) = entrance.let_in(accepted, token).await else {
            continue;
        };
        let abort = abort.clone();
        connections.spawn(async move { abort.run_until_cancelled(connection).await });
    }
}

/// The way that a request's end is told.
#[derive(Clone, Copy, Debug)]
pub struct Framing {
    /// Whether it has both a length and chunks.
    pub is_ambiguous: bool,
}

/// Gives each connection a place, or a seat in the reserve. Clones share both.
#[derive(Clone)]
struct Entrance {
    app: App,
    router: Router,
    reserve: Reserve,
    failures: Recurring,
    shutdown: CancellationToken,
}

/// The right of a connection to be served.
pub enum Admitted {
    /// With a place, which it keeps.
    Placed { _place: Place },
    /// With a seat in the reserve.
    Reserved(Arc<Seat>),
}

impl Entrance {
    fn new(app: App, shutdown: CancellationToken) -> Self {
        Self {
            router: super::router(app.clone()),
            reserve: Reserve::new(app.room.reserve),
            app,
            failures: Recurring::default(),
            shutdown,
        }
    }

    /// The connection as a task; none if it can't be served. Never waits for a client.
    async fn let_in(
        &mut self,
        accepted: io::Result<(Socket, Peer)>,
        token: TaskTrackerToken,
    ) -> Option<impl Future<Output = ()> + Send + use<>> {
        let Ok((socket, peer)) = accepted.map_err(|error| self.failed(&error)) else {
            tokio::time::sleep(PAUSE).await;
            return None;
        };
        if let Some(recovery) = self.failures.worked(self.app.clock.now()) {
            let failures = recovery.failures;
            tracing::info!(failures, "accepting connections works again");
        }
        let connected = Connected::new(self.admit(peer)?, token);
        let (router, shutdown) = (self.router.clone(), self.shutdown.clone());
        let wire = Wire::new(socket, self.app.clock.clone());
        Some(connection(wire, peer, connected, router, shutdown))
    }

    fn failed(&mut self, error: &io::Error) {
        if let Some(notice) = self.failures.failed(self.app.clock.now()) {
            tracing::warn!(
                failures = notice.failures(),
                seconds = notice.seconds(),
                %error,
                "a connection can't be accepted"
            );
        }
    }

    fn admit(&self, peer: Peer) -> Option<Admitted> {
        let snapshot = self.app.controller.current();
        let rules = &snapshot.config.clients;
        let address = peer.address();
        let client = (!is_proxy(peer, rules)).then_some(address);
        match self
            .app
            .places
            .connect(client, rules.limits.connections_per_address)
        {
            Ok(_place) => Some(Admitted::Placed { _place }),
            Err(full) => {
                let seat = self.reserve.enter(address, full)?;
                Some(Admitted::Reserved(Arc::new(seat)))
            }
        }
    }
}

async fn connection(
    wire: Wire,
    peer: Peer,
    connected: Connected,
    router: Router,
    shutdown: CancellationToken,
) {
    let exchange = exchange(wire, peer, connected.clone(), router, shutdown);
    match connected.seat() {
        None => exchange.await,
        Some(seat) => {
            tokio::select! {
                // First, so that a request that has come is answered.
                biased;
                () = exchange => {}
                () = seat.over() => {}
            }
        }
    }
}

/// Answers the requests of a connection; in the reserve it is one.
async fn exchange(
    wire: Wire,
    peer: Peer,
    connected: Connected,
    router: Router,
    shutdown: CancellationToken,
) {
    let (ambiguous, flushed) = (wire.ambiguous(), wire.flushed());
    let pending = Pending::default();
    let diverted = pending.clone();
    let seat = connected.seat().cloned();
    let is_reserved = seat.is_some();
    let service = service_fn(move |mut request: Request<Incoming>| {
        if let Some(uri) = tidied(request.uri()) {
            *request.uri_mut() = uri;
        }
        let extensions = request.extensions_mut();
        extensions.insert(peer);
        extensions.insert(connected.clone());
        // Not in the router, which begins later: hyper may have read the next head by then.
        extensions.insert(Framing {
            is_ambiguous: ambiguous.is_so(),
        });
        if let Some(seat) = &seat {
            extensions.insert(seat.clone());
        }
        let (router, flushed, diverted) = (router.clone(), flushed.clone(), diverted.clone());
        async move {
            let version = request.version();
            let Ok(response) = router.oneshot(request).await;
            diverted.divert(version, response, &flushed).await
        }
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(if is_reserved { SILENCE } else { HEADER_TIME })
        .keep_alive(!is_reserved)
        // The smallest there is: a slow viewer's next frame is taken when this one is gone, and is
        // then the newest.
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(TokioIo::new(wire), service)
        .with_upgrades();
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = shutdown.cancelled() => {
            Pin::new(&mut connection).graceful_shutdown();
            (&mut connection).await
        }
    };
    let taken_back = || Some(connection.into_parts()?.io.into_inner());
    let ended = match pending.write(taken_back).await {
        None => ended.map_err(io::Error::other),
        Some(ended) => ended,
    };
    if let Err(error) = ended {
        // Clients come and go; that is no fault of the server.
        tracing::debug!(%error, "a connection ended");
    }
}
