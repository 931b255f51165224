//! Places that are kept for longer than a request is answered.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use tokio_util::task::task_tracker::TaskTrackerToken;

use super::places::Place;
use super::{Admitted, Seat};

/// The resources that a connection holds while it stands: its place, and the server's waiting for
/// its end. Clones hold it, too.
#[derive(Clone)]
pub struct Connected(Arc<(Admitted, TaskTrackerToken)>);

impl Connected {
    /// A connection that was `admitted`, which the server waits for as `token` says.
    pub fn new(admitted: Admitted, token: TaskTrackerToken) -> Self {
        Self(Arc::new((admitted, token)))
    }

    /// Its seat, if it is in the reserve.
    pub fn seat(&self) -> Option<&Arc<Seat>> {
        match &self.0.0 {
            Admitted::Placed { .. } => None,
            Admitted::Reserved(seat) => Some(seat),
        }
    }
}

/// The places that a request holds while it is answered. Whatever outlives the answer, as a
/// WebSocket does, keeps it.
pub struct Held {
    _connection: Option<Connected>,
    _place: Option<Arc<Place>>,
}

impl Held {
    /// Those of `request`.
    pub fn of(request: &Request) -> Self {
        Self {
            _connection: request.extensions().get().cloned(),
            _place: request.extensions().get().cloned(),
        }
    }
}

/// Keeps `place` for as long as `response` is being sent.
pub fn hold(response: Response, place: Option<Arc<Place>>) -> Response {
    match place {
        None => response,
        Some(place) => keep(response, place),
    }
}

/// Keeps `held` for as long as `response` is being sent.
pub fn keep<T: Send + Sync + Unpin + 'static>(response: Response, held: T) -> Response {
    response.map(|body| Body::new(HeldBody { body, _held: held }))
}

struct HeldBody<T> {
    body: Body,
    _held: T,
}

impl<T: Unpin> HttpBody for HeldBody<T> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
