//! Events and notifications as they happen, as server-sent events (HTML standard, 9.2).

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::Request;
use axum::http::{Method, Uri};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::super::super::auth::{Identity, Lease, Right};
use super::super::super::mjpeg::no_body;
use super::super::super::viewers::lease;
use super::super::super::{App, endless};
use super::super::root_from;
use super::EventReport;
use crate::control::Controller;
use crate::event_log::{Change, EventId};
use crate::notifications::Notification;

/// The interval at which a silent connection is told that it still stands.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Events and notifications, those of one stream or one kind if it is said, for as long as the
/// connection stands.
pub fn answer(
    app: App,
    identity: Identity,
    uri: &Uri,
    (stream, kind): (Option<String>, Option<String>),
    request: &Request,
) -> Response {
    let headers = endless("text/event-stream");
    if request.method() == Method::HEAD {
        return (headers, no_body()).into_response();
    }
    let root = root_from(uri);
    // Before those that are missing are looked up: one may come twice, and none is lost.
    let changes = app.controller.events().changes();
    let listener = Listener {
        missed: missed(&app, &identity, &root, request),
        changes,
        notifications: app.controller.notifications().subscribe(),
        lease: lease(&app, &identity),
        controller: app.controller,
        identity,
        root,
        stream,
        kind,
    };
    let events = stream::unfold(listener, |mut listener| async {
        let message = listener.next().await?;
        Some((Ok::<_, Infallible>(message.into_event()), listener))
    });
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    (headers, Sse::new(events).keep_alive(keep_alive)).into_response()
}

/// The events that a client which has been here before has missed.
fn missed(app: &App, identity: &Identity, root: &str, request: &Request) -> VecDeque<Message> {
    let last = request.headers().get("last-event-id");
    let last = last.and_then(|id| id.to_str().ok()?.parse::<EventId>().ok());
    let missed = last.map(|id| app.controller.events().since(&id));
    let reports = missed.into_iter().flatten();
    let reports =
        reports.map(|kept| Message::event(EventReport::of(&kept, root).seen_by(identity)));
    reports.collect()
}

/// A server-sent event.
struct Message {
    id: Option<EventId>,
    name: String,
    data: Value,
}

impl Message {
    fn event(report: EventReport) -> Self {
        Self {
            id: Some(report.event.id.clone()),
            name: report.event.kind.to_string(),
            data: json!(report),
        }
    }

    fn notification(notification: &Notification) -> Self {
        let mut json = json!(notification);
        Self {
            id: None,
            name: json["event"].as_str().unwrap_or_default().to_owned(),
            data: json["data"].take(),
        }
    }

    fn lagged(missed: u64) -> Self {
        Self {
            id: None,
            name: "lagged".to_owned(),
            data: json!({ "missed": missed }),
        }
    }

    fn into_event(self) -> sse::Event {
        let event = sse::Event::default().event(self.name);
        let event = event.data(self.data.to_string());
        match self.id {
            Some(id) => event.id(id.as_str()),
            None => event,
        }
    }
}

struct Listener {
    missed: VecDeque<Message>,
    changes: Receiver<Change>,
    notifications: Receiver<Notification>,
    lease: Lease,
    controller: Controller,
    identity: Identity,
    /// The way from the answer to the server's root.
    root: String,
    /// The stream of which all has to be, and the name that it has to have.
    stream: Option<String>,
    kind: Option<String>,
}

impl Listener {
    async fn next(&mut self) -> Option<Message> {
        loop {
            let message = match self.missed.pop_front() {
                Some(missed) => missed,
                None => self.receive().await?,
            };
            if self.wants(&message) {
                return Some(message);
            }
        }
    }

    fn wants(&self, message: &Message) -> bool {
        let kind = self.kind.as_ref();
        let stream = self.stream.as_deref();
        let is_wanted = kind.is_none_or(|kind| *kind == message.name)
            && stream.is_none_or(|stream| message.data["stream"] == stream);
        self.sees(message) && is_wanted || message.name == "lagged"
    }

    /// Whether its client may see the message.
    fn sees(&self, message: &Message) -> bool {
        let right = match message.name.as_str() {
            "audit" => Right::Administer,
            "change" | "reload" | "filter-error" | "filter-recovered" => Right::Read,
            _ => Right::Watch,
        };
        // These name streams in their texts.
        let is_of_all = matches!(message.name.as_str(), "change" | "reload");
        if is_of_all && !self.identity.streams.is_all() {
            return false;
        }
        let stream = message.data["stream"].as_str();
        self.identity.may(right) && stream.is_none_or(|it| self.identity.sees(it))
    }

    async fn receive(&mut self) -> Option<Message> {
        let received = tokio::select! {
            () = self.lease.end().cancelled() => return None,
            change = self.changes.recv() => change.map(|change| {
                let report = EventReport::new(&change.event, change.has_picture, &self.root);
                Message::event(report.seen_by(&self.identity))
            }),
            notification = self.notifications.recv() => {
                notification.map(|it| Message::notification(&self.allowed(it)))
            }
        };
        match received {
            Ok(message) => Some(message),
            Err(RecvError::Lagged(missed)) => Some(Message::lagged(missed)),
            Err(RecvError::Closed) => None,
        }
    }

    fn allowed(&self, notification: Notification) -> Notification {
        match notification {
            Notification::Reload {
                succeeded: false, ..
            } if !self.identity.may(Right::Administer) => {
                let error = self.controller.report().error;
                let message = error.map(|error| error.places_only().message);
                Notification::Reload {
                    message: message.unwrap_or_else(|| "the pipeline file was wrong".to_owned()),
                    succeeded: false,
                }
            }
            Notification::State {
                stream,
                state,
                error: Some(_),
            } if !self.identity.may(Right::Read) => Notification::State {
                stream,
                state,
                error: None,
            },
            other => other,
        }
    }
}
