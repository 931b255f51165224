//! Filters: those there are, and new ones.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use bytes::Bytes;
use serde::Serialize;

use super::super::App;
use super::super::problem::ProblemDetails;
use super::{Answer, fresh};
use crate::live::CatalogueEntry;

const NAME_CHARS: usize = 64;

#[derive(Serialize)]
struct Filters {
    filters: Vec<CatalogueEntry>,
}

/// What a step names an uploaded filter by.
#[derive(Serialize)]
struct Kept {
    #[serde(rename = "use")]
    use_: String,
}

/// `GET /api/filters`: the catalogue, with each filter's settings schema.
pub async fn list(State(app): State<App>) -> Answer {
    let filters = app.live.catalogue().await?;
    Ok(fresh(Filters { filters }))
}

/// `PUT /api/filters/NAME.wasm`: keeps the module in the body, once it has been found to be a filter.
pub async fn put(State(app): State<App>, Path(file): Path<String>, body: Bytes) -> Answer {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let stem = file.strip_suffix(".wasm").unwrap_or_default();
    if stem.is_empty() || file.len() > NAME_CHARS || !stem.chars().all(is_fine) {
        return Err(ProblemDetails::bad_request(
            "a filter's file has a name of letters, digits, `_` and `-` that ends in `.wasm`",
        ));
    }
    let (use_, is_new) = app.live.keep_filter(file, body.into()).await?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, fresh(Kept { use_ })).into_response())
}
