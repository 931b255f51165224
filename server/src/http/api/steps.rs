//! The steps of a stream's chain: seen, added, set otherwise, moved, switched off, removed.

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::super::App;
use super::super::problem::{PROBLEM, ProblemDetails};
use super::versions::with_revisions;
use super::{Answer, BASE, parse, uncached_json};
use crate::chain::{StepReport, StepStatus};
use crate::control::{Author, Edit, EditError};

#[derive(Serialize, utoipa::ToSchema)]
struct Steps {
    steps: Vec<StepReport>,
}

#[derive(Deserialize)]
pub struct Position {
    /// The place in the chain, from 0.
    position: Option<usize>,
}

fn steps(app: &App, stream: &str) -> Result<Vec<StepStatus>, EditError> {
    let found = app.find(stream).map(|stream| stream.steps());
    found.ok_or_else(|| EditError::UnknownStream(stream.to_owned()))
}

/// The chain, in order.
#[utoipa::path(
    get,
    path = "/streams/{stream}/steps",
    operation_id = "list_steps",
    tag = "Steps",
    params(("stream" = String, Path, description = "The stream's name")),
    responses(
        (status = OK, description = "The chain, in order", body = Steps),
        (status = NOT_FOUND, description = "No such stream", body = ProblemDetails, content_type = PROBLEM),
    ),
)]
pub async fn list(State(app): State<App>, Path(stream): Path<String>) -> Answer {
    let steps = steps(&app, &stream)?;
    Ok(uncached_json(Steps {
        steps: steps.iter().map(StepStatus::report).collect(),
    }))
}

/// One step.
#[utoipa::path(
    get,
    path = "/streams/{stream}/steps/{step}",
    operation_id = "show_step",
    tag = "Steps",
    params(("stream" = String, Path, description = "The stream's name"), ("step" = u64, Path, description = "The step's id")),
    responses(
        (status = OK, description = "The step", body = StepReport),
        (status = NOT_FOUND, description = "No such step", body = ProblemDetails, content_type = PROBLEM),
    ),
)]
pub async fn show(State(app): State<App>, Path((stream, step)): Path<(String, u64)>) -> Answer {
    let steps = steps(&app, &stream)?;
    let found = steps.iter().find(|status| status.id == step);
    let found = found.ok_or(EditError::UnknownStep { stream, step })?;
    Ok(uncached_json(found.report()))
}

/// Adds a step, at the end if no position is given.
#[utoipa::path(
    post,
    path = "/streams/{stream}/steps",
    operation_id = "add_step",
    tag = "Steps",
    params(("stream" = String, Path, description = "The stream's name"), ("position" = Option<usize>, Query, description = "The place in the chain, from 0; the end if there is none")),
    request_body(content = ref("#/components/schemas/StepConfig"), content_type = "application/json"),
    responses(
        (status = CREATED, description = "The step", body = StepReport),
        (status = BAD_REQUEST, description = "The body is no JSON of this kind", body = ProblemDetails, content_type = PROBLEM),
        (status = NOT_FOUND, description = "No such stream", body = ProblemDetails, content_type = PROBLEM),
        (status = CONFLICT, description = "The pipeline file as it is now is wrong, or there is none", body = ProblemDetails, content_type = PROBLEM),
        (status = UNPROCESSABLE_ENTITY, description = "It would make the pipeline file wrong", body = ProblemDetails, content_type = PROBLEM),
    ),
    security(("admin" = [])),
)]
pub async fn add(
    State(app): State<App>,
    Path(stream): Path<String>,
    Query(Position { position }): Query<Position>,
    Extension(author): Extension<Author>,
    body: Bytes,
) -> Answer {
    let config: Map<String, Value> = parse(&body)?;
    super::refuse_masks(&config)?;
    let edit = Edit::AddStep {
        stream: stream.clone(),
        position,
        config,
    };
    let edited = app.controller.edit(edit, author).await?;
    let last = edited.steps.len().saturating_sub(1);
    let added = edited.steps.get(position.unwrap_or(last).min(last));
    let report = added.map(StepStatus::report);
    let report = report.ok_or_else(|| ProblemDetails::not_found("the step is gone already"))?;
    let location = format!("{BASE}/streams/{stream}/steps/{}", report.id);
    let response = (
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        uncached_json(report),
    );
    Ok(with_revisions(response.into_response(), &edited))
}

