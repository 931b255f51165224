//! Motion JPEG as one of the answers of a connection (HTTP/2).
//!
//! Here hyper writes, since the connection has other answers as well. It asks for the next piece of
//! a body while the one before it waits for its client. So the next frame is chosen only when all
//! of the one before is with the connection, and that is the newest then: a slow client skips, and
//! a stream keeps one frame. The bytes of a part are the same for all viewers.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream::unfold;
use tokio::sync::mpsc::{Sender, channel};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::auth::Lease;
use super::mjpeg::{FIRST_BOUNDARY, LAST_BOUNDARY, whole_part};
use super::server::STALL_TIME;
use super::viewers::ViewerEntry;
use crate::clock::Clock;
use crate::stream::Viewer;

/// The frames of `viewer`, whose `entry` is on the list, until its client goes or takes nothing for
/// [`STALL_TIME`], or its `lease` ends. Must be called on a runtime.
pub fn body(viewer: Viewer, (lease, entry): (Lease, ViewerEntry), clock: Arc<dyn Clock>) -> Body {
    let (parts, receiver) = channel(1);
    tokio::spawn(async move {
        send(viewer, &parts, lease.end(), &*clock).await;
        drop(entry);
    });
    let parts = unfold(receiver, |mut receiver| async {
        let part = receiver.recv().await?;
        Some((Ok::<_, Infallible>(part), receiver))
    });
    Body::from_stream(parts)
}

async fn send(
    mut viewer: Viewer,
    parts: &Sender<Bytes>,
    end: &CancellationToken,
    clock: &dyn Clock,
) {
    let mut part = Bytes::from_static(FIRST_BOUNDARY);
    loop {
        let (tracked, taken) = track(part);
        // The client has gone once nobody takes what is sent here.
        if parts.send(tracked).await.is_err() {
            return;
        }
        tokio::select! {
            // Its other end is dropped.
            _ = taken => {}
            () = parts.closed() => return,
            () = clock.sleep_until(clock.now() + STALL_TIME) => {
                tracing::debug!("a stream ended: its client took nothing for {STALL_TIME:?}");
                return;
            }
        }
        let frame = tokio::select! {
            biased;
            () = end.cancelled() => None,
            () = parts.closed() => return,
            frame = viewer.next() => frame,
        };
        part = match frame {
            Some(frame) => whole_part(&frame),
            None => break,
        };
    }
    // Else the client has gone.
    parts.send(Bytes::from_static(LAST_BOUNDARY)).await.ok();
}

/// Bytes of a body that tell when they are dropped.
struct Tracked {
    bytes: Bytes,
    _dropped: oneshot::Sender<Infallible>,
}

impl AsRef<[u8]> for Tracked {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The same `bytes`, and what ends once all of them are with the connection, or given up.
fn track(bytes: Bytes) -> (Bytes, oneshot::Receiver<Infallible>) {
    let (_dropped, taken) = oneshot::channel();
    (Bytes::from_owner(Tracked { bytes, _dropped }), taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bytes_are_taken_when_the_last_piece_of_them_is_dropped() {
        let (mut bytes, mut taken) = track(Bytes::from_static(b"0123"));
        let first = bytes.split_to(2);
        drop(bytes);
        assert!(
            taken
                .try_recv()
                .is_err_and(|it| it == oneshot::error::TryRecvError::Empty)
        );
        drop(first);
        assert!(taken.await.is_err());
    }
}
