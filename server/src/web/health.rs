//! For those who watch over the server: whether it lives, and whether it does what it should.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::App;
use crate::stream::State as Doing;

/// `GET /healthz`: the server answers.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: all streams that are watched give pictures, and the pipeline file is in force as it is.
pub async fn readyz(State(app): State<App>, request: Request) -> Response {
    let running = app.live.now();
    let failing = running
        .streams
        .iter()
        .filter(|it| it.state() == Doing::Failing);
    let mut wrong: Vec<_> = failing
        .map(|stream| {
            let why = stream.error().unwrap_or_default();
            format!("the stream `{}` fails: {why}", stream.name())
        })
        .collect();
    match app.live.report().error {
        Some(error) if app.is_admin(&request) => {
            wrong.push(format!("the pipeline file is wrong: {}", error.message));
        }
        Some(error) => wrong.push(error.places_only().message),
        None => {}
    }
    match wrong.as_slice() {
        [] => "ready\n".into_response(),
        wrong => (StatusCode::SERVICE_UNAVAILABLE, wrong.join("\n") + "\n").into_response(),
    }
}
