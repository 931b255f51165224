//! The wall by one streamed answer, for clients behind a proxy that passes no WebSocket on.

use std::collections::VecDeque;
use std::convert::Infallible;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Deserialize;

use super::super::api::refusals::WrongCredit;
use super::super::auth::Identity;
use super::super::mjpeg::no_body;
use super::super::problem::ProblemDetails;
use super::super::{App, NO_CACHE, endless};
use super::message::{ClientMessage, Message};
use super::sessions::Session;
use super::{End, Wall};

/// Frames of many streams and the state of the server, as one answer without an end. The first
/// message has the session's name, which requests for credit go to; it ends 60 s after the last of
/// these.
#[utoipa::path(
    get,
    path = "/wall/stream",
    responses(
        (
            status = OK,
            description = "Messages, one after the other",
            body = String,
            content_type = "application/octet-stream",
        ),
    ),
)]
pub async fn stream_wall(
    State(app): State<App>,
    Extension(identity): Extension<Identity>,
    request: Request,
) -> Result<Response, ProblemDetails> {
    let headers = endless("application/octet-stream");
    if request.method() == Method::HEAD {
        return Ok((headers, no_body()).into_response());
    }
    let wall = Wall::open(&app, &identity, &request);
    let session = app.sessions.open(wall.inbox.clone());
    let session = session
        .map_err(|error| ProblemDetails::internal(format!("no session can be named: {error}")))?;
    Ok((headers, messages(wall, session)).into_response())
}

struct Messages {
    wall: Wall,
    /// The rest of a message that is being sent. Frames wait in their streams, not here.
    queue: VecDeque<Bytes>,
    _session: Session,
}

fn messages(wall: Wall, session: Session) -> Body {
    let messages = Messages {
        wall,
        queue: Message::session(session.name()).parts().into(),
        _session: session,
    };
    let next = |mut messages: Messages| async {
        let bytes = messages.next().await.ok()?;
        Some((Ok::<_, Infallible>(bytes), messages))
    };
    Body::from_stream(futures_util::stream::unfold(messages, next))
}

impl Messages {
    async fn next(&mut self) -> Result<Bytes, End> {
        if self.queue.is_empty() {
            self.queue.extend(self.wall.next().await?.parts());
        }
        Ok(self.queue.pop_front().unwrap_or_default())
    }
}

/// A message of the client.
#[derive(Deserialize)]
pub struct Said {
    message: String,
}

/// Gives credit: what a client of the WebSocket sends, by a request. It changes nothing but that
/// client's own answer, and is asked with `GET` since browsers and proxies may then send it again.
#[utoipa::path(
    get,
    path = "/wall/stream/{session}",
    params(
        (
            "session" = String,
            Path,
            description = "The session's name, from the first message of the answer",
        ),
        ("message" = String, Query, description = "A `ClientMessage` as JSON"),
    ),
    responses(
        (status = NO_CONTENT, description = "It is heeded"),
        WrongCredit,
    ),
)]
pub async fn give_credit(
    State(app): State<App>,
    Path(session): Path<String>,
    Query(said): Query<Said>,
) -> Result<Response, ProblemDetails> {
    let inbox = app.sessions.find(&session).ok_or_else(|| {
        ProblemDetails::not_found("no session has this name; it is over with its answer")
    })?;
    ClientMessage::parse(&said.message)
        .and_then(|message| inbox.put(message))
        .map_err(|error| ProblemDetails::bad_request(error.to_string()))?;
    Ok((StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, NO_CACHE)]).into_response())
}
