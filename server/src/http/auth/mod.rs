//! Access: who may do what. Reading is open to whoever reaches the server; changing takes the admin
//! token.
//!
//! Before either, the `Host` header must be a name that only this network can give the server, or
//! one that the pipeline file allows: a page from elsewhere that has its own name point here (DNS
//! rebinding) is refused. Other sites' pages may show pictures, if the file doesn't say otherwise,
//! and nothing else, unless it names them (`cors`). Users and roles would come in here, in the
//! place of the one token.

mod client;
mod content;
mod cors;
mod embedding;
mod hosts;
mod machine;
mod throttle;

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::api::{PREVIOUS, REVISION};
use super::problem::ProblemDetails;
use super::server::{Framing, Place, Seat, hold};
use super::{App, body};
use crate::clock::Clock;
use crate::config::Embedding;
use crate::control::{Author, Snapshot};
use crate::log::sanitize;
use crate::notifications::Notification;
pub use client::{Client, ClientKind, Peer, is_proxy, network};
use content::Content;
use hosts::{Names, Site};
use machine::MachineNames;
use throttle::Throttle;

/// The header for the admin token alone. A proxy that asks for a login of its own has
/// `Authorization` for that.
const X_MATTEBOX_TOKEN: HeaderName = HeaderName::from_static("x-mattebox-token");

/// Keeps count of wrong tokens, and knows the machine's names. Clones share both.
#[derive(Clone)]
pub struct Access {
    throttle: Arc<Throttle>,
    machine: Arc<MachineNames>,
}

impl Access {
    /// Nobody has been wrong yet, by `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            machine: Arc::new(MachineNames::new(clock.clone())),
            throttle: Arc::new(Throttle::new(clock)),
        }
    }

    /// Whether these `headers`, sent by `client`, prove that somebody may change the pipeline. The
    /// right token is let in always: those who guess can't shut anybody out.
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
            let why = "changing is off: set `admin-token` in the pipeline file to `{env: NAME}` or \
                `{file: PATH}`";
            return Err(ProblemDetails::forbidden(why));
        };
        let Some(sent) = sent_token(headers) else {
            let why = "this takes the admin token: send it as `X-Mattebox-Token: TOKEN` or \
                `Authorization: Bearer TOKEN`";
            return Err(ProblemDetails::new(StatusCode::UNAUTHORIZED, why));
        };
        if is_token(sent, token) {
            self.throttle.succeeded(client);
            return Ok(());
        }
        Err(self.wrong(client))
    }

    /// docs/guide/security.md has a pattern for this line, for programs that shut out those who
    /// guess.
    fn wrong(&self, client: IpAddr) -> ProblemDetails {
        tracing::warn!(peer = %client, "wrong admin token");
        match self.throttle.failed(client) {
            None => ProblemDetails::new(StatusCode::UNAUTHORIZED, "this is not the admin token"),
            Some(wait) => {
                let seconds = wait.as_secs() + 1;
                let why = format!("there were too many wrong tokens; wait {seconds} s");
                ProblemDetails::new(StatusCode::TOO_MANY_REQUESTS, why).retry_after(seconds)
            }
        }
    }
}

/// The token that `headers` show, right or wrong: `X-Mattebox-Token` if it is there, else the
/// bearer token of `Authorization` (RFC 6750). Another scheme there is a proxy's login, and shows
/// none.
pub fn sent_token(headers: &HeaderMap) -> Option<&[u8]> {
    let own = headers.get(X_MATTEBOX_TOKEN);
    own.map(HeaderValue::as_bytes).or_else(|| bearer(headers))
}

/// Whether `sent` is `token`, in UTF-8, or in Latin-1, which many programs write headers in. Hashes
/// are of one length, so that the time tells nothing about the token's either.
fn is_token(sent: &[u8], token: &str) -> bool {
    let latin1: String = sent.iter().copied().map(char::from).collect();
    let token = Sha256::digest(token);
    let is_it = |sent: &[u8]| Sha256::digest(sent).as_slice().ct_eq(token.as_slice());
    (is_it(sent) | is_it(latin1.as_bytes())).into()
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked("bearer ".len())?;
    let is_bearer = scheme.eq_ignore_ascii_case(b"bearer ");
    is_bearer.then(|| token.trim_ascii())
}

