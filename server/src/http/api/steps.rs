//! The steps of a stream's chain: seen, added, set otherwise, moved, switched off, removed.

use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::super::problem::ProblemDetails;
use super::super::{App, NO_CACHE};
use super::editor::Editor;
use super::refusals::{NoShownPicture, NoStep, NoStream, WrongBody, WrongFile};
use super::{Answer, BASE, parse, uncached_json};
use crate::chain::{StepReport, StepStatus};
use crate::control::{Edit, EditError, Edited};

#[derive(Serialize, utoipa::ToSchema)]
struct Steps {
    steps: Vec<StepReport>,
}

#[derive(Deserialize)]
pub struct Position {
    /// The place in the chain, from 0.
    position: Option<usize>,
}

/// The chain, in order.
#[utoipa::path(
    get,
    path = "/streams/{stream}/steps",
    params(("stream" = String, Path, description = "The stream's name")),
    responses(
        (status = OK, description = "The chain, in order", body = Steps),
        NoStream,
    ),
)]
pub async fn list_steps(State(app): State<App>, Path(stream): Path<String>) -> Answer {
    let steps = app.stream(&stream)?.steps();
    Ok(uncached_json(Steps {
        steps: steps.iter().map(StepStatus::report).collect(),
    }))
}

/// One step.
#[utoipa::path(
    get,
    path = "/streams/{stream}/steps/{step}",
    params(
        ("stream" = String, Path, description = "The stream's name"),
        ("step" = u64, Path, description = "The step's id"),
    ),
    responses(
        (status = OK, description = "The step", body = StepReport),
        NoStep,
    ),
)]
pub async fn show_step(
    State(app): State<App>,
    Path((stream, step)): Path<(String, u64)>,
) -> Answer {
    Ok(uncached_json(find(&app, stream, step)?.report()))
}

fn find(app: &App, stream: String, step: u64) -> Result<StepStatus, ProblemDetails> {
    let mut steps = app.stream(&stream)?.steps().into_iter();
    let found = steps.find(|status| status.id == step);
    Ok(found.ok_or(EditError::UnknownStep { stream, step })?)
}

/// The picture that the step's filter shows to whoever tunes it, such as what it takes for motion.
#[utoipa::path(
    get,
    path = "/streams/{stream}/steps/{step}/picture",
    params(
        ("stream" = String, Path, description = "The stream's name"),
        ("step" = u64, Path, description = "The step's id"),
    ),
    responses(
        (
            status = OK,
            description = "The latest picture",
            body = String,
            content_type = "image/jpeg",
        ),
        NoShownPicture,
    ),
)]
pub async fn show_step_picture(
    State(app): State<App>,
    Path((stream, step)): Path<(String, u64)>,
) -> Answer {
    let shown = find(&app, stream, step)?.shown;
    let jpeg = super::blocking(move || shown.jpeg()).await?;
    let jpeg = jpeg.map_err(|why| ProblemDetails::internal(why.to_string()))?;
    let Some(jpeg) = jpeg else {
        return Err(ProblemDetails::not_found(
            "the step's filter shows no picture",
        ));
    };
    let headers = [
        (header::CONTENT_TYPE, "image/jpeg"),
        (header::CACHE_CONTROL, NO_CACHE),
    ];
    Ok((headers, jpeg.bytes().clone()).into_response())
}

/// Adds a step, at the end if no position is given.
#[utoipa::path(
    post,
    path = "/streams/{stream}/steps",
    params(
        ("stream" = String, Path, description = "The stream's name"),
        (
            "position" = Option<usize>,
            Query,
            description = "The place in the chain, from 0; the end if there is none",
        ),
    ),
    request_body(
        content = ref("#/components/schemas/StepConfig"),
        content_type = "application/json",
    ),
    responses(
        (status = CREATED, description = "The step", body = StepReport),
        WrongBody, NoStream, WrongFile,
    ),
)]
pub async fn add_step(
    editor: Editor,
    Path(stream): Path<String>,
    Query(Position { position }): Query<Position>,
    body: Bytes,
) -> Answer {
    let config: Map<String, Value> = parse(&body)?;
    let steps = format!("{BASE}/streams/{stream}/steps");
    let edit = Edit::AddStep {
        stream,
        position,
        config,
    };
    let answer = |edited: &Edited| {
        let last = edited.steps.len().saturating_sub(1);
        let added = edited.steps.get(position.unwrap_or(last).min(last));
        let added = added.ok_or_else(|| ProblemDetails::not_found("the step is gone already"))?;
        let location = [(header::LOCATION, format!("{steps}/{}", added.id))];
        let report = uncached_json(added.report());
        Ok((StatusCode::CREATED, location, report).into_response())
    };
    editor.make(edit, answer).await
}

/// Changes what the pipeline file says of the step, by a JSON merge patch (RFC 7396).
///
/// Besides, `position` moves it to that place in the chain, from 0.
#[utoipa::path(
    patch,
    path = "/streams/{stream}/steps/{step}",
    params(
        ("stream" = String, Path, description = "The stream's name"),
        ("step" = u64, Path, description = "The step's id"),
    ),
    request_body(
        content = ref("#/components/schemas/StepPatch"),
        content_type = "application/json",
    ),
    responses(
        (status = OK, description = "The step as it is now", body = StepReport),
        (status = NO_CONTENT, description = "Another filter made another step of it"),
        WrongBody, NoStep, WrongFile,
    ),
)]
pub async fn change_step(
    editor: Editor,
    Path((stream, step)): Path<(String, u64)>,
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
    let answer = |edited: &Edited| {
        let changed = edited.steps.iter().find(|status| status.id == step);
        Ok(match changed {
            Some(changed) => uncached_json(changed.report()),
            // Another filter makes another step of it.
            None => StatusCode::NO_CONTENT.into_response(),
        })
    };
    editor.make(edit, answer).await
}

/// Takes the step out of the chain.
#[utoipa::path(
    delete,
    path = "/streams/{stream}/steps/{step}",
    params(
        ("stream" = String, Path, description = "The stream's name"),
        ("step" = u64, Path, description = "The step's id"),
    ),
    responses(
        (status = NO_CONTENT, description = "It is removed"),
        NoStep, WrongFile,
    ),
)]
pub async fn remove_step(editor: Editor, Path((stream, step)): Path<(String, u64)>) -> Answer {
    editor.remove(Edit::RemoveStep { stream, step }).await
}
