//! Viewers, and how many a stream may have.

use axum::Extension;
use axum::extract::FromRequestParts;
use axum::extract::rejection::ExtensionRejection;
use axum::http::request::Parts;
use axum::http::{Method, Version};

use super::App;
use super::auth::{Identity, Right};
use super::problem::ProblemDetails;
use crate::stream::{Stream, Viewer};

/// A request for pictures.
pub struct Visit {
    method: Method,
    version: Version,
    wants_fresh: bool,
    /// Who sent it.
    pub identity: Identity,
}

impl Visit {
    /// Whether only the answer's header is wanted.
    pub fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }

    /// Whether its connection has other answers as well.
    pub fn is_http2(&self) -> bool {
        self.version == Version::HTTP_2
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

impl<S: Send + Sync> FromRequestParts<S> for Visit {
    type Rejection = ExtensionRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ExtensionRejection> {
        let Extension(identity) = Extension::from_request_parts(parts, state).await?;
        Ok(Self {
            method: parts.method.clone(),
            version: parts.version,
            wants_fresh: wants_fresh(parts.uri.query().unwrap_or_default()),
            identity,
        })
    }
}

impl App {
    /// A viewer of `stream`. An admin may watch also where all that may are there.
    ///
    /// # Errors
    /// It has as many as it may have.
    pub fn viewer(&self, stream: &Stream, identity: &Identity) -> Result<Viewer, TooManyViewers> {
        let snapshot = self.controller.current();
        let config = snapshot.config.stream(stream.name());
        let Some(most) = config.and_then(|config| config.max_viewers) else {
            return Ok(stream.watch());
        };
        match stream.watch_below(most) {
            Some(viewer) => Ok(viewer),
            None if identity.may(Right::Administer) => Ok(stream.watch()),
            None => Err(TooManyViewers {
                stream: stream.name().to_owned(),
                most,
            }),
        }
    }
}

/// The reason why a stream takes no more viewers.
#[derive(Debug, thiserror::Error)]
#[error("`{stream}` has {most} viewers already, and may have no more (`max-viewers`)")]
pub struct TooManyViewers {
    stream: String,
    most: usize,
}

impl From<TooManyViewers> for ProblemDetails {
    fn from(full: TooManyViewers) -> Self {
        Self::busy(full.to_string())
    }
}
