//! Notifications as they happen, as server-sent events (HTML standard, 9.2).

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::Method;
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::json;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::super::mjpeg::no_body;
use super::super::{App, endless};
use crate::control::Controller;
use crate::notifications::Notification;

/// The interval at which a silent connection is told that it still stands.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Notifications, as server-sent events: `state`, `viewers`, `filter-error`, `filter-recovered`, `reload`
/// and `change`; `lagged` to one who reads so slowly that events were left out. What is wrong with
/// a pipeline file takes the admin token to see.
#[utoipa::path(
    get,
    path = "/events",
    responses((status = OK, description = "Notifications, for as long as the connection stands", body = String, content_type = "text/event-stream")),
)]
pub async fn listen_to_events(State(app): State<App>, request: Request) -> Response {
    let headers = endless("text/event-stream");
    if request.method() == Method::HEAD {
        return (headers, no_body()).into_response();
    }
    let listener = Listener {
        notifications: app.controller.notifications().subscribe(),
        shutdown: app.shutdown.clone(),
        may_see_all: app.is_admin(&request),
        controller: app.controller,
    };
    let events = stream::unfold(listener, |mut listener| async {
        let event = listener.next().await?;
        Some((Ok::<_, Infallible>(event), listener))
    });
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    (headers, Sse::new(events).keep_alive(keep_alive)).into_response()
}

struct Listener {
    notifications: Receiver<Notification>,
    shutdown: CancellationToken,
    controller: Controller,
    /// Whether it may see what stands in the pipeline file.
    may_see_all: bool,
}

impl Listener {
    async fn next(&mut self) -> Option<sse::Event> {
        let event = self.shutdown.run_until_cancelled(self.notifications.recv());
        let event = match event.await? {
            Ok(event) => json!(self.allowed(event)),
            Err(RecvError::Lagged(missed)) => {
                json!({ "event": "lagged", "data": { "missed": missed } })
            }
            Err(RecvError::Closed) => return None,
        };
        let name = event["event"].as_str().unwrap_or_default();
        let data = event["data"].to_string();
        Some(sse::Event::default().event(name).data(data))
    }

    fn allowed(&self, notification: Notification) -> Notification {
        match notification {
            Notification::Reload {
                succeeded: false, ..
            } if !self.may_see_all => {
                let error = self.controller.report().error;
                let message = error.map(|error| error.places_only().message);
                Notification::Reload {
                    message: message.unwrap_or_else(|| "the pipeline file was wrong".to_owned()),
                    succeeded: false,
                }
            }
            other => other,
        }
    }
}
