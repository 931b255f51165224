//! The API: what the server is doing, as JSON, and changes of it.
//!
//! What is sent says things as the pipeline file does (`on-error`), since it ends up there; what is
//! answered is named in the way of the other numbers (`frames_in`).

mod actions;
mod audit;
mod editor;
mod events;
mod filters;
mod links;
mod openapi;
pub(super) mod refusals;
mod session;
mod steps;
mod streams;
mod upload;
mod users;
mod variables;
mod versions;
mod viewers;

use axum::body::to_bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, Uri, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json, Router};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::refusals::WrongToken;
use super::auth::{Identity, Right};
use super::problem::ProblemDetails;
use super::{App, NO_CACHE, wall};
use crate::config::{self, Role};
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
pub fn below_prefix(path: &str) -> Option<&str> {
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
        .routes(routes!(session::log_in, session::log_out))
        .routes(routes!(session::change_password))
        .routes(routes!(users::list_users))
        .routes(routes!(users::put_user, users::remove_user))
        .routes(routes!(viewers::list_viewers))
        .routes(routes!(viewers::end_viewer))
        .routes(routes!(audit::list_audit))
        .routes(routes!(links::make_link))
        .routes(routes!(links::revoke_links))
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
    /// Whether the one who asks may change the pipeline: `allowed`; `token-needed`, if somebody may
    /// who logs in or sends a token; or `off`, if nobody may over the network.
    changing: &'static str,
    /// The user's or the program's name; none of one who shows none.
    user: Option<String>,
    /// The proof: `anonymous`, `password`, `session`, `token`, `proxy`,
    /// `certificate` or `link`.
    proof: &'static str,
    /// The role; none of one who may see nothing.
    role: Option<Role>,
    /// Whether the one who asks sees settings, variables, and the reasons of failures.
    reading: bool,
    /// Whether there are users who log in with a password.
    logins: bool,
    /// Whether there are tokens, by which one can log in, too.
    tokens: bool,
    /// Whether the one who asks is a user with a password here, who can change it.
    own_password: bool,
}

/// The rights of the one who asks. A proof that is shown has to be right.
#[utoipa::path(
    get,
    path = "/access",
    responses(
        (status = OK, description = "What one may do", body = AccessReport),
        WrongToken,
    ),
)]
async fn check_access(
    State(app): State<App>,
    Extension(identity): Extension<Identity>,
) -> Response {
    uncached_json(AccessReport::of(&app, &identity))
}

impl AccessReport {
    /// That of `identity`.
    pub fn of(app: &App, identity: &Identity) -> Self {
        let snapshot = app.controller.current();
        let credentials = &*snapshot.credentials;
        let changing = match identity.may(Right::Administer) {
            true => "allowed",
            false if credentials.has_admin() => "token-needed",
            false => "off",
        };
        Self {
            changing,
            user: identity.name().map(str::to_owned),
            proof: identity.kind(),
            role: identity.role(),
            reading: identity.may(Right::Read),
            logins: credentials.has_logins(),
            tokens: !credentials.tokens.is_empty(),
            own_password: session::own_name(identity).is_some(),
        }
    }
}

/// The state of the pipeline file. What is wrong with it takes an admin to see; others are told
/// only where.
#[utoipa::path(
    get,
    path = "/pipeline",
    responses((status = OK, description = "How the pipeline file is", body = PipelineReport)),
)]
async fn show_pipeline(
    State(app): State<App>,
    Extension(identity): Extension<Identity>,
) -> Response {
    uncached_json(pipeline_report(&app, &identity))
}

/// The state of the pipeline file, as `identity` is told it.
pub fn pipeline_report(app: &App, identity: &Identity) -> PipelineReport {
    let report = app.controller.report();
    let report = report.for_reader(identity.may(Right::Administer));
    match identity.may(Right::Read) {
        true => report,
        false => report.for_viewer(),
    }
}

/// The addresses of the API below a prefix, each with a method.
#[cfg(test)]
pub fn addresses() -> Vec<(String, String)> {
    let document = serde_json::to_value(described().into_openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap().iter();
    let methods = paths.flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().keys();
        methods.map(|method| (path.clone(), method.to_uppercase()))
    });
    methods.collect()
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
