//! Accepts connections, with limits, and ends them cleanly.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::access::Peer;

/// Viewers and other clients at once; more wait to be accepted.
const CONNECTIONS: usize = 1024;
/// How long a client may take to send its request.
const HEADER_TIME: Duration = Duration::from_secs(10);
/// A request's header, and what is kept for a client that reads slowly beside the frame it is at.
const BUFFER_BYTES: usize = 8 << 10;
/// A client that takes nothing for so long is gone, and must not keep a camera on.
const STALL_TIME: Duration = Duration::from_secs(60);
/// Bytes that may lie unsent in a socket: with more, a slow viewer would watch the past.
#[cfg(target_os = "linux")]
const UNSENT_BYTES: u32 = 128 << 10;
/// How long clients have to take what is left when the server stops.
const FAREWELL: Duration = Duration::from_millis(1200);

/// Serves `router` until `shutdown`, then lets answers end and closes what doesn't.
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let connections = TaskTracker::new();
    let abort = CancellationToken::new();
    while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
        let Some((socket, peer)) = usable(accepted).await else {
            continue;
        };
        let Some(Ok(place)) = shutdown
            .run_until_cancelled(places.clone().acquire_owned())
            .await
        else {
            break;
        };
        let (router, shutdown) = (router.clone(), shutdown.clone());
        let abort = abort.clone();
        connections.spawn(async move {
            abort
                .run_until_cancelled(connection(socket, peer, router, shutdown))
                .await;
            drop(place);
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(FAREWELL, connections.wait())
        .await
        .is_err()
    {
        tracing::info!(
            "{} connections did not end by themselves and are cut",
            connections.len()
        );
        abort.cancel();
        connections.wait().await;
    }
}

async fn usable(accepted: io::Result<(TcpStream, SocketAddr)>) -> Option<(TcpStream, Peer)> {
    match accepted {
        Ok((socket, peer)) => {
            if let Err(error) = tune(&socket) {
                tracing::debug!("a socket keeps its defaults: {error}");
            }
            Some((socket, Peer(peer)))
        }
        Err(error) => {
            tracing::warn!("a connection can't be accepted: {error}");
            // Out of file descriptors, most likely: some must be closed first.
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}

fn tune(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let socket = SockRef::from(socket);
    let keepalive = TcpKeepalive::new().with_time(STALL_TIME / 2);
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    {
        socket.set_tcp_user_timeout(Some(STALL_TIME))?;
        socket.set_tcp_notsent_lowat(UNSENT_BYTES)?;
    }
    Ok(())
}

async fn connection(socket: TcpStream, peer: Peer, router: Router, shutdown: CancellationToken) {
    let service = router.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request
    });
    let service = TowerToHyperService::new(service);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        // The smallest there is: a slow viewer's next frame is taken when this one is gone, and is then
        // the newest.
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(TokioIo::new(socket), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // Clients come and go; that is no fault of the server.
        tracing::debug!("a connection ended: {error}");
    }
}
