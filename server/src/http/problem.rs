//! Errors of the API, as problem details (RFC 9457).

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::control::{EditError, Problem, problems};
use crate::filter::LoadErrorKind;
use crate::secret::mask;

/// The media type of problem details.
pub const PROBLEM: &str = "application/problem+json";
/// The seconds after which another try is worth it where the machine is short of something.
const MACHINE_SECONDS: u64 = 10;
/// The seconds after which another try is worth it where somebody else has all there is.
const BUSY_SECONDS: u64 = 5;
const PAGE: &str = "text/html; charset=utf-8";
/// A page of text alone.
const POLICY: &str =
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// The reason why a request was not done.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct ProblemDetails {
    /// The kind of problem; `about:blank` means that the status says it.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// The fault, and what to do.
    detail: String,
    /// The mistakes that the pipeline file has or would have, each with its place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<Problem>,
    #[serde(skip)]
    retry_after: Option<u64>,
    /// A line to add to the pipeline file.
    #[serde(skip)]
    line: Option<Box<str>>,
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
            line: None,
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

    /// Something that nobody may do.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    /// A fault of the server.
    pub fn internal(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    }

    /// Something that there is no room for now; another try is worth it in a few seconds.
    pub fn busy(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(BUSY_SECONDS)
    }

    /// The same problem, which is to be over in `seconds`.
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The same problem, which `line` in the pipeline file solves.
    pub fn with_line(mut self, line: String) -> Self {
        self.line = Some(line.into_boxed_str());
        self
    }

    /// The problem as a page, for people.
    pub fn into_page(self) -> Response {
        let page = self.page();
        let mut response = self.into_response();
        *response.body_mut() = page.into();
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_LENGTH);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PAGE));
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(POLICY),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    fn page(&self) -> String {
        let (status, title) = (self.status, self.title);
        let detail = escape(&self.detail);
        let line = self.line.as_deref().map_or_else(String::new, |line| {
            let line = escape(line);
            format!(
                "<p>The line for the pipeline file; a name that is there already stays beside \
                it:</p>\n<pre>{line}</pre>\n"
            )
        });
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>Mattebox: {title}</title>\n\
             <h1>{status} {title}</h1>\n<p>{detail}</p>\n{line}"
        )
    }

    /// The same problem, after which nothing more can be read from the connection.
    pub fn closing(mut self) -> Self {
        self.is_last = true;
        self
    }
}

/// `text` as it stands in HTML.
pub fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

impl From<EditError> for ProblemDetails {
    fn from(error: EditError) -> Self {
        use EditError::{
            BeingWritten, Broken, Command, Ending, FileIsWrong, Filter, Locked, Masked, NoSpace,
            Opening, OperatorOnly, OtherRevision, Outrun, Overridden, Preparing, Text, UnknownStep,
            UnknownStream, UnknownUser, UnknownVersion, Unwritable, UploadsOff, Waiting, Wrong,
        };
        let (status, retry_after) = match &error {
            FileIsWrong(error) | Wrong(error) if error.may_pass_as_a_whole() => {
                (StatusCode::SERVICE_UNAVAILABLE, Some(MACHINE_SECONDS))
            }
            NoSpace { .. } => (StatusCode::SERVICE_UNAVAILABLE, Some(MACHINE_SECONDS)),
            Filter(error) if error.kind == LoadErrorKind::Machine => {
                (StatusCode::SERVICE_UNAVAILABLE, Some(1))
            }
            Ending | Waiting(_) | Outrun | BeingWritten | Preparing | Locked(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, Some(1))
            }
            UnknownStream(_) | UnknownStep { .. } | UnknownUser(_) | UnknownVersion(_) => {
                (StatusCode::NOT_FOUND, None)
            }
            Text(_) | Overridden(_) | OtherRevision(_) | Opening | UploadsOff | FileIsWrong(_) => {
                (StatusCode::CONFLICT, None)
            }
            Masked(_) | Wrong(_) | Filter(_) => (StatusCode::UNPROCESSABLE_ENTITY, None),
            OperatorOnly | Command => (StatusCode::FORBIDDEN, None),
            Unwritable { .. } | Broken(_) => (StatusCode::INTERNAL_SERVER_ERROR, None),
        };
        let problems = match &error {
            FileIsWrong(error) | Wrong(error) => problems(error),
            _ => Vec::new(),
        };
        Self {
            problems,
            retry_after,
            ..Self::new(status, error.to_string())
        }
    }
}

impl ProblemDetails {
    /// The problem of `error` for somebody who may not read the pipeline file: without its lines.
    pub fn of_operator(error: EditError) -> Self {
        let detail = match &error {
            EditError::FileIsWrong(_) => {
                Some("the pipeline file is wrong as it is: an admin can see where".to_owned())
            }
            EditError::Wrong(error) => {
                let messages = error.diagnostics().iter().map(|it| it.message.clone());
                Some(messages.collect::<Vec<_>>().join("; "))
            }
            _ => None,
        };
        let is_files = matches!(error, EditError::FileIsWrong(_));
        let mut problem = Self::from(error);
        if is_files {
            problem.problems.clear();
        }
        problem.detail = detail.unwrap_or(problem.detail);
        problem
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
