//! Access: who may do what.
//!
//! Before anything else, the `Host` header must be a name that only this network can give the
//! server, or one that the pipeline file allows: a page from elsewhere that has its own name point
//! here (DNS rebinding) is refused. Other sites' pages may show pictures, if the file doesn't say
//! otherwise, and nothing else, unless it names them (`cors`).
//!
//! Then the proofs that a request shows make an identity ([`proofs`]), and one table says what each
//! address takes ([`needs`]). A handler finds the [`Identity`] in the request's extensions, and
//! leaves out of its answer what that doesn't see.

mod audit;
mod client;
mod content;
mod cors;
mod embedding;
mod hosts;
mod identity;
mod leases;
mod links;
mod login_sessions;
mod machine;
mod needs;
mod passwords;
mod proofs;
mod state_files;
mod throttle;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode_str;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::api::{PREVIOUS, REVISION, below_prefix};
use super::problem::ProblemDetails;
use super::scheme;
use super::server::{ConnectionPermit, Framing, ReservePermit, hold};
use super::tls::ClientCertificate;
use super::{App, body};
use crate::clock::Clock;
use crate::config::Embedding;
use crate::control::{Author, Controller, Credentials, Snapshot};
use crate::hash::hash;
use crate::log::sanitize;
use crate::notifications::Notification;
pub use audit::{AuditLog, LOGIN_FAILED, More};
pub use client::{Client, ClientKind, Peer, is_proxy, network};
use content::Content;
pub use hosts::without_port;
use hosts::{Names, Site};
pub use identity::{Identity, Owner, Proof, Right};
pub use leases::{Lease, Leases};
pub use links::{LONGEST as LONGEST_LINK, Links};
pub use login_sessions::{LONGEST as LONGEST_SESSION, LoginSessions, Session};
use machine::MachineNames;
pub use needs::right_at;
use needs::{Need, stream_of};
use passwords::Passwords;
pub use proofs::Failure;
use proofs::Shown;
pub use state_files::StateFiles;
use throttle::Throttle;

/// The header for the admin token alone. A proxy that asks for a login of its own has
/// `Authorization` for that.
pub const X_MATTEBOX_TOKEN: HeaderName = HeaderName::from_static("x-mattebox-token");

/// Marks a response to a change whose handler has told the audit log of it in words of its own.
#[derive(Clone, Copy)]
pub struct Audited;

/// A request without its body.
type Head = axum::http::Request<()>;

/// Whether the client's connection is encrypted: the one here, or the one to a trusted proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Secured(pub bool);

/// The header that scripts of the server's own page send, and no form of another can (OWASP's
/// "custom request headers" against cross-site request forgery).
pub const X_REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");

/// What is known of those who come: wrong proofs, sessions, links, leases, and the machine's names.
/// Clones share all of it.
#[derive(Clone)]
pub struct Access {
    /// One for each kind: else wrong tokens, which cost nothing, would hold up logins.
    wrong_tokens: Arc<Throttle>,
    wrong_passwords: Arc<Throttle>,
    machine: Arc<MachineNames>,
    pub passwords: Passwords,
    pub sessions: LoginSessions,
    pub links: Links,
    pub leases: Leases,
    pub audit: AuditLog,
    /// The name of the session's cookie: another for each server of a host, whose ports browsers
    /// don't tell apart (RFC 6265, 8.5).
    pub cookie: Arc<str>,
    /// Notified when sessions or links have ended.
    changed: Arc<Notify>,
    clock: Arc<dyn Clock>,
}

impl Access {
    /// Nobody has been wrong yet, by `clock`. Sessions and the key of links are those in `files`.
    pub fn new(files: &StateFiles, audit: AuditLog, clock: Arc<dyn Clock>) -> Self {
        let changed = Arc::new(Notify::new());
        let links = Links::open(files.clone(), changed.clone());
        Self {
            machine: Arc::new(MachineNames::new(clock.clone())),
            wrong_tokens: Arc::new(Throttle::new(clock.clone())),
            wrong_passwords: Arc::new(Throttle::new(clock.clone())),
            passwords: Passwords::new(state_files::random_key()),
            sessions: LoginSessions::open(files.clone(), changed.clone(), clock.unix()),
            cookie: format!("mattebox-{}", hash::<4>(&files.id())).into(),
            links,
            leases: Leases::default(),
            audit,
            changed,
            clock,
        }
    }

