//! Filters: those there are, and new ones.

use axum::extract::{Path, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::IntoResponse;
use serde::Serialize;

use super::super::problem::ProblemDetails;
use super::super::{App, NO_CACHE};
use super::refusals::NotKept;
use super::{Answer, below_prefix, uncached_json, upload};
use crate::control::FilterCatalog;

const NAME_CHARS: usize = 64;

/// An uploaded filter, as a step names it.
#[derive(Serialize, utoipa::ToSchema)]
struct Kept {
    #[serde(rename = "use")]
    use_: String,
}

/// The filters that a step can name, with each one's settings schema; and files that can't be used,
/// with why.
#[utoipa::path(
    get,
    path = "/filters",
    responses((status = OK, description = "The catalog", body = FilterCatalog)),
)]
pub async fn list_filters(State(app): State<App>) -> Answer {
    let json = app.controller.catalog().await;
    let json = json.map_err(|error| ProblemDetails::internal(error.to_string()))?;
    let headers = [
        (header::CACHE_CONTROL, NO_CACHE),
        (header::CONTENT_TYPE, "application/json"),
    ];
    Ok((headers, json).into_response())
}

/// Keeps the module in the body, once it has been found to be a filter.
#[utoipa::path(
    put,
    path = "/filters/{file}",
    params(("file" = String, Path, description = "The file's name, which ends in `.wasm`")),
    request_body(content = Vec<u8>, content_type = "application/wasm"),
    responses(
        (status = OK, description = "The filter, in the place of an older one", body = Kept),
        (status = CREATED, description = "The filter", body = Kept),
        NotKept,
    ),
)]
pub async fn upload_filter(
    State(app): State<App>,
    Path(file): Path<String>,
    request: Request,
) -> Answer {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let stem = file.strip_suffix(".wasm").unwrap_or_default();
    if stem.is_empty() || file.len() > NAME_CHARS || !stem.chars().all(is_fine) {
        return Err(ProblemDetails::bad_request(
            "a filter's file has a name of letters, digits, `_` and `-` that ends in `.wasm`",
        ));
    }
    let (use_, is_new) = upload::keep(&app, file, request.into_body()).await?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, uncached_json(Kept { use_ })).into_response())
}

/// Whether `request` brings a filter.
pub fn is_upload(request: &Request) -> bool {
    let path = below_prefix(request.uri().path()).unwrap_or_default();
    request.method() == Method::PUT && path.starts_with("/filters/")
}
