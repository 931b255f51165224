//! Connections that are taken over from hyper behind an answer's header.
//!
//! hyper frames, queues and writes what a body gives for each client anew. Where thousands get the
//! same bytes, the server writes them itself: the handler adds a [`Takeover`] to its response,
//! hyper is stopped before it writes anything of that, and the header and all that follows goes out
//! from here. The connection's limits stay those of its [`Wire`], and it serves nothing after that.

use std::io;
use std::sync::{Arc, Mutex};

use axum::http::{Version, header};
use axum::response::Response;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::io::AsyncWriteExt;

use super::wire::{Flushed, Wire};
use crate::sync::IgnorePoison;

type WriteBody = Box<dyn FnOnce(Wire) -> BoxFuture<'static, io::Result<()>> + Send>;

/// The body of a response, as what writes it. An extension of the response; clones are one.
#[derive(Clone)]
pub struct Takeover(Arc<Mutex<Option<WriteBody>>>);

impl Takeover {
    /// A body that `write` writes to the connection, whose end is the body's.
    pub fn new<F>(write: impl FnOnce(Wire) -> F + Send + 'static) -> Self
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let write: WriteBody = Box::new(|wire| write(wire).boxed());
        Self(Arc::new(Mutex::new(Some(write))))
    }
}

/// The error of the service by which hyper is stopped.
#[derive(Debug, thiserror::Error)]
#[error("the connection is taken over")]
pub struct TakenOver;

/// The answer of a connection that is taken over. Clones share it.
#[derive(Clone, Default)]
pub struct Pending(Arc<Mutex<Option<(Version, Response)>>>);

impl Pending {
    /// Gives `response` back if hyper is to write it; else keeps it, to be written as one of
    /// HTTP's `version` once the answer before it is `flushed`: what hyper still has is lost with
    /// it.
    ///
    /// # Errors
    /// It is kept.
    pub async fn divert(
        &self,
        version: Version,
        response: Response,
        flushed: &Flushed,
    ) -> Result<Response, TakenOver> {
        if response.extensions().get::<Takeover>().is_none() {
            return Ok(response);
        }
        flushed.wait().await;
        *self.0.lock().ignore_poison() = Some((version, response));
        Err(TakenOver)
    }

    /// Writes the answer that was kept to the `wire` that hyper had: how that ended, or `None` if
    /// none was kept.
    pub async fn write(&self, wire: impl FnOnce() -> Option<Wire>) -> Option<io::Result<()>> {
        let (version, mut response) = self.0.lock().ignore_poison().take()?;
        let body = response.extensions_mut().remove::<Takeover>()?;
        let body = body.0.lock().ignore_poison().take()?;
        let mut wire = wire()?;
        if let Err(error) = wire.write_all(&head(version, &response)).await {
            return Some(Err(error));
        }
        // The response is kept meanwhile, since its body holds the request's permit.
        Some(body(wire).await)
    }
}

/// Status line and fields (RFC 9112, 4 and 5). Without a length, the body ends with the connection
/// (6.3).
fn head(version: Version, response: &Response) -> Vec<u8> {
    let mut head = format!("{version:?} {}\r\n", response.status()).into_bytes();
    let fields = response.headers().iter();
    for (name, value) in fields.filter(|(name, _)| *name != header::CONNECTION) {
        let line = [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"];
        head.extend(line.concat());
    }
    head.extend(b"connection: close\r\n\r\n");
    head
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn a_head_has_all_fields_and_closes_the_connection() {
        let response = Response::builder()
            .header("content-type", "text/plain")
            .header("connection", "keep-alive")
            .header("x-name", "ü")
            .body(Body::empty());
        let head = head(Version::HTTP_10, &response.unwrap());
        let expected =
            "HTTP/1.0 200 OK\r\ncontent-type: text/plain\r\nx-name: ü\r\nconnection: close\r\n\r\n";
        assert_eq!(String::from_utf8(head).unwrap(), expected);
    }
}
