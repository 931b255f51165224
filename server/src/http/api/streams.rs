//! Streams: seen, added, replaced, removed, restarted.

use axum::Extension;
use axum::extract::{OriginalUri, Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value};

use super::super::App;
use super::super::problem::{PROBLEM, ProblemDetails};
use super::versions::with_revisions;
use super::{Answer, parse, refuse_masks, root_from, uncached_json};
use crate::control::{Author, Edit};
use crate::stream::StreamReport;

#[derive(Serialize, utoipa::ToSchema)]
struct Streams {
    streams: Vec<StreamReport>,
}

pub fn unknown_stream(name: &str) -> String {
    format!("no stream is called `{name}`")
}

/// All streams. Asking starts no camera.
#[utoipa::path(
    get,
    path = "/streams",
    operation_id = "list_streams",
    tag = "Streams",
    responses(
        (status = OK, description = "All streams, in the file's order", body = Streams),
    ),
)]
pub async fn list(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
) -> axum::response::Response {
    let root = root_from(&uri);
    let running = app.controller.current();
    let streams = running.streams.iter();
    let streams = streams.map(|stream| stream.report().seen_from(&root));
    uncached_json(Streams {
        streams: streams.collect(),
    })
}

/// One stream.
#[utoipa::path(
    get,
    path = "/streams/{stream}",
    operation_id = "show_stream",
    tag = "Streams",
    params(("stream" = String, Path, description = "The stream's name")),
    responses(
        (status = OK, description = "The stream", body = StreamReport),
        (status = NOT_FOUND, description = "No such stream", body = ProblemDetails, content_type = PROBLEM),
    ),
)]
pub async fn show(
    State(app): State<App>,
    Path(name): Path<String>,
    OriginalUri(uri): OriginalUri,
) -> Answer {
    match app.find(&name) {
        Some(stream) => Ok(uncached_json(stream.report().seen_from(&root_from(&uri)))),
        None => Err(ProblemDetails::not_found(unknown_stream(&name))),
    }
}

/// Adds the stream, or replaces what the pipeline file says of it.
#[utoipa::path(
    put,
    path = "/streams/{stream}",
    operation_id = "put_stream",
    tag = "Streams",
    params(("stream" = String, Path, description = "The stream's name")),
    request_body(content = ref("#/components/schemas/StreamConfig"), content_type = "application/json"),
    responses(
        (status = OK, description = "The stream, replaced", body = StreamReport),
        (status = CREATED, description = "The stream, added", body = StreamReport),
        (status = BAD_REQUEST, description = "The body is no JSON of this kind", body = ProblemDetails, content_type = PROBLEM),
        (status = CONFLICT, description = "The pipeline file as it is now is wrong, or there is none", body = ProblemDetails, content_type = PROBLEM),
        (status = UNPROCESSABLE_ENTITY, description = "It would make the pipeline file wrong", body = ProblemDetails, content_type = PROBLEM),
    ),
    security(("admin" = [])),
)]
pub async fn put(
    State(app): State<App>,
    Path(name): Path<String>,
    Extension(author): Extension<Author>,
    OriginalUri(uri): OriginalUri,
    body: Bytes,
) -> Answer {
    let config: Map<String, Value> = parse(&body)?;
    refuse_masks(&config)?;
    let is_new = app.find(&name).is_none();
    let stream = name.clone();
    let edit = Edit::PutStream { stream, config };
    let edited = app.controller.edit(edit, author).await?;
    let stream = edited.running.find(&name);
    let report = stream.map(|stream| stream.report().seen_from(&root_from(&uri)));
    let report = report.ok_or_else(|| ProblemDetails::not_found(unknown_stream(&name)))?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let response = (status, uncached_json(report)).into_response();
    Ok(with_revisions(response, &edited))
}

/// Removes the stream; its viewers' streams end.
#[utoipa::path(
    delete,
    path = "/streams/{stream}",
    operation_id = "remove_stream",
    tag = "Streams",
    params(("stream" = String, Path, description = "The stream's name")),
    responses(
        (status = NO_CONTENT, description = "It is removed"),
        (status = NOT_FOUND, description = "No such stream", body = ProblemDetails, content_type = PROBLEM),
        (status = CONFLICT, description = "The pipeline file as it is now is wrong, or there is none", body = ProblemDetails, content_type = PROBLEM),
        (status = UNPROCESSABLE_ENTITY, description = "It would make the pipeline file wrong", body = ProblemDetails, content_type = PROBLEM),
    ),
    security(("admin" = [])),
)]
pub async fn delete(
    State(app): State<App>,
    Path(name): Path<String>,
    Extension(author): Extension<Author>,
) -> Answer {
    let edit = Edit::RemoveStream { stream: name };
    let edited = app.controller.edit(edit, author).await?;
    let done = StatusCode::NO_CONTENT.into_response();
    Ok(with_revisions(done, &edited))
}

/// Opens the camera anew and starts the filters again.
#[utoipa::path(
    post,
    path = "/streams/{stream}/restart",
    operation_id = "restart_stream",
    tag = "Streams",
    params(("stream" = String, Path, description = "The stream's name")),
    responses(
        (status = NO_CONTENT, description = "It starts anew"),
        (status = NOT_FOUND, description = "No such stream", body = ProblemDetails, content_type = PROBLEM),
        (status = UNPROCESSABLE_ENTITY, description = "It would make the pipeline file wrong", body = ProblemDetails, content_type = PROBLEM),
    ),
    security(("admin" = [])),
)]
pub async fn restart(State(app): State<App>, Path(name): Path<String>) -> Answer {
    app.controller.restart(name).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
