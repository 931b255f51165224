//! Viewers, and how many a stream may have.

use std::convert::Infallible;
use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};

use super::App;
use super::auth::Client;
use super::problem::ProblemDetails;
use crate::stream::{Stream, Viewer};

/// A request for pictures.
pub struct Visit {
    method: Method,
    wants_fresh: bool,
    headers: HeaderMap,
    client: Option<IpAddr>,
}

impl Visit {
    /// Whether only the answer's header is wanted.
    pub fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }

    /// Whether the picture must have been taken after this request.
    pub fn wants_fresh(&self) -> bool {
        self.wants_fresh
    }
}

/// Whether `query` has `fresh`, alone or with a value that doesn't deny it.
fn wants_fresh(query: &str) -> bool {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.any(|(name, value)| name == "fresh" && !matches!(&*value, "0" | "false" | "no"))
}

impl<S: Sync> FromRequestParts<S> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let client = parts.extensions.get::<Client>();
        Ok(Self {
            method: parts.method.clone(),
            wants_fresh: wants_fresh(parts.uri.query().unwrap_or_default()),
            headers: parts.headers.clone(),
            client: client.map(|client| client.address),
        })
    }
}

impl App {
    /// A viewer of `stream`. Who shows the admin token may watch also where all that may are there.
    ///
    /// # Errors
    /// It has as many as it may have.
    pub fn viewer(&self, stream: &Stream, visit: &Visit) -> Result<Viewer, ProblemDetails> {
        let is_admin = |client| self.shows_token(&visit.headers, client);
        let viewer = self.viewer_if(stream, || visit.client.is_some_and(is_admin));
        viewer.map_err(|full| ProblemDetails::busy(full.to_string()))
    }

    /// A viewer of `stream`, also where all that may watch are there if `is_admin`, which is asked
    /// then only.
    ///
    /// # Errors
    /// It has as many as it may have.
    pub fn viewer_if(
        &self,
        stream: &Stream,
        is_admin: impl FnOnce() -> bool,
    ) -> Result<Viewer, NoRoom> {
        let snapshot = self.controller.current();
        let config = snapshot.config.stream(stream.name());
        let Some(most) = config.and_then(|config| config.max_viewers) else {
            return Ok(stream.watch());
        };
        match stream.watch_below(most) {
            Some(viewer) => Ok(viewer),
            None if is_admin() => Ok(stream.watch()),
            None => Err(NoRoom {
                stream: stream.name().to_owned(),
                most,
            }),
        }
    }
}

/// The reason why a stream takes no more viewers.
#[derive(Debug, thiserror::Error)]
#[error("`{stream}` has {most} viewers already, and may have no more (`max-viewers`)")]
pub struct NoRoom {
    stream: String,
    most: usize,
}
