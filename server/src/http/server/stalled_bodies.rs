//! The end of answers whose client takes nothing, where the connection has others as well.
//!
//! hyper asks a body for its next piece, and not again before the client takes that. What the body
//! holds, such as a viewer, is let go here after [`STALL_TIME`]; the stream then ends as soon as
//! its client takes something.

use std::pin::Pin;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use super::STALL_TIME;
use crate::clock::Clock;
use crate::sync::IgnorePoison;

/// The interval at which they are looked for.
const INTERVAL: Duration = Duration::from_secs(STALL_TIME.as_secs() / 4);

/// The bodies of a connection. Clones share them.
#[derive(Clone)]
pub struct Bodies {
    clock: Arc<dyn Clock>,
    all: Arc<Mutex<Vec<Weak<Mutex<Slot>>>>>,
}

/// A body, until it is let go.
struct Slot {
    body: Option<Body>,
    /// The time at which it gave its last piece, if nobody has asked for another.
    waits_since: Option<Instant>,
}

/// A body that may be let go.
struct Watched {
    clock: Arc<dyn Clock>,
    slot: Arc<Mutex<Slot>>,
}

impl Bodies {
    /// None yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            all: Arc::default(),
        }
    }

    /// The same `response`, whose body is let go when nobody asks for more of it for too long.
    pub fn watch(&self, response: Response) -> Response {
        response.map(|body| {
            if body.is_end_stream() {
                return body;
            }
            let slot = Arc::new(Mutex::new(Slot {
                body: Some(body),
                waits_since: None,
            }));
            let mut all = self.all.lock().ignore_poison();
            all.retain(|slot| slot.strong_count() > 0);
            all.push(Arc::downgrade(&slot));
            Body::new(Watched {
                clock: self.clock.clone(),
                slot,
            })
        })
    }

    /// Lets go of those that wait for too long, again and again.
    pub async fn look_after(&self) {
        loop {
            let next = self.clock.now() + INTERVAL;
            self.clock.sleep_until(next).await;
            self.let_go();
        }
    }

    fn let_go(&self) {
        let now = self.clock.now();
        let all: Vec<_> = self.all.lock().ignore_poison().clone();
        for slot in all.iter().filter_map(Weak::upgrade) {
            let mut slot = slot.lock().ignore_poison();
            let waits = slot.waits_since.map(|since| now.duration_since(since));
            if waits.is_some_and(|waits| waits >= STALL_TIME) && slot.body.take().is_some() {
                tracing::debug!("an answer ended: its client took nothing for {STALL_TIME:?}");
            }
        }
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut slot = self.slot.lock().ignore_poison();
        slot.waits_since = None;
        let Some(body) = &mut slot.body else {
            let stalled = std::io::Error::from(std::io::ErrorKind::TimedOut);
            return Poll::Ready(Some(Err(axum::Error::new(stalled))));
        };
        let frame = ready!(Pin::new(body).poll_frame(context));
        slot.waits_since = frame.is_some().then(|| self.clock.now());
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        let slot = self.slot.lock().ignore_poison();
        slot.body.as_ref().is_some_and(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let slot = self.slot.lock().ignore_poison();
        let body = slot.body.as_ref();
        body.map_or_else(SizeHint::default, HttpBody::size_hint)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;
    use futures_util::task::noop_waker_ref;

    use super::*;
    use crate::clock::fake::FakeClock;

    #[tokio::test]
    async fn a_body_of_which_nobody_takes_more_is_let_go() {
        let clock = FakeClock::new();
        let bodies = Bodies::new(clock.clone());
        let held = Arc::new(());
        let pieces = stream::repeat_with({
            let held = held.clone();
            move || {
                let _held = &held;
                Ok::<_, Infallible>(Bytes::from_static(b"piece"))
            }
        });
        let response = bodies.watch(Response::new(Body::from_stream(pieces)));
        let mut body = response.into_body();
        let context = &mut Context::from_waker(noop_waker_ref());
        let mut poll = || Pin::new(&mut body).poll_frame(context);
        for _ in 0..3 {
            assert!(matches!(poll(), Poll::Ready(Some(Ok(_)))));
            clock.advance(STALL_TIME - Duration::from_secs(1));
            bodies.let_go();
            assert_eq!(Arc::strong_count(&held), 2);
        }
        clock.advance(Duration::from_secs(1));
        bodies.let_go();
        assert_eq!(Arc::strong_count(&held), 1);
        assert!(matches!(poll(), Poll::Ready(Some(Err(_)))));
    }
}
