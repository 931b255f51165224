//! HTTP: Motion JPEG, snapshots, the API, and the page.

mod address;
mod api;
mod auth;
mod body;
mod health;
mod metrics;
mod mjpeg;
mod mjpeg_body;
mod picture_page;
mod problem;
mod scheme;
mod server;
mod snapshot;
mod tls;
mod ui;
mod viewers;
mod viewing;
mod wall;

use std::sync::Arc;

use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderName, StatusCode, Uri, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use tokio_util::sync::CancellationToken;

pub use server::{Listener, Protocol, local_host, serve};
pub use tls::Certificates;

use crate::actions::Actions;
use crate::clock::Clock;
use crate::control::{Controller, EditError};
use crate::mqtt::Mqtt;
use crate::stream::{Stream, StreamReport};
use address::{Action, Pictures, pictures_of_file};
use api::Uploads;
pub use auth::StateFiles;
use auth::{Access, AuditLog, Identity, Right};
use server::{ConnectionCapacity, ConnectionLimits};
use viewers::ViewerList;
use viewing::Visit;
use wall::Sessions;

/// The state that all handlers share.
#[derive(Clone)]
pub struct App {
    controller: Controller,
    actions: Actions,
    mqtt: Mqtt,
    access: Access,
    certificates: Certificates,
    limits: ConnectionLimits,
    capacity: ConnectionCapacity,
    uploads: Uploads,
    sessions: Sessions,
    viewers: ViewerList,
    clock: Arc<dyn Clock>,
    /// Tells this run of the server from others.
    run: String,
    /// Ends the never-ending answers.
    shutdown: CancellationToken,
}

impl App {
    /// Serves the streams of `controller`, and tells of its `actions` and of MQTT, until
    /// `shutdown`. Sessions and the key of links are kept in `files`; the server's own
    /// `certificates` are shown where the pipeline wants them.
    pub fn new(
        controller: Controller,
        (actions, mqtt): (Actions, Mqtt),
        (files, certificates): (&StateFiles, Certificates),
        shutdown: CancellationToken,
    ) -> Self {
        let clock = controller.clock().clone();
        let audit = AuditLog::new(controller.notifications().clone(), clock.clone());
        let capacity = ConnectionCapacity::raise();
        Self {
            controller,
            actions,
            certificates,
            mqtt,
            access: Access::new(files, audit, clock.clone()),
            limits: ConnectionLimits::new(capacity.connections, clock.clone()),
            capacity,
            uploads: Uploads::default(),
            sessions: Sessions::default(),
            viewers: ViewerList::new(clock.clone()),
            run: run_id(&*clock),
            clock,
            shutdown,
        }
    }

    fn find(&self, name: &str) -> Option<Arc<Stream>> {
        self.controller.current().find(name).cloned()
    }

    fn stream(&self, name: &str) -> Result<Arc<Stream>, EditError> {
        let found = self.find(name);
        found.ok_or_else(|| EditError::UnknownStream(name.to_owned()))
    }

    /// The streams that `identity` sees, for an answer from which `root` leads to the server's
    /// root.
    fn stream_reports(&self, identity: &Identity, root: &str) -> Vec<StreamReport> {
        let snapshot = self.controller.current();
        let seen = snapshot
            .streams
            .iter()
            .filter(|it| identity.sees(it.name()));
        let reports = seen.map(|stream| self.stream_report(stream, identity, root));
        reports.collect()
    }

    /// One of them.
    fn stream_report(&self, stream: &Stream, identity: &Identity, root: &str) -> StreamReport {
        let report = StreamReport {
            compiling: self.controller.compiling(stream.name()),
            ..stream.report().seen_from(root)
        };
        match identity.may(Right::Read) {
            true => report,
            false => report.for_viewer(),
        }
    }

    /// The first stream that `identity` sees.
    fn first(&self, identity: &Identity) -> Option<Arc<Stream>> {
        let snapshot = self.controller.current();
        let mut streams = snapshot.streams.iter();
        streams.find(|it| identity.sees(it.name())).cloned()
    }
}

/// Every address that the server answers.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/", get(root))
        .route("/{file}", get(by_name))
        .route("/{file}/", get(to_page))
        .route("/static/{file}", get(ui::file))
        // What browsers ask for beside a picture.
        .route("/favicon.ico", get(ui::favicon))
        .merge(api::router())
        .route("/metrics", get(metrics::answer))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        // What clients of mjpg-streamer, µStreamer and many a Flask example ask for.
        .route("/stream", get(first_stream))
        .route("/video_feed", get(first_stream))
        .route("/snapshot", get(first_snapshot))
        .fallback(not_found)
        .layer(from_fn_with_state(app.clone(), auth::guard))
        .with_state(app)
}

