//! The API: what the server is doing, as JSON, and changes of it.
//!
//! What is sent says things as the pipeline file does (`on-error`), since it ends up there; what is
//! answered is named in the way of the other numbers (`frames_in`).

mod actions;
mod editor;
mod events;
mod filters;
mod openapi;
pub(super) mod refusals;
mod steps;
mod streams;
mod upload;
mod variables;
mod versions;

use axum::body::to_bytes;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, Uri, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::refusals::WrongToken;
use super::problem::ProblemDetails;
use super::{App, NO_CACHE, auth, wall};
use crate::config;
use crate::control::PipelineReport;

/// The most characters of what the framework says of a request that it refuses.
const WORDS: usize = 64 << 10;

pub use editor::{PREVIOUS, REVISION};
pub use filters::is_upload;
pub use upload::Uploads;

type Answer = Result<Response, ProblemDetails>;

/// The prefix of all addresses of the API, which papers, links and the page name. A change that
/// breaks clients gets another.
pub const BASE: &str = "/api/v1";
/// The prefixes at which the same is answered: the one with the version, and the one without, which
/// older clients know.
const PREFIXES: [&str; 2] = [BASE, "/api"];

/// All addresses of the API, below each prefix.
pub fn router() -> Router<App> {
    let (addresses, _) = described().split_for_parts();
    let router = PREFIXES.iter().fold(Router::new(), |router, prefix| {
        router.nest(prefix, addresses.clone())
    });
    router.method_not_allowed_fallback(wrong_method)
}

/// `path` below the API's prefix; none if it is no address of the API.
fn below_prefix(path: &str) -> Option<&str> {
    PREFIXES.iter().find_map(|prefix| path.strip_prefix(prefix))
}

/// The way from the answer at `uri` to the server's root, such as `../../`, which holds below every
/// proxy's path.
pub fn root_from(uri: &Uri) -> String {
    let slashes = uri.path().matches('/').count();
    "../".repeat(slashes.saturating_sub(1))
}

/// The routes below a prefix, with their description: an operation is called what its function is,
/// and `openapi` adds what its address and its method say.
fn described() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(check_access))
        .routes(routes!(actions::list_actions))
        .routes(routes!(events::list_events))
        .routes(routes!(events::show_event, events::remove_event))
        .routes(routes!(events::show_event_picture))
        .routes(routes!(openapi::describe_api))
        .routes(routes!(show_pipeline))
        .routes(routes!(show_pipeline_schema))
        .routes(routes!(versions::list_versions))
        .routes(routes!(versions::show_version))
        .routes(routes!(versions::restore_version))
        .routes(routes!(streams::list_streams))
        .routes(routes!(
            streams::show_stream,
            streams::put_stream,
            streams::change_stream,
            streams::remove_stream
        ))
        .routes(routes!(streams::show_stream_config))
        .routes(routes!(streams::restart_stream))
        .routes(routes!(steps::list_steps, steps::add_step))
        .routes(routes!(
            steps::show_step,
            steps::change_step,
            steps::remove_step
        ))
        .routes(routes!(steps::show_step_picture))
        .routes(routes!(streams::list_regions))
        .routes(routes!(variables::list_variables))
        .routes(routes!(
            variables::show_variable,
            variables::set_variable,
            variables::forget_variable
        ))
        .routes(routes!(filters::list_filters))
        .routes(routes!(filters::upload_filter))
        .routes(routes!(wall::connect_wall))
        .routes(routes!(wall::stream_wall))
        .routes(routes!(wall::give_credit))
        // Bodies are limited before they come here.
        .layer(DefaultBodyLimit::disable())
        .fallback(not_found)
        .layer(map_response(as_problem))
}

/// Makes a problem like all others of what the framework refuses in plain words (an address or a
/// body that can't be read).
async fn as_problem(response: Response) -> Response {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_plain = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if !is_plain || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let words = to_bytes(response.into_body(), WORDS).await;
    let words = words.map(|words| String::from_utf8_lossy(&words).into_owned());
    ProblemDetails::new(status, words.unwrap_or_default()).into_response()
}

async fn not_found() -> ProblemDetails {
    ProblemDetails::not_found("the API has nothing at this address")
}

async fn wrong_method() -> ProblemDetails {
    let why = "this address does not take that method";
    ProblemDetails::new(StatusCode::METHOD_NOT_ALLOWED, why)
}

/// The rights of the one who asks.
#[derive(Serialize, utoipa::ToSchema)]
pub struct AccessReport {
    /// `off`, `token-needed` or `allowed`.
    changing: &'static str,
}

/// Whether the pipeline can be changed, and whether the token that was sent is right.
#[utoipa::path(
    get,
    path = "/access",
    responses(
        (status = OK, description = "What one may do", body = AccessReport),
        WrongToken,
    ),
)]
async fn check_access(State(app): State<App>, request: Request) -> Answer {
    let is_on = app.controller.current().admin_token.is_some();
    let shows_token = is_on && auth::sent_token(request.headers()).is_some();
    if shows_token {
        app.check_admin(request.headers(), auth::client(&request))?;
    }
    Ok(uncached_json(AccessReport::of(&app, shows_token)))
}

impl AccessReport {
    /// For one who has shown the admin token, or not.
    pub fn of(app: &App, is_admin: bool) -> Self {
        let changing = match app.controller.current().admin_token {
            None => "off",
            Some(_) if is_admin => "allowed",
            Some(_) => "token-needed",
        };
        Self { changing }
    }
}

/// The state of the pipeline file. What is wrong with it takes the admin token to see; without it,
/// only where is told.
#[utoipa::path(
    get,
    path = "/pipeline",
    responses((status = OK, description = "How the pipeline file is", body = PipelineReport)),
)]
async fn show_pipeline(State(app): State<App>, request: Request) -> Response {
    uncached_json(app.controller.report().for_reader(app.is_admin(&request)))
}

/// The JSON Schema (draft 2020-12) of what the pipeline file may say.
#[utoipa::path(
    get,
    path = "/pipeline/schema",
    responses((status = OK, description = "A JSON Schema", body = Value)),
)]
async fn show_pipeline_schema() -> Response {
    uncached_json(config::pipeline_schema())
}

/// Runs what reads files where blocking is allowed.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ProblemDetails> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| ProblemDetails::internal(format!("the request broke down: {error}")))
}

/// JSON of now.
fn uncached_json(body: impl Serialize) -> Response {
    ([(header::CACHE_CONTROL, NO_CACHE)], Json(body)).into_response()
}

/// The JSON of a body.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ProblemDetails> {
    serde_json::from_slice(body)
        .map_err(|error| ProblemDetails::bad_request(format!("the body is wrong: {error}")))
}
