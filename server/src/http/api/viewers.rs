//! Who watches: listed, and ended.

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::super::App;
use super::super::auth::{Audited, Identity, More};
use super::super::problem::ProblemDetails;
use super::super::viewers::ViewerReport;
use super::refusals::NoViewer;
use super::{Answer, uncached_json};

#[derive(Serialize, utoipa::ToSchema)]
struct ViewersNow {
    viewers: Vec<ViewerReport>,
}

/// Everybody who watches a stream now, those who came first first.
#[utoipa::path(
    get,
    path = "/viewers",
    responses((status = OK, description = "Who watches", body = ViewersNow)),
)]
pub async fn list_viewers(State(app): State<App>) -> Response {
    uncached_json(ViewersNow {
        viewers: app.viewers.all(),
    })
}

/// Ends a viewer's connection. Who may watch can come again.
#[utoipa::path(
    delete,
    path = "/viewers/{viewer}",
    params(("viewer" = u64, Path, description = "The viewer's id")),
    responses((status = NO_CONTENT, description = "The connection ends"), NoViewer),
)]
pub async fn end_viewer(
    State(app): State<App>,
    Extension(identity): Extension<Identity>,
    Path(id): Path<u64>,
) -> Answer {
    let ended = app.viewers.end(id);
    let ended = ended.ok_or_else(|| ProblemDetails::not_found("this viewer is gone"))?;
    let whom = ended.to_string();
    let more = More {
        stream: Some(ended.stream()),
        detail: Some(&whom),
        ..More::default()
    };
    app.access.audit.tell(&identity, "viewer-ended", more);
    Ok((StatusCode::NO_CONTENT, Extension(Audited)).into_response())
}
