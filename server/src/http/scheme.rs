//! TLS as handlers and browsers learn of it.

use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::response::Response;

use crate::control::Snapshot;

/// The seconds of a day.
const DAY: u64 = 86_400;

/// A mark of requests whose connection has TLS. An extension of requests.
#[derive(Clone, Copy, Debug)]
pub struct OverTls;

/// Whether the connection that `request` came by has TLS.
pub fn has_tls(request: &Request) -> bool {
    request.extensions().get::<OverTls>().is_some()
}

/// Tells browsers to use nothing but TLS, if the pipeline file wants it (RFC 6797, 7.1).
pub fn tell_hsts(response: &mut Response, snapshot: &Snapshot) {
    let Some(days) = snapshot.tls.as_ref().and_then(|tls| tls.hsts) else {
        return;
    };
    let value = format!("max-age={}", days * DAY);
    if let Ok(value) = HeaderValue::try_from(value) {
        let headers = response.headers_mut();
        headers.insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
}
