//! One picture. Starts the pipeline if it rests.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::mjpeg::no_body;
use super::viewing::Visit;
use super::{App, NO_CACHE, timestamp};
use crate::stream::{ServedFrame, State, Stream, Viewer};

/// How long a camera may take to start before the client is told that there is no picture.
const PATIENCE: Duration = Duration::from_secs(10);

/// The newest frame, or the first one of a stream that rests. A `HEAD` request starts nothing.
pub async fn answer(app: &App, stream: &Stream, visit: &Visit) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "image/jpeg"),
        (header::CACHE_CONTROL, NO_CACHE),
    ];
    if visit.is_head() {
        return (headers, no_body()).into_response();
    }
    let mut viewer = match app.viewer(stream, visit) {
        Ok(viewer) => viewer,
        Err(full) => return full.into_response(),
    };
    let next = tokio::time::timeout(PATIENCE, picture(stream, &mut viewer));
    match app.shutdown.run_until_cancelled(next).await {
        Some(Ok(Some(frame))) if frame.is_picture => {
            let taken = [("x-timestamp", timestamp(frame.captured_at))];
            (headers, taken, frame.jpeg.clone()).into_response()
        }
        Some(Err(_)) if stream.state() == State::Preparing => {
            unavailable("the stream's filters are being prepared; try again")
        }
        Some(Ok(Some(_)) | Err(_)) => unavailable(&stream.error().map_or_else(
            || format!("the camera gave no picture within {PATIENCE:?}"),
            |error| format!("there is no picture: {error}"),
        )),
        None | Some(Ok(None)) => unavailable("the server is shutting down"),
    }
}

/// The next picture of the camera; of a camera that fails, what tells so.
async fn picture(stream: &Stream, viewer: &mut Viewer) -> Option<Arc<ServedFrame>> {
    loop {
        let frame = viewer.next().await?;
        if frame.is_picture || stream.state() == State::Failing {
            return Some(frame);
        }
    }
}

fn unavailable(why: &str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response()
}