/// Changes what the pipeline file says of the step, by a JSON merge patch (RFC 7396).
///
/// Besides, `position` moves it to that place in the chain, from 0.
#[utoipa::path(
    patch,
    path = "/streams/{stream}/steps/{step}",
    operation_id = "change_step",
    tag = "Steps",
    params(("stream" = String, Path, description = "The stream's name"), ("step" = u64, Path, description = "The step's id")),
    request_body(content = ref("#/components/schemas/StepPatch"), content_type = "application/json"),
    responses(
        (status = OK, description = "The step as it is now", body = StepReport),
        (status = NO_CONTENT, description = "Another filter made another step of it"),
        (status = BAD_REQUEST, description = "The body is no JSON of this kind", body = ProblemDetails, content_type = PROBLEM),
        (status = NOT_FOUND, description = "No such step", body = ProblemDetails, content_type = PROBLEM),
        (status = CONFLICT, description = "The pipeline file as it is now is wrong, or there is none", body = ProblemDetails, content_type = PROBLEM),
        (status = UNPROCESSABLE_ENTITY, description = "It would make the pipeline file wrong", body = ProblemDetails, content_type = PROBLEM),
    ),
    security(("admin" = [])),
)]
pub async fn patch(
    State(app): State<App>,
    Path((stream, step)): Path<(String, u64)>,
    Extension(author): Extension<Author>,
    body: Bytes,
) -> Answer {
    let mut patch: Map<String, Value> = parse(&body)?;
    let position = match patch.remove("position") {
        None => None,
        Some(position) => Some(position.as_u64().ok_or_else(|| {
            ProblemDetails::bad_request("`position` is the place in the chain, a number from 0")
        })?),
    };
    let edit = Edit::PatchStep {
        stream,
        step,
        position: position.map(|it| usize::try_from(it).unwrap_or(usize::MAX)),
        patch,
    };
    let edited = app.controller.edit(edit, author).await?;
    let changed = edited.steps.iter().find(|status| status.id == step);
    let response = match changed {
        Some(changed) => uncached_json(changed.report()),
        // Another filter makes another step of it.
        None => StatusCode::NO_CONTENT.into_response(),
    };
    Ok(with_revisions(response, &edited))
}

/// Takes the step out of the chain.
#[utoipa::path(
    delete,
    path = "/streams/{stream}/steps/{step}",
    operation_id = "remove_step",
    tag = "Steps",
    params(("stream" = String, Path, description = "The stream's name"), ("step" = u64, Path, description = "The step's id")),
    responses(
        (status = NO_CONTENT, description = "It is removed"),
        (status = NOT_FOUND, description = "No such step", body = ProblemDetails, content_type = PROBLEM),
        (status = CONFLICT, description = "The pipeline file as it is now is wrong, or there is none", body = ProblemDetails, content_type = PROBLEM),
        (status = UNPROCESSABLE_ENTITY, description = "It would make the pipeline file wrong", body = ProblemDetails, content_type = PROBLEM),
    ),
    security(("admin" = [])),
)]
pub async fn delete(
    State(app): State<App>,
    Path((stream, step)): Path<(String, u64)>,
    Extension(author): Extension<Author>,
) -> Answer {
    let edit = Edit::RemoveStep { stream, step };
    let edited = app.controller.edit(edit, author).await?;
    let done: Response = StatusCode::NO_CONTENT.into_response();
    Ok(with_revisions(done, &edited))
}