/// Lets through what may come through, and tells browsers which pages may use the answer.
pub async fn guard(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let snapshot = app.controller.current();
    let content = Content::of(&request);
    let rules = &snapshot.config.clients;
    let client = Client::of(peer(&request), request.headers(), rules);
    request.extensions_mut().insert(client);
    let mark = cors::Mark::of(request.headers(), content, &rules.cors);
    let wants_page = wants_page(&request);
    let has_chunks = request.headers().contains_key(header::TRANSFER_ENCODING);
    let (request, rest) = body::Rest::of(request);
    let answer = answer(&app, &snapshot, (content, &mark), request, next).await;
    let mut response = answer.unwrap_or_else(|problem| match wants_page {
        true => problem.into_page(),
        false => problem.into_response(),
    });
    // What comes behind chunks is not looked at (see `Framing`).
    if has_chunks || !rest.drain(&app.clock).await {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    let embedding = match mark.is_allowed() {
        true => Embedding::Any,
        false => rules.embedding,
    };
    embedding::seal(&mut response, content, embedding);
    mark.put_on(&mut response);
    response
}

/// Whether a browser is to show the answer to `request` to somebody.
fn wants_page(request: &Request) -> bool {
    let accepted = request.headers().get(header::ACCEPT);
    let accepted = accepted.and_then(|accepted| accepted.to_str().ok());
    is_reading(request.method()) && accepted.is_some_and(|it| it.contains("text/html"))
}

async fn answer(
    app: &App,
    snapshot: &Snapshot,
    (content, mark): (Content, &cors::Mark),
    mut request: Request,
    next: Next,
) -> Result<Response, ProblemDetails> {
    check_framing(&request)?;
    let path = percent_decode_str(request.uri().path());
    if path.decode_utf8().is_err() {
        let why = "the address is not UTF-8, written with `%` and two hexadecimal digits a byte";
        return Err(ProblemDetails::bad_request(why));
    }
    let place = find_place(app, snapshot, &request)?.map(Arc::new);
    if let Some(place) = &place {
        // For what outlives the answer (see `Held`).
        request.extensions_mut().insert(place.clone());
    }
    let names = names(snapshot, &request);
    // No browser leaves it out.
    if let Some(host) = names.host() {
        hosts::check_host(host, &snapshot.config.allowed_hosts, &app.access.machine)?;
    }
    if cors::is_preflight(&request) {
        return cors::preflight(&request, mark);
    }
    check_page(snapshot, content, mark, &names, &request)?;
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

/// Finds a place for a request that a proxy forwards, or in the reserve. A connection of its own
/// has its place already.
fn find_place(
    app: &App,
    snapshot: &Snapshot,
    request: &Request,
) -> Result<Option<Place>, ProblemDetails> {
    let seat = request.extensions().get::<Arc<Seat>>();
    let most = snapshot.config.clients.limits.connections_per_address;
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
    Err(ProblemDetails::busy(full.to_string()))
}

/// Whether a program watches over the server by `request`.
fn watches_over(request: &Request) -> bool {
    let path = request.uri().path();
    is_reading(request.method()) && matches!(path, "/healthz" | "/readyz" | "/metrics")
}

/// The hosts by which a browser may have asked for `request`, without their ports.
pub fn host_names<'a>(snapshot: &'a Snapshot, request: &'a Request) -> Vec<&'a str> {
    names(snapshot, request).without_ports()
}

/// The names by which a browser may have sent `request`.
fn names<'a>(snapshot: &'a Snapshot, request: &'a Request) -> Names<'a> {
    let is_forwarded = is_proxy(peer(request), &snapshot.config.clients);
    Names::of(request, &snapshot.config.allowed_hosts, is_forwarded)
}

/// Checks whether the page that sent `request`, if one did, may do so.
fn check_page(
    snapshot: &Snapshot,
    content: Content,
    mark: &cors::Mark,
    names: &Names<'_>,
    request: &Request,
) -> Result<(), ProblemDetails> {
    if !is_reading(request.method()) {
        return check_own_page(request.headers(), names);
    }
    if mark.is_allowed() {
        return Ok(());
    }
    if request.headers().contains_key(header::UPGRADE) {
        // Browsers let all pages open these, and read them (RFC 6455, 10.2).
        return check_own_page(request.headers(), names);
    }
    embedding::check(request, content, names, snapshot.config.clients.embedding)
}

/// Checks that it is the server's own page that sent a request with `headers`, or no page at all.
///
/// A plain proxy replaces `Host` by the server's address, so that `Origin` is another. That is let
/// through with a header that a page from elsewhere can't send: browsers ask first whether it may
/// (Fetch standard, "CORS-preflight"), and it may not.
fn check_own_page(headers: &HeaderMap, names: &Names<'_>) -> Result<(), ProblemDetails> {
    let is_own = match (embedding::told_site(headers), headers.get(header::ORIGIN)) {
        (Some(site), _) => site == Site::Own,
        (None, Some(_)) if headers.contains_key(X_MATTEBOX_TOKEN) => true,
        (None, Some(origin)) => names.site_of(origin.to_str().unwrap_or_default()) == Site::Own,
        (None, None) => true,
    };
    is_own.then_some(()).ok_or_else(hosts::foreign_page)
}

/// Makes a change, and tells of it if it was made.
async fn change(app: &App, mut request: Request, next: Next) -> Result<Response, ProblemDetails> {
    let peer = client(&request);
    let method = request.method().to_string();
    let address = request.uri().path_and_query().map(|it| it.as_str());
    let path = sanitize(address.unwrap_or_default());
    request.extensions_mut().insert(Author::Api {
        method: method.clone(),
        path: path.clone(),
        peer,
    });
    let request = body::receive(request, &app.clock).await?;
    let response = next.run(request).await;
    if response.status().is_success() {
        let id = |name| {
            let value: Option<&HeaderValue> = response.headers().get(name);
            value.and_then(|value| Some(value.to_str().ok()?.to_owned()))
        };
        let (revision, previous) = (id(REVISION), id(PREVIOUS));
        tracing::info!(%peer, %method, path, revision, previous, "changed over the API");
        app.controller
            .notifications()
            .publish(Notification::Change {
                method,
                path,
                peer: peer.to_string(),
                revision,
                previous,
            });
    }
    Ok(response)
}

/// Whether a method changes nothing (RFC 9110, 9.2.1).
pub fn is_reading(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// The other end of the connection that `request` came by.
fn peer(request: &Request) -> Peer {
    let peer = request.extensions().get::<Peer>();
    peer.copied().unwrap_or(Peer::UNKNOWN)
}

/// The address of the client that sent `request`.
pub fn client(request: &Request) -> IpAddr {
    let client = request.extensions().get::<Client>();
    client.map_or_else(|| peer(request).address(), |client| client.address)
}
