//! Who may do what. Reading is open to whoever reaches the server; changing takes the admin token.
//!
//! Before either, the `Host` header must be a name that only this network can give the server, or one that the pipeline file
//! allows: a page from elsewhere that has its own name point here (DNS rebinding) is refused. Other sites' pages may show
//! pictures, if the file doesn't say otherwise, and nothing else. Users and roles would come in here, in the place of the
//! one token.

mod client;
mod embedding;
mod names;
mod throttle;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::problem::ProblemDetails;
use super::server::{Framing, Full, Place, Seat, hold};
use super::{App, body};
use crate::clock::Clock;
use crate::events::Event;
use crate::live::Running;
use crate::log::shorten;
pub use client::{Client, ClientKind, network};
use embedding::Content;
use throttle::Throttle;

/// The header for the admin token alone. A proxy that asks for a login of its own has `Authorization` for that.
const X_MATTEBOX_TOKEN: HeaderName = HeaderName::from_static("x-mattebox-token");

/// The other end of a connection.
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

    /// Whether these `headers`, sent by `client`, prove that somebody may change the pipeline. The right token is let in always:
    /// those who guess can't shut anybody out.
    ///
    /// # Errors
    /// They don't, and why.
    pub fn check(
        &self,
        headers: &HeaderMap,
        client: IpAddr,
        token: Option<&str>,
    ) -> Result<(), ProblemDetails> {
        let Some(token) = token else {
            let why = "changing is off: set `admin-token` in the pipeline file to `{env: NAME}` or `{file: PATH}`";
            return Err(ProblemDetails::new(StatusCode::FORBIDDEN, why));
        };
        let Some(sent) = sent_token(headers) else {
            let why = "this takes the admin token: send it as `X-Mattebox-Token: TOKEN` or `Authorization: Bearer TOKEN`";
            return Err(ProblemDetails::new(StatusCode::UNAUTHORIZED, why));
        };
        // Hashes are of one length, so that the time tells nothing about the token's either.
        let (sent, token) = (Sha256::digest(sent), Sha256::digest(token));
        if bool::from(sent.as_slice().ct_eq(token.as_slice())) {
            self.0.succeeded(client);
            return Ok(());
        }
        Err(self.wrong(client))
    }

    /// README.md has a pattern for this line, for programs that shut out those who guess.
    fn wrong(&self, client: IpAddr) -> ProblemDetails {
        tracing::warn!(peer = %client, "wrong admin token");
        match self.0.failed(client) {
            None => ProblemDetails::new(StatusCode::UNAUTHORIZED, "this is not the admin token"),
            Some(wait) => {
                let seconds = wait.as_secs() + 1;
                let why = format!("there were too many wrong tokens; wait {seconds} s");
                ProblemDetails::new(StatusCode::TOO_MANY_REQUESTS, why).retry_after(seconds)
            }
        }
    }
}

/// The token that `headers` show, right or wrong: `X-Mattebox-Token` if it is there, else the bearer token of `Authorization`
/// (RFC 6750). Another scheme there is a proxy's login, and shows none.
pub fn sent_token(headers: &HeaderMap) -> Option<&[u8]> {
    let own = headers.get(X_MATTEBOX_TOKEN);
    own.map(HeaderValue::as_bytes).or_else(|| bearer(headers))
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked("bearer ".len())?;
    let is_bearer = scheme.eq_ignore_ascii_case(b"bearer ");
    is_bearer.then(|| token.trim_ascii())
}

