//! Bodies of requests: they come soon, and have a limit.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, BodyDataStream, HttpBody};
use axum::extract::Request;
use axum::http::StatusCode;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use super::api;
use super::problem::ProblemDetails;
use crate::clock::Clock;

/// The longest time for a body, from its header on.
pub const BODY_TIME: Duration = Duration::from_secs(30);
/// The most bytes of a body that isn't an upload.
const BODY_BYTES: u64 = 256 << 10;

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
