//! Events: listed, shown, removed; and, with the server's notifications, as they happen.

mod live;

use axum::Extension;
use axum::extract::{OriginalUri, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::App;
use super::super::auth::{Identity, Right};
use super::super::problem::ProblemDetails;
use super::refusals::{NoEvent, NoPicture, WrongQuery};
use super::{Answer, BASE, root_from, uncached_json};
use crate::event_log::{Event, EventId, EventKind, Filter, Kept, StoreReport, rfc3339};
use crate::hash::hash;

/// The number of events in an answer where the client says none, and the most of them.
const PAGE: usize = 100;
const LARGEST_PAGE: usize = 1_000;

/// An event, and where its picture is.
#[derive(Serialize, utoipa::ToSchema)]
struct EventReport {
    #[serde(flatten)]
    event: Event,
    /// The address of its picture, if it has one: a reference relative to the address of this
    /// answer (RFC 3986, 4.2).
    picture_url: Option<String>,
}

impl EventReport {
    /// `event` in an answer from which `root` leads to the server's root.
    fn new(event: &Event, has_picture: bool, root: &str) -> Self {
        let id = &event.id;
        let base = BASE.trim_start_matches('/');
        Self {
            picture_url: has_picture.then(|| format!("{root}{base}/events/{id}/picture")),
            event: event.clone(),
        }
    }

    fn of(kept: &Kept, root: &str) -> Self {
        Self::new(&kept.event, kept.picture.is_there(), root)
    }

    /// The same as `identity` may see it: the texts of the server's own events name addresses and
    /// files of cameras.
    fn seen_by(mut self, identity: &Identity) -> Self {
        if self.event.filter.is_none() && !identity.may(Right::Read) {
            self.event.text = None;
        }
        self
    }
}

/// Some events.
#[derive(Serialize, utoipa::ToSchema)]
struct Events {
    /// The events, newest first.
    events: Vec<EventReport>,
    /// What to send as `before` to get those that are older, if there are more.
    next: Option<EventId>,
    /// The state of the folder that they are kept in.
    store: StoreReport,
}

/// A choice of events.
#[derive(Deserialize)]
pub struct Choice {
    stream: Option<String>,
    kind: Option<String>,
    #[serde(default, deserialize_with = "rfc3339::optional::deserialize")]
    since: Option<Timestamp>,
    #[serde(default, deserialize_with = "rfc3339::optional::deserialize")]
    until: Option<Timestamp>,
    before: Option<EventId>,
    limit: Option<usize>,
}

impl Choice {
    fn filter(self) -> Result<Filter, ProblemDetails> {
        let limit = self.limit.unwrap_or(PAGE);
        if !(1..=LARGEST_PAGE).contains(&limit) {
            let why = format!("`limit` is 1 to {LARGEST_PAGE}");
            return Err(ProblemDetails::bad_request(why));
        }
        let kind = self.kind.map(|kind| EventKind::new(&kind));
        let kind = kind.transpose();
        let kind = kind.map_err(|why| ProblemDetails::bad_request(format!("`kind`: {why}")))?;
        Ok(Filter {
            stream: self.stream,
            kind,
            since: self.since,
            until: self.until,
            before: self.before,
            limit,
        })
    }
}

/// Events. Whoever accepts `application/json` gets a list of those that are kept; everybody else
/// gets events as they happen, as server-sent events.
///
/// As server-sent events, an event comes under its kind, such as `motion`, with its id, when it
/// begins and when it ends; with `Last-Event-ID`, first those that began or ended since that one
/// began, of which some may be known. Beside them come the server's own notifications: `state`,
/// `viewers`, `filter-error`, `filter-recovered`, `reload`, `change` and `audit`; and `lagged` to
/// one who reads so slowly that some were left out. `stream` and `kind` choose among all of them.
/// What is wrong with a pipeline file, and `audit`, take an admin to see; `filter-error`,
/// `filter-recovered`, `reload` and `change` an operator.
#[utoipa::path(
    get,
    path = "/events",
    params(
        ("stream" = Option<String>, Query, description = "Only those of this stream"),
        ("kind" = Option<String>, Query, description = "Only those of this kind"),
        (
            "since" = Option<String>,
            Query,
            description = "In lists, only those that last at this time or begin later (RFC 3339)",
        ),
        (
            "until" = Option<String>,
            Query,
            description = "In lists, only those that began before this time (RFC 3339)",
        ),
        (
            "before" = Option<EventId>,
            Query,
            description = "In lists, only those that began before the event of this id",
        ),
        (
            "limit" = Option<usize>,
            Query,
            description = "The most events in a list, 1 to 1000 (100)",
        ),
    ),
    responses(
        (status = OK, description = "A list, newest first; or events, for as long as \
            the connection stands", content(
            (Events = "application/json"),
            (String = "text/event-stream"),
        )),
        WrongQuery,
    ),
)]
pub async fn list_events(
    State(app): State<App>,
    Extension(identity): Extension<Identity>,
    OriginalUri(uri): OriginalUri,
    Query(choice): Query<Choice>,
    request: Request,
) -> Answer {
    // No cache keeps either, so that none gives one for the other.
    Ok(match accepts_json(request.headers()) {
        true => list(&app, &identity, &uri, choice.filter()?),
        false => live::answer(app, identity, &uri, (choice.stream, choice.kind), &request),
    })
}