/// Lets through what may come through, and tells browsers which pages may use the answer.
pub async fn guard(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let running = app.live.now();
    let content = Content::of(&request);
    let client = Client::of(peer(&request), request.headers(), &running.pipeline.web);
    request.extensions_mut().insert(client);
    let has_chunks = request.headers().contains_key(header::TRANSFER_ENCODING);
    let answer = answer(&app, &running, content, request, next).await;
    let mut response = answer.unwrap_or_else(IntoResponse::into_response);
    if has_chunks {
        // What comes behind chunks is not looked at (see `Framing`).
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    embedding::seal(&mut response, content, running.pipeline.web.embedding);
    response
}

async fn answer(
    app: &App,
    running: &Running,
    content: Content,
    mut request: Request,
    next: Next,
) -> Result<Response, ProblemDetails> {
    check_framing(&request)?;
    let place = find_place(app, running, &request)?.map(Arc::new);
    if let Some(place) = &place {
        // For what outlives the answer (see `Held`).
        request.extensions_mut().insert(place.clone());
    }
    check_names(running, content, &request)?;
    let response = if is_reading(request.method()) {
        next.run(request).await
    } else {
        app.check_admin(request.headers(), client(&request))?;
        change(app, request, next).await?
    };
    Ok(hold(response, place))
}

/// Checks what a proxy could understand otherwise than this server (RFC 9112, 3.2 and 6.1).
fn check_framing(request: &Request) -> Result<(), ProblemDetails> {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    let framing = request.extensions().get::<Framing>();
    let why = match (hosts, request.version()) {
        _ if framing.is_some_and(|framing| framing.is_ambiguous) => {
            "a request has `Content-Length` or `Transfer-Encoding`, not both"
        }
        (2.., _) => "a request has one `Host` header",
        (0, Version::HTTP_11) => "a request needs a `Host` header",
        _ => return Ok(()),
    };
    Err(ProblemDetails::bad_request(why).closing())
}

/// Finds a place for a request that a proxy forwards, or in the reserve. A connection of its own has its place already.
fn find_place(
    app: &App,
    running: &Running,
    request: &Request,
) -> Result<Option<Place>, ProblemDetails> {
    let seat = request.extensions().get::<Arc<Seat>>();
    let most = running.pipeline.web.connections_per_address;
    let full = match (seat, request.extensions().get::<Client>()) {
        (Some(seat), _) => seat.full(),
        (None, Some(client)) if client.kind == ClientKind::Forwarded => {
            match app.places.forward(client.address, most) {
                Ok(place) => return Ok(Some(place)),
                Err(full) => full,
            }
        }
        (None, _) => return Ok(None),
    };
    let watches_over = watches_over(request);
    // Whoever watches over the server is let in without, and a wrong token is to count once.
    let is_admin = !watches_over && app.shows_token(request.headers(), client(request));
    let has_seat = |seat: &Arc<Seat>| seat.hear(is_admin);
    if (is_admin || watches_over) && seat.is_none_or(has_seat) {
        return Ok(None);
    }
    Err(refuse(full))
}

fn refuse(full: Full) -> ProblemDetails {
    const PAUSE_SECONDS: u64 = 5;
    ProblemDetails::new(StatusCode::SERVICE_UNAVAILABLE, full.to_string())
        .retry_after(PAUSE_SECONDS)
}

/// Whether a program watches over the server by `request`.
fn watches_over(request: &Request) -> bool {
    let path = request.uri().path();
    is_reading(request.method()) && matches!(path, "/healthz" | "/readyz" | "/metrics")
}

/// Checks by which name the server is asked for `content`, and from which page.
fn check_names(
    running: &Running,
    content: Content,
    request: &Request,
) -> Result<(), ProblemDetails> {
    let headers = request.headers();
    let allowed = &running.pipeline.allowed_hosts;
    // No browser leaves it out.
    let host = headers.get(header::HOST);
    let host = host.map(|host| host.to_str().unwrap_or_default());
    // One in the request line counts instead (RFC 9112, 3.2.2).
    let host = request.uri().authority().map(|it| it.as_str()).or(host);
    if let Some(host) = host {
        names::check_host(host, allowed)?;
    }
    if content != Content::Pictures
        && let Some(origin) = headers.get(header::ORIGIN)
    {
        names::check_origin(origin.to_str().unwrap_or_default(), host, allowed)?;
    }
    embedding::check(request, content, host, &running.pipeline)
}

/// Checks that no page of another site asks for a WebSocket by `request`: browsers keep no page from what comes by one, and
/// leave it to the server to look at `Origin` (RFC 6455, section 10.2).
///
/// # Errors
/// One does.
pub fn check_page(app: &App, request: &Request) -> Result<(), ProblemDetails> {
    let text = |name| {
        let value = request.headers().get(name)?;
        Some(value.to_str().unwrap_or_default())
    };
    let Some(origin) = text(header::ORIGIN) else {
        return Ok(());
    };
    let host = request.uri().authority().map(|it| it.as_str());
    let allowed = &app.live.now().pipeline.allowed_hosts;
    names::check_origin(origin, host.or_else(|| text(header::HOST)), allowed)
}

/// Makes a change, and tells of it if it was made.
async fn change(app: &App, request: Request, next: Next) -> Result<Response, ProblemDetails> {
    let peer = client(&request);
    let method = request.method().clone();
    let address = request.uri().path_and_query().map(|it| it.as_str());
    let path = shorten(address.unwrap_or_default());
    let request = body::receive(request, &app.clock).await?;
    let response = next.run(request).await;
    if response.status().is_success() {
        tracing::info!(%peer, %method, path, "changed over the API");
        app.live.events().tell(Event::Change {
            method: method.to_string(),
            path,
            peer: peer.to_string(),
        });
    }
    Ok(response)
}

/// Whether a method changes nothing (RFC 9110, 9.2.1).
pub fn is_reading(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// The other end of the connection that `request` came by.
fn peer(request: &Request) -> IpAddr {
    let peer = request.extensions().get::<Peer>();
    peer.map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0.ip())
}

/// The address of the client that sent `request`.
pub fn client(request: &Request) -> IpAddr {
    let client = request.extensions().get::<Client>();
    client.map_or_else(|| peer(request), |client| client.address)
}
