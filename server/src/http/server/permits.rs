//! Permits that are kept for longer than a request is answered.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use tokio_util::task::task_tracker::TaskTrackerToken;

use super::connection_limits::ConnectionPermit;
use super::{Permit, ReservePermit};

/// The resources that a connection holds while it stands: its permit, and the server's waiting for
/// its end. Clones hold it, too.
#[derive(Clone)]
pub struct Connected(Arc<(Permit, TaskTrackerToken)>);

impl Connected {
    /// A connection with a `permit`, which the server waits for as `token` says.
    pub fn new(permit: Permit, token: TaskTrackerToken) -> Self {
        Self(Arc::new((permit, token)))
    }

    /// Its permit, if it is in the reserve.
    pub fn reserve_permit(&self) -> Option<&Arc<ReservePermit>> {
        match &self.0.0 {
            Permit::Regular { .. } => None,
            Permit::Reserved(reserve_permit) => Some(reserve_permit),
        }
    }
}

/// The permits that a request holds while it is answered. Whatever outlives the answer, as a
/// WebSocket does, keeps it.
pub struct Held {
    _connection: Option<Connected>,
    _permit: Option<Arc<ConnectionPermit>>,
}

impl Held {
    /// Those of `request`.
    pub fn of(request: &Request) -> Self {
        Self {
            _connection: request.extensions().get().cloned(),
            _permit: request.extensions().get().cloned(),
        }
    }
}

/// Keeps `permit` for as long as `response` is being sent.
pub fn hold(response: Response, permit: Option<Arc<ConnectionPermit>>) -> Response {
    match permit {
        None => response,
        Some(permit) => keep(response, permit),
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
