//! Plain HTTP where there is TLS: a redirection.

use std::convert::Infallible;
use std::io;

use axum::body::Body;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};

use super::super::App;
use super::super::auth::without_port;
use super::super::problem::ProblemDetails;
use super::wire::Wire;
use super::{BUFFER_BYTES, HEADER_TIME};

/// The port of `https`.
const HTTPS: u16 = 443;

/// Tells the client at the other end of `wire` to ask with TLS: on `port`, or on the one that it
/// has asked itself.
///
/// # Errors
/// The connection broke, or no request came in time.
pub async fn redirect(wire: Wire, app: App, port: Option<u16>) -> io::Result<()> {
    let service = service_fn(move |request: Request<Incoming>| {
        let response = answer(&app, &request, port).unwrap_or_else(IntoResponse::into_response);
        async move { Ok::<_, Infallible>(response) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .keep_alive(false)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(TokioIo::new(wire), service)
        .await
        .map_err(io::Error::other)
}

fn answer(
    app: &App,
    request: &Request<Incoming>,
    port: Option<u16>,
) -> Result<Response, ProblemDetails> {
    let host = request.headers().get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok());
    let host = host.ok_or_else(|| ProblemDetails::bad_request("this port speaks TLS: https"))?;
    app.check_host(host)?;
    let host = match port {
        None => host.to_owned(),
        Some(HTTPS) => without_port(host).to_owned(),
        Some(port) => format!("{}:{port}", without_port(host)),
    };
    let path = request.uri().path_and_query().map_or("/", |it| it.as_str());
    let location = HeaderValue::try_from(format!("https://{host}{path}"))
        .map_err(|_| ProblemDetails::bad_request("the `Host` header is no host"))?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}
