//! Pages of other sites: what of the server they may show.
//!
//! Browsers tell where a request comes from by `Sec-Fetch-Site` (W3C, Fetch Metadata), but only to addresses that they take
//! for trustworthy: `https`, and the machine itself. Elsewhere `Origin` tells it, or `Referer`. A client that sends none of
//! these is no page of another site. `Cross-Origin-Resource-Policy` (Fetch standard) has the browser enforce the same.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use url::form_urlencoded;

use super::super::problem::ProblemDetails;
use super::is_reading;
use super::names::{Site, foreign_page, site_of};
use crate::config::{Embedding, Pipeline};

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

/// The purpose of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Pictures of a stream, one or many.
    Pictures,
    /// The page itself.
    Page,
    /// The page's files, the API, metrics, and what is not there.
    Rest,
}

impl Content {
    /// The purpose of `request`, by its address.
    pub fn of(request: &Request) -> Self {
        let path = request.uri().path();
        let query = request.uri().query().unwrap_or_default();
        let name = path.trim_start_matches('/');
        let is_file = name.ends_with(".mjpeg") || name.ends_with(".jpg");
        match path {
            "/" if asks_for_pictures(query) => Self::Pictures,
            "/" => Self::Page,
            "/stream" | "/video_feed" | "/snapshot" => Self::Pictures,
            _ if is_file && !name.contains('/') => Self::Pictures,
            _ => Self::Rest,
        }
    }
}

/// Whether the page's address asks for pictures, as clients of mjpg-streamer do.
fn asks_for_pictures(query: &str) -> bool {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.any(|(key, value)| key == "action" && matches!(&*value, "stream" | "snapshot"))
}

/// Checks whether the page that sent `request` to `host` may show `content`.
///
/// # Errors
/// It comes from elsewhere.
pub fn check(
    request: &Request,
    content: Content,
    host: Option<&str>,
    pipeline: &Pipeline,
) -> Result<(), ProblemDetails> {
    let site = site(request.headers(), host, &pipeline.allowed_hosts);
    let may_embed = match (content, pipeline.web.embedding) {
        (Content::Pictures, Embedding::Any) => true,
        (Content::Pictures, Embedding::None) => site == Site::Own,
        (Content::Pictures, Embedding::SameSite) | (Content::Page | Content::Rest, _) => {
            site != Site::Other
        }
    };
    if may_embed || (content != Content::Rest && is_visit(request, content)) {
        return Ok(());
    }
    if content != Content::Pictures {
        return Err(foreign_page());
    }
    let why =
        "other sites' pages may not show these pictures, as `embedding` in the pipeline file says";
    Err(ProblemDetails::new(StatusCode::FORBIDDEN, why))
}

fn site(headers: &HeaderMap, host: Option<&str>, allowed: &[String]) -> Site {
    let text = |name: &str| {
        let value = headers.get(name)?;
        Some(value.to_str().unwrap_or_default())
    };
    match text("sec-fetch-site") {
        Some("same-origin" | "none") => return Site::Own,
        Some("same-site") => return Site::Same,
        Some(_) => return Site::Other,
        None => {}
    }
    let page = text("origin").or_else(|| text("referer"));
    page.map_or(Site::Own, |page| site_of(page, host, allowed))
}

/// Whether somebody followed a link, so that what is asked for is shown by itself and not within another page. Of the page
/// this is presumed of a browser that doesn't tell: its own headers keep it out of frames.
fn is_visit(request: &Request, content: Content) -> bool {
    let headers = request.headers();
    let says = |name, wanted| headers.get(name).is_some_and(|value| value == wanted);
    let tells = headers.contains_key("sec-fetch-site") || headers.contains_key(header::ORIGIN);
    let is_link = says("sec-fetch-mode", "navigate") && says("sec-fetch-dest", "document");
    is_reading(request.method()) && (is_link || (content == Content::Page && !tells))
}

/// Tells browsers which pages may use `response`.
pub fn seal(response: &mut Response, content: Content, embedding: Embedding) {
    let policy = match embedding {
        Embedding::Any => "cross-origin",
        Embedding::SameSite => "same-site",
        Embedding::None => "same-origin",
    };
    let is_picture = content == Content::Pictures && response.status().is_success();
    let policy = if is_picture { policy } else { "same-origin" };
    let headers = response.headers_mut();
    headers.insert(
        CROSS_ORIGIN_RESOURCE_POLICY,
        HeaderValue::from_static(policy),
    );
    // A browser that guesses could take a text for a script.
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
}
