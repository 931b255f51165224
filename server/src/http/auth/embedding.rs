//! Pages of other sites: what of the server they may show.
//!
//! Browsers tell where a request comes from by `Sec-Fetch-Site` (W3C, Fetch Metadata), but only to
//! addresses that they take for trustworthy: `https`, and the machine itself. Elsewhere `Origin`
//! tells it, or `Referer`; these name the server as the browser knows it, which a proxy may have
//! replaced by another name in `Host`, so that they count only where it matters: for pictures, by
//! `embedding`. All else that can be read without a token browsers keep from pages of other sites
//! by themselves, as `Cross-Origin-Resource-Policy` and the lack of CORS headers tell them (Fetch
//! standard). A client that sends none of these is no page of another site.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;

use super::super::problem::ProblemDetails;
use super::content::Content;
use super::hosts::{Names, Site, foreign_page};
use super::is_reading;
use crate::config::Embedding;

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

/// Checks whether the page that sent `request` may show `content`.
///
/// # Errors
/// It comes from elsewhere.
pub fn check(
    request: &Request,
    content: Content,
    names: &Names<'_>,
    embedding: Embedding,
) -> Result<(), ProblemDetails> {
    let site = site(request, content, names);
    let may_embed = match (content, embedding) {
        (Content::Pictures, Embedding::Any) => true,
        (Content::Pictures, Embedding::None) => site == Site::Own,
        _ => site != Site::Other,
    };
    if may_embed || is_visit(request, content) {
        return Ok(());
    }
    if content != Content::Pictures {
        return Err(foreign_page());
    }
    let why =
        "other sites' pages may not show these pictures, as `embedding` in the pipeline file says";
    Err(ProblemDetails::forbidden(why))
}

fn site(request: &Request, content: Content, names: &Names<'_>) -> Site {
    let headers = request.headers();
    if let Some(site) = told_site(headers) {
        return site;
    }
    if content != Content::Pictures {
        return Site::Own;
    }
    let page = page(headers);
    page.map_or(Site::Own, |page| names.site_of(page))
}

/// The site of the page that sent a request with `headers`, as the browser tells it.
pub fn told_site(headers: &HeaderMap) -> Option<Site> {
    let site = headers.get("sec-fetch-site")?;
    Some(match site.as_bytes() {
        b"same-origin" | b"none" => Site::Own,
        b"same-site" => Site::Same,
        _ => Site::Other,
    })
}

/// The origin or the address of the page that sent a request with `headers`.
pub fn page(headers: &HeaderMap) -> Option<&str> {
    let page = headers.get(header::ORIGIN);
    let page = page.or_else(|| headers.get(header::REFERER))?;
    Some(page.to_str().unwrap_or_default())
}

/// Whether somebody followed a link, so that what is asked for is shown by itself and not within
/// another page. A page with nothing but pictures may be in a frame also: the browser is told in
/// which.
fn is_visit(request: &Request, content: Content) -> bool {
    let headers = request.headers();
    let says = |name, wanted| headers.get(name).is_some_and(|value| value == wanted);
    let is_here = match content {
        Content::Pictures | Content::Page => says("sec-fetch-dest", "document"),
        Content::PicturePage => true,
        Content::Api | Content::Rest => false,
    };
    is_reading(request.method()) && says("sec-fetch-mode", "navigate") && is_here
}

/// Tells browsers which pages may use `response`.
pub fn seal(response: &mut Response, content: Content, embedding: Embedding) {
    let policy = match embedding {
        Embedding::Any => "cross-origin",
        Embedding::SameSite => "same-site",
        Embedding::None => "same-origin",
    };
    let is_picture = content == Content::Pictures && shows_pictures(response);
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

/// Whether `response` has pictures, of which one may tell that there is none of the camera.
fn shows_pictures(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    response.status().is_success() || kind.is_some_and(|kind| kind == "image/jpeg")
}
