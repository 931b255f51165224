//! Who may do what. Reading is open to whoever reaches the server; changing takes the admin token.
//!
//! Before either, the `Host` header must be a name that only this network can give the server, or one that the pipeline file
//! allows: a page from elsewhere that has its own name point here (DNS rebinding) is refused. And a page from elsewhere may
//! not use the API at all (`Origin`). Users and roles would come in here, in the place of the one token.

mod names;
mod throttle;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::App;
use super::problem::ProblemDetails;
use crate::clock::Clock;
use throttle::Throttle;

/// Where a request came from.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Keeps count of wrong tokens. Clones share it.
#[derive(Clone)]
pub struct Access(Arc<Throttle>);

impl Access {
    /// Nobody has been wrong yet, by `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Throttle::new(clock)))
    }

    /// Whether these `headers`, sent by `peer`, prove that somebody may change the pipeline.
    ///
    /// # Errors
    /// They don't, and why.
    pub fn check(
        &self,
        headers: &HeaderMap,
        peer: IpAddr,
        token: Option<&str>,
    ) -> Result<(), ProblemDetails> {
        let Some(token) = token else {
            let why = "changing is off: set `admin-token` in the pipeline file to `{env: NAME}` or `{file: PATH}`";
            return Err(ProblemDetails::new(StatusCode::FORBIDDEN, why));
        };
        if let Some(wait) = self.0.wait(peer) {
            let seconds = wait.as_secs() + 1;
            let why =
                format!("there were too many wrong tokens from your address; wait {seconds} s");
            return Err(
                ProblemDetails::new(StatusCode::TOO_MANY_REQUESTS, why).retry_after(seconds)
            );
        }
        let Some(sent) = bearer(headers) else {
            let why = "this takes the admin token: send it as `Authorization: Bearer TOKEN`";
            return Err(ProblemDetails::new(StatusCode::UNAUTHORIZED, why));
        };
        // Hashes are of one length, so that the time tells nothing about the token's either.
        let (sent, token) = (Sha256::digest(sent), Sha256::digest(token));
        if bool::from(sent.as_slice().ct_eq(token.as_slice())) {
            self.0.succeeded(peer);
            return Ok(());
        }
        self.0.failed(peer);
        let why = "this is not the admin token";
        Err(ProblemDetails::new(StatusCode::UNAUTHORIZED, why))
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Lets through what may come through.
pub async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    match admit(&app, &request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn admit(app: &App, request: &Request) -> Result<(), ProblemDetails> {
    let running = app.live.now();
    let headers = request.headers();
    // No browser leaves it out.
    let host = headers.get(header::HOST);
    let host = host.map(|host| host.to_str().unwrap_or_default());
    let allowed = &running.pipeline.allowed_hosts;
    if let Some(host) = host {
        names::check_host(host, allowed)?;
    }
    if let Some(origin) = headers.get(header::ORIGIN) {
        names::check_origin(origin.to_str().unwrap_or_default(), host, allowed)?;
    }
    if is_reading(request.method()) {
        return Ok(());
    }
    app.check_admin(headers, peer(request))
}

/// Whether a method changes nothing (RFC 9110, 9.2.1).
fn is_reading(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Where `request` came from.
pub fn peer(request: &Request) -> IpAddr {
    let peer = request.extensions().get::<Peer>();
    peer.map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0.ip())
}
