//! One picture. Starts the pipeline if it rests.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;

use super::mjpeg::no_body;
use super::viewing::Visit;
use super::{App, NO_CACHE, timestamp};
use crate::stream::{Fresh, ServedFrame, State, Stream, Viewer};

/// How long a camera may take to start before the client is told that there is no picture, beside its warm-up.
const PATIENCE: Duration = Duration::from_secs(10);

/// The newest frame, or the first one of a stream that rests; with `?fresh` one that was taken after the request. A `HEAD` request
/// starts nothing.
pub async fn answer(app: &App, stream: &Stream, visit: &Visit) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "image/jpeg"),
        (header::CACHE_CONTROL, NO_CACHE),
    ];
    if visit.is_head() {
        return (headers, no_body()).into_response();
    }
    // Before the camera is started, whose first frame is as good.
    let fresh = visit.wants_fresh().then(|| stream.fresh());
    let patience = PATIENCE + stream.longest_wait(fresh.is_some());
    let mut viewer = match app.viewer(stream, visit) {
        Ok(viewer) => viewer,
        Err(full) => return full.into_response(),
    };
    let next = tokio::time::timeout(patience, picture(stream, &mut viewer, fresh));
    match app.shutdown.run_until_cancelled(next).await {
        Some(Ok(Some(frame))) if frame.is_picture => {
            let taken = taken(frame.captured_at, app.clock.unix());
            (headers, taken, frame.jpeg.clone()).into_response()
        }
        Some(Err(_)) if stream.state() == State::Preparing => {
            unavailable("the stream's filters are being prepared; try again")
        }
        Some(Err(_)) if stream.state() == State::Ended => {
            unavailable("the recording is over; there is no picture after this request")
        }
        Some(Ok(Some(_)) | Err(_)) => unavailable(&stream.error().map_or_else(
            || format!("the camera gave no picture within {patience:?}"),
            |error| format!("there is no picture: {error}"),
        )),
        None | Some(Ok(None)) => unavailable("the server is shutting down"),
    }
}

/// Headers that tell when a picture was taken (RFC 9110, 8.8.2; RFC 9111, 5.1). `Last-Modified` must not be later than now.
fn taken(at: SystemTime, now: SystemTime) -> [(HeaderName, String); 3] {
    let age = now.duration_since(at).unwrap_or_default();
    let modified = Timestamp::try_from(at.min(now)).unwrap_or_default();
    let modified = modified.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    [
        (HeaderName::from_static("x-timestamp"), timestamp(at)),
        (header::LAST_MODIFIED, modified),
        (header::AGE, age.as_secs().to_string()),
    ]
}

/// The next picture of the camera, a `fresh` one if that is wanted; of a camera that fails, what tells so.
async fn picture(
    stream: &Stream,
    viewer: &mut Viewer,
    mut fresh: Option<Fresh>,
) -> Option<Arc<ServedFrame>> {
    loop {
        let frame = viewer.next().await?;
        let is_wanted = match &mut fresh {
            Some(fresh) => fresh.has_taken(&frame),
            None => frame.is_picture,
        };
        let has_failed = !frame.is_picture && stream.state() == State::Failing;
        if is_wanted || has_failed {
            return Some(frame);
        }
    }
}

fn unavailable(why: &str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pictures_age_is_told() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_micros(1_800_000_000_250_000);
        let told = taken(at, at + Duration::from_millis(2900)).map(|(_, value)| value);
        let expected = ["1800000000.250000", "Fri, 15 Jan 2027 08:00:00 GMT", "2"];
        assert_eq!(told, expected);
        // By a camera's clock that is fast.
        let told = taken(at + Duration::from_secs(60), at).map(|(_, value)| value);
        let expected = ["1800000060.250000", "Fri, 15 Jan 2027 08:00:00 GMT", "0"];
        assert_eq!(told, expected);
    }
}
