//! One picture. Starts the pipeline if it rests.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::auth::{Identity, Right};
use super::mjpeg::no_body;
use super::problem::ProblemDetails;
use super::viewing::Visit;
use super::{App, NO_CACHE, timestamp};
use crate::frame::Frame;
use crate::local_time;
use crate::stream::{Fresh, Stream, StreamState, Viewer};

const HEADERS: [(HeaderName, &str); 2] = [
    (header::CONTENT_TYPE, "image/jpeg"),
    (header::CACHE_CONTROL, NO_CACHE),
];
/// The reason why there is no picture.
const ERROR: HeaderName = HeaderName::from_static("x-mattebox-error");
/// The most characters of it.
const ERROR_CHARS: usize = 500;
/// The time after which to try again, in seconds: half of the longest pause before a camera is
/// tried again.
const RETRY_SECONDS: u64 = 5;
/// The time for which a camera may take to start before the client is told that there is no
/// picture, beside its warm-up.
const PATIENCE: Duration = Duration::from_secs(10);

/// The newest frame, or the first one of a stream that rests; with `?fresh` one that was taken
/// after the request.
pub async fn answer(app: &App, stream: &Stream, visit: &Visit) -> Response {
    if visit.is_head() {
        return head(app, stream, visit);
    }
    // Before the camera is started, whose first frame is as good.
    let fresh = visit.wants_fresh().then(|| stream.fresh(app.clock.now()));
    let patience = PATIENCE + stream.longest_wait(fresh.is_some());
    let viewer = match app.viewer(stream, &visit.identity) {
        Ok(viewer) => viewer,
        Err(full) => return ProblemDetails::from(full).into_response(),
    };
    let mut look = Look {
        viewer,
        fresh,
        notice: None,
    };
    let next = tokio::time::timeout(patience, look.picture(stream));
    let why = match app.shutdown.run_until_cancelled(next).await {
        Some(Ok(Some(frame))) => return shown(app, stream, &frame),
        None => "the server is shutting down".to_owned(),
        Some(Ok(None)) if app.find(stream.name()).is_none() => "the stream was removed".to_owned(),
        Some(Ok(None) | Err(_)) => why_not(stream, &visit.identity, patience),
    };
    let mut response = unavailable(&why, look.notice.as_deref());
    if stream.state() != StreamState::Ended {
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, RETRY_SECONDS.into());
    }
    response
}

/// Answers `HEAD` by the newest frame, without taking a picture: nobody looks at what `HEAD` asks
/// for, and no camera is opened.
fn head(app: &App, stream: &Stream, visit: &Visit) -> Response {
    let newest = stream.newest();
    let is_failing = stream.state() == StreamState::Failing;
    match newest.as_deref() {
        Some(frame) if frame.is_picture && !visit.wants_fresh() => shown(app, stream, frame),
        notice if is_failing => unavailable(
            &why_not(stream, &visit.identity, PATIENCE),
            notice.filter(|it| !it.is_picture),
        ),
        _ => (HEADERS, no_body()).into_response(),
    }
}

fn shown(app: &App, stream: &Stream, frame: &Frame) -> Response {
    let taken = taken(frame.captured_at, app.clock.unix());
    let file = [(
        header::CONTENT_DISPOSITION,
        disposition(stream.name(), frame.captured_at, &local_time::zone()),
    )];
    (HEADERS, taken, file, frame.jpeg.bytes().clone()).into_response()
}

/// The reason why a stream has no picture.
fn why_not(stream: &Stream, identity: &Identity, patience: Duration) -> String {
    match (stream.state(), stream.error()) {
        (StreamState::Preparing, _) => {
            "the stream's filters are being prepared; try again".to_owned()
        }
        (StreamState::Ended, _) => {
            "the recording is over; there is no picture after this request".to_owned()
        }
        (_, Some(error)) if identity.may(Right::Read) => format!("there is no picture: {error}"),
        (_, Some(_)) => "there is no picture: the stream fails".to_owned(),
        (_, None) => format!("the camera gave no picture within {patience:?}"),
    }
}

/// The name under which a browser saves a picture that was taken `at`, by the clock on the wall
/// (RFC 6266).
fn disposition(stream: &str, at: SystemTime, zone: &TimeZone) -> String {
    let at = Timestamp::try_from(at).unwrap_or_default();
    let at = zone.to_datetime(at).strftime("%Y-%m-%d_%H-%M-%S");
    format!("inline; filename=\"{stream}-{at}.jpg\"")
}

/// Headers that tell when a picture was taken (RFC 9110, 8.8.2; RFC 9111, 5.1). `Last-Modified`
/// must not be later than now.
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

/// A look for one picture.
struct Look {
    viewer: Viewer,
    fresh: Option<Fresh>,
    /// The last picture that told that there is none of the camera.
    notice: Option<Arc<Frame>>,
}

impl Look {
    /// The next picture of the camera, a fresh one if that is wanted. None if the camera fails, or
    /// the stream has ended.
    async fn picture(&mut self, stream: &Stream) -> Option<Arc<Frame>> {
        loop {
            let frame = self.viewer.next().await?;
            let is_wanted = match &mut self.fresh {
                Some(fresh) => fresh.has_taken(&frame),
                None => frame.is_picture,
            };
            if is_wanted && frame.is_picture {
                return Some(frame);
            }
            if !frame.is_picture {
                self.notice = Some(frame);
                if stream.state() == StreamState::Failing {
                    return None;
                }
            }
        }
    }
}

/// Tells why there is no picture: in a header, and by a picture, if there is a `notice`, for
/// clients that show what they get.
fn unavailable(why: &str, notice: Option<&Frame>) -> Response {
    let is_printable = |c: &char| c.is_ascii_graphic() || *c == ' ';
    let error: String = why.chars().filter(is_printable).take(ERROR_CHARS).collect();
    let status = StatusCode::SERVICE_UNAVAILABLE;
    match notice {
        Some(notice) => {
            let jpeg = notice.jpeg.bytes().clone();
            (status, [(ERROR, error)], HEADERS, jpeg).into_response()
        }
        None => (status, [(ERROR, error)], format!("{why}\n")).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_saved_by_its_name_and_time() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_micros(1_800_000_000_250_000);
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let expected = "inline; filename=\"front-2027-01-15_10-00-00.jpg\"";
        assert_eq!(disposition("front", at, &zone), expected);
    }

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
