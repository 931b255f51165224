//! Variables: texts that filters show.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::super::App;
use super::super::problem::ProblemDetails;
use super::{Answer, fresh, parse};

const NAME_CHARS: usize = 64;
const TEXT_CHARS: usize = 500;
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A variable.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Variable {
    /// What filters show.
    text: String,
    /// After how many seconds it is forgotten, if it is.
    #[serde(default, skip_serializing)]
    ttl_seconds: Option<f64>,
}

/// `GET /api/variables`: texts by name.
pub async fn list(State(app): State<App>) -> Response {
    let snapshot = app.live.variables().snapshot();
    let texts = snapshot
        .iter()
        .map(|(name, text)| (name.clone(), text.as_str().into()));
    let variables: Map<_, _> = texts.collect();
    fresh(serde_json::json!({ "variables": variables }))
}

/// `GET /api/variables/NAME`.
pub async fn show(State(app): State<App>, Path(name): Path<String>) -> Answer {
    let snapshot = app.live.variables().snapshot();
    match snapshot.iter().find(|(known, _)| *known == name) {
        Some((_, text)) => Ok(fresh(Variable {
            text: text.clone(),
            ttl_seconds: None,
        })),
        None => Err(unknown(&name)),
    }
}

fn unknown(name: &str) -> ProblemDetails {
    ProblemDetails::not_found(format!("no variable is called `{name}`"))
}

/// `PUT /api/variables/NAME`: gives it a text, for a while or for good.
pub async fn put(State(app): State<App>, Path(name): Path<String>, body: Bytes) -> Answer {
    let Variable { text, ttl_seconds } = parse(&body)?;
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty() || name.len() > NAME_CHARS || !name.chars().all(is_fine) {
        return Err(ProblemDetails::bad_request(format!(
            "a variable's name has 1 to {NAME_CHARS} letters, digits, `_`, `-` and `.`"
        )));
    }
    if text.chars().count() > TEXT_CHARS {
        return Err(ProblemDetails::bad_request(format!(
            "a variable's text may have {TEXT_CHARS} characters"
        )));
    }
    let ttl = match ttl_seconds.map(Duration::try_from_secs_f64) {
        None => None,
        Some(Ok(ttl)) if !ttl.is_zero() && ttl <= LONGEST => Some(ttl),
        Some(_) => {
            let why = format!(
                "`ttl_seconds` is more than 0 and at most {}",
                LONGEST.as_secs()
            );
            return Err(ProblemDetails::bad_request(why));
        }
    };
    let end = ttl.map(|ttl| app.clock.now() + ttl);
    if !app.live.variables().try_set(&name, &text, end) {
        return Err(ProblemDetails::new(
            StatusCode::CONFLICT,
            "there are too many variables; remove some first",
        ));
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `DELETE /api/variables/NAME`.
pub async fn delete(State(app): State<App>, Path(name): Path<String>) -> Answer {
    match app.live.variables().remove(&name) {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err(unknown(&name)),
    }
}