fn list(app: &App, identity: &Identity, uri: &Uri, filter: Filter) -> Response {
    let events = app.controller.events();
    let sees = |stream: &str| identity.sees(stream);
    let (page, root) = (events.page(&filter, &sees), root_from(uri));
    let reports = page
        .events
        .iter()
        .map(|it| EventReport::of(it, &root).seen_by(identity));
    uncached_json(Events {
        events: reports.collect(),
        next: page.next,
        store: events.store_report(),
    })
}

/// Whether JSON is asked for (RFC 9110, 12.5.1).
fn accepts_json(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter();
    let mut accepted = accepted.filter_map(|value| value.to_str().ok());
    accepted.any(|value| value.contains("application/json"))
}

/// One event.
#[utoipa::path(
    get,
    path = "/events/{event}",
    params(("event" = EventId, Path, description = "The event's id")),
    responses((status = OK, description = "The event", body = EventReport), NoEvent),
)]
pub async fn show_event(
    State(app): State<App>,
    Extension(identity): Extension<Identity>,
    OriginalUri(uri): OriginalUri,
    Path(id): Path<String>,
) -> Answer {
    let kept = find(&app, &identity, &id)?;
    let report = EventReport::of(&kept, &root_from(&uri));
    Ok(uncached_json(report.seen_by(&identity)))
}

/// The event `id`, if `identity` sees its stream.
fn find(app: &App, identity: &Identity, id: &str) -> Result<Kept, ProblemDetails> {
    let id = id.parse::<EventId>().map_err(|_| unknown(id))?;
    let kept = app.controller.events().find(&id);
    let kept = kept.filter(|it| identity.sees(&it.event.stream));
    kept.ok_or_else(|| unknown(id.as_str()))
}

fn unknown(id: &str) -> ProblemDetails {
    ProblemDetails::not_found(format!("there is no event `{id}`; it may be too old"))
}

/// An event's picture: of several the one that shows it best.
#[utoipa::path(
    get,
    path = "/events/{event}/picture",
    params(("event" = EventId, Path, description = "The event's id")),
    responses(
        (status = OK, description = "The picture", body = String, content_type = "image/jpeg"),
        (status = NOT_MODIFIED, description = "It is the one that `If-None-Match` names"),
        NoPicture,
    ),
)]
pub async fn show_event_picture(
    State(app): State<App>,
    Extension(identity): Extension<Identity>,
    Path(id): Path<String>,
    request: Request,
) -> Answer {
    let event = find(&app, &identity, &id)?.event;
    let read = app.controller.events().read_picture(&event.id).await;
    // The reason may name a folder, and is for the log.
    let read = read.map_err(|why| {
        tracing::warn!(event = %event.id, error = %why, "an event's picture can't be read");
        ProblemDetails::internal("the event's picture can't be read; the log says why")
    })?;
    let Some(jpeg) = read else {
        return Err(ProblemDetails::not_found("the event has no picture"));
    };
    let tag = format!("\"{}\"", hash::<8>(&jpeg));
    let known = request.headers().get(header::IF_NONE_MATCH);
    let is_known = known.is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let headers = [
        (header::CONTENT_TYPE, "image/jpeg"),
        // It goes when a mask is added, and may be another one while the event lasts.
        (header::CACHE_CONTROL, "private, no-cache"),
        (header::ETAG, &tag),
    ];
    Ok(match is_known {
        true => (StatusCode::NOT_MODIFIED, headers).into_response(),
        false => (headers, jpeg.bytes().clone()).into_response(),
    })
}

/// Removes an event, with its picture.
#[utoipa::path(
    delete,
    path = "/events/{event}",
    params(("event" = EventId, Path, description = "The event's id")),
    responses((status = NO_CONTENT, description = "It is removed"), NoEvent),
)]
pub async fn remove_event(
    State(app): State<App>,
    Extension(identity): Extension<Identity>,
    Path(id): Path<String>,
) -> Answer {
    let kept = find(&app, &identity, &id)?;
    app.controller.events().remove(&kept.event.id);
    Ok(StatusCode::NO_CONTENT.into_response())
}
