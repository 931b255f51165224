//! The API: what the streams are doing, as JSON.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::{App, NO_CACHE};
use crate::stream::Report;

#[derive(Serialize)]
struct Streams {
    streams: Vec<Report>,
}

/// `GET /api/pipeline`: how the pipeline file is.
pub async fn pipeline(State(app): State<App>) -> Response {
    let report = app.live.report();
    ([(header::CACHE_CONTROL, NO_CACHE)], Json(report)).into_response()
}

/// `GET /api/streams`. Asking starts no camera.
pub async fn streams(State(app): State<App>) -> Response {
    let streams = app
        .live
        .now()
        .streams
        .iter()
        .map(|stream| stream.report())
        .collect();
    (
        [(header::CACHE_CONTROL, NO_CACHE)],
        Json(Streams { streams }),
    )
        .into_response()
}
