//! For those who watch over the server: whether it lives, and whether it does what it should.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::App;
use crate::stream::State as Doing;

/// `GET /healthz`: the server answers, and all its streams run or could.
pub async fn healthz(State(app): State<App>) -> Response {
    let running = app.live.now();
    let gone = running.streams.iter().filter(|stream| !stream.is_alive());
    let gone: Vec<_> = gone
        .map(|stream| format!("a thread of the stream `{}` is gone\n", stream.name()))
        .collect();
    match gone.as_slice() {
        [] => "ok\n".into_response(),
        gone => (StatusCode::SERVICE_UNAVAILABLE, gone.concat()).into_response(),
    }
}

/// `GET /readyz`: all streams that are watched give pictures, and the pipeline file is in force as it is.
pub async fn readyz(State(app): State<App>) -> Response {
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
    if let Some(error) = app.live.report().error {
        wrong.push(format!("the pipeline file is wrong: {}", error.message));
    }
    match wrong.as_slice() {
        [] => "ready\n".into_response(),
        wrong => (StatusCode::SERVICE_UNAVAILABLE, wrong.join("\n") + "\n").into_response(),
    }
}