/// A name for this run of the server, which no other run has.
fn run_id(clock: &dyn Clock) -> String {
    let since = clock
        .unix()
        .duration_since(std::time::SystemTime::UNIX_EPOCH);
    format!("{:x}", since.unwrap_or_default().as_micros())
}

async fn root(
    State(app): State<App>,
    RawQuery(query): RawQuery,
    uri: Uri,
    visit: Visit,
) -> Response {
    match Action::of(&query.unwrap_or_default()) {
        None => ui::index(State(app), Extension(visit.identity), uri).await,
        Some(Action::Pictures(pictures, number)) => {
            let stream = app.controller.current().streams.get(number).cloned();
            show(app, stream, pictures, &visit).await
        }
        Some(Action::Unknown(action)) => {
            let message =
                format!("no action is called `{action}`; there is `stream` and `snapshot`\n");
            (StatusCode::BAD_REQUEST, message).into_response()
        }
    }
}

async fn first_stream(State(app): State<App>, visit: Visit) -> Response {
    let first = app.first(&visit.identity);
    show(app, first, Pictures::Stream, &visit).await
}

async fn first_snapshot(State(app): State<App>, visit: Visit) -> Response {
    let first = app.first(&visit.identity);
    show(app, first, Pictures::Snapshot, &visit).await
}

/// `/NAME.mjpeg`, `/NAME.jpg` and what else they are called, and `/NAME`.
async fn by_name(
    State(app): State<App>,
    Path(file): Path<String>,
    visit: Visit,
    request: Request,
) -> Response {
    if let Some((name, pictures)) = pictures_of_file(&file) {
        let stream = app.find(name);
        return show(app, stream, pictures, &visit).await;
    }
    match app.find(&file) {
        Some(stream) => picture_page::answer(&app, &stream, &request),
        None => not_found(State(app), Extension(visit.identity), request.uri().clone()).await,
    }
}

/// `/NAME/`: its page is beside it, from where its pictures are found. The way there holds below
/// every proxy's path.
async fn to_page(
    State(app): State<App>,
    identity: Extension<Identity>,
    Path(name): Path<String>,
    uri: Uri,
) -> Response {
    if app.find(&name).is_none() {
        return not_found(State(app), identity, uri).await;
    }
    let query = uri.query().map(|query| format!("?{query}"));
    let page = format!("../{name}{}", query.unwrap_or_default());
    (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, page)]).into_response()
}

async fn show(
    app: App,
    stream: Option<Arc<Stream>>,
    pictures: Pictures,
    visit: &Visit,
) -> Response {
    let Some(stream) = stream else {
        return none_such(&app, &visit.identity, "").into_response();
    };
    match pictures {
        Pictures::Stream => mjpeg::answer(&app, &stream, visit),
        Pictures::Snapshot => snapshot::answer(&app, &stream, visit).await,
    }
}

async fn not_found(
    State(app): State<App>,
    Extension(identity): Extension<Identity>,
    uri: Uri,
) -> Response {
    // As a proxy asks that passes on all of an address.
    let is_deep = uri.path().matches('/').count() > 1;
    none_such(&app, &identity, if is_deep { OF_PROXY } else { "" }).into_response()
}

/// Tells what there is that `identity` sees, and then `hint`.
fn none_such(app: &App, identity: &Identity, hint: &str) -> impl IntoResponse + use<> {
    let mut text = "There is nothing at this address. The streams are:\n".to_owned();
    let snapshot = app.controller.current();
    let names = snapshot.streams.iter().map(|stream| stream.name());
    for name in names.filter(|name| identity.may(Right::Watch) && identity.sees(name)) {
        text += &format!("  {name}: /{name}.mjpeg, one picture at /{name}.jpg\n");
    }
    text += hint;
    let plain = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (StatusCode::NOT_FOUND, plain, text)
}

const OF_PROXY: &str = "If a proxy has Mattebox below a path, such as /webcam/, it has to take \
    that path away again before it asks:
docs/guide/reverse-proxy.md shows how (in nginx, by the slash at the end of \
    `proxy_pass http://127.0.0.1:8080/;`).
";

/// Seconds since 1970 with microseconds, as `X-Timestamp` has it in mjpg-streamer and its kin.
fn timestamp(at: std::time::SystemTime) -> String {
    let since = at.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{}.{:06}", since.as_secs(), since.subsec_micros())
}

/// Pictures of now must not come out of a cache, nor be waited for to be compressed
/// (`no-transform`).
const NO_CACHE: &str = "no-store, no-cache, must-revalidate, no-transform, max-age=0";
/// The header of answers that never end and must be passed on as they come: nginx, and others that
/// know it, then keep nothing back.
const NO_BUFFERING: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

/// The headers of an answer of this `Content-Type` that never ends.
fn endless(content_type: &'static str) -> [(HeaderName, &'static str); 3] {
    [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, NO_CACHE),
        NO_BUFFERING,
    ]
}
