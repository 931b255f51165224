//! The proofs that a request shows of who sent it, and the identity that they make.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cookie::Cookie;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::super::problem::ProblemDetails;
use super::super::tls::ClientCertificate;
use super::identity::{Identity, Owner, Proof};
use super::needs::Need;
use super::{Access, Head, X_MATTEBOX_TOKEN, is_proxy, peer};
use crate::config::Role;
use crate::control::{Credentials, Snapshot};
use crate::tls::ClientCa;

/// The header with the secret of `auth-headers`.
const X_PROXY_SECRET: HeaderName = HeaderName::from_static("x-proxy-secret");

/// What a request shows, looked at.
pub struct Shown {
    /// Who sent it.
    pub identity: Identity,
    /// The reason why something that was shown counts for nothing.
    pub failure: Option<Failure>,
}

/// The reason why a proof counts for nothing.
pub enum Failure {
    /// It is none of the tokens. Counted only where a token is needed: a client that has an old one
    /// sends it with everything.
    Token,
    /// It is a wrong password, or one that can't be checked.
    Password(ProblemDetails),
}

/// The token that `headers` show, right or wrong: `X-Mattebox-Token` if it is there, else the
/// bearer token of `Authorization` (RFC 6750). Another scheme there shows none.
pub fn sent_token(headers: &HeaderMap) -> Option<&[u8]> {
    let own = headers.get(X_MATTEBOX_TOKEN);
    let own = own.map(HeaderValue::as_bytes);
    own.or_else(|| credentials_of(headers, "bearer"))
}

/// What `Authorization` has behind this scheme (RFC 9110, 11.6.2).
fn credentials_of<'h>(headers: &'h HeaderMap, scheme: &str) -> Option<&'h [u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (sent, rest) = value.split_at_checked(scheme.len() + 1)?;
    let (sent, space) = sent.split_at(scheme.len());
    let is_it = sent.eq_ignore_ascii_case(scheme.as_bytes()) && space == b" ";
    is_it.then(|| rest.trim_ascii())
}

