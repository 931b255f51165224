//! Errors of the API, as problem details (RFC 9457).

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::config::ConfigError;
use crate::live::{ChangeError, Problem, problems};
use crate::secret::mask;

/// The media type of problem details.
pub const PROBLEM: &str = "application/problem+json";

/// Why a request was not done.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct ProblemDetails {
    /// What kind of problem this is; `about:blank` means that the status says it.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong, and what to do.
    detail: String,
    /// What would be wrong in the pipeline file, each with its place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<Problem>,
    #[serde(skip)]
    retry_after: Option<u64>,
    /// Whether the connection ends with this answer.
    #[serde(skip)]
    is_last: bool,
}

impl ProblemDetails {
    /// A problem that the status and a sentence tell.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: mask(&detail.into()),
            problems: Vec::new(),
            retry_after: None,
            is_last: false,
        }
    }

    /// A request that is wrong in itself.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// Something that isn't there.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// The same problem, which is to be over in `seconds`.
    pub fn retry_after(self, seconds: u64) -> Self {
        Self {
            retry_after: Some(seconds),
            ..self
        }
    }

    /// The same problem, after which nothing more can be read from the connection.
    pub fn closing(self) -> Self {
        Self {
            is_last: true,
            ..self
        }
    }

    fn in_file(status: StatusCode, error: &ConfigError) -> Self {
        Self {
            problems: problems(error),
            ..Self::new(status, error.to_string())
        }
    }
}

impl From<ChangeError> for ProblemDetails {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::NotFound(why) => Self::not_found(why),
            ChangeError::Refused(why) => Self::new(StatusCode::CONFLICT, why),
            ChangeError::FileIsWrong(error) => Self::in_file(StatusCode::CONFLICT, &error),
            ChangeError::Wrong(error) => Self::in_file(StatusCode::UNPROCESSABLE_ENTITY, &error),
            ChangeError::Invalid(why) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, why),
            ChangeError::Busy(why) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, why).retry_after(1)
            }
            ChangeError::Unwritable(why) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, why),
        }
    }
}

impl IntoResponse for ProblemDetails {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let (retry_after, is_last) = (self.retry_after, self.is_last);
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if is_last {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
