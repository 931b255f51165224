//! The steps of a stream's chain: seen, added, set otherwise, moved, switched off, removed.

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::super::App;
use super::super::problem::ProblemDetails;
use super::merge_patch::{merge, refuse_masks, without_nulls};
use super::refusals::{NoStep, NoStream, WrongBody, WrongFile};
use super::streams::{place, unknown_stream};
use super::versions::with_revisions;
use super::{Answer, BASE, parse, uncached_json};
use crate::chain::{StepReport, StepStatus};
use crate::config::{Change, Part};
use crate::control::{Author, ChangeError, Snapshot};

#[derive(Serialize, utoipa::ToSchema)]
struct Steps {
    steps: Vec<StepReport>,
}

#[derive(Deserialize)]
pub struct Position {
    /// The place in the chain, from 0.
    position: Option<usize>,
}

fn steps(running: &Snapshot, stream: &str) -> Result<Vec<StepStatus>, ChangeError> {
    let found = running.find(stream).map(|stream| stream.steps());
    found.ok_or_else(|| ChangeError::NotFound(unknown_stream(stream)))
}

/// The step's place in the chain.
fn index(running: &Snapshot, stream: &str, step: u64) -> Result<usize, ChangeError> {
    let steps = steps(running, stream)?;
    let at = steps.iter().position(|status| status.id == step);
    at.ok_or_else(|| ChangeError::NotFound(format!("`{stream}` has no step {step}")))
}

/// The place of a stream's chain in the pipeline file.
fn chain(stream: &str) -> Vec<Part> {
    let mut path = place(stream);
    path.push(Part::Key("filters".to_owned()));
    path
}

fn step_place(stream: &str, at: usize) -> Vec<Part> {
    let mut path = chain(stream);
    path.push(Part::Item(at));
    path
}

fn report(running: &Snapshot, stream: &str, at: usize) -> Result<StepReport, ProblemDetails> {
    let steps = steps(running, stream)?;
    let step = steps.get(at).map(StepStatus::report);
    step.ok_or_else(|| ProblemDetails::not_found("the step is gone already"))
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
        NoStream,
    ),
)]
pub async fn list(State(app): State<App>, Path(stream): Path<String>) -> Answer {
    let steps = steps(&app.controller.current(), &stream)?;
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
        NoStep,
    ),
)]
pub async fn show(State(app): State<App>, Path((stream, step)): Path<(String, u64)>) -> Answer {
    let running = app.controller.current();
    let at = index(&running, &stream, step)?;
    Ok(uncached_json(report(&running, &stream, at)?))
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
        WrongBody, NoStream, WrongFile,
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
    let config = Value::Object(parse(&body)?);
    refuse_masks(&config)?;
    let config = without_nulls(config);
    let (name, seen) = (stream.clone(), stream.clone());
    let (report, revisions) = app
        .controller
        .change(
            &stream,
            author,
            move |running| {
                let count = steps(running, &name)?.len();
                let at = position.unwrap_or(count).min(count);
                Ok(vec![Change::Insert(chain(&name), at, config.clone())])
            },
            move |running| {
                let last = steps(running, &seen)?.len().saturating_sub(1);
                report(running, &seen, position.unwrap_or(last).min(last))
            },
        )
        .await?;
    let report = report?;
    let location = format!("{BASE}/streams/{stream}/steps/{}", report.id);
    let response = (
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        uncached_json(report),
    );
    Ok(with_revisions(response.into_response(), &revisions))
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
        WrongBody, NoStep, WrongFile,
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
    let (name, seen) = (stream.clone(), stream.clone());
    let (report, revisions) = app
        .controller
        .change(
            &stream,
            author,
            move |running| {
                let at = index(running, &name, step)?;
                let config = written(running, &name, at);
                let mut changes = Vec::new();
                merge(&step_place(&name, at), &config, patch.clone(), &mut changes)?;
                let last = steps(running, &name)?.len().saturating_sub(1);
                let to = position.map(|to| usize::try_from(to).unwrap_or(last).min(last));
                if let Some(to) = to.filter(|to| *to != at) {
                    changes.push(Change::Move(chain(&name), at, to));
                }
                Ok(changes)
            },
            move |running| {
                let at = index(running, &seen, step).ok()?;
                report(running, &seen, at).ok()
            },
        )
        .await?;
    let response = match report {
        Some(report) => uncached_json(report),
        // Another filter makes another step of it.
        None => StatusCode::NO_CONTENT.into_response(),
    };
    Ok(with_revisions(response, &revisions))
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
        NoStep, WrongFile,
    ),
    security(("admin" = [])),
)]
pub async fn delete(
    State(app): State<App>,
    Path((stream, step)): Path<(String, u64)>,
    Extension(author): Extension<Author>,
) -> Answer {
    let name = stream.clone();
    let ((), revisions) = app
        .controller
        .change(
            &stream,
            author,
            move |running| {
                let at = index(running, &name, step)?;
                Ok(vec![Change::Remove(step_place(&name, at))])
            },
            |_| (),
        )
        .await?;
    let done: Response = StatusCode::NO_CONTENT.into_response();
    Ok(with_revisions(done, &revisions))
}

/// What the pipeline file says of a step.
fn written(running: &Snapshot, stream: &str, at: usize) -> Value {
    let stream = running.pipeline.written(stream).unwrap_or_default();
    stream["filters"][at].clone()
}
