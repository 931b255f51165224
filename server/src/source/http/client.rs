//! Asks a camera for its address: time-outs, redirects, and who we are when it wants to know.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use http_auth::digest::{Algorithm, Qop};
use http_auth::{PasswordClient, PasswordParams};
use reqwest::header::{AUTHORIZATION, LOCATION, WWW_AUTHENTICATE};
use reqwest::{RequestBuilder, Response, StatusCode, Url};

use super::challenge;
use super::error::{HttpError, HttpFault, cause};
use crate::config::HttpConfig;
use crate::secret::{SecretText, mask_foreign};
use crate::source::{SourceError, reveal, shown};

/// The time for making a connection.
pub const CONNECTING: Duration = Duration::from_secs(5);
const REDIRECTS: usize = 5;
/// The most header lines of an answer; curl takes 5000.
const HEADERS: usize = 500;

/// Asks for one address.
pub struct Client {
    http: reqwest::Client,
    url: Url,
    /// The address without its query, which may hold a password; for messages.
    address: String,
    login: Option<(String, SecretText)>,
    /// The way to log in that the camera wants, once it has been asked for.
    scheme: Option<PasswordClient>,
}

impl Client {
    /// A client for the address that `config` names, in the folder of its pipeline file.
    ///
    /// # Errors
    /// The password can't be read.
    pub fn new(config: &HttpConfig, folder: &Path) -> Result<Self, SourceError> {
        let http = new_client(config.verify_tls);
        let url = Url::parse(config.url.expose())?;
        let address = shown(&url);
        let http = http.map_err(|error| HttpError {
            address: address.clone(),
            fault: HttpFault::Client(cause(&error)),
        })?;
        Ok(Self {
            http,
            url,
            address,
            login: reveal(config.login.as_ref(), folder)?,
            scheme: None,
        })
    }

    /// `fault`, of this camera.
    pub fn error(&self, fault: HttpFault) -> HttpError {
        HttpError {
            address: self.address.clone(),
            fault,
        }
    }

    /// Asks for the address, where it is sent on to, and each once more with the login if the
    /// camera wants one.
    ///
    /// # Errors
    /// The camera can't be reached, or answers with an error.
    pub async fn get(&mut self) -> Result<Response, HttpFault> {
        let mut url = self.url.clone();
        for _ in 0..=REDIRECTS {
            let response = self.ask(&url).await?;
            match self.sent_on(&response)? {
                Some(next) => url = next,
                None => return Self::accept(response),
            }
        }
        Err(HttpFault::Redirects)
    }

    async fn ask(&mut self, url: &Url) -> Result<Response, HttpFault> {
        let response = self.send(url).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            self.identify(response).await
        } else {
            Ok(response)
        }
    }

    fn accept(response: Response) -> Result<Response, HttpFault> {
        match response.status() {
            status if status.is_success() => Ok(response),
            StatusCode::UNAUTHORIZED => Err(HttpFault::LoginRefused),
            status => Err(HttpFault::Status(status)),
        }
    }

    /// The address that the camera redirects to (RFC 9110, 15.4), if it does.
    fn sent_on(&self, response: &Response) -> Result<Option<Url>, HttpFault> {
        let location = match response.status().as_u16() {
            301 | 302 | 303 | 307 | 308 => response.headers().get(LOCATION),
            _ => None,
        };
        let Some(location) = location else {
            return Ok(None);
        };
        let location = String::from_utf8_lossy(location.as_bytes());
        let next = response.url().join(&location).ok();
        let next = next.filter(|next| matches!(next.scheme(), "http" | "https"));
        let next = next.ok_or(HttpFault::ForeignRedirect)?;
        Ok(Some(self.as_told_to(next)))
    }

    /// `next` without logins, and without our query where it is another server.
    fn as_told_to(&self, mut next: Url) -> Url {
        // Both fail only where there is no host, which addresses of HTTP have.
        let cleared = next.set_username("").and_then(|()| next.set_password(None));
        debug_assert!(cleared.is_ok());
        if is_same_place(&self.url, &next) {
            return next;
        }
        let ours: Vec<_> = self.url.query_pairs().collect();
        let is_ours = |pair: &(Cow<'_, str>, Cow<'_, str>)| {
            ours.contains(pair) || mask_foreign(&pair.1) != pair.1
        };
        if next.query_pairs().any(|pair| is_ours(&pair)) {
            let theirs = next.query_pairs().into_owned();
            let theirs: Vec<_> = theirs
                .filter(|(name, value)| !is_ours(&(name.into(), value.into())))
                .collect();
            next.query_pairs_mut().clear().extend_pairs(theirs);
        }
        next
    }

    /// Answers the camera's question who we are.
    async fn identify(&mut self, response: Response) -> Result<Response, HttpFault> {
        if self.login.is_none() {
            return Err(HttpFault::LoginWanted);
        }
        let url = response.url().clone();
        if !is_same_place(&self.url, &url) {
            let host = url.host_str().unwrap_or_default();
            return Err(HttpFault::LoginElsewhere(host.to_owned()));
        }
        let challenges = response.headers().get_all(WWW_AUTHENTICATE).iter();
        let challenges = challenges.map(|value| String::from_utf8_lossy(value.as_bytes()));
        let challenges: Vec<_> = challenges.collect();
        let scheme = challenge::choose(challenges.iter().map(AsRef::as_ref));
        let scheme = scheme.map_err(HttpFault::UnknownLogin)?;
        self.scheme = Some(scheme);
        self.send(&url).await
    }

    /// Asks for `url`, once more if that was by a connection which the camera has closed after an
    /// earlier answer: many don't say that they do (RFC 9112, 9.3.1).
    async fn send(&mut self, url: &Url) -> Result<Response, HttpFault> {
        let mut response = self.request(url)?.send().await;
        if response.as_ref().is_err_and(is_cut) {
            response = self.request(url)?.send().await;
        }
        Ok(response?)
    }

    /// A request for `url`, with the login if it is known how the camera wants it.
    fn request(&mut self, url: &Url) -> Result<RequestBuilder, HttpFault> {
        let mut request = self.http.get(url.clone());
        if is_same_place(&self.url, url)
            && let (Some(scheme), Some((user, password))) = (&mut self.scheme, &self.login)
        {
            let uri = &url[url::Position::BeforePath..url::Position::AfterQuery];
            let body = body_of(scheme);
            let authorization = scheme.respond(&PasswordParams {
                username: user,
                password: password.expose(),
                uri,
                method: "GET",
                body,
            });
            let authorization = authorization.map_err(HttpFault::Unanswerable)?;
            request = request.header(AUTHORIZATION, authorization);
        }
        Ok(request)
    }
}

