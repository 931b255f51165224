//! Events as they happen, as server-sent events (HTML standard, 9.2).

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::Method;
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::super::App;
use super::super::mjpeg::no_body;
use crate::events::Event;

/// How often a silent connection is told that it still stands.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What happens, as server-sent events: `state`, `viewers`, `filter-error`, `reload` and `change`; `lagged` to one who reads so slowly
/// that events were left out.
#[utoipa::path(
    get,
    path = "/events",
    operation_id = "listen_to_events",
    tag = "Server",
    responses(
        (status = OK, description = "Events, for as long as the connection stands", body = String, content_type = "text/event-stream"),
    ),
)]
pub async fn listen(State(app): State<App>, method: Method) -> Response {
    let kind = [("content-type", "text/event-stream")];
    if method == Method::HEAD {
        return (kind, no_body()).into_response();
    }
    let listener = (app.live.events().listen(), app.shutdown.clone());
    let events = stream::unfold(listener, |(mut events, shutdown)| async {
        let event = next(&mut events, &shutdown).await?;
        Some((Ok::<_, Infallible>(event), (events, shutdown)))
    });
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    Sse::new(events).keep_alive(keep_alive).into_response()
}

async fn next(events: &mut Receiver<Event>, shutdown: &CancellationToken) -> Option<Sent> {
    let (name, data) = match shutdown.run_until_cancelled(events.recv()).await? {
        Ok(event) => describe(event),
        Err(RecvError::Lagged(missed)) => ("lagged", json!({ "missed": missed })),
        Err(RecvError::Closed) => return None,
    };
    Some(Sent::default().event(name).data(data.to_string()))
}

fn describe(event: Event) -> (&'static str, Value) {
    match event {
        Event::State {
            stream,
            state,
            error,
        } => (
            "state",
            json!({ "stream": stream, "state": state, "error": error }),
        ),
        Event::Viewers { stream, viewers } => {
            ("viewers", json!({ "stream": stream, "viewers": viewers }))
        }
        Event::FilterError {
            stream,
            step,
            filter,
            error,
        } => (
            "filter-error",
            json!({ "stream": stream, "step": step, "filter": filter, "error": error }),
        ),
        Event::Reload { message, succeeded } => (
            "reload",
            json!({ "message": message, "succeeded": succeeded }),
        ),
        Event::Change { method, path, peer } => (
            "change",
            json!({ "method": method, "path": path, "peer": peer }),
        ),
    }
}
