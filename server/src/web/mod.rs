//! HTTP: Motion JPEG, snapshots, the API, and the page.

mod access;
mod api;
mod body;
mod health;
mod metrics;
mod mjpeg;
mod page;
mod problem;
mod server;
mod snapshot;
mod viewing;
mod wall;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

pub use server::serve;

use crate::clock::{Clock, SystemClock};
use crate::live::Live;
use crate::secret::SecretText;
use crate::stream::Stream;
use access::Access;
use api::Uploads;
use problem::ProblemDetails;
use server::{Places, Room};
use viewing::Visit;
use wall::Sessions;

/// What every handler knows.
#[derive(Clone)]
pub struct App {
    live: Live,
    access: Access,
    places: Places,
    room: Room,
    uploads: Uploads,
    sessions: Sessions,
    clock: Arc<dyn Clock>,
    /// Ends the never-ending answers.
    shutdown: CancellationToken,
}

impl App {
    /// Serves the streams of `live` until `shutdown`.
    pub fn new(live: Live, shutdown: CancellationToken) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let room = Room::make();
        Self {
            live,
            access: Access::new(clock.clone()),
            places: Places::new(room.places),
            room,
            uploads: Uploads::default(),
            sessions: Sessions::default(),
            clock,
            shutdown,
        }
    }

    fn check_admin(&self, headers: &HeaderMap, client: IpAddr) -> Result<(), ProblemDetails> {
        let running = self.live.now();
        let token = running.admin_token.as_ref().map(SecretText::expose);
        self.access.check(headers, client, token)
    }

    /// Whether a request that only reads shows the admin token.
    fn is_admin(&self, request: &Request) -> bool {
        self.shows_token(request.headers(), access::client(request))
    }

    /// Whether `headers` show the admin token. One who sends none has not been wrong; a wrong one is as good as none, though it
    /// is counted like every wrong one.
    fn shows_token(&self, headers: &HeaderMap, client: IpAddr) -> bool {
        access::sent_token(headers).is_some() && self.check_admin(headers, client).is_ok()
    }

    fn find(&self, name: &str) -> Option<Arc<Stream>> {
        self.live.now().find(name).cloned()
    }

    fn first(&self) -> Option<Arc<Stream>> {
        self.live.now().streams.first().cloned()
    }
}

/// Every address that the server answers.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/", get(root))
        .route("/{file}", get(by_name))
        .route("/static/{file}", get(page::file))
        .merge(api::router())
        .route("/metrics", get(metrics::answer))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        // What clients of mjpg-streamer, µStreamer and many a Flask example ask for.
        .route("/stream", get(first_stream))
        .route("/video_feed", get(first_stream))
        .route("/snapshot", get(first_snapshot))
        .fallback(not_found)
        .layer(from_fn_with_state(app.clone(), access::guard))
        .with_state(app)
}

#[derive(Deserialize)]
struct RootQuery {
    action: Option<String>,
}

async fn root(State(app): State<App>, Query(query): Query<RootQuery>, visit: Visit) -> Response {
    match query.action.as_deref() {
        None => page::index(),
        Some("stream") => first_stream(State(app), visit).await,
        Some("snapshot") => first_snapshot(State(app), visit).await,
        Some(action) => {
            let message =
                format!("no action is called `{action}`; there is `stream` and `snapshot`\n");
            (StatusCode::BAD_REQUEST, message).into_response()
        }
    }
}

async fn first_stream(State(app): State<App>, visit: Visit) -> Response {
    match app.first() {
        Some(stream) => mjpeg::answer(&app, &stream, &visit),
        None => not_found(State(app)).await,
    }
}

async fn first_snapshot(State(app): State<App>, visit: Visit) -> Response {
    match app.first() {
        Some(stream) => snapshot::answer(&app, &stream, &visit).await,
        None => not_found(State(app)).await,
    }
}

/// `/NAME.mjpeg` and `/NAME.jpg`.
async fn by_name(State(app): State<App>, Path(file): Path<String>, visit: Visit) -> Response {
    let stream = |extension| app.find(file.strip_suffix(extension)?);
    if let Some(stream) = stream(".mjpeg") {
        mjpeg::answer(&app, &stream, &visit)
    } else if let Some(stream) = stream(".jpg") {
        snapshot::answer(&app, &stream, &visit).await
    } else {
        not_found(State(app)).await
    }
}

async fn not_found(State(app): State<App>) -> Response {
    let mut text = "There is nothing at this address. The streams are:\n".to_owned();
    for stream in app.live.now().streams.iter() {
        let name = stream.name();
        text += &format!("  {name}: /{name}.mjpeg, one picture at /{name}.jpg\n");
    }
    let plain = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (StatusCode::NOT_FOUND, plain, text).into_response()
}

/// Seconds since 1970 with microseconds, as `X-Timestamp` has it in mjpg-streamer and its kin.
fn timestamp(at: std::time::SystemTime) -> String {
    let since = at.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{}.{:06}", since.as_secs(), since.subsec_micros())
}

/// Pictures of now must not come out of a cache.
const NO_CACHE: &str = "no-store, no-cache, must-revalidate, max-age=0";
