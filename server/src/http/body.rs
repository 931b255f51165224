//! Bodies of requests: they come soon, and have a limit.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, BodyDataStream, HttpBody};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use hyper::body::{Frame, SizeHint};
use tokio::sync::oneshot;

use super::api;
use super::problem::ProblemDetails;
use crate::clock::Clock;

/// The longest time for a body, from its header on.
pub const BODY_TIME: Duration = Duration::from_secs(30);
/// The most bytes of a body that isn't an upload.
const BODY_BYTES: u64 = 256 << 10;

/// The longest wait for a body that nobody reads, such as that of a request without a token.
const UNREAD_TIME: Duration = Duration::from_secs(1);
/// The most bytes that are read of it.
const UNREAD_BYTES: u64 = 64 << 10;

/// A request's body for as long as its handler has it.
struct HandlerBody {
    body: Body,
    /// The receiver of its rest.
    owner: Option<oneshot::Sender<Body>>,
}

impl HttpBody for HandlerBody {
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

impl Drop for HandlerBody {
    fn drop(&mut self) {
        let left = std::mem::take(&mut self.body);
        // Without an owner, the request has been given up.
        let _ = self.owner.take().map(|owner| owner.send(left));
    }
}

/// The rest of a request's body that its handler has left.
pub struct Rest {
    body: Option<oneshot::Receiver<Body>>,
}

impl Rest {
    /// The rest of the body of `request`, which keeps it until its handler has ended.
    pub fn of(request: Request) -> (Request, Self) {
        // Whoever sends that doesn't send the body before somebody reads it (RFC 9110, 10.1.1).
        let waits = request.headers().contains_key(header::EXPECT);
        let (owner, body) = oneshot::channel();
        let lend = |body| {
            let owner = Some(owner);
            Body::new(HandlerBody { body, owner })
        };
        let body = (!waits).then_some(body);
        (request.map(lend), Self { body })
    }

    /// Reads it, so that the next request of the connection is found behind it. Gives whether all
    /// of it came; else the connection must end: a client or a proxy that isn't told so would send
    /// the next request to where nobody reads (RFC 9112, 9.3).
    pub async fn drain(self, clock: &Arc<dyn Clock>) -> bool {
        let Some(Ok(body)) = self.body.map(|mut body| body.try_recv()) else {
            return false;
        };
        if body.is_end_stream() {
            return true;
        }
        if body.size_hint().lower() > UNREAD_BYTES {
            return false;
        }
        let mut pieces = body.into_data_stream();
        let read = async {
            let mut left = UNREAD_BYTES;
            loop {
                let came = match pieces.next().await {
                    None => return true,
                    Some(piece) => piece.map_or(u64::MAX, |piece| piece.len() as u64),
                };
                let Some(fewer) = left.checked_sub(came) else {
                    return false;
                };
                left = fewer;
            }
        };
        tokio::select! {
            is_read = read => is_read,
            () = clock.sleep_until(clock.now() + UNREAD_TIME) => false,
        }
    }
}

/// The body of a request, piece by piece.
pub struct Incoming {
    pieces: BodyDataStream,
    /// The bytes that may still come.
    left: u64,
    most: u64,
    end: Instant,
    clock: Arc<dyn Clock>,
}

impl Incoming {
    /// The body of a request whose header came just now, of at most `most` bytes.
    ///
    /// # Errors
    /// It says itself that it is larger (413).
    pub fn new(body: Body, most: u64, clock: Arc<dyn Clock>) -> Result<Self, ProblemDetails> {
        if body.size_hint().lower() > most {
            return Err(too_large(most));
        }
        Ok(Self {
            pieces: body.into_data_stream(),
            left: most,
            most,
            end: clock.now() + BODY_TIME,
            clock,
        })
    }