    /// docs/guide/security.md has a pattern for this line, for programs that shut out those who
    /// guess.
    fn wrong_token(&self, client: IpAddr) -> ProblemDetails {
        tracing::warn!(peer = %client, "wrong token");
        let more = More {
            detail: Some("wrong token"),
            ..More::default()
        };
        let wait = self.wrong_tokens.failed(client, None);
        self.failed((client, more), wait, "this is none of the tokens")
    }

    /// The same for a user called `name`, whoever that is.
    fn wrong_password(&self, client: IpAddr, name: &str) -> ProblemDetails {
        tracing::warn!(peer = %client, user = sanitize(name), "wrong password");
        let more = More {
            user: Some(name),
            ..More::default()
        };
        let wait = self.wrong_passwords.failed(client, Some(name));
        self.failed(
            (client, more),
            wait,
            "this is not the user's name and password",
        )
    }

    /// Refuses a login for this reason, or until it may be tried. Only what is counted is noted for
    /// admins: who guesses without an end would push out all else.
    fn failed(
        &self,
        (client, more): (IpAddr, More<'_>),
        wait: Option<Duration>,
        why: &str,
    ) -> ProblemDetails {
        if let Some(wait) = wait {
            return wait_for(wait);
        }
        let nobody = Identity::nobody(client);
        self.audit.note(&nobody, LOGIN_FAILED, more);
        ProblemDetails::new(StatusCode::UNAUTHORIZED, why)
    }

    /// Ends what lasts for those who have lost the right to it, until `end`.
    pub async fn watch_over(&self, controller: &Controller, end: &CancellationToken) {
        let mut changes = controller.changes();
        loop {
            let snapshot = controller.current();
            self.sessions
                .end_unknown(|owner| owner.is_known(&snapshot.credentials));
            self.leases
                .sweep(|identity| self.is_valid(identity, &snapshot));
            let until = self.leases.next_end();
            let left = until.map(|it| it.duration_since(self.clock.unix()).unwrap_or_default());
            let due = self.clock.now() + left.map_or(LONGEST_LOOK, |it| it.min(LONGEST_LOOK));
            tokio::select! {
                () = end.cancelled() => return,
                () = self.changed.notified() => {}
                () = self.clock.sleep_until(due) => {}
                changed = changes.changed() => if changed.is_err() { return },
            }
        }
    }
}

/// The longest time between two looks at leases: one that is taken meanwhile may end sooner than
/// all before.
const LONGEST_LOOK: Duration = Duration::from_secs(1);

fn wait_for(wait: Duration) -> ProblemDetails {
    let seconds = wait.as_secs() + 1;
    let why = format!("there were too many wrong tokens or passwords; wait {seconds} s");
    ProblemDetails::new(StatusCode::TOO_MANY_REQUESTS, why).retry_after(seconds)
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
    let asks_for_login = snapshot.credentials.has_logins() && knows_basic(request.headers());
    let is_http2 = request.version() == Version::HTTP_2;
    let has_tls = scheme::has_tls(&request);
    let has_chunks = request.headers().contains_key(header::TRANSFER_ENCODING);
    let (request, rest) = body::Rest::of(request);
    let answer = answer(&app, &snapshot, (content, &mark), request, next).await;
    let mut response = answer.unwrap_or_else(|problem| match wants_page {
        true => problem.into_page(),
        false => problem.into_response(),
    });
    if asks_for_login && response.status() == StatusCode::UNAUTHORIZED {
        let headers = response.headers_mut();
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(BASIC));
    }
    // What comes behind chunks is not looked at (see `Framing`). By HTTP/2 nothing comes behind.
    if !is_http2 && (has_chunks || !rest.drain(&app.clock).await) {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    let embedding = match mark.is_allowed() {
        true => Embedding::Any,
        false => rules.embedding,
    };
    embedding::seal(&mut response, content, embedding);
    if has_tls {
        scheme::tell_hsts(&mut response, &snapshot);
    }
    mark.put_on(&mut response);
    response
}

/// The challenge for a user's name and password (RFC 7617, 2).
const BASIC: &str = "Basic realm=\"Mattebox\", charset=\"UTF-8\"";

/// Whether whoever sent `headers` may be asked for a login by HTTP Basic. A browser would ask for
/// it in the middle of the server's own page, which has a form for that; over plain HTTP a browser
/// doesn't tell what it asks for (Fetch metadata), so that the page marks its requests.
fn knows_basic(headers: &HeaderMap) -> bool {
    let is_scripted = [X_REQUESTED_WITH, header::UPGRADE]
        .iter()
        .any(|name| headers.contains_key(name));
    let purpose = headers.get("sec-fetch-dest");
    !is_scripted && purpose.is_none_or(|purpose| purpose == "document")
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
    let permit = find_permit(app, snapshot, &request)?.map(Arc::new);
    if let Some(permit) = &permit {
        // For what outlives the answer (see `Held`).
        request.extensions_mut().insert(permit.clone());
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
    // No other page can read an answer to a browser's own login (Fetch standard, "CORS protocol and
    // credentials"), but that of a WebSocket.
    let is_socket = request.headers().contains_key(header::UPGRADE);
    let counts_login = !is_socket || check_own_page(request.headers(), &names).is_ok();
    let secured = Secured(names.is_https());
    check_client_certificate(snapshot, &request)?;
    // Without the body, which only one thread may have.
    let (head, body) = request.into_parts();
    let head = Head::from_parts(head, ());
    let identity = identify(app, snapshot, &head, counts_login).await?;
    let mut request = Request::from_parts(head.into_parts().0, body);
    request.extensions_mut().insert(secured);
    request.extensions_mut().insert(identity.clone());
    let response = match is_reading(request.method()) {
        true => next.run(request).await,
        false if is_of_session(&request) => {
            next.run(body::receive(request, &app.clock).await?).await
        }
        false => change(app, &identity, request, next).await?,
    };
    Ok(hold(response, permit))
}

/// Checks that a connection shows what it would have to show if it were made now.
fn check_client_certificate(snapshot: &Snapshot, request: &Request) -> Result<(), ProblemDetails> {
    let ca = snapshot.tls.as_ref().and_then(|tls| tls.client_ca.as_ref());
    let required = ca.filter(|ca| !ca.is_optional && scheme::has_tls(request));
    let shown = request.extensions().get::<ClientCertificate>();
    match required.is_none_or(|ca| shown.is_some_and(|it| it.ca == *ca)) {
        true => Ok(()),
        false => {
            let why = "this connection has no certificate of the `client-ca` of now: connect again";
            Err(ProblemDetails::forbidden(why).closing())
        }
    }
}

/// Whether `request` logs in or out, which changes nothing of the pipeline.
fn is_of_session(request: &Request) -> bool {
    let path = below_prefix(request.uri().path());
    path.is_some_and(|path| path == "/session" || path.starts_with("/session/"))
}

/// Who sent `request`, if they may do what it asks for.
async fn identify(
    app: &App,
    snapshot: &Snapshot,
    request: &Head,
    counts_login: bool,
) -> Result<Identity, ProblemDetails> {
    let access = &app.access;
    let Shown { identity, failure } = access.look_at(request, snapshot, counts_login).await;
    let need = Need::of(request, snapshot, &|name| identity.sees(name));
    if need.checks_proof
        && let Some(failure) = failure
    {
        return Err(access.refuse(failure, identity.address));
    }
    if need.is_met_by(&identity) {
        check_forgery(request, &identity)?;
        return Ok(identity);
    }
    let client = request.extensions().get::<Client>();
    let address = client.and_then(|client| client.own_address(peer(request), snapshot));
    let is_listed = || address.is_some_and(|it| snapshot.config.access.shows_metrics_to(it));
    if need.is_monitoring && is_listed() {
        return Ok(identity);
    }
    match access.by_link(request, &need) {
        Some(Ok(link)) if need.is_met_by(&link) => return Ok(link),
        Some(Err(wrong)) => return Err(wrong),
        _ => {}
    }
    Err(match failure {
        Some(failure) => access.refuse(failure, identity.address),
        None => refusal(&need, &identity, &snapshot.credentials),
    })
}

/// A browser sends a session's cookie by itself, so that a change takes a header that another
/// site's page can't send.
fn check_forgery(request: &Head, identity: &Identity) -> Result<(), ProblemDetails> {
    let is_session = matches!(identity.proof, Proof::Session { .. });
    match is_session && !is_reading(request.method()) {
        true => check_scripted(request.headers()),
        false => Ok(()),
    }
}

/// Checks that a script of the server's own page has sent `headers`, or a program.
///
/// # Errors
/// They lack the header by which it is known.
pub fn check_scripted(headers: &HeaderMap) -> Result<(), ProblemDetails> {
    match headers.contains_key(X_REQUESTED_WITH) {
        true => Ok(()),
        false => Err(ProblemDetails::forbidden(
            "this takes the header `X-Requested-With`, which pages from elsewhere can't send",
        )),
    }
}

/// The reason why somebody may not do what takes `need`, and what to do.
fn refusal(need: &Need, identity: &Identity, credentials: &Credentials) -> ProblemDetails {
    if !need.is_had_by_somebody(credentials) {
        let why = "changing is off: set `admin-token` in the pipeline file to `{env: NAME}` or \
            `{file: PATH}`, or add a user with the role admin";
        return ProblemDetails::forbidden(why);
    }
    let role = need.right.role().name();
    match identity.name() {
        None => {
            let what = match need.right {
                Right::Administer | Right::Operate if !credentials.has_logins() => {
                    "this takes the admin token".to_owned()
                }
                _ => format!("this takes the role {role}: log in"),
            };
            let why = format!(
                "{what}; a token is sent as `X-Mattebox-Token: TOKEN` or `Authorization: Bearer \
                 TOKEN`"
            );
            ProblemDetails::new(StatusCode::UNAUTHORIZED, why)
        }
        Some(name) if !need.is_seen_by(identity) => {
            let why = match need.is_of_all {
                true => format!("this tells of all streams, which `{name}` may not see"),
                false => format!("`{name}` may not see this stream"),
            };
            ProblemDetails::forbidden(why)
        }
        Some(name) => ProblemDetails::forbidden(format!(
            "this takes the role {role}, which `{name}` has not"
        )),
    }
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
        (_, Version::HTTP_2) if !hosts::is_consistent(request) => {
            "a request has an `:authority`, and a `Host` header that says the same or none"
        }
        _ => return Ok(()),
    };
    Err(ProblemDetails::bad_request(why).closing())
}

/// Finds a permit for a request that a proxy forwards, that shares its connection with others, or
/// that is in the reserve. A connection of its own has its permit already.
fn find_permit(
    app: &App,
    snapshot: &Snapshot,
    request: &Request,
) -> Result<Option<ConnectionPermit>, ProblemDetails> {
    let reserve_permit = request.extensions().get::<Arc<ReservePermit>>();
    let most = snapshot.config.clients.limits.connections_per_address;
    let full = match (reserve_permit, request.extensions().get::<Client>()) {
        (Some(reserve_permit), _) => reserve_permit.full(),
        (None, Some(client)) if needs_permit(client, request) => {
            match app.limits.forward(client.address, most) {
                Ok(permit) => return Ok(Some(permit)),
                Err(full) => full,
            }
        }
        (None, _) => return Ok(None),
    };
    let watches_over = watches_over(request);
    // Whoever watches over the server is let in without, and a wrong token is to count once.
    let is_admin = !watches_over && shows_admin(app, snapshot, request);
    let is_heard = |reserve_permit: &Arc<ReservePermit>| reserve_permit.hear(is_admin);
    if (is_admin || watches_over) && reserve_permit.is_none_or(is_heard) {
        return Ok(None);
    }
    Err(ProblemDetails::busy(full.to_string()))
}

/// Whether `request` shows an admin's token or session. Passwords, which take time, are not looked
/// at where there is no room.
fn shows_admin(app: &App, snapshot: &Snapshot, request: &Request) -> bool {
    let (headers, address) = (request.headers(), client(request));
    let credentials = &*snapshot.credentials;
    let token = proofs::sent_token(headers);
    let by_token = token.and_then(|token| app.access.by_token(credentials, token, address));
    let by_session = || app.access.by_session(credentials, headers, address);
    let identity = by_token.or_else(by_session);
    identity.is_some_and(|it| it.may(Right::Administer))
}

/// Whether a request has a permit of its own: that of its connection is a proxy's, or is one for
/// many requests.
fn needs_permit(client: &Client, request: &Request) -> bool {
    match client.kind {
        ClientKind::Forwarded => true,
        ClientKind::Direct => request.version() == Version::HTTP_2,
        ClientKind::Proxy => false,
    }
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

impl App {
    /// Checks that `host` names the server.
    ///
    /// # Errors
    /// It is a name that anybody may have point here.
    pub fn check_host(&self, host: &str) -> Result<(), ProblemDetails> {
        let allowed = &self.controller.current().config.allowed_hosts;
        hosts::check_host(host, allowed, &self.access.machine)
    }
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

/// Headers that a page from elsewhere can't send.
const SCRIPTED: [HeaderName; 2] = [X_MATTEBOX_TOKEN, X_REQUESTED_WITH];

/// Checks that it is the server's own page that sent a request with `headers`, or no page at all.
///
/// A plain proxy replaces `Host` by the server's address, so that `Origin` is another. That is let
/// through with a header that a page from elsewhere can't send: browsers ask first whether it may
/// (Fetch standard, "CORS-preflight"), and it may not.
fn check_own_page(headers: &HeaderMap, names: &Names<'_>) -> Result<(), ProblemDetails> {
    let is_own = match (embedding::told_site(headers), headers.get(header::ORIGIN)) {
        (Some(site), _) => site == Site::Own,
        (None, Some(_)) if SCRIPTED.iter().any(|name| headers.contains_key(name)) => true,
        (None, Some(origin)) => names.site_of(origin.to_str().unwrap_or_default()) == Site::Own,
        (None, None) => true,
    };
    is_own.then_some(()).ok_or_else(hosts::foreign_page)
}

/// Makes a change, and tells of it if it was made.
async fn change(
    app: &App,
    identity: &Identity,
    mut request: Request,
    next: Next,
) -> Result<Response, ProblemDetails> {
    let peer = identity.address;
    let user = identity.name().map(str::to_owned);
    let method = request.method().to_string();
    let address = request.uri().path_and_query().map(|it| it.as_str());
    let path = sanitize(address.unwrap_or_default());
    request.extensions_mut().insert(Author::Api {
        method: method.clone(),
        path: path.clone(),
        peer,
        user: user.clone(),
    });
    let request = body::receive(request, &app.clock).await?;
    let response = next.run(request).await;
    if response.status().is_success() {
        let id = |name| {
            let value: Option<&HeaderValue> = response.headers().get(name);
            value.and_then(|value| Some(value.to_str().ok()?.to_owned()))
        };
        let (revision, previous) = (id(REVISION), id(PREVIOUS));
        tracing::info!(%peer, user, %method, path, revision, previous, "changed over the API");
        if response.extensions().get::<Audited>().is_none() {
            let detail = format!("{method} {path}");
            let stream = stream_of(&path);
            let more = More {
                stream: stream.as_deref(),
                detail: Some(&detail),
                ..More::default()
            };
            app.access.audit.note(identity, "change", more);
        }
        app.controller
            .notifications()
            .publish(Notification::Change {
                method,
                path,
                peer: peer.to_string(),
                user,
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
fn peer<B>(request: &axum::http::Request<B>) -> Peer {
    let peer = request.extensions().get::<Peer>();
    peer.copied().unwrap_or(Peer::UNKNOWN)
}

/// The address of the client that sent `request`.
pub fn client<B>(request: &axum::http::Request<B>) -> IpAddr {
    let client = request.extensions().get::<Client>();
    client.map_or_else(|| peer(request).address(), |client| client.address)
}
