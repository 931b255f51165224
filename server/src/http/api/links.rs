//! Signed links to a stream's pictures, for those who have no login.

use std::time::{Duration, UNIX_EPOCH};

use axum::Extension;
use axum::extract::{OriginalUri, Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use bytes::Bytes;
use jiff::{Span, SpanRelativeTo, Timestamp};
use serde::{Deserialize, Serialize};

use super::super::App;
use super::super::address::Pictures;
use super::super::auth::{Audited, Identity, LONGEST_LINK, More};
use super::super::problem::ProblemDetails;
use super::refusals::{NoStream, WrongBody};
use super::{Answer, parse, root_from, uncached_json};

/// A link that is wanted.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLink {
    /// The time for which it holds, such as `1h` or `30d`; 366 days at most.
    #[serde(rename = "for")]
    time: String,
    /// What it shows.
    #[serde(default)]
    kind: LinkKind,
}

/// What a link shows.
#[derive(Clone, Copy, Default, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LinkKind {
    /// Pictures, one after the other.
    #[default]
    Stream,
    /// The newest picture.
    Snapshot,
}

/// A link.
#[derive(Serialize, utoipa::ToSchema)]
struct Link {
    /// The address: a reference relative to the address of this answer (RFC 3986, 4.2), so that it
    /// holds behind every proxy. Whoever has it sees the pictures.
    url: String,
    /// The time at which it ends, RFC 3339, UTC.
    expires: String,
}

/// Makes an address of the stream's pictures that holds for a while, for whoever has it: for an
/// `<img>` on another page, a chat message, or another server.
///
/// `DELETE /links` ends all of them.
#[utoipa::path(
    post,
    path = "/streams/{stream}/links",
    params(("stream" = String, Path, description = "The stream's name")),
    request_body(content = NewLink),
    responses(
        (status = CREATED, description = "The link", body = Link),
        WrongBody, NoStream,
    ),
)]
pub async fn make_link(
    State(app): State<App>,
    Extension(identity): Extension<Identity>,
    OriginalUri(uri): OriginalUri,
    Path(name): Path<String>,
    body: Bytes,
) -> Answer {
    let NewLink { time, kind } = parse(&body)?;
    app.stream(&name)?;
    let time = read_time(&time)?;
    let now = app.clock.unix().duration_since(UNIX_EPOCH);
    let expires = (now.unwrap_or_default() + time).as_secs();
    let (pictures, extension) = match kind {
        LinkKind::Stream => (Pictures::Stream, "mjpeg"),
        LinkKind::Snapshot => (Pictures::Snapshot, "jpg"),
    };
    let query = app.access.links.sign(&name, pictures, expires);
    let root = root_from(&uri);
    let expires = Timestamp::from_second(expires.cast_signed()).unwrap_or_default();
    let expires = expires.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let detail = format!("{extension} until {expires}");
    let more = More {
        stream: Some(&name),
        detail: Some(&detail),
        ..More::default()
    };
    app.access.audit.tell(&identity, "link", more);
    let link = Link {
        url: format!("{root}{name}.{extension}?{query}"),
        expires,
    };
    Ok((StatusCode::CREATED, Extension(Audited), uncached_json(link)).into_response())
}

/// The time for which a link is to hold. A day has 24 hours.
fn read_time(text: &str) -> Result<Duration, ProblemDetails> {
    let span = text.parse::<Span>().ok();
    let time = span.and_then(|it| it.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
    let time = time.and_then(|time| Duration::try_from(time).ok());
    match time {
        Some(time) if !time.is_zero() && time <= LONGEST_LINK => Ok(time),
        _ => Err(ProblemDetails::bad_request(
            "`for` is the time for which the link holds, such as `1h` or `30d`, 366 days at most",
        )),
    }
}

/// Ends all links there are, by a new key.
#[utoipa::path(
    delete,
    path = "/links",
    responses((status = NO_CONTENT, description = "None holds any more")),
)]
pub async fn revoke_links(
    State(app): State<App>,
    Extension(identity): Extension<Identity>,
) -> Answer {
    let links = app.access.links.clone();
    super::blocking(move || links.revoke()).await?;
    app.access
        .audit
        .tell(&identity, "links-revoked", More::default());
    Ok((StatusCode::NO_CONTENT, Extension(Audited)).into_response())
}
