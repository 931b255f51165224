//! Variables: texts that filters show.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::super::App;
use super::super::problem::ProblemDetails;
use super::refusals::{MeasuredVariable, NoVariable, NotSet};
use super::{Answer, parse, uncached_json};
use crate::variables::Refusal;

const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A variable.
#[derive(Serialize, utoipa::ToSchema)]
struct Variable {
    /// The text that filters show.
    text: String,
}

/// A variable's new text.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewVariable {
    /// The text that filters show.
    #[schema(max_length = 500)]
    text: String,
    /// After how many seconds it is forgotten, if it is.
    #[serde(default)]
    #[schema(exclusive_minimum = 0, maximum = 31_536_000)]
    ttl_seconds: Option<f64>,
}

#[derive(Serialize, utoipa::ToSchema)]
struct Variables {
    variables: BTreeMap<String, String>,
}

/// All variables.
#[utoipa::path(
    get,
    path = "/variables",
    responses((status = OK, description = "Texts by name", body = Variables)),
)]
pub async fn list_variables(State(app): State<App>) -> Response {
    let snapshot = app.controller.variables().snapshot();
    uncached_json(Variables {
        variables: snapshot.iter().cloned().collect(),
    })
}

/// One variable.
#[utoipa::path(
    get,
    path = "/variables/{variable}",
    params(("variable" = String, Path, description = "The variable's name")),
    responses(
        (status = OK, description = "The variable", body = Variable),
        NoVariable,
    ),
)]
pub async fn show_variable(State(app): State<App>, Path(name): Path<String>) -> Answer {
    let snapshot = app.controller.variables().snapshot();
    match snapshot.iter().find(|(known, _)| *known == name) {
        Some((_, text)) => Ok(uncached_json(Variable { text: text.clone() })),
        None => Err(unknown(&name)),
    }
}

fn unknown(name: &str) -> ProblemDetails {
    ProblemDetails::not_found(format!("no variable is called `{name}`"))
}

fn refused(refusal: &Refusal) -> ProblemDetails {
    let status = match refusal {
        Refusal::Name | Refusal::Text => StatusCode::BAD_REQUEST,
        Refusal::Measured { .. } | Refusal::TooMany => StatusCode::CONFLICT,
    };
    ProblemDetails::new(status, refusal.to_string())
}

/// Gives it a text, for a while or for good.
#[utoipa::path(
    put,
    path = "/variables/{variable}",
    params(("variable" = String, Path, description = "The variable's name")),
    request_body(content = NewVariable),
    responses(
        (status = NO_CONTENT, description = "It has that text"),
        NotSet,
    ),
)]
pub async fn set_variable(State(app): State<App>, Path(name): Path<String>, body: Bytes) -> Answer {
    let NewVariable { text, ttl_seconds } = parse(&body)?;
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
    let set = app.controller.variables().set(&name, &text, end);
    set.map_err(|refusal| refused(&refusal))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Forgets it.
#[utoipa::path(
    delete,
    path = "/variables/{variable}",
    params(("variable" = String, Path, description = "The variable's name")),
    responses(
        (status = NO_CONTENT, description = "It is forgotten"),
        MeasuredVariable,
        NoVariable,
    ),
)]
pub async fn forget_variable(State(app): State<App>, Path(name): Path<String>) -> Answer {
    let removed = app.controller.variables().remove(&name);
    match removed.map_err(|refusal| refused(&refusal))? {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err(unknown(&name)),
    }
}
