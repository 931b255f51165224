//! Streams: seen, added, replaced, removed, restarted.

use axum::Extension;
use axum::extract::{OriginalUri, Path, Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse;
use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value};

use super::super::problem::{PROBLEM, ProblemDetails};
use super::super::{App, auth};
use super::refusals::{NoStream, NotAdmin, WrongBody, WrongFile};
use super::versions::with_revisions;
use super::{Answer, parse, root_from, uncached_json};
use crate::config::shown;
use crate::control::{Author, Edit, Edited};
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
        NoStream,
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
        WrongBody, WrongFile,
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
    let config = parse(&body)?;
    let is_new = app.find(&name).is_none();
    let stream = name.clone();
    let edit = Edit::PutStream { stream, config };
    let edited = app.controller.edit(edit, author).await?;
    let report = report(&edited, &name, &uri)?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let response = (status, uncached_json(report)).into_response();
    Ok(with_revisions(response, &edited))
}

/// The stream as the pipeline file says it, with secrets masked. Takes the admin token.
#[utoipa::path(
    get,
    path = "/streams/{stream}/config",
    operation_id = "show_stream_config",
    tag = "Streams",
    params(("stream" = String, Path, description = "The stream's name")),
    responses(
        (status = OK, description = "The stream's keys; `***` stands for a secret", body = ref("#/components/schemas/StreamConfig")),
        NotAdmin, NoStream,
    ),
    security(("admin" = [])),
)]
pub async fn config(State(app): State<App>, Path(name): Path<String>, request: Request) -> Answer {
    app.check_admin(request.headers(), auth::client(&request))?;
    let stream = name.clone();
    let written = super::blocking(move || app.controller.current().pipeline.written(&stream));
    let written = written.await?;
    let written = written.ok_or_else(|| ProblemDetails::not_found(unknown_stream(&name)))?;
    Ok(uncached_json(as_object(shown(&written))))
}

/// A stream of which nothing is said is written as nothing.
fn as_object(written: Value) -> Value {
    match written {
        Value::Null => Value::Object(Map::new()),
        written => written,
    }
}

/// Changes what the pipeline file says of the stream, by a JSON merge patch (RFC 7396).
///
/// A mask, as `config` has it in a secret's place, leaves that secret as it is.
#[utoipa::path(
    patch,
    path = "/streams/{stream}",
    operation_id = "change_stream",
    tag = "Streams",
    params(("stream" = String, Path, description = "The stream's name")),
    request_body(content = ref("#/components/schemas/StreamPatch"), content_type = "application/json"),
    responses(
        (status = OK, description = "The stream as it is now", body = StreamReport),
        WrongBody, NoStream, WrongFile,
    ),
    security(("admin" = [])),
)]
pub async fn patch(
    State(app): State<App>,
    Path(name): Path<String>,
    Extension(author): Extension<Author>,
    OriginalUri(uri): OriginalUri,
    body: Bytes,
) -> Answer {
    let patch: Map<String, Value> = parse(&body)?;
    let stream = name.clone();
    let edit = Edit::PatchStream { stream, patch };
    let edited = app.controller.edit(edit, author).await?;
    let report = report(&edited, &name, &uri)?;
    Ok(with_revisions(uncached_json(report), &edited))
}

/// The stream `name` after an edit, for who asked at `uri`.
fn report(edited: &Edited, name: &str, uri: &Uri) -> Result<StreamReport, ProblemDetails> {
    let stream = edited.running.find(name);
    let report = stream.map(|stream| stream.report().seen_from(&root_from(uri)));
    report.ok_or_else(|| ProblemDetails::not_found(unknown_stream(name)))
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
        NoStream, WrongFile,
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
        (status = UNPROCESSABLE_ENTITY, description = "It would make the pipeline file wrong", body = ProblemDetails, content_type = PROBLEM),
        NoStream,
    ),
    security(("admin" = [])),
)]
pub async fn restart(State(app): State<App>, Path(name): Path<String>) -> Answer {
    app.controller.restart(name).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