/// The user's name and password of HTTP Basic (RFC 7617), in UTF-8 or Latin-1.
fn sent_password(headers: &HeaderMap) -> Option<(String, String)> {
    let decoded = BASE64_STANDARD
        .decode(credentials_of(headers, "basic")?)
        .ok()?;
    let text = String::from_utf8(decoded)
        .unwrap_or_else(|error| error.into_bytes().into_iter().map(char::from).collect());
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

/// The value of the cookie called `name`.
pub fn cookie_value(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(header::COOKIE).iter();
    let mut cookies = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(Cookie::split_parse)
        .filter_map(Result::ok);
    let found = cookies.find(|cookie| cookie.name() == name)?;
    Some(found.value().to_owned())
}

impl Access {
    /// Looks at what `request` shows. The logins that browsers add by themselves count only if
    /// `counts_login`.
    pub async fn look_at(&self, request: &Head, snapshot: &Snapshot, counts_login: bool) -> Shown {
        let credentials = &*snapshot.credentials;
        let headers = request.headers();
        let address = super::client(request);
        let mut failure = None;
        let token = sent_token(headers);
        let by_token = token.and_then(|token| self.by_token(credentials, token, address));
        if let Some(identity) = by_token {
            return Shown::right(identity);
        }
        // A proxy that tells who logged in may pass on a token of its own.
        let is_proxys = credentials.proxy.is_some()
            && !headers.contains_key(X_MATTEBOX_TOKEN)
            && is_proxy(peer(request), &snapshot.config.clients);
        if token.is_some() && !is_proxys {
            failure = (!credentials.tokens.is_empty()).then_some(Failure::Token);
        } else if counts_login {
            // A password last: to tell whether it is right takes time, and a proxy's own login,
            // which it passes on, is none.
            let by_session = self.by_session(credentials, headers, address);
            let by_proxy = || by_proxy(request, snapshot, address);
            let by_certificate = || by_certificate(request, snapshot, address);
            let known = by_session.or_else(by_proxy).or_else(by_certificate);
            if let Some(identity) = known {
                return Shown::right(identity);
            }
            match self.by_password(credentials, headers, address).await {
                Ok(Some(identity)) => return Shown::right(identity),
                Ok(None) => {}
                Err(wrong) => failure = Some(Failure::Password(wrong)),
            }
        }
        Shown {
            identity: Identity::anonymous(credentials, address),
            failure,
        }
    }

    /// Who shows `token`, if it is right.
    pub fn by_token(
        &self,
        credentials: &Credentials,
        token: &[u8],
        address: IpAddr,
    ) -> Option<Identity> {
        let token = credentials.token(token)?;
        if token.role == Role::Admin {
            // Who has that has nothing left to guess.
            self.wrong_tokens.succeeded(address, None);
        }
        let proof = Proof::Token {
            name: token.name.clone(),
            stamp: token.stamp,
        };
        Some(Identity::token(token, proof, address))
    }

    /// Refuses somebody at `address` for this `failure`.
    pub fn refuse(&self, failure: Failure, address: IpAddr) -> ProblemDetails {
        match failure {
            Failure::Token => self.wrong_token(address),
            Failure::Password(problem) => problem,
        }
    }

    async fn by_password(
        &self,
        credentials: &Credentials,
        headers: &HeaderMap,
        address: IpAddr,
    ) -> Result<Option<Identity>, ProblemDetails> {
        if !credentials.has_logins() {
            // A proxy's login.
            return Ok(None);
        }
        let Some((name, password)) = sent_password(headers) else {
            return Ok(None);
        };
        let user = self
            .log_in(credentials, (&name, &password), address)
            .await?;
        Ok(Some(user))
    }

    /// The user called `name`, whose `password` this is.
    ///
    /// # Errors
    /// It is not, or this address was wrong too often.
    pub async fn log_in(
        &self,
        credentials: &Credentials,
        (name, password): (&str, &str),
        address: IpAddr,
    ) -> Result<Identity, ProblemDetails> {
        let user = match self.passwords.recall(credentials, name, password) {
            Some(user) => user,
            None => {
                self.may_try(address)?;
                let turn = self.passwords.turn().await?;
                // Others of this address may have been wrong meanwhile. The turn is kept until this
                // one is counted, too.
                self.may_try(address)?;
                let user = turn.check(credentials, name, password).await?;
                user.ok_or_else(|| self.wrong_password(address, name))?
            }
        };
        self.wrong_passwords.succeeded(address, Some(name));
        let proof = Proof::Password {
            user: user.name.clone(),
            stamp: user.stamp,
        };
        Ok(Identity::user(user, proof, address))
    }

    fn may_try(&self, address: IpAddr) -> Result<(), ProblemDetails> {
        match self.wrong_passwords.wait(address) {
            None => Ok(()),
            Some(wait) => Err(super::wait_for(wait)),
        }
    }

    /// Who has the session of the cookie.
    pub fn by_session(
        &self,
        credentials: &Credentials,
        headers: &HeaderMap,
        address: IpAddr,
    ) -> Option<Identity> {
        let token = cookie_value(headers, &self.cookie)?;
        let (id, owner, until) = self.sessions.find(&token, self.clock.unix())?;
        let mut identity = match &owner {
            Owner::User { name, .. } => {
                let user = credentials.user(name)?;
                let proof = Proof::Session { owner, id };
                Identity::user(user, proof, address)
            }
            Owner::Token { name, .. } => {
                let mut tokens = credentials.tokens.iter();
                let token = tokens.find(|token| token.name == *name)?;
                let proof = Proof::Session { owner, id };
                Identity::token(token, proof, address)
            }
        };
        identity.until = Some(until);
        identity.is_known(credentials).then_some(identity)
    }

    /// Who has a signed link to the pictures that `need` is of.
    ///
    /// # Errors
    /// It is wrong, or too old.
    pub fn by_link(&self, request: &Head, need: &Need) -> Option<Result<Identity, ProblemDetails>> {
        let (stream, pictures) = (need.stream.as_ref()?, need.pictures?);
        let query = request.uri().query()?;
        let checked = self
            .links
            .check(query, stream, pictures, self.clock.unix())?;
        let address = super::client(request);
        Some(match checked {
            Ok((proof, until)) => Ok(Identity::link(proof, until, address)),
            Err(why) => {
                tracing::debug!(peer = %address, stream, error = %why, "a link is refused");
                Err(ProblemDetails::new(StatusCode::FORBIDDEN, why.to_string()))
            }
        })
    }

    /// Whether `identity` holds still, as `snapshot` has it.
    pub fn is_valid(&self, identity: &Identity, snapshot: &Snapshot) -> bool {
        let now = self.clock.unix();
        let is_in_time = identity.until.is_none_or(|until| until > now);
        is_in_time
            && identity.is_known(&snapshot.credentials)
            && match &identity.proof {
                Proof::Session { id, .. } => self.sessions.lasts(id, now),
                Proof::Link { stamp, .. } => *stamp == self.links.stamp(),
                Proof::Proxy { peer, .. } => is_proxy(*peer, &snapshot.config.clients),
                Proof::Certificate { ca, .. } => client_ca(snapshot) == Some(ca),
                _ => true,
            }
    }
}

impl Shown {
    fn right(identity: Identity) -> Self {
        Self {
            identity,
            failure: None,
        }
    }
}

/// The user whose name stands in the certificate of the connection.
fn by_certificate(request: &Head, snapshot: &Snapshot, address: IpAddr) -> Option<Identity> {
    let ClientCertificate { name, ca } = request.extensions().get()?;
    let user = snapshot.credentials.user(name.as_deref()?)?;
    let proof = Proof::Certificate {
        user: user.name.clone(),
        stamp: user.stamp,
        ca: ca.clone(),
    };
    // The connection may be older than the file.
    (client_ca(snapshot) == Some(ca)).then(|| Identity::user(user, proof, address))
}

/// The certificates that those of clients must be signed by now.
fn client_ca(snapshot: &Snapshot) -> Option<&ClientCa> {
    snapshot.tls.as_ref()?.client_ca.as_ref()
}

/// Who a trusted proxy says has logged in there.
fn by_proxy(request: &Head, snapshot: &Snapshot, address: IpAddr) -> Option<Identity> {
    let credentials = &*snapshot.credentials;
    let (names, secret) = credentials.proxy.as_ref()?;
    if !is_proxy(peer(request), &snapshot.config.clients) {
        return None;
    }
    let headers = request.headers();
    if let Some(secret) = secret {
        let sent = headers.get(X_PROXY_SECRET)?;
        let (sent, secret) = (Sha256::digest(sent), Sha256::digest(secret.expose()));
        if !bool::from(sent.as_slice().ct_eq(secret.as_slice())) {
            tracing::debug!(peer = %address, "a proxy sends a wrong secret; it is not believed");
            return None;
        }
    }
    let user = single(headers, &names.user)?;
    let proof = Proof::Proxy {
        user: user.to_owned(),
        stamp: credentials.proxy_stamp_for(user),
        peer: peer(request),
    };
    if let Some(known) = credentials.user(user) {
        return Some(Identity::user(known, proof, address));
    }
    let groups = names.role.as_deref().and_then(|it| single(headers, it));
    let groups = groups.unwrap_or_default().split([',', '|', ';']);
    let role_of = |group: &str| match names.map.is_empty() {
        true => Role::ALL.into_iter().find(|role| role.name() == group),
        false => names.map.get(group).copied(),
    };
    let role = groups.filter_map(|group| role_of(group.trim())).max()?;
    Some(Identity::with_role(role, proof, address))
}

/// The text of the header `name`, if there is one of it and it is not empty. Of two, one could have
/// come from outside.
fn single<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?.trim();
    (values.next().is_none() && !value.is_empty()).then_some(value)
}
