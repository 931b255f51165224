//! Sessions: logging in and out on the page, and the own password.

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use bytes::Bytes;
use cookie::time::Duration;
use cookie::{Cookie, SameSite};
use serde::Deserialize;

use super::super::App;
use super::super::auth::{
    Failure, Identity, LONGEST_SESSION, More, Owner, Proof, Secured, Session, check_scripted,
};
use super::super::problem::ProblemDetails;
use super::refusals::{NotLoggedIn, WrongBody};
use super::{AccessReport, Answer, parse, uncached_json};
use crate::control::{Author, Credentials, Edit, EditRights};
use crate::password;

/// What somebody logs in by: a user's name and password, or a token.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogIn {
    /// The user's name.
    #[serde(default)]
    user: Option<String>,
    /// The user's password.
    #[serde(default)]
    #[schema(max_length = 1000)]
    password: Option<String>,
    /// A token, in place of both.
    #[serde(default)]
    token: Option<String>,
}

/// The own password, and a new one.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// The password as it is.
    old: String,
    /// The password as it is to be.
    #[schema(min_length = 8, max_length = 1000)]
    new: String,
}

/// Logs in: begins a session, whose cookie the answer sets. A session that the request has ends.
///
/// The request needs the header `X-Requested-With`, which pages from elsewhere can't send.
#[utoipa::path(
    post,
    path = "/session",
    request_body(content = LogIn),
    responses(
        (status = OK, description = "What one may do from now on", body = AccessReport),
        WrongBody, NotLoggedIn,
    ),
)]
pub async fn log_in(
    State(app): State<App>,
    Extension(before): Extension<Identity>,
    Extension(secured): Extension<Secured>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    check_scripted(&headers)?;
    let sent: LogIn = parse(&body)?;
    let identity = prove(&app, &sent, &before).await?;
    end(&app, &before);
    let owner = identity.owner();
    let owner = owner.ok_or_else(|| ProblemDetails::internal("nobody has logged in"))?;
    let token = app
        .access
        .sessions
        .begin(owner, identity.address, app.clock.unix());
    let token = token
        .map_err(|error| ProblemDetails::internal(format!("no session can be named: {error}")))?;
    app.access.audit.tell(&identity, "login", More::default());
    let report = AccessReport::of(&app, &identity);
    let lasts = Duration::seconds(LONGEST_SESSION.as_secs() as i64);
    let cookie = cookie(&app, token, lasts, secured);
    Ok(([(header::SET_COOKIE, cookie)], uncached_json(report)).into_response())
}

/// Logs out: ends the session.
#[utoipa::path(
    delete,
    path = "/session",
    responses((status = NO_CONTENT, description = "There is no session any more"), NotLoggedIn),
)]
pub async fn log_out(
    State(app): State<App>,
    Extension(identity): Extension<Identity>,
    Extension(secured): Extension<Secured>,
    headers: HeaderMap,
) -> Answer {
    check_scripted(&headers)?;
    if end(&app, &identity) {
        app.access.audit.tell(&identity, "logout", More::default());
    }
    let gone = cookie(&app, String::new(), Duration::ZERO, secured);
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, gone)]).into_response())
}

/// Changes the own password: writes the hash of the new one to the pipeline file. Other sessions of
/// the user end.
#[utoipa::path(
    put,
    path = "/session/password",
    request_body(content = NewPassword),
    responses(
        (status = NO_CONTENT, description = "The new one holds"),
        WrongBody, NotLoggedIn,
    ),
)]
pub async fn change_password(
    State(app): State<App>,
    Extension(identity): Extension<Identity>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    check_scripted(&headers)?;
    let Some(name) = own_name(&identity).map(str::to_owned) else {
        let why = "this is for users who are logged in with a password";
        return Err(ProblemDetails::new(StatusCode::UNAUTHORIZED, why));
    };
    let NewPassword { old, new } = parse(&body)?;
    password::check_new(&new).map_err(|why| ProblemDetails::bad_request(why.to_string()))?;
    let snapshot = app.controller.current();
    let sent = (name.as_str(), old.as_str());
    let checked = app
        .access
        .log_in(&snapshot.credentials, sent, identity.address);
    let user = checked.await?;
    let hash = app.access.passwords.turn().await?.hash(new).await?;
    if !user.is_known(&app.controller.current().credentials) {
        let why = "the user was changed meanwhile: try again";
        return Err(ProblemDetails::new(StatusCode::CONFLICT, why));
    }
    let own = match &identity.proof {
        Proof::Session { id, .. } => app.access.sessions.get(id).map(|it| (id.clone(), it)),
        _ => None,
    };
    let edit = Edit::PutUser {
        name: name.clone(),
        keys: [("password".to_owned(), hash.into())].into_iter().collect(),
    };
    let author = Author::Api {
        method: "PUT".to_owned(),
        path: format!("{}/session/password", super::BASE),
        peer: identity.address,
        user: Some(name.clone()),
    };
    // Of what a user may change of the file, it is the password alone.
    let edited = app.controller.edit(edit, author, EditRights::All).await?;
    keep_session(&app, &name, own, &edited.snapshot.credentials);
    app.access
        .audit
        .tell(&identity, "password", More::default());
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The session, if it is one, that the user `name` changes the password in goes on; the others end.
fn keep_session(app: &App, name: &str, own: Option<(String, Session)>, credentials: &Credentials) {
    let sessions = &app.access.sessions;
    sessions.end_of_user(name, own.as_ref().map(|(id, _)| id.as_str()));
    if let (Some((id, session)), Some(user)) = (own, credentials.user(name)) {
        let owner = Owner::User {
            name: name.to_owned(),
            stamp: user.stamp,
        };
        sessions.renew(&id, session, owner);
    }
}

/// The name of a user who is here by a password or a session of one.
pub(super) fn own_name(identity: &Identity) -> Option<&str> {
    match &identity.proof {
        Proof::Password { user, .. } => Some(user),
        Proof::Session {
            owner: Owner::User { name, .. },
            ..
        } => Some(name),
        _ => None,
    }
}

/// Who proves by `sent` to be somebody.
async fn prove(app: &App, sent: &LogIn, before: &Identity) -> Result<Identity, ProblemDetails> {
    let snapshot = app.controller.current();
    let credentials = &*snapshot.credentials;
    match (&sent.user, &sent.password, &sent.token) {
        (Some(user), Some(password), None) => {
            let sent = (user.as_str(), password.as_str());
            app.access.log_in(credentials, sent, before.address).await
        }
        (None, None, Some(token)) => {
            let token = token.trim().as_bytes();
            let by_token = app.access.by_token(credentials, token, before.address);
            by_token.ok_or_else(|| app.access.refuse(Failure::Token, before.address))
        }
        _ => Err(ProblemDetails::bad_request(
            "send a `user` and a `password`, or a `token`",
        )),
    }
}

/// Ends the session of `identity`; `false` if it has none.
fn end(app: &App, identity: &Identity) -> bool {
    let Proof::Session { id, .. } = &identity.proof else {
        return false;
    };
    app.access.sessions.end(id);
    true
}

fn cookie(app: &App, value: String, lasts: Duration, Secured(is_secure): Secured) -> String {
    let cookie = Cookie::build((app.access.cookie.to_string(), value));
    let cookie = cookie.http_only(true).same_site(SameSite::Strict).path("/");
    cookie.secure(is_secure).max_age(lasts).build().to_string()
}