/// A client that asks only whom it is told to; it takes every certificate unless it is to
/// `verify_tls`.
///
/// # Errors
/// This machine can't speak HTTP.
pub fn new_client(verify_tls: bool) -> reqwest::Result<reqwest::Client> {
    // Another one being there already is as good.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    reqwest::Client::builder()
        .user_agent(concat!("mattebox/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECTING)
        // Followed here, since what is told must depend on whom to.
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        // Headers as curl takes them, since cameras' own servers write them by hand.
        .http1_allow_obsolete_multiline_headers_in_responses(true)
        .http1_allow_spaces_after_header_name_in_responses(true)
        .http1_ignore_invalid_headers_in_responses(true)
        .http1_max_headers(HEADERS)
        .tls_danger_accept_invalid_certs(!verify_tls)
        .no_proxy()
        .build()
}

/// The request's body for a digest of it: none unless the camera takes nothing else, since those
/// that offer both often get `auth-int` wrong.
///
/// RFC 7616, 3.4.3 wants the body's hash, which http-auth 0.1.10 takes the body for.
fn body_of(scheme: &PasswordClient) -> Option<&'static [u8]> {
    let PasswordClient::Digest(digest) = scheme else {
        return None;
    };
    let hash_of_nothing: &[u8] = match digest.algorithm() {
        Algorithm::Md5 => b"d41d8cd98f00b204e9800998ecf8427e",
        Algorithm::Sha256 => b"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        Algorithm::Sha512Trunc256 => {
            b"c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f9737498d0c01ecef0967a"
        }
        _ => return None,
    };
    (!(digest.qop() & Qop::Auth)).then_some(hash_of_nothing)
}

/// Whether a password for `ours` may be told to `theirs`: the same server, or the same host by TLS.
fn is_same_place(ours: &Url, theirs: &Url) -> bool {
    let is_safer = ours.host_str() == theirs.host_str() && theirs.scheme() == "https";
    ours.origin() == theirs.origin() || is_safer
}

/// Whether the connection broke before an answer came.
fn is_cut(error: &reqwest::Error) -> bool {
    error.is_request() && !error.is_connect() && !error.is_timeout()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_go_nowhere_else() {
        let same = |a, b| is_same_place(&Url::parse(a).unwrap(), &Url::parse(b).unwrap());
        assert!(same("http://cam/a", "http://cam/b"));
        assert!(same("http://cam/a", "https://cam/b"));
        assert!(!same("http://cam/a", "http://cam:81/a"));
        assert!(!same("http://cam/a", "https://evil/a"));
        assert!(!same("https://cam/a", "http://cam/a"));
    }
}