    /// The least that is still to come, in bytes, as far as it is known.
    pub fn least(&self) -> u64 {
        HttpBody::size_hint(&self.pieces).lower()
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// It does not come in time (408), is one too many (413), or the connection broke (400).
    pub async fn next(&mut self) -> Result<Option<Bytes>, ProblemDetails> {
        let piece = tokio::select! {
            piece = self.pieces.next() => piece,
            () = self.clock.sleep_until(self.end) => return Err(too_late()),
        };
        let Some(piece) = piece else {
            return Ok(None);
        };
        let piece = piece.map_err(|error| {
            ProblemDetails::bad_request(format!("the body did not come whole: {error}")).closing()
        })?;
        let left = self.left.checked_sub(piece.len() as u64);
        self.left = left.ok_or_else(|| too_large(self.most))?;
        Ok(Some(piece))
    }
}

fn too_late() -> ProblemDetails {
    let why = format!("the body did not come within {BODY_TIME:?}");
    ProblemDetails::new(StatusCode::REQUEST_TIMEOUT, why).closing()
}

fn too_large(most: u64) -> ProblemDetails {
    let why = format!("the body may have {most} bytes, and has more");
    ProblemDetails::new(StatusCode::PAYLOAD_TOO_LARGE, why).closing()
}

/// Waits for the whole body of `request`, unless it is an upload, which is kept as it comes.
///
/// # Errors
/// See [`Incoming`].
pub async fn receive(request: Request, clock: &Arc<dyn Clock>) -> Result<Request, ProblemDetails> {
    if api::is_upload(&request) {
        return Ok(request);
    }
    let (head, body) = request.into_parts();
    let mut incoming = Incoming::new(body, BODY_BYTES, clock.clone())?;
    let mut whole = BytesMut::new();
    while let Some(piece) = incoming.next().await? {
        whole.extend_from_slice(&piece);
    }
    Ok(Request::from_parts(head, whole.freeze().into()))
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use futures_util::stream;

    use super::*;
    use crate::clock::fake::FakeClock;

    fn status(result: Result<Option<Bytes>, ProblemDetails>) -> u16 {
        result.map_or_else(|problem| problem.into_response().status().as_u16(), |_| 200)
    }

    #[tokio::test]
    async fn a_body_comes_within_its_time_however_often_a_piece_of_it_comes() {
        let clock = FakeClock::new();
        let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
        let pieces = stream::unfold(receiver, |mut receiver| async {
            let piece = receiver.recv().await?;
            Some((Ok::<_, std::io::Error>(piece), receiver))
        });
        let mut incoming = Incoming::new(Body::from_stream(pieces), 100, clock.clone()).unwrap();
        sender.send(Bytes::from_static(b"a")).await.unwrap();
        assert_eq!(incoming.next().await.unwrap().unwrap(), "a");
        clock.advance(BODY_TIME - Duration::from_secs(1));
        sender.send(Bytes::from_static(b"b")).await.unwrap();
        assert_eq!(incoming.next().await.unwrap().unwrap(), "b");
        clock.advance(Duration::from_secs(1));
        assert_eq!(status(incoming.next().await), 408);
    }

    /// The rest of a body of `pieces` that nobody reads; it ends when the sender does.
    fn unread(pieces: tokio::sync::mpsc::Receiver<Bytes>) -> Rest {
        let pieces = stream::unfold(pieces, |mut pieces| async {
            let piece = pieces.recv().await?;
            Some((Ok::<_, std::io::Error>(piece), pieces))
        });
        let (request, rest) = Rest::of(Request::new(Body::from_stream(pieces)));
        drop(request);
        rest
    }

    #[tokio::test]
    async fn what_nobody_reads_of_a_body_is_read_as_far_as_it_comes_soon() {
        let clock = FakeClock::new();
        let dynamic: Arc<dyn Clock> = clock.clone();
        let (sender, receiver) = tokio::sync::mpsc::channel(2);
        sender.send(Bytes::from_static(b"whole")).await.unwrap();
        drop(sender);
        assert!(unread(receiver).drain(&dynamic).await);

        let (sender, receiver) = tokio::sync::mpsc::channel(2);
        let half = vec![0; UNREAD_BYTES as usize / 2 + 1];
        sender.send(half.clone().into()).await.unwrap();
        sender.send(half.into()).await.unwrap();
        assert!(!unread(receiver).drain(&dynamic).await, "too large");

        let (_sender, receiver) = tokio::sync::mpsc::channel(1);
        let rest = unread(receiver);
        let too_late = tokio::spawn(async move { rest.drain(&dynamic).await });
        tokio::task::yield_now().await;
        clock.advance(UNREAD_TIME);
        assert!(!too_late.await.unwrap());
    }

    #[tokio::test]
    async fn a_body_that_is_too_large_is_refused_with_or_without_its_length() {
        let clock = FakeClock::new();
        assert!(Incoming::new(Body::from("12345"), 4, clock.clone()).is_err());
        let pieces = ["123", "45"].map(|piece| Ok::<_, std::io::Error>(Bytes::from(piece)));
        let body = Body::from_stream(stream::iter(pieces));
        let mut incoming = Incoming::new(body, 4, clock).unwrap();
        assert_eq!(status(incoming.next().await), 200);
        assert_eq!(status(incoming.next().await), 413);
    }
}
