//! For those who watch over the server: whether it lives, and whether it does what it should.

use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::App;
use super::auth::{Identity, Right};
use crate::stream::StreamState;

/// Changes that take longer to be made, once they are ready, are stuck.
const LONGEST_CHANGE: Duration = Duration::from_secs(30);

/// The time in which there must be a thread for a change, on a busy machine too.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// `GET /healthz`: the server answers, and all its streams run or could.
pub async fn healthz(State(app): State<App>, Extension(identity): Extension<Identity>) -> Response {
    let snapshot = app.controller.current();
    let gone = snapshot.streams.iter().filter(|stream| !stream.is_alive());
    let gone = gone.map(
        |it| match identity.may(Right::Watch) && identity.sees(it.name()) {
            true => format!("a thread of the stream `{}` is gone\n", it.name()),
            false => "a thread of a stream is gone\n".to_owned(),
        },
    );
    let mut wrong: Vec<_> = gone.collect();
    let held_up = app.controller.changes_held_up();
    if held_up >= LONGEST_CHANGE {
        let seconds = held_up.as_secs();
        wrong.push(format!("a change has held up all others for {seconds} s\n"));
    }
    let thread = tokio::task::spawn_blocking(|| ());
    if tokio::time::timeout(LONGEST_WAIT, thread).await.is_err() {
        wrong.push("no thread is free for changes\n".to_owned());
    }
    match wrong.as_slice() {
        [] => "ok\n".into_response(),
        wrong => (StatusCode::SERVICE_UNAVAILABLE, wrong.concat()).into_response(),
    }
}

/// `GET /readyz`: all streams that are watched give pictures, the pipeline file is in force as it
/// is, and with TLS there is a certificate that is valid.
pub async fn readyz(State(app): State<App>, Extension(identity): Extension<Identity>) -> Response {
    let mut wrong = Vec::new();
    let snapshot = app.controller.current();
    for stream in snapshot.streams.iter() {
        let name = stream.name();
        match stream.state() {
            StreamState::Failing | StreamState::Preparing if !identity.sees(name) => {
                wrong.push("a stream that you may not see is not ready".to_owned());
            }
            StreamState::Failing => {
                let why = stream.error().unwrap_or_default();
                wrong.push(format!("the stream `{name}` fails: {why}"));
            }
            StreamState::Preparing => {
                wrong.push(format!("the stream `{name}` prepares its filters"));
            }
            _ => {}
        }
    }
    match app.controller.report().error {
        Some(error) if identity.may(Right::Administer) => wrong.push(error.sentence()),
        Some(error) => wrong.push(error.places_only().message),
        None => {}
    }
    wrong.extend(app.certificates.problem(&snapshot));
    if !wrong.is_empty() && !identity.may(Right::Read) {
        wrong = vec!["something is wrong; what it is takes the role operator to see".to_owned()];
    }
    match wrong.as_slice() {
        [] => "ready\n".into_response(),
        wrong => (StatusCode::SERVICE_UNAVAILABLE, wrong.join("\n") + "\n").into_response(),
    }
}
