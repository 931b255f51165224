//! Pages elsewhere whose scripts may read, by `cors` in the pipeline file (Fetch standard, "CORS
//! protocol").
//!
//! They read what everybody may: no answer allows them a login or the header of the admin token,
//! and no change.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use url::Url;

use super::super::problem::ProblemDetails;
use super::content::Content;
use super::embedding::page;
use crate::config::Cors;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD");
/// The headers that scripts may send beside those that they always may.
const SENT: HeaderValue = HeaderValue::from_static(
    "Accept, Cache-Control, Content-Type, If-Modified-Since, If-None-Match, Last-Event-ID, Pragma, \
     Range, X-Requested-With",
);
/// The headers that they may see beside those that they always may.
const SEEN: HeaderValue =
    HeaderValue::from_static("Age, Content-Disposition, X-Mattebox-Error, X-Timestamp");
/// The time for which a browser may keep the answer to a preflight, in seconds: as long as it takes
/// effect that the file changes.
const PREFLIGHT_SECONDS: HeaderValue = HeaderValue::from_static("60");

/// The headers that tell the page that asked whether it may read the answer.
pub struct Mark {
    /// `Access-Control-Allow-Origin`, if the page may read the answer.
    allowed: Option<HeaderValue>,
    /// Whether other pages get another answer.
    varies: bool,
}

impl Mark {
    /// The mark of the answer to a request with these `headers` for `content`.
    pub fn of(headers: &HeaderMap, content: Content, rules: &Cors) -> Self {
        let is_open = matches!(content, Content::Pictures | Content::Api);
        Self {
            allowed: allowed(headers, rules).filter(|_| is_open),
            varies: is_open && !rules.any && !rules.is_empty(),
        }
    }

    /// Whether the page may read the answer.
    pub fn is_allowed(&self) -> bool {
        self.allowed.is_some()
    }

    /// Marks `response`.
    pub fn put_on(self, response: &mut Response) {
        let headers = response.headers_mut();
        if self.varies {
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
        }
        if let Some(allowed) = self.allowed {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, SEEN);
        }
    }
}

fn allowed(headers: &HeaderMap, rules: &Cors) -> Option<HeaderValue> {
    if rules.any {
        return Some(HeaderValue::from_static("*"));
    }
    // An image without `crossorigin` comes without `Origin`.
    let origin = origin(page(headers)?)?;
    let is_allowed = rules.allows(&origin);
    is_allowed.then(|| HeaderValue::try_from(origin).ok())?
}

fn origin(page: &str) -> Option<String> {
    let url = Url::parse(page).ok()?;
    Some(url.origin().ascii_serialization())
}

/// Whether a browser asks by `request` what a page may ask.
pub fn is_preflight(request: &Request) -> bool {
    let headers = request.headers();
    let is_told = headers.contains_key(header::ORIGIN);
    let method = header::ACCESS_CONTROL_REQUEST_METHOD;
    request.method() == Method::OPTIONS && is_told && headers.contains_key(method)
}

/// Answers a preflight.
///
/// # Errors
/// The page may not do that.
pub fn preflight(request: &Request, mark: &Mark) -> Result<Response, ProblemDetails> {
    let method = request.headers().get(header::ACCESS_CONTROL_REQUEST_METHOD);
    let only_reads = method.is_some_and(|method| method == "GET" || method == "HEAD");
    if !mark.is_allowed() || !only_reads {
        let why = "pages from elsewhere may only read here, and only those that `cors` in the \
            pipeline file names";
        return Err(ProblemDetails::forbidden(why));
    }
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, SENT),
        (header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS),
    ];
    Ok((StatusCode::NO_CONTENT, headers).into_response())
}
