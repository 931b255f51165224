//! Streams: seen, added, replaced, removed, restarted.

use axum::Extension;
use axum::extract::{OriginalUri, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};

use super::super::App;
use super::super::auth::Identity;
use super::editor::Editor;
use super::refusals::{NoStream, NotAdmin, WrongBody, WrongFile, WrongPipeline};
use super::{Answer, parse, root_from, uncached_json};
use crate::config::shown;
use crate::control::{Edit, EditError};
use crate::region::RegionReport;
use crate::stream::StreamReport;

#[derive(Serialize, utoipa::ToSchema)]
struct Streams {
    streams: Vec<StreamReport>,
}

/// The streams that one may see. Asking starts no camera.
#[utoipa::path(
    get,
    path = "/streams",
    responses((status = OK, description = "The streams, in the file's order", body = Streams)),
)]
pub async fn list_streams(
    State(app): State<App>,
    Extension(identity): Extension<Identity>,
    OriginalUri(uri): OriginalUri,
) -> Response {
    let streams = app.stream_reports(&identity, &root_from(&uri));
    uncached_json(Streams { streams })
}

/// One stream.
#[utoipa::path(
    get,
    path = "/streams/{stream}",
    params(("stream" = String, Path, description = "The stream's name")),
    responses(
        (status = OK, description = "The stream", body = StreamReport),
        NoStream,
    ),
)]
pub async fn show_stream(
    State(app): State<App>,
    Extension(identity): Extension<Identity>,
    Path(name): Path<String>,
    OriginalUri(uri): OriginalUri,
) -> Answer {
    let stream = app.stream(&name)?;
    let report = app.stream_report(&stream, &identity, &root_from(&uri));
    Ok(uncached_json(report))
}

#[derive(Serialize, utoipa::ToSchema)]
struct Regions {
    regions: Vec<RegionReport>,
}

/// What the stream's inspecting filters found when they looked last. Asking starts no camera.
#[utoipa::path(
    get,
    path = "/streams/{stream}/regions",
    params(("stream" = String, Path, description = "The stream's name")),
    responses(
        (status = OK, description = "What was found", body = Regions),
        NoStream,
    ),
)]
pub async fn list_regions(State(app): State<App>, Path(name): Path<String>) -> Answer {
    let found = app.stream(&name)?.regions();
    Ok(uncached_json(Regions {
        regions: found.iter().map(RegionReport::from).collect(),
    }))
}

/// Adds the stream, or replaces what the pipeline file says of it.
#[utoipa::path(
    put,
    path = "/streams/{stream}",
    params(("stream" = String, Path, description = "The stream's name")),
    request_body(
        content = ref("#/components/schemas/StreamConfig"),
        content_type = "application/json",
    ),
    responses(
        (status = OK, description = "The stream, replaced", body = StreamReport),
        (status = CREATED, description = "The stream, added", body = StreamReport),
        WrongBody, WrongFile,
    ),
)]
pub async fn put_stream(editor: Editor, Path(name): Path<String>, body: Bytes) -> Answer {
    let status = match editor.app.find(&name) {
        Some(_) => StatusCode::OK,
        None => StatusCode::CREATED,
    };
    let (stream, config) = (name.clone(), parse(&body)?);
    let edit = Edit::PutStream { stream, config };
    editor.change_stream(name, edit, status).await
}

/// The stream as the pipeline file says it, with secrets masked. Takes an admin.
#[utoipa::path(
    get,
    path = "/streams/{stream}/config",
    params(("stream" = String, Path, description = "The stream's name")),
    responses(
        (
            status = OK,
            description = "The stream's keys; `***` stands for a secret",
            body = ref("#/components/schemas/StreamConfig"),
        ),
        NotAdmin, NoStream,
    ),
)]
pub async fn show_stream_config(State(app): State<App>, Path(name): Path<String>) -> Answer {
    let stream = name.clone();
    let written = super::blocking(move || app.controller.current().config.written(&stream));
    let written = written.await?.ok_or(EditError::UnknownStream(name))?;
    Ok(uncached_json(match shown(&written) {
        // A stream of which nothing is said.
        Value::Null => json!({}),
        keys => keys,
    }))
}

/// Changes what the pipeline file says of the stream, by a JSON merge patch (RFC 7396).
///
/// A mask, as `config` has it in a secret's place, leaves that secret as it is.
#[utoipa::path(
    patch,
    path = "/streams/{stream}",
    params(("stream" = String, Path, description = "The stream's name")),
    request_body(
        content = ref("#/components/schemas/StreamPatch"),
        content_type = "application/json",
    ),
    responses(
        (status = OK, description = "The stream as it is now", body = StreamReport),
        WrongBody, NoStream, WrongFile,
    ),
)]
pub async fn change_stream(editor: Editor, Path(name): Path<String>, body: Bytes) -> Answer {
    let (stream, patch) = (name.clone(), parse(&body)?);
    let edit = Edit::PatchStream { stream, patch };
    editor.change_stream(name, edit, StatusCode::OK).await
}

/// Removes the stream; its viewers' streams end.
#[utoipa::path(
    delete,
    path = "/streams/{stream}",
    params(("stream" = String, Path, description = "The stream's name")),
    responses(
        (status = NO_CONTENT, description = "It is removed"),
        NoStream, WrongFile,
    ),
)]
pub async fn remove_stream(editor: Editor, Path(stream): Path<String>) -> Answer {
    editor.remove(Edit::RemoveStream { stream }).await
}

/// Opens the camera anew and starts the filters again.
#[utoipa::path(
    post,
    path = "/streams/{stream}/restart",
    params(("stream" = String, Path, description = "The stream's name")),
    responses(
        (status = NO_CONTENT, description = "It starts anew"),
        WrongPipeline,
        NoStream,
    ),
)]
pub async fn restart_stream(State(app): State<App>, Path(name): Path<String>) -> Answer {
    app.controller.restart(name).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
