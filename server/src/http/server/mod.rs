//! Accepts connections, with limits, and ends them cleanly.

mod capacity;
mod connection_limits;
mod http2;
mod listener;
mod permits;
mod redirect;
mod reserve;
mod stall;
mod stalled_bodies;
mod takeover;
#[cfg(unix)]
mod unix;
mod visitor;
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
use super::auth::{Peer, is_proxy};
use super::tls::{self, Opened, Settings};
use crate::log::recurring::Recurring;
use crate::supervise::keep_running;
pub use capacity::ConnectionCapacity;
pub use connection_limits::{ConnectionLimits, ConnectionPermit};
use listener::{Channel, Socket, as_tcp, of_tcp};
pub use listener::{Listener, Protocol, local_host};
use permits::Connected;
pub use permits::{Held, hold};
use redirect::redirect;
pub use reserve::ReservePermit;
use reserve::{Reserve, SILENCE};
use takeover::Pending;
pub use takeover::Takeover;
use visitor::Visitor;
pub use wire::Wire;

/// The longest time that a client may take to send its request, and to send none on a connection
/// that stays open.
const HEADER_TIME: Duration = Duration::from_secs(10);
/// A request's header, and what is kept for a client that reads slowly beside the frame it is at.
const BUFFER_BYTES: usize = 8 << 10;
/// A client that takes nothing for so long is gone, and must not keep a camera on.
pub const STALL_TIME: Duration = Duration::from_secs(60);
/// The time that clients have to take what is left when the server stops.
const FAREWELL: Duration = Duration::from_millis(1200);
/// Out of file descriptors, most likely: some must be closed before the next is tried.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves `app` by all `listeners` until `shutdown`, then lets answers end and closes what doesn't.
pub async fn serve(listeners: Vec<Listener>, app: App, shutdown: CancellationToken) {
    let connections = TaskTracker::new();
    let abort = CancellationToken::new();
    let watching = watch_over(&app, shutdown.clone());
    let acceptor = Acceptor::new(app, shutdown);
    let accepting = listeners.into_iter().map(|listener| {
        let acceptor = acceptor.clone();
        accept(listener, acceptor, connections.clone(), abort.clone())
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
    mut acceptor: Acceptor,
    connections: TaskTracker,
    abort: CancellationToken,
) {
    let shutdown = acceptor.shutdown.clone();
    let protocol = listener.protocol();
    while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
        let token = connections.token();
        let Some(connection) = acceptor.accept(accepted, protocol, token).await else {
            continue;
        };
        let abort = abort.clone();
        let connection = Box::pin(connection);
        connections.spawn(async move { abort.run_until_cancelled(connection).await });
    }
}

/// The way that a request's end is told.
#[derive(Clone, Copy, Debug)]
pub struct Framing {
    /// Whether it has both a length and chunks.
    pub is_ambiguous: bool,
}

/// Gives each connection a permit, in the reserve where a limit is reached. Clones share both.
#[derive(Clone)]
struct Acceptor {
    app: App,
    router: Router,
    tls: Settings,
    reserve: Reserve,
    failures: Recurring,
    shutdown: CancellationToken,
}

/// The permit of a connection, by which it is served.
pub enum Permit {
    /// Within the limits, and counted.
    Regular { _permit: ConnectionPermit },
    /// In the reserve.
    Reserved(Arc<ReservePermit>),
}

impl Acceptor {
    fn new(app: App, shutdown: CancellationToken) -> Self {
        Self {
            router: super::router(app.clone()),
            tls: Settings::new(app.controller.clone(), app.certificates.clone()),
            reserve: Reserve::new(app.capacity.reserve),
            app,
            failures: Recurring::default(),
            shutdown,
        }
    }

    /// The connection as a task; none if it can't be served. Never waits for a client.
    async fn accept(
        &mut self,
        accepted: io::Result<(Socket, Peer)>,
        protocol: Protocol,
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
        let visitor = Visitor::new(peer, connected);
        let answering = (self.router.clone(), self.shutdown.clone());
        let accepted = AcceptedConnection {
            socket,
            protocol,
            app: self.app.clone(),
            tls: self.tls.clone(),
        };
        Some(connection(accepted, visitor, answering))
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

    fn admit(&self, peer: Peer) -> Option<Permit> {
        let snapshot = self.app.controller.current();
        let rules = &snapshot.config.clients;
        let address = peer.address();
        let client = (!is_proxy(peer, rules)).then_some(address);
        match self
            .app
            .limits
            .connect(client, rules.limits.connections_per_address)
        {
            Ok(_permit) => Some(Permit::Regular { _permit }),
            Err(full) => {
                let permit = self.reserve.enter(address, full)?;
                Some(Permit::Reserved(Arc::new(permit)))
            }
        }
    }
}

/// A connection that was accepted.
struct AcceptedConnection {
    socket: Socket,
    protocol: Protocol,
    app: App,
    tls: Settings,
}

/// The way to the answers, and the end of all of them.
type Answering = (Router, CancellationToken);

async fn connection(accepted: AcceptedConnection, visitor: Visitor, answering: Answering) {
    let permit = visitor.reserve_permit().cloned();
    // Its permit is kept to the end, also where hyper has given the connection back.
    let _held = visitor.clone();
    let exchange = async {
        if let Err(error) = accepted.exchange(visitor, answering).await {
            // Clients come and go; that is no fault of the server.
            tracing::debug!(%error, "a connection ended");
        }
    };
    match permit {
        None => exchange.await,
        Some(permit) => {
            tokio::select! {
                // First, so that a request that has come is answered.
                biased;
                () = exchange => {}
                () = permit.over() => {}
            }
        }
    }
}

impl AcceptedConnection {
    /// Answers the requests of the connection; in the reserve it is one.
    async fn exchange(self, visitor: Visitor, answering: Answering) -> io::Result<()> {
        let (socket, app) = (self.socket, self.app);
        let wire = |channel| Wire::new(channel, app.clock.clone());
        let socket = match self.protocol {
            Protocol::Http => {
                return exchange(wire(Channel::Left(socket)), visitor, answering).await;
            }
            Protocol::Redirect(port) => {
                return redirect(wire(Channel::Left(socket)), app, Some(port)).await;
            }
            Protocol::Https => socket,
        };
        let tcp = as_tcp(socket).map_err(|_| io::Error::other("TLS is for TCP"))?;
        let is_reserved = visitor.reserve_permit().is_some();
        let most = if is_reserved { SILENCE } else { HEADER_TIME };
        // One request is known at a time with HTTP/1 only.
        let secured = match tls::open(tcp, &self.tls, is_reserved, most).await? {
            Opened::Secured(secured) => *secured,
            Opened::Plain(tcp) => {
                return redirect(wire(Channel::Left(of_tcp(tcp))), app, None).await;
            }
        };
        let visitor = visitor.with_tls(secured.client);
        let channel = Channel::Right(secured.socket);
        match secured.is_http2 {
            true => {
                let wire = Wire::unread(channel, app.clock.clone());
                http2::exchange(wire, app.clock.clone(), visitor, answering).await
            }
            false => exchange(wire(channel), visitor, answering).await,
        }
    }
}

/// Answers the requests of HTTP/1 that come by `wire`.
async fn exchange(wire: Wire, visitor: Visitor, (router, shutdown): Answering) -> io::Result<()> {
    let (ambiguous, flushed) = (wire.ambiguous(), wire.flushed());
    let pending = Pending::default();
    let diverted = pending.clone();
    let is_reserved = visitor.reserve_permit().is_some();
    let service = service_fn(move |mut request: Request<Incoming>| {
        visitor.mark(&mut request);
        // Not in the router, which begins later: hyper may have read the next head by then.
        request.extensions_mut().insert(Framing {
            is_ambiguous: ambiguous.is_so(),
        });
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
    match pending.write(taken_back).await {
        None => ended.map_err(io::Error::other),
        Some(ended) => ended,
    }
}
