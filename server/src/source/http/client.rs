//! Asks a camera for its address: time-outs, redirects, and who we are when it wants to know.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use http_auth::{PasswordClient, PasswordParams};
use reqwest::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use reqwest::{Response, StatusCode, Url};

use crate::config::HttpConfig;
use crate::source::SourceError;

const CONNECTING: Duration = Duration::from_secs(5);
const REDIRECTS: usize = 5;

/// Asks for one address.
pub struct Client {
    http: reqwest::Client,
    url: Url,
    /// The address without its query, which may hold a password; for messages.
    address: String,
    login: Option<(String, String)>,
    /// How the camera wants to be told, once it has been asked for.
    scheme: Option<PasswordClient>,
}

impl Client {
    /// A client for the address that `config` names, in the folder of its pipeline file.
    ///
    /// # Errors
    /// The password can't be read.
    pub fn new(config: &HttpConfig, folder: &Path) -> Result<Self, SourceError> {
        // Another one being there already is as good.
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let http = reqwest::Client::builder()
            .user_agent(concat!("mattebox/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECTING)
            .redirect(reqwest::redirect::Policy::limited(REDIRECTS))
            .tls_danger_accept_invalid_certs(!config.verify_tls)
            .no_proxy()
            .build()
            .map_err(|error| SourceError(format!("can't use HTTP here: {}", cause(&error))))?;
        let url = Url::parse(&config.url).map_err(|error| SourceError(error.to_string()))?;
        let mut shown = url.clone();
        shown.set_query(None);
        shown.set_fragment(None);
        let login = match &config.login {
            Some(login) => {
                let password = login.password.reveal(folder).map_err(SourceError)?;
                Some((login.user.clone(), password))
            }
            None => None,
        };
        Ok(Self {
            http,
            url,
            address: shown.into(),
            login,
            scheme: None,
        })
    }

    /// The address as it may be shown.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Asks for the address, and once more with the login if the camera wants one.
    ///
    /// # Errors
    /// The camera can't be reached, or answers with an error.
    pub async fn get(&mut self) -> Result<Response, SourceError> {
        let url = self.url.clone();
        let response = self.send(&url).await?;
        let response = if response.status() == StatusCode::UNAUTHORIZED {
            self.identify(response).await?
        } else {
            response
        };
        let status = response.status();
        match status {
            _ if status.is_success() => Ok(response),
            StatusCode::UNAUTHORIZED => {
                Err(self.error("the camera does not accept this user and password"))
            }
            _ => Err(self.error(format!("the camera answers {status}"))),
        }
    }

    /// Answers the camera's question who we are.
    async fn identify(&mut self, response: Response) -> Result<Response, SourceError> {
        if self.login.is_none() {
            return Err(self.error("the camera wants a `user` and a `password`"));
        }
        let url = response.url().clone();
        if !is_same_place(&self.url, &url) {
            return Err(self.error(format!(
                "the camera sends us on to {}, which wants a password; name that address instead",
                url.host_str().unwrap_or_default()
            )));
        }
        let challenges = response.headers().get_all(WWW_AUTHENTICATE);
        let scheme = PasswordClient::try_from(challenges).map_err(|why| {
            self.error(format!(
                "the camera wants a login of an unknown kind: {why}"
            ))
        })?;
        self.scheme = Some(scheme);
        self.send(&url).await
    }

    async fn send(&mut self, url: &Url) -> Result<Response, SourceError> {
        let mut request = self.http.get(url.clone());
        if let (Some(scheme), Some((user, password))) = (&mut self.scheme, &self.login) {
            let uri = &url[url::Position::BeforePath..url::Position::AfterQuery];
            let authorization = scheme.respond(&PasswordParams {
                username: user,
                password,
                uri,
                method: "GET",
                body: Some(&[]),
            });
            let authorization = authorization.map_err(|why| {
                self.error(format!("the camera's login can't be answered: {why}"))
            })?;
            request = request.header(AUTHORIZATION, authorization);
        }
        let response = request.send().await;
        response.map_err(|error| self.error(explain(&error)))
    }

    fn error(&self, why: impl std::fmt::Display) -> SourceError {
        SourceError(format!("{}: {why}", self.address))
    }
}

/// Whether a password for `ours` may be told to `theirs`: the same server, or the same host by TLS.
fn is_same_place(ours: &Url, theirs: &Url) -> bool {
    let is_safer = ours.host_str() == theirs.host_str() && theirs.scheme() == "https";
    ours.origin() == theirs.origin() || is_safer
}

fn explain(error: &reqwest::Error) -> String {
    if error.is_connect() && error.is_timeout() {
        return format!("there is no answer within {} s", CONNECTING.as_secs());
    }
    let cause = cause(error);
    if cause.contains("certificate") {
        return format!("{cause}; `verify-tls: false` takes any certificate");
    }
    cause
}

/// The innermost reason, which is the one that says something.
pub fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
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
