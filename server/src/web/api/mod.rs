//! The API: what the server is doing, as JSON, and changes of it.
//!
//! What is sent says things as the pipeline file does (`on-error`), since it ends up there; what is answered is named in
//! the way of the other numbers (`frames_in`).

mod events;
mod filters;
mod steps;
mod streams;
mod variables;

use axum::body::to_bytes;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header;
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::problem::ProblemDetails;
use super::{App, NO_CACHE, access};
use crate::filter::limits::MODULE_BYTES;

/// The most bytes of a request that isn't an upload.
const BODY_BYTES: usize = 256 << 10;

type Answer = Result<Response, ProblemDetails>;

/// All addresses below `/api`.
pub fn router() -> Router<App> {
    Router::new()
        .route("/access", get(check_access))
        .route("/events", get(events::listen))
        .route("/pipeline", get(pipeline))
        .route("/streams", get(streams::list))
        .route(
            "/streams/{stream}",
            get(streams::show).put(streams::put).delete(streams::delete),
        )
        .route("/streams/{stream}/restart", post(streams::restart))
        .route("/streams/{stream}/steps", get(steps::list).post(steps::add))
        .route(
            "/streams/{stream}/steps/{step}",
            get(steps::show).patch(steps::patch).delete(steps::delete),
        )
        .route("/variables", get(variables::list))
        .route(
            "/variables/{variable}",
            get(variables::show)
                .put(variables::put)
                .delete(variables::delete),
        )
        .route("/filters", get(filters::list))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .route(
            "/filters/{file}",
            put(filters::put).layer(DefaultBodyLimit::max(MODULE_BYTES as usize)),
        )
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .layer(map_response(as_problem))
}

/// What the framework refuses in plain words (an address or a body that can't be read) becomes a problem like all others.
async fn as_problem(response: Response) -> Response {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_plain = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if !is_plain || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let words = to_bytes(response.into_body(), BODY_BYTES).await;
    let words = words.map(|words| String::from_utf8_lossy(&words).into_owned());
    ProblemDetails::new(status, words.unwrap_or_default()).into_response()
}

async fn not_found() -> ProblemDetails {
    ProblemDetails::not_found("the API has nothing at this address")
}

async fn wrong_method() -> ProblemDetails {
    ProblemDetails::new(
        axum::http::StatusCode::METHOD_NOT_ALLOWED,
        "this address does not take that method",
    )
}

/// What the one who asks may do.
#[derive(Serialize)]
struct AccessReport {
    /// `off`, `token-needed` or `allowed`.
    changing: &'static str,
}

/// `GET /api/access`: whether the pipeline can be changed, and whether the token that was sent is right.
async fn check_access(State(app): State<App>, request: Request) -> Answer {
    let changing = match app.live.now().admin_token {
        None => "off",
        Some(_) if !request.headers().contains_key(header::AUTHORIZATION) => "token-needed",
        Some(_) => {
            app.check_admin(request.headers(), access::peer(&request))?;
            "allowed"
        }
    };
    Ok(fresh(AccessReport { changing }))
}

/// `GET /api/pipeline`: how the pipeline file is.
async fn pipeline(State(app): State<App>) -> Response {
    fresh(app.live.report())
}

/// JSON of now.
fn fresh(body: impl Serialize) -> Response {
    ([(header::CACHE_CONTROL, NO_CACHE)], Json(body)).into_response()
}

/// What a body says.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ProblemDetails> {
    serde_json::from_slice(body)
        .map_err(|error| ProblemDetails::bad_request(format!("the body is wrong: {error}")))
}
